//! What goes in comes out: whole trees, parts of them, and trees that stand in each other's way.

#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use restante_format::archive::{Archive, Root, Source, VerifyLevel};
use restante_format::error::Error;
use restante_format::id::Id;
use restante_format::progress::Progress;
use restante_format::source::{Filter, Patterns};
use restante_format::store::LocalStore;
use restante_tests::adversarial;
use restante_tests::archives::{
    Found, Place, ROOT, assert_clean, assert_same, bytes_of, config, create, file_bytes, filtered,
    fine_config, in_memory, is_root, open, read_everything, request, restore_path, restored, source_of, take,
    take_source, unprivileged, verify,
};
use restante_tests::compare::{Aspect, differences};
use restante_tests::workload::{MAILDATA, Workload};

/// The paths of a snapshot, below its root.
fn paths(archive: &Archive, snapshot: Id) -> BTreeSet<String> {
    let everything = read_everything(archive);
    let below = everything[&snapshot]
        .keys()
        .filter_map(|path| path.strip_prefix(&b"root/"[..]));
    below
        .map(|path| String::from_utf8_lossy(path).into_owned())
        .collect()
}

fn strings<'a>(paths: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    paths.into_iter().map(str::to_owned).collect()
}

#[test]
fn every_step_of_a_working_server_comes_back() {
    let (source, workload) = (Place::new(), Workload::tiny());
    let local = Place::new();
    let store = Arc::new(LocalStore::create(local.path()).expect("make a store"));
    let mut archive = create(&store, config());
    workload.create(source.path()).expect("create");
    let mut kept = Vec::new();
    for step in 0..4 {
        if step > 0 {
            workload.step(source.path(), step).expect("step");
        }
        let taken = take(&mut archive, source.path(), step as i64);
        let copy = restored(&archive, taken.id);
        assert_same(source.path(), &copy.join("root"));
        kept.push((taken.id, copy));
    }
    // Opened anew, and without mappings: nothing depends on what a writer still knows.
    let archive = open(&Arc::new(LocalStore::new(local.path()).unmapped()));
    for (id, copy) in kept {
        assert_same(&copy.join("root"), &restored(&archive, id).join("root"));
    }
    assert_clean(&archive);
}

#[test]
fn a_larger_server_comes_back() {
    let (source, workload) = (Place::new(), Workload::small());
    workload.create(source.path()).expect("create");
    let (store, mut archive) = in_memory(config());
    let taken = take(&mut archive, source.path(), 1);
    let archive = open(&store);
    assert_same(source.path(), &restored(&archive, taken.id).join("root"));
}

// F-071, F-075, sections 7 and 8
#[test]
fn all_that_a_file_system_permits_comes_back() {
    restante_tests::raise_open_files().expect("raise the limit of open files");
    let source = Place::in_memory();
    let options = adversarial::Options {
        big: true,
        beyond: true,
        sockets: true,
    };
    let root = source.join("tree");
    adversarial::create(&root, &options).expect("create");
    let (store, mut archive) = in_memory(config());
    let taken = take(&mut archive, &root, 1);
    if is_root() {
        assert_eq!(taken.snapshot.unreadable, []);
    }
    let again = take(&mut archive, &root, 2);
    assert!(again.tick, "nothing changed");
    let archive = open(&store);
    let target = Place::in_memory();
    let report = restore_path(&archive, taken.id, b"", target.path(), None).expect("restore");
    assert!(report.is_complete(), "{report:?}");
    assert_same(&root, &target.join("root"));
    assert!(verify(&archive, VerifyLevel::Full).damaged.is_empty());
}

#[test]
fn an_ordinary_user_gets_back_what_he_may_read() {
    unprivileged("an_ordinary_user_gets_back_what_he_may_read", || {
        restante_tests::raise_open_files().expect("raise the limit of open files");
        let source = Place::new();
        let root = source.join("tree");
        adversarial::create(&root, &adversarial::Options::default()).expect("create");
        let (_, mut archive) = in_memory(config());
        let taken = take(&mut archive, &root, 1);
        assert!(
            !taken.snapshot.unreadable.is_empty(),
            "modes of 000 keep their owner out"
        );
        let target = Place::new();
        let report = restore_path(&archive, taken.id, b"", target.path(), None).expect("restore");
        assert_eq!((report.failed, report.unowned), (0, 0), "{:?}", report.failures);
        let unreadable: Vec<Vec<u8>> = taken.snapshot.unreadable.into_iter().map(|u| u.path).collect();
        for found in differences(&root, &target.join("root")).expect("compare") {
            let path = [b"root/", found.path.as_os_str().as_bytes()].concat();
            let excused = unreadable.contains(&path) || matches!(found.aspect, Aspect::Unreadable(_));
            assert!(excused, "{found}");
        }
    });
}

#[test]
fn a_part_of_a_snapshot_comes_back_under_its_last_name() {
    let (source, workload) = (Place::new(), Workload::tiny());
    workload.create(source.path()).expect("create");
    let (_, mut archive) = in_memory(config());
    let taken = take(&mut archive, source.path(), 1);
    let target = Place::new();
    let path = format!("root/{MAILDATA}");
    let report = restore_path(&archive, taken.id, path.as_bytes(), target.path(), None).expect("restore");
    assert!(report.is_complete(), "{report:?}");
    assert_same(&source.join(MAILDATA), &target.join("Maildata"));
    let one = fs::read_dir(source.join(MAILDATA))
        .expect("list")
        .next()
        .expect("a file")
        .expect("list");
    let target = Place::new();
    let path = [path.as_bytes(), b"/", one.file_name().as_bytes()].concat();
    let report = restore_path(&archive, taken.id, &path, target.path(), None).expect("restore");
    assert_eq!(fs::read_dir(target.path()).expect("list").count(), 1);
    if one.file_type().expect("type").is_file() {
        assert_eq!((report.files, report.dirs), (1, 0));
    }
    let missing = restore_path(&archive, taken.id, b"root/no/such", target.path(), None);
    assert!(matches!(missing, Err(Error::UnknownPath { .. })));
    let outside = restore_path(&archive, taken.id, b"root/../..", target.path(), None);
    assert!(matches!(outside, Err(Error::Request(_))));
}

// F-050
#[test]
fn holes_and_links_keep_their_economy() {
    let source = Place::new();
    source.write("a/original", b"shared");
    fs::create_dir(source.join("b")).expect("make folder");
    fs::hard_link(source.join("a/original"), source.join("b/link")).expect("link");
    let sparse = fs::File::create(source.join("sparse")).expect("create");
    sparse.set_len(64 << 20).expect("set length");
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"in the middle", 32 << 20).expect("write");
    drop(sparse);
    let (_, mut archive) = in_memory(config());
    let taken = take(&mut archive, source.path(), 1);
    assert!(
        taken.snapshot.counts.stored_bytes < 64 << 10,
        "{:?}",
        taken.snapshot.counts
    );
    assert!(
        taken.snapshot.counts.read_bytes < 4 << 20,
        "{:?}",
        taken.snapshot.counts
    );
    let copy = restored(&archive, taken.id);
    assert_same(source.path(), &copy.join("root"));
    let stat = |path: &str| fs::metadata(copy.join(path)).expect("stat");
    assert_eq!(stat("root/a/original").ino(), stat("root/b/link").ino());
    assert!(stat("root/sparse").blocks() * 512 < 1 << 20);
    // A link without its fellow is a file like any other.
    let target = Place::new();
    restore_path(&archive, taken.id, b"root/b", target.path(), None).expect("restore");
    assert_eq!(fs::read(target.join("b/link")).expect("read"), b"shared");
}

#[test]
fn a_root_may_be_one_file_and_names_any_bytes() {
    let source = Place::new();
    let name = OsStr::from_bytes(b"not \xff utf-8\n\x1b[31m");
    source.write(name, b"bytes");
    let (_, mut archive) = in_memory(config());
    let root = Root {
        place: vec![b"single".to_vec(), name.as_bytes().to_vec()],
        path: source.join(name),
        filter: Filter::default(),
        sets: Vec::new(),
    };
    let roots = vec![root];
    let taken = take_source(
        &mut archive,
        Source {
            roots,
            ..Source::default()
        },
        1,
    );
    assert_eq!(taken.snapshot.counts.files, 1);
    let copy = restored(&archive, taken.id);
    assert_same_file(&source.join(name), &copy.join("single").join(name));
}

fn assert_same_file(a: &Path, b: &Path) {
    assert_eq!(fs::read(a).expect("read"), fs::read(b).expect("read"));
    let modified = |path| fs::metadata(path).expect("stat").modified().expect("time");
    assert_eq!(modified(a), modified(b));
}

#[test]
fn a_stream_becomes_a_file() {
    let (_, mut archive) = in_memory(config());
    let mut bytes = vec![0; 20 << 20];
    restante_tests::prng::Rng::new(5).fill(&mut bytes);
    let taken = archive
        .snapshot_stream(
            request("stream", 1),
            b"dump.sql",
            &mut &bytes[..],
            &Progress::default(),
        )
        .expect("take a stream");
    assert_eq!(taken.snapshot.counts.bytes, bytes.len() as u64);
    let copy = restored(&archive, taken.id);
    assert_eq!(fs::read(copy.join("dump.sql")).expect("read"), bytes);
    // The same again is a tick, and costs no more than that.
    let again = archive
        .snapshot_stream(
            request("stream", 1),
            b"dump.sql",
            &mut &bytes[..],
            &Progress::default(),
        )
        .expect("take a stream");
    assert!(
        again.tick && again.snapshot.counts.stored_bytes < 2048,
        "{again:?}"
    );
    let refused = archive.snapshot_stream(request("stream", 1), b"a/b", &mut &b""[..], &Progress::default());
    assert!(matches!(refused, Err(Error::Request(_))));
    let copy = restored(&archive, again.id);
    assert_eq!(fs::read(copy.join("dump.sql")).expect("read"), bytes);
}

#[test]
fn patterns_decide_what_is_taken() {
    let source = Place::new();
    for path in [
        "a.txt",
        "b.log",
        "sub/c.txt",
        "sub/deep/d.log",
        "cache/CACHEDIR.TAG",
        "cache/big",
        "empty.d/x.log",
    ] {
        source.write(path, path);
    }
    source.write(
        "cache/CACHEDIR.TAG",
        "Signature: 8a477f597d28d172789f06886806bc55\n",
    );
    fs::create_dir(source.join("bare")).expect("make folder");
    let globs = |globs: &[&str]| Patterns {
        globs: globs.iter().map(|glob| (*glob).to_owned()).collect(),
        ignore_case: false,
    };
    let (_, mut archive) = in_memory(config());
    let exclude =
        Filter::new(&Patterns::default(), &[globs(&["*.log", "/sub/c.txt", "cache"])]).expect("globs");
    let taken = take_source(&mut archive, filtered(source.path(), exclude), 1);
    let expected = strings(["a.txt", "bare", "empty.d", "sub", "sub/deep"]);
    assert_eq!(paths(&archive, taken.id), expected);
    let include = Filter::new(&globs(&["*.log"]), &[globs(&["b.*"])]).expect("globs");
    let taken = take_source(&mut archive, filtered(source.path(), include), 2);
    let expected = strings(["empty.d", "empty.d/x.log", "sub", "sub/deep", "sub/deep/d.log"]);
    assert_eq!(paths(&archive, taken.id), expected);
    let caches = Source {
        exclude_caches: true,
        ..source_of(source.path())
    };
    let taken = take_source(&mut archive, caches, 3);
    let all = paths(&archive, taken.id);
    assert!(
        all.contains("cache/CACHEDIR.TAG") && !all.contains("cache/big"),
        "{all:?}"
    );
}

#[test]
fn the_archive_is_not_taken_into_itself() {
    let source = Place::new();
    source.write("file", b"bytes");
    let inside = source.join("deep/archive");
    let store = Arc::new(LocalStore::create(&inside).expect("make a store"));
    let mut archive = create(&store, config());
    let stat = fs::metadata(&inside).expect("stat");
    let skipping = || Source {
        skip: vec![(stat.dev(), stat.ino())],
        ..source_of(source.path())
    };
    take_source(&mut archive, skipping(), 1);
    let taken = take_source(&mut archive, skipping(), 2);
    assert!(taken.tick, "its own growth is no change");
    assert_eq!(paths(&archive, taken.id), strings(["deep", "file"]));
}

#[test]
fn other_file_systems_stay_out_on_demand() {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("list mounts");
    if fs::metadata("/dev/shm").is_ok() && mounts.contains(" /dev/shm ") {
        // A file system below `/dev` at hand everywhere; whatever else is in `/dev` is filtered out.
        let place = Place::new_in(Path::new("/dev/shm"));
        place.write("file", b"bytes");
        let globs = vec![
            "/shm".to_owned(),
            format!(
                "{}/**",
                place.path().strip_prefix("/dev").expect("below").display()
            ),
        ];
        let only = Patterns {
            globs: globs.clone(),
            ignore_case: false,
        };
        for one_file_system in [false, true] {
            let filter = Filter::new(&only, &[]).expect("globs");
            let (_, mut archive) = in_memory(config());
            let source = Source {
                one_file_system,
                ..filtered(Path::new("/dev"), filter)
            };
            let taken = take_source(&mut archive, source, 1);
            let found = paths(&archive, taken.id);
            assert!(found.contains("shm"), "the mount point is kept: {found:?}");
            assert_eq!(
                found.iter().any(|path| path.ends_with("/file")),
                !one_file_system,
                "{found:?}"
            );
        }
    }
}

#[test]
fn two_roots_keep_their_places() {
    let (a, b) = (Place::new(), Place::new());
    a.write("x", b"1");
    b.write("y", b"2");
    let root = |place: [&[u8]; 2], path: &Place| Root {
        place: place.iter().map(|name| name.to_vec()).collect(),
        path: path.path().to_owned(),
        filter: Filter::default(),
        sets: Vec::new(),
    };
    let (_, mut archive) = in_memory(config());
    let roots = vec![root([b"exchange", b"z"], &b), root([b"exchange", b"a"], &a)];
    let taken = take_source(
        &mut archive,
        Source {
            roots,
            ..Source::default()
        },
        1,
    );
    let copy = restored(&archive, taken.id);
    assert_same(a.path(), &copy.join("exchange/a"));
    assert_same(b.path(), &copy.join("exchange/z"));
    for (first, second) in [([ROOT, b"a"], [ROOT, b"a"]), ([b"..", b"a"], [ROOT, b"b"])] {
        let roots = vec![root(first, &a), root(second, &b)];
        let source = Source {
            roots,
            ..Source::default()
        };
        let refused = archive.snapshot(request("source", 2), source, &Progress::default());
        assert!(matches!(refused, Err(Error::Request(_))), "{refused:?}");
    }
    let gone = source_of(&a.join("missing"));
    let refused = archive.snapshot(request("source", 2), gone, &Progress::default());
    assert!(matches!(refused, Err(Error::Io { .. })));
}

#[test]
fn what_is_read_entry_by_entry_is_what_was_there() {
    let source = Place::new();
    source.write("dir/list", vec![b'l'; 100_000]);
    source.write("dir/chunk", b"c");
    source.write("empty", b"");
    let (_, mut archive) = in_memory(fine_config());
    let taken = take(&mut archive, source.path(), 1);
    assert_eq!(taken.snapshot.paths, [b"source".to_vec()]);
    let everything = read_everything(&archive);
    for (path, found) in &everything[&taken.id] {
        let Found::Whole(entry, bytes) = found else {
            panic!("{found:?}")
        };
        let original = source.path().parent().expect("it has one");
        let below = path.strip_prefix(ROOT).expect("it is below the root");
        let original = original.join(OsStr::from_bytes(
            &[bytes_of(source.path()), below.to_vec()].concat(),
        ));
        if original.is_file() {
            assert_eq!(&fs::read(&original).expect("read"), bytes, "{original:?}");
            if let restante_format::model::Node::File { size, content } = entry.node {
                assert_eq!(file_bytes(archive.reader(), size, content).expect("read"), *bytes);
            }
        }
    }
    assert_eq!(everything[&taken.id].len(), 5);
}

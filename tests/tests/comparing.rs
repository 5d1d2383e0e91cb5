//! A folder against a snapshot: what is the same is found the same, and each difference under its path and kind.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::Ordering;

use restante_format::archive::DifferenceKind::{self, Content, Extra, Metadata, Missing, Type, Unreadable};
use restante_format::archive::{Archive, CompareReport, Located};
use restante_format::error::{Error, Result};
use restante_format::id::Id;
use restante_format::model::{Entry, Meta, Node};
use restante_format::progress::Progress;
use restante_format::source::{Filter, Patterns};
use restante_tests::adversarial;
use restante_tests::archives::{
    Place, config, fine_config, in_memory, object_at, open, restored, take, unprivileged,
};
use restante_tests::damaged::{store_of, without_block_of};
use restante_tests::prng::Rng;

const LARGE_BYTES: u64 = 13 << 20;
const SPARSE_BYTES: u64 = 40 << 20;

/// A bit of everything.
fn source() -> Place {
    let source = Place::new();
    let mut large = vec![0; LARGE_BYTES as usize];
    Rng::new(1).fill(&mut large);
    source.write("dir/large", &large);
    source.write("dir/small", "a few bytes");
    source.write("dir/nothing", "");
    source.write("other/one", "1");
    source.write("other.txt", "sorted before what is in `other`, were it text");
    fs::create_dir(source.join("empty")).expect("make folder");
    symlink("dir/small", source.join("link")).expect("link");
    let sparse = File::create(source.join("sparse")).expect("create");
    sparse.write_all_at(b"beginning", 0).expect("write");
    sparse.write_all_at(b"end", SPARSE_BYTES - 3).expect("write");
    let fifo = std::process::Command::new("mkfifo")
        .arg(source.join("fifo"))
        .status()
        .expect("run mkfifo");
    assert!(fifo.success());
    source
}

fn located(archive: &Archive, snapshot: Id, path: &str) -> Located {
    let listed = archive.catalog().get(&snapshot).expect("it is listed");
    archive.locate(&listed, path.as_bytes()).expect("it is there")
}

fn try_compare(archive: &Archive, snapshot: Id, path: &str, folder: &Path) -> Result<CompareReport> {
    let from = located(archive, snapshot, path);
    archive.compare(&from, folder, None, &Progress::default())
}

fn compare(archive: &Archive, snapshot: Id, path: &str, folder: &Path) -> CompareReport {
    try_compare(archive, snapshot, path, folder).expect("compare")
}

fn found(report: &CompareReport) -> Vec<(String, DifferenceKind)> {
    let counted = |kind: fn(&DifferenceKind) -> bool| {
        report.differences.iter().filter(|d| kind(&d.kind)).count() as u64
    };
    let counts = [
        counted(|kind| *kind == Missing),
        counted(|kind| *kind == Extra),
        counted(|kind| *kind == Type),
        counted(|kind| *kind == Content),
        counted(|kind| *kind == Metadata),
        counted(|kind| matches!(kind, Unreadable(_))),
    ];
    let told = [
        report.missing,
        report.extra,
        report.types,
        report.contents,
        report.metadata,
        report.unreadable,
    ];
    assert_eq!(told, counts);
    assert_eq!(report.total(), report.differences.len() as u64);
    let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    let found = report.differences.iter();
    found.map(|d| (text(&d.path), d.kind.clone())).collect()
}

fn opened(path: &Path) -> File {
    fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .expect("open")
}

/// Flips one bit.
fn flip(path: &Path, at: u64) {
    let file = opened(path);
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("read");
    file.write_all_at(&[byte[0] ^ 1], at).expect("write");
}

/// Changes something below a folder and sets back the times of the files and directories named.
fn keeping_times(root: &Path, paths: &[&str], change: impl FnOnce()) {
    let modified = |path: &Path| fs::metadata(path).expect("stat").modified().expect("a time");
    let paths: Vec<_> = paths.iter().map(|path| root.join(path)).collect();
    let times: Vec<_> = paths.iter().map(|path| modified(path)).collect();
    change();
    for (path, time) in paths.iter().zip(times) {
        let file = File::open(path).expect("open");
        file.set_modified(time).expect("set the time");
    }
}

#[test]
fn what_was_restored_is_the_same() {
    let source = source();
    for config in [config(), fine_config()] {
        let (_, mut archive) = in_memory(config);
        let taken = take(&mut archive, source.path(), 1);
        let copy = restored(&archive, taken.id);
        for folder in [copy.join("root").as_path(), source.path()] {
            let report = compare(&archive, taken.id, "root", folder);
            assert!(report.is_equal(), "{report:?}");
            assert_eq!((report.files, report.dirs), (8, 3));
            let bytes = LARGE_BYTES + SPARSE_BYTES + 11 + 1 + 46;
            assert_eq!(report.bytes, bytes);
        }
    }
}

#[test]
fn each_difference_is_found_under_its_path_and_kind() {
    let source = source();
    let (_, mut archive) = in_memory(config());
    let taken = take(&mut archive, source.path(), 1);
    let check = |change: &dyn Fn(&Path), kept: &[&str], expected: &[(&str, DifferenceKind)]| {
        let copy = restored(&archive, taken.id);
        let root = copy.join("root");
        keeping_times(&root, kept, || change(&root));
        let expected: Vec<_> = expected
            .iter()
            .map(|(path, kind)| ((*path).to_owned(), kind.clone()))
            .collect();
        assert_eq!(found(&compare(&archive, taken.id, "root", &root)), expected);
    };
    let remove = |path: &Path| fs::remove_file(path).expect("remove");

    for at in [0, 5 << 20, LARGE_BYTES - 1] {
        let flip_large = |root: &Path| flip(&root.join("dir/large"), at);
        check(&flip_large, &["dir/large"], &[("dir/large", Content)]);
    }
    let flip_both = |root: &Path| {
        flip(&root.join("dir/small"), 3);
        flip(&root.join("other/one"), 0);
    };
    check(
        &flip_both,
        &["dir/small"],
        &[
            ("dir/small", Content),
            ("other/one", Content),
            ("other/one", Metadata),
        ],
    );
    for (path, len) in [
        ("dir/large", LARGE_BYTES - 1),
        ("dir/large", LARGE_BYTES + 1),
        ("dir/small", 0),
        ("dir/small", 10),
        ("dir/nothing", 1),
        ("sparse", SPARSE_BYTES + 1),
    ] {
        check(
            &|root| opened(&root.join(path)).set_len(len).expect("set"),
            &[path],
            &[(path, Content)],
        );
    }
    // A byte in a hole; and zeros in its place, which are the same bytes.
    for (byte, expected) in [(b"x", &[("sparse", Content)][..]), (b"\0", &[])] {
        let write = |root: &Path| {
            opened(&root.join("sparse"))
                .write_all_at(byte, SPARSE_BYTES / 2)
                .expect("write");
        };
        check(&write, &["sparse"], expected);
    }
    check(
        &|root| {
            remove(&root.join("dir/small"));
            fs::create_dir(root.join("dir/small")).expect("make folder");
            remove(&root.join("other.txt"));
            symlink("elsewhere", root.join("other.txt")).expect("link");
            remove(&root.join("fifo"));
            fs::write(root.join("fifo"), "").expect("write");
            fs::remove_dir(root.join("empty")).expect("remove");
            fs::write(root.join("empty"), "").expect("write");
        },
        &["dir", ""],
        &[
            ("dir/small", Type),
            ("empty", Type),
            ("fifo", Type),
            ("other.txt", Type),
        ],
    );
    check(
        &|root| {
            remove(&root.join("dir/large"));
            fs::remove_dir(root.join("empty")).expect("remove");
            fs::remove_dir_all(root.join("other")).expect("remove");
            fs::create_dir(root.join("new")).expect("make folder");
            fs::write(root.join("new/file"), "").expect("write");
            fs::write(root.join("dir/zzz"), "").expect("write");
        },
        &["dir", ""],
        &[
            ("dir/large", Missing),
            ("dir/zzz", Extra),
            ("empty", Missing),
            ("new", Extra),
            ("other", Missing),
        ],
    );
    let chmod = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o700)).expect("chmod");
    check(
        &|root| {
            ["dir/small", "empty", ""]
                .iter()
                .for_each(|path| chmod(&root.join(path)))
        },
        &[],
        &[("", Metadata), ("dir/small", Metadata), ("empty", Metadata)],
    );
    check(
        &|root| {
            remove(&root.join("link"));
            symlink("dir/large", root.join("link")).expect("link");
        },
        &[""],
        &[("link", Content), ("link", Metadata)],
    );
}

#[test]
fn a_part_of_a_snapshot_stands_for_the_folder_or_file_itself() {
    let source = source();
    let (_, mut archive) = in_memory(config());
    let taken = take(&mut archive, source.path(), 1);
    let copy = restored(&archive, taken.id);
    assert!(compare(&archive, taken.id, "", copy.path()).is_equal());
    assert!(compare(&archive, taken.id, "root/dir", &copy.join("root/dir")).is_equal());
    let file = copy.join("root/dir/large");
    let report = compare(&archive, taken.id, "root/dir/large", &file);
    assert_eq!(
        (report.files, report.bytes, report.is_equal()),
        (1, LARGE_BYTES, true)
    );
    keeping_times(copy.path(), &["root/dir/large"], || flip(&file, 6 << 20));
    let report = compare(&archive, taken.id, "root/dir/large", &file);
    assert_eq!(found(&report), [(String::new(), Content)]);
    let report = compare(&archive, taken.id, "root/dir", &file);
    assert_eq!(found(&report), [(String::new(), Type)]);
    let report = compare(&archive, taken.id, "root/dir/small", &copy.join("root/dir"));
    assert_eq!(found(&report), [(String::new(), Type)]);
    // Nothing to compare with.
    for (path, folder) in [
        ("", copy.join("gone")),
        ("", file.clone()),
        ("root/dir", copy.join("gone")),
        ("root/dir/small", copy.join("gone")),
        ("root/dir/small", copy.join("gone/small")),
        ("root/dir/small", "/".into()),
    ] {
        let error = try_compare(&archive, taken.id, path, &folder).expect_err("there is nothing");
        assert!(matches!(error, Error::Io { .. }), "{error:?}");
    }
}

#[test]
fn what_the_filter_does_not_take_is_passed_over_on_both_sides() {
    let source = source();
    let (_, mut archive) = in_memory(config());
    let taken = take(&mut archive, source.path(), 1);
    let copy = restored(&archive, taken.id);
    let root = copy.join("root");
    keeping_times(&root, &["dir", ""], || {
        fs::remove_file(root.join("dir/small")).expect("remove");
        fs::remove_dir_all(root.join("other")).expect("remove");
        fs::write(root.join("dir/extra.log"), "").expect("write");
        flip(&root.join("dir/large"), 7);
    });
    let patterns = |globs: &[&str]| Patterns {
        globs: globs.iter().map(|glob| (*glob).to_owned()).collect(),
        ignore_case: true,
    };
    let from = located(&archive, taken.id, "root");
    let ask = |include: &[&str], exclude: &[&str]| {
        let filter = Filter::new(&patterns(include), &[patterns(exclude)]).expect("good patterns");
        let report = archive.compare(&from, &root, Some(&filter), &Progress::default());
        found(&report.expect("compare"))
    };
    let both = [Content, Metadata].map(|kind| ("dir/large".to_owned(), kind));
    assert_eq!(ask(&[], &["/DIR/small", "other", "*.log"]), both);
    assert_eq!(ask(&[], &["other", "dir"]), []);
    assert_eq!(ask(&["large"], &["other"]), both);
}

#[test]
fn what_cannot_be_read_is_a_difference_and_the_rest_compared() {
    unprivileged(
        "what_cannot_be_read_is_a_difference_and_the_rest_compared",
        || {
            let source = source();
            let (_, mut archive) = in_memory(config());
            let taken = take(&mut archive, source.path(), 1);
            let copy = restored(&archive, taken.id);
            let root = copy.join("root");
            flip(&root.join("other/one"), 0);
            let close = |path: &str| {
                fs::set_permissions(root.join(path), fs::Permissions::from_mode(0o000)).expect("chmod")
            };
            close("dir/large");
            close("dir/small");
            close("empty");
            let found = found(&compare(&archive, taken.id, "root", &root));
            let mut found = found.iter().map(|(path, kind)| match kind {
                Unreadable(reason) => {
                    assert!(reason.contains("ermission denied"), "{reason}");
                    (path.as_str(), "unreadable")
                }
                Metadata => (path.as_str(), "metadata"),
                Content => (path.as_str(), "content"),
                other => panic!("{other:?}"),
            });
            let expected = [
                ("dir/large", "metadata"),
                ("dir/large", "unreadable"),
                ("dir/small", "metadata"),
                ("dir/small", "unreadable"),
                ("empty", "metadata"),
                ("empty", "unreadable"),
                ("other/one", "content"),
                ("other/one", "metadata"),
            ];
            assert!(found.by_ref().eq(expected));
        },
    );
}

#[test]
fn the_report_is_the_same_with_any_number_of_threads_and_bounded() {
    let source = Place::new();
    for n in 0..3000 {
        source.write(format!("d{}/{n}", n % 7), format!("{n}"));
    }
    let mut large = vec![0; LARGE_BYTES as usize];
    Rng::new(2).fill(&mut large);
    source.write("d3/large", &large);
    let (_, mut archive) = in_memory(config());
    let taken = take(&mut archive, source.path(), 1);
    for n in 0..3000 {
        match n % 3 {
            0 => source.write(format!("d{}/{n}", n % 7), format!("x{n}")),
            1 => fs::remove_file(source.join(format!("d{}/{n}", n % 7))).expect("remove"),
            _ => source.write(format!("d{}/{n}+", n % 7), ""),
        }
    }
    flip(&source.join("d3/large"), 100);
    flip(&source.join("d3/large"), 12 << 20);
    let compare_on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        pool.install(|| compare(&archive, taken.id, "root", source.path()))
    };
    let expected = compare_on(1);
    assert_eq!((expected.missing, expected.extra), (1000, 1000));
    assert_eq!((expected.contents, expected.unreadable), (1001, 0));
    assert_eq!(expected.differences.len(), 1000);
    let names = |path: &[u8]| {
        path.split(|byte| *byte == b'/')
            .map(<[u8]>::to_vec)
            .collect::<Vec<_>>()
    };
    assert!(expected.differences.is_sorted_by_key(|d| names(&d.path)));
    for threads in [2, 3, 16, 16] {
        assert_eq!(compare_on(threads), expected, "{threads} threads");
    }
    assert_eq!(compare(&archive, taken.id, "root", source.path()), expected);
}

#[test]
fn all_that_a_file_system_permits_is_compared() {
    restante_tests::raise_open_files().expect("raise the limit of open files");
    let source = Place::in_memory();
    let options = adversarial::Options {
        big: true,
        beyond: true,
        sockets: true,
    };
    let root = source.join("tree");
    adversarial::create(&root, &options).expect("create");
    let (_, mut archive) = in_memory(config());
    let taken = take(&mut archive, &root, 1);
    let report = compare(&archive, taken.id, "root", &root);
    let counts = &taken.snapshot.counts;
    if taken.snapshot.unreadable.is_empty() {
        assert!(report.is_equal(), "{:?}", report.differences);
        // The directory itself and the root of the snapshot are left out.
        assert_eq!((report.files, report.dirs), (counts.files, counts.dirs - 1));
        assert_eq!(report.bytes, counts.bytes);
    } else {
        // What could not be read the first time is not in the snapshot, or cannot be read this time.
        let unreadable: Vec<&[u8]> = taken.snapshot.unreadable.iter().map(|u| &u.path[..]).collect();
        for difference in &report.differences {
            let path = [b"root/", &difference.path[..]].concat();
            let excused = unreadable.contains(&&path[..]) || matches!(difference.kind, Unreadable(_));
            assert!(excused, "{difference:?}");
        }
    }
}

#[test]
fn whoever_asks_to_stop_is_obeyed() {
    let source = source();
    let (_, mut archive) = in_memory(config());
    let taken = take(&mut archive, source.path(), 1);
    let progress = Progress::default();
    progress.stop.store(true, Ordering::Relaxed);
    let from = located(&archive, taken.id, "root");
    let stopped = archive.compare(&from, source.path(), None, &progress);
    assert!(matches!(stopped, Err(Error::Interrupted)), "{stopped:?}");
}

#[test]
fn names_may_be_any_bytes() {
    let source = Place::new();
    let name = std::ffi::OsStr::from_bytes(b"\xff\n\xfe");
    source.write(name, "1");
    let (_, mut archive) = in_memory(config());
    let taken = take(&mut archive, source.path(), 1);
    fs::remove_file(source.join(name)).expect("remove");
    let report = compare(&archive, taken.id, "root", source.path());
    let [_, missing] = &report.differences[..] else {
        panic!("{report:?}")
    };
    assert_eq!((&missing.path[..], &missing.kind), (&b"\xff\n\xfe"[..], &Missing));
}

#[test]
fn damage_is_told_and_never_taken_for_a_difference() {
    let source = Place::new();
    let mut table = vec![0; 50_000];
    Rng::new(3).fill(&mut table);
    source.write("dir/table", &table);
    source.write("dir/small", "s");
    let (store, mut archive) = in_memory(fine_config());
    let taken = take(&mut archive, source.path(), 1);
    let from = located(&archive, taken.id, "root");
    let compare_without = |path: &[u8]| {
        let object = object_at(&archive, taken.id, path);
        let damaged = open(&store_of(&without_block_of(&store.files(), object)));
        let report = damaged.compare(&from, source.path(), None, &Progress::default());
        report.expect("compare")
    };
    // The bytes of files are not asked for: their ids are.
    let report = compare_without(b"root/dir/small");
    assert!(report.is_equal(), "{report:?}");
    let found = found(&compare_without(b"root/dir/table"));
    assert!(!found.is_empty());
    assert!(
        found.iter().all(|(_, kind)| matches!(kind, Unreadable(_))),
        "{found:?}"
    );
}

/// A size that no object can have drives no allocation.
#[test]
fn a_chunk_of_an_impossible_size_is_another_content() {
    const BYTES: u64 = 1 << 42;
    let place = Place::new();
    let file = File::create(place.join("file")).expect("create");
    if file.set_len(BYTES).is_err() {
        return;
    }
    let (_, archive) = in_memory(config());
    let id = Id([5; 32]);
    let entry = Entry {
        name: b"file".to_vec(),
        node: Node::File {
            size: BYTES,
            content: restante_format::model::Content::Chunk(id),
        },
        meta: Meta::default(),
    };
    let from = Located::Entry(b"file".to_vec(), Box::new(entry));
    let report = archive.compare(&from, &place.join("file"), None, &Progress::default());
    let report = report.expect("compare");
    assert_eq!((report.contents, report.metadata), (1, 1));
}

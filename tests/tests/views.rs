//! Views over time: what they find, and how little they read for it.

#![cfg(target_os = "linux")]

use std::sync::Arc;
use std::time::Duration;

use restante_format::archive::{Archive, Aspect, Changed, Scope, Ticks, Watched, diff};
use restante_format::catalog::commit_segment;
use restante_format::id::{Id, Kind};
use restante_format::model::{Snapshot, Timestamp};
use restante_format::progress::Progress;
use restante_format::store::{Call, MemoryStore, Name, RecordingStore, Store};
use restante_format::wire::encode_snapshot;
use restante_tests::archives::{Place, config, create, in_memory, open, take};
use restante_tests::forge::{Forge, chunk_file, dir, snapshot};
use restante_tests::pages::page_of_one;

fn history(archive: &Archive, path: &str) -> (Vec<u64>, u64) {
    let found = archive.history(
        &Scope::default(),
        path.as_bytes(),
        Aspect::Content,
        &Progress::default(),
    );
    let found = found.expect("a history");
    assert!(found.errors.is_empty(), "{:?}", found.errors);
    (
        found.versions.iter().map(|version| version.snapshots).collect(),
        found.trees,
    )
}

/// Snapshots a minute apart: every tenth has another `root/deep/below/file`, the fifth of each ten another `root/other`.
fn filled(snapshots: i64) -> (Arc<MemoryStore>, Archive, Place) {
    let (store, mut archive) = in_memory(config());
    let place = Place::in_memory();
    for n in 0..snapshots {
        if n % 10 == 0 {
            place.write("deep/below/file", format!("{n}"));
        }
        if n % 10 == 5 || n == 0 {
            place.write("other", format!("{n}"));
        }
        take(&mut archive, place.path(), 60 * n);
    }
    (store, archive, place)
}

#[test]
fn a_history_reads_each_tree_on_the_way_once() {
    let (_store, archive, _place) = filled(100);
    // The file has 10 contents; the roots, and the directories that hold `other`, are 20; the two below are 10 each.
    assert_eq!(
        history(&archive, "root/deep/below/file"),
        (vec![10; 10], 20 + 20 + 10 + 10)
    );
    let (versions, trees) = history(&archive, "root/other");
    assert_eq!((versions.len(), trees), (11, 20 + 20));
    assert_eq!(history(&archive, "root/nothing"), (vec![], 20 + 20));
    assert_eq!(history(&archive, "nothing/below"), (vec![], 20));
}

#[test]
fn ticks_cost_a_history_nothing() {
    let (_store, mut archive, place) = filled(20);
    let (_, before) = history(&archive, "root/deep/below/file");
    for n in 20..60 {
        take(&mut archive, place.path(), 60 * n);
    }
    let (versions, trees) = history(&archive, "root/deep/below/file");
    assert_eq!((versions, trees), (vec![10, 50], before));
}

#[test]
fn what_is_found_is_seen_from_its_first_to_its_last_snapshot() {
    let (_store, archive, _place) = filled(40);
    let wanted = |path: &[u8]| path.ends_with(b"file") || path.ends_with(b"other");
    let all = archive.occurrences(&Scope::default(), &wanted, &Progress::default());
    let all = all.expect("occurrences");
    assert!(all.errors.is_empty());
    let shown: Vec<(&[u8], i64, i64, u64)> = (all.found.iter())
        .map(|found| {
            (
                &found.path[..],
                found.first.time.secs,
                found.last.time.secs,
                found.versions,
            )
        })
        .collect();
    let expected: [(&[u8], i64, i64, u64); 2] = [
        (b"root/deep/below/file", 0, 39 * 60, 4),
        (b"root/other", 0, 39 * 60, 5),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn a_part_of_the_time_begins_where_it_should() {
    let (_store, archive, _place) = filled(40);
    let scope = Scope {
        since: Some(Timestamp {
            secs: 15 * 60,
            nanos: 0,
        }),
        until: Some(Timestamp {
            secs: 25 * 60,
            nanos: 0,
        }),
        ..Scope::default()
    };
    let found = archive.history(
        &scope,
        b"/root/deep/below/file/",
        Aspect::Content,
        &Progress::default(),
    );
    let versions: Vec<(i64, i64)> = (found.expect("a history").versions.iter())
        .map(|version| (version.first.time.secs / 60, version.last.time.secs / 60))
        .collect();
    assert_eq!(versions, [(15, 19), (20, 25)]);
    for refused in [&b""[..], b"/", b"root/../x", b"./root"] {
        let found = archive.history(&scope, refused, Aspect::Content, &Progress::default());
        assert!(found.is_err(), "{refused:?}");
    }
}

/// How many ranges of segments a diff reads where one file of so many directories differs.
fn reads_of_diff(folders: usize) -> usize {
    let store = Arc::new(RecordingStore::new(MemoryStore::default()));
    let mut archive = create(&store, config());
    let place = Place::in_memory();
    for folder in 0..folders {
        for file in 0..20 {
            place.write(format!("{folder:03}/{file}"), format!("{folder} {file}"));
        }
    }
    let before = take(&mut archive, place.path(), 0).snapshot.root;
    place.write("000/7", "another");
    let after = take(&mut archive, place.path(), 60).snapshot.root;
    let archive = open(&store);
    store.take_calls();
    let mut found: Vec<Changed> = Vec::new();
    diff(
        archive.reader(),
        before,
        after,
        &Progress::default(),
        &mut |changed| {
            found.push(changed);
            Ok(())
        },
    )
    .expect("diff");
    assert!(found.iter().any(|changed| changed.path == b"root/000/7"));
    let is_read = |call: &Call| {
        matches!(
            call,
            Call::Read(Name::Segment(_)) | Call::ReadRange(Name::Segment(_), _)
        )
    };
    store.take_calls().iter().filter(|call| is_read(call)).count()
}

#[test]
fn a_diff_reads_what_differs() {
    let few = reads_of_diff(4);
    let many = reads_of_diff(200);
    assert!(
        many <= few + 2,
        "{few} reads among 4 directories, {many} among 200"
    );
    assert!(few > 0);
}

/// A snapshot of a forged tree.
fn forged_snapshot(root: Id, host: &str, secs: i64, parent: Option<Id>) -> Snapshot {
    Snapshot {
        time: Timestamp { secs, nanos: 0 },
        host: host.into(),
        parent,
        ..snapshot(root)
    }
}

#[test]
fn what_is_damaged_in_the_first_snapshot_hides_nothing_of_the_later_ones() {
    let mut forge = Forge::default();
    let [one, two] = [&b"1"[..], b"2"].map(|bytes| chunk_file(&mut forge, b"kept", bytes));
    let other = chunk_file(&mut forge, b"new", b"3");
    let lost = Id([0x77; 32]);
    let trees = [
        lost,
        forge.tree(vec![one.clone(), other]),
        lost,
        forge.tree(vec![one]),
        forge.tree(vec![two]),
    ];
    for (n, tree) in (0..).zip(trees) {
        let beside = chunk_file(&mut forge, b"beside", b"4");
        let gone = (n == 0).then(|| chunk_file(&mut forge, b"gone", b"5"));
        let below = dir(b"below", tree);
        let root = forge.tree([Some(below), Some(beside), gone].into_iter().flatten().collect());
        let page = page_of_one(&forged_snapshot(root, "host", n, None));
        forge.object(Kind::Page, &page);
    }
    let archive = forge.into_archive();
    let wanted = |path: &[u8]| !path.ends_with(b"below");
    let all = archive.occurrences(&Scope::default(), &wanted, &Progress::default());
    let all = all.expect("occurrences");
    assert_eq!(all.errors.len(), 1, "{:?}", all.errors);
    assert_eq!(all.errors[0].object(), Some(lost));
    let shown: Vec<(&[u8], i64, i64, u64)> = (all.found.iter())
        .map(|found| {
            let [first, last] = [&found.first, &found.last].map(|moment| moment.time.secs);
            (&found.path[..], first, last, found.versions)
        })
        .collect();
    let expected: [(&[u8], i64, i64, u64); 4] = [
        (b"below/kept", 1, 4, 2),
        (b"below/new", 1, 1, 1),
        (b"beside", 0, 4, 1),
        (b"gone", 0, 0, 1),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn of_what_is_older_only_pages_are_read_that_name_the_series() {
    let store = Arc::new(RecordingStore::new(MemoryStore::default()));
    drop(create(&store, config()));
    let id = config().archive;
    let put = |snapshot: Snapshot| {
        let sealed = commit_segment(id, &encode_snapshot(&snapshot), snapshot.time);
        store.put(sealed.name, &sealed.bytes).expect("put");
    };
    let root = Id([1; 32]);
    // More than are kept in memory.
    for n in 0..100 {
        put(forged_snapshot(root, "old", n, Some(root)));
    }
    put(forged_snapshot(root, "new", 200, Some(root)));
    let since = Timestamp { secs: 150, nanos: 0 };
    let archive = open(&store);
    let is_read = |call: &Call| {
        matches!(
            call,
            Call::Read(Name::Segment(_)) | Call::ReadRange(Name::Segment(_), _)
        )
    };
    let reads = || store.take_calls().iter().filter(|call| is_read(call)).count();
    reads();
    let moment = archive.catalog().newest_first().next().expect("a moment");
    assert_eq!(moment.state.snapshot.host, "new");
    let (_, is_tick) = Ticks::new(archive.catalog(), Some(since)).judge(&moment);
    assert!(!is_tick && reads() <= 1);
    let until = Timestamp { secs: 400, nanos: 0 };
    let gaps = archive.gaps(Some(since), until, &mut |series| {
        Some(Watched {
            number: usize::from(series.host == "new"),
            most: Duration::from_secs(1),
        })
    });
    let shown: Vec<(usize, i64, bool)> = (gaps.iter())
        .map(|gap| (gap.number, gap.from.secs, gap.is_open))
        .collect();
    assert_eq!(shown, [(0, 150, true), (1, 200, true)]);
    let read = reads();
    assert!(read <= 4, "{read} pages are read");
    let series = |host: &str| forged_snapshot(root, host, 0, None).series();
    let before = |host: &str, secs| {
        let time = Timestamp { secs, nanos: 0 };
        let found = archive.catalog().newest_of_before(&series(host), time);
        found.map(|moment| moment.time.secs)
    };
    assert_eq!(before("old", 99), Some(98));
    assert_eq!(before("old", 0), None);
    assert_eq!((before("new", 200), before("new", 201)), (None, Some(200)));
    assert_eq!(before("none", 1000), None);
}

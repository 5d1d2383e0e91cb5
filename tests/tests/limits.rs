//! What a writer takes, a reader can read: at the limits of the format and beyond them.

#![cfg(target_os = "linux")]

use restante_format::archive::{Archive, SnapshotRequest, VerifyLevel};
use restante_format::error::Error;
use restante_format::limits::{CHAIN, CONNECTOR_BYTES, DEPTH, HOST_BYTES};
use restante_format::progress::Progress;
use restante_tests::archives::{
    Place, assert_clean, config, in_memory, open, request, restore_path, source_of, take, verify,
};
use restante_tests::prng::Rng;
use rustix::fs::{CWD, Mode, OFlags};

/// Makes `levels` directories called `name`, each within the one before, and `last` more beside each other in the
/// deepest one.
fn chain(place: &Place, name: &str, levels: usize, last: usize) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut here = rustix::fs::openat(CWD, place.path(), flags, Mode::empty()).expect("open");
    for _ in 0..levels {
        rustix::fs::mkdirat(&here, name, Mode::RWXU).expect("make folder");
        here = rustix::fs::openat(&here, name, flags, Mode::empty()).expect("open");
    }
    for n in 0..last {
        rustix::fs::mkdirat(&here, format!("{n}"), Mode::RWXU).expect("make folder");
    }
}

/// Everything that a snapshot took can be read and restored.
fn assert_readable(archive: &Archive) {
    assert_clean(archive);
    for listed in archive.catalog().all() {
        let walked = restante_format::archive::walk_tree(archive.reader(), listed.snapshot.root, b"");
        let error = walked.filter_map(Result::err).next();
        assert!(error.is_none(), "{error:?}");
    }
}

// F-077
#[test]
fn what_is_nested_too_deep_is_left_out_and_listed() {
    restante_tests::raise_open_files().expect("raise the limit of open files");
    for levels in [DEPTH - 3, DEPTH - 2, DEPTH - 1, DEPTH, DEPTH + 1] {
        let source = Place::in_memory();
        chain(&source, "d", levels, 0);
        let (_, mut archive) = in_memory(config());
        let taken = take(&mut archive, source.path(), 1);
        assert_readable(&archive);
        let target = Place::in_memory();
        let report = restore_path(&archive, taken.id, b"", target.path(), None).expect("restore");
        assert_eq!(
            report.failed,
            0,
            "{levels} levels: {:?}",
            report.failures.first().map(|(_, error)| error)
        );
        assert_eq!(report.dirs, taken.snapshot.counts.dirs);
    }
}

// F-100: an object, the list of what could not be read included, has 16 MiB at most.
#[test]
fn many_long_paths_that_cannot_be_read_make_no_snapshot_too_large() {
    restante_tests::raise_open_files().expect("raise the limit of open files");
    let source = Place::in_memory();
    // Each directory in the deepest one is beyond the limit, and has a path of 45 KB.
    chain(&source, "0123456789", DEPTH - 2, 500);
    let (store, mut archive) = in_memory(config());
    let taken = take(&mut archive, source.path(), 1);
    assert!(taken.snapshot.counts.unreadable >= 500);
    let archive = open(&store);
    assert!(archive.damage().is_empty(), "{:?}", archive.damage());
    assert!(
        archive.catalog().get(&taken.id).is_some(),
        "the snapshot can be read again"
    );
    assert!(verify(&archive, VerifyLevel::Full).damaged.is_empty());
}

// F-043
#[test]
fn no_chain_of_deltas_becomes_too_long() {
    let source = Place::new();
    let mut table = vec![0; 3000];
    Rng::new(5).fill(&mut table);
    let (store, mut archive) = in_memory(config());
    let count = CHAIN + 20;
    for version in 0..count {
        table[version * 30..][..4].copy_from_slice(b"2026");
        source.write("table", &table);
        take(&mut archive, source.path(), version as i64 + 1);
    }
    let archive = open(&store);
    assert_readable(&archive);
    let index = archive.reader().index();
    let mut most = 0;
    for at in index.objects() {
        let (mut at, mut bases) = (at, 0);
        while let Some(delta) = at.delta {
            at = index.find(&delta.base).expect("every base is there");
            bases += 1;
        }
        most = most.max(bases);
    }
    assert!((1..=CHAIN).contains(&most), "{most} bases");
}

// Section 9, F-100: what could not be read again is refused before anything is written.
#[test]
fn a_request_beyond_the_limits_is_refused() {
    let source = Place::new();
    source.write("file", b"bytes");
    let requests: [SnapshotRequest; 3] = [
        SnapshotRequest {
            host: "h".repeat(HOST_BYTES + 1),
            ..request("source", 1)
        },
        SnapshotRequest {
            connector: Some("c".repeat(CONNECTOR_BYTES + 1)),
            ..request("source", 1)
        },
        SnapshotRequest {
            tags: vec!["t".repeat(17 << 20)],
            ..request("source", 1)
        },
    ];
    for (n, request) in requests.into_iter().enumerate() {
        let (store, mut archive) = in_memory(config());
        let result = archive.snapshot(request, source_of(source.path()), &Progress::default());
        assert!(matches!(result, Err(Error::Request(_))), "request {n} was taken");
        assert_clean(&open(&store));
    }
}

#[test]
fn a_request_at_the_limits_is_taken() {
    let source = Place::new();
    source.write("file", b"bytes");
    let (store, mut archive) = in_memory(config());
    let request = SnapshotRequest {
        host: "h".repeat(HOST_BYTES),
        connector: Some("c".repeat(CONNECTOR_BYTES)),
        tags: vec!["b".into(), "a".into(), "b".into()],
        ..request("source", 1)
    };
    let taken = archive
        .snapshot(request, source_of(source.path()), &Progress::default())
        .expect("take");
    let archive = open(&store);
    assert_clean(&archive);
    let listed = archive.catalog().get(&taken.id).expect("listed");
    assert_eq!(listed.snapshot, taken.snapshot);
    assert_eq!(listed.snapshot.tags, ["a", "b"]);
}

// Section 8: where nodes end must not repeat itself on the levels above.
#[test]
fn no_names_make_a_directory_too_large_to_be_kept() {
    // The first name of 600, and both of two, end a leaf and every node that went by the same byte.
    let hash = |name: &str| *blake3::hash(name.as_bytes()).as_bytes();
    let ends_all = |name: &String| hash(name)[..2] == [0, 0];
    let mut chosen: Vec<String> = (0..600_000)
        .map(|n| format!("a{n:06}"))
        .filter(ends_all)
        .collect();
    assert!(chosen.len() > 3, "{} names", chosen.len());
    chosen.push("z".into());
    let consecutive = (341..941).map(|n| format!("{n:06}")).collect();
    for names in [chosen, consecutive] {
        let names: Vec<String> = names;
        let source = Place::new();
        for name in &names {
            source.write(name, b"");
        }
        let (_, mut archive) = in_memory(config());
        let taken = take(&mut archive, source.path(), 1);
        assert_eq!(taken.snapshot.counts.files, names.len() as u64);
        assert_readable(&archive);
    }
}

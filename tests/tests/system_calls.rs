//! How often the system is asked for bytes of the source, and how many it gives. Linux counts both for the
//! whole process, so there is one test here and nothing beside it.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use restante_format::archive::ConsistencySet;
use restante_format::source::Patterns;
use restante_tests::archives::{Place, config, in_memory, source_of, take, take_source};
use restante_tests::prng::Rng;

/// Reading calls, and bytes read by them.
#[derive(Clone, Copy, Debug)]
struct Reads {
    calls: u64,
    bytes: u64,
}

fn reads_so_far() -> Reads {
    let text = fs::read_to_string("/proc/self/io").expect("the system counts");
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|number| number.trim().parse().ok())
            .expect("a number")
    };
    Reads {
        calls: field("syscr:"),
        bytes: field("rchar:"),
    }
}

/// What `work` reads, but for the asking.
fn reads_of(work: impl FnOnce()) -> Reads {
    let before = reads_so_far();
    work();
    let after = reads_so_far();
    Reads {
        calls: after.calls - before.calls,
        bytes: after.bytes - before.bytes,
    }
}

#[test]
fn every_byte_is_read_once_and_a_small_file_by_one_call() {
    const FILES: u64 = 400;
    const FILE_BYTES: u64 = 1500;
    const TABLE_BYTES: u64 = 40 << 20;
    // The counters' own file, names of owners that are looked up once, and what a thread reads about itself.
    const ELSE_CALLS: u64 = 60;
    const ELSE_BYTES: u64 = 64 << 10;

    let source = Place::new();
    for n in 0..FILES {
        let mut bytes = vec![0; FILE_BYTES as usize];
        Rng::new(n).fill(&mut bytes);
        source.write(format!("mails/{n}"), &bytes);
    }
    let (_store, mut archive) = in_memory(config());
    let reads = reads_of(|| drop(take(&mut archive, source.path(), 1)));
    assert!(reads.calls <= FILES + ELSE_CALLS, "{reads:?}");
    assert!(reads.bytes <= FILES * FILE_BYTES + ELSE_BYTES, "{reads:?}");

    let reads = reads_of(|| assert!(take(&mut archive, source.path(), 2).tick));
    assert!(
        reads.calls <= ELSE_CALLS && reads.bytes <= ELSE_BYTES,
        "{reads:?}"
    );

    // The second look at files that belong together reads nothing.
    let mails = Patterns {
        globs: vec!["mails/*".into()],
        ignore_case: false,
    };
    let mut with_sets = source_of(source.path());
    with_sets.roots[0]
        .sets
        .push(ConsistencySet::new("mails", &mails, false).expect("a good pattern"));
    let reads = reads_of(|| assert!(take_source(&mut archive, with_sets, 2).tick));
    assert!(
        reads.calls <= ELSE_CALLS && reads.bytes <= ELSE_BYTES,
        "{reads:?}"
    );

    // Runs that start in the middle of a chunk read on until the true cuts are met: two or three chunks each.
    let mut table = vec![0; TABLE_BYTES as usize];
    Rng::new(1).fill(&mut table);
    source.write("table", &table);
    let reads = reads_of(|| drop(take(&mut archive, source.path(), 3)));
    let (least, most) = (TABLE_BYTES, TABLE_BYTES + TABLE_BYTES / 4);
    assert!((least..=most).contains(&reads.bytes), "{reads:?}");
    assert!(reads.calls <= TABLE_BYTES / (128 << 10), "{reads:?}");

    // With the parent's help every run starts at a cut.
    let file = File::options()
        .write(true)
        .open(source.join("table"))
        .expect("open");
    file.write_all_at(b"one record", TABLE_BYTES / 3).expect("write");
    drop(table);
    let reads = reads_of(|| drop(take(&mut archive, source.path(), 4)));
    let most = TABLE_BYTES + TABLE_BYTES / 64 + ELSE_BYTES;
    assert!((least..=most).contains(&reads.bytes), "{reads:?}");
    assert!(reads.calls <= TABLE_BYTES / (256 << 10) + ELSE_CALLS, "{reads:?}");
}

//! `prune` and `compact`: room that is really free, beside those who write, whatever kills them.

#![cfg(target_os = "linux")]

mod common;

use std::fs::{self, File};
use std::time::Duration;

use common::{Exch, Holds, assert_fields, ended, ended_child, noise};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Snapshots of folders that have little in common: each with a file of its own.
fn exch(snapshots: u64) -> Exch {
    let exch = Exch::with_archive();
    exch.write("src/common", noise(1000, 200_000));
    for n in 0..snapshots {
        change(&exch, n);
        take(&exch, n);
    }
    exch
}

/// Another file in the place of that of the snapshot before: of another name, so that none is made from another.
fn change(exch: &Exch, n: u64) {
    for name in exch.names("src").iter().filter(|name| *name != "common") {
        fs::remove_file(exch.path("src").join(name)).expect("remove");
    }
    exch.write(&format!("src/own{n}"), noise(n, 300_000));
}

fn take(exch: &Exch, n: u64) {
    let time = jiff::Timestamp::from_second(1_773_964_800 + n as i64 * 60).expect("a time");
    exch.snapshot(&["src", "--host", "A", "--time", &time.to_string()]);
}

/// The lock of somebody who takes a snapshot.
fn writer(exch: &Exch) -> File {
    let file = File::options()
        .append(true)
        .open(exch.path("archive/lock"))
        .expect("the lock");
    file.lock_shared().expect("lock");
    file
}

fn number(document: &Value, key: &str) -> u64 {
    document[key]
        .as_u64()
        .unwrap_or_else(|| panic!("no {key}: {document}"))
}

/// That the archive has no more objects than one that was made of what it still holds.
fn has_no_garbage(exch: &Exch, kept: std::ops::Range<u64>) {
    let fresh = Exch::with_archive();
    fresh.write("src/common", noise(1000, 200_000));
    for n in kept {
        change(&fresh, n);
        take(&fresh, n);
    }
    // Pages are packed as it happens; everything else is the same.
    let plain = |exch: &Exch| exch.json(&["stats"])["unique_bytes"].as_u64().expect("bytes");
    let (found, wanted) = (plain(exch), plain(&fresh));
    assert!(
        found.abs_diff(wanted) < 20_000,
        "{found} bytes instead of {wanted}"
    );
}

// F-096, F-099
#[test]
fn room_comes_free_at_once_where_nobody_else_writes() {
    let exch = exch(6);
    let before = exch.segment_bytes();
    exch.ok(&["forget", "--keep-last", "2"]);
    let planned = exch.json(&["prune", "--dry-run", "--max-unused", "0"]);
    let stored = exch.segment_bytes();
    assert_eq!(planned["dry_run"], true);
    let done = exch.json(&["prune", "--max-unused", "0"]);
    assert_fields(
        &done,
        &[
            ("deleted", Holds::Number),
            ("deleted_bytes", Holds::Number),
            ("condemned", Holds::Number),
            ("rewritten", Holds::Number),
            ("waiting", Holds::Number),
            ("unused_bytes", Holds::Number),
            ("stored_bytes", Holds::Number),
            ("freed_bytes", Holds::Number),
            ("seconds", Holds::Seconds),
        ],
    );
    assert_eq!(number(&done, "condemned"), 0);
    assert_eq!(done["freed_bytes"], stored - exch.segment_bytes());
    assert_eq!(done["freed_bytes"], planned["freed_bytes"]);
    assert!(before - exch.segment_bytes() > 4 * 290_000);
    assert_eq!(done["stored_bytes"], exch.segment_bytes());
    exch.verify();
    has_no_garbage(&exch, 4..6);
    assert!(exch.ok(&["prune"]).starts_with("nothing to free\n"));
}

// F-093, F-097, F-099
#[test]
fn beside_a_writer_it_condemns_and_a_later_one_deletes() {
    let exch = exch(4);
    exch.ok(&["forget", "--keep-last", "1"]);
    let held = writer(&exch);
    let condemned = exch.json(&["prune"]);
    assert_eq!(number(&condemned, "deleted"), 0, "{condemned}");
    assert!(number(&condemned, "condemned") > 0, "{condemned}");
    assert_eq!(number(&condemned, "grace_seconds"), 3600);
    assert_eq!(
        exch.names("archive/condemned").len() as u64,
        number(&condemned, "condemned")
    );
    let again = exch.json(&["prune"]);
    assert_eq!(
        (number(&again, "condemned"), number(&again, "deleted")),
        (0, 0),
        "{again}"
    );
    assert_eq!(number(&again, "waiting"), number(&condemned, "condemned"));
    exch.verify();
    // What was condemned long enough ago goes beside writers, too.
    std::thread::sleep(Duration::from_millis(2100));
    let later = exch.json(&["prune", "--grace", "1s"]);
    assert_eq!(
        number(&later, "deleted"),
        number(&condemned, "condemned"),
        "{later}"
    );
    assert_eq!(exch.names("archive/condemned"), [""; 0]);
    drop(held);
    exch.verify();
    has_no_garbage(&exch, 3..4);
}

// F-093, F-099
#[test]
fn a_grace_of_nothing_waits_and_can_be_interrupted() {
    let exch = exch(3);
    exch.ok(&["forget", "--keep-last", "1"]);
    let held = writer(&exch);
    let stored = exch.segment_bytes();
    let waiting = exch.command(&["prune", "--grace", "0"]).spawn().expect("start");
    std::thread::sleep(Duration::from_millis(500));
    kill_process(Pid::from_child(&waiting), Signal::INT).expect("send a signal");
    let interrupted = ended_child(waiting);
    assert_eq!(interrupted.code, 130, "{interrupted:?}");
    assert!(
        interrupted
            .stderr
            .contains("waiting until nobody else works on the archive"),
        "{interrupted:?}"
    );
    assert_eq!(stored, exch.segment_bytes());
    let waiting = exch
        .command(&["prune", "--grace", "0", "--json"])
        .spawn()
        .expect("start");
    std::thread::sleep(Duration::from_millis(200));
    drop(held);
    let done = ended_child(waiting);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(exch.segment_bytes() < stored);
    exch.verify();
}

// F-097, F-099
#[test]
fn a_snapshot_needs_again_what_was_condemned() {
    let exch = exch(3);
    exch.ok(&["forget", "--keep-last", "1"]);
    let held = writer(&exch);
    exch.json(&["prune"]);
    change(&exch, 0);
    take(&exch, 10);
    drop(held);
    exch.ok(&["prune", "--grace", "0", "--max-unused", "0"]);
    exch.verify();
    exch.ok(&["restore", "latest", "--to", "out"]);
    assert!(fs::read(exch.path("out/src/own0")).expect("read") == noise(0, 300_000));
}

// F-091, F-096, F-099
#[test]
fn killed_at_any_moment_it_loses_nothing_and_the_next_one_cleans_up() {
    for round in 0..12 {
        let exch = exch(6);
        exch.ok(&["forget", "--keep-last", "2"]);
        let child = exch
            .command(&["prune", "--max-unused", "0"])
            .spawn()
            .expect("start");
        std::thread::sleep(Duration::from_millis(3 * round));
        kill_process(Pid::from_child(&child), Signal::KILL).expect("send a signal");
        ended_child(child);
        exch.verify();
        exch.ok(&["prune", "--grace", "0", "--max-unused", "0"]);
        exch.verify();
        assert_eq!(exch.names("archive/tmp"), [""; 0]);
        assert_eq!(exch.names("archive/condemned"), [""; 0]);
        has_no_garbage(&exch, 4..6);
    }
}

#[test]
fn a_damaged_archive_is_left_as_it_is() {
    let exch = exch(2);
    let name = exch.names("archive/segments").remove(0);
    let path = exch.path(format!("archive/segments/{name}"));
    let bytes = fs::read(&path).expect("read");
    fs::write(&path, &bytes[..bytes.len() - 1]).expect("write");
    for args in [
        &["prune"][..],
        &["prune", "--dry-run"],
        &["compact"],
        &["forget", "--keep-last", "1"],
    ] {
        let refused = ended(exch.command(args));
        assert_eq!(refused.code, 4, "{refused:?}");
        assert!(refused.stderr.contains("restante -a"), "{refused:?}");
    }
}

#[test]
fn small_segments_become_few() {
    let exch = Exch::with_archive();
    for n in 0..5 {
        exch.write("src/file", n.to_string());
        take(&exch, n);
    }
    let before = exch.names("archive/segments").len() as u64;
    let done = exch.json(&["compact"]);
    assert_eq!(
        (number(&done, "merged"), number(&done, "segments")),
        (before, 2),
        "{done}"
    );
    assert_eq!(exch.names("archive/segments").len(), 2);
    assert_eq!(exch.segment_bytes(), number(&done, "bytes"));
    assert_eq!(exch.ok(&["compact"]), "nothing to merge\n");
    assert_eq!(exch.json(&["stats"])["snapshots"], 5);
    exch.verify();
}

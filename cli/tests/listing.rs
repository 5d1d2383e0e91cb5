//! `snapshots`: arrays that are written as they come, and parts of the list.

#![cfg(target_os = "linux")]

mod common;

use std::sync::Arc;

use common::Exch;
use restante_format::catalog::{Moment, Packer, State};
use restante_format::id::Id;
use restante_format::model::{Counts, Snapshot, Timestamp};
use restante_format::store::{LocalStore, Name, Store};
use restante_format::wire::{Config, encode_snapshot};
use serde_json::Value;

/// Two sources, a minute apart: minutes 0 to 3 without a change behind the first, 4 changed, 5 and 6 without.
fn filled() -> Exch {
    let exch = Exch::with_archive();
    exch.write("other/file", "the same");
    for minute in 0..7 {
        match minute {
            0 => exch.write("src/file", "one"),
            4 => exch.write("src/file", "another"),
            _ => exch.path("src/file"),
        };
        let time = |second: u32| format!("2019-05-12T08:0{minute}:{second:02}Z");
        exch.snapshot(&["src", "--time", &time(0)]);
        exch.snapshot(&["other", "--time", &time(30)]);
    }
    exch
}

fn rows(exch: &Exch, args: &[&str]) -> Vec<Value> {
    let found = exch.json(&[&["snapshots"], args].concat());
    found.as_array().expect("an array").clone()
}

#[test]
fn arrays() {
    let exch = filled();
    let all = rows(&exch, &["--all"]);
    assert_eq!(all.len(), 14);
    assert_eq!(all.iter().filter(|row| row["tick"] == true).count(), 11);
    let printed = exch.ok(&["--json", "snapshots", "--all"]);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[15]), (16, "[", "]"));
    let first: Value = serde_json::from_str(lines[1].trim_end_matches(',')).expect("a document a line");
    assert_eq!(first, all[0]);
    assert_eq!(rows(&exch, &["--tag", "nothing"]), [Value::Null; 0]);
    let counts: Vec<u64> = (rows(&exch, &[]).iter())
        .filter_map(|row| row["count"].as_u64())
        .collect();
    assert_eq!(counts, [3, 2, 6]);
}

#[test]
fn the_last_rows_are_the_end_of_all() {
    let exch = filled();
    for options in [
        &[][..],
        &["--all"],
        &["--since", "2019-05-12T08:02:00Z"],
        &["--until", "2019-05-12T08:04"],
    ] {
        let all = rows(&exch, options);
        for last in ["0", "1", "3", "100"] {
            let number: usize = last.parse().expect("a number");
            let found = rows(&exch, &[options, &["--last", last]].concat());
            assert_eq!(
                found,
                all[all.len().saturating_sub(number)..],
                "{options:?} {last}"
            );
        }
    }
}

#[test]
fn what_is_before_the_window_says_what_is_a_tick() {
    let exch = filled();
    let late = rows(&exch, &["--all", "--since", "2019-05-12T08:03:00Z"]);
    let ticks: Vec<bool> = late.iter().map(|row| row["tick"] == true).collect();
    assert_eq!(ticks, [true, true, false, true, true, true, true, true]);
}

#[test]
fn machines_stand_where_there_are_several() {
    let exch = filled();
    assert!(!exch.ok(&["snapshots"]).contains("HOST"));
    exch.snapshot(&["src", "--host", "EXCH7"]);
    let text = exch.ok(&["snapshots", "--last", "1"]);
    assert!(text.contains("HOST") && text.contains("  EXCH7  "), "{text}");
    let text = exch.ok(&["snapshots", "--host", "EXCH7"]);
    assert!(!text.contains("HOST") && text.lines().count() == 2, "{text}");
    for args in [
        &["snapshots", "--host", "EXHC7"][..],
        &["find", "file", "--host", "EXHC7"],
    ] {
        let ended = exch.run(args);
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{ended:?}");
        assert_eq!(
            ended.stderr,
            "error: there is no snapshot of a machine \"EXHC7\"\n  did you mean \"EXCH7\"?\n"
        );
    }
}

#[test]
fn those_of_a_path_or_with_labels() {
    let exch = filled();
    exch.snapshot(&["src", "other", "--tag", "a", "--tag", "b"]);
    exch.snapshot(&["src", "--tag", "a"]);
    let number = |args: &[&str]| rows(&exch, &[&["--all"], args].concat()).len();
    assert_eq!(number(&["--path", "src"]), 9);
    assert_eq!(number(&["--path", &exch.at("other/")]), 8);
    assert_eq!(number(&["--path", "src", "--path", "other"]), 16);
    assert_eq!(
        (number(&["--tag", "a"]), number(&["--tag", "a", "--tag", "b"])),
        (2, 1)
    );
    let ended = exch.run(&["snapshots", "--path", "srx"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let near = format!("did you mean {:?}?", exch.at("src"));
    assert!(ended.stderr.contains(&near), "{ended:?}");
    assert_eq!(
        exch.run(&["snapshots", "--by-connector", "--path", "src"]).code,
        2
    );
}

#[test]
fn a_long_list_is_written_in_tables_that_can_be_held() {
    let exch = Exch::with_archive();
    let store = LocalStore::new(exch.path("archive"));
    let config = Config::decode(&store.read(Name::Config).expect("read")).expect("a config");
    let state = |root: u8| {
        let snapshot = Snapshot {
            time: Timestamp { secs: 0, nanos: 0 },
            host: "EXCH1".into(),
            connector: Some("conn-tables".into()),
            paths: Vec::new(),
            tags: Vec::new(),
            root: Id([root; 32]),
            parent: None,
            program: "tests".into(),
            counts: Counts::default(),
            torn: Vec::new(),
            unreadable: Vec::new(),
        };
        Arc::new(State::decode(encode_snapshot(&snapshot).into()).expect("a state"))
    };
    let states = [state(1), state(2)];
    let mut packer = Packer::new(config.archive);
    for secs in 0..4500_i64 {
        let (time, state) = (Timestamp { secs, nanos: 0 }, states[secs as usize % 2].clone());
        packer.add(Moment { time, state }).expect("add");
    }
    let segment = packer.finish().expect("a segment").expect("one");
    store.put(segment.name, &segment.bytes).expect("put");
    let text = exch.ok(&["snapshots", "--all"]);
    let heads: Vec<usize> = (text.lines().enumerate())
        .filter(|(_, line)| line.starts_with("TIME"))
        .map(|(number, _)| number)
        .collect();
    assert_eq!((heads, text.lines().count()), (vec![0, 2001, 4002], 4503));
    // Times are written in one way throughout.
    let times = |line: &str| line.starts_with("1970-01-01 0");
    assert_eq!(text.lines().filter(|line| times(line)).count(), 4500);
}

//! `snapshots`: arrays that are written as they come, and parts of the list.

#![cfg(target_os = "linux")]

mod common;

use common::Exch;
use serde_json::Value;

/// Two sources, a minute apart: minutes 0 to 3 without a change behind the first, 4 changed, 5 and 6 without.
fn filled() -> Exch {
    let exch = Exch::with_archive();
    for minute in 0..7 {
        exch.write("src/file", if minute < 4 { "one" } else { "another" });
        exch.write("other/file", "the same");
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

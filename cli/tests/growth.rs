//! `stats --growth`: what was added, by time and connector.

#![cfg(target_os = "linux")]

mod common;

use common::Exch;
use serde_json::Value;

fn filled() -> Exch {
    let exch = Exch::with_archive();
    exch.write("src/file", "one");
    let take = |time: &str| drop(exch.snapshot(&["src", "--time", time]));
    take("2019-05-11T23:58:00Z");
    take("2019-05-11T23:59:00Z");
    take("2019-05-12T00:00:00Z");
    exch.write("src/file", "another");
    take("2019-05-12T00:01:00Z");
    exch.write("other/file", "other");
    exch.snapshot(&["other", "--time", "2019-06-01T00:01:00Z"]);
    exch
}

fn numbers(rows: &[Value], name: &str) -> Vec<u64> {
    rows.iter()
        .map(|row| row[name].as_u64().expect("a number"))
        .collect()
}

#[test]
fn by_day_week_and_month() {
    let exch = filled();
    let by = |period: &str| exch.json_lines(&["stats", "--growth", "--by", period]);
    let days = by("day");
    assert_eq!(numbers(&days, "snapshots"), [2, 2, 1]);
    assert_eq!(numbers(&days, "changed"), [1, 1, 1]);
    assert_eq!(numbers(&days, "read_bytes"), [3, 7, 5]);
    assert!(numbers(&days, "stored_bytes").iter().all(|bytes| *bytes > 0));
    assert_eq!(
        (&days[0]["from"], &days[0]["to"]),
        (&"2019-05-11T00:00:00Z".into(), &"2019-05-12T00:00:00Z".into())
    );
    assert_eq!(numbers(&by("week"), "snapshots"), [4, 1]);
    assert_eq!(by("week")[0]["from"], "2019-05-06T00:00:00Z");
    assert_eq!(numbers(&by("month"), "snapshots"), [4, 1]);
    let text = exch.ok(&["stats", "--growth"]);
    assert!(text.starts_with("DAY") && text.contains("\ntotal"), "{text}");
}

#[test]
fn what_came_before_says_what_changed() {
    let exch = filled();
    let rows = exch.json_lines(&[
        "stats",
        "--growth",
        "--since",
        "2019-05-12T00:00:00Z",
        "--until",
        "2019-05-12",
    ]);
    assert_eq!(
        (numbers(&rows, "snapshots"), numbers(&rows, "changed")),
        (vec![2], vec![1])
    );
    assert_eq!(exch.run(&["stats", "--by", "week"]).code, 2);
}

#[test]
fn what_chooses_snapshots_is_for_growth() {
    let exch = filled();
    for option in ["--connector", "--host", "--path", "--tag", "--since", "--until"] {
        let ended = exch.run(&["stats", option, "2019-05-12"]);
        assert_eq!(ended.code, 2, "{option}: {ended:?}");
        assert!(ended.stderr.contains("--growth"), "{ended:?}");
    }
    let of_path = exch.json_lines(&["stats", "--growth", "--path", "other"]);
    assert_eq!(numbers(&of_path, "snapshots"), [1]);
}

#[test]
fn a_label_does_not_change_what_was_added() {
    let exch = Exch::with_archive();
    for (minute, content, tag) in [(0, "one", "a"), (1, "", "b"), (2, "two", "b"), (3, "", "a")] {
        if !content.is_empty() {
            exch.write("src/file", content);
        }
        let time = format!("2019-05-12T08:0{minute}:00Z");
        exch.snapshot(&["src", "--time", &time, "--tag", tag]);
    }
    let changed = |tag: &str| {
        let rows = exch.json_lines(&["stats", "--growth", "--tag", tag]);
        (numbers(&rows, "snapshots")[0], numbers(&rows, "changed")[0])
    };
    // The last one differs from the first, and not from the one before it.
    assert_eq!((changed("a"), changed("b")), ((2, 1), (2, 1)));
}

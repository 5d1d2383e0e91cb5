//! Taking and listing snapshots, and the JSON about it that scripts may count on.

#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use common::{Exch, Holds, assert_fields, ended_with_input, noise};
use serde_json::{Value, json};

const SNAPSHOT: &[(&str, Holds)] = &[
    ("id", Holds::Id),
    ("time", Holds::Time),
    ("host", Holds::Text),
    ("connector", Holds::TextOrNull),
    ("paths", Holds::Texts),
    ("tags", Holds::Texts),
    ("parent", Holds::IdOrNull),
    ("tick", Holds::Bool),
    ("files", Holds::Number),
    ("dirs", Holds::Number),
    ("bytes", Holds::Number),
    ("changed_files", Holds::Number),
    ("read_bytes", Holds::Number),
    ("new_objects", Holds::Number),
    ("stored_bytes", Holds::Number),
    ("torn", Holds::List),
    ("unreadable", Holds::List),
    ("seconds", Holds::Seconds),
];

const LISTED: &[(&str, Holds)] = &[
    ("id", Holds::Id),
    ("time", Holds::Time),
    ("host", Holds::Text),
    ("connector", Holds::TextOrNull),
    ("paths", Holds::Texts),
    ("tags", Holds::Texts),
    ("tick", Holds::Bool),
    ("files", Holds::Number),
    ("bytes", Holds::Number),
    ("stored_bytes", Holds::Number),
    ("torn", Holds::List),
];

/// Files old enough that nobody has to look into them twice.
fn settle() {
    std::thread::sleep(Duration::from_millis(20));
}

#[test]
fn snapshot() {
    let exch = Exch::with_archive();
    exch.write("src/a/small", "small");
    exch.write("src/large", noise(1, 700_000));
    fs::create_dir(exch.path("src/empty")).expect("make a folder");
    settle();
    let before = exch.segment_bytes();
    let args = [
        "snapshot",
        "src",
        "--host",
        "EXCH1",
        "--tag",
        "b",
        "--tag",
        "a",
        "--time",
        "2019-05-12T08:00:00Z",
    ];
    let first = exch.json(&args);
    assert_fields(&first, SNAPSHOT);
    let expected = json!({
        "time": "2019-05-12T08:00:00Z", "host": "EXCH1", "connector": null, "paths": [exch.at("src")],
        "tags": ["a", "b"], "parent": null, "tick": false, "files": 2, "dirs": 3, "bytes": 700_005,
        "changed_files": 2, "read_bytes": 700_005, "torn": [], "unreadable": [],
    });
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&first[field], value, "{field}");
    }
    assert_eq!(first["stored_bytes"], exch.segment_bytes() - before);
    assert!(first["new_objects"].as_u64() > Some(4));

    // Nothing changed: a tick that opens no file.
    let before = exch.segment_bytes();
    let tick = exch.json(&[
        "snapshot",
        "src",
        "--host",
        "EXCH1",
        "--time",
        "2019-05-12T08:01:00.5Z",
    ]);
    assert_eq!(tick["parent"], first["id"]);
    assert_eq!(
        (&tick["tick"], &tick["time"]),
        (&json!(true), &json!("2019-05-12T08:01:00.5Z"))
    );
    for (field, value) in [
        ("changed_files", 0),
        ("read_bytes", 0),
        ("new_objects", 1),
        ("files", 2),
    ] {
        assert_eq!(tick[field], value, "{field}");
    }
    assert_eq!(tick["stored_bytes"], exch.segment_bytes() - before);
    assert!(tick["stored_bytes"].as_u64() < Some(1500), "{tick}");

    // One file changed.
    exch.write("src/a/small", "changed");
    let before = exch.segment_bytes();
    let changed = exch.json(&[
        "snapshot",
        "src",
        "--host",
        "EXCH1",
        "--time",
        "2019-05-12T08:02:00Z",
    ]);
    assert_eq!(changed["parent"], tick["id"]);
    assert_eq!(
        (&changed["tick"], &changed["changed_files"]),
        (&json!(false), &json!(1))
    );
    assert_eq!(
        (&changed["read_bytes"], &changed["bytes"]),
        (&json!(7), &json!(700_007))
    );
    assert_eq!(changed["stored_bytes"], exch.segment_bytes() - before);

    // Another host's is another source.
    let other = exch.json(&["snapshot", "src", "--host", "EXCH2"]);
    assert_eq!((&other["parent"], &other["tick"]), (&Value::Null, &json!(false)));
    assert_eq!(other["new_objects"], 1);
}

#[test]
fn snapshot_of_several_paths_and_of_a_file() {
    let exch = Exch::with_archive();
    exch.write("x/y/deep", "1");
    exch.write("one", "22");
    let taken = exch.json(&["snapshot", "one", "x/../x/y", "--tag", "t"]);
    assert_eq!(taken["paths"], json!([exch.at("one"), exch.at("x/y")]));
    assert_eq!(exch.ok(&["ls", "latest"]), "one\ny\ny/deep\n");
    assert_eq!(exch.ok(&["cat", "latest:one"]), "22");
    // The order of the paths is nothing that a source is known by.
    let again = exch.json(&["snapshot", &exch.at("x/y/"), "./one"]);
    assert_eq!(again["parent"], taken["id"]);
    assert_eq!(again["tick"], true);
}

#[test]
fn snapshot_of_standard_input() {
    let exch = Exch::with_archive();
    let dump = noise(2, 600_000);
    let args = ["--json", "snapshot", "--stdin", "db.sql", "--host", "h"];
    let first = ended_with_input(exch.command(&args), &dump);
    assert_eq!(first.code, 0, "{first:?}");
    let first: Value = serde_json::from_str(&first.stdout).expect("a document");
    assert_fields(&first, SNAPSHOT);
    assert_eq!(
        (&first["files"], &first["bytes"], &first["dirs"]),
        (&json!(1), &json!(600_000), &json!(0))
    );
    assert_eq!(first["paths"], json!(["db.sql"]));
    exch.ok(&["restore", "latest:db.sql", "--to", "out"]);
    assert_eq!(fs::read(exch.path("out/db.sql")).expect("the file"), dump);
    let second = ended_with_input(exch.command(&args), &[dump, b"more".to_vec()].concat());
    let second: Value = serde_json::from_str(&second.stdout).expect("a document");
    assert_eq!(second["parent"], first["id"]);
    assert!(
        second["stored_bytes"].as_u64() < Some(300_000),
        "most of it was there: {second}"
    );
    let empty = ended_with_input(exch.command(&["snapshot", "--stdin", "nothing"]), b"");
    assert_eq!(empty.code, 0, "{empty:?}");
    assert_eq!(exch.ok(&["cat", "latest:nothing"]), "");
}

/// An archive with a run of ticks: at 8:00 and 8:04 something is new, at 8:01 to 8:03 and at 8:05 nothing.
fn with_runs() -> Exch {
    let exch = Exch::with_archive();
    exch.write("src/a", "one");
    for minute in 0..6 {
        if minute == 4 {
            exch.write("src/a", "four");
        }
        let tag = if minute == 4 { "changed" } else { "daily" };
        let time = format!("2019-05-12T08:0{minute}:00Z");
        exch.ok(&[
            "snapshot", "src", "--host", "EXCH1", "--time", &time, "--tag", tag,
        ]);
    }
    exch
}

#[test]
fn snapshots() {
    let exch = with_runs();
    let rows = exch.json(&["snapshots"]);
    let rows = rows.as_array().expect("an array");
    rows.iter().for_each(|row| assert_fields(row, LISTED));
    let runs: Vec<_> = rows
        .iter()
        .map(|row| (row["time"].as_str(), row["tick"].as_bool(), row["count"].as_u64()))
        .collect();
    let at = |time: &'static str| Some(time);
    assert_eq!(
        runs,
        [
            (at("2019-05-12T08:00:00Z"), Some(false), None),
            (at("2019-05-12T08:03:00Z"), Some(true), Some(3)),
            (at("2019-05-12T08:04:00Z"), Some(false), None),
            (at("2019-05-12T08:05:00Z"), Some(true), None),
        ]
    );
    assert_eq!(
        (rows[1]["first"].as_str(), rows[1]["last"].as_str()),
        (at("2019-05-12T08:01:00Z"), at("2019-05-12T08:03:00Z"))
    );
    for absent in ["first", "last", "count"] {
        assert!(rows[0].get(absent).is_none(), "{}", rows[0]);
    }
    let all = exch.json(&["snapshots", "--all"]);
    let all = all.as_array().expect("an array");
    assert_eq!(all.len(), 6);
    assert!(all.iter().all(|row| row.get("count").is_none()));
    assert_eq!(
        all.iter()
            .map(|row| row["id"].as_str())
            .collect::<BTreeSet<_>>()
            .len(),
        6
    );

    let minutes = |args: &[&str]| -> Vec<String> {
        let rows = exch.json(&[&["snapshots", "--all"], args].concat());
        let rows = rows.as_array().expect("an array").iter();
        rows.map(|row| row["time"].as_str().expect("a time")[14..16].to_owned())
            .collect()
    };
    assert_eq!(minutes(&["--last", "2"]), ["04", "05"]);
    assert_eq!(
        minutes(&[
            "--since",
            "2019-05-12T08:02:00Z",
            "--until",
            "2019-05-12T08:03:00Z"
        ]),
        ["02", "03"]
    );
    assert_eq!(minutes(&["--since", "2019-05-12T08:04:00Z"]), ["04", "05"]);
    assert_eq!(minutes(&["--until", "2019-05-11"]), [""; 0]);
    assert_eq!(minutes(&["--until", "2019-05-12", "--last", "1"]), ["05"]);
    assert_eq!(minutes(&["--tag", "changed"]), ["04"]);
    assert_eq!(minutes(&["--tag", "weekly"]), [""; 0]);
    assert_eq!(exch.run(&["snapshots", "--host", "EXCH2"]).code, 1);
    assert_eq!(minutes(&["--host", "EXCH1"]).len(), 6);
    assert_eq!(exch.json(&["snapshots", "--tag", "weekly"]), json!([]));
}

#[test]
fn snapshots_for_people() {
    let exch = with_runs();
    let printed = exch.ok(&["snapshots"]);
    let rows: Vec<Vec<&str>> = printed
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let src = exch.at("src");
    assert_eq!(
        rows[0],
        [
            "TIME", "(local)", "ID", "SOURCE", "TAGS", "FILES", "SIZE", "STORED"
        ]
    );
    assert_eq!(rows[1][..2], ["2019-05-12", "08:00"]);
    assert_eq!(rows[1][3..8], [&src, "daily", "1", "3", "B"]);
    assert_eq!(
        rows[2][..6],
        ["2019-05-12", "08:01", "–", "2019-05-12", "08:03", "×3"]
    );
    assert_eq!(rows[2].last(), Some(&"unchanged"));
    assert!(printed.lines().all(|line| line == line.trim_end()), "{printed}");
    let empty = Exch::with_archive().run(&["snapshots"]);
    assert_eq!(
        (empty.code, empty.stdout.as_str(), empty.stderr.as_str()),
        (0, "", "no snapshots\n")
    );
}

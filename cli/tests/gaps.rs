//! `snapshots --gaps`: when nobody looked.

#![cfg(target_os = "linux")]

mod common;

use common::Exch;
use serde_json::Value;

/// Snapshots of minutes 0, 1, 2, 6 and 7.
fn filled() -> Exch {
    let exch = Exch::with_archive();
    exch.write(
        "restante.toml",
        "[server]\nname = \"EXCH1\"\n[roots]\nexchsrvr = \"Exchsrvr\"\n",
    );
    exch.write("Exchsrvr/Conndata/Tables/gwcor.tbl", "table");
    for minute in [0, 1, 2, 6, 7] {
        let time = format!("2019-05-12T08:0{minute}:00Z");
        exch.snapshot(&["--connector", "conn-tables", "--time", &time]);
    }
    exch
}

fn gaps(exch: &Exch, args: &[&str]) -> Vec<Value> {
    let ended = exch.run(
        &[
            &["--json", "snapshots", "--gaps"],
            args,
            &["--until", "2019-05-12T08:07:30Z"],
        ]
        .concat(),
    );
    let found: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let found = found.as_array().expect("an array").clone();
    assert_eq!(ended.code, if found.is_empty() { 0 } else { 3 }, "{ended:?}");
    found
}

#[test]
fn from_one_snapshot_to_the_next() {
    let exch = filled();
    let found = gaps(&exch, &["--every", "1m"]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["from"], "2019-05-12T08:02:00Z");
    assert_eq!(found[0]["to"], "2019-05-12T08:06:00Z");
    assert_eq!(
        (&found[0]["seconds"], &found[0]["missed"]),
        (&240.into(), &3.into())
    );
    assert_eq!(
        (&found[0]["connector"], &found[0]["open"]),
        (&"conn-tables".into(), &false.into())
    );
    assert!(gaps(&exch, &["--every", "1m", "--tolerance", "3m"]).is_empty());
    assert!(gaps(&exch, &["--every", "1h"]).is_empty());
    assert_eq!(gaps(&exch, &["--every", "30s", "--tolerance", "1s"]).len(), 4);
}

#[test]
fn a_part_of_the_time() {
    let exch = filled();
    let found = gaps(&exch, &["--every", "1m", "--since", "2019-05-12T08:04:00Z"]);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0]["from"], &found[0]["seconds"]),
        (&"2019-05-12T08:04:00Z".into(), &120.into())
    );
    assert!(gaps(&exch, &["--every", "1m", "--since", "2019-05-12T08:06:00Z"]).is_empty());
}

#[test]
fn the_newest_is_long_ago() {
    let exch = filled();
    let ended = exch.run(&[
        "snapshots",
        "--gaps",
        "--every",
        "1m",
        "--connector",
        "conn-tables",
    ]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(
        ended.stdout.contains("open") && ended.stdout.contains("total"),
        "{ended:?}"
    );
}

#[test]
fn the_schedule_is_that_of_the_connector() {
    let exch = filled();
    // The connector is due every minute.
    let args = ["--connector", "conn-tables", "--config", "restante.toml"];
    assert_eq!(gaps(&exch, &args).len(), 1);
    assert_eq!(exch.run(&["snapshots", "--gaps", "--by-connector"]).code, 2);
    assert_eq!(exch.run(&["snapshots", "--every", "1m"]).code, 2);
    assert_eq!(exch.run(&["snapshots", "--gaps", "--last", "3"]).code, 2);
}

#[test]
fn machines_and_paths_are_told_apart() {
    let exch = Exch::with_archive();
    exch.write("a\\b/file", "one");
    for host in ["A", "B"] {
        for minute in [0, 5] {
            let time = format!("2019-05-12T08:0{minute}:00Z");
            exch.snapshot(&["a\\b", "--host", host, "--time", &time]);
        }
    }
    let found = gaps(&exch, &["--every", "1m", "--tolerance", "3m"]);
    assert_eq!(found.len(), 2);
    // As `snapshots` has it.
    let path = exch.at("a\\b");
    assert_eq!(found[0]["paths"][0], path.as_str());
    assert_eq!(exch.json(&["snapshots"])[0]["paths"][0], path.as_str());
    let options = ["--every", "1m", "--until", "2019-05-12T08:05:30Z"];
    let text = |more: &[&str]| {
        exch.run(&[&["snapshots", "--gaps"], &options[..], more].concat())
            .stdout
    };
    let both = text(&[]);
    let mut lines: Vec<&str> = both.lines().collect();
    assert!(lines[0].contains("HOST"), "{both}");
    lines.dedup();
    assert_eq!(lines.len(), 4, "{both}");
    let one = text(&["--host", "A"]);
    assert!(!one.contains("HOST") && one.lines().count() == 2, "{one}");
    assert_eq!(text(&["--path", "a\\b"]), both);
    assert_eq!(exch.run(&["snapshots", "--gaps", "--path", "a\\b"]).code, 2);
    let typo = exch.run(&["snapshots", "--gaps", "--every", "1m", "--path", "a/b"]);
    assert_eq!(typo.code, 1, "{typo:?}");
}

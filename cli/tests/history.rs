//! `history`: every version of one path.

#![cfg(target_os = "linux")]

mod common;

use common::Exch;
use serde_json::Value;

/// Snapshots of a connector and of `src`, a minute apart in 2019: the table has the first content twice, then another one,
/// is gone, and comes back with the first one.
fn filled() -> (Exch, Vec<String>) {
    let exch = Exch::with_archive();
    exch.write("restante.toml", "[roots]\nexchsrvr = \"Exchsrvr\"\n");
    exch.write("Exchsrvr/Conndata/Tables/other.tbl", "other");
    let table = exch.path("Exchsrvr/Conndata/Tables/gwcor.tbl");
    let contents = [Some("one"), Some("one"), Some("another"), None, Some("one")];
    let mut ids = Vec::new();
    for (minute, content) in contents.into_iter().enumerate() {
        match content {
            Some(content) => drop(exch.write("Exchsrvr/Conndata/Tables/gwcor.tbl", content)),
            None => std::fs::remove_file(&table).expect("remove"),
        }
        let time = format!("2019-05-12T08:0{minute}:00Z");
        ids.push(exch.snapshot(&["--connector", "conn-tables", "--time", &time]));
        exch.write("src/minute", minute.to_string());
        exch.snapshot(&["src", "--time", &time]);
    }
    (exch, ids)
}

fn column<'v>(versions: &'v [Value], name: &str) -> Vec<&'v Value> {
    versions.iter().map(|version| &version[name]).collect()
}

#[test]
fn versions_and_the_time_in_which_it_was_gone() {
    let (exch, ids) = filled();
    let path = "/conn-tables/conndata/Tables/gwcor.tbl";
    let versions = exch.json_lines(&["history", path]);
    assert_eq!(column(&versions, "type"), ["file", "file", "gone", "file"]);
    assert_eq!(column(&versions, "snapshots"), [2, 1, 1, 1]);
    assert_eq!(
        column(&versions, "first_snapshot"),
        [&ids[0], &ids[2], &ids[3], &ids[4]]
    );
    assert_eq!(versions[0]["last_snapshot"], ids[1].as_str());
    assert_eq!(
        (&versions[0]["first"], &versions[0]["last"]),
        (&"2019-05-12T08:00:00Z".into(), &"2019-05-12T08:01:00Z".into())
    );
    assert_eq!(
        (&versions[1]["size"], &versions[2]["size"]),
        (&7.into(), &Value::Null)
    );
    assert_eq!(versions[0]["id"], versions[3]["id"]);
    assert_ne!(versions[0]["id"], versions[1]["id"]);
    assert_eq!(versions[0]["path"], path.trim_start_matches('/'));
    let text = exch.ok(&["history", path]);
    assert_eq!(text.lines().count(), 5, "{text}");
    assert!(
        text.contains("gone") && text.contains("2019-05-12 08:03:00"),
        "{text}"
    );
}

#[test]
fn the_ways_to_name_a_path() {
    let (exch, _) = filled();
    let wanted = exch.ok(&["history", "/conn-tables/conndata/Tables/gwcor.tbl"]);
    for args in [
        &["history", "conn-tables@:conndata/Tables/gwcor.tbl"][..],
        &[
            "history",
            "conndata/Tables/gwcor.tbl",
            "--connector",
            "conn-tables",
        ],
        &["history", "conndata/Tables/gwcor.tbl"],
        &["history", "conn-tables@:CONNDATA/tables/GWCOR.TBL"],
    ] {
        assert_eq!(exch.ok(args), wanted, "{args:?}");
    }
    let ended = exch.run(&["history", "conn-tables@:conndata/Tables/gwcor.tbx"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stderr.contains("is in none of the snapshots"), "{ended:?}");
    assert!(ended.stderr.contains("did you mean"), "{ended:?}");
    assert_eq!(exch.run(&["history", "nobody@:a"]).code, 1);
    assert_eq!(exch.run(&["history", "src/../a"]).code, 1);
    assert_eq!(exch.run(&["history", "/"]).code, 1);
}

#[test]
fn a_part_of_the_time() {
    let (exch, ids) = filled();
    let path = "conn-tables@:conndata/Tables/gwcor.tbl";
    let of = |options: &[&str]| exch.json_lines(&[&["history", path], options].concat());
    let late = of(&[
        "--since",
        "2019-05-12T08:01:00Z",
        "--until",
        "2019-05-12T08:02:00Z",
    ]);
    assert_eq!(column(&late, "first_snapshot"), [&ids[1], &ids[2]]);
    // It is not gone before it was there.
    let late = of(&["--since", "2019-05-12T08:03:00Z"]);
    assert_eq!(column(&late, "type"), ["file"]);
    assert_eq!(exch.run(&["history", path, "--host", "nobody"]).code, 1);
}

#[test]
fn metadata_makes_versions_only_where_it_is_asked_for() {
    use std::os::unix::fs::PermissionsExt;
    let exch = Exch::with_archive();
    for (minute, mode) in [(0, 0o644), (1, 0o600), (2, 0o600)] {
        let path = exch.write("src/file", "same");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("mode");
        let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_500_000_000);
        let file = std::fs::File::options().write(true).open(&path).expect("open");
        file.set_modified(old).expect("set the time");
        exch.write("src/other", minute.to_string());
        exch.snapshot(&["src", "--time", &format!("2019-05-12T08:0{minute}:00Z")]);
    }
    let by_content = exch.json_lines(&["history", "src/file"]);
    assert_eq!(column(&by_content, "snapshots"), [3]);
    let by_all = exch.json_lines(&["history", "src/file", "--metadata"]);
    assert_eq!(column(&by_all, "mode"), ["0644", "0600"]);
    assert_eq!(column(&by_all, "snapshots"), [1, 2]);
    // What a directory holds changes with anything below it.
    assert_eq!(exch.json_lines(&["history", "src"]).len(), 3);
    assert_eq!(exch.run(&["history", "src/file/below"]).code, 1);
}

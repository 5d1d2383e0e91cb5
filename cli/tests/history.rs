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
    let path = "/conn-tables/tables/gwcor.tbl";
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
    let wanted = exch.ok(&["history", "/conn-tables/tables/gwcor.tbl"]);
    for args in [
        &["history", "conn-tables@:tables/gwcor.tbl"][..],
        &["history", "tables/gwcor.tbl", "--connector", "conn-tables"],
        &["history", "tables/gwcor.tbl"],
        &["history", "conn-tables@:TABLES/GWCOR.TBL"],
    ] {
        assert_eq!(exch.ok(args), wanted, "{args:?}");
    }
    let ended = exch.run(&["history", "conn-tables@:tables/gwcor.tbx"]);
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
    let path = "conn-tables@:tables/gwcor.tbl";
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

#[test]
fn what_is_gone_is_found_in_any_case_too() {
    let (exch, ids) = filled();
    std::fs::remove_file(exch.path("Exchsrvr/Conndata/Tables/gwcor.tbl")).expect("remove");
    exch.snapshot(&["--connector", "conn-tables", "--time", "2019-05-12T09:00:00Z"]);
    let wanted = exch.ok(&["history", "conn-tables@:tables/gwcor.tbl"]);
    assert_eq!(exch.ok(&["history", "conn-tables@:TABLES/GWCOR.TBL"]), wanted);
    assert!(wanted.contains(&ids[0][..8]), "{wanted}");
    // Not where it was there only before.
    let late = ["--since", "2019-05-12T08:30:00Z"];
    let ended = exch.run(&[&["history", "conn-tables@:TABLES/GWCOR.TBL"], &late[..]].concat());
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.stderr.contains("is in none of the snapshots\n"),
        "{ended:?}"
    );
}

#[test]
fn damage_is_not_taken_for_absence() {
    let exch = Exch::with_archive();
    exch.write("restante.toml", "[roots]\nexchsrvr = \"Exchsrvr\"\n");
    exch.write("Exchsrvr/Conndata/Tables/gwcor.tbl", "one");
    // The directory is stored with this snapshot, and used again by the one of the connector.
    exch.snapshot(&["Exchsrvr/Conndata/Tables"]);
    let damaged = exch.data_segments();
    exch.snapshot(&["--connector", "conn-tables"]);
    for path in damaged {
        let mut bytes = std::fs::read(&path).expect("read a segment");
        let end = bytes.len() - 400;
        bytes[150..end].iter_mut().for_each(|byte| *byte ^= 0x55);
        std::fs::write(&path, bytes).expect("write it");
    }
    let ended = exch.run(&["history", "conn-tables@:TABLES/GWCOR.TBL"]);
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("is in none of the snapshots that can be read: "),
        "{ended:?}"
    );
}

#[test]
fn snapshots_with_a_label_or_of_a_path() {
    let exch = Exch::with_archive();
    for (minute, content, tag) in [(0, "one", "a"), (1, "two", "b"), (2, "one", "a")] {
        exch.write("src/file", content);
        exch.write("other/src/file", "other");
        let time = format!("2019-05-12T08:0{minute}:00Z");
        exch.snapshot(&["src", "--time", &time, "--tag", tag]);
        exch.snapshot(&["other/src", "--time", &time]);
    }
    let of = |options: &[&str]| exch.json_lines(&[&["history", "src/file"], options].concat());
    assert_eq!(column(&of(&["--path", "src"]), "snapshots"), [1, 1, 1]);
    assert_eq!(column(&of(&["--path", "other/src"]), "snapshots"), [3]);
    assert_eq!(of(&["--path", "src", "--path", "other/src"]).len(), 4);
    assert_eq!(column(&of(&["--tag", "a"]), "snapshots"), [2]);
    assert_eq!(of(&["--path", "src"])[0]["paths"][0], exch.at("src").as_str());
}

//! Looking into snapshots, comparing, restoring and verifying them, and the JSON about it that scripts may count on.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::io::{Seek, SeekFrom, Write};

use common::{Exch, Holds, assert_fields, noise};
use restante_tests::compare::differences;
use serde_json::json;

#[test]
fn ls() {
    let exch = Exch::with_archive();
    exch.write("src/mail/inbox", "12345");
    exch.write("src/note", "");
    std::os::unix::fs::symlink("note", exch.path("src/link")).expect("make a link");
    exch.ok(&["snapshot", "src"]);
    assert_eq!(
        exch.ok(&["ls", "latest"]),
        "src\nsrc/link\nsrc/mail\nsrc/mail/inbox\nsrc/note\n"
    );
    assert_eq!(exch.ok(&["ls", "latest", "--depth", "1"]), "src\n");
    assert_eq!(exch.ok(&["ls", "latest:src/mail"]), "src/mail/inbox\n");
    assert_eq!(
        exch.ok(&["ls", "latest:/src/", "--depth", "1"]),
        "src/link\nsrc/mail\nsrc/note\n"
    );
    assert_eq!(exch.ok(&["ls", "latest:src/note"]), "src/note\n");
    let lines = exch.json_lines(&["ls", "latest"]);
    assert_eq!(lines.len(), 5);
    for line in &lines {
        let fields = [
            ("path", Holds::Text),
            ("type", Holds::Text),
            ("size", Holds::Number),
            ("mode", Holds::Text),
            ("mtime", Holds::Time),
            ("torn", Holds::Bool),
        ];
        assert_fields(line, &fields);
    }
    let types: Vec<_> = lines
        .iter()
        .map(|line| line["type"].as_str().expect("a type"))
        .collect();
    assert_eq!(types, ["dir", "symlink", "dir", "file", "file"]);
    let inbox = &lines[3];
    assert_eq!(
        (&inbox["path"], &inbox["size"], &inbox["torn"]),
        (&json!("src/mail/inbox"), &json!(5), &json!(false))
    );
    let long = exch.ok(&["ls", "-l", "latest:src/mail"]);
    assert!(long.starts_with("-rw-r--r-- "), "{long}");
    assert!(
        long.contains(" 5 B ") && long.ends_with(" src/mail/inbox\n"),
        "{long}"
    );
}

#[test]
fn cat() {
    let exch = Exch::with_archive();
    let large = noise(3, 3_000_000);
    exch.write("src/large", &large);
    let sparse = exch.write("src/sparse", "begin");
    let mut file = fs::OpenOptions::new().write(true).open(&sparse).expect("open");
    file.seek(SeekFrom::Start(5_000_000)).expect("seek");
    file.write_all(b"end").expect("write");
    file.set_len(6_000_000).expect("a hole at the end");
    exch.ok(&["snapshot", "src"]);
    for name in ["large", "sparse"] {
        let output = exch
            .command(&["cat", &format!("latest:src/{name}")])
            .output()
            .expect("run");
        assert_eq!(output.status.code(), Some(0));
        let expected = fs::read(exch.path("src").join(name)).expect("read the source");
        assert!(output.stdout == expected, "{name}: {} bytes", output.stdout.len());
    }
}

#[test]
fn diff() {
    let exch = Exch::with_archive();
    for (path, contents) in [
        ("kept", "1"),
        ("gone", "1"),
        ("changed", "1"),
        ("turned", "1"),
        ("dir/x", "1"),
        ("mode", "1"),
    ] {
        exch.write(&format!("src/{path}"), contents);
    }
    exch.snapshot(&["src"]);
    fs::remove_file(exch.path("src/gone")).expect("remove");
    fs::remove_file(exch.path("src/turned")).expect("remove");
    std::os::unix::fs::symlink("kept", exch.path("src/turned")).expect("make a link");
    exch.write("src/changed", "22");
    exch.write("src/dir/new/y", "333");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(exch.path("src/mode"), mode).expect("set permissions");
    exch.snapshot(&["src"]);
    let ended = exch.run(&["diff", "latest~1", "latest"]);
    assert_eq!(ended.code, 0);
    assert_eq!(
        ended.stdout,
        "U src/\nM src/changed\nU src/dir/\n+ src/dir/new/\n+ src/dir/new/y\n- src/gone\nU src/mode\nT src/turned\n"
    );
    let totals = "2 added (3 B), 1 removed (1 B), 2 modified (2 B → 2 B), 3 metadata only\n";
    assert_eq!(ended.stderr, totals);
    let content_only = exch.ok(&["diff", "latest~1", "latest", "--content-only"]);
    assert!(
        !content_only.contains("U ") && content_only.lines().count() == 5,
        "{content_only}"
    );
    assert_eq!(exch.ok(&["diff", "latest~1", "latest", "--summary"]), totals);
    let summary = exch.json(&["diff", "latest~1", "latest", "--summary"]);
    assert_eq!(
        (&summary["added_bytes"], &summary["metadata"]),
        (&json!(3), &json!(3))
    );
    let back = exch.ok(&["diff", "latest", "latest~1"]);
    assert!(
        back.contains("- src/dir/new/\n") && back.contains("+ src/gone\n"),
        "{back}"
    );
    let lines = exch.json_lines(&["diff", "latest~1", "latest"]);
    let words: Vec<_> = lines
        .iter()
        .map(|line| line["change"].as_str().expect("a word"))
        .collect();
    assert_eq!(
        words,
        [
            "metadata", "modified", "metadata", "added", "added", "removed", "metadata", "type"
        ]
    );
    assert_eq!(
        lines[1],
        json!({"path": "src/changed", "change": "modified", "type": "file", "size_before": 1, "size_after": 2})
    );
    assert_eq!(
        lines[4],
        json!({"path": "src/dir/new/y", "change": "added", "type": "file", "size_after": 3})
    );
    let inside = exch.ok(&["diff", "latest~1:src/dir", "latest:src/dir"]);
    assert_eq!(inside, "+ new/\n+ new/y\n");
    assert_eq!(exch.ok(&["diff", "latest", "latest"]), "");
}

#[test]
fn restore() {
    let exch = Exch::with_archive();
    exch.write("src/mail/inbox", noise(4, 100_000));
    exch.write("src/note", "x");
    let id = exch.snapshot(&["src"]);
    let dry = exch.json(&["restore", "latest", "--to", "dry", "--dry-run"]);
    assert_eq!(
        (&dry["dry_run"], &dry["files"], &dry["bytes"]),
        (&json!(true), &json!(2), &json!(100_001))
    );
    assert!(!exch.path("dry").exists());
    let report = exch.json(&["restore", "latest", "--to", "out"]);
    let expected = json!({
        "snapshot": id, "to": "out", "dry_run": false, "files": 2, "dirs": 2, "bytes": 100_001, "torn": [], "failed": [],
    });
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&report[field], value, "{field}");
    }
    assert_fields(&report, &[("seconds", Holds::Seconds)]);
    assert_eq!(
        differences(&exch.path("src"), &exch.path("out/src")).expect("compare"),
        []
    );
    exch.ok(&["restore", "latest:src/mail", "--to", "part"]);
    assert_eq!(exch.names("part"), ["mail"]);
    exch.ok(&["restore", "latest:src/mail/inbox", "--to", "one"]);
    assert_eq!(exch.names("one"), ["inbox"]);
    let text = exch.ok(&["restore", "latest", "--to", "text"]);
    let short = &id[..8];
    let expected = format!("restored 2 files and 2 directories, 100.0 KB, from {short} (");
    assert!(
        text.starts_with(&expected) && text.contains(") to text in "),
        "{text}"
    );
}

#[test]
fn restoring_over_what_is_there() {
    let exch = Exch::with_archive();
    exch.write("src/a", "archived");
    exch.write("src/b", "archived");
    exch.ok(&["snapshot", "src"]);
    let read = |name: &str| fs::read_to_string(exch.path("out/src").join(name)).expect("read");
    exch.write("out/src/a", "mine");
    exch.write("out/src/own", "mine");
    let never = exch.json(&["restore", "latest", "--to", "out", "--overwrite", "never"]);
    assert!(never["kept"].as_u64() >= Some(1), "{never}");
    assert_eq!([read("a"), read("b"), read("own")], ["mine", "archived", "mine"]);
    exch.ok(&["restore", "latest", "--to", "out", "--overwrite", "changed"]);
    assert_eq!(
        [read("a"), read("b"), read("own")],
        ["archived", "archived", "mine"]
    );
    exch.write("out/src/b", "x");
    exch.ok(&["restore", "latest", "--to", "out", "--overwrite", "always"]);
    assert_eq!(
        [read("a"), read("b"), read("own")],
        ["archived", "archived", "mine"]
    );
}

#[test]
fn verify_and_stats() {
    let exch = Exch::with_archive();
    for number in 0..6 {
        exch.write("src/a", if number < 4 { "one" } else { "four" });
        exch.ok(&["snapshot", "src", "--host", "EXCH1"]);
    }
    exch.write("src/large", noise(5, 400_000));
    exch.ok(&["snapshot", "src", "--host", "EXCH1"]);
    let report = exch.json(&["verify"]);
    let fields = [
        ("objects", Holds::Number),
        ("bytes", Holds::Number),
        ("segments", Holds::Number),
        ("seconds", Holds::Seconds),
        ("damaged", Holds::List),
        ("coverage", Holds::Object),
    ];
    assert_fields(&report, &fields);
    assert_eq!(report["damaged"], json!([]));
    assert_eq!(report["coverage"]["level"], "full");
    assert_eq!(
        report["coverage"]["fraction"], 1.0,
        "a full verify has read everything"
    );
    let quick = exch.json(&["verify", "--quick"]);
    assert_fields(&quick, &fields);
    assert!(
        quick["bytes"].as_u64() < report["bytes"].as_u64(),
        "{quick} {report}"
    );
    let text = exch.run(&["verify"]);
    assert!(text.stdout.contains("7 snapshots: all intact, "), "{text:?}");

    let stats = exch.json(&["stats"]);
    let fields = [
        "snapshots",
        "segments",
        "objects",
        "plain_bytes",
        "unique_bytes",
        "stored_bytes",
    ];
    assert_eq!(stats.as_object().map(|map| map.len()), Some(fields.len()));
    assert_fields(&stats, &fields.map(|field| (field, Holds::Number)));
    assert_eq!(stats["snapshots"], 7);
    assert_eq!(stats["segments"], exch.names("archive/segments").len());
    let config = fs::metadata(exch.path("archive/config"))
        .expect("the config")
        .len();
    assert_eq!(stats["stored_bytes"], exch.segment_bytes() + config);
    assert_eq!(stats["plain_bytes"], 4 * 3 + 2 * 4 + 400_004);
    assert_eq!(stats["objects"], report["objects"]);
    exch.ok(&["stats"]);
}

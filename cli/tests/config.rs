//! The configuration file, and the connectors that it configures.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::path::Path;

use common::{Ended, Exch, ended};
use restante_tests::compare::differences;
use restante_tests::workload::{CCMAIL, CONNDATA, MAILDATA, NOTES, TABLES, Workload};
use serde_json::{Value, json};

const CONNECTORS: [&str; 7] = [
    "ms-mail",
    "cc-mail",
    "lotus-notes",
    "groupwise",
    "conn-tables",
    "system-state",
    "storage-groups",
];

/// A server with all connectors, configured in `restante.toml`, which lies in the working folder.
fn server() -> Exch {
    let exch = Exch::new();
    Workload::tiny()
        .create(&exch.path("exch1"))
        .expect("make the workload");
    exch.write(
        "restante.toml",
        "archive = \"archive\"\n[server]\nname = \"EXCH1\"\n[roots]\nexchsrvr = \"exch1/Exchsrvr\"\n\
         notes = \"exch1/Lotus/Notes\"\nccmail = \"exch1/ccmail\"\ngroupwise-api = \"exch1/WPDOMAIN/WPGATE/API\"\n\
         backups = \"exch1/backups\"\n",
    );
    exch
}

/// The program without `-a`.
fn run(exch: &Exch, args: &[&str]) -> Ended {
    ended(exch.bare(args))
}

#[track_caller]
fn ok(exch: &Exch, args: &[&str]) -> String {
    let ended = run(exch, args);
    assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
    ended.stdout
}

#[track_caller]
fn document(exch: &Exch, args: &[&str]) -> Value {
    serde_json::from_str(&ok(exch, &[&["--json"], args].concat())).expect("a document")
}

#[test]
fn the_nearest_configuration_counts() {
    let exch = Exch::new();
    for (file, archive) in [
        ("home/.config/restante/restante.toml", "of-user"),
        ("xdg/restante/restante.toml", "of-xdg"),
        ("restante.toml", "of-folder"),
        ("named/by-variable.toml", "of-variable"),
        ("named/by-option.toml", "of-option"),
    ] {
        exch.write(file, format!("archive = \"{archive}\"\n"));
    }
    let missing = |mut command: std::process::Command, variables: &[(&str, &str)]| {
        for (name, value) in variables {
            command.env(name, exch.path(value));
        }
        let ended = ended(command);
        let stderr = exch.normal(&ended.stderr);
        let named = stderr
            .strip_prefix("error: there is no archive at DIR/")
            .expect("no archive");
        named.lines().next().unwrap_or_default().to_owned()
    };
    let variable = ("RESTANTE_CONFIG", "named/by-variable.toml");
    let option = exch.at("named/by-option.toml");
    let stats = || exch.bare(&["stats"]);
    // A relative path is relative to the file that says it.
    assert_eq!(
        missing(exch.bare(&["stats", "--config", &option]), &[variable]),
        "named/of-option"
    );
    assert_eq!(missing(stats(), &[variable]), "named/of-variable");
    assert_eq!(missing(stats(), &[]), "of-folder");
    fs::remove_file(exch.path("restante.toml")).expect("remove");
    assert_eq!(missing(stats(), &[]), "home/.config/restante/of-user");
    assert_eq!(
        missing(stats(), &[("XDG_CONFIG_HOME", "xdg")]),
        "xdg/restante/of-xdg"
    );
    // What names the archive itself goes before every file.
    let archive = ("RESTANTE_ARCHIVE", "of-archive-variable");
    assert_eq!(missing(stats(), &[archive]), "of-archive-variable");
    let given = exch.at("of-archive-option");
    assert_eq!(
        missing(exch.bare(&["stats", "-a", &given]), &[archive]),
        "of-archive-option"
    );
}

#[test]
fn every_configured_connector() {
    let exch = server();
    let taken = document(&exch, &["snapshot", "--init"]);
    let taken = taken.as_array().expect("an array");
    let names: Vec<_> = taken
        .iter()
        .map(|one| one["connector"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, CONNECTORS);
    for one in taken {
        assert_eq!(
            (&one["host"], &one["tick"], &one["parent"]),
            (&json!("EXCH1"), &json!(false), &Value::Null)
        );
    }
    assert_eq!(taken[0]["paths"], json!([exch.at(&format!("exch1/{MAILDATA}"))]));
    let paths = json!([
        exch.at(&format!("exch1/{CONNDATA}")),
        exch.at(&format!("exch1/{NOTES}"))
    ]);
    assert_eq!(taken[2]["paths"], paths);
    // Each below its connector and root, and as it is.
    for (connector, root, source) in [
        ("ms-mail", "maildata", MAILDATA),
        ("lotus-notes", "conndata", CONNDATA),
        ("lotus-notes", "notes", NOTES),
        ("groupwise", "conndata", CONNDATA),
        ("conn-tables", "tables", TABLES),
    ] {
        let to = format!("out/{connector}-{root}");
        ok(&exch, &["restore", &format!("{connector}@latest"), "--to", &to]);
        let copy = exch.path(&to).join(connector).join(root);
        assert_eq!(
            differences(&exch.path("exch1").join(source), &copy).expect("compare"),
            [],
            "{connector}"
        );
    }
    let programs = ok(&exch, &["ls", "cc-mail@latest"]);
    let source = exch.path("exch1").join(CCMAIL);
    assert!(
        source.join("Ccmcdata").is_dir(),
        "the workload has what is left out"
    );
    assert!(!programs.contains("Ccmcdata"), "{programs}");
    for entry in fs::read_dir(source)
        .expect("read")
        .map(|entry| entry.expect("an entry").file_name())
    {
        let name = entry.to_string_lossy();
        assert!(
            name == "Ccmcdata" || programs.contains(&format!("cc-mail/programs/{name}\n")),
            "{name}: {programs}"
        );
    }
    // Both keep all of what Backup wrote: it lies in one folder.
    for connector in ["system-state", "storage-groups"] {
        let kept = ok(&exch, &["ls", &format!("{connector}@latest:{connector}/backups")]);
        assert!(kept.lines().count() > 0, "{connector}");
        let is_wanted = |path: &str| {
            let path = path.to_lowercase();
            path.ends_with(".bkf") || path.ends_with(".reg")
        };
        assert!(kept.lines().all(is_wanted), "{connector}: {kept}");
    }
    let again = document(&exch, &["snapshot"]);
    for (one, before) in again.as_array().expect("an array").iter().zip(taken) {
        assert_eq!(
            (&one["tick"], &one["parent"]),
            (&json!(true), &before["id"]),
            "{one}"
        );
    }
    ok(&exch, &["verify"]);
}

#[test]
fn connectors_by_name() {
    let exch = server();
    ok(&exch, &["init"]);
    let one = document(&exch, &["snapshot", "--connector", "conn-tables"]);
    assert_eq!(
        (&one["connector"], &one["files"]),
        (&json!("conn-tables"), &json!(4))
    );
    // Each once, in the order of the names that were given.
    let two = document(
        &exch,
        &[
            "snapshot",
            "--connector",
            "groupwise",
            "--connector",
            "ms-mail",
            "--connector",
            "groupwise",
        ],
    );
    let names: Vec<_> = two
        .as_array()
        .expect("an array")
        .iter()
        .map(|one| one["connector"].as_str())
        .collect();
    assert_eq!(names, [Some("groupwise"), Some("ms-mail")]);
    let rows = document(&exch, &["snapshots", "--connector", "groupwise"]);
    assert_eq!(
        (rows.as_array().map(Vec::len), &rows[0]["connector"]),
        (Some(1), &json!("groupwise"))
    );
    let table = ok(&exch, &["snapshots", "--connector", "groupwise"]);
    assert!(!table.contains("SOURCE"), "{table}");
    let text = ok(
        &exch,
        &[
            "snapshot",
            "--connector",
            "conn-tables",
            "--connector",
            "lotus-notes",
        ],
    );
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("conn-tables  ") && lines[0].contains("4 files"),
        "{text}"
    );
    assert!(lines[1].starts_with("lotus-notes  "), "{text}");
    assert_eq!(lines.len(), 2);
    // --host goes before the configured name.
    let host = document(
        &exch,
        &["snapshot", "--connector", "conn-tables", "--host", "OTHER"],
    );
    assert_eq!(host["host"], "OTHER");
}

fn rename(exch: &Exch, from: &str, to: &str) {
    fs::rename(exch.path(from), exch.path(to)).expect("rename");
}

#[test]
fn names_in_any_case() {
    let exch = server();
    ok(&exch, &["init"]);
    let before = document(&exch, &["snapshot", "--connector", "ms-mail"]);
    rename(
        &exch,
        "exch1/Exchsrvr/Connect/Msmcon/Maildata",
        "exch1/Exchsrvr/Connect/Msmcon/MAILDATA",
    );
    rename(&exch, "exch1/Exchsrvr/Connect", "exch1/Exchsrvr/connect");
    let after = document(&exch, &["snapshot", "--connector", "ms-mail"]);
    assert_eq!(
        after["paths"],
        json!([exch.at("exch1/Exchsrvr/connect/Msmcon/MAILDATA")])
    );
    assert_eq!(
        (&after["files"], &after["bytes"]),
        (&before["files"], &before["bytes"])
    );
    // On a system that keeps them apart, both may be there: nobody can know which is meant.
    exch.write("exch1/Exchsrvr/connect/Msmcon/Maildata/x", "x");
    let both = run(&exch, &["snapshot", "--connector", "ms-mail"]);
    assert_eq!(both.code, 1, "{both:?}");
    assert_eq!(
        exch.normal(&both.stderr),
        "error: connector ms-mail: root `maildata`: DIR/exch1/Exchsrvr/connect/Msmcon holds both \"MAILDATA\" and \
         \"Maildata\"\n  its system sees one directory in them: merge them, or name the right one with \
         [connector.ms-mail.roots] maildata = \"…\"\n"
    );
}

#[test]
fn one_connector_that_fails_does_not_stop_the_others() {
    let exch = server();
    ok(&exch, &["init"]);
    fs::remove_dir_all(exch.path("exch1/Lotus")).expect("remove");
    let ended = run(&exch, &["--json", "snapshot"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let stderr = exch.normal(&ended.stderr);
    let failed = "error: connector lotus-notes: the place `notes` is not there: DIR/exch1/Lotus/Notes\n  \
                  is it mounted? [roots] names it: DIR/restante.toml: line 6, column 1\n";
    assert!(
        stderr.contains(&failed.replace("DIR/restante.toml", "restante.toml")),
        "{stderr}"
    );
    let taken: Value = serde_json::from_str(&ended.stdout).expect("a document");
    let names: Vec<_> = taken
        .as_array()
        .expect("an array")
        .iter()
        .map(|one| one["connector"].as_str())
        .collect();
    let others: Vec<_> = CONNECTORS
        .into_iter()
        .filter(|name| *name != "lotus-notes")
        .map(Some)
        .collect();
    assert_eq!(names, others);
    let asked_for = run(&exch, &["snapshot", "--connector", "lotus-notes"]);
    assert_eq!((asked_for.code, asked_for.stdout.as_str()), (1, ""));
}

#[test]
fn a_document_for_scripts_is_an_array_wherever_several_were_asked_for() {
    let exch = server();
    ok(&exch, &["init"]);
    fs::remove_dir_all(exch.path("exch1/Lotus")).expect("remove");
    for gone in ["Conndata", "Connect"] {
        fs::remove_dir_all(exch.path("exch1/Exchsrvr").join(gone)).expect("remove");
    }
    exch.write(
        "restante.toml",
        "archive = \"archive\"\n[roots]\nexchsrvr = \"exch1/Exchsrvr\"\nccmail = \"exch1/ccmail\"\nnotes = \"exch1/Lotus\"\n",
    );
    // One of two can be taken, and the other is an error: a script that asked for all gets an array all the same.
    let ended = run(&exch, &["--json", "snapshot"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let taken: Value = serde_json::from_str(&ended.stdout).expect("a document");
    assert!(taken.is_array(), "{taken}");
}

#[test]
fn profiles_of_the_users_own() {
    let exch = Exch::with_archive();
    exch.write("guests/book", "x");
    exch.write("guests/book.tmp", "x");
    exch.write(
        "restante.toml",
        "[profile.guestbook]\nexclude = [\"*.tmp\"]\n[[profile.guestbook.root]]\nname = \"data\"\npath = \"guests\"\n",
    );
    exch.write(
        "profiles/wiki.toml",
        "name = \"wiki\"\n[[root]]\nname = \"pages\"\npath = \"guests\"\n",
    );
    let taken = exch.json(&["snapshot"]);
    let names: Vec<_> = taken
        .as_array()
        .expect("an array")
        .iter()
        .map(|one| one["connector"].as_str())
        .collect();
    assert_eq!(names, [Some("guestbook"), Some("wiki")]);
    assert_eq!(
        exch.ok(&["ls", "guestbook@latest"]),
        "guestbook\nguestbook/data\nguestbook/data/book\n"
    );
}

#[test]
fn connectors() {
    let exch = server();
    let list = document(&exch, &["connectors"]);
    let list = list.as_array().expect("an array");
    assert_eq!(
        list.iter()
            .map(|one| one["name"].as_str().expect("a name"))
            .collect::<Vec<_>>(),
        CONNECTORS
    );
    assert!(
        list.iter()
            .all(|one| one["configured"] == true && one["built_in"] == true)
    );
    let table = ok(&exch, &["connectors"]);
    assert_eq!(table.lines().count(), 8, "{table}");
    let words: Vec<&str> = table
        .lines()
        .find(|line| line.starts_with("system-state "))
        .map_or(Vec::new(), |line| line.split_whitespace().collect());
    assert_eq!(words[..4], ["system-state", "yes", "system", "1d"], "{table}");
    assert_eq!(
        (&list[5]["stage"], &list[5]["every_seconds"]),
        (&json!("system"), &json!(86_400))
    );
    for name in CONNECTORS {
        let shown = document(&exch, &["connectors", "show", name]);
        let fields: Vec<_> = shown
            .as_object()
            .expect("an object")
            .keys()
            .map(String::as_str)
            .collect();
        let expected = [
            "after_restore",
            "after_snapshot",
            "before",
            "before_restore",
            "checks",
            "every_seconds",
            "exclude",
            "include",
            "keep",
            "manual",
            "name",
            "roots",
            "sets",
            "statements",
        ];
        let mut sorted = fields.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expected);
        assert_eq!(shown["name"], name);
        let statements = shown["statements"].as_array().expect("an array");
        assert!(
            statements
                .iter()
                .all(|s| s.as_str().is_some_and(|s| s.starts_with('S'))),
            "{shown}"
        );
        let text = ok(&exch, &["connectors", "show", name]);
        assert!(text.starts_with(&format!("{name}  ")), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }
    assert!(
        Path::new(&exch.at("archive")).metadata().is_err(),
        "looking at profiles makes no archive"
    );
}

#[test]
fn statements() {
    let exch = Exch::new();
    let rows = document(&exch, &["connectors", "statements"]);
    let rows = rows.as_array().expect("an array");
    assert_eq!(rows.len(), 35);
    for (row, number) in rows.iter().zip(1..) {
        assert_eq!(row["statement"], format!("S{number}"));
        assert!(row["text"].is_string(), "{row}");
        for place in row["places"].as_array().expect("an array") {
            let by = place["by"].as_str().expect("who does it");
            assert!(["tool", "person", "reader"].contains(&by), "{row}");
            assert!(place["where"].is_string(), "{row}");
        }
    }
    assert_eq!(rows[7]["places"][0]["connector"], "ms-mail");
    let table = ok(&exch, &["connectors", "statements"]);
    let bars = |line: &str| line.matches('|').count();
    assert!(table.lines().all(|line| bars(line) == 5), "{table}");
}

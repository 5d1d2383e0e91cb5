//! Copies of snapshots in other archives and in files, and the files as archives.

#![cfg(target_os = "linux")]

mod common;

use std::fs;

use common::{Ended, Exch, Holds, assert_fields, ended, noise};
use restante_tests::compare::differences;
use serde_json::Value;

/// The program at work on an archive, or a file, of this name.
fn run_on(exch: &Exch, archive: &str, args: &[&str]) -> Ended {
    ended(exch.bare(&[&["-a", archive], args].concat()))
}

#[track_caller]
fn ok_on(exch: &Exch, archive: &str, args: &[&str]) -> String {
    let ended = run_on(exch, archive, args);
    assert_eq!(ended.code, 0, "{archive} {args:?}: {ended:?}");
    ended.stdout
}

#[track_caller]
fn json_on(exch: &Exch, archive: &str, args: &[&str]) -> Value {
    let printed = ok_on(exch, archive, &[&["--json"], args].concat());
    serde_json::from_str(&printed).expect("JSON")
}

/// An archive with three snapshots of `src`, and one beside it, `other`, without any.
fn with_two_archives() -> Exch {
    let exch = Exch::with_archive();
    for (n, time) in [
        "2026-11-22T08:00:00Z",
        "2026-11-22T08:01:00Z",
        "2026-11-22T08:02:00Z",
    ]
    .iter()
    .enumerate()
    {
        exch.write("src/table", noise(n as u64, 200_000));
        exch.write(&format!("src/mail/{n}"), "a mail");
        exch.ok(&["snapshot", "src", "--time", time]);
    }
    ok_on(&exch, "other", &["init", "-q"]);
    exch
}

fn ids(exch: &Exch, archive: &str) -> Vec<String> {
    let listed = json_on(exch, archive, &["snapshots", "--all"]);
    let id = |row: &Value| row["id"].as_str().expect("an id").to_owned();
    listed.as_array().expect("an array").iter().map(id).collect()
}

#[test]
fn copy() {
    let exch = with_two_archives();
    let archive = exch.at("archive");
    let all = ids(&exch, "archive");
    let copied = json_on(&exch, "other", &["copy", "--from", &archive, "latest~1"]);
    let fields = [
        ("from", Holds::Text),
        ("to", Holds::Text),
        ("snapshots", Holds::Number),
        ("present", Holds::Number),
        ("first", Holds::Time),
        ("last", Holds::Time),
        ("objects", Holds::Number),
        ("bases", Holds::Number),
        ("stored_bytes", Holds::Number),
        ("seconds", Holds::Seconds),
    ];
    assert_fields(&copied, &fields);
    assert_eq!(
        (copied["snapshots"].as_u64(), copied["present"].as_u64()),
        (Some(1), Some(0))
    );
    assert_eq!(ids(&exch, "other"), all[1..2]);
    let copied = json_on(&exch, "other", &["copy", "--from-repo", &archive]);
    assert_eq!(
        (copied["snapshots"].as_u64(), copied["present"].as_u64()),
        (Some(2), Some(1))
    );
    assert_eq!(ids(&exch, "other"), all);
    let text = ok_on(&exch, "other", &["copy", "--from", &archive]);
    assert!(text.starts_with("nothing to copy from "), "{text}");
    assert!(text.contains("3 there already"), "{text}");
    ok_on(&exch, "other", &["verify"]);
    ok_on(&exch, "other", &["restore", "latest", "--to", &exch.at("out")]);
    let found = differences(&exch.path("src"), &exch.path("out/src")).expect("compare");
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn chosen_by_time_and_number() {
    let exch = with_two_archives();
    let all = ids(&exch, "archive");
    let archive = exch.at("archive");
    let since = ["copy", "--from", &archive, "--since", "2026-11-22T08:01:00Z"];
    let until = ["--until", "2026-11-22T08:01:30Z"];
    ok_on(&exch, "other", &[&since[..], &until].concat());
    assert_eq!(ids(&exch, "other"), all[1..2]);
    exch.ok(&["export", "--last", "2", "--to", "two.rst"]);
    assert_eq!(ids(&exch, "two.rst"), all[1..]);
    exch.ok(&["export", "latest", "2026-11-22T08:00:00Z", "--to", "ends.rst"]);
    assert_eq!(ids(&exch, "ends.rst"), [&all[..1], &all[2..]].concat());
}

#[test]
fn an_exported_file_is_an_archive_for_all_that_read() {
    let exch = with_two_archives();
    let exported = exch.json(&["export", "--all", "--to", "all.rst"]);
    let fields = [
        ("from", Holds::Text),
        ("to", Holds::Text),
        ("seal", Holds::Text),
        ("snapshots", Holds::Number),
        ("first", Holds::Time),
        ("last", Holds::Time),
        ("objects", Holds::Number),
        ("bases", Holds::Number),
        ("bytes", Holds::Number),
        ("seconds", Holds::Seconds),
    ];
    assert_fields(&exported, &fields);
    assert_eq!(exported["snapshots"].as_u64(), Some(3));
    assert_eq!(
        exported["bytes"].as_u64(),
        fs::metadata(exch.path("all.rst")).ok().map(|m| m.len())
    );
    let on_file = |args: &[&str]| ok_on(&exch, "all.rst", args);
    assert_eq!(ids(&exch, "all.rst"), ids(&exch, "archive"));
    assert_eq!(on_file(&["ls", "latest"]), exch.ok(&["ls", "latest"]));
    assert_eq!(on_file(&["cat", "latest:src/mail/2"]), "a mail");
    let diff = ["diff", "latest~2", "latest"];
    assert_eq!(on_file(&diff), exch.ok(&diff));
    assert!(on_file(&["stats"]).contains("snapshots"));
    let verified = json_on(&exch, "all.rst", &["verify"]);
    assert_eq!(verified["damaged"].as_array().map(Vec::len), Some(0));
    assert_eq!(verified["coverage"]["fraction"].as_f64(), Some(1.0), "{verified}");
    on_file(&["verify", "--quick"]);
    on_file(&["restore", "latest", "--to", &exch.at("out")]);
    let found = differences(&exch.path("src"), &exch.path("out/src")).expect("compare");
    assert!(found.is_empty(), "{found:?}");

    let imported = json_on(&exch, "other", &["import", "all.rst"]);
    assert_eq!(imported["snapshots"].as_u64(), Some(3));
    assert_eq!(ids(&exch, "other"), ids(&exch, "archive"));
    ok_on(&exch, "other", &["verify"]);
}

#[test]
fn nothing_is_written_to_a_file() {
    let exch = with_two_archives();
    exch.ok(&["export", "--all", "--to", "all.rst"]);
    let before = fs::read(exch.path("all.rst")).expect("read");
    let archive = exch.at("archive");
    let writing: [&[&str]; 5] = [
        &["snapshot", "src"],
        &["init"],
        &["watch", "--runs", "1"],
        &["copy", "--from", &archive],
        &["import", &archive],
    ];
    for args in writing {
        let ended = run_on(&exch, "all.rst", args);
        assert!([1, 2].contains(&ended.code), "{args:?}: {ended:?}");
        assert!(ended.stderr.starts_with("error: "), "{ended:?}");
    }
    let ended = run_on(&exch, "all.rst", &["snapshot", "src"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("all.rst is a single file: it can be read, and never written to")
    );
    assert!(fs::read(exch.path("all.rst")).expect("read") == before);
}

#[test]
fn a_file_is_replaced_only_when_that_is_asked_for() {
    let exch = with_two_archives();
    exch.write("there.rst", "something else");
    let ended = exch.run(&["export", "latest", "--to", "there.rst"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("there.rst is there already\n  name another file, or replace this one with --force")
    );
    assert_eq!(fs::read(exch.path("there.rst")).expect("read"), b"something else");
    exch.ok(&["export", "latest", "--to", "there.rst", "--force"]);
    ok_on(&exch, "there.rst", &["verify"]);
}

#[test]
fn what_is_no_archive_is_told_apart() {
    let exch = with_two_archives();
    exch.ok(&["export", "--all", "--to", "all.rst"]);
    let whole = fs::read(exch.path("all.rst")).expect("read");
    let mut bad_trailer = whole.clone();
    let at = bad_trailer.len() - 90;
    bad_trailer[at] ^= 1;
    let mut bad_block = whole.clone();
    bad_block[5000] ^= 1;
    let cases: [(&str, &[u8], i32, &str); 6] = [
        ("empty.rst", b"", 1, "is not an archive: it is an empty file"),
        (
            "text.rst",
            b"some text that is no segment",
            1,
            "none that holds a segment",
        ),
        ("short.rst", &whole[..100], 4, "it was cut off"),
        ("half.rst", &whole[..whole.len() / 2], 4, "is damaged at byte"),
        ("trailer.rst", &bad_trailer, 4, "is damaged at byte"),
        ("block.rst", &bad_block, 4, "cannot be copied"),
    ];
    for (name, bytes, code, said) in cases {
        exch.write(name, bytes);
        let ended = run_on(&exch, "other", &["import", name]);
        assert_eq!(ended.code, code, "{name}: {ended:?}");
        assert!(ended.stderr.contains(said), "{name}: {ended:?}");
        assert!(ids(&exch, "other").is_empty(), "{name}");
        let ended = run_on(&exch, name, &["verify"]);
        assert_eq!(ended.code, code, "{name}: {ended:?}");
    }
    let ended = run_on(&exch, "other", &["import", "absent.rst"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stderr.contains("absent.rst"), "{ended:?}");
}

#[test]
fn mistakes() {
    let exch = with_two_archives();
    let archive = exch.at("archive");
    let cases: [(&[&str], i32, &str); 8] = [
        (&["export", "--to", "x.rst"], 2, "no snapshot is chosen"),
        (&["export", "latest"], 2, "--to"),
        (&["export", "latest", "--to", "src"], 2, "is a folder"),
        (
            &["export", "--since", "2030-01-01", "--to", "x.rst"],
            1,
            "no snapshot is like that",
        ),
        (
            &["export", "latest:src", "--to", "x.rst"],
            2,
            "snapshots are copied whole",
        ),
        (
            &["export", "latest~7", "--to", "x.rst"],
            1,
            "there is no snapshot",
        ),
        (
            &["copy", "--from", &archive],
            2,
            "is the archive that it would be copied into",
        ),
        (&["import", "other"], 2, "is a folder"),
    ];
    for (args, code, said) in cases {
        let ended = exch.run(args);
        assert_eq!(ended.code, code, "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(said), "{args:?}: {ended:?}");
        assert!(!exch.path("x.rst").exists(), "{args:?}");
    }
    for from in ["nowhere", "empty"] {
        fs::create_dir_all(exch.path("empty")).expect("make a folder");
        let ended = run_on(&exch, "other", &["copy", "--from", from]);
        assert_eq!(ended.code, 1, "{ended:?}");
        let said = format!("error: there is no archive at {from}\n  name another with --from\n");
        assert_eq!(ended.stderr, said);
    }
    let ended = run_on(&exch, "nowhere", &["copy", "--from", &archive]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stderr.contains("there is no archive at"), "{ended:?}");
}

#[test]
fn chosen_by_machine_label_and_path() {
    let exch = with_two_archives();
    let of_host = exch.snapshot(&["src", "--host", "vm1"]);
    let of_label = exch.snapshot(&["src", "--tag", "monday"]);
    exch.write("mail/a", "a mail");
    let of_path = exch.snapshot(&["mail"]);
    let archive = exch.at("archive");
    for (options, id) in [
        (["--host", "vm1"], &of_host),
        (["--tag", "monday"], &of_label),
        (["--path", "mail"], &of_path),
    ] {
        exch.ok(&[&["export", "--to", "some.rst", "--force"], &options[..]].concat());
        assert_eq!(ids(&exch, "some.rst"), [id.as_str()], "{options:?}");
        exch.ok(&["export", "--to", "all.rst", "--force", "--all"]);
        for (n, from) in [["import", "all.rst"].as_slice(), &["copy", "--from", &archive]]
            .into_iter()
            .enumerate()
        {
            let target = format!("{n}{}", options[1]);
            ok_on(&exch, &target, &["init", "-q"]);
            ok_on(&exch, &target, &[from, &options[..]].concat());
            assert_eq!(ids(&exch, &target), [id.as_str()], "{options:?}");
        }
    }
    assert_eq!(
        exch.run(&["export", "latest", "--to", "x.rst", "--host", "vm1"])
            .code,
        2
    );
    assert_eq!(
        exch.run(&["export", "--all", "--to", "x.rst", "--host", "vm1"])
            .code,
        2
    );
    assert_eq!(exch.run(&["export", "--to", "x.rst", "--host", "vmm"]).code, 1);
}

//! `forget`: by policy and by name, what it says beforehand, and what it refuses.

#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::{Exch, Holds, assert_failures, assert_fields};
use serde_json::Value;

/// Takes a snapshot of `src` dated so. The folder changes where `text` is given.
fn at(exch: &Exch, time: &str, text: Option<&str>, more: &[&str]) -> String {
    if let Some(text) = text {
        exch.write("src/file", text);
    }
    exch.snapshot(&[&["src", "--host", "A", "--time", time], more].concat())
}

/// One archive with snapshots of this server: every six hours of twelve days, from 2026-03-20 on, one change a day at noon.
fn days() -> Exch {
    let exch = Exch::with_archive();
    for hour in (0..12 * 24).step_by(6) {
        let time = jiff::Timestamp::from_second(1_773_964_800 + hour * 3600).expect("a time");
        let text = (hour % 24 == 12 || hour == 0).then(|| hour.to_string());
        let tag: &[&str] = if hour == 30 { &["--tag", "audit"] } else { &[] };
        at(&exch, &time.to_string(), text.as_deref(), tag);
    }
    exch
}

/// The times that a policy keeps of the only group, in UTC, the newest first, with their reasons.
fn kept(exch: &Exch, args: &[&str]) -> Vec<(String, Vec<String>)> {
    let document = exch.json(&[&["forget", "--dry-run"], args].concat());
    let groups = document["groups"].as_array().expect("groups");
    assert_eq!(groups.len(), 1, "{document}");
    let rows = groups[0]["keep"].as_array().expect("rows").iter();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    rows.map(|row| {
        let reasons = row["reasons"].as_array().expect("reasons");
        (text(&row["time"]), reasons.iter().map(text).collect())
    })
    .collect()
}

fn times(exch: &Exch, args: &[&str]) -> Vec<String> {
    kept(exch, args).into_iter().map(|(time, _)| time).collect()
}

fn ids(exch: &Exch) -> Vec<String> {
    let all = exch.json(&["snapshots", "--all"]);
    let all = all.as_array().expect("an array").iter();
    all.map(|row| row["id"].as_str().expect("an id").to_owned())
        .collect()
}

/// Every file of the archive, with its contents.
fn files(exch: &Exch) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in ["segments", "condemned", "index"] {
        for name in exch.names(&format!("archive/{folder}")) {
            let path = format!("archive/{folder}/{name}");
            found.insert(path.clone(), fs::read(exch.path(path)).expect("read"));
        }
    }
    found
}

#[test]
fn every_option_of_a_policy() {
    let exch = days();
    let count = |args: &[&str]| kept(&exch, args).len();
    assert_eq!(count(&["--keep-last", "5"]), 5);
    assert_eq!(count(&["--keep-last", "unlimited"]), 48);
    assert_eq!(count(&["--keep-minutely", "7"]), 7);
    assert_eq!(count(&["--keep-hourly", "9"]), 9);
    assert_eq!(count(&["--keep-daily", "3"]), 3);
    // The oldest fills what is left.
    assert_eq!(count(&["--keep-daily", "-1"]), 13);
    assert_eq!(
        times(&exch, &["--keep-weekly", "2"]),
        ["2026-03-31T18:00:00Z", "2026-03-29T18:00:00Z"]
    );
    assert_eq!(
        kept(&exch, &["--keep-monthly", "2", "--keep-yearly", "2"]),
        [
            (
                "2026-03-31T18:00:00Z".to_owned(),
                vec!["monthly 2026-03".to_owned(), "yearly 2026".to_owned()]
            ),
            (
                "2026-03-20T00:00:00Z".to_owned(),
                vec!["oldest monthly".to_owned(), "oldest yearly".to_owned()]
            ),
        ]
    );
    assert_eq!(count(&["--keep-within", "2d"]), 9);
    assert_eq!(count(&["--keep-within-minutely", "1d"]), 5);
    assert_eq!(count(&["--keep-within-hourly", "1d"]), 5);
    assert_eq!(count(&["--keep-within-daily", "3d"]), 4);
    assert_eq!(count(&["--keep-within-weekly", "1y"]), 4);
    assert_eq!(count(&["--keep-within-monthly", "1y"]), 2);
    assert_eq!(count(&["--keep-within-yearly", "5y"]), 2);
    assert_eq!(times(&exch, &["--keep-tag", "audit"]), ["2026-03-21T06:00:00Z"]);
    // The first is a change, too.
    let changes = times(&exch, &["--keep-changes"]);
    assert_eq!(changes.len(), 13);
    assert!(
        changes[..12].iter().all(|time| time.contains("T12:00")),
        "{changes:?}"
    );
    assert_eq!(
        kept(
            &exch,
            &["--keep-last", "1", "--keep-daily", "1", "--keep-within", "1h"]
        )[0]
        .1,
        ["last 1", "daily 2026-03-31", "within 1h"]
    );
}

#[test]
fn days_are_those_of_a_time_zone() {
    let exch = Exch::with_archive();
    for time in [
        "2026-10-24T21:30:00Z",
        "2026-10-24T22:30:00Z",
        "2026-10-25T22:30:00Z",
        "2026-10-25T23:30:00Z",
    ] {
        at(&exch, time, Some(time), &[]);
    }
    let policy = ["--keep-daily", "3"];
    let utc = [
        "2026-10-25T23:30:00Z",
        "2026-10-24T22:30:00Z",
        "2026-10-24T21:30:00Z",
    ];
    assert_eq!(times(&exch, &policy), utc);
    let berlin = [
        "2026-10-25T23:30:00Z",
        "2026-10-25T22:30:00Z",
        "2026-10-24T21:30:00Z",
    ];
    let named = [&policy[..], &["--timezone", "Europe/Berlin"]].concat();
    assert_eq!(times(&exch, &named), berlin);
    // By the surroundings, and where the system knows no zones.
    for (variable, zone) in [("TZ", "Europe/Berlin"), ("TZDIR", "/nowhere")] {
        let args = [&["--json", "forget", "--dry-run"], &named[..]].concat();
        let args = if variable == "TZ" {
            &args[..args.len() - 2]
        } else {
            &args[..]
        };
        let mut command = exch.command(args);
        command.env(variable, zone);
        let ended = common::ended(command);
        let document: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        let keep = document["groups"][0]["keep"].as_array().expect("rows");
        assert_eq!(keep[1]["time"], berlin[1], "{variable}");
    }
    let wrong = exch.run(&["forget", "--keep-daily", "1", "--timezone", "Europe/Berln"]);
    assert_eq!(
        (wrong.code, wrong.stderr.as_str()),
        (
            2,
            "error: there is no time zone \"Europe/Berln\"\n  did you mean Europe/Berlin?\n"
        )
    );
}

#[test]
fn a_dry_run_changes_nothing_and_its_bytes_are_exact() {
    let exch = days();
    let before = files(&exch);
    let policy = ["--keep-last", "3", "--max-unused", "0"];
    let planned = exch.json(&[&["forget", "--dry-run"], &policy[..]].concat());
    assert_fields(
        &planned,
        &[
            ("groups", Holds::List),
            ("kept", Holds::Number),
            ("removed", Holds::Number),
            ("freed_bytes", Holds::Number),
            ("dry_run", Holds::Bool),
            ("seconds", Holds::Seconds),
        ],
    );
    assert!(before == files(&exch), "a dry run changed the archive");
    let stored = exch.segment_bytes();
    let done = exch.json(&[&["forget", "--prune", "--grace", "0"], &policy[..]].concat());
    assert_eq!(
        (&done["removed"], &done["kept"]),
        (&planned["removed"], &planned["kept"])
    );
    assert_eq!(planned["freed_bytes"], stored - exch.segment_bytes());
    assert_eq!(done["freed_bytes"], planned["freed_bytes"]);
    for key in ["deleted", "deleted_bytes", "rewritten", "written_bytes"] {
        assert_eq!(done["prune"][key], planned["prune"][key], "{key}");
    }
    assert_eq!(done["groups"], planned["groups"]);
    assert_eq!(ids(&exch).len(), 3);
    exch.verify();
    // Nothing is left to do.
    let again = exch.json(&["prune", "--dry-run", "--max-unused", "0"]);
    assert_eq!(again["freed_bytes"], 0, "{again}");
}

#[test]
fn runs_have_one_row_and_all_rows_can_be_seen() {
    let exch = days();
    let said = exch.ok(&["forget", "--dry-run", "--keep-last", "3"]);
    assert!(
        said.starts_with(
            "DIR/src of A: keep last 3\n"
                .replace("DIR", exch.at("").trim_end_matches('/'))
                .as_str()
        ),
        "{said}"
    );
    assert!(said.contains("last 1 … last 3"), "{said}");
    assert!(said.contains("×45"), "{said}");
    assert!(said.contains("  3 kept, 45 to be removed\n"), "{said}");
    assert!(
        said.contains("\nwould remove 45 snapshots and keep 3; with a prune would "),
        "{said}"
    );
    let all = exch.ok(&["forget", "--dry-run", "--keep-last", "3", "--all"]);
    assert_eq!(
        all.lines().filter(|line| line.contains("  remove")).count(),
        45,
        "{all}"
    );
}

#[test]
fn what_would_remove_everything_is_refused() {
    let exch = days();
    let all = ids(&exch);
    let source = exch.at("src");
    let lost = format!(
        "error: nothing would be left of {source} of A; nothing was removed\n  keep something of each: --keep-last 1\n  or, if they are really to go: --unsafe-allow-remove-all"
    );
    let lost = exch.normal(&lost);
    let nothing = "error: this policy keeps nothing\n  say what to keep, as in --keep-daily 30\n  \
                   or, to be left with nothing: --unsafe-allow-remove-all";
    assert_failures(
        &exch,
        "",
        &[
            (&["forget", "--keep-last", "0"], 2, nothing),
            (&["forget", "--keep-tag", "nobody"], 1, &lost),
            (
                &["forget", "--keep-last", "1", "latest"],
                2,
                "error: snapshots are named, and a policy says which to keep\n  give one of both",
            ),
            (
                &["forget", "latest:src"],
                2,
                "error: \"latest:src\" is a path in a snapshot, and only whole snapshots can be forgotten",
            ),
        ],
    );
    let named: Vec<&str> = ["forget"]
        .into_iter()
        .chain(all.iter().map(String::as_str))
        .collect();
    let refused = exch.run(&named);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.stderr.contains("these are all snapshots that there are"),
        "{refused:?}"
    );
    assert_eq!(ids(&exch).len(), 48, "nothing was removed");
    exch.ok(&[
        "forget",
        "--keep-tag",
        "nobody",
        "--unsafe-allow-remove-all",
        "--prune",
    ]);
    assert_eq!((ids(&exch).len(), exch.segment_bytes()), (0, 0));
}

#[test]
fn snapshots_by_name() {
    let exch = days();
    let all = ids(&exch);
    // The state of many ticks: they stay.
    let done = exch.json(&["forget", &all[0], &all[20][..10], "latest"]);
    assert_eq!((&done["removed"], &done["kept"]), (&3.into(), &45.into()));
    assert_eq!(done["snapshots"].as_array().map(Vec::len), Some(3));
    let left = ids(&exch);
    let expected: Vec<&String> = all
        .iter()
        .filter(|id| **id != all[0] && **id != all[20] && **id != all[47])
        .collect();
    assert!(left.iter().eq(expected), "others went");
    exch.verify();

    let unknown = exch.run(&["forget", &left[0], "0000000000"]);
    assert!(
        unknown.code == 1 && unknown.stderr.starts_with("error: "),
        "{unknown:?}"
    );
    let gone = exch.run(&["forget", &left[0], &all[0]]);
    assert!(gone.code == 1 && gone.stderr.contains(&all[0]), "{gone:?}");
    assert_eq!(ids(&exch), left, "one wrong name keeps all");
    // Sixteen digits, and more snapshots: two of them begin with the same.
    let mut ambiguous = None;
    for (n, one) in left.iter().enumerate() {
        let rest = &left[n + 1..];
        ambiguous = ambiguous.or(rest
            .iter()
            .find(|other| other[..4] == one[..4])
            .map(|_| one[..4].to_owned()));
    }
    if let Some(prefix) = ambiguous {
        assert_eq!(exch.run(&["forget", &prefix]).code, 1);
    }
}

#[test]
fn groups_hosts_and_labels() {
    let exch = Exch::with_archive();
    exch.write("src/file", "x");
    exch.write("other/file", "y");
    for minute in 0..6 {
        let time = format!("2026-11-22T08:0{minute}:00Z");
        for (host, path) in [("A", "src"), ("A", "other"), ("B", "src")] {
            exch.snapshot(&[
                path,
                "--host",
                host,
                "--time",
                &time,
                "--tag",
                if minute < 3 { "old" } else { "new" },
            ]);
        }
    }
    let left = |args: &[&str]| exch.json(&[&["forget", "--dry-run", "--keep-last", "1"], args].concat());
    let numbers = |args: &[&str]| {
        let document = left(args);
        let groups = document["groups"].as_array().map_or(0, Vec::len);
        (groups, document["removed"].as_u64().unwrap_or(0))
    };
    assert_eq!(numbers(&[]), (3, 15));
    assert_eq!(numbers(&["--host", "A"]), (2, 10));
    assert_eq!(numbers(&["--tag", "old"]), (3, 6));
    assert_eq!(numbers(&["--tag", "old,new"]), (0, 0));
    assert_eq!(numbers(&["--tag", "old", "--tag", "new"]), (0, 0));
    assert_eq!(numbers(&["--group-by", "host"]), (2, 16));
    assert_eq!(numbers(&["--group-by", "paths"]), (2, 16));
    assert_eq!(numbers(&["--group-by", "series,tags"]), (6, 12));
    assert_eq!(numbers(&["--group-by", "none"]), (1, 17));
    let wrong = exch.run(&["forget", "--keep-last", "1", "--group-by", "moon"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    let unknown = exch.run(&["forget", "--keep-last", "1", "--connector", "nobody"]);
    assert_eq!(unknown.code, 1, "{unknown:?}");
}

#[test]
fn snapshots_from_the_future_are_warned_of() {
    let exch = Exch::with_archive();
    for time in [
        "2026-03-20T00:00:00Z",
        "2026-03-20T12:00:00Z",
        "2100-01-01T00:00:00Z",
    ] {
        at(&exch, time, Some(time), &[]);
    }
    let ended = exch.run(&["forget", "--keep-within", "6h"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(
        ended.stderr.contains("1 snapshot is of ")
            || ended
                .stderr
                .contains("dated in the future, up to 2100-01-01 00:00:00"),
        "{ended:?}"
    );
    // The one from the future and the newest of the present.
    assert_eq!(ids(&exch).len(), 2);
}

/// A profile of the user's own, with a policy.
fn with_profile(exch: &Exch) {
    exch.write(
        "restante.toml",
        "[server]\nname = \"EXCH1\"\n[profile.guestbook]\nkeep = { last = 2 }\n\
         [[profile.guestbook.root]]\nname = \"data\"\npath = \"guests\"\n\
         [profile.other]\n[[profile.other.root]]\nname = \"data\"\npath = \"guests\"\n",
    );
    exch.write("guests/book", "anna");
    for minute in 0..5 {
        let time = format!("2026-11-22T08:0{minute}:00Z");
        for more in [
            &["--connector", "guestbook"][..],
            &["--connector", "other"],
            &["--connector", "guestbook", "--host", "B"],
        ] {
            exch.snapshot(&[&["--time", &time], more].concat());
        }
    }
}

#[test]
fn without_options_each_connector_has_its_own_policy() {
    let exch = Exch::with_archive();
    with_profile(&exch);
    let ended = exch.run(&["forget"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(
        ended.stdout.contains("removed 3 snapshots, kept 12\n"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("other of EXCH1"), "{ended:?}");
    assert!(ended.stderr.contains("guestbook of B"), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("is left alone: nothing says what to keep of its 5 snapshots"),
        "{ended:?}"
    );
    let refused = exch.run(&["forget", "--connector", "other"]);
    assert!(
        refused.code == 2 && refused.stderr.contains("nothing says what to keep of other"),
        "{refused:?}"
    );
    // The other machine's, where it is named.
    assert!(
        exch.ok(&["forget", "--host", "B"])
            .contains("removed 3 snapshots, kept 2\n")
    );
    let all = exch.ok(&["forget", "--keep-last", "1", "--connector", "other"]);
    assert!(all.contains("removed 4 snapshots, kept 1\n"), "{all}");

    let nothing = Exch::with_archive();
    nothing.write("src/file", "x");
    nothing.snapshot(&["src"]);
    let refused = nothing.run(&["forget"]);
    assert!(
        refused.code == 2 && refused.stderr.starts_with("error: nothing says what to keep\n"),
        "{refused:?}"
    );
}

#[test]
fn the_last_whole_snapshot_stays() {
    let exch = Exch::with_archive();
    exch.write("src/file", "x");
    exch.share_archive();
    let whole = at(&exch, "2026-11-22T08:00:00Z", None, &[]);
    at(&exch, "2026-11-22T08:01:00Z", Some("y"), &[]);
    let newest_whole = ids(&exch)[1].clone();
    let secret = exch.write("src/secret", "z");
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o0)).expect("permissions");
    exch.share_archive();
    for minute in 2..4 {
        let time = format!("2026-11-22T08:0{minute}:00Z");
        let ended = exch.run_as_user(&["snapshot", "src", "--host", "A", "--time", &time]);
        assert_eq!(ended.code, 3, "{ended:?}");
    }
    let ended = exch.run(&["forget", "--keep-last", "1"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("would leave only torn or incomplete snapshots"),
        "{ended:?}"
    );
    assert!(
        ended.stdout.contains("newest whole") && ended.stdout.contains("removed 2 snapshots, kept 2\n"),
        "{ended:?}"
    );
    let left = ids(&exch);
    assert!(
        left.len() == 2 && left[0] == newest_whole && !left.contains(&whole),
        "{left:?}"
    );
}

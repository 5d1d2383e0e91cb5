//! How snapshots and what is in them are named.

#![cfg(target_os = "linux")]

mod common;

use common::{Exch, ended};

/// Snapshots of 2019, oldest first: three of `src`, of which the content is the minute, with one of a connector between
/// them. Returns their ids.
fn filled() -> (Exch, Vec<String>) {
    let exch = Exch::with_archive();
    exch.write("restante.toml", "[roots]\nexchsrvr = \"Exchsrvr\"\n");
    exch.write("Exchsrvr/Conndata/Tables/gwcor.tbl", "table");
    let take = |minute: &str, what: &[&str]| {
        exch.write("src/minute", minute);
        exch.snapshot(&[what, &["--time", &format!("2019-05-12T08:{minute}:00Z")]].concat())
    };
    let ids = vec![
        take("00", &["src"]),
        take("01", &["src"]),
        take("02", &["--connector", "conn-tables"]),
        take("03", &["src"]),
    ];
    (exch, ids)
}

/// Which of the snapshots a name means.
#[track_caller]
fn meant(exch: &Exch, ids: &[String], name: &str) -> usize {
    let report = exch.json(&["restore", name, "--to", "nowhere", "--dry-run"]);
    let id = report["snapshot"].as_str().expect("an id");
    ids.iter().position(|known| known == id).expect("a known id")
}

#[test]
fn by_position_and_id() {
    let (exch, ids) = filled();
    for (name, wanted) in [
        ("latest", 3),
        ("latest~0", 3),
        ("latest~1", 2),
        ("latest~3", 0),
        ("conn-tables@latest", 2),
        (&ids[1], 1),
        (&ids[1][..8], 1),
        (&ids[0][..12].to_uppercase(), 0),
        (&format!("conn-tables@{}", &ids[2][..10]), 2),
    ] {
        assert_eq!(meant(&exch, &ids, name), wanted, "{name}");
    }
    // A snapshot of something else is none of the connector's.
    for name in [
        format!("conn-tables@{}", &ids[1][..10]),
        "conn-tables@latest~1".to_owned(),
    ] {
        let ended = exch.run(&["ls", &name]);
        assert_eq!(ended.code, 1, "{name}");
        assert!(
            ended
                .stderr
                .starts_with(&format!("error: there is no snapshot {name:?}")),
            "{ended:?}"
        );
    }
}

#[test]
fn by_time() {
    let (exch, ids) = filled();
    for (name, wanted) in [
        ("2019-05-12T08:00:00Z", 0),
        ("2019-05-12T08:00:59.999Z", 0),
        ("2019-05-12T08:01:00Z", 1),
        ("2019-05-12T10:01:00+02:00", 1),
        ("2019-05-12T08:02:30Z", 2),
        ("conn-tables@2030-01-01", 2),
        ("2019-05-12", 3),
        ("3h ago", 3),
        ("1 day 2 hours ago", 3),
        ("now", 3),
    ] {
        assert_eq!(meant(&exch, &ids, name), wanted, "{name}");
    }
}

/// A date before the time counts, whatever day it is today.
#[test]
fn by_local_date_and_time() {
    let (exch, ids) = filled();
    for (name, wanted) in [
        ("2019-05-12 08:00", 0),
        ("2019-05-12T08:01", 1),
        ("2019-05-12 08:01:30", 1),
        ("2019-05-12 08:02:00", 2),
        ("2019-05-13 00:00", 3),
    ] {
        assert_eq!(meant(&exch, &ids, name), wanted, "{name}");
    }
    let before_all = exch.run(&["ls", "2019-05-12 07:59"]);
    assert_eq!(before_all.code, 1, "{before_all:?}");
    let taken = exch.json(&["snapshot", "src", "--time", "2019-05-12 08:04"]);
    assert_eq!(taken["time"], "2019-05-12T08:04:00Z");
}

/// What people write is in their time zone, what scripts read is not.
#[test]
fn local_time() {
    let (exch, ids) = filled();
    let meant_in = |zone: &str, name: &str| {
        let mut command = exch.command(&["--json", "restore", name, "--to", "nowhere", "--dry-run"]);
        command.env("TZ", zone);
        let ended = ended(command);
        assert_eq!(ended.code, 0, "{ended:?}");
        ids.iter()
            .position(|id| ended.stdout.contains(id.as_str()))
            .expect("a known id")
    };
    // A zone without rules needs no database of zones.
    assert_eq!(meant_in("<+02>-2", "2019-05-12 10:01"), 1);
    assert_eq!(meant_in("<-03>3", "2019-05-12 05:02"), 2);
    let mut command = exch.command(&["snapshots", "--last", "1"]);
    command.env("TZ", "<+02>-2");
    let printed = ended(command).stdout;
    assert!(printed.contains("\n2019-05-12 10:03  "), "{printed}");
}

#[test]
fn times_of_today() {
    let exch = Exch::with_archive();
    exch.write("src/a", "x");
    let now = jiff::Timestamp::now();
    let at = |minutes: i64| now - jiff::SignedDuration::from_mins(minutes);
    let ids: Vec<String> = [400, 200, 100]
        .map(|minutes| exch.snapshot(&["src", "--time", &at(minutes).to_string()]))
        .into();
    for (name, wanted) in [
        ("3h ago", 1),
        ("2 hours ago", 1),
        ("90m ago", 2),
        ("300 minutes ago", 0),
    ] {
        assert_eq!(meant(&exch, &ids, name), wanted, "{name}");
    }
    // A bare time of the day is one of today.
    let today = at(200).strftime("%H:%M").to_string();
    if at(200).strftime("%d").to_string() == now.strftime("%d").to_string() {
        assert_eq!(meant(&exch, &ids, &today), 1, "{today}");
    }
}

#[test]
fn paths_behind_every_kind_of_name() {
    let (exch, ids) = filled();
    let short = &ids[1][..8];
    for (name, wanted) in [
        ("latest:src/minute".to_owned(), "03"),
        ("latest:/src/minute".to_owned(), "03"),
        ("latest~3:src/minute".to_owned(), "00"),
        (format!("{short}:src/minute"), "01"),
        ("2019-05-12T08:01:00Z:src/minute".to_owned(), "01"),
        ("3h ago:src/minute".to_owned(), "03"),
        (
            "conn-tables@latest:conn-tables/tables/gwcor.tbl".to_owned(),
            "table",
        ),
        (
            "conn-tables@2019-05-12T09:00:00Z:conn-tables/tables/gwcor.tbl".to_owned(),
            "table",
        ),
    ] {
        assert_eq!(exch.ok(&["cat", &name]), wanted, "{name}");
    }
    // Names that look like something else.
    for file in ["12:30", "a@b", "x:y:z", "latest", "ü"] {
        exch.write(&format!("odd/{file}"), file);
    }
    exch.snapshot(&["odd"]);
    for file in ["12:30", "a@b", "x:y:z", "latest", "ü"] {
        assert_eq!(exch.ok(&["cat", &format!("latest:odd/{file}")]), file);
    }
}

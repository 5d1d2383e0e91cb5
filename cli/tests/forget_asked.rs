//! `forget`: what is chosen by labels, machines, paths and times, what it says where nothing can be meant, and that
//! nobody has to read what it says.

#![cfg(target_os = "linux")]

mod common;

use std::fs::File;

use common::{Ended, Exch, assert_failures, ended, ended_child, noise};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

/// Takes a snapshot of a folder at a minute of a day.
fn at(exch: &Exch, folder: &str, minute: u32, more: &[&str]) -> String {
    let time = format!("2026-11-22T08:{minute:02}:00Z");
    exch.write(&format!("{folder}/file"), format!("{folder} {minute}"));
    exch.snapshot(&[&[folder, "--host", "A", "--time", &time], more].concat())
}

/// An archive with so many snapshots of one series.
fn series(snapshots: u32) -> Exch {
    let exch = Exch::with_archive();
    for minute in 0..snapshots {
        at(&exch, "src", minute, &[]);
    }
    exch
}

fn count(exch: &Exch) -> u64 {
    exch.json(&["stats"])["snapshots"].as_u64().expect("a number")
}

/// The groups that are looked at, and how many snapshots would go.
fn numbers(exch: &Exch, args: &[&str]) -> (usize, u64) {
    let document = exch.json(&[&["forget", "-n"], args].concat());
    let groups = document["groups"].as_array().map_or(0, Vec::len);
    (groups, document["removed"].as_u64().expect("a number"))
}

/// Runs with a standard output that nobody reads any more.
fn unread(exch: &Exch, args: &[&str]) -> Ended {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = exch.command(args);
    command.stdout(writer);
    ended(command)
}

#[test]
fn labels_are_separated_by_commas_everywhere() {
    let exch = Exch::with_archive();
    let both = at(&exch, "src", 0, &["--tag", "prod, db"]);
    at(&exch, "src", 1, &["--tag", "prod"]);
    at(&exch, "src", 2, &["--tag", "db"]);
    at(&exch, "src", 3, &["--tag", "web", "--tag", "db"]);
    at(&exch, "src", 4, &[]);
    let all = exch.json(&["snapshots", "--all"]);
    assert_eq!(all[0]["tags"], json!(["db", "prod"]));
    let listed = exch.json(&["snapshots", "--all", "--tag", "prod, db"]);
    assert_eq!(listed[0]["id"], both.as_str());
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let planned = exch.json(&["forget", "-n", "--keep-tag", "prod,db"]);
    let kept = planned["groups"][0]["keep"].as_array().expect("rows");
    assert!(
        matches!(&kept[..], [only] if only["id"] == both.as_str()),
        "{planned}"
    );
    assert_eq!(kept[0]["reasons"], json!(["tag prod,db"]));
    // Which are looked at: those with all of them.
    let removed = |tags: &[&str]| numbers(&exch, &[&["--keep-last", "1"], tags].concat()).1;
    assert_eq!(removed(&["--tag", "db"]), 2);
    assert_eq!(removed(&["--tag", "db,prod"]), 0);
    assert_eq!(removed(&["--tag", "prod"]), 1);
    assert_eq!(removed(&["--tag", "db", "--tag", "web"]), 0);
    for tags in ["", "a,,b", "a, "] {
        let refused = exch.run(&["snapshot", "src", "--tag", tags]);
        assert!(
            refused.code == 2 && refused.stderr.contains("has an empty tag"),
            "{refused:?}"
        );
        assert_eq!(exch.run(&["forget", "-n", "-l1", "--tag", tags]).code, 2);
    }
    assert_eq!(count(&exch), 5);
}

#[test]
fn rows_of_other_labels_are_rows_of_their_own() {
    let exch = Exch::with_archive();
    for (minute, tags) in [(0, "x"), (1, "x"), (2, "x,y"), (3, "x,y"), (4, "y")] {
        at(&exch, "src", minute, &["--tag", tags]);
    }
    let said = exch.ok(&["forget", "-n", "--keep-tag", "x", "--keep-tag", "y"]);
    let row = |text: &str| said.lines().filter(|line| line.ends_with(text)).count();
    assert_eq!(
        (row("keep  tag y"), row("keep  tag x, tag y"), row("keep  tag x")),
        (1, 1, 1),
        "{said}"
    );
}

#[test]
fn paths_and_machines() {
    let exch = Exch::with_archive();
    for minute in 0..3 {
        at(&exch, "src", minute, &[]);
        at(&exch, "other", minute, &["src"]);
        at(&exch, "third", minute, &[]);
    }
    let policy = ["--keep-last", "1"];
    let found = |args: &[&str]| numbers(&exch, &[&policy[..], args].concat());
    assert_eq!(found(&[]), (3, 6));
    assert_eq!(found(&["--path", "third"]), (1, 2));
    // It may be gone, and written as people write it.
    std::fs::remove_dir_all(exch.path("third")).expect("remove");
    assert_eq!(found(&["--path", &exch.at("./third/")]), (1, 2));
    assert_eq!(found(&["--path", "src"]), (2, 4));
    assert_eq!(found(&["--path", "src", "--path", "third"]), (3, 6));
    assert_eq!(found(&["--path", "third", "--host", "A"]), (1, 2));
    let near = exch.normal(&format!("  did you mean {:?}?", exch.at("third")));
    assert_failures(
        &exch,
        "",
        &[
            (
                &["forget", "-l1", "--path", "thrid"],
                1,
                format!(
                    "error: there is no snapshot of a path \"DIR/thrid\"\n{near}\n  this is about what was taken; what is in \
                     snapshots: restante -a DIR/archive find"
                ),
            ),
            (
                &["forget", "-l1", "--host", "vmm"],
                1,
                "error: there is no snapshot of a machine \"vmm\"\n  there are: A".to_owned(),
            ),
        ],
    );
    exch.snapshot(&["src", "--host", "vm1"]);
    let wrong = exch.run(&["forget", "-l1", "--host", "vmm"]);
    assert!(
        wrong.code == 1 && wrong.stderr.contains("did you mean \"vm1\"?"),
        "{wrong:?}"
    );
    let none = exch.run(&["forget", "-l1", "--tag", "nobody"]);
    assert_eq!(
        (none.code, none.stderr.as_str()),
        (0, "no snapshots are such as the options say\n")
    );
    let nothing = Exch::with_archive();
    let none = nothing.run(&["forget", "-l1"]);
    assert_eq!((none.code, none.stderr.as_str()), (0, "no snapshots\n"));
}

#[test]
fn where_all_is_left_alone_nobody_is_told_that_there_is_nothing() {
    let exch = series(2);
    exch.write(
        "restante.toml",
        "[profile.guestbook]\nkeep = { last = 2 }\n[[profile.guestbook.root]]\nname = \"data\"\npath = \"guests\"\n",
    );
    let ended = exch.run(&["forget"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("is left alone: nothing says what to keep of its 2 snapshots"),
        "{ended:?}"
    );
    assert!(!ended.stderr.contains("no snapshots"), "{ended:?}");
}

#[test]
fn who_only_asks_sees_why_it_would_be_refused() {
    let exch = series(3);
    let args = ["forget", "--keep-tag", "nobody", "-n"];
    let ended = exch.run(&args);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains("0 kept, 3 to be removed"), "{ended:?}");
    assert!(
        ended.stderr.contains("error: nothing would be left of "),
        "{ended:?}"
    );
    // Half a document would help no script.
    let ended = exch.run(&[&["--json"], &args[..]].concat());
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{ended:?}");
}

#[test]
fn a_time_names_a_snapshot_of_that_time_only() {
    let exch = Exch::with_archive();
    exch.write("src/file", "x");
    let id = exch.snapshot(&["src", "--time", "2026-11-14T12:30:00Z"]);
    at(&exch, "src", 0, &[]);
    for name in ["2026-11-15", "2026-11-14T12:31:00Z", "2026-11-14 12:31"] {
        let refused = exch.run(&["forget", name]);
        assert_eq!(refused.code, 1, "{refused:?}");
        let text = format!(
            "error: no snapshot was taken at {name:?}; nothing was removed\n  the newest before is {} of 2026-11-14 12:30:00",
            &id[..8]
        );
        assert!(refused.stderr.starts_with(&text), "{refused:?}");
    }
    let ago = exch.run(&["forget", "1 second ago"]);
    assert!(
        ago.code == 1 && ago.stderr.contains("no snapshot was taken at"),
        "{ago:?}"
    );
    assert_eq!(count(&exch), 2);
    exch.ok(&["forget", "2026-11-14"]);
    assert_eq!(count(&exch), 1);
}

#[test]
fn options_that_would_do_nothing_are_refused() {
    let exch = series(2);
    for args in [
        &["forget", "-l1", "--max-unused", "0"][..],
        &["forget", "-l1", "--grace", "0"],
        &["forget", "latest", "--timezone", "Nope/X"],
        &["forget", "latest", "--path", "src"],
        &["forget", "latest", "--tag", "x"],
    ] {
        let refused = exch.run(args);
        assert_eq!(refused.code, 2, "{args:?}: {refused:?}");
    }
    for more in [&["-n"][..], &["--prune"], &["-n", "--prune"]] {
        exch.ok(&[&["forget", "-l2", "--max-unused", "0"], more].concat());
    }
    assert_eq!(count(&exch), 2);
    let help = ended(exch.bare(&["forget", "--help"])).stdout;
    for part in [
        "[default: 5%]",
        "How much of the data may be of no use",
        "-H, --keep-hourly",
    ] {
        assert!(help.contains(part), "no {part:?} in {help}");
    }
    assert!(!help.contains("As of"), "{help}");
}

#[test]
fn the_work_is_done_though_nobody_reads_what_is_said() {
    let exch = series(12);
    exch.write("src/large", noise(1, 400_000));
    let done = |args: &[&str]| {
        let ended = unread(&exch, args);
        assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
    };
    done(&["snapshot", "src", "--host", "A"]);
    assert_eq!(count(&exch), 13);
    done(&["--json", "snapshot", "src", "--host", "A"]);
    assert_eq!(count(&exch), 14);
    done(&["forget", "-l3", "--all"]);
    assert_eq!(count(&exch), 3);
    done(&["--json", "forget", "-l2"]);
    assert_eq!(count(&exch), 2);
    let unused = || exch.json(&["prune", "-n", "--max-unused", "0"])["freed_bytes"] != json!(0);
    assert!(unused());
    done(&["prune", "--max-unused", "0"]);
    assert!(!unused());
    done(&["compact"]);
    assert_eq!(exch.ok(&["compact"]), "nothing to merge\n");
    done(&["restore", "latest", "--to", "out"]);
    assert!(exch.path("out/src/large").exists());
    done(&["forget", "latest"]);
    assert_eq!(count(&exch), 1);
    exch.verify();
}

/// Both wait for whoever merges, forgets or prunes.
#[test]
fn who_waits_can_be_interrupted() {
    let exch = series(5);
    let files = exch.names("archive/segments");
    let held = File::options()
        .create(true)
        .append(true)
        .open(exch.path("archive/maintenance"))
        .expect("the lock");
    held.lock().expect("lock");
    for args in [&["forget", "-l1"][..], &["forget", "latest"], &["compact"]] {
        let child = exch.command(args).spawn().expect("start");
        std::thread::sleep(std::time::Duration::from_millis(500));
        kill_process(Pid::from_child(&child), Signal::INT).expect("send a signal");
        let interrupted = ended_child(child);
        assert_eq!(interrupted.code, 130, "{args:?}: {interrupted:?}");
    }
    assert_eq!(exch.names("archive/segments"), files);
    assert_eq!(count(&exch), 5);
}

//! What `watch` does about older snapshots, and about a passing defect.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};

use common::{Exch, ended, ended_child};

/// A connector with a schedule, and perhaps a policy.
fn exch(keep: &str) -> Exch {
    let exch = Exch::with_archive();
    exch.write(
        "restante.toml",
        format!(
            "[server]\nname = \"EXCH1\"\n[profile.guestbook]\nevery = \"1s\"\n{keep}\n\
             [[profile.guestbook.root]]\nname = \"data\"\npath = \"guests\"\n"
        ),
    );
    exch.write("guests/book", "anna");
    exch
}

#[test]
fn a_time_zone_that_is_unknown_is_warned_of() {
    let exch = exch("keep = { last = -1 }");
    let mut command = exch.command(&["watch", "--runs", "1"]);
    command.env("TZ", "Nope/X");
    let warned = ended(command);
    assert_eq!(warned.code, 0, "{warned:?}");
    assert!(
        warned
            .stderr
            .contains("days are those of UTC; name another with TZ"),
        "{warned:?}"
    );
    let fine = exch.run(&["watch", "--runs", "1"]);
    assert!(!fine.stderr.contains("warning"), "{fine:?}");
}

/// A segment that cannot be read keeps an archive that is open from merging: the next run opens it anew.
#[test]
fn what_could_not_be_read_for_a_moment_does_not_keep_it_from_merging() {
    let exch = exch("");
    for minute in 0..14 {
        let time = format!("2026-03-20T08:{minute:02}:00Z");
        exch.snapshot(&["--connector", "guestbook", "--time", &time]);
    }
    let names = || exch.names("archive/segments");
    let before = names().len();
    let mut child = exch
        .command(&["--json", "watch", "--runs", "7"])
        .spawn()
        .expect("start");
    let stdout = child.stdout.take().expect("its standard output");
    let name = names().remove(0);
    let other = if name.starts_with("00") { "11" } else { "00" };
    let broken = exch.path(format!("archive/segments/{other}{}", &name[2..]));
    for (number, line) in BufReader::new(stdout).lines().enumerate() {
        line.expect("a line");
        match number {
            0 => fs::write(&broken, [7; 300]).expect("write"),
            2 => {
                assert!(
                    names().len() > before,
                    "nothing is merged beside a damaged segment"
                );
                fs::remove_file(&broken).expect("remove");
            }
            _ => {}
        }
    }
    let ended = ended_child(child);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(names().len() < before, "{}", names().len());
    assert_eq!(exch.json(&["stats"])["snapshots"], 21);
    exch.verify();
}

//! What `watch` does about older snapshots, and about a passing defect.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};

use common::{Exch, ended, ended_child};
use restante_format::wire::{TRAILER_BYTES, Trailer};

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
    let before = names();
    exch.write("src/file", "x");
    exch.snapshot(&["src"]);
    // Where somebody else's snapshot is told of: it comes only later, and damaged.
    let data = exch.data_segments();
    let all = names()
        .into_iter()
        .map(|name| exch.path("archive/segments").join(name));
    let mut new = all.filter(|path| {
        let is_known = |name: &String| path.ends_with(name);
        !data.contains(path) && !before.iter().any(is_known)
    });
    let broken = new.next().expect("a segment of the catalogue");
    let mut bytes = fs::read(&broken).expect("read");
    fs::remove_file(&broken).expect("remove");
    let at = bytes.len() - TRAILER_BYTES;
    let trailer = Trailer::decode(&bytes[at..], bytes.len() as u64).expect("a trailer");
    bytes[trailer.directory_offset as usize - 1] ^= 1;
    let before = names().len();
    let mut child = exch
        .command(&["--json", "watch", "--runs", "7"])
        .spawn()
        .expect("start");
    let stdout = child.stdout.take().expect("its standard output");
    for (number, line) in BufReader::new(stdout).lines().enumerate() {
        line.expect("a line");
        match number {
            0 => fs::write(&broken, &bytes).expect("write"),
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

//! Files that cannot be read, and files that change while they are read.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{Exch, noise};
use serde_json::{Value, json};

/// Long enough that a table of this size changes during each of the attempts to read it, though all cores read it
/// and somebody else's work keeps the writer waiting now and then.
const TABLE_BYTES: usize = 64_000_000;

fn forbid(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o000)).expect("set permissions");
}

#[test]
fn unreadable_files() {
    let exch = Exch::with_archive();
    exch.share_archive();
    exch.write("src/open", "open");
    exch.write("src/dir/closed", "closed");
    exch.write("src/shut/below", "below");
    forbid(&exch.path("src/dir/closed"));
    forbid(&exch.path("src/shut"));
    let text = exch.run_as_user(&["snapshot", "src"]);
    assert_eq!(text.code, 3, "{text:?}");
    assert_eq!(
        text.stderr,
        "warning: 2 paths could not be read whole:\n  \
         src/dir/closed: cannot open: Permission denied (os error 13)\n  \
         src/shut: cannot open the directory: Permission denied (os error 13)\n"
    );
    let document = exch.run_as_user(&["--json", "snapshot", "src"]);
    assert_eq!(
        (document.code, document.stderr.as_str()),
        (3, text.stderr.as_str())
    );
    let taken: Value = serde_json::from_str(&document.stdout).expect("a document");
    let reason = "cannot open: Permission denied (os error 13)";
    let expected = json!([
        {"path": "src/dir/closed", "reason": reason},
        {"path": "src/shut", "reason": "cannot open the directory: Permission denied (os error 13)"},
    ]);
    assert_eq!(taken["unreadable"], expected);
    // The rest is there.
    assert_eq!(exch.ok(&["cat", "latest:src/open"]), "open");
    let listed = exch.ok(&["snapshots", "--last", "1"]);
    assert!(listed.trim_end().ends_with("2 unreadable"), "{listed}");
    exch.verify();
    let restored = exch.run(&["restore", "latest", "--to", "out"]);
    assert_eq!(restored.code, 3, "{restored:?}");
    assert_eq!(
        restored.stderr,
        "warning: 2 paths could not be read for the snapshot:\n  src/dir/closed: cannot open: Permission denied \
         (os error 13)\n  src/shut: cannot open the directory: Permission denied (os error 13)\n"
    );
    assert_eq!(
        fs::read_to_string(exch.path("out/src/open")).expect("read"),
        "open"
    );
    // What lacks nothing restores without a word.
    let part = exch.run(&["restore", "latest:src/open", "--to", "part"]);
    assert_eq!((part.code, part.stderr.as_str()), (0, ""));
    fs::set_permissions(exch.path("src/shut"), fs::Permissions::from_mode(0o755)).expect("set permissions");
}

/// Rewrites the beginning of a file until the work is done.
fn while_rewritten<T>(path: &Path, work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    let file = fs::OpenOptions::new().write(true).open(path).expect("open");
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let mut number = 0u64;
            while !done.load(Ordering::Relaxed) {
                number += 1;
                file.write_all_at(&number.to_le_bytes(), 100).expect("write");
                std::thread::sleep(Duration::from_micros(50));
            }
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        result
    })
}

#[test]
fn torn_files() {
    let exch = Exch::with_archive();
    let table = exch.write("src/Tables/notescor.tbl", noise(1, TABLE_BYTES));
    exch.write("src/quiet", "x");
    let whole = exch.snapshot(&["src", "--time", "2019-05-12T08:41:00Z"]);
    let args = ["--json", "snapshot", "src", "--time", "2019-05-12T08:42:00Z"];
    let ended = while_rewritten(&table, || exch.run(&args));
    assert_eq!(ended.code, 3, "{ended:?}");
    assert_eq!(
        ended.stderr,
        "warning: 1 file changed while being read, and may be of no use:\n  src/Tables/notescor.tbl\n"
    );
    let taken: Value = serde_json::from_str(&ended.stdout).expect("a document");
    assert_eq!(taken["torn"], json!(["src/Tables/notescor.tbl"]));
    let torn = &taken["id"].as_str().expect("an id")[..8];

    assert_eq!(
        exch.ok(&["ls", "latest:src/Tables"]),
        "src/Tables/notescor.tbl  (torn)\n"
    );
    assert_eq!(exch.json_lines(&["ls", "latest:src/Tables"])[0]["torn"], true);
    assert_eq!(exch.json(&["snapshots", "--last", "1"])[0]["torn"], taken["torn"]);
    assert!(exch.ok(&["snapshots"]).trim_end().ends_with("1 torn"));
    exch.verify();

    let refused = exch.run(&["restore", "latest", "--to", "out"]);
    let text = format!(
        "error: snapshot {torn} has a torn file: src/Tables/notescor.tbl changed while it was read\n  \
         the last whole one is {} (2019-05-12 08:41): restante -a DIR/archive restore {0} --to out\n  \
         to restore the torn file all the same, add --allow-torn\n",
        &whole[..8]
    );
    assert_eq!(
        (
            refused.code,
            exch.normal(&refused.stderr).as_str(),
            refused.stdout.as_str()
        ),
        (1, text.as_str(), "")
    );
    assert!(!exch.path("out").exists());
    let part = exch.run(&["restore", "latest:src/Tables", "--to", "out"]);
    let hint = format!(" restore {}:src/Tables --to out\n", &whole[..8]);
    assert!(part.code == 1 && part.stderr.contains(&hint), "{part:?}");
    // What is whole is not refused.
    exch.ok(&["restore", "latest:src/quiet", "--to", "quiet"]);

    let allowed = exch.run(&["restore", "latest", "--to", "out", "--allow-torn"]);
    assert_eq!(allowed.code, 3, "{allowed:?}");
    assert_eq!(
        allowed.stderr,
        "warning: 1 file changed while being read for the snapshot:\n  src/Tables/notescor.tbl\n"
    );
    assert_eq!(
        fs::metadata(exch.path("out/src/Tables/notescor.tbl"))
            .expect("a file")
            .len(),
        TABLE_BYTES as u64
    );
    let printed = exch
        .command(&["cat", "latest:src/Tables/notescor.tbl"])
        .output()
        .expect("run");
    assert_eq!(
        (printed.status.code(), printed.stdout.len()),
        (Some(3), TABLE_BYTES)
    );
    let text = String::from_utf8_lossy(&printed.stderr);
    assert_eq!(
        text,
        "warning: src/Tables/notescor.tbl changed while it was read for the snapshot\n"
    );

    // Once it is left alone, the next snapshot is whole.
    let next = exch.json(&["snapshot", "src"]);
    assert_eq!((&next["torn"], &next["changed_files"]), (&json!([]), &json!(1)));
    exch.ok(&["restore", "latest", "--to", "whole"]);
}

#[test]
fn a_torn_table_of_a_connector() {
    let exch = Exch::with_archive();
    exch.write("restante.toml", "[roots]\nexchsrvr = \"Exchsrvr\"\n");
    let table = exch.write("Exchsrvr/Conndata/Tables/gwcor.tbl", noise(1, TABLE_BYTES));
    let whole = exch.snapshot(&["--connector", "conn-tables", "--time", "2019-05-12T08:41:00Z"]);
    let taken = while_rewritten(&table, || exch.run(&["snapshot", "--connector", "conn-tables"]));
    assert_eq!(taken.code, 3, "{taken:?}");
    let refused = exch.run(&["restore", "conn-tables@latest", "--to", "out"]);
    let hint = format!(" restore conn-tables@{} --to out", &whole[..8]);
    let advice = refused
        .stderr
        .lines()
        .find_map(|line| line.split_once("(2019-05-12 08:41): restante "));
    let advice = advice.expect("the last whole one").1;
    assert!(refused.code == 1 && advice.ends_with(&hint), "{refused:?}");
    // It can be followed to the letter.
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{} {advice}", env!("CARGO_BIN_EXE_restante"))]);
    let followed = shell
        .current_dir(exch.path(""))
        .env("HOME", exch.path("home"))
        .status();
    assert!(followed.expect("run the advice").success());
    assert_eq!(exch.names("out/conn-tables/tables"), ["gwcor.tbl"]);
}

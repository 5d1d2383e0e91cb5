//! What a restore by procedure refuses to do, what it says then, and that nothing is changed by it.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use common::server::{Server, below, step, steps};
use common::{Ended, ended, noise};
use serde_json::{Value, json};

const TABLES: &str = "Exchsrvr/Conndata/Tables";
const MAILDATA: &str = "Exchsrvr/Connect/Msmcon/Maildata";

/// Fails unless the run ended with this code and began its complaint so, and the server is as it was.
#[track_caller]
fn assert_refused(server: &Server, args: &[&str], code: i32, text: &str) -> Ended {
    server.copy("untouched");
    let ended = server.run(&[&["restore"], args].concat());
    let stderr = server.exch.normal(&ended.stderr);
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (code, ""),
        "{args:?}: {ended:?}"
    );
    assert!(
        stderr.starts_with(&format!("error: {text}")),
        "{args:?}: {stderr}\nwanted {text}"
    );
    assert!(stderr.lines().count() > 1, "it says what to do: {stderr}");
    assert_eq!(server.differences("untouched", &[]), [""; 0], "{args:?}");
    ended
}

#[test]
fn what_cannot_be_meant() {
    let server = Server::new();
    server.snapshot("conn-tables");
    server.snapshot("ms-mail");
    let id = &server.ok(&["snapshots", "--connector", "conn-tables", "--json"])[..];
    let id: Value = serde_json::from_str(id).expect("a document");
    let id = &id[0]["id"].as_str().expect("an id")[..8];
    for (args, code, text) in [
        (
            &["--connector", "ms-mial"][..],
            2,
            "unknown connector `ms-mial`\n  did you mean `ms-mail`?",
        ),
        (
            &["--connector", "ms-mail", id],
            2,
            &format!("snapshot {id} is not of the connector ms-mail"),
        ),
        (
            &["--connector", "ms-mail", "latest:ms-mail/maildata/GLB"],
            2,
            "a connector is restored whole",
        ),
        (
            &["--connector", "ms-mail", "conn-tables@latest"],
            2,
            &format!("snapshot {id} is not of"),
        ),
        (
            &["--connector", "cc-mail"],
            1,
            "there is no snapshot of a connector \"cc-mail\"",
        ),
        (
            &["--connector", "ms-mail", "--resume"],
            1,
            "no restore of ms-mail is under way",
        ),
        (
            &["--connector", "ms-mail", "--revert"],
            1,
            "no restore of ms-mail is under way",
        ),
        (
            &["--connector", "ms-mail", "--confirm"],
            1,
            "no restore of ms-mail is under way",
        ),
        (
            &["--connector", "ms-mail", "--done", "99"],
            2,
            "there is no step 99",
        ),
        (
            &["--connector", "ms-mail", "--done", "0"],
            2,
            "there is no step 0",
        ),
        (
            &["--connector", "ms-mail", "--done", "1"],
            2,
            "step 1 is not for a person",
        ),
        (
            &["--connector", "ms-mail", "--skip", "3"],
            2,
            "step 3 cannot be passed over",
        ),
    ] {
        assert_refused(&server, args, code, text);
    }
    let exchsrvr = server.path("Exchsrvr");
    fs::rename(&exchsrvr, server.path("elsewhere")).expect("rename");
    let text = "connector ms-mail: the place `exchsrvr` is not there: DIR/exch1/Exchsrvr\n  is it mounted? ";
    assert_refused(&server, &["--connector", "ms-mail"], 1, text);
}

#[test]
fn a_torn_snapshot() {
    let server = Server::new();
    let table = server.path(TABLES).join("torn.tbl");
    fs::write(&table, noise(1, 64_000_000)).expect("write");
    let (done, file) = (
        std::sync::atomic::AtomicBool::new(false),
        fs::OpenOptions::new().write(true).open(&table).expect("open"),
    );
    let taken = std::thread::scope(|threads| {
        threads.spawn(|| {
            use std::os::unix::fs::FileExt;
            for round in 0_u64.. {
                if done.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
                file.write_all_at(&round.to_le_bytes(), 0).expect("write");
                std::thread::sleep(std::time::Duration::from_micros(300));
            }
        });
        let taken = server.run(&["snapshot", "--connector", "conn-tables"]);
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        taken
    });
    assert_eq!(taken.code, 3, "{taken:?}");
    let refused = server.run(&["restore", "--connector", "conn-tables"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.stderr.contains(" has a torn file: ") && refused.stderr.contains("--allow-torn"),
        "{refused:?}"
    );
    assert!(server.holders().is_empty());
    server.restore("conn-tables", &["--allow-torn", "--done", "1"]);
}

#[test]
fn one_restore_at_a_time() {
    let server = Server::new();
    server.snapshot("conn-tables");
    server.snapshot("lotus-notes");
    server.restore("conn-tables", &["--done", "1"]);
    let text = "the restore of conn-tables from ";
    let again = assert_refused(&server, &["--connector", "conn-tables"], 1, text);
    assert!(
        again.stderr.contains("--confirm\n") && again.stderr.contains("--revert\n"),
        "{again:?}"
    );
    // What it keeps lies in what another one would move.
    let text =
        "the restore of conn-tables is not over, and its folder DIR/exch1/Exchsrvr/Conndata/.restante-";
    assert_refused(&server, &["--connector", "lotus-notes"], 1, text);
    server.ok(&["restore", "--connector", "conn-tables", "--confirm"]);
    // Two of the same place are taken back in the order in which they came.
    server.snapshot("groupwise");
    server.restore("lotus-notes", &[]);
    server.restore("groupwise", &[]);
    let text = "groupwise was restored over DIR/exch1/Exchsrvr/Conndata later\n  ";
    assert_refused(&server, &["--connector", "lotus-notes", "--revert"], 1, text);
    server.ok(&["restore", "--connector", "groupwise", "--revert"]);
    server.ok(&["restore", "--connector", "lotus-notes", "--revert"]);
    assert_eq!(
        server.differences(
            "then",
            &["Exchsrvr", "Lotus", "WINNT", "ids", "", "WPDOMAIN/WPGATE/API"]
        ),
        [""; 0]
    );
}

#[test]
fn another_process_is_at_work() {
    let server = Server::new();
    server.snapshot("ms-mail");
    let locks = server.exch.path("state/locks");
    fs::create_dir_all(&locks).expect("make a folder");
    let lock = fs::File::create(locks.join("EXCH1-ms-mail.lock")).expect("make a file");
    lock.try_lock().expect("lock");
    assert_refused(
        &server,
        &["--connector", "ms-mail"],
        1,
        "another process is at work on ms-mail\n",
    );
    drop(lock);
    server.restore("ms-mail", &[]);
}

#[test]
fn a_damaged_journal() {
    let server = Server::new();
    server.snapshot("conn-tables");
    server.restore("conn-tables", &["--done", "1"]);
    let path = server.exch.path("state/restores/EXCH1-conn-tables.jsonl");
    let whole = fs::read_to_string(&path).expect("read");
    let third = whole.lines().nth(2).expect("a line");
    fs::write(&path, whole.replacen(third, &third[..third.len() / 2], 1)).expect("write");
    for way in ["--revert", "--resume", "--confirm"] {
        let text = "the journal DIR/state/restores/EXCH1-conn-tables.jsonl is damaged in line 3: ";
        assert_refused(&server, &["--connector", "conn-tables", way], 1, text);
    }
    // Half a line at the end was never written.
    fs::write(&path, whole.clone() + &third[..third.len() / 2]).expect("write");
    server.ok(&["restore", "--connector", "conn-tables", "--revert"]);
    assert_eq!(server.differences("then", &["Exchsrvr/Conndata"]), [""; 0]);
}

#[test]
fn a_folder_of_journals_that_is_gone_or_shut() {
    let server = Server::new();
    server.snapshot("conn-tables");
    server.restore("conn-tables", &["--done", "1"]);
    fs::rename(server.exch.path("state"), server.exch.path("lost")).expect("rename");
    let text = "no restore of conn-tables is under way\n";
    assert_refused(&server, &["--connector", "conn-tables", "--revert"], 1, text);
    // Another restore says what nobody knows any more.
    server.ok(&["snapshot", "-q", "--connector", "conn-tables"]);
    let other = server.run(&["restore", "--connector", "conn-tables", "--done", "1"]);
    assert_eq!(other.code, 3, "{other:?}");
    assert!(
        other
            .stderr
            .contains("-tables.old keeps something of a restore that is not known here: "),
        "{other:?}"
    );
    server.ok(&["restore", "--connector", "conn-tables", "--revert"]);
    // What it kept is still there, and the journal tells where once it is back.
    fs::remove_dir_all(server.exch.path("state")).expect("remove");
    fs::rename(server.exch.path("lost"), server.exch.path("state")).expect("rename");
    server.ok(&["restore", "--connector", "conn-tables", "--revert"]);
    assert_eq!(server.differences("then", &["Exchsrvr/Conndata"]), [""; 0]);
    fs::remove_dir_all(server.exch.path("state")).expect("remove");
    server.exch.write("state", "a file");
    let text = "cannot make the folder DIR/state/locks: ";
    assert_refused(&server, &["--connector", "conn-tables"], 1, text);
}

#[test]
fn a_damaged_archive() {
    let server = Server::new();
    server.snapshot("ms-mail");
    server.copy("then");
    let segments = server.exch.data_segments();
    assert!(!segments.is_empty());
    for segment in segments {
        let mut bytes = fs::read(&segment).expect("read");
        // Not its ends, which name what is in it.
        let len = bytes.len();
        for at in (len / 8..len * 6 / 8).step_by(997) {
            bytes[at] ^= 0x40;
        }
        fs::set_permissions(&segment, fs::Permissions::from_mode(0o644)).expect("set permissions");
        fs::write(&segment, bytes).expect("write");
    }
    let ended = server.run(&["--json", "restore", "--connector", "ms-mail"]);
    assert_eq!(ended.code, 4, "{ended:?}");
    let document: Value = serde_json::from_str(&ended.stdout).expect("a document");
    assert_eq!(document["state"], "failed");
    let staged = step(&document, "beside");
    assert_eq!(
        (&staged["state"], &staged["phase"]),
        (&json!("failed"), &json!("restoring"))
    );
    let after = steps(&document)
        .skip_while(|one| one["number"] != staged["number"])
        .skip(1);
    assert!(
        after.into_iter().all(|step| step["state"].is_null()),
        "{document:#}"
    );
    server.ok(&["restore", "--connector", "ms-mail", "--revert"]);
    assert_eq!(server.differences("then", &["Exchsrvr/Connect/Msmcon"]), [""; 0]);
}

#[test]
fn a_full_disk_and_a_folder_that_cannot_be_written() {
    let server = Server::new();
    fs::write(server.path(MAILDATA).join("ATT/LARGE.ATT"), noise(3, 200_000)).expect("write");
    server.snapshot("ms-mail");
    // A limit on the size of files stands for a full disk.
    let script = "trap '' XFSZ; ulimit -f 128; exec \"$0\" restore --connector ms-mail";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_restante")]);
    command
        .current_dir(server.exch.path(""))
        .env("HOME", server.exch.path("home"));
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .stdin(Stdio::null());
    let full = ended(command);
    assert_eq!(full.code, 1, "{full:?}");
    assert!(
        full.stderr.contains("File too large") && full.stderr.contains("--revert\n"),
        "{full:?}"
    );
    server.ok(&["restore", "--connector", "ms-mail", "--revert"]);
    assert_eq!(server.differences("then", &["Exchsrvr/Connect/Msmcon"]), [""; 0]);
    let above = server.path("Exchsrvr/Connect/Msmcon");
    fs::set_permissions(&above, fs::Permissions::from_mode(0o555)).expect("set permissions");
    let mut open = Command::new("chmod");
    open.args(["-R", "a+rwX"])
        .args([server.exch.path("archive"), server.exch.path("state")]);
    assert!(open.status().expect("start chmod").success());
    server.exch.write("services.log", "");
    fs::set_permissions(
        server.exch.path("services.log"),
        fs::Permissions::from_mode(0o666),
    )
    .expect("set");
    let refused = ended(server.exch.bare_as_user(&["restore", "--connector", "ms-mail"]));
    assert_eq!(refused.code, 1, "{refused:?}");
    let wanted = format!("cannot make folder {}/.restante-", above.display());
    assert!(
        refused.stderr.contains(&wanted) && refused.stderr.contains("Permission denied"),
        "{refused:?}"
    );
    assert!(server.holders().is_empty());
}

#[test]
fn names_in_any_case() {
    let server = Server::new();
    let rename = |from: &str, to: &str| fs::rename(server.path(from), server.path(to)).expect("rename");
    server.snapshot("ms-mail");
    rename(MAILDATA, "Exchsrvr/Connect/Msmcon/MAILDATA");
    rename("Exchsrvr/Connect/Msmcon", "Exchsrvr/Connect/MSMCON");
    rename("Exchsrvr/Connect", "Exchsrvr/connect");
    let upper = "Exchsrvr/connect/MSMCON/MAILDATA";
    server.damage(upper, 1);
    let document = server.restore("ms-mail", &[]);
    assert!(
        step(&document, "into its place")["what"]
            .as_str()
            .expect("a text")
            .ends_with(upper)
    );
    server.ok(&["restore", "--connector", "ms-mail", "--confirm"]);
    let same = |place: &str| {
        let then = server.exch.path("then").join(MAILDATA);
        restante_tests::compare::differences(&then, &server.path(place)).expect("compare")
    };
    assert_eq!(same(upper), []);
    assert_eq!(
        below(&server.path("Exchsrvr/connect/MSMCON")).len(),
        below(&server.path(upper)).len() + 1
    );
    // A part of it lost: what is there keeps its spelling, and the rest gets the profile's.
    fs::remove_dir_all(server.path(upper)).expect("remove");
    server.restore("ms-mail", &[]);
    server.ok(&["restore", "--connector", "ms-mail", "--confirm"]);
    assert_eq!(same("Exchsrvr/connect/MSMCON/Maildata"), []);
    // Both on a file system that keeps them apart.
    fs::create_dir(server.path(upper)).expect("make a folder");
    let text = "connector ms-mail: root `maildata`: DIR/exch1/Exchsrvr/connect/MSMCON holds both \"MAILDATA\" and \
                \"Maildata\"\n";
    assert_refused(&server, &["--connector", "ms-mail"], 1, text);
    let taken = server.run(&["snapshot", "--connector", "ms-mail"]);
    assert_eq!((taken.code, taken.stdout.as_str()), (1, ""));
    assert!(
        server
            .exch
            .normal(&taken.stderr)
            .starts_with(&format!("error: {text}")),
        "{taken:?}"
    );
}

#[test]
fn a_dry_run_changes_nothing_and_says_what_then_runs() {
    let server = Server::new();
    server.snapshot("lotus-notes");
    fs::remove_dir_all(server.exch.path("state")).ok();
    let all = || {
        let found = below(&server.exch.path("")).into_iter();
        found
            .map(|path| {
                (
                    path.symlink_metadata()
                        .expect("metadata")
                        .modified()
                        .expect("a time"),
                    path,
                )
            })
            .collect::<Vec<_>>()
    };
    let before = all();
    let planned = server.ok(&["restore", "--connector", "lotus-notes", "--dry-run"]);
    assert_eq!(all(), before);
    let done: Value = server.restore("lotus-notes", &[]);
    let is_step = |line: &&str| line.starts_with("  ") && line[..5].trim().parse::<usize>().is_ok();
    assert_eq!(
        planned
            .lines()
            .filter(|line| line.len() > 5)
            .filter(is_step)
            .count(),
        steps(&done).count()
    );
    server.ok(&["restore", "--connector", "lotus-notes", "--revert"]);
    // The same lines in the same order, but for the name of this run, with what came of each between them.
    let last = steps(&done).count();
    let ran = server.run(&[
        "restore",
        "--connector",
        "lotus-notes",
        "--done",
        &(last - 1).to_string(),
        "--done",
        &last.to_string(),
    ]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let plain = |text: &str| -> Vec<String> {
        let mut lines = Vec::new();
        for line in text.lines() {
            let mut line = line.to_owned();
            while let Some(at) = line.find(".restante-") {
                line.replace_range(at..at + 18, "RUN");
            }
            lines.push(line);
        }
        lines
    };
    let ran = plain(&ran.stdout);
    let mut rest = ran.iter();
    for line in plain(&planned) {
        assert!(rest.any(|one| *one == line), "{line:?} is missing in {ran:#?}");
    }
}

#[test]
fn the_document() {
    let server = Server::new();
    server.snapshot("lotus-notes");
    let first = server.run(&["--json", "restore", "--connector", "lotus-notes"]);
    assert_eq!(first.code, 3, "{first:?}");
    let waiting: Value = serde_json::from_str(&first.stdout).expect("a document");
    assert_eq!(
        (&waiting["state"], &waiting["to"]),
        (&json!("waiting"), &Value::Null)
    );
    for (index, step) in steps(&waiting).enumerate() {
        assert_eq!(step["number"], index + 1);
        let phase = step["phase"].as_str().expect("a phase");
        assert!(
            ["before", "restoring", "after", "checks", "last"].contains(&phase),
            "{step:#}"
        );
        for list in ["notes", "findings", "statements"] {
            assert!(step[list].is_array(), "{step:#}");
        }
        assert!(step["what"].is_string() && ["tool", "person"].contains(&step["by"].as_str().expect("who")));
        assert!(step["state"] == "done" || step["by"] == "person", "{step:#}");
    }
    assert_eq!(step(&waiting, "delete ")["statements"], json!(["S15"]));
    assert!(std::path::Path::new(waiting["journal"].as_str().expect("a path")).is_file());
    assert_eq!(waiting["replaced"].as_array().map(Vec::len), Some(4));
    let done = server.restore("lotus-notes", &["--resume"]);
    assert_eq!(done["state"], "done");
    let reverted = server.ok(&["--json", "restore", "--connector", "lotus-notes", "--revert"]);
    let reverted: Value = serde_json::from_str(&reverted).expect("a document");
    assert_eq!(
        (&reverted["state"], &reverted["replaced"]),
        (&json!("reverted"), &json!([]))
    );
    let planned = server.ok(&["--json", "restore", "--connector", "lotus-notes", "--dry-run"]);
    let planned: Value = serde_json::from_str(&planned).expect("a document");
    assert_eq!(
        (&planned["state"], &planned["journal"]),
        (&json!("planned"), &Value::Null)
    );
}

#[test]
fn what_the_restore_needs_lies_in_a_root() {
    let server = Server::new();
    let text = |folder: &str| {
        format!("error: the folder of journals DIR/exch1/ccmail/{folder} lies in DIR/exch1/ccmail, ")
    };
    let state = |folder: &str| {
        let path = server.exch.path("restante.toml");
        let config = fs::read_to_string(&path).expect("read");
        let line = config
            .lines()
            .find(|line| line.starts_with("state"))
            .expect("a line")
            .to_owned();
        fs::write(
            &path,
            config.replace(&line, &format!("state = \"exch1/ccmail/{folder}\"")),
        )
        .expect("write");
    };
    server.snapshot("cc-mail");
    state("state");
    let refused = server.run(&["restore", "--connector", "cc-mail"]);
    let stderr = server.exch.normal(&refused.stderr);
    assert!(
        refused.code == 1 && stderr.starts_with(&text("state")),
        "{refused:?}"
    );
    // What stays where it is may hold it.
    state("Ccmcdata/state");
    server.restore("cc-mail", &[]);
    server.ok(&["restore", "--connector", "cc-mail", "--revert"]);
    // The archive is left out of snapshots, and would be moved all the same.
    server.configure("");
    fs::create_dir_all(server.path("Lotus/Notes/kept")).expect("make a folder");
    fs::rename(
        server.exch.path("archive"),
        server.path("Lotus/Notes/kept/archive"),
    )
    .expect("rename");
    let archive = server.exch.at("exch1/Lotus/Notes/kept/archive");
    server.ok(&["-a", &archive, "snapshot", "--connector", "lotus-notes"]);
    let refused = server.run(&["-a", &archive, "restore", "--connector", "lotus-notes"]);
    let text = "error: the archive DIR/exch1/Lotus/Notes/kept/archive lies in DIR/exch1/Lotus/Notes, which is going to be replaced\n";
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        server.exch.normal(&refused.stderr).starts_with(text),
        "{refused:?}"
    );
    server.ok(&["-a", &archive, "verify"]);
}

#[test]
fn roots_in_each_other() {
    let server = Server::new();
    server.configure("[connector.lotus-notes.roots]\nids = \"exch1/Lotus/Notes/Data\"\n");
    fs::write(server.path("Lotus/Notes/Data/more.id"), "id").expect("write");
    server.snapshot("lotus-notes");
    let text = "the roots `notes` and `ids` lie in one place: DIR/exch1/Lotus/Notes and DIR/exch1/Lotus/Notes/Data\n";
    assert_refused(&server, &["--connector", "lotus-notes"], 1, text);
    let document = server.restore("lotus-notes", &["--to", "out"]);
    assert_eq!(document["to"], server.exch.at("out"));
    assert!(server.exch.path("out/lotus-notes/ids/more.id").is_file());
}

#[test]
fn a_root_behind_a_link() {
    let server = Server::new();
    fs::rename(server.path(TABLES), server.path("real")).expect("rename");
    std::os::unix::fs::symlink(server.path("real"), server.path(TABLES)).expect("link");
    server.snapshot("conn-tables");
    server.damage("real", 4);
    server.restore("conn-tables", &["--done", "1"]);
    server.ok(&["restore", "--connector", "conn-tables", "--confirm"]);
    assert_eq!(server.differences("then", &["", "Exchsrvr/Conndata"]), [""; 0]);
    assert!(
        server
            .path(TABLES)
            .symlink_metadata()
            .expect("metadata")
            .is_symlink()
    );
}

#[test]
fn taking_back_needs_no_archive() {
    let server = Server::new();
    server.snapshot("conn-tables");
    server.damage(TABLES, 9);
    server.copy("damaged");
    server.restore("conn-tables", &["--done", "1"]);
    fs::rename(server.exch.path("archive"), server.exch.path("lost")).expect("rename");
    server.ok(&["restore", "--connector", "conn-tables", "--revert"]);
    assert_eq!(server.differences("damaged", &["Exchsrvr/Conndata"]), [""; 0]);
}

//! Services around a restore: whatever happens to it, they stand still while they have to, and run again in the end.

#![cfg(target_os = "linux")]

mod common;

use std::fs;

use common::server::Server;

#[test]
fn what_is_taken_back_before_anything_was_exchanged_starts_again() {
    let server = Server::new();
    server.snapshot("groupwise");
    // It waits for a person behind the step that stops the services.
    let waiting = server.run(&["restore", "--connector", "groupwise"]);
    assert_eq!(waiting.code, 3, "{waiting:?}");
    let stopped = server.services();
    assert!(
        !stopped.is_empty() && stopped.iter().all(|line| line.starts_with("stop ")),
        "{stopped:?}"
    );
    // Whoever takes a snapshot now would start them under the restore.
    for connector in ["groupwise", "lotus-notes", "conn-tables"] {
        let taken = server.run(&["snapshot", "--connector", connector]);
        assert_eq!(taken.code, 1, "{taken:?}");
        assert!(
            taken.stderr.contains("the restore of groupwise is at work on "),
            "{taken:?}"
        );
    }
    // Nor does another restore come in between.
    let other = server.run(&["restore", "--connector", "conn-tables", "--done", "1"]);
    assert_eq!(other.code, 1, "{other:?}");
    server.ok(&["restore", "--connector", "groupwise", "--revert"]);
    let all = server.services();
    let started: Vec<&String> = all.iter().filter(|line| line.starts_with("start ")).collect();
    assert_eq!(started.len(), stopped.len(), "{all:?}");
    server.ok(&["snapshot", "-q", "--connector", "groupwise"]);
}

#[test]
fn services_that_nobody_can_stop_any_more_are_not_taken_for_stopped() {
    let server = Server::new();
    server.snapshot("ms-mail");
    let path = server.exch.path("restante.toml");
    let text = fs::read_to_string(&path).expect("read");
    let fails = text.replace("echo $1 $0 $(cat moment 2>/dev/null) >> services.log", "exit 1");
    fs::write(&path, fails).expect("write");
    assert_eq!(server.run(&["restore", "--connector", "ms-mail"]).code, 1);
    let without = text.split("[services]").next().expect("a beginning");
    fs::write(&path, without).expect("write");
    let resumed = server.run(&["restore", "--connector", "ms-mail", "--resume"]);
    assert_eq!(resumed.code, 1, "{resumed:?}");
    assert!(
        resumed.stderr.contains("put [services] back into restante.toml"),
        "{resumed:?}"
    );
    fs::write(&path, text).expect("write");
    let done = server.run(&["restore", "--connector", "ms-mail", "--resume"]);
    assert_eq!(done.code, 3, "{done:?}");
}

#[test]
fn one_that_does_not_start_keeps_the_others_from_nothing() {
    let server = Server::new();
    server.snapshot("ms-mail");
    let path = server.exch.path("restante.toml");
    let text = fs::read_to_string(&path).expect("read");
    let script = "echo $1 $0 >> services.log; test $1 = stop || test $0 != MSExchangeDX";
    let picky = text.replace("echo $1 $0 $(cat moment 2>/dev/null) >> services.log", script);
    fs::write(&path, picky).expect("write");
    let failed = server.run(&["restore", "--connector", "ms-mail"]);
    assert_eq!(failed.code, 1, "{failed:?}");
    let all = server.services();
    assert!(all.contains(&"start MSExchangeMSMI".to_owned()), "{all:?}");
}

#[test]
fn a_snapshot_of_another_server_is_not_taken_for_this_one() {
    let server = Server::new();
    let path = server.exch.path("restante.toml");
    let text = fs::read_to_string(&path).expect("read");
    fs::write(&path, text.replace("\"EXCH1\"", "\"EXCH2\"")).expect("write");
    server.snapshot("cc-mail");
    fs::write(&path, text).expect("write");
    let refused = server.run(&["restore", "--connector", "cc-mail"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("there is no snapshot of cc-mail of EXCH1; the newest of another server, EXCH2, is "),
        "{refused:?}"
    );
    assert_eq!(server.run(&["rehearse", "cc-mail"]).code, 4);
    // Who knows what they do names it.
    let named = server.run(&["restore", "cc-mail@latest", "--connector", "cc-mail"]);
    assert_eq!(named.code, 3, "{named:?}");
}

#[test]
fn nothing_is_stopped_for_a_copy() {
    let server = Server::new();
    server.snapshot("groupwise");
    let copied = server.run(&["restore", "--connector", "groupwise", "--to", "copy"]);
    assert_eq!(copied.code, 3, "{copied:?}");
    let done = server.run(&["restore", "--connector", "groupwise", "--resume", "--done", "1"]);
    assert_eq!(done.code, 3, "only a person's steps are left: {done:?}");
    let all = copied.stdout + &done.stdout;
    assert!(
        !all.contains("LME-GWISE") && !all.contains("read and write in"),
        "{all}"
    );
    assert!(server.exch.path("copy/groupwise/conndata").exists());
    assert_eq!(server.services(), [""; 0]);
}

#[test]
fn an_empty_mount_point_is_noticed() {
    let server = Server::new();
    server.snapshot("cc-mail");
    for entry in fs::read_dir(server.path("ccmail")).expect("read a folder") {
        let path = entry.expect("an entry").path();
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.expect("remove");
    }
    let taken = server.run(&["snapshot", "--connector", "cc-mail"]);
    assert_eq!(taken.code, 3, "{taken:?}");
    assert!(taken.stderr.contains("is everything mounted?"), "{taken:?}");
}

#[test]
fn a_connector_that_is_gone_is_missed() {
    let server = Server::new();
    server.ok(&["snapshot", "-q"]);
    fs::remove_dir_all(server.path("Exchsrvr/Connect/Msmcon/Maildata")).expect("remove");
    // Nobody named it, and yet it is not the same as if it had never been on this server.
    let taken = server.run(&["snapshot"]);
    assert_eq!(taken.code, 1, "{taken:?}");
    assert!(
        taken
            .stderr
            .contains("error: connector ms-mail: the root `maildata` is not there"),
        "{taken:?}"
    );
    assert!(
        taken.stdout.contains("conn-tables"),
        "the others are taken: {taken:?}"
    );
    let listed = server.run(&["--json", "snapshots", "--by-connector"]);
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).expect("a document");
    let row = listed
        .as_array()
        .expect("rows")
        .iter()
        .find(|row| row["connector"] == "ms-mail");
    assert_ne!(row.expect("a row")["state"], "unscheduled");
}

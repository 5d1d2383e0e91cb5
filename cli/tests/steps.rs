//! What a profile does around a snapshot: commands, services, checks, and files of one generation.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Ended, Exch, ended, noise};
use serde_json::Value;

/// A connector `db` whose steps are `steps`, in a configuration with whatever else there is.
fn with_steps(steps: &str, rest: &str) -> Exch {
    let exch = Exch::with_archive();
    exch.write("db/data", "some data");
    let archive = exch.at("archive");
    let text = format!(
        "archive = '{archive}'\n{rest}\n[server]\nname = \"EXCH1\"\n\
         [[profile.db.root]]\nname = \"db\"\npath = \"db\"\n{steps}"
    );
    exch.write("restante.toml", text);
    exch
}

/// A step that runs a line of the shell.
fn run(phase: &str, line: &str, more: &str) -> String {
    format!(
        "[[profile.db.{phase}]]\nkind = \"run\"\ntext = \"because\"\ncommand = [\"sh\", \"-c\", '{line}']\n{more}\n"
    )
}

fn snapshot(exch: &Exch) -> Ended {
    exch.run(&["snapshot", "--connector", "db"])
}

fn log(exch: &Exch) -> String {
    fs::read_to_string(exch.path("log")).unwrap_or_default()
}

fn count(exch: &Exch) -> usize {
    exch.json(&["snapshots", "--all"])
        .as_array()
        .expect("an array")
        .len()
}

#[test]
fn commands_run_before_and_after_with_their_placeholders() {
    let before = run(
        "before-snapshot",
        "echo before $WHO {connector} {server} >> log; date +%N > {root:db}/made",
        "environment = { WHO = \"{archive}\" }",
    );
    let after = run("after-snapshot", "echo after >> log", "");
    let exch = with_steps(&(before + &after), "");
    let ended = snapshot(&exch);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    assert_eq!(exch.normal(&log(&exch)), "before DIR/archive db EXCH1\nafter\n");
    // What was made before the snapshot is in it.
    let made = fs::read_to_string(exch.path("db/made")).expect("read");
    assert_eq!(exch.ok(&["cat", "latest:db/db/made"]), made);
}

#[test]
fn a_step_that_fails_before_keeps_the_snapshot_from_being_taken_and_what_comes_after_runs_all_the_same() {
    let steps = [
        run("before-snapshot", "echo one >> log", ""),
        run("before-snapshot", "echo why; exit 7", ""),
        run("before-snapshot", "echo never >> log", ""),
        run("after-snapshot", "echo always >> log", ""),
        run("after-snapshot", "echo taken >> log", "when = \"taken\""),
        run("after-snapshot", "echo failed >> log", "when = \"failed\""),
    ];
    let exch = with_steps(&steps.concat(), "");
    let ended = snapshot(&exch);
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{ended:?}");
    assert_eq!(
        ended.stderr,
        "error: db, before-snapshot: sh -c 'echo why; exit 7' failed: exit status: 7\n  why\n"
    );
    assert_eq!(log(&exch), "one\nalways\nfailed\n");
    assert_eq!(count(&exch), 0);
}

#[test]
fn a_failure_may_be_a_warning_or_nothing() {
    let steps = [
        run("before-snapshot", "exit 1", "on-failure = \"warn\""),
        run("before-snapshot", "exit 2", "on-failure = \"ignore\""),
        run("after-snapshot", "exit 3", ""),
        run("after-snapshot", "echo after >> log", ""),
    ];
    let exch = with_steps(&steps.concat(), "");
    let ended = snapshot(&exch);
    // The snapshot is there, and whoever watches is told that not all is well.
    assert_eq!((ended.code, count(&exch)), (1, 1), "{ended:?}");
    assert_eq!(log(&exch), "after\n");
    let id = exch.json(&["snapshots"])[0]["id"].as_str().expect("an id")[..8].to_owned();
    assert_eq!(
        ended.stderr,
        format!(
            "warning: db, before-snapshot: sh -c 'exit 1' failed: exit status: 1\n\
             error: snapshot {id} was taken, but then: db, after-snapshot: sh -c 'exit 3' failed: exit status: 3\n"
        )
    );
}

#[test]
fn a_command_that_takes_too_long_is_stopped_with_what_it_started() {
    let line = "sleep 600 & echo $! > pid; wait";
    let exch = with_steps(&run("before-snapshot", line, "timeout = \"1s\""), "");
    let ended = snapshot(&exch);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("took longer than 1 s and was stopped\n  give it more time with `timeout`"),
        "{}",
        ended.stderr
    );
    let pid = fs::read_to_string(exch.path("pid"))
        .expect("read")
        .trim()
        .to_owned();
    // Gone, or dead and not yet fetched by whoever inherited it.
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let step = "[[profile.db.before-snapshot]]\nkind = \"run\"\ntext = \"x\"\ncommand = [\"no-such-program\", \"a b\"]\n";
    let exch = with_steps(step, "");
    let ended = snapshot(&exch);
    assert_eq!(
        ended.stderr,
        "error: db, before-snapshot: cannot run no-such-program 'a b': No such file or directory (os error 2)\n  \
         is no-such-program installed?\n"
    );
}

#[test]
fn a_command_that_the_user_supplies_replaces_the_profiles_silence() {
    let step = "[[profile.db.before-snapshot]]\nkind = \"run\"\nname = \"dump\"\ntext = \"x\"\n";
    let exch = with_steps(step, "");
    assert_eq!(snapshot(&exch).code, 0);
    assert_eq!(log(&exch), "");
    let text = fs::read_to_string(exch.path("restante.toml")).expect("read");
    let supplied = "[connector.db.commands]\ndump = [\"sh\", \"-c\", \"echo dumped >> log\"]\n";
    exch.write("restante.toml", text + supplied);
    assert_eq!(snapshot(&exch).code, 0);
    assert_eq!(log(&exch), "dumped\n");
}

#[test]
fn services_stand_still_for_a_snapshot_only_where_that_was_asked_for() {
    let services = |more: &str| {
        format!(
            "[services]\nstop = [\"sh\", \"-c\", \"echo stop {{service}} >> log\"]\n\
             start = [\"sh\", \"-c\", \"echo start {{service}} >> log\"]\n{more}"
        )
    };
    let profile = "services = [\"one\", \"two\"]\n[[profile.db.before-snapshot]]\nkind = \"stop-services\"\ntext = \"x\"\n\
                   [[profile.db.after-snapshot]]\nkind = \"start-services\"\ntext = \"x\"\n";
    let steps = |more: &str| {
        let exch = with_steps("", &services(more));
        let text = fs::read_to_string(exch.path("restante.toml")).expect("read");
        exch.write(
            "restante.toml",
            text.replace(
                "[[profile.db.root]]",
                "[profile.db]\nservices = [\"one\", \"two\"]\n[[profile.db.root]]",
            ) + profile.split_once('\n').expect("two lines").1,
        );
        exch
    };
    let exch = steps("");
    assert_eq!(snapshot(&exch).code, 0);
    assert_eq!(log(&exch), "");
    let exch = steps("for-snapshots = true");
    assert_eq!(snapshot(&exch).code, 0);
    assert_eq!(log(&exch), "stop one\nstop two\nstart two\nstart one\n");
    // Where the snapshot fails they start again.
    fs::remove_dir_all(exch.path("archive/segments")).expect("remove");
    fs::write(exch.path("archive/segments"), "").expect("write");
    let failed = snapshot(&exch);
    assert_ne!(failed.code, 0, "{failed:?}");
}

#[test]
fn checks_come_before_a_snapshot_too() {
    let step = "[[profile.db.before-snapshot]]\nkind = \"require\"\nroot = \"db\"\npaths = [\"*.dump\"]\ntext = \"the dump of last night\"\n";
    let exch = with_steps(step, "");
    let ended = snapshot(&exch);
    assert_eq!(
        (ended.code, ended.stderr.as_str()),
        (
            1,
            "error: db, before-snapshot: the dump of last night: *.dump is missing\n"
        )
    );
    exch.write("db/monday.dump", "");
    assert_eq!(snapshot(&exch).code, 0);
}

/// Two tables that are rewritten in turn, so that they belong together only between two rounds.
const SET: &str = "[[profile.db.set]]\nname = \"tables\"\nroot = \"db\"\npaths = [\"*.tbl\"]\n";

#[test]
fn files_of_one_generation_are_whole_or_marked() {
    let exch = with_steps(SET, "");
    for name in ["db/a.tbl", "db/b.tbl"] {
        exch.write(name, noise(1, 24_000_000));
    }
    let quiet = snapshot(&exch);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""), "{quiet:?}");
    let done = AtomicBool::new(false);
    let files = ["db/a.tbl", "db/b.tbl"].map(|name| {
        fs::OpenOptions::new()
            .write(true)
            .open(exch.path(name))
            .expect("open")
    });
    let restless = std::thread::scope(|threads| {
        threads.spawn(|| {
            let mut generation = 0_u64;
            while !done.load(Ordering::Relaxed) {
                generation += 1;
                for file in &files {
                    file.write_all_at(&generation.to_le_bytes(), 0).expect("write");
                }
            }
        });
        let ended = ended(exch.command(&["--json", "snapshot", "--connector", "db"]));
        done.store(true, Ordering::Relaxed);
        ended
    });
    assert_eq!(restless.code, 3, "{restless:?}");
    let document: Value = serde_json::from_str(&restless.stdout).expect("a document");
    assert_eq!(document["torn_sets"], serde_json::json!(["db/tables"]));
    assert_eq!(
        document["torn"],
        serde_json::json!(["db/db/a.tbl", "db/db/b.tbl"])
    );
    assert!(
        restless.stderr.contains(
            "warning: the files of db/tables belong together and never held still: they were read "
        ),
        "{}",
        restless.stderr
    );
    let refused = exch.run(&["restore", "latest", "--to", "out"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("--allow-torn"), "{}", refused.stderr);
    assert_eq!(
        exch.run(&["restore", "latest", "--to", "out", "--allow-torn"])
            .code,
        3
    );
    // When they hold still again, the next snapshot is whole.
    assert_eq!(snapshot(&exch).code, 0);
    assert_eq!(exch.run(&["restore", "latest", "--to", "whole"]).code, 0);
}

//! Restores by procedure that are killed as soon as their journal has so many lines: gone on with, or taken back.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use common::server::Server;
use common::{Ended, ended_child};
use restante_tests::compare::differences;
use rustix::process::{Pid, Signal, kill_process};

const CONNDATA: &str = "Exchsrvr/Conndata";

/// A server with a connector whose steps take a moment each, so that a signal comes in time: whole and by entries, with
/// services, a deletion, and a check.
fn server() -> Server {
    let server = Server::new();
    server.exch.write(
        "profiles/both.toml",
        "name = \"both\"\nservices = [\"ONE\"]\ncase-insensitive = true\n\
         [[root]]\nname = \"data\"\nplace = \"exchsrvr\"\npath = \"Conndata\"\n\
         [[root]]\nname = \"programs\"\nplace = \"ccmail\"\nexclude = [\"Ccmcdata\"]\n\
         [[before-restore]]\nkind = \"stop-services\"\ntext = \"stop\"\n\
         [[after-restore]]\nkind = \"delete\"\nroot = \"data\"\npaths = [\"*.seq\", \"*.ck\"]\ntext = \"work files\"\n\
         [[check]]\nkind = \"require\"\nroot = \"data\"\npaths = [\"Exchconn.ini\"]\ntext = \"has to be there\"\n\
         [[finish]]\nkind = \"start-services\"\ntext = \"start\"\n",
    );
    server.snapshot("both");
    server.damage(CONNDATA, 1);
    server.damage("ccmail", 2);
    server.copy("damaged");
    server
}

fn journal(server: &Server) -> PathBuf {
    server.exch.path("state/restores/EXCH1-both.jsonl")
}

fn lines(server: &Server) -> usize {
    let bytes = fs::read(journal(server)).unwrap_or_default();
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Starts the program and kills it as soon as the journal has so many lines. Whether it was in time.
fn killed(server: &Server, args: &[&str], at: usize) -> bool {
    let child = server.exch.bare(args).spawn().expect("start the program");
    let mut child = Some(child);
    loop {
        let running = child.as_mut().expect("a child");
        if lines(server) >= at {
            kill(running);
            break;
        }
        if running.try_wait().expect("wait").is_some() {
            break;
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    let ended = ended_child(child.take().expect("a child"));
    assert!(ended.code == 0 || ended.code == 128 + 9, "{ended:?}");
    ended.code != 0
}

fn kill(child: &Child) {
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a process");
    // It may be gone already.
    let _ = kill_process(pid, Signal::KILL);
}

/// The tree as it was before the restore, and no restore under way.
fn reset(server: &Server) {
    let _ = fs::remove_dir_all(server.exch.path("state"));
    let _ = fs::remove_dir_all(server.path(""));
    let status = std::process::Command::new("cp")
        .arg("-a")
        .arg(server.exch.path("damaged"))
        .arg(server.path(""))
        .status();
    assert!(status.expect("start cp").success());
}

fn go_on(server: &Server) -> Ended {
    let resumed = server.run(&["restore", "--connector", "both", "--resume"]);
    if resumed.stderr.contains("no restore of both is under way") {
        return server.run(&["restore", "--connector", "both"]);
    }
    resumed
}

/// How many lines the journal of a restore has that nothing interrupts.
fn all_lines(server: &Server) -> usize {
    server.ok(&["restore", "--connector", "both"]);
    lines(server)
}

#[test]
fn killed_at_every_line_and_gone_on_with() {
    let server = server();
    let last = all_lines(&server);
    server.ok(&["restore", "--connector", "both", "--confirm"]);
    server.copy("wanted");
    let mut in_time = 0;
    for at in 0..=last {
        reset(&server);
        in_time += usize::from(killed(&server, &["restore", "--connector", "both"], at));
        let next = go_on(&server);
        // One that was over before the signal came is not confirmed yet.
        assert!(next.code == 0, "line {at}: {next:?}");
        server.ok(&["restore", "--connector", "both", "--confirm"]);
        let above = ["Exchsrvr", "", CONNDATA];
        let deleted = [
            "Dxamex",
            "Dxanotes",
            "DxaGwise",
            "Tables",
            "Temp",
            "Temp/one/two",
            "Gwrouter/togwise",
        ];
        let deleted: Vec<String> = deleted.map(|folder| format!("{CONNDATA}/{folder}")).to_vec();
        let above = [
            &above[..],
            &deleted.iter().map(String::as_str).collect::<Vec<_>>(),
        ]
        .concat();
        assert_eq!(server.differences("wanted", &above), [""; 0], "line {at}");
    }
    assert!(
        in_time >= last / 2,
        "only {in_time} of {last} were killed in time"
    );
}

#[test]
fn killed_at_every_line_and_taken_back() {
    let server = server();
    let last = all_lines(&server);
    let mut in_time = 0;
    for at in 0..=last {
        reset(&server);
        in_time += usize::from(killed(&server, &["restore", "--connector", "both"], at));
        if lines(&server) > 0 {
            server.ok(&["restore", "--connector", "both", "--revert"]);
        }
        assert_eq!(
            server.differences("damaged", &["Exchsrvr", ""]),
            [""; 0],
            "line {at}"
        );
    }
    assert!(
        in_time >= last / 2,
        "only {in_time} of {last} were killed in time"
    );
}

#[test]
fn killed_while_it_is_taken_back() {
    let server = server();
    let last = all_lines(&server);
    let revert = ["restore", "--connector", "both", "--revert"];
    // Begun, two roots taken out and put back, over.
    for at in last + 1..=last + 6 {
        reset(&server);
        server.ok(&["restore", "--connector", "both"]);
        killed(&server, &revert, at);
        if lines(&server) > last {
            let other = server.run(&["restore", "--connector", "both", "--resume"]);
            let is_over = other.stderr.contains("no restore of both is under way");
            assert!(
                is_over || other.stderr.contains("is being taken back"),
                "{other:?}"
            );
        }
        let again = server.run(&revert);
        let is_over = again.stderr.contains("no restore of both is under way");
        assert!(again.code == 0 || is_over, "line {at}: {again:?}");
        let found = differences(&server.exch.path("damaged/ccmail"), &server.path("ccmail"));
        assert_eq!(found.expect("compare"), []);
        assert_eq!(
            server.differences("damaged", &["Exchsrvr", ""]),
            [""; 0],
            "line {at}"
        );
    }
}

/// While a root is neither as it was nor as it will be, nobody takes a snapshot of it: it would lack what is on its way.
#[test]
fn no_snapshot_in_the_middle() {
    let server = server();
    server.ok(&["restore", "--connector", "both"]);
    // As if it had been killed when the first root was set aside: services twice, two roots restored and read.
    let all = fs::read_to_string(journal(&server)).expect("read");
    let kept: Vec<&str> = all.lines().take(1 + 2 * 6 + 2).collect();
    assert!(all.lines().count() > kept.len() + 4);
    fs::write(journal(&server), kept.join("\n") + "\n").expect("write");
    for connector in ["both", "cc-mail", "conn-tables"] {
        let taken = server.run(&["snapshot", "--connector", connector]);
        assert_eq!(taken.code, 1, "{taken:?}");
        assert!(
            taken.stderr.contains("the restore of both is at work on "),
            "{taken:?}"
        );
        assert!(
            taken.stderr.contains("restore --connector both --resume\n"),
            "{taken:?}"
        );
    }
    server.ok(&["snapshot", "-q", "--connector", "ms-mail"]);
    let other = server.run(&["restore", "--connector", "both"]);
    assert_eq!(other.code, 1, "{other:?}");
    server.ok(&["restore", "--connector", "both", "--resume"]);
    server.ok(&["snapshot", "-q", "--connector", "both"]);
}

/// Puts other commands in the place of those of the services.
/// No other connector's services come into it.
fn with_services(server: &Server, script: &str, more: &str) {
    let others =
        ["cc-mail", "lotus-notes", "groupwise"].map(|name| format!("[connector.{name}]\nenabled = false\n"));
    let more = format!("{more}{}", others.concat());
    let path = server.exch.path("restante.toml");
    let text = fs::read_to_string(&path).expect("read");
    let before = text.split("[services]").next().expect("a beginning");
    let command = format!("[\"sh\", \"-c\", \"{script}\", \"{{service}}\"]");
    fs::write(
        &path,
        format!("{before}[services]\nstop = {command}\nstart = {command}\n{more}"),
    )
    .expect("write");
}

/// A command that is running when the program is asked to end ends too, and the restore can be gone on with.
#[test]
fn interrupted_while_a_command_runs() {
    let server = server();
    with_services(&server, "echo $$ > began; sleep 60; echo over > over", "");
    let child = server
        .exch
        .bare(&["restore", "--connector", "both"])
        .spawn()
        .expect("start");
    let began = server.exch.path("began");
    let pid = loop {
        match fs::read_to_string(&began).map(|text| text.trim().parse::<i32>()) {
            Ok(Ok(pid)) => break pid,
            _ => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let program = Pid::from_raw(child.id().cast_signed()).expect("a process");
    kill_process(program, Signal::INT).expect("send a signal");
    let ended = ended_child(child);
    assert_eq!(ended.code, 130, "{ended:?}");
    let hints = "go on: restante restore --connector both --resume\n  or take everything back: ";
    assert!(
        ended.stderr.starts_with("error: interrupted\n") && ended.stderr.contains(hints),
        "{ended:?}"
    );
    let command = Pid::from_raw(pid).expect("a process");
    assert!(
        rustix::process::test_kill_process(command).is_err(),
        "the command still runs"
    );
    with_services(&server, "true", "");
    server.ok(&["restore", "--connector", "both", "--resume"]);
    server.ok(&["restore", "--connector", "both", "--revert"]);
    assert_eq!(server.differences("damaged", &["Exchsrvr", ""]), [""; 0]);
}

/// What a command that fails or takes too long said is repeated, nothing is touched, and a person may pass it over.
#[test]
fn a_service_that_does_not_stop() {
    let server = server();
    for (script, more, texts) in [
        (
            "echo it is busy >&2; exit 3",
            "",
            ["ONE failed: exit status: 3\n", "  it is busy\n"],
        ),
        (
            "echo stopping; sleep 60",
            "timeout = \"1s\"\n",
            ["ONE took longer than 1 s and was stopped\n", "  stopping\n"],
        ),
        (
            "exec /nowhere/at/all",
            "",
            ["ONE failed: exit status: 127\n", "not found\n"],
        ),
    ] {
        with_services(&server, script, more);
        let failed = server.run(&["restore", "--connector", "both"]);
        assert_eq!(failed.code, 1, "{failed:?}");
        assert!(
            texts.iter().all(|text| failed.stderr.contains(text)),
            "{failed:?}"
        );
        assert_eq!(server.differences("damaged", &[]), [""; 0]);
        // What was stopped has to start again, and the same command does not do that either.
        let stuck = server.run(&["restore", "--connector", "both", "--revert"]);
        let way = stuck.stderr.split("--revert --skip ").nth(1).expect("a way out");
        let skip = way.lines().next().expect("a number");
        server.ok(&["restore", "--connector", "both", "--revert", "--skip", skip]);
    }
    with_services(&server, "exit 1", "");
    assert_eq!(server.run(&["restore", "--connector", "both"]).code, 1);
    let last = server.run(&["restore", "--connector", "both", "--skip", "1"]);
    assert_eq!(last.code, 1, "the services do not start either: {last:?}");
    let number = last
        .stderr
        .split("step ")
        .nth(1)
        .and_then(|text| text.split([',', ':']).next());
    server.ok(&[
        "restore",
        "--connector",
        "both",
        "--skip",
        number.expect("a number"),
    ]);
    with_services(&server, "true", "");
    server.ok(&["restore", "--connector", "both", "--revert"]);
    assert_eq!(server.differences("damaged", &["Exchsrvr", ""]), [""; 0]);
}

//! What people meet around the commands: help, completions, manual pages, notices, progress, pipes.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

use common::{Exch, ended, ended_child, has, noise};

/// Every command as its help is asked for.
const COMMANDS: &[&[&str]] = &[
    &["init"],
    &["snapshot"],
    &["watch"],
    &["snapshots"],
    &["ls"],
    &["cat"],
    &["diff"],
    &["restore"],
    &["rehearse"],
    &["recover"],
    &["verify"],
    &["stats"],
    &["copy"],
    &["export"],
    &["import"],
    &["connectors"],
    &["connectors", "show"],
    &["connectors", "check"],
    &["connectors", "statements"],
    &["completions"],
    &["man"],
];

#[test]
fn every_command_has_help_with_an_example() {
    let exch = Exch::new();
    let help = ended(exch.bare(&["--help"]));
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    let mut without = Vec::new();
    for &command in COMMANDS {
        if command.len() == 1 {
            assert!(
                help.stdout.contains(&format!("\n  {} ", command[0])),
                "{command:?}"
            );
        }
        for asked in ["--help", "-h"] {
            let ended = ended(exch.bare(&[command, &[asked]].concat()));
            assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{command:?}");
            let usage = format!("Usage: restante {}", command.join(" "));
            assert!(ended.stdout.contains(&usage), "{}", ended.stdout);
            let is_example = |line: &str| {
                let words = line.trim_start().strip_prefix("restante ").unwrap_or_default();
                line.starts_with("  ") && words.contains(&command.join(" ")) || line.contains("| restante ")
            };
            if !ended.stdout.lines().any(is_example) {
                without.push(format!("{} {asked}", command.join(" ")));
            }
        }
    }
    assert_eq!(without, [""; 0], "without an example");
    let version = ended(exch.bare(&["--version"]));
    assert_eq!(
        version.stdout,
        format!("restante {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn help_fits_its_width() {
    let exch = Exch::new();
    for &command in COMMANDS {
        let help = ended(exch.bare(&[command, &["--help"]].concat())).stdout;
        for line in help.lines() {
            assert!(line.chars().count() <= 100, "{command:?}: {line}");
        }
    }
}

#[test]
fn completions() {
    let exch = Exch::new();
    for shell in ["bash", "zsh", "fish"] {
        let ended = ended(exch.bare(&["completions", shell]));
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{shell}");
        for word in ["restante", "snapshot", "exclude-caches"] {
            assert!(ended.stdout.contains(word), "{shell}: {word}");
        }
        if has(shell) {
            let script = exch.write(&format!("restante.{shell}"), &ended.stdout);
            let checked = Command::new(shell)
                .arg("-n")
                .arg(script)
                .output()
                .expect("run the shell");
            assert!(checked.status.success(), "{shell}: {checked:?}");
        }
    }
}

#[test]
fn manual_pages() {
    let exch = Exch::new();
    let ended = ended(exch.bare(&["man", "--to", "share/man/man1"]));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let pages = exch.names("share/man/man1");
    assert!(pages.contains(&"restante.1".to_owned()), "{pages:?}");
    for &command in COMMANDS {
        assert!(
            pages.contains(&format!("restante-{}.1", command.join("-"))),
            "{command:?}: {pages:?}"
        );
    }
    for page in pages {
        let text = fs::read_to_string(exch.path("share/man/man1").join(&page)).expect("read a page");
        assert!(
            text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"),
            "{page}"
        );
    }
}

#[test]
fn quiet_prints_no_notices() {
    let exch = Exch::new();
    exch.write("src/a", "x");
    let quiet = exch.run(&["-q", "snapshot", "--init", "src"]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
    assert!(
        quiet.stdout.starts_with("src "),
        "results are no notices: {quiet:?}"
    );
    for args in [
        &["diff", "latest", "latest"][..],
        &["connectors"],
        &["snapshots", "--tag", "x"],
    ] {
        let quiet = exch.run(&[args, &["-q"]].concat());
        assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""), "{args:?}");
        let loud = exch.run(args);
        assert_ne!(loud.stderr, "", "{args:?} has something to say");
    }
    let failing = exch.run(&["-q", "ls", "latest:none"]);
    assert!(failing.stderr.starts_with("error: "), "errors are no notices");
    let both = exch.run(&["-q", "-v", "stats"]);
    assert_eq!(both.code, 2, "{both:?}");
    let detail = exch.run(&["-v", "snapshot", "src"]);
    assert!(detail.stderr.contains("compared with "), "{detail:?}");
}

#[test]
fn no_progress_where_nobody_looks() {
    let exch = Exch::with_archive();
    exch.write("src/large", noise(1, 5_000_000));
    for args in [
        &["snapshot", "src"][..],
        &["verify"],
        &["restore", "latest", "--to", "out"],
    ] {
        let ended = exch.run(args);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{args:?}");
        assert!(!ended.stdout.contains(['\r', '\x1b']), "{args:?}");
    }
}

/// What a terminal shows of a snapshot of a standard input that takes its time.
fn shown_of_slow_input(exch: &Exch, option: &str) -> String {
    let slow = "(head -c 3000000 /dev/zero; sleep 0.5; head -c 3000000 /dev/zero)";
    let (program, archive) = (env!("CARGO_BIN_EXE_restante"), exch.at("archive"));
    let line = format!("{slow} | {program} {option} -a {archive} snapshot --stdin zeros");
    let mut script = Command::new("script");
    script
        .args(["-qec", &line, "/dev/null"])
        .current_dir(exch.path(""));
    script
        .env("HOME", exch.path("home"))
        .env("TERM", "xterm")
        .stdin(Stdio::null());
    let output = script.output().expect("run script");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn progress_in_a_terminal() {
    if !has("script") {
        return;
    }
    let exch = Exch::with_archive();
    let shown = shown_of_slow_input(&exch, "-v");
    for part in ["\r", "stdin ", " MB", "/s"] {
        assert!(shown.contains(part), "no {part:?} in {shown:?}");
    }
    let result = shown.split(['\r', '\n']).find(|line| line.contains("1 changed"));
    assert!(result.is_some_and(|line| line.contains("6.0 MB")), "{shown:?}");
    let quiet = shown_of_slow_input(&exch, "-q");
    assert!(!quiet.contains("/s"), "{quiet:?}");
}

/// The program, with standard output going to a reader that stops reading.
#[test]
fn a_reader_that_has_seen_enough() {
    let exch = Exch::with_archive();
    for number in 0..4000 {
        exch.write(&format!("src/{number:05}"), "x");
    }
    exch.write("src/large", noise(2, 4_000_000));
    exch.ok(&["snapshot", "src"]);
    for args in [
        &["ls", "latest"][..],
        &["ls", "-l", "latest"],
        &["--json", "ls", "latest"],
        &["cat", "latest:src/large"],
    ] {
        let mut child = exch.command(args).spawn().expect("start the program");
        let mut stdout = child.stdout.take().expect("its standard output");
        let mut first = [0; 100];
        stdout.read_exact(&mut first).expect("read a little");
        drop(stdout);
        let ended = ended_child(child);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn a_standard_output_that_cannot_be_written() {
    let exch = Exch::with_archive();
    exch.write("src/a", "x");
    exch.ok(&["snapshot", "src"]);
    for args in [
        &["snapshots"][..],
        &["ls", "latest"],
        &["cat", "latest:src/a"],
        &["stats"],
    ] {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("open /dev/full");
        let mut command = exch.command(args);
        command.stdout(full);
        let ended = ended(command);
        let text = "error: cannot write to standard output: No space left on device (os error 28)\n";
        assert_eq!((ended.code, ended.stderr.as_str()), (1, text), "{args:?}");
    }
}

/// `restante … 2>&1 | head` closes standard error too.
#[test]
fn a_standard_error_that_nobody_reads() {
    let exch = Exch::with_archive();
    exch.write("src/a", "x");
    for (args, code) in [
        (&["ls", "latest"][..], 1),
        (&["-v", "snapshot", "src"], 0),
        (&["connectors"], 0),
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = exch.command(args);
        command.stderr(writer);
        let ended = ended(command);
        assert_eq!(ended.code, code, "{args:?}");
    }
}

//! The units for systemd are ones that systemd takes.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Exch, has};

const UNITS: [&str; 3] = [
    "restante-watch.service",
    "restante-snapshot.service",
    "restante-snapshot.timer",
];

/// Where the program is expected.
const INSTALLED: &str = "/usr/local/bin/restante";

fn text(unit: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(unit);
    fs::read_to_string(path).expect("read a unit")
}

/// The lines `KEY=VALUE` of a section.
fn section<'a>(text: &'a str, name: &str) -> Vec<(&'a str, &'a str)> {
    let lines = text
        .lines()
        .skip_while(|line| *line != format!("[{name}]"))
        .skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once('=').expect("KEY=VALUE"))
        .collect()
}

#[test]
fn units_say_what_they_must() {
    for unit in UNITS {
        let text = text(unit);
        for (number, line) in text.lines().enumerate() {
            let is_key = |line: &str| {
                let key = line.split_once('=').map_or("", |(key, _)| key);
                !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric())
            };
            let is_good = line.is_empty()
                || line.starts_with("# ")
                || line == "#"
                || ["[Unit]", "[Service]", "[Timer]", "[Install]"].contains(&line)
                || is_key(line);
            assert!(is_good, "{unit}: line {}: {line}", number + 1);
        }
        assert!(
            section(&text, "Unit")
                .iter()
                .any(|(key, _)| *key == "Description")
        );
    }
    let watch = text("restante-watch.service");
    let service = section(&watch, "Service");
    for wanted in [
        ("Type", "exec"),
        ("Restart", "on-failure"),
        ("KillSignal", "SIGTERM"),
        ("ProtectSystem", "strict"),
        ("StateDirectory", "restante"),
    ] {
        assert!(service.contains(&wanted), "{wanted:?}");
    }
    let snapshot = text("restante-snapshot.service");
    assert!(section(&snapshot, "Service").contains(&("Type", "oneshot")));
    let timer = text("restante-snapshot.timer");
    assert!(section(&timer, "Timer").contains(&("OnCalendar", "minutely")));
}

/// The words that the units start the program with are ones that it knows.
#[test]
fn units_start_the_program_as_it_is() {
    let exch = Exch::new();
    for unit in &UNITS[..2] {
        let text = text(unit);
        let service = section(&text, "Service");
        let start = service.iter().find(|(key, _)| *key == "ExecStart");
        let words: Vec<&str> = start.expect("ExecStart").1.split(' ').collect();
        assert_eq!(words[0], INSTALLED);
        let help = common::ended(exch.bare(&[&words[1..], &["--help"]].concat()));
        assert_eq!(help.code, 0, "{unit}: {help:?}");
    }
}

#[test]
fn systemd_takes_the_units() {
    if !has("systemd-analyze") {
        return;
    }
    let exch = Exch::new();
    let program = env!("CARGO_BIN_EXE_restante");
    for unit in UNITS {
        exch.write(&format!("units/{unit}"), text(unit).replace(INSTALLED, program));
    }
    for unit in UNITS {
        let mut command = Command::new("systemd-analyze");
        // Manual pages are not installed where this is tested.
        command
            .args(["verify", "--man=no"])
            .arg(exch.path("units").join(unit));
        command.env("SYSTEMD_UNIT_PATH", format!("{}:", exch.at("units")));
        let output = command.output().expect("start systemd-analyze");
        let said = String::from_utf8_lossy(&output.stderr);
        // What it says of other units of the system is not ours.
        let ours: Vec<&str> = said.lines().filter(|line| line.contains("restante")).collect();
        assert!(output.status.success() && ours.is_empty(), "{unit}: {said}");
    }
}

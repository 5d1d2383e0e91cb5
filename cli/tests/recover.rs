//! The recovery of a whole server: the checklist, its order, and the way through it.

#![cfg(target_os = "linux")]

mod common;

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use common::recovery::*;
use common::{Exch, Holds, assert_fields, ended_child, has};
use serde_json::Value;

/// Replaces what differs between two runs: folders, ids, times.
fn normal(exch: &Exch, text: &str) -> String {
    let text = exch.normal(text).replace("\r\n", "\n");
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let mut normal = String::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let time: String = rest
            .chars()
            .take(19)
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        let behind = |len: usize| rest[len..].trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
        if time == "0000-00-00 00:00:00" || time == "0000-00-00T00:00:00" {
            normal.push_str("TIME");
            rest = behind(19).strip_prefix('Z').unwrap_or(behind(19));
            continue;
        }
        let word = rest
            .find(|c: char| !c.is_alphanumeric())
            .unwrap_or(rest.len())
            .max(first.len_utf8());
        normal.push_str(
            match [8, 16].contains(&word) && rest[..word].chars().all(is_hex) {
                true => "ID",
                false => &rest[..word],
            },
        );
        rest = &rest[word..];
    }
    normal
}

/// Joins lines that were broken at words: where that happens depends on how long the folder's path is.
fn unbroken(text: &str) -> String {
    const LABEL: &str = "          ";
    const STATES: [&str; 6] = [
        "done, ",
        "done by ",
        "not needed here",
        "warning",
        "failed",
        "is that done?",
    ];
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let rest = line.strip_prefix(LABEL).filter(|rest| !rest.starts_with(' '));
        match (rest, lines.last_mut()) {
            (Some(rest), Some(last)) if !STATES.iter().any(|state| rest.starts_with(state)) => {
                last.push(' ');
                last.push_str(rest);
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines.join("\n") + "\n"
}

/// A text cut before each step of a checklist, each empty line, and behind them.
fn steps_of(text: &str) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    for line in text.lines() {
        let is_below = line.starts_with("          ");
        match steps.last_mut() {
            Some(last) if is_below => {
                last.push_str(line);
                last.push('\n');
            }
            _ => steps.push(format!("{line}\n")),
        }
    }
    steps
}

/// Compares a transcript with the one that is kept, or keeps it where `RESTANTE_TRANSCRIPTS` says `write`.
#[track_caller]
fn compare_transcript(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/transcripts")
        .join(name);
    if std::env::var_os("RESTANTE_TRANSCRIPTS").is_some_and(|value| value == "write") {
        fs::write(&path, text).expect("write the transcript");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    for (number, (kept, now)) in kept.lines().zip(text.lines()).enumerate() {
        assert_eq!(
            kept,
            now,
            "line {} of {name}; RESTANTE_TRANSCRIPTS=write keeps the new one",
            number + 1
        );
    }
    assert_eq!(kept.lines().count(), text.lines().count(), "{name}");
}

#[test]
fn without_a_terminal() {
    let exch = server();
    lose(&exch);
    let mut transcript = String::new();
    let mut before = HashSet::new();
    let mut say = |args: &[&str]| {
        let ended = run(&exch, args);
        transcript += &format!("$ restante {}\n", args.join(" "));
        // Of a checklist that is printed again, only the steps that are not as they were.
        for step in steps_of(&normal(&exch, &unbroken(&ended.stdout))) {
            if before.insert(step.clone()) {
                transcript += &step;
            }
        }
        transcript += &normal(&exch, &ended.stderr);
        transcript += &format!("exit code {}\n\n", ended.code);
        ended.code
    };
    assert_eq!(say(&["recover"]), 3);
    assert!(!exch.path("calls").exists(), "nothing before the system is there");
    let mut code = 3;
    for _ in 0..30 {
        let now: Value =
            serde_json::from_str(&run(&exch, &["--json", "recover", "--status"]).stdout).expect("JSON");
        let Some(waiting) = waiting(&now) else { break };
        code = say(&["recover", "--done", &waiting]);
    }
    assert_eq!(code, 0);
    assert_eq!(say(&["recover"]), 0);
    assert_eq!(say(&["recover", "--status", "--markdown"]), 0);
    compare_transcript("recover-no-terminal.txt", &transcript);
    check_recovered(&exch);
}

#[test]
fn in_a_terminal() {
    if !has("script") {
        return;
    }
    let exch = server();
    lose(&exch);
    let line = format!("stty -echo; {} recover", env!("CARGO_BIN_EXE_restante"));
    let mut script = Command::new("script");
    script
        .args(["-qec", &line, "/dev/null"])
        .current_dir(exch.path(""))
        .env("HOME", exch.path("home"))
        .env("USER", "keeper")
        .env("TZ", "UTC")
        .env("NO_COLOR", "1")
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = script.spawn().expect("run script");
    let mut stdin = child.stdin.take().expect("its standard input");
    // One answer is none, and is asked for again; one step is not needed here.
    let answers = ["maybe\n", "y\n", "n\n"].concat() + &"yes\n".repeat(30);
    stdin.write_all(answers.as_bytes()).expect("answer");
    let ended = ended_child(child);
    drop(stdin);
    assert_eq!(ended.code, 0, "{ended:?}");
    // What was typed ahead is echoed before the terminal is told not to.
    let shown = ended.stdout.replace("\r\n", "\n");
    let start = shown.find("recovery of EXCH1").expect("the beginning");
    let shown = shown[start..].replace("go on later: ", "go on later: …\n");
    compare_transcript("recover-terminal.txt", &normal(&exch, &unbroken(&shown)));
    check_recovered(&exch);
    assert_eq!(run(&exch, &["recover", "--status"]).code, 0);
}

#[test]
fn the_order_is_the_article_s() {
    let exch = server();
    let plan = document(&exch, &["--dry-run"], 0);
    assert!(!exch.path("state/recoveries").exists(), "nothing is begun");
    for statement in [7].into_iter().chain(19..=33).map(|n| format!("S{n}")) {
        assert!(
            steps(&plan).iter().any(|step| cites(step, &statement)),
            "{statement} is missing"
        );
    }
    let asked: Vec<&Value> = steps(&plan).iter().filter(|step| cites(step, "S7")).collect();
    assert_eq!(asked.len(), 1, "S7 is asked once");
    let of = |connector: &str, statement: &str, phase: &str| {
        number(&plan, connector, |step| {
            cites(step, statement) && step["phase"] == phase
        })
    };
    let system: Vec<u64> = [
        ("S21", "before-restore"),
        ("S22", "before-restore"),
        ("S23", "finish"),
        ("S24", "finish"),
        ("S25", "finish"),
    ]
    .map(|(statement, phase)| of("system-state", statement, phase))
    .to_vec();
    let stores = ["S26", "S27", "S28"].map(|statement| of("storage-groups", statement, "finish"));
    let notes = |what: &str| {
        number(&plan, "lotus-notes", |step| {
            step["what"].as_str().is_some_and(|text| text.starts_with(what))
        })
    };
    let order = [
        asked[0]["number"].as_u64().expect("a number"),
        number(&plan, "system-state", |step| step["section"] == "backup"),
        number(&plan, "storage-groups", |step| step["section"] == "backup"),
        system[0],
        system[1],
        system[2],
        system[3],
        system[4],
        stores[0],
        stores[1],
        stores[2],
        of("ms-mail", "S29", "restore"),
        of("cc-mail", "S30", "restore"),
        // The other connector's services stand still too while its directory is exchanged.
        notes("stop LME-GWISE"),
        notes("stop LME-NOTES"),
        notes("put conndata"),
        of("lotus-notes", "S15", "after-restore"),
        notes("start "),
        of("lotus-notes", "S33", "finish"),
        of("groupwise", "S32", "after-restore"),
        number(&plan, "groupwise", |step| cites(step, "S33")),
    ];
    assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
    // Conndata is put back once, from the newest snapshot, and nothing is deleted in it a second time.
    let stage = notes("restore conndata");
    let text = plan["steps"][stage as usize - 1]["what"]
        .as_str()
        .expect("a text");
    assert!(text.contains("of groupwise"), "{text}");
    for step in steps(&plan)
        .iter()
        .filter(|step| step["connector"] == "groupwise")
    {
        let is_about = ["delete", "restore", "read back", "set what", "put"];
        let what = step["what"].as_str().expect("a text");
        if step["section"] == "procedure" && is_about.iter().any(|word| what.starts_with(word)) {
            assert_eq!(step["state"], "not-needed", "{step}");
            assert_eq!(step["reason"], "it is done with lotus-notes", "{step}");
        }
    }
    let tables = steps(&plan)
        .iter()
        .filter(|step| step["connector"] == "conn-tables");
    for step in tables {
        assert_eq!(step["state"], "not-needed", "{step}");
        assert!(
            step["reason"]
                .as_str()
                .is_some_and(|why| why.starts_with("lotus-notes brings it back")),
            "{step}"
        );
    }
}

#[test]
fn json_fields() {
    let exch = server();
    let begun = document(&exch, &[], 3);
    assert_fields(
        &begun,
        &[
            ("server", Holds::Text),
            ("archive", Holds::Text),
            ("state", Holds::Text),
            ("begun", Holds::Time),
            ("at", Holds::TextOrNull),
            ("file", Holds::Text),
            ("connectors", Holds::List),
            ("steps", Holds::List),
            ("waiting", Holds::List),
        ],
    );
    assert_eq!(begun["state"], "waiting");
    for part in begun["connectors"].as_array().expect("connectors") {
        assert_fields(
            part,
            &[
                ("connector", Holds::Text),
                ("title", Holds::Text),
                ("stage", Holds::Text),
                ("snapshot", Holds::IdOrNull),
                ("taken", Holds::TextOrNull),
                ("run", Holds::TextOrNull),
            ],
        );
    }
    for step in steps(&begun) {
        assert_fields(
            step,
            &[
                ("number", Holds::Number),
                ("section", Holds::Text),
                ("connector", Holds::TextOrNull),
                ("stage", Holds::TextOrNull),
                ("phase", Holds::TextOrNull),
                ("text", Holds::Text),
                ("statements", Holds::Texts),
                ("what", Holds::Text),
                ("by", Holds::Text),
                ("state", Holds::Text),
                ("time", Holds::TextOrNull),
                ("who", Holds::TextOrNull),
                ("reason", Holds::TextOrNull),
                ("notes", Holds::Texts),
                ("findings", Holds::Texts),
            ],
        );
    }
    assert_eq!(document(&exch, &["--status"], 3), begun);
}

#[test]
fn what_is_not_configured_is_not_needed() {
    // Only MS Mail; system and stores have backups of their own.
    let exch = bare_server(&format!(
        "{HEAD}[roots]\nexchsrvr = \"exch1/Exchsrvr\"\n{SERVICES}"
    ));
    ok(&exch, &["snapshot", "--init", "-q", "--connector", "ms-mail"]);
    let plan = document(&exch, &["--dry-run"], 0);
    for step in steps(&plan) {
        let is_open = step["state"] == "open";
        match step["connector"].as_str() {
            Some("cc-mail" | "lotus-notes" | "groupwise") => assert!(!is_open, "{step}"),
            Some("system-state" | "storage-groups") if step["section"] != "preparation" => {
                let is_theirs = step["by"] == "person" && !cites(step, "S33");
                assert_eq!(is_open, is_theirs, "{step}");
            }
            Some("ms-mail") => assert!(is_open, "{step}"),
            _ => {}
        }
    }
    let system = number(&plan, "system-state", |step| step["section"] == "backup");
    let what = plan["steps"][system as usize - 1].clone();
    assert!(
        what["what"]
            .as_str()
            .is_some_and(|text| text.contains("find the backup")),
        "{what}"
    );
    assert!(
        what["text"].as_str().is_some_and(|text| text.contains(".bkf")),
        "{what}"
    );
    let tables = steps(&plan)
        .iter()
        .filter(|step| step["connector"] == "conn-tables");
    for step in tables {
        assert!(
            step["reason"]
                .as_str()
                .is_some_and(|why| why.starts_with("nobody named it") || why.contains("no snapshot")),
            "{step}"
        );
    }
    fs::remove_dir_all(exch.path(MAILDATA)).expect("lose it");
    finish(&exch);
    assert!(exch.path(MAILDATA).join("KEY/00000001.KEY").exists());
}

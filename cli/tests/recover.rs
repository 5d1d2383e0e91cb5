//! The recovery of a whole server: the checklist, its order, and the way through it.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Ended, Exch, Holds, assert_fields, ended, ended_child, has};
use restante_tests::prng::Rng;
use serde_json::Value;

const EXCHSRVR: &str = "exch1/Exchsrvr";
const CONNDATA: &str = "exch1/Exchsrvr/Conndata";
const MAILDATA: &str = "exch1/Exchsrvr/Connect/Msmcon/Maildata";

const ROOTS: &str = "[roots]\nexchsrvr = \"exch1/Exchsrvr\"\nnotes = \"exch1/Notes\"\nccmail = \"exch1/ccmail\"\n\
     groupwise-api = \"exch1/API\"\nbackups = \"exch1/backups\"\n";
const HEAD: &str = "archive = \"archive\"\nstate = \"state\"\n[server]\nname = \"EXCH1\"\n";
const SERVICES: &str = "[services]\nstop = [\"sh\", \"-c\", \"echo stop {service} >> calls\"]\n\
     start = [\"sh\", \"-c\", \"echo start {service} >> calls\"]\n";

/// A small server with all connectors.
fn bare_server(config: &str) -> Exch {
    let exch = Exch::new();
    for (name, bytes) in [
        ("GLB/MASTER.GLB", 176),
        ("GLB/CONTROL.GLB", 8),
        ("GLB/FLAG.GLB", 2),
        ("GLB/TID.GLB", 4),
        ("GLB/ACCESS.GLB", 586),
        ("GLB/ACCESS2.GLB", 69),
        ("GLB/ACCESS3.GLB", 512),
        ("GLB/REQTRANS.GLB", 10),
        ("GLB/REQCONF.GLB", 10),
        ("KEY/00000001.KEY", 560),
        ("MBG/00000001.MBG", 116),
        ("MAI/MA0/00000001.MAI", 300),
    ] {
        exch.write(&format!("{MAILDATA}/{name}"), vec![7; bytes]);
    }
    fs::create_dir_all(exch.path(MAILDATA).join("ATT")).expect("make a folder");
    for (name, text) in [
        ("Dxanotes/Pcta.tbl", "outboundseq=7\n"),
        ("Dxamex/Pcta.tbl", "inboundseq=7\n"),
        ("DxaGwise/Mapgwise.tbl", "rules\n"),
        ("Gwrouter/togwise/one", "mail\n"),
        ("Exchconn.ini", "[filter]\n"),
        ("Tables/notescor.tbl", "table\n"),
        ("Temp/WORK.SEQ", "old\n"),
        ("dxa.ck", "old\n"),
    ] {
        exch.write(&format!("{CONNDATA}/{name}"), text);
    }
    for (name, text) in [
        ("ccmail/IMPORT.EXE", "MZ"),
        ("ccmail/EXPORT.EXE", "MZ"),
        ("Notes/Notes.ini", "[Notes]\n"),
        ("Notes/user.id", "id"),
        ("API/API_IN/.keep", ""),
        ("backups/system.bkf", "TAPE one"),
        ("backups/stores.bkf", "TAPE two"),
        (
            "backups/notes.reg",
            "REGEDIT4\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Lotus\\Notes]\r\n\"Path\"=\"c:\"\r\n",
        ),
    ] {
        exch.write(&format!("exch1/{name}"), text);
    }
    exch.write("restante.toml", config);
    exch
}

/// The same with its snapshots: the newest of groupwise is younger than those of the others.
fn server() -> Exch {
    let exch = bare_server(&format!("{HEAD}{ROOTS}{SERVICES}"));
    ok(
        &exch,
        &["snapshot", "--init", "-q", "--time", "2026-11-20T08:00:00Z"],
    );
    exch.write(&format!("{CONNDATA}/Tables/notescor.tbl"), "younger table\n");
    let args = [
        "snapshot",
        "--connector",
        "groupwise",
        "--time",
        "2026-11-20T08:05:00Z",
    ];
    ok(&exch, &args);
    exch
}

/// What a disaster and setup leave: empty directories, and services that made new work files.
fn lose(exch: &Exch) {
    for name in [MAILDATA, CONNDATA] {
        fs::remove_dir_all(exch.path(name)).expect("lose it");
    }
    exch.write(&format!("{CONNDATA}/Dxanotes/amap.tbl"), "of setup\n");
    fs::remove_file(exch.path("exch1/Notes/user.id")).expect("lose it");
    fs::remove_file(exch.path("exch1/ccmail/EXPORT.EXE")).expect("lose it");
}

fn command(exch: &Exch, args: &[&str]) -> Command {
    let mut command = exch.bare(args);
    command.env("USER", "keeper");
    command
}

fn run(exch: &Exch, args: &[&str]) -> Ended {
    ended(command(exch, args))
}

#[track_caller]
fn ok(exch: &Exch, args: &[&str]) -> String {
    let ended = run(exch, args);
    assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
    ended.stdout
}

#[track_caller]
fn document(exch: &Exch, args: &[&str], code: i32) -> Value {
    let ended = run(exch, &[&["--json", "recover"], args].concat());
    assert_eq!(ended.code, code, "{args:?}: {ended:?}");
    serde_json::from_str(&ended.stdout).expect("a document")
}

fn steps(document: &Value) -> &Vec<Value> {
    document["steps"].as_array().expect("steps")
}

/// The number of the one step of a connector for which this holds.
#[track_caller]
fn number(document: &Value, connector: &str, is: impl Fn(&Value) -> bool) -> u64 {
    let found = steps(document)
        .iter()
        .filter(|step| step["connector"] == connector && is(step));
    let found: Vec<u64> = found
        .map(|step| step["number"].as_u64().expect("a number"))
        .collect();
    assert_eq!(found.len(), 1, "{connector}: {found:?} in {document}");
    found[0]
}

fn cites(step: &Value, statement: &str) -> bool {
    step["statements"]
        .as_array()
        .is_some_and(|all| all.iter().any(|one| one == statement))
}

/// What the waiting steps are as an option: `3-7`.
fn waiting(document: &Value) -> Option<String> {
    let waiting = document["waiting"].as_array().expect("numbers");
    let (first, last) = (waiting.first()?, waiting.last()?);
    Some(format!("{first}-{last}"))
}

/// Goes on until the recovery is complete. Returns how many calls that took.
fn finish(exch: &Exch) -> usize {
    for calls in 1..50 {
        let now = run(exch, &["--json", "recover", "--status"]);
        let now: Value = serde_json::from_str(&now.stdout).expect("a document");
        let Some(waiting) = waiting(&now) else {
            if now["state"] == "complete" {
                return calls;
            }
            run(exch, &["recover"]);
            continue;
        };
        let ended = run(exch, &["recover", "--done", &waiting]);
        assert!([0, 3].contains(&ended.code), "{ended:?}");
    }
    panic!("it comes to no end");
}

#[track_caller]
fn check_recovered(exch: &Exch) {
    let read = |name: &str| fs::read(exch.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(read(&format!("{MAILDATA}/KEY/00000001.KEY")), vec![7; 560]);
    assert!(exch.path(MAILDATA).join("ATT").is_dir());
    assert_eq!(
        read(&format!("{CONNDATA}/Tables/notescor.tbl")),
        b"younger table\n"
    );
    for gone in ["Temp/WORK.SEQ", "dxa.ck", "Dxanotes/amap.tbl"] {
        assert!(!exch.path(CONNDATA).join(gone).exists(), "{gone}");
    }
    assert!(exch.path(CONNDATA).join("Temp").is_dir());
    assert_eq!(read("exch1/Notes/user.id"), b"id");
    assert_eq!(read("exch1/ccmail/EXPORT.EXE"), b"MZ");
    assert_eq!(read("exch1/backups/system.bkf"), b"TAPE one");
    assert_eq!(exch.names("exch1/API/API_IN"), [".keep"]);
}

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
    let mut say = |args: &[&str]| {
        let ended = run(&exch, args);
        transcript += &format!("$ restante {}\n", args.join(" "));
        transcript += &normal(&exch, &unbroken(&ended.stdout));
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
    let start = shown.find("What has to be there").expect("the beginning");
    let shown = shown[start..].replace("go on later: ", "go on later: …\n");
    compare_transcript("recover-terminal.txt", &normal(&exch, &unbroken(&shown)));
    check_recovered(&exch);
    assert_eq!(run(&exch, &["recover", "--status"]).code, 0);
}

#[test]
fn the_order_is_the_article_s() {
    let exch = server();
    let plan = document(&exch, &["--dry-run"], 0);
    assert!(!exch.path("state").exists(), "nothing is begun");
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

#[test]
fn killed_at_any_moment() {
    let exch = server();
    lose(&exch);
    let mut random = Rng::new(5);
    let (mut kills, mut most) = (0, 3_000);
    run(&exch, &["recover"]);
    for _ in 0..400 {
        let now: Value =
            serde_json::from_str(&run(&exch, &["--json", "recover", "--status"]).stdout).expect("JSON");
        if now["state"] == "complete" {
            break;
        }
        let done = waiting(&now);
        let mut args = vec!["recover"];
        args.extend(done.iter().flat_map(|done| ["--done", done.as_str()]));
        let mut child = command(&exch, &args).spawn().expect("start");
        std::thread::sleep(Duration::from_micros(random.below(most)));
        most += most / 20;
        child.kill().expect("kill it");
        if ended_child(child).code == 128 + 9 {
            kills += 1;
        }
    }
    assert_eq!(run(&exch, &["recover", "--status"]).code, 0);
    eprintln!("killed {kills} times");
    assert!(kills > 3, "only {kills} were killed in time");
    check_recovered(&exch);
    // Every service was stopped before it was started, and the last that happened to each is its start.
    let calls = fs::read_to_string(exch.path("calls")).expect("calls");
    for service in [
        "MSExchangeMSMI",
        "MSExchangeCCMC",
        "LME-NOTES",
        "LME-GWISE",
        "MSExchangeCoCo",
    ] {
        let own: Vec<&str> = calls.lines().filter(|line| line.ends_with(service)).collect();
        assert!(
            own[0].starts_with("stop") && own[own.len() - 1].starts_with("start"),
            "{own:?}"
        );
    }
}

#[test]
fn failures_are_gone_on_from() {
    let exch = server();
    lose(&exch);
    let api = exch.path("exch1/API");
    fs::rename(&api, exch.path("exch1/away")).expect("unmount it");
    let mut last = None;
    for _ in 0..20 {
        let now: Value =
            serde_json::from_str(&run(&exch, &["--json", "recover", "--status"]).stdout).expect("JSON");
        let done = waiting(&now);
        let mut args = vec!["recover"];
        args.extend(done.iter().flat_map(|done| ["--done", done.as_str()]));
        let ended = run(&exch, &args);
        if ended.code == 1 {
            last = Some(ended);
            break;
        }
    }
    let failed = last.expect("the probe fails");
    assert!(failed.stderr.starts_with("error: groupwise, step "), "{failed:?}");
    assert!(
        failed
            .stderr
            .contains("\n  mend it and go on: restante recover\n"),
        "{failed:?}"
    );
    assert!(failed.stdout.contains("  [!] "), "{failed:?}");
    assert_eq!(document(&exch, &["--status"], 3)["state"], "waiting");
    fs::rename(exch.path("exch1/away"), &api).expect("mount it");
    finish(&exch);
    check_recovered(&exch);
}

#[test]
fn a_connector_can_be_taken_back_and_recovered_again() {
    let exch = server();
    lose(&exch);
    finish(&exch);
    check_recovered(&exch);
    ok(&exch, &["restore", "--connector", "cc-mail", "--revert"]);
    assert!(!exch.path("exch1/ccmail/EXPORT.EXE").exists(), "as it was before");
    let again = document(&exch, &["--status"], 3);
    let put = number(&again, "cc-mail", |step| cites(step, "S30"));
    assert_eq!(again["steps"][put as usize - 1]["state"], "open");
    finish(&exch);
    check_recovered(&exch);
    for connector in [
        "system-state",
        "storage-groups",
        "ms-mail",
        "cc-mail",
        "lotus-notes",
        "groupwise",
    ] {
        ok(&exch, &["restore", "--connector", connector, "--confirm"]);
    }
    let complete = run(&exch, &["recover"]);
    assert_eq!(complete.code, 0, "{complete:?}");
    assert!(
        complete
            .stdout
            .starts_with("the recovery of EXCH1 is complete\nto begin another"),
        "{complete:?}"
    );
    // Another one, and put away.
    assert_eq!(run(&exch, &["recover", "--again"]).code, 3);
    ok(&exch, &["recover", "--abandon"]);
    assert_eq!(exch.names("state/recoveries/history").len(), 2);
}

#[test]
fn steps_are_taken_in_order() {
    let exch = server();
    assert_eq!(run(&exch, &["recover", "--not-needed", "2"]).code, 3);
    let now = document(&exch, &["--status"], 3);
    let second = &now["steps"][1];
    assert_eq!(
        (&second["state"], &second["who"]),
        (&"not-needed".into(), &"keeper".into())
    );
    let start = number(&now, "ms-mail", |step| cites(step, "S33"));
    let early = run(&exch, &["recover", "--done", &start.to_string(), "--by", "anna"]);
    assert_eq!(early.code, 3, "{early:?}");
    assert!(
        early
            .stderr
            .starts_with(&format!("warning: step {start} is not taken as done: step ")),
        "{early:?}"
    );
    assert_eq!(
        document(&exch, &["--status"], 3)["steps"][start as usize - 1]["state"],
        "open"
    );
    let put = number(&now, "ms-mail", |step| cites(step, "S29")).to_string();
    for (args, text) in [
        (["--done", "999"], "error: there is no step 999\n"),
        (
            ["--done", &put],
            "error: step 37 is not for a person: the tool does it\n",
        ),
        (
            ["--not-needed", &put],
            "error: step 37 cannot be left out: it is part of the restoring itself\n",
        ),
        (["--at", "now"], "error: a recovery of EXCH1 is under way since "),
    ] {
        let ended = run(&exch, &[&["recover"], &args[..]].concat());
        let text = text.replace("37", &put);
        assert_eq!(ended.code, 2, "{args:?}: {ended:?}");
        assert!(ended.stderr.starts_with(&text), "{args:?}: {ended:?}");
    }
    assert!(Path::new(&exch.path(EXCHSRVR)).exists());
}

#[test]
fn the_time_that_is_asked_for() {
    let exch = server();
    let plan = document(&exch, &["--dry-run", "--at", "2026-11-20T08:01:00Z"], 0);
    let parts = plan["connectors"].as_array().expect("connectors");
    for part in parts.iter().filter(|part| !part["snapshot"].is_null()) {
        assert_eq!(part["taken"], "2026-11-20T08:00:00Z", "{part}");
    }
    let text = plan.to_string();
    assert!(!text.contains("from the newer snapshot"), "both are as old");
    // Before there was any, everything is a person's.
    let early = document(&exch, &["--dry-run", "--at", "2026-11-19"], 0);
    for step in steps(&early).iter().filter(|step| step["state"] == "open") {
        assert_eq!(step["by"], "person", "{step}");
    }
}

#[test]
fn the_end_of_a_line_that_was_never_written() {
    let exch = server();
    run(&exch, &["recover", "--done", "1"]);
    let file = exch.path("state/recoveries/EXCH1.jsonl");
    let whole = fs::read(&file).expect("the checklist");
    fs::write(&file, [&whole[..], b"{\"event\":\"marked\",\"st"].concat()).expect("write");
    let now = document(&exch, &["--status"], 3);
    assert_eq!(now["steps"][0]["state"], "by-person");
    run(&exch, &["recover", "--done", "2"]);
    assert_eq!(
        document(&exch, &["--status"], 3)["steps"][1]["state"],
        "by-person"
    );
    // Many answers do not make the file grow without end.
    let mut many = fs::read(&file).expect("the checklist");
    let marked = b"{\"event\":\"marked\",\"step\":1,\"state\":\"by-person\",\"time\":\"\",\"who\":\"x\"}\n";
    many.extend(marked.repeat(2000));
    fs::write(&file, &many).expect("write");
    run(&exch, &["recover"]);
    assert!(fs::metadata(&file).expect("the checklist").len() < whole.len() as u64 * 2);
    fs::write(&file, "no checklist\n").expect("write");
    let damaged = run(&exch, &["recover"]);
    assert_eq!(damaged.code, 1, "{damaged:?}");
    assert!(damaged.stderr.contains("is damaged in line 1"), "{damaged:?}");
}

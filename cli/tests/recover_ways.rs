//! Recoveries that are killed, fail, are taken back, or lack something.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::time::Duration;

use common::recovery::*;
use common::{ended_child, noise};
use restante_tests::prng::Rng;
use serde_json::Value;

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
    ok(&exch, &["restore", "--connector", "lotus-notes", "--revert"]);
    let told = run(&exch, &["recover", "--status"]);
    assert_eq!(told.code, 3, "{told:?}");
    assert!(
        told.stderr
            .contains("warning: it stops LME-GWISE, MSExchangeGWRtr too"),
        "{told:?}"
    );
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

#[test]
fn services_by_a_person_and_places_that_come_later() {
    let exch = bare_server(&format!(
        "{HEAD}{ROOTS}[profile.guestbook]\ntitle = \"Guest book\"\n\
         [[profile.guestbook.root]]\nname = \"data\"\npath = \"guests\"\n"
    ));
    exch.write("guests/one", "anna");
    ok(&exch, &["snapshot", "--init", "-q"]);
    fs::remove_dir_all(exch.path("guests")).expect("lose it");
    fs::rename(exch.path("exch1"), exch.path("lost")).expect("lose the server");
    let begun = document(&exch, &[], 3);
    let stops = |step: &Value| {
        step["what"]
            .as_str()
            .is_some_and(|text| text.starts_with("by a person: stop "))
    };
    assert!(steps(&begun).iter().any(stops));
    let last = steps(&begun).last().expect("steps");
    assert_eq!(
        last["connector"], "guestbook",
        "the user's own profiles come last"
    );
    // Only now is the system there that the rest goes into.
    let done = waiting(&begun).expect("steps for a person");
    let early = run(&exch, &["recover", "--done", &done]);
    assert_eq!(early.code, 1, "{early:?}");
    assert!(early.stderr.contains("is it mounted?"), "{early:?}");
    fs::rename(exch.path("lost"), exch.path("exch1")).expect("mount it");
    lose_work(&exch);
    finish(&exch);
    assert!(!exch.path(CONNDATA).join("dxa.ck").exists());
    assert_eq!(fs::read(exch.path("guests/one")).expect("restored"), b"anna");
}

/// What is written by services that start too early.
fn lose_work(exch: &common::Exch) {
    exch.write(&format!("{CONNDATA}/new.ck"), "of setup");
}

#[test]
fn a_connector_without_a_snapshot_is_a_person_s() {
    let exch = bare_server(&format!(
        "{HEAD}{ROOTS}{SERVICES}[connector.lotus-notes]\n[connector.cc-mail]\n"
    ));
    ok(&exch, &["snapshot", "--init", "-q", "--connector", "groupwise"]);
    let plan = document(&exch, &["--dry-run"], 0);
    for step in steps(&plan)
        .iter()
        .filter(|step| step["connector"] == "cc-mail" && step["state"] == "open")
    {
        assert_eq!(step["by"], "person", "{step}");
    }
    number(&plan, "cc-mail", |step| {
        cites(step, "S30") && step["state"] == "open"
    });
    // Its directory comes back with groupwise, which stops and starts its services too.
    let put = number(&plan, "lotus-notes", |step| {
        step["phase"] == "restore"
            && step["what"]
                .as_str()
                .is_some_and(|text| text.contains("put conndata"))
    });
    assert_eq!(
        plan["steps"][put as usize - 1]["reason"],
        "it is done with groupwise"
    );
    lose(&exch);
    finish(&exch);
    let calls = fs::read_to_string(exch.path("calls")).expect("calls");
    let own: Vec<&str> = calls.lines().filter(|line| line.ends_with("LME-NOTES")).collect();
    assert_eq!(own, ["stop LME-NOTES", "start LME-NOTES"]);
    assert!(exch.path(CONNDATA).join("Exchconn.ini").exists());
    assert!(!exch.path(CONNDATA).join("dxa.ck").exists());
}

#[test]
fn torn_snapshots_are_not_recovered() {
    let exch = bare_server(&format!(
        "{HEAD}[roots]\nexchsrvr = \"exch1/Exchsrvr\"\n{SERVICES}"
    ));
    let table = exch.write(&format!("{CONNDATA}/Tables/notescor.tbl"), noise(1, 16_000_000));
    let torn = |args: &[&str]| {
        let done = std::sync::atomic::AtomicBool::new(false);
        let relaxed = std::sync::atomic::Ordering::Relaxed;
        std::thread::scope(|threads| {
            threads.spawn(|| {
                use std::os::unix::fs::FileExt;
                let file = fs::OpenOptions::new().write(true).open(&table).expect("open");
                for number in 0u64.. {
                    if done.load(relaxed) {
                        break;
                    }
                    file.write_all_at(&number.to_le_bytes(), 100).expect("write");
                    std::thread::sleep(Duration::from_micros(50));
                }
            });
            let ended = run(&exch, args);
            done.store(true, relaxed);
            ended.code == 3
        })
    };
    // Where nothing changed while the table was read, it is read again.
    let only_torn = || {
        let _ = fs::remove_dir_all(exch.path("archive"));
        torn(&["snapshot", "--init", "-q", "--connector", "conn-tables"])
    };
    assert!((0..50).any(|_| only_torn()));
    let refused = run(&exch, &["recover", "--dry-run"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused
            .stderr
            .starts_with("error: no snapshot of conn-tables is whole"),
        "{refused:?}"
    );
    let allowed = document(&exch, &["--allow-torn"], 3);
    let found = number(&allowed, "conn-tables", |step| step["section"] == "backup");
    assert_eq!(allowed["steps"][found as usize - 1]["state"], "warned");
    ok(&exch, &["recover", "--abandon"]);
    // The newest whole one, where there is one.
    ok(&exch, &["snapshot", "-q", "--connector", "conn-tables"]);
    assert!((0..50).any(|_| torn(&["snapshot", "-q", "--connector", "conn-tables"])));
    let plan = run(&exch, &["recover"]);
    assert!(plan.stdout.contains("newer ones are torn"), "{plan:?}");
}

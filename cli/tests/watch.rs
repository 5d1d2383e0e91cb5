//! `watch`: snapshots on schedule, and what can come between.

#![cfg(target_os = "linux")]

mod common;

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout};
use std::time::{Duration, Instant};

use common::{Ended, Exch, Holds, assert_fields, ended_child, noise};
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// Longer than anything here takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

/// Two connectors, one of which has tables of so many bytes.
fn exch(table_bytes: usize) -> Exch {
    let exch = Exch::with_archive();
    exch.write(
        "restante.toml",
        "[server]\nname = \"EXCH1\"\n[roots]\nexchsrvr = \"Exchsrvr\"\n\
         [groups]\nall = [\"conn-tables\", \"guestbook\"]\n\
         [connector.conn-tables]\nevery = \"1s\"\n\
         [profile.guestbook]\nevery = \"2s\"\nkeep = { last = 3 }\n\
         [[profile.guestbook.root]]\nname = \"data\"\npath = \"guests\"\n",
    );
    exch.write("Exchsrvr/Conndata/Tables/gwcor.tbl", noise(1, table_bytes));
    exch.write("guests/book", "anna");
    exch
}

/// A watch that was started.
struct Watch {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watch {
    fn start(exch: &Exch, args: &[&str]) -> Self {
        let mut child = exch
            .command(&[&["--json", "watch"], args].concat())
            .spawn()
            .expect("start the program");
        let lines = BufReader::new(child.stdout.take().expect("its standard output"));
        Self { child, lines }
    }

    /// The next line; it is there as soon as its run is over.
    #[track_caller]
    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("read a line");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// Reads lines until one is as wanted.
    #[track_caller]
    fn until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let line = self.next();
            if wanted(&line) {
                return line;
            }
            assert!(started.elapsed() < PATIENCE, "no {what}; the last one: {line}");
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("send a signal");
    }

    /// The rest of the lines, and how it ended.
    fn end(self) -> (Vec<Value>, Ended) {
        let mut rest = Vec::new();
        for line in self.lines.lines() {
            rest.push(serde_json::from_str(&line.expect("a line")).expect("JSON"));
        }
        (rest, ended_child(self.child))
    }
}

fn is_taken(line: &Value) -> bool {
    line.get("id").is_some()
}

fn of(name: &str) -> impl Fn(&Value) -> bool {
    move |line| line["connector"] == name
}

fn time(line: &Value) -> Timestamp {
    let text = line["time"].as_str().expect("a time");
    text.parse().expect("a time")
}

const FIELDS: [(&str, Holds); 12] = [
    ("id", Holds::Id),
    ("time", Holds::Time),
    ("host", Holds::Text),
    ("connector", Holds::Text),
    ("parent", Holds::IdOrNull),
    ("tick", Holds::Bool),
    ("files", Holds::Number),
    ("torn", Holds::Texts),
    ("unreadable", Holds::List),
    ("seconds", Holds::Seconds),
    ("skipped", Holds::Number),
    ("late_seconds", Holds::Seconds),
];

#[test]
fn each_connector_has_its_schedule() {
    let exch = exch(100_000);
    let started = Instant::now();
    let (lines, ended) = Watch::start(&exch, &["--runs", "3"]).end();
    let elapsed = started.elapsed();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("watching conn-tables every 1s, guestbook every 2s\n"),
        "{ended:?}"
    );
    // Nothing is told of a policy that keeps all that there is.
    assert!(!ended.stderr.contains("keep"), "{ended:?}");
    for line in &lines {
        assert_fields(line, &FIELDS);
        assert_eq!(line["host"], "EXCH1");
    }
    for (name, every) in [
        ("conn-tables", Duration::from_secs(1)),
        ("guestbook", Duration::from_secs(2)),
    ] {
        let runs: Vec<&Value> = lines.iter().filter(|line| line["connector"] == name).collect();
        assert_eq!(runs.len(), 3, "{lines:?}");
        assert_eq!(
            (&runs[0]["parent"], &runs[0]["skipped"]),
            (&json!(null), &json!(0))
        );
        for pair in runs.windows(2) {
            assert_eq!(pair[1]["parent"], pair[0]["id"], "the archive stays open");
        }
        // None comes before its time.
        assert!(elapsed >= 2 * every, "{elapsed:?}: {lines:?}");
    }
    assert_eq!(exch.json(&["stats"])["snapshots"], 6);
    exch.verify();
}

#[test]
fn groups_and_names() {
    let exch = exch(1000);
    let (lines, _) = Watch::start(&exch, &["--connector", "all", "--runs", "1"]).end();
    assert_eq!(lines.len(), 2);
    let (lines, _) = Watch::start(&exch, &["--connector", "guestbook", "--runs", "1"]).end();
    assert!(
        matches!(&lines[..], [only] if only["connector"] == "guestbook"),
        "{lines:?}"
    );
    let text = exch.run(&["watch", "-q", "--connector", "guestbook", "--runs", "1"]);
    let is_time = |line: &str| {
        line.get(..19)
            .is_some_and(|t| t.parse::<jiff::civil::DateTime>().is_ok())
    };
    assert!(
        is_time(&text.stdout) && text.stdout.contains("  guestbook  "),
        "{text:?}"
    );
    assert_eq!(text.stderr, "");

    let unknown = exch.run(&["watch", "--connector", "guestbok"]);
    assert!(
        unknown.code == 2 && unknown.stderr.contains("did you mean `guestbook`?"),
        "{unknown:?}"
    );
    exch.write(
        "restante.toml",
        "[profile.x]\n[[profile.x.root]]\nname = \"r\"\npath = \"guests\"\n",
    );
    let unscheduled = exch.run(&["watch", "--connector", "x"]);
    assert!(
        unscheduled.code == 2
            && unscheduled
                .stderr
                .starts_with("error: connector x has no schedule\n"),
        "{unscheduled:?}"
    );
    let nothing = exch.run(&["watch"]);
    assert_eq!(nothing.code, 2, "{nothing:?}");
    assert!(
        nothing.stderr.ends_with(
            "error: no configured connector has a schedule\n  \
             give one a schedule in restante.toml: every = \"1m\" in [connector.NAME]\n"
        ),
        "{nothing:?}"
    );
}

#[test]
fn without_an_archive_there_is_nothing_to_watch() {
    let exch = exch(1000);
    fs::remove_dir_all(exch.path("archive")).expect("remove the archive");
    let ended = exch.run(&["watch"]);
    assert!(
        ended.code == 1 && ended.stderr.contains("make one: restante -a "),
        "{ended:?}"
    );
}

#[test]
fn a_source_that_goes_and_returns() {
    let exch = exch(1000);
    let mut watch = Watch::start(&exch, &[]);
    watch.until("snapshot", |line| of("conn-tables")(line) && is_taken(line));
    // A share that is not mounted, and then a directory that is gone.
    for (from, away) in [("Exchsrvr", "away"), ("Exchsrvr/Conndata/Tables", "gone")] {
        fs::rename(exch.path(from), exch.path(away)).expect("rename");
        for _ in 0..2 {
            let failed = watch.until("failure", |line| of("conn-tables")(line) && !is_taken(line));
            assert_fields(
                &failed,
                &[
                    ("time", Holds::Time),
                    ("error", Holds::Text),
                    ("hints", Holds::Texts),
                    ("skipped", Holds::Number),
                    ("late_seconds", Holds::Seconds),
                ],
            );
            assert!(
                failed["error"].as_str().expect("text").contains("is not there"),
                "{failed}"
            );
        }
        // The other connector does not mind.
        watch.until("snapshot of another", |line| {
            of("guestbook")(line) && is_taken(line)
        });
        fs::rename(exch.path(away), exch.path(from)).expect("rename");
        watch.until("snapshot", |line| of("conn-tables")(line) && is_taken(line));
    }
    watch.signal(Signal::TERM);
    let (_, ended) = watch.end();
    assert_eq!(ended.code, 0, "{ended:?}");
    // It says why once, however often it fails for the same reason.
    assert_eq!(
        ended.stderr.matches("error: connector conn-tables: ").count(),
        2,
        "{ended:?}"
    );
    exch.verify();
}

#[test]
fn an_archive_that_goes_and_returns() {
    let exch = exch(1000);
    let mut watch = Watch::start(&exch, &["--connector", "conn-tables"]);
    assert!(is_taken(&watch.next()));
    fs::rename(exch.path("archive"), exch.path("away")).expect("rename");
    watch.until("failure", |line| !is_taken(line));
    fs::rename(exch.path("away"), exch.path("archive")).expect("rename");
    watch.until("snapshot", is_taken);
    // Another archive in its place must not get what belongs to the first.
    fs::rename(exch.path("archive"), exch.path("first")).expect("rename");
    exch.ok(&["init", "-q"]);
    let first = watch.until("first snapshot", |line| {
        is_taken(line) && line["parent"].is_null()
    });
    assert_eq!(first["changed_files"], 1);
    watch.signal(Signal::INT);
    let (_, ended) = watch.end();
    assert_eq!(ended.code, 0, "{ended:?}");
    exch.verify();
    fs::remove_dir_all(exch.path("archive")).expect("remove an archive");
    fs::rename(exch.path("first"), exch.path("archive")).expect("rename");
    exch.verify();
}

/// A process that stands still stands for a machine that sleeps, and for a run that takes too long.
#[test]
fn ticks_that_pass_are_skipped_and_counted() {
    let exch = exch(1000);
    let mut watch = Watch::start(&exch, &["--connector", "conn-tables"]);
    watch.next();
    watch.signal(Signal::STOP);
    std::thread::sleep(Duration::from_millis(3500));
    watch.signal(Signal::CONT);
    let after = watch.until("skipped tick", |line| line["skipped"] != 0);
    assert!(
        is_taken(&after) && after["skipped"].as_u64() >= Some(2),
        "{after}"
    );
    watch.signal(Signal::TERM);
    assert_eq!(watch.end().1.code, 0);
}

/// Adds steps to the guest book's profile.
fn with_steps(exch: &Exch, steps: &[(&str, &str)]) {
    let path = exch.path("restante.toml");
    let mut config = fs::read_to_string(&path).expect("read");
    for (phase, script) in steps {
        config += &format!(
            "[[profile.guestbook.{phase}]]\nkind = \"run\"\ntext = \"a step\"\ncommand = [\"sh\", \"-c\", {script:?}]\n"
        );
    }
    fs::write(path, config).expect("write");
}

#[test]
fn a_slow_connector_delays_no_other_and_is_never_taken_twice_at_once() {
    let exch = exch(1000);
    let (busy, guests) = (exch.at("busy"), exch.at("guests/book"));
    // The folder can be made only once: a second run at the same time would fail.
    let (before, after) = (
        format!("mkdir {busy} && sleep 5 && date +%N > {guests}"),
        format!("rmdir {busy}"),
    );
    with_steps(&exch, &[("before-snapshot", &before), ("after-snapshot", &after)]);
    let (lines, ended) = Watch::start(&exch, &["--runs", "3"]).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(lines.iter().all(is_taken), "{lines:?}");
    let slow: Vec<usize> = (0..lines.len())
        .filter(|at| of("guestbook")(&lines[*at]))
        .collect();
    assert_eq!((lines.len(), slow.len()), (6, 3));
    // One is due every 2 s and takes more than 5.
    for at in &slow[1..] {
        assert!(lines[*at]["skipped"].as_u64() >= Some(2), "{lines:?}");
        assert_eq!(lines[*at]["tick"], false, "taken after the step before it");
    }
    let quick = lines.iter().position(of("conn-tables"));
    assert!(quick < Some(slow[0]), "{lines:?}");
}

#[test]
fn a_signal_during_the_step_before_a_snapshot() {
    let exch = exch(1000);
    let (stopped, started) = (exch.at("stopped"), exch.at("started"));
    let (before, after) = (
        format!("touch {stopped}; exec sleep 600"),
        format!("touch {started}"),
    );
    with_steps(&exch, &[("before-snapshot", &before), ("after-snapshot", &after)]);
    let watch = Watch::start(&exch, &["--connector", "guestbook"]);
    let begun = Instant::now();
    while !exch.path("stopped").exists() && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
    }
    watch.signal(Signal::TERM);
    let (lines, ended) = watch.end();
    assert_eq!((ended.code, lines.len()), (0, 0), "{ended:?}: {lines:?}");
    assert!(exch.path("started").exists(), "what was stopped runs again");
    assert!(
        begun.elapsed() < Duration::from_secs(600),
        "the step was not waited for"
    );
}

#[test]
fn a_signal_in_the_middle_of_a_run() {
    let exch = exch(120_000_000);
    let watch = Watch::start(&exch, &["--connector", "conn-tables"]);
    let segments = exch.path("archive/tmp");
    let started = Instant::now();
    let is_at_work = || fs::read_dir(&segments).is_ok_and(|mut entries| entries.next().is_some());
    while !is_at_work() && started.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(1));
    }
    watch.signal(Signal::TERM);
    let (lines, ended) = watch.end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(!ended.stderr.contains("error"), "{ended:?}");
    assert!(lines.iter().all(is_taken), "{lines:?}");
    exch.verify();
    exch.ok(&["snapshot", "--connector", "conn-tables"]);
}

/// The lock of a connector, as a restore takes it.
fn lock(exch: &Exch, connector: &str) -> File {
    let path = exch.path("home/.local/state/restante/locks");
    let path = path.join(format!("EXCH1-{connector}.lock"));
    let file = File::options().write(true).open(&path).expect("a lock");
    file.lock().expect("lock");
    file
}

#[test]
fn a_connector_that_somebody_works_on_is_passed_over() {
    let exch = exch(1000);
    let mut watch = Watch::start(&exch, &[]);
    watch.until("snapshot", |line| of("conn-tables")(line) && is_taken(line));
    let held = lock(&exch, "conn-tables");
    let passed = watch.until("run passed over", |line| {
        of("conn-tables")(line) && !is_taken(line)
    });
    assert_fields(
        &passed,
        &[
            ("time", Holds::Time),
            ("passed_over", Holds::Text),
            ("skipped", Holds::Number),
        ],
    );
    assert!(passed.get("error").is_none(), "{passed}");
    watch.until("snapshot of another", |line| {
        of("guestbook")(line) && is_taken(line)
    });
    // Who asks for a snapshot by hand is told the same.
    let busy = exch.run(&["snapshot", "--connector", "conn-tables"]);
    assert_eq!(
        (busy.code, busy.stderr.as_str()),
        (
            1,
            "error: another process is at work on conn-tables\n  wait for it: a snapshot, or a restore\n"
        )
    );
    drop(held);
    watch.until("snapshot", |line| of("conn-tables")(line) && is_taken(line));
    watch.signal(Signal::TERM);
    assert_eq!(watch.end().1.code, 0);
    let ended = {
        let _held = lock(&exch, "guestbook");
        Watch::start(&exch, &["--connector", "guestbook", "--runs", "1"])
            .end()
            .1
    };
    assert_eq!(ended.code, 3, "{ended:?}");
}

#[test]
fn two_watches_never_take_one_connector_at_once() {
    const BYTES: usize = 20_000_000;
    let exch = exch(BYTES);
    let start = || Watch::start(&exch, &["--connector", "conn-tables", "--runs", "4"]);
    let watches = [start(), start()];
    // Something to do for each run.
    for round in 0..10 {
        exch.write("Exchsrvr/Conndata/Tables/gwcor.tbl", noise(round, BYTES));
        std::thread::sleep(Duration::from_millis(300));
    }
    let mut runs = Vec::new();
    for watch in watches {
        let (lines, ended) = watch.end();
        // A table may have been torn, a run passed over.
        assert!([0, 3].contains(&ended.code), "{ended:?}");
        assert_eq!(lines.len(), 4);
        runs.extend(lines);
    }
    runs.retain(is_taken);
    assert!(runs.len() >= 4, "of two that are due, one is taken: {runs:?}");
    runs.sort_by_key(time);
    for pair in runs.windows(2) {
        let between = time(&pair[1]).duration_since(time(&pair[0])).as_secs_f64();
        // Its time is a little younger than its run.
        assert!(
            between >= pair[0]["seconds"].as_f64().expect("seconds") * 0.9,
            "{pair:?}"
        );
    }
    assert_eq!(exch.json(&["stats"])["snapshots"], runs.len());
    exch.verify();
}

#[test]
fn a_reader_that_has_seen_enough_ends_it() {
    let exch = exch(1000);
    let mut watch = Watch::start(&exch, &[]);
    watch.next();
    let Watch { child, lines } = watch;
    drop(lines);
    let ended = ended_child(child);
    assert_eq!(ended.code, 0, "{ended:?}");
}

/// What the lines say of connectors whose newest snapshot is late.
#[test]
fn connectors_beside_their_schedules() {
    let exch = exch(1000);
    let by = |args: &[&str]| exch.run(&[&["--json", "snapshots", "--by-connector"], args].concat());
    let rows = |ended: &Ended| -> Vec<Value> { serde_json::from_str(&ended.stdout).expect("an array") };

    let never = by(&[]);
    assert_eq!(never.code, 3, "{never:?}");
    assert!(
        never.stderr.contains("warning: conn-tables has no snapshot\n"),
        "{never:?}"
    );
    let state = |ended: &Ended| -> Vec<(String, String)> {
        let text = |row: &Value, key: &str| row[key].as_str().expect("text").to_owned();
        let rows = rows(ended);
        rows.iter()
            .map(|row| (text(row, "connector"), text(row, "state")))
            .collect()
    };
    let is = |tables: &str, guests: &str| {
        vec![
            ("conn-tables".to_owned(), tables.to_owned()),
            ("guestbook".to_owned(), guests.to_owned()),
        ]
    };
    assert_eq!(state(&never), is("never", "never"));

    exch.ok(&["snapshot", "--connector", "guestbook"]);
    exch.ok(&["snapshot", "--connector", "conn-tables", "--time", "2h ago"]);
    let late = by(&[]);
    assert_eq!((late.code, state(&late)[0].1.as_str()), (3, "late"));
    assert!(
        late.stderr
            .contains("warning: conn-tables is late: its newest snapshot is 2h"),
        "{late:?}"
    );
    assert_eq!(by(&["--connector", "guestbook", "--tolerance", "1h"]).code, 0);
    let tolerated = by(&["--tolerance", "3h"]);
    assert_eq!(
        (tolerated.code, tolerated.stderr.as_str()),
        (0, ""),
        "{tolerated:?}"
    );
    assert_eq!(state(&tolerated), is("ok", "ok"));
    assert_fields(
        &rows(&tolerated)[0],
        &[
            ("connector", Holds::Text),
            ("last", Holds::Time),
            ("id", Holds::Id),
            ("age_seconds", Holds::Number),
            ("every_seconds", Holds::Number),
            ("state", Holds::Text),
            ("snapshots", Holds::Number),
        ],
    );
    // Another server's snapshots do not make up for this one's.
    exch.ok(&["snapshot", "--connector", "conn-tables", "--host", "EXCH2"]);
    assert_eq!(by(&[]).code, 3);
    assert_eq!(
        state(&by(&[
            "--host",
            "EXCH2",
            "--connector",
            "conn-tables",
            "--tolerance",
            "1h"
        ]))[0]
            .1,
        "ok"
    );

    let text = exch.run(&["snapshots", "--by-connector", "--tolerance", "3h"]);
    let heading = text.stdout.lines().next().expect("a heading");
    let words: Vec<&str> = heading.split_whitespace().collect();
    assert_eq!(
        words,
        [
            "CONNECTOR",
            "LAST",
            "(local)",
            "ID",
            "AGE",
            "EVERY",
            "STATE",
            "SNAPSHOTS"
        ]
    );

    // One that is no longer configured does not count.
    let config = exch.path("restante.toml");
    let kept = fs::read_to_string(&config)
        .expect("read")
        .replace("every = \"1s\"", "enabled = false");
    fs::write(&config, kept).expect("write");
    let unscheduled = by(&["--tolerance", "3h"]);
    assert_eq!(unscheduled.code, 0, "{unscheduled:?}");
    let mut wanted = is("unscheduled", "ok");
    wanted.reverse();
    assert_eq!(state(&unscheduled), wanted);
    // Where nothing is configured, nobody should be content.
    fs::write(&config, "").expect("write");
    assert_eq!(by(&[]).code, 2);
}

/// Older snapshots of the guest book: one a minute.
fn with_older(exch: &Exch, number: usize) {
    for minute in 0..number {
        let time = format!("2026-03-20T08:{minute:02}:00Z");
        exch.write("guests/book", minute.to_string());
        exch.snapshot(&["--connector", "guestbook", "--time", &time]);
    }
}

#[test]
fn policies_are_kept_and_room_is_freed() {
    let exch = exch(1000);
    let path = exch.path("restante.toml");
    let config = fs::read_to_string(&path).expect("read");
    fs::write(&path, format!("{config}[watch]\nprune = \"1s\"\n")).expect("write");
    with_older(&exch, 10);
    let (lines, ended) = Watch::start(&exch, &["--runs", "3"]).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    let forgotten: Vec<&Value> = lines
        .iter()
        .filter(|line| line.get("forgotten").is_some())
        .collect();
    // Once at the start, behind the first snapshot, and then not for an hour.
    assert!(
        matches!(&forgotten[..], [only] if only["connector"] == "guestbook" && only["forgotten"] == 8),
        "{lines:?}"
    );
    let pruned = lines
        .iter()
        .find(|line| line.get("prune").is_some())
        .expect("a prune");
    assert_eq!(pruned["prune"]["deleted"], 0, "others may still write");
    assert!(pruned["prune"]["condemned"].as_u64() > Some(0), "{pruned}");
    let guests = exch.json(&["snapshots", "--all", "--connector", "guestbook"]);
    assert_eq!(guests.as_array().map(Vec::len), Some(5));
    exch.verify();
    let text = exch.run(&["watch", "-q", "--connector", "guestbook", "--runs", "1"]);
    assert!(
        text.stdout.contains("  guestbook     forgot 3 snapshots\n"),
        "{text:?}"
    );
}

#[test]
fn a_policy_that_fails_stops_no_snapshots() {
    let exch = exch(1000);
    let path = exch.path("restante.toml");
    let config = fs::read_to_string(&path).expect("read");
    fs::write(
        &path,
        config.replace("keep = { last = 3 }", "keep = { tags = [\"audit\"] }"),
    )
    .expect("write");
    with_older(&exch, 2);
    let (lines, ended) = Watch::start(&exch, &["--runs", "2", "--connector", "guestbook"]).end();
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(lines.iter().filter(|line| is_taken(line)).count(), 2, "{lines:?}");
    assert!(
        ended
            .stderr
            .contains("error: connector guestbook: forgetting: nothing would be left of guestbook of EXCH1"),
        "{ended:?}"
    );
    assert_eq!(exch.json(&["stats"])["snapshots"], 4);
}

#[test]
fn a_worker_sees_what_another_process_removed() {
    let exch = exch(300_000);
    let mut watch = Watch::start(&exch, &["--connector", "conn-tables"]);
    watch.until("snapshot", is_taken);
    let table = "Exchsrvr/Conndata/Tables/gwcor.tbl";
    for round in 2..5 {
        exch.write(table, noise(round, 300_000));
        watch.until("change", |line| is_taken(line) && line["tick"] == false);
        watch.until("tick", |line| is_taken(line) && line["tick"] == true);
        exch.ok(&["forget", "--keep-last", "1"]);
        exch.ok(&["prune", "--grace", "0", "--max-unused", "0"]);
    }
    // The first contents once more: nobody may think that they are still there.
    exch.write(table, noise(1, 300_000));
    let last = watch.until("change", |line| is_taken(line) && line["tick"] == false);
    assert!(last["stored_bytes"].as_u64() > Some(290_000), "{last}");
    watch.signal(Signal::TERM);
    let (_, ended) = watch.end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(!ended.stderr.contains("error"), "{ended:?}");
    exch.verify();
}

//! Snapshots that are killed, interrupted, or run out of space: what was there before stays, and the next one works.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Ended, Exch, ended, ended_child, noise};
use restante_tests::compare::differences;
use restante_tests::prng::Rng;
use restante_tests::workload::{TABLES, Workload};
use rustix::process::{Pid, Signal, kill_process};

/// How often a snapshot is killed.
const KILLS: u64 = 200;

/// A server small enough that hundreds of its snapshots fit into a test.
fn workload() -> Workload {
    Workload {
        tables_bytes: 3 << 20,
        attachments_bytes: 1 << 20,
        ..Workload::small()
    }
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a process");
    kill_process(pid, signal).expect("send a signal");
}

/// The ids of all snapshots, oldest first.
fn ids(exch: &Exch) -> Vec<String> {
    let all = exch.json(&["snapshots", "--all"]);
    let all = all.as_array().expect("an array").iter();
    all.map(|row| row["id"].as_str().expect("an id").to_owned())
        .collect()
}

/// Restores one table of a snapshot and compares it with what it was then.
#[track_caller]
fn check_sample(exch: &Exch, id: &str, expected: &[u8]) {
    let cat = exch
        .command(&["cat", &format!("{id}:src/{TABLES}/gwcor.tbl")])
        .output()
        .expect("run");
    assert!(cat.status.success(), "{cat:?}");
    assert!(cat.stdout == expected, "a table of {id} is another one");
}

#[test]
fn killed_at_any_moment() {
    let exch = Exch::with_archive();
    let (workload, src) = (workload(), exch.path("src"));
    workload.create(&src).expect("make the workload");
    let table = || fs::read(src.join(TABLES).join("gwcor.tbl")).expect("read a table");
    let mut finished = vec![(exch.snapshot(&["src"]), table())];
    // How long a snapshot of one step takes, starting and ending included.
    let mut usual = Duration::ZERO;
    for n in 1..=4 {
        workload.step(&src, n).expect("a step");
        let started = Instant::now();
        finished.push((exch.snapshot(&["src"]), table()));
        usual += started.elapsed() / 4;
    }
    let mut random = Rng::new(9);
    let (mut killed, mut too_late) = (0, 0);
    for n in 0..KILLS {
        workload.step(&src, 5 + n).expect("a step");
        let child = exch
            .command(&["snapshot", "src", "--json"])
            .spawn()
            .expect("start");
        std::thread::sleep(Duration::from_micros(random.below(usual.as_micros() as u64)));
        signal(&child, Signal::KILL);
        let ended = ended_child(child);
        let known = ids(&exch);
        // A snapshot exists as soon as its last file is in place, even if nobody was told.
        if known.len() == finished.len() + 1 {
            too_late += 1;
            finished.push((known.last().expect("the newest").clone(), table()));
        } else {
            assert_eq!(ended.code, 128 + 9, "{ended:?}");
            killed += 1;
        }
        assert!(
            known.iter().eq(finished.iter().map(|(id, _)| id)),
            "snapshots came or went"
        );
        let (id, expected) = &finished[random.below(finished.len() as u64) as usize];
        check_sample(&exch, id, expected);
        if n % 20 == 19 {
            // The next one succeeds, uses what is there, and clears away what the killed ones left.
            finished.push((exch.snapshot(&["src"]), table()));
            assert_eq!(exch.names("archive/tmp"), [""; 0]);
            let out = exch.path("out");
            exch.ok(&["restore", "latest", "--to", "out"]);
            assert_eq!(differences(&src, &out.join("src")).expect("compare"), []);
            fs::remove_dir_all(out).expect("remove");
        }
    }
    eprintln!("{killed} snapshots were killed within {usual:?}, {too_late} were finished before");
    assert!(killed >= KILLS / 4, "only {killed} were killed in time");
    exch.verify();
    for (id, expected) in &finished {
        check_sample(&exch, id, expected);
    }
}

#[test]
fn interrupted() {
    for (number, asked) in [Signal::INT, Signal::TERM].into_iter().enumerate() {
        let exch = Exch::with_archive();
        exch.write("src/first", "x");
        exch.ok(&["snapshot", "src"]);
        for file in 0..6 {
            exch.write(&format!("src/{file}"), noise(file, 8_000_000));
        }
        // Some moment after the signals are listened to and before all is read.
        let ended = (0..20).map(|attempt| {
            let child = exch
                .command(&["snapshot", "src", "--host", &format!("h{attempt}")])
                .spawn()
                .expect("start");
            std::thread::sleep(Duration::from_millis(30 + 10 * (attempt % 4)));
            signal(&child, asked);
            ended_child(child)
        });
        // One that was faster than the signal has nothing to show.
        let ended = ended
            .into_iter()
            .find(|ended| ended.code != 0)
            .expect("one that is interrupted");
        let text = "error: interrupted\n  every finished snapshot is intact; what was stored is used again next time\n";
        let shown = (ended.code, ended.stderr.as_str(), ended.stdout.as_str());
        assert_eq!(shown, (130, text, ""), "signal {number}");
        exch.verify();
        exch.ok(&["snapshot", "src"]);
        assert_eq!(exch.names("archive/tmp"), [""; 0]);
        exch.verify();
    }
}

/// Who waits for standard input is interrupted too, at the latest by a second signal.
#[test]
fn interrupted_while_waiting_for_input() {
    let exch = Exch::with_archive();
    let mut command = exch.command(&["snapshot", "--stdin", "dump"]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("start");
    let stdin = child.stdin.take();
    std::thread::sleep(Duration::from_millis(200));
    for _ in 0..2 {
        signal(&child, Signal::INT);
        std::thread::sleep(Duration::from_millis(100));
    }
    let ended = ended_child(child);
    drop(stdin);
    assert_eq!(ended.code, 130, "{ended:?}");
    assert_eq!(ids(&exch), [""; 0]);
    exch.verify();
}

/// A file system of 8 MiB in a name space of its own, which vanishes with the process that holds it.
struct Small {
    holder: Child,
    path: String,
}

impl Small {
    fn mount(at: &str) -> Option<Self> {
        // `cat` ends when the test does, however that ends.
        let script = "mount -t tmpfs -o size=8m none \"$0\" && echo mounted && exec cat";
        let mut command = Command::new("unshare");
        command
            .args(["-rm", "sh", "-c", script, at])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut holder = command.stderr(Stdio::null()).spawn().ok()?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take()?).read_line(&mut line).ok()?;
        let path = format!("/proc/{}/root{at}", holder.id());
        // An own name space may be permitted, and looking into it not.
        let is_usable = line == "mounted\n" && fs::write(format!("{path}/test"), "x").is_ok();
        let small = Self { holder, path };
        is_usable
            .then(|| fs::remove_file(format!("{}/test", small.path)))
            .map(|_| small)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

#[test]
fn a_full_disk() {
    let exch = Exch::new();
    fs::create_dir(exch.path("mounted")).expect("make a folder");
    let Some(small) = Small::mount(&exch.at("mounted")) else {
        eprintln!("skipped: mounting is not permitted here");
        return;
    };
    let archive = format!("{}/archive", small.path);
    let run = |args: &[&str]| -> Ended { ended(exch.bare(&[&["-a", &archive], args].concat())) };
    exch.write("src/first", noise(1, 1_000_000));
    assert_eq!(run(&["snapshot", "--init", "src"]).code, 0);
    let filler = format!("{}/filler", small.path);
    fs::write(&filler, noise(3, 4_000_000)).expect("fill the disk");
    exch.write("src/large", noise(2, 5_000_000));
    let full = run(&["snapshot", "src"]);
    assert_eq!((full.code, full.stdout.as_str()), (1, ""), "{full:?}");
    assert_eq!(run(&["verify"]).code, 0);
    let listed = run(&["snapshots"]).stdout;
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert_eq!(run(&["restore", "latest", "--to", "out"]).code, 0);
    fs::remove_file(filler).expect("free some space");
    let next = run(&["snapshot", "src"]);
    assert_eq!(next.code, 0, "{next:?}");
    assert_eq!(run(&["verify"]).code, 0);
    fs::remove_dir_all(exch.path("out")).expect("remove");
    assert_eq!(run(&["restore", "latest", "--to", "out"]).code, 0);
    assert_eq!(
        differences(&exch.path("src"), &exch.path("out/src")).expect("compare"),
        []
    );
    let lines: Vec<&str> = full.stderr.lines().collect();
    assert!(
        lines[0].starts_with(&format!("error: cannot write {archive}/segments/")),
        "{full:?}"
    );
    assert!(
        lines[0].ends_with(".rst: No space left on device (os error 28)"),
        "{full:?}"
    );
    assert_eq!(
        lines[1..],
        ["  free some space: earlier snapshots are intact, and what was written is used again"]
    );
}

/// A limit on the size of files makes writing fail in the middle of a segment.
#[test]
fn a_limit_on_files() {
    let exch = Exch::with_archive();
    exch.write("src/first", noise(1, 200_000));
    exch.ok(&["snapshot", "src"]);
    let before = exch.names("archive/segments");
    exch.write("src/large", noise(2, 3_000_000));
    let limited = |prelude: &str| {
        let script = format!("{prelude} ulimit -f 2048; exec \"$0\" -a \"$1\" snapshot src");
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_restante"), &exch.at("archive")]);
        command.current_dir(exch.path("")).env("HOME", exch.path("home"));
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .stdin(Stdio::null());
        ended(command)
    };
    // Without the signal the write fails; with it the program ends, as every other one does.
    let failed = limited("trap '' XFSZ;");
    assert_eq!((failed.code, failed.stdout.as_str()), (1, ""), "{failed:?}");
    assert_eq!(exch.names("archive/tmp"), [""; 0]);
    assert_eq!((ids(&exch).len(), exch.names("archive/segments")), (1, before));
    exch.verify();
    let signalled = limited("");
    assert_ne!(signalled.code, 0, "{signalled:?}");
    exch.verify();
    exch.ok(&["snapshot", "src"]);
    assert_eq!(exch.names("archive/tmp"), [""; 0]);
    exch.verify();
    exch.ok(&["restore", "latest", "--to", "out"]);
    assert_eq!(
        differences(&exch.path("src"), &exch.path("out/src")).expect("compare"),
        []
    );
    let stderr = exch.normal(&failed.stderr);
    assert!(
        stderr.starts_with("error: cannot write DIR/archive/segments/"),
        "{stderr}"
    );
    assert!(
        stderr.ends_with(".rst: File too large (os error 27)\n"),
        "{stderr}"
    );
}

//! A snapshot of tables every second, while a writer changes them in place: none may be lost, memory may not grow, and
//! what is restored must be what the tables held at one moment.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::stamped::{Writer, check};
use super::{Amount, Bench, Findings, Required, Row};
use crate::failure::Failure;
use crate::folder;
use crate::tool::{Station, words};

/// The tables.
const NAMES: [&str; 3] = ["gwcor.tbl", "notescor.tbl", "pcta.tbl"];
/// How large each is.
const TABLE_BYTES: u64 = 16 << 20;
/// How many records of each change at once, and how often.
const BURST: u64 = 20;
const PAUSE: Duration = Duration::from_millis(250);
/// How many snapshots are restored.
const RESTORED: usize = 12;
/// The memory at the beginning is that after so many hundredths of the time: before, caches fill.
const SETTLED_PERCENT: u32 = 20;
/// How much of it may come on top: the index of so many snapshots.
const MEMORY: Required = Required::AtMost(1.25);

/// What a run of `watch` said and was seen to need.
struct Watched {
    lines: Vec<Value>,
    /// Memory in bytes, once it had settled and at the end.
    memory: (u64, u64),
    /// How many records the writer changed.
    changed: u64,
}

pub(super) fn measure(bench: &Bench<'_>) -> Result<Findings, Failure> {
    let source = bench.source();
    let tables = source.join("Exchsrvr/Conndata/Tables");
    folder::empty(&tables)?;
    let paths = NAMES.map(|name| tables.join(name));
    let mut writers = Vec::new();
    for (number, path) in (0..).zip(&paths) {
        let writer = Writer::create(number, path, TABLE_BYTES);
        writers.push(writer.map_err(|e| Failure::at("making", path, e))?);
    }
    let config = bench.place.join("restante.toml");
    let text = "state = \"state\"\n[server]\nname = \"EXCH1\"\n[roots]\nexchsrvr = \"source/Exchsrvr\"\n\
                [connector.conn-tables]\nevery = \"1s\"\n";
    fs::write(&config, text).map_err(|e| Failure::at("writing", &config, e))?;
    let mut station = bench.restante("watch");
    station.start_afresh(bench.clock)?;

    let seconds = bench.options.watch_seconds;
    let watched = watch(bench, &station, &config, &mut writers)?;
    let count = |is: &dyn Fn(&Value) -> bool| watched.lines.iter().filter(|line| is(line)).count();
    let taken: Vec<&Value> = watched
        .lines
        .iter()
        .filter(|line| line.get("id").is_some())
        .collect();
    let is_torn = |line: &Value| line["torn"].as_array().is_some_and(|torn| !torn.is_empty());
    let torn = taken.iter().filter(|line| is_torn(line)).count();
    let failed = count(&|line| line.get("error").is_some());
    let skipped: u64 = watched
        .lines
        .iter()
        .filter_map(|line| line["skipped"].as_u64())
        .sum();
    let changed = taken.iter().filter(|line| line["tick"] == false).count();
    let late = taken.iter().filter_map(|line| line["late_seconds"].as_f64());
    let late = late.fold(0.0, f64::max);

    // What could not be read whole says so; all else has to be the tables at one moment.
    let whole: Vec<&&Value> = taken.iter().filter(|line| !is_torn(line)).collect();
    let chosen: Vec<&Value> = whole
        .iter()
        .step_by(whole.len().div_ceil(RESTORED).max(1))
        .map(|line| **line)
        .collect();
    let mut exact = 0;
    let mut wrong = Vec::new();
    for line in &chosen {
        let id = line["id"].as_str().unwrap_or_default();
        restore(bench, &station, id)?;
        let restored = station.target().join("conn-tables/tables");
        let mut good = true;
        for (number, name) in (0..).zip(NAMES) {
            let path = restored.join(name);
            let found = check(number, &path, TABLE_BYTES).map_err(|e| Failure::at("reading", &path, e))?;
            if let Err(why) = found {
                wrong.push(format!("snapshot {}: {name}: {why}", id.get(..8).unwrap_or(id)));
                good = false;
            }
        }
        exact += usize::from(good);
    }
    let verify = station.verify()?;
    let verified = match verify.map(|call| bench.clock.run_bare(&call)) {
        None | Some(Ok(_)) => "everything is intact".to_owned(),
        Some(Err(failure)) => {
            wrong.push(failure.to_string());
            "it failed".to_owned()
        }
    };

    let what = format!("conn-tables every second for {seconds} s");
    let counted = |number: usize| Amount::Count(vec![number as f64]);
    let ticks = watched.lines.len() + usize::try_from(skipped).unwrap_or(usize::MAX);
    let (settled, end) = watched.memory;
    let mut more = format!(
        "{what}, 3 tables of {} MiB, {} records changed in place meanwhile: {} snapshots ({changed} with changes, {torn} \
         torn), {skipped} ticks skipped, {failed} runs failed, {late:.3} s late at most; memory {:.1} MB after {SETTLED_PERCENT} % \
         of the time and {:.1} MB at the end; verify: {verified}; {exact} of {} restored snapshots hold the tables of one moment.\n",
        TABLE_BYTES >> 20,
        watched.changed,
        taken.len(),
        settled as f64 / 1e6,
        end as f64 / 1e6,
        chosen.len(),
    );
    for text in &wrong {
        more.push_str(&format!("\n- {text}"));
    }
    let memory = |bytes: u64| Amount::Memory(vec![bytes as f64]);
    let mut rows = vec![
        Row::new(
            format!("{what}: snapshots"),
            counted(taken.len()),
            "ticks",
            counted(ticks),
            Required::AtLeast(1.0),
        ),
        Row::new(
            format!("{what}: memory at the end"),
            memory(end),
            format!("after {SETTLED_PERCENT} % of the time"),
            memory(settled),
            MEMORY,
        ),
        Row::new(
            format!("{what}: restored and of one moment"),
            counted(exact),
            "restored",
            counted(chosen.len()),
            Required::AtLeast(1.0),
        ),
    ];
    if verified == "it failed" {
        let row = format!("{what}: verify");
        rows.push(Row::failed(row, Failure::After("watch"), Required::Nothing));
    }
    Ok(Findings {
        rows,
        more: vec![more],
    })
}

/// Restores a snapshot into an empty folder.
fn restore(bench: &Bench<'_>, station: &Station, id: &str) -> Result<(), Failure> {
    let mut arguments = words(["restore", id, "--to"]);
    arguments.push(station.target().into());
    folder::empty(&station.target())?;
    bench.clock.run_bare(&station.call(arguments, &bench.place)?)?;
    Ok(())
}

/// Lets `watch` run while the tables change.
fn watch(
    bench: &Bench<'_>,
    station: &Station,
    config: &Path,
    writers: &mut [Writer],
) -> Result<Watched, Failure> {
    let mut arguments = words(["--json", "--config"]);
    arguments.push(config.into());
    arguments.extend(words(["watch", "--connector", "conn-tables"]));
    let call = station.call(arguments, &bench.place)?;
    let failed = |doing: &str| {
        let doing = format!("{doing} `{}`", call.line());
        move |error| Failure::io(doing, error)
    };
    let mut command = call.command(&call.program);
    command
        .args(&call.arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed("starting"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        let lines = threads.spawn(move || {
            let lines = stdout
                .into_iter()
                .flat_map(|out| BufReader::new(out).lines().map_while(Result::ok));
            let parsed = lines.map(|line| serde_json::from_str::<Value>(&line).unwrap_or(Value::Null));
            parsed.collect::<Vec<Value>>()
        });
        let said = threads.spawn(move || {
            let mut text = String::new();
            // What is no text is not quoted.
            let _ = stderr.map(|mut err| err.read_to_string(&mut text));
            text
        });
        let done = &done;
        let writing = threads.spawn(move || {
            let mut changed = 0;
            while !done.load(Ordering::Relaxed) {
                for writer in &mut *writers {
                    writer.change(BURST)?;
                    changed += BURST;
                }
                thread::sleep(PAUSE);
            }
            Ok(changed)
        });
        let memory = look(&mut child, Duration::from_secs(bench.options.watch_seconds));
        done.store(true, Ordering::Relaxed);
        // One that has ended already needs no signal.
        let _ = kill_process(Pid::from_child(&child), Signal::TERM);
        let status = child.wait().map_err(failed("waiting for"))?;
        let said = said.join().unwrap_or_default();
        if !status.success() {
            return Err(Failure::exit(call.line(), status, &said));
        }
        let changed: Result<u64, std::io::Error> = writing.join().unwrap_or(Ok(0));
        Ok(Watched {
            lines: lines.join().unwrap_or_default(),
            memory,
            changed: changed.map_err(|e| Failure::io("changing the tables", e))?,
        })
    })
}

/// Waits for so long, or until the process ends. Returns its memory once that had settled, and at the end.
fn look(child: &mut Child, time: Duration) -> (u64, u64) {
    let started = Instant::now();
    let settles = time * SETTLED_PERCENT / 100;
    let mut settled = None;
    let mut last = 0;
    while started.elapsed() < time && matches!(child.try_wait(), Ok(None)) {
        thread::sleep(Duration::from_millis(200));
        last = resident(child.id()).unwrap_or(last);
        if started.elapsed() >= settles {
            settled.get_or_insert(last);
        }
    }
    (settled.unwrap_or(last), last)
}

/// The memory of a process, in bytes.
fn resident(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024)
}

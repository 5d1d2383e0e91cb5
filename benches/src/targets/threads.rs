//! One large file, cut and hashed by one thread and by two.

use std::ffi::OsString;
use std::path::Path;

use super::{Amount, Bench, Findings, Required, Row, source};
use crate::clock::{Call, Cost};
use crate::failure::Failure;
use crate::tool::{Station, TREE, words};
use crate::{folder, machine};

/// How much faster two threads must be than one.
const REQUIRED: Required = Required::AtLeast(1.8);
const THREADS: [usize; 2] = [1, 2];

pub(super) fn measure(bench: &Bench<'_>) -> Result<Findings, Failure> {
    let file = bench.source().join(TREE);
    folder::empty(&bench.source())?;
    source::random_file(&file, bench.options.file_bytes)?;

    let mut station = bench.restante("threads");
    station.start_afresh(bench.clock)?;
    let first = station.call(words(["snapshot", TREE]), &bench.source())?;
    bench.snapshot(&mut station, &first)?;

    let pinned = pinned(bench, &file)?;
    let (mut cut, mut cold, mut again) = ([vec![], vec![]], [vec![], vec![]], [vec![], vec![]]);
    let mut one_core = Vec::new();
    for run in 1..=bench.options.runs {
        for (place, threads) in THREADS.into_iter().enumerate() {
            cut[place].push(bench.cost(&bench.work(["cut"], &file, threads)?)?);
        }
        for (place, threads) in THREADS.into_iter().enumerate() {
            cold[place].push(bench.cost(&bench.work(["cold"], &file, threads)?)?);
        }
        if let Some(call) = &pinned {
            one_core.push(bench.cost(call)?);
        }
        for (place, threads) in THREADS.into_iter().enumerate() {
            again[place].push(resnapshot(bench, &mut station, threads)?);
        }
        eprintln!("threads, run {run} of {}", bench.options.runs);
    }

    let mib = bench.options.file_bytes >> 20;
    let row = |what: &str, [one, two]: &[Vec<Cost>; 2], required| {
        let what = format!("{what}, {mib} MiB of random bytes: 1 thread");
        Row::new(what, Amount::time(one), "2 threads", Amount::time(two), required)
    };
    // A snapshot's own thread lays blocks into segments beside the one that cuts: with one thread for cutting, two are at work.
    let mut rows = vec![
        row("cut and hashed, no parent", &cut, REQUIRED),
        row("first snapshot, nothing written", &cold, Required::Nothing),
        row("touched and taken again", &again, REQUIRED),
    ];
    if !one_core.is_empty() {
        rows.push(Row::new(
            format!("first snapshot, nothing written, {mib} MiB of random bytes: 1 core"),
            Amount::time(&one_core),
            "2 threads",
            Amount::time(&cold[1]),
            Required::Nothing,
        ));
    }
    Ok(Findings {
        rows,
        more: Vec::new(),
    })
}

/// Everything on one core: a count of threads does not bind those that only wait for others most of the time.
fn pinned(bench: &Bench<'_>, file: &Path) -> Result<Option<Call>, Failure> {
    let Some(taskset) = machine::find("taskset") else {
        return Ok(None);
    };
    let call = bench.work(["cold"], file, 1)?;
    let mut arguments: Vec<OsString> = words(["-c", "0"]);
    arguments.push(call.program.into());
    arguments.extend(call.arguments);
    Ok(Some(Call {
        program: taskset,
        arguments,
        ..call
    }))
}

/// Every chunk is known, and the parent tells where it was.
fn resnapshot(bench: &Bench<'_>, station: &mut Station, threads: usize) -> Result<Cost, Failure> {
    source::touch(&bench.source().join(TREE))?;
    let arguments = words(["--threads", &threads.to_string(), "snapshot", TREE]);
    let call = station.call(arguments, &bench.source())?;
    bench.snapshot(station, &call).map(|(cost, _)| cost)
}

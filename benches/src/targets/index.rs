//! Finding objects by tables of the index that were made for it: how fast, and with how much memory.

use std::fs;
use std::path::Path;

use super::{Amount, Bench, Findings, Required, Row, lookups};
use crate::failure::Failure;
use crate::folder;
use crate::table::grouped;

/// What no process may exceed, bytes.
const BOUND_BYTES: f64 = 256e6;
/// How many objects must be found, or not, in a second by two threads.
const REQUIRED_RATE: f64 = 200_000.0;
const THREADS: [usize; 2] = [1, 2];

pub(super) fn measure(bench: &Bench<'_>) -> Result<Findings, Failure> {
    let archive = bench.place.join("tables");
    folder::empty(&archive)?;
    let row_count = bench.options.rows.to_string();
    bench.cost(&bench.work(["tables", &row_count], &archive, 1)?)?;
    let built = figures(&archive)?;
    let (mut rates, mut peaks) = (vec![[vec![], vec![]]; THREADS.len()], Vec::new());
    for run in 1..=bench.options.runs {
        for (place, threads) in THREADS.into_iter().enumerate() {
            bench.cost(&bench.work(["look-up", &threads.to_string()], &archive, threads)?)?;
            let found = figures(&archive)?;
            rates[place][0].push(found[0]);
            rates[place][1].push(found[1]);
            peaks.push(found[2]);
        }
        eprintln!("index, run {run} of {}", bench.options.runs);
    }
    let name = format!("index of {} objects", grouped(bench.options.rows as f64));
    let mut rows = Vec::new();
    for (threads, rates) in THREADS.into_iter().zip(rates) {
        for (which, rates) in ["absent", "present"].into_iter().zip(rates) {
            let beside = Amount::Count(vec![REQUIRED_RATE; rates.len()]);
            let what = format!("{name}: {which} ids a second, {threads} threads");
            let required = match threads {
                1 => Required::Nothing,
                _ => Required::AtLeast(1.0),
            };
            rows.push(Row::new(what, Amount::Count(rates), "bound", beside, required));
        }
    }
    let mut memory = |what: &str, peaks: Vec<f64>| {
        let bounds = Amount::Memory(vec![BOUND_BYTES; peaks.len()]);
        let what = format!("{name}: peak memory, {what}");
        let peaks = Amount::Memory(peaks);
        rows.push(Row::new(what, peaks, "bound", bounds, Required::AtMost(1.0)));
    };
    memory("looking up", peaks);
    memory("tables written and merged", vec![built[2]]);
    let more = format!(
        "The index of {} objects: {} tables of {:.1} bytes for each object, written and merged in {:.1} s.\n",
        grouped(bench.options.rows as f64),
        built[0],
        built[1] / bench.options.rows as f64,
        built[3],
    );
    Ok(Findings {
        rows,
        more: vec![more],
    })
}

/// What the piece of work found.
fn figures(archive: &Path) -> Result<Vec<f64>, Failure> {
    let path = archive.join(lookups::FIGURES);
    let text = fs::read_to_string(&path).map_err(|e| Failure::at("reading", &path, e))?;
    let figures: Vec<f64> = text
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    match figures.len() {
        4 => Ok(figures),
        _ => Err(Failure::Missing(format!("{} holds no figures", path.display()))),
    }
}

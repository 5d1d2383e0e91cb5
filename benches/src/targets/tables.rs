//! Large tables in which a few records change, beside a bare BLAKE3 pass over them.

use restante_tests::workload::{CONNDATA, TABLES, Workload};

use super::digest::Mode;
use super::{Amount, Bench, Findings, Required, Row};
use crate::failure::Failure;
use crate::spread::Spread;
use crate::tool::words;
use crate::tree;

/// How many times as long as the bare pass a snapshot may take.
const REQUIRED_TIME: Required = Required::AtMost(1.5);
/// How many times the changed bytes it may store, and how many more.
const STORED_FACTOR: f64 = 1.5;
const STORED_MORE: f64 = 65_536.0;
/// The bare pass has the cores of the machine that the requirement was written for.
const THREADS: usize = 2;

pub(super) fn measure(bench: &Bench<'_>) -> Result<Findings, Failure> {
    let workload = Workload {
        small_files: 100,
        tables_bytes: bench.options.tables_bytes,
        table_count: 4,
        attachments_bytes: 0,
        ..Workload::full()
    };
    tree::create(&workload, &bench.source())?;
    let tables = bench.source().join(TABLES);
    let name = TABLES.rsplit('/').next().unwrap_or(TABLES);
    let folder = bench.source().join(CONNDATA);

    let mut station = bench.restante("tables");
    station.start_afresh(bench.clock)?;
    let snapshot = station.call(words(["snapshot", name]), &folder)?;
    bench.snapshot(&mut station, &snapshot)?;

    let (mut costs, mut stored, mut bounds) = (Vec::new(), Vec::new(), Vec::new());
    let mut passes = Mode::ALL.map(|mode| (mode, Vec::new()));
    for run in 1..=bench.options.runs {
        let done = tree::step(&workload, &bench.source(), run as u64)?;
        let changed_bytes = done.records * restante_tests::workload::table::RECORD_BYTES;
        let (cost, grown) = bench.snapshot(&mut station, &snapshot)?;
        costs.push(cost);
        stored.push(grown);
        bounds.push(changed_bytes as f64 * STORED_FACTOR + STORED_MORE);
        for (mode, costs) in &mut passes {
            costs.push(bench.cost(&bench.work(["digest", mode.name()], &tables, THREADS)?)?);
        }
        eprintln!(
            "tables, run {run} of {}: {:.3} s",
            bench.options.runs, cost.wall_s
        );
    }

    let what = format!(
        "4 tables, {} MiB, 200 records changed in each",
        bench.options.tables_bytes >> 20
    );
    let [mut fastest, slowest] = passes.map(|(mode, costs)| (mode, Amount::time(&costs)));
    let median = |amount: &Amount| Spread::of(amount.values().to_vec()).map_or(0.0, |found| found.median);
    if median(&slowest.1) < median(&fastest.1) {
        fastest = slowest;
    }
    let (mode, pass) = fastest;
    let beside = format!("BLAKE3 of the same files, {THREADS} threads, by {}", mode.name());
    let bound = format!("changed bytes × {STORED_FACTOR} + 64 KiB");
    Ok(Findings {
        rows: vec![
            Row::new(
                format!("{what}: time"),
                Amount::time(&costs),
                beside,
                pass,
                REQUIRED_TIME,
            ),
            Row::new(
                format!("{what}: stored"),
                Amount::Stored(stored),
                bound,
                Amount::Stored(bounds),
                Required::AtMost(1.0),
            ),
        ],
        more: Vec::new(),
    })
}

//! How much memory Restante takes for what is large in one way or another.

use std::path::{Path, PathBuf};

use super::{Amount, Bench, Findings, Required, Row, source};
use crate::clock::Cost;
use crate::failure::Failure;
use crate::folder;
use crate::tool::{TREE, words};

/// What no operation may exceed, bytes.
const BOUND_BYTES: f64 = 256e6;

/// Something large in one way.
struct Thing {
    name: String,
    make: fn(&Path, &Bench<'_>) -> Result<PathBuf, Failure>,
}

/// Makes each thing in turn, and measures every operation on it.
///
/// # Errors
///
/// Where a thing cannot be made. What Restante fails at is in its rows.
pub(super) fn measure(bench: &Bench<'_>) -> Result<Findings, Failure> {
    let options = bench.options;
    let dense = options.dense_bytes >> 20;
    let things = [
        Thing {
            name: format!("sparse file of {} GB", options.sparse_bytes / 1_000_000_000),
            make: |tree, bench| {
                let path = tree.join("sparse");
                source::sparse_file(&path, bench.options.sparse_bytes)?;
                Ok(path)
            },
        },
        Thing {
            name: format!("file of {dense} MiB, all bytes equal"),
            make: |tree, bench| {
                let path = tree.join("constant");
                source::constant_file(&path, bench.options.dense_bytes)?;
                Ok(path)
            },
        },
        Thing {
            name: format!("file of {dense} MiB, random bytes"),
            make: |tree, bench| {
                let path = tree.join("random");
                source::random_file(&path, bench.options.dense_bytes)?;
                Ok(path)
            },
        },
        Thing {
            name: format!("folder of {} empty files", options.entries),
            make: |tree, bench| {
                let path = tree.join("crowded");
                source::crowded_folder(&path, bench.options.entries)?;
                Ok(path.join(format!("{:08x}", bench.options.entries / 2)))
            },
        },
    ];
    let mut findings = Findings::default();
    for thing in things {
        let tree = bench.source().join(TREE);
        folder::empty(&tree)?;
        let touched = (thing.make)(&tree, bench)?;
        let mut costs: [Vec<Cost>; 4] = Default::default();
        let result = operate(bench, &touched, &mut costs);
        if let Err(failure) = result {
            let what = format!("peak memory, {}", thing.name);
            findings
                .rows
                .push(Row::failed(what, failure, Required::AtMost(1.0)));
        }
        for (operation, costs) in ["first snapshot", "taken again after a touch", "restore", "verify"]
            .iter()
            .zip(&costs)
            .filter(|(_, costs)| !costs.is_empty())
        {
            findings
                .rows
                .push(row(format!("peak memory, {}: {operation}", thing.name), costs));
        }
    }
    folder::remove(&bench.source())?;
    Ok(findings)
}

fn row(what: String, costs: &[Cost]) -> Row {
    let bounds = Amount::Memory(vec![BOUND_BYTES; costs.len()]);
    Row::new(what, Amount::peak(costs), "bound", bounds, Required::AtMost(1.0))
}

fn operate(bench: &Bench<'_>, touched: &Path, costs: &mut [Vec<Cost>; 4]) -> Result<(), Failure> {
    let mut station = bench.restante("memory");
    for run in 1..=bench.options.runs {
        station.start_afresh(bench.clock)?;
        let snapshot = station.call(words(["snapshot", TREE]), &bench.source())?;
        let verify = station.call(words(["verify"]), &bench.place)?;
        costs[0].push(bench.snapshot(&mut station, &snapshot)?.0);
        source::touch(touched)?;
        costs[1].push(bench.snapshot(&mut station, &snapshot)?.0);
        costs[2].push(bench.restore(&station, "latest")?);
        costs[3].push(bench.cost(&verify)?);
        eprintln!(
            "memory, {}, run {run} of {}",
            touched.display(),
            bench.options.runs
        );
    }
    Ok(())
}

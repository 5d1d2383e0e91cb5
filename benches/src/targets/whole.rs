//! Whole runs on the generated tree: the measurement of the peers, with what shows the limit as the other side.

use super::{Amount, Bench, Findings, Required, Row};
use crate::failure::Failure;
use crate::peers::{self, LIMITS, Step};
use crate::report;
use crate::tool::Tool;

pub(super) fn measure(bench: &Bench<'_>) -> Result<Findings, Failure> {
    let asked = bench.options;
    let only = [Tool::Restante.name(), Tool::Bupstash.name(), LIMITS];
    let mut options = crate::options::Options::only(&only);
    options.runs = asked.runs;
    options.workload = asked.workload.clone();
    options.restante = asked.restante.clone();
    let mut outcome = peers::measure(&options, bench.clock, &bench.place)?;
    let mut rows = Vec::new();
    for step in Step::ALL {
        let mut of_step: Vec<peers::Row> = outcome.rows.extract_if(.., |row| row.step == step).collect();
        let what = format!("tree `{}`, {}", asked.size, step.name());
        let Some(ours) = of_step.iter().position(|row| row.who == Tool::Restante.name()) else {
            continue;
        };
        let ours = of_step.swap_remove(ours);
        let (time, size) = (wall(&ours), stored(&ours));
        if let Some(failure) = ours.failure {
            rows.push(Row::failed(what, failure, Required::Nothing));
            continue;
        }
        if of_step.iter().all(|row| row.runs.is_empty()) {
            rows.push(Row::new(what, time, "nothing", Amount::none(), Required::Nothing));
            continue;
        }
        for other in of_step {
            let mut row = Row::new(
                what.clone(),
                time.clone(),
                other.who.clone(),
                wall(&other),
                Required::Nothing,
            );
            let other_size = stored(&other);
            if let Some(failure) = other.failure {
                row.other = Err(failure);
            } else if other.runs.is_empty() {
                continue;
            }
            let is_measured = row.other.is_ok();
            rows.push(row);
            if is_measured && !size.values().is_empty() && !other_size.values().is_empty() {
                let what = format!("{what}: stored");
                rows.push(Row::new(
                    what,
                    size.clone(),
                    other.who,
                    other_size,
                    Required::Nothing,
                ));
            }
        }
    }
    let tree = format!("Tree `{}`: {}.\n", asked.size, report::tree(&outcome.tree));
    Ok(Findings {
        rows,
        more: vec![tree],
    })
}

fn wall(row: &peers::Row) -> Amount {
    Amount::time(row.runs.iter().map(|run| &run.cost).collect::<Vec<_>>())
}

fn stored(row: &peers::Row) -> Amount {
    let bytes = row.runs.iter().filter_map(|run| run.stored_bytes);
    Amount::Stored(bytes.map(|bytes| bytes as f64).collect())
}

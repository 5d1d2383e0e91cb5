//! Many working steps into one archive: what each stores, and whether the newest snapshot stays quick to restore.

use super::{Amount, Bench, Findings, Required, Row};
use crate::clock::Cost;
use crate::failure::Failure;
use crate::table::{KB, NONE, Table, figure, grouped};
use crate::tool::{TREE, words};
use crate::tree;

/// How many times as long as the first snapshot the newest may take to be restored.
const REQUIRED: Required = Required::AtMost(1.5);
/// Into how many parts of equal length the curve of stored bytes is divided.
const BUCKETS: usize = 10;

/// What one step did.
struct Taken {
    cost: Cost,
    stored: f64,
    changed: f64,
}

pub(super) fn measure(bench: &Bench<'_>) -> Result<Findings, Failure> {
    let options = bench.options;
    let (workload, tree) = (&options.workload, bench.source().join(TREE));
    tree::create(workload, &tree)?;
    let mut station = bench.restante("steps");
    station.start_afresh(bench.clock)?;
    let snapshot = station.call(words(["snapshot", TREE]), &bench.source())?;
    let (_, first_stored) = bench.snapshot(&mut station, &snapshot)?;

    let mut taken = Vec::with_capacity(options.steps);
    for n in 1..=options.steps {
        let done = workload.step(&tree, n as u64);
        let done = done.map_err(|e| Failure::io(format!("taking step {n} of the tree"), e))?;
        let (cost, stored) = bench.snapshot(&mut station, &snapshot)?;
        let changed = done.bytes_changed as f64;
        taken.push(Taken {
            cost,
            stored,
            changed,
        });
        if n.is_multiple_of(50) {
            eprintln!(
                "step {n} of {}: {:.3} s, {stored} bytes",
                options.steps, cost.wall_s
            );
        }
    }

    // The tree grows from step to step: only beside an archive without a history is it seen what history costs.
    let mut fresh = bench.restante("fresh");
    fresh.start_afresh(bench.clock)?;
    let alone = fresh.call(words(["snapshot", TREE]), &bench.source())?;
    let (_, fresh_stored) = bench.snapshot(&mut fresh, &alone)?;

    let first = format!("latest~{}", options.steps);
    let verify = [
        station.call(words(["verify"]), &bench.place)?,
        fresh.call(words(["verify"]), &bench.place)?,
    ];
    let (mut newest, mut oldest, mut single) = (Vec::new(), Vec::new(), Vec::new());
    let mut verified = [Vec::new(), Vec::new()];
    for run in 1..=options.runs {
        newest.push(bench.restore(&station, "latest")?);
        oldest.push(bench.restore(&station, &first)?);
        single.push(bench.restore(&fresh, "latest")?);
        for (call, costs) in verify.iter().zip(&mut verified) {
            costs.push(bench.cost(call)?);
        }
        eprintln!(
            "restores after {} steps, run {run} of {}",
            options.steps, options.runs
        );
    }

    let what = format!("{} steps of tree `{}`", options.steps, options.size);
    let stored = |part: &[Taken]| mean(part, |step| step.stored);
    let changed = mean(&taken, |step| step.changed);
    let walls = Amount::time(taken.iter().map(|step| &step.cost).collect::<Vec<_>>());
    let rows = vec![
        Row::new(
            format!("{what}: mean stored by one"),
            Amount::Stored(stored(&taken).into_iter().collect()),
            "mean bytes changed",
            Amount::Stored(changed.into_iter().collect()),
            Required::Nothing,
        ),
        Row::new(
            format!("{what}: restore of the newest"),
            Amount::time(&newest),
            "restore of the first, same archive",
            Amount::time(&oldest),
            REQUIRED,
        ),
        Row::new(
            format!("{what}: restore of the newest"),
            Amount::time(&newest),
            "the same tree as the only snapshot",
            Amount::time(&single),
            REQUIRED,
        ),
        Row::new(
            format!("{what}: verify"),
            Amount::time(&verified[0]),
            "the newest tree as the only snapshot",
            Amount::time(&verified[1]),
            Required::Nothing,
        ),
        Row::new(
            format!("{what}: one snapshot"),
            walls,
            "nothing",
            Amount::none(),
            Required::Nothing,
        ),
    ];
    let head = format!(
        "{what}. The first snapshot stored {} kB, the newest tree as the only snapshot {} kB, the archive has {} files.\n\n",
        grouped(first_stored / KB),
        grouped(fresh_stored / KB),
        station.stored()?.files
    );
    Ok(Findings {
        rows,
        more: vec![head + &curve(&taken)],
    })
}

fn mean(part: &[Taken], value: impl Fn(&Taken) -> f64) -> Option<f64> {
    (!part.is_empty()).then(|| part.iter().map(value).sum::<f64>() / part.len() as f64)
}

/// The steps in ten parts: a curve that rises says that the archive ages.
fn curve(taken: &[Taken]) -> String {
    let mut table = Table::new(&[
        "steps",
        "stored by one, kB",
        "greatest, kB",
        "changed by one, kB",
        "one snapshot, s",
    ]);
    let kb = |value: Option<f64>| value.map_or_else(|| NONE.to_owned(), |bytes| figure(bytes / KB));
    let mut first = 1;
    for part in taken.chunks(taken.len().div_ceil(BUCKETS).max(1)) {
        let last = first + part.len() - 1;
        table.row([
            format!("{first}–{last}"),
            kb(mean(part, |step| step.stored)),
            kb(part.iter().map(|step| step.stored).max_by(f64::total_cmp)),
            kb(mean(part, |step| step.changed)),
            mean(part, |step| step.cost.wall_s).map_or_else(|| NONE.to_owned(), figure),
        ]);
        first = last + 1;
    }
    table.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_has_every_step() {
        let step = |n: usize| Taken {
            cost: Cost {
                wall_s: 0.5,
                cpu_s: None,
                peak_bytes: None,
            },
            stored: n as f64 * 1e3,
            changed: 2e3,
        };
        let text = curve(&(1..=25).map(step).collect::<Vec<_>>());
        assert_eq!(text.lines().count(), 2 + 9, "{text}");
        assert!(text.contains("| 1–3 | 2.00 | 3.00 | 2.00 | 0.500 |\n"), "{text}");
        assert!(text.contains("| 25–25 | 25.0 | 25.0 |"), "{text}");
        assert_eq!(curve(&[]).lines().count(), 2);
    }
}

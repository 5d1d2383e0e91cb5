//! The third measurement: an evolving tree with a snapshot an hour, all of them listed, most forgotten, and their room freed.

use std::path::{Path, PathBuf};
use std::process::Command;

use restante_tests::workload::Summary;
use serde_json::{Value, json};

use crate::clock::{Call, Clock};
use crate::failure::Failure;
use crate::folder::{self, Size};
use crate::options::Options;
use crate::peers::{create, judge};
use crate::retention::{POLICY, forget, list, listed, snapshot};
use crate::spread::ratios;
use crate::table::{KB, NONE, Table, figure, grouped, spread};
use crate::tool::{Station, TREE, Tool};
use crate::{history, report};

/// One snapshot in so many finds nothing changed.
const UNCHANGED_ONE_IN: usize = 5;
/// The time of the first snapshot, seconds since 1970: an early morning; and how far they lie apart.
const START_S: i64 = 991_353_600;
const STEP_S: i64 = 3600;

/// What a long history costs one program.
pub struct Row {
    /// Which program.
    pub who: &'static str,
    /// Seconds for each snapshot.
    pub snapshots_s: Vec<f64>,
    /// What the store held then.
    pub whole: Size,
    /// Seconds for each list of them all.
    pub lists_s: Vec<f64>,
    /// Seconds for forgetting and freeing, run by run, each in the same repository.
    pub forgets_s: Vec<f64>,
    /// How many snapshots are left.
    pub left: usize,
    /// What the store held afterwards.
    pub after: Size,
    /// Why there is no more.
    pub failure: Option<Failure>,
}

/// What was measured, and on what.
pub struct Outcome {
    /// The tree as it was at first.
    pub tree: Summary,
    /// A row for each program.
    pub rows: Vec<Row>,
}

impl Outcome {
    /// Whether this project's program failed at something.
    pub fn restante_failed(&self) -> bool {
        let failed = |row: &Row| row.who == Tool::Restante.name() && row.failure.is_some();
        self.rows.iter().any(failed)
    }
}

/// Whether the tree is changed before snapshot `n`, the first being 0.
fn has_changes(n: usize) -> bool {
    n > 0 && !n.is_multiple_of(UNCHANGED_ONE_IN)
}

/// Lets every program that `options` want take that many snapshots, in turn, in the folder `place`, list them and forget most.
///
/// # Errors
///
/// Where the tree cannot be made. What a program fails at is in its row.
pub fn measure(options: &Options, clock: &Clock, place: &Path) -> Result<Outcome, Failure> {
    let source = place.join("source");
    let workload = history::workload();
    let tree = create(&workload, &source.join(TREE))?;
    // Without dated snapshots and policies there is nothing to compare.
    let able = Tool::ALL.into_iter().filter(|tool| *tool != Tool::Bupstash);
    let wanted = able.filter(|tool| options.wants(tool.name()));
    let mut work: Vec<(Station, Row)> = wanted
        .map(|tool| {
            (
                Station::new(tool, &options.restante, place, &source),
                Row::of(tool),
            )
        })
        .collect();
    each(&mut work, |station, _| station.start_afresh(clock));
    let mut steps = 0;
    for n in 0..options.snapshots {
        if has_changes(n) {
            steps += 1;
            let changed = workload.step(&source.join(TREE), steps);
            changed.map_err(|e| Failure::io(format!("taking step {steps} of the tree"), e))?;
        }
        if n.is_multiple_of(10) {
            eprintln!("snapshot {n} of {}", options.snapshots);
        }
        rustix::fs::sync();
        each(&mut work, |station, row| {
            if let Some(call) = snapshot(station, n + 1, START_S + STEP_S * n as i64)? {
                row.snapshots_s.push(clock.run_bare(&call)?.wall_s);
                station.has_taken();
            }
            Ok(())
        });
    }
    each(&mut work, |station, row| {
        row.whole = station.stored()?;
        let found = count(&list(station)?)?;
        match found == options.snapshots {
            true => keep(station),
            false => Err(Failure::Missing(format!("{found} snapshots are listed"))),
        }
    });
    for run in 1..=options.runs.max(1) {
        each(&mut work, |station, _| bring_back(station));
        rustix::fs::sync();
        each(&mut work, |station, row| {
            row.lists_s.push(clock.run_bare(&list(station)?)?.wall_s);
            Ok(())
        });
        each(&mut work, |station, row| {
            let mut seconds = 0.0;
            for call in forget(station)? {
                seconds += clock.run_bare(&call)?.wall_s;
            }
            row.forgets_s.push(seconds);
            row.after = station.stored()?;
            Ok(())
        });
        eprintln!("listed and forgotten, run {run} of {}", options.runs);
    }
    // What was gained is worth nothing if what should be there is not.
    each(&mut work, |station, row| {
        row.left = count(&list(station)?)?;
        if let Some(call) = station.verify()? {
            clock.run_bare(&call)?;
        }
        folder::empty(&station.target())?;
        clock.run_bare(&station.restore()?)?;
        let (restored, with_root) = station.restored();
        judge(&source.join(TREE), &restored, with_root)?;
        folder::remove(&station.target())
    });
    let rows = work.into_iter().map(|(_, row)| row).collect();
    Ok(Outcome { tree, rows })
}

impl Row {
    fn of(tool: Tool) -> Self {
        Self {
            who: tool.name(),
            snapshots_s: Vec::new(),
            whole: Size::default(),
            lists_s: Vec::new(),
            forgets_s: Vec::new(),
            left: 0,
            after: Size::default(),
            failure: None,
        }
    }
}

/// Does something with every program that has not failed yet.
fn each(work: &mut [(Station, Row)], mut act: impl FnMut(&mut Station, &mut Row) -> Result<(), Failure>) {
    for (station, row) in work.iter_mut().filter(|(_, row)| row.failure.is_none()) {
        if let Err(failure) = act(station, row) {
            eprintln!("{}: {failure}", row.who);
            row.failure = Some(failure);
        }
    }
}

/// How many snapshots a program lists.
fn count(call: &Call) -> Result<usize, Failure> {
    let failed = |e| Failure::io(format!("reading what `{}` lists", call.line()), e);
    let mut command = call.command(&call.program);
    let output = command.args(&call.arguments).output().map_err(failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::exit(call.line(), output.status, &said));
    }
    listed(&output.stdout).map_err(|e| failed(e.into()))
}

/// Where a program's repository and caches are kept as they were before anything was forgotten.
fn kept(station: &Station) -> PathBuf {
    station.place().with_extension("kept")
}

fn keep(station: &Station) -> Result<(), Failure> {
    copy(station.place(), &kept(station))
}

/// Puts what was kept in place of what there is.
fn bring_back(station: &Station) -> Result<(), Failure> {
    copy(&kept(station), station.place())
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    folder::remove(to)?;
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).output();
    let output = copied.map_err(|e| Failure::at("copying", from, e))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(Failure::exit(
                format!("cp -a {}", from.display()),
                output.status,
                &said,
            ))
        }
    }
}

/// What stands above the table.
pub fn head(options: &Options, outcome: &Outcome) -> String {
    format!(
        "{} snapshots of a small tree ({}), one an hour, one in {UNCHANGED_ONE_IN} without changes; then `{}`. {}",
        options.snapshots,
        report::tree(&outcome.tree),
        POLICY.join(" "),
        report::runs(options.runs)
    )
}

/// The table, each figure with how many times Restante's it is.
pub fn table(outcome: &Outcome) -> String {
    let mut table = Table::new(&[
        "program",
        "one snapshot, ms (mean)",
        "stored, kB",
        "÷ Restante's",
        "files",
        "÷ Restante's",
        "list as JSON, ms",
        "÷ Restante's",
        "forget and free, s",
        "÷ Restante's",
        "left",
        "stored then, kB",
        "÷ Restante's",
        "files then",
    ]);
    let ours = outcome.rows.iter().find(|row| row.who == Tool::Restante.name());
    for row in &outcome.rows {
        let ratio = |value: &dyn Fn(&Row) -> Vec<f64>| {
            let ours = ours.filter(|ours| ours.who != row.who).map(value);
            spread(ratios(&value(row), &ours.unwrap_or_default()))
        };
        // What was not reached is no zero.
        let has_listed = !row.lists_s.is_empty();
        let is_done = row.left > 0;
        let one = |is: bool, value: f64| if is { vec![value] } else { Vec::new() };
        let whole_bytes = |row: &Row| one(!row.lists_s.is_empty(), row.whole.bytes as f64);
        let whole_files = |row: &Row| one(!row.lists_s.is_empty(), row.whole.files as f64);
        let after_bytes = |row: &Row| one(row.left > 0, row.after.bytes as f64);
        let text = |is: bool, value: f64| if is { grouped(value) } else { NONE.to_owned() };
        let taken = row.snapshots_s.len();
        let mean = match &row.failure {
            Some(failure) => table.failed(row.who, &format!("after {taken} snapshots"), failure),
            None if taken == 0 => NONE.to_owned(),
            None => figure(row.snapshots_s.iter().sum::<f64>() / taken as f64 * 1e3),
        };
        table.row([
            row.who.to_owned(),
            mean,
            text(has_listed, row.whole.bytes as f64 / KB),
            ratio(&whole_bytes),
            text(has_listed, row.whole.files as f64),
            ratio(&whole_files),
            spread(row.lists_s.iter().map(|s| s * 1e3).collect()),
            ratio(&|row| row.lists_s.clone()),
            spread(row.forgets_s.clone()),
            ratio(&|row| row.forgets_s.clone()),
            text(is_done, row.left as f64),
            text(is_done, row.after.bytes as f64 / KB),
            ratio(&after_bytes),
            text(is_done, row.after.files as f64),
        ]);
    }
    table.finish()
}

/// Every figure.
pub fn json(outcome: &Outcome) -> Value {
    let size = |size: &Size| json!({"files": size.files, "bytes": size.bytes});
    let row = |row: &Row| {
        json!({
            "program": row.who,
            "snapshots_s": row.snapshots_s,
            "whole": size(&row.whole),
            "lists_s": row.lists_s,
            "forgets_s": row.forgets_s,
            "left": row.left,
            "after": size(&row.after),
            "failure": row.failure.as_ref().map(ToString::to_string),
        })
    };
    outcome.rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_reached_is_no_zero() {
        let mut ours = Row::of(Tool::Restante);
        ours.snapshots_s = vec![0.1, 0.3];
        ours.whole = Size {
            files: 10,
            bytes: 1000,
        };
        (ours.lists_s, ours.forgets_s, ours.left) = (vec![0.001], vec![0.5], 2);
        let mut other = Row::of(Tool::Borg);
        other.whole = Size {
            files: 20,
            bytes: 5000,
        };
        other.lists_s = vec![0.02];
        other.failure = Some(Failure::Missing("it is gone".into()));
        let outcome = Outcome {
            tree: Summary::default(),
            rows: vec![ours, other],
        };
        let text = table(&outcome);
        assert!(
            text.contains("| restante | 200 | 1 | – | 10 | – | 1.00 | – | 0.500 | – | 2 | 0 | – | 0 |"),
            "{text}"
        );
        assert!(
            text.contains("| 5 | 5.00 | 20 | 2.00 | 20.0 | 20.0 | – | – | – | – | – | – |"),
            "{text}"
        );
        assert!(
            text.ends_with(
                "1. borg, after 0 snapshots: it is gone
"
            ),
            "{text}"
        );
    }

    #[test]
    fn four_of_five_find_changes() {
        assert_eq!((0..100).filter(|n| has_changes(*n)).count(), 80);
        assert!(!has_changes(0));
    }

    #[test]
    fn a_copy_takes_the_place_of_what_was_there() {
        let root = tempfile::tempdir().unwrap();
        let (from, to) = (root.path().join("from"), root.path().join("to"));
        for folder in [&from, &to] {
            std::fs::create_dir(folder).unwrap();
        }
        std::fs::write(from.join("a"), "1").unwrap();
        std::fs::write(to.join("b"), "2").unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(Size::of(&to).unwrap(), Size { files: 1, bytes: 1 });
        assert!(to.join("a").exists() && copy(&root.path().join("none"), &to).is_err());
    }
}

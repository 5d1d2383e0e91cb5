//! The third measurement: an evolving tree with a snapshot an hour, all of them listed, most forgotten, and their room freed.

mod report;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::clock::{Call, Clock};
use crate::failure::Failure;
use crate::folder::{self, Size};
use crate::history;
use crate::options::Options;
use crate::outcome::{Measured, Outcome, each};
use crate::retention::{forget, list, listed, snapshot};
use crate::tool::{Station, TREE, Tool};
use crate::tree::{create, judge, step};

/// One snapshot in so many finds nothing changed.
const UNCHANGED_ONE_IN: usize = 5;
/// The time of the first snapshot, seconds since 1970: an early morning; and how far they lie apart.
const START_S: i64 = 991_353_600;
const STEP_S: i64 = 3600;

pub use report::{head, json, table};

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

impl Measured for Row {
    fn who(&self) -> &str {
        self.who
    }

    fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    fn fail(&mut self, failure: Failure) {
        self.failure = Some(failure);
    }
}

/// Whether the tree is changed before snapshot `n`, the first being 0.
fn is_evolved(n: usize) -> bool {
    n > 0 && !n.is_multiple_of(UNCHANGED_ONE_IN)
}

/// Lets every program that `options` want take that many snapshots, in turn, in the folder `place`, list them and forget most.
///
/// # Errors
///
/// Where the tree cannot be made. What a program fails at is in its row.
pub fn measure(options: &Options, clock: &Clock, place: &Path) -> Result<Outcome<Row>, Failure> {
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
        if is_evolved(n) {
            steps += 1;
            step(&workload, &source.join(TREE), steps)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_of_five_find_changes() {
        assert_eq!((0..100).filter(|n| is_evolved(*n)).count(), 80);
        assert!(!is_evolved(0));
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

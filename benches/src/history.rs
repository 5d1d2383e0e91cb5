//! The second measurement: many snapshots of a small tree, most of them of nothing new.

use std::path::Path;

use restante_tests::workload::Workload;

use crate::clock::Clock;
use crate::failure::Failure;
use crate::folder::Size;
use crate::options::Options;
use crate::outcome::{Measured, Outcome, each};
use crate::tool::{Station, TREE, Tool};
use crate::tree::{create, step};

/// One snapshot in so many finds changes.
const CHANGED_ONE_IN: usize = 10;
/// How often the snapshots are listed.
const LISTINGS: usize = 5;

/// What many snapshots cost one program.
pub struct Row {
    /// Which program.
    pub who: &'static str,
    /// Seconds for each snapshot, the first one included.
    pub snapshots_s: Vec<f64>,
    /// What the store held after the first snapshot.
    pub after_first: Size,
    /// What it held after the last.
    pub after_last: Size,
    /// Seconds for each listing of them all.
    pub lists_s: Vec<f64>,
    /// Why there is no more.
    pub failure: Option<Failure>,
}

impl Row {
    /// Seconds for those snapshots that found changes, or for those that found none. The first belongs to neither.
    pub fn seconds(&self, changed: bool) -> Vec<f64> {
        let later = self.snapshots_s.iter().enumerate().skip(1);
        later
            .filter(|(n, _)| has_changes(*n) == changed)
            .map(|(_, seconds)| *seconds)
            .collect()
    }

    /// Mean growth of the store by each snapshot after the first, bytes.
    pub fn bytes_per_snapshot(&self) -> Option<f64> {
        let later = self.snapshots_s.len().checked_sub(1).filter(|n| *n > 0)?;
        Some((self.after_last.bytes as f64 - self.after_first.bytes as f64) / later as f64)
    }
}

/// Whether the tree is changed before snapshot `n`, the first being 0.
fn has_changes(n: usize) -> bool {
    n > 0 && n.is_multiple_of(CHANGED_ONE_IN)
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

/// About 700 files, 20 MB.
pub(crate) fn workload() -> Workload {
    Workload {
        seed: 1,
        small_files: 560,
        tables_bytes: 9 << 20,
        table_count: 3,
        attachments_bytes: 6_000_000,
    }
}

/// Lets every program that `options` want take that many snapshots, in turn, in the folder `place`.
///
/// # Errors
///
/// Where the tree cannot be made. What a program fails at is in its row.
pub fn measure(options: &Options, clock: &Clock, place: &Path) -> Result<Outcome<Row>, Failure> {
    let source = place.join("source");
    let workload = workload();
    let tree = create(&workload, &source.join(TREE))?;
    let wanted = Tool::ALL.into_iter().filter(|tool| options.wants(tool.name()));
    let mut work: Vec<(Station, Row)> = wanted
        .map(|tool| {
            let row = Row {
                who: tool.name(),
                snapshots_s: Vec::new(),
                after_first: Size::default(),
                after_last: Size::default(),
                lists_s: Vec::new(),
                failure: None,
            };
            (Station::new(tool, &options.restante, place, &source), row)
        })
        .collect();
    for (station, row) in &mut work {
        row.failure = station.start_afresh(clock).err();
    }
    for n in 0..options.snapshots {
        if has_changes(n) {
            step(&workload, &source.join(TREE), (n / CHANGED_ONE_IN) as u64)?;
            eprintln!("snapshot {n} of {}", options.snapshots);
        }
        rustix::fs::sync();
        each(&mut work, |station, row| snapshot(station, row, clock));
    }
    for _ in 0..LISTINGS {
        each(&mut work, |station, row| {
            row.lists_s.push(clock.run_bare(&station.list()?)?.wall_s);
            row.after_last = station.stored()?;
            Ok(())
        });
    }
    let rows = work.into_iter().map(|(_, row)| row).collect();
    Ok(Outcome { tree, rows })
}

fn snapshot(station: &mut Station, row: &mut Row, clock: &Clock) -> Result<(), Failure> {
    let cost = clock.run_bare(&station.snapshot()?)?;
    station.has_taken();
    if row.snapshots_s.is_empty() {
        row.after_first = station.stored()?;
    }
    row.snapshots_s.push(cost.wall_s);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_snapshot_counts_apart() {
        let size = |bytes| Size { files: 1, bytes };
        let row = Row {
            who: "x",
            snapshots_s: (0..21).map(f64::from).collect(),
            after_first: size(1000),
            after_last: size(1400),
            lists_s: Vec::new(),
            failure: None,
        };
        assert_eq!(row.seconds(true), [10.0, 20.0]);
        assert_eq!(row.seconds(false).len(), 18);
        assert_eq!(row.bytes_per_snapshot(), Some(20.0));
    }

    #[test]
    fn the_tree_is_as_large_as_it_says() {
        let root = tempfile::tempdir().unwrap();
        let made = workload().create(root.path()).unwrap();
        assert!((650..750).contains(&made.files), "{made:?}");
        assert!((19_000_000..21_000_000).contains(&made.bytes), "{made:?}");
    }
}

//! Which of very many snapshots finds a change, and which: all follows from the numbers alone.

use restante_format::model::Timestamp;
use restante_tests::prng::Rng;

/// The time of the first snapshot, seconds since 1970; a whole hour.
pub(super) const START_S: i64 = 1_700_002_800;
/// The snapshots follow each other in this distance.
const STEP_S: i64 = 60;
/// How late one may be.
const JITTER_NS: u64 = 1_000_000;
/// How many tables the connector has, and how large each is.
pub(super) const TABLES: u64 = 20;
pub(super) const TABLE_BYTES: u64 = 16 << 10;

/// A series of snapshots of one connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Series {
    /// How many there are.
    pub(super) snapshots: u64,
    /// How many of them differ from the one before; the first one counts.
    pub(super) changes: u64,
    /// Whether none is at its exact minute.
    pub(super) jitter: bool,
}

impl Series {
    /// The number of the change that snapshot `n` finds, if it finds one.
    pub(super) fn change_at(&self, n: u64) -> Option<u64> {
        let stride = (self.snapshots / self.changes).max(1);
        let change = n / stride;
        let at = match change {
            0 => 0,
            _ => Rng::derive(1, "when", change).below(stride),
        };
        (change < self.changes && n % stride == at).then_some(change)
    }

    /// The time of snapshot `n`.
    pub(super) fn time(&self, n: u64) -> Timestamp {
        let nanos = match self.jitter {
            true => Rng::derive(1, "late", n).below(JITTER_NS) as u32,
            false => 0,
        };
        Timestamp {
            secs: START_S + STEP_S * n as i64,
            nanos,
        }
    }

    /// How many records of a table have been changed until snapshot `n`.
    pub(super) fn records_until(&self, n: u64, table: u64) -> u64 {
        let changes = (0..=n).filter_map(|n| self.change_at(n)).filter_map(what);
        changes
            .filter(|(of, _)| *of == table)
            .map(|(_, records)| records)
            .sum()
    }
}

/// The table that a change concerns, and how many of its records. The first has made the tables.
pub(super) fn what(change: u64) -> Option<(u64, u64)> {
    let mut rng = Rng::derive(1, "what", change);
    (change > 0).then(|| (rng.below(TABLES), 1 + rng.below(2)))
}

/// The name of a table.
pub(super) fn name(table: u64) -> String {
    format!("t{table:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_changes_as_it_says() {
        for (snapshots, changes) in [(1000, 10), (1007, 10), (10, 1), (7, 7)] {
            let series = Series {
                snapshots,
                changes,
                jitter: true,
            };
            let found: Vec<u64> = (0..snapshots).filter_map(|n| series.change_at(n)).collect();
            assert_eq!(found, (0..changes).collect::<Vec<_>>());
            assert_eq!(series.change_at(0), Some(0));
            let of_all: u64 = (0..TABLES)
                .map(|table| series.records_until(snapshots, table))
                .sum();
            assert!((changes - 1..=2 * (changes - 1)).contains(&of_all), "{of_all}");
            assert!((1..snapshots).all(|n| series.time(n - 1) < series.time(n)));
        }
    }
}

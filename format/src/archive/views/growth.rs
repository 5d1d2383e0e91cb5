//! How an archive grew.

use super::scope::Scope;
use super::ticks::Ticks;
use crate::archive::Archive;
use crate::error::Result;
use crate::model::{Series, Timestamp};
use crate::progress::Progress;

/// What a series came to in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grown {
    /// Snapshots.
    pub snapshots: u64,
    /// Those that differ from the one before.
    pub changed: u64,
    /// Bytes read from files.
    pub read_bytes: u64,
    /// Bytes by which the archive grew.
    pub stored_bytes: u64,
}

impl Grown {
    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.snapshots += other.snapshots;
        self.changed += other.changed;
        self.read_bytes = self.read_bytes.saturating_add(other.read_bytes);
        self.stored_bytes = self.stored_bytes.saturating_add(other.stored_bytes);
    }
}

impl Archive {
    /// Hands to `found` what each series came to in each period, the periods in the order of time. `period` says in
    /// which one a time is; times are asked for in their order. Nothing but the catalogue is read.
    pub fn growth<P: Copy + PartialEq>(
        &self,
        scope: &Scope,
        progress: &Progress,
        period: &mut dyn FnMut(Timestamp) -> P,
        found: &mut dyn FnMut(P, &Series, Grown) -> Result<()>,
    ) -> Result<()> {
        let mut ticks = Ticks::new(&self.catalog, scope.since);
        let mut series: Vec<Series> = Vec::new();
        let mut sums: Vec<Grown> = Vec::new();
        let mut current: Option<P> = None;
        let mut tell = |period: P, series: &[Series], sums: &mut Vec<Grown>| {
            for (series, sum) in series.iter().zip(sums.iter_mut()) {
                if sum.snapshots > 0 {
                    found(period, series, std::mem::take(sum))?;
                }
            }
            Ok(())
        };
        let all = scope.of_whole_series();
        for moment in all.oldest_first(&self.catalog) {
            let this = period(moment.time);
            if let Some(before) = current.replace(this).filter(|before| *before != this) {
                progress.check()?;
                tell(before, &series, &mut sums)?;
            }
            let (number, is_tick) = ticks.judge(&moment);
            if number == series.len() {
                series.push(moment.state.snapshot.series());
                sums.push(Grown::default());
            }
            if !scope.takes_labels(&moment.state.snapshot) {
                continue;
            }
            let sum = &mut sums[number];
            sum.snapshots += 1;
            sum.changed += u64::from(!is_tick);
            if !moment.is_tick() {
                let counts = &moment.state.snapshot.counts;
                sum.read_bytes = sum.read_bytes.saturating_add(counts.read_bytes);
                sum.stored_bytes = sum.stored_bytes.saturating_add(counts.stored_bytes);
            }
        }
        match current {
            Some(last) => tell(last, &series, &mut sums),
            None => Ok(()),
        }
    }
}

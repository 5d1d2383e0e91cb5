//! When a connector's snapshots are due.

use std::time::Duration;

/// The ticks of a connector: the first at once, then one every so often, on a grid that never shifts.
#[derive(Debug)]
pub(super) struct Schedule {
    every: Duration,
    /// The number of the next tick, counted from 0.
    due: u64,
    /// Ticks that passed without a run since the last one.
    skipped: u64,
}

/// A tick whose run begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tick {
    /// How many passed without a run since the one before.
    pub(super) skipped: u64,
    /// How long ago it was due.
    pub(super) late: Duration,
}

impl Schedule {
    /// One tick now, and then one `every` so often.
    pub(super) fn new(every: Duration) -> Self {
        Self {
            // No schedule is denser; dividing by nothing would fail.
            every: every.max(Duration::from_millis(1)),
            due: 0,
            skipped: 0,
        }
    }

    /// How long it is until the next tick, so long after the first one.
    pub(super) fn wait(&self, elapsed: Duration) -> Duration {
        let nanos = self.moment(self.due).saturating_sub(elapsed.as_nanos());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// A run begins, so long after the first tick. Where it begins after further ticks, since the machine slept, it is
    /// the newest one's.
    pub(super) fn begin(&mut self, elapsed: Duration) -> Tick {
        let newest = self.newest(elapsed).max(self.due);
        let skipped = std::mem::take(&mut self.skipped) + (newest - self.due);
        self.due = newest + 1;
        let late = elapsed.as_nanos().saturating_sub(self.moment(newest));
        Tick {
            skipped,
            late: Duration::from_nanos(u64::try_from(late).unwrap_or(u64::MAX)),
        }
    }

    /// The run is over. Ticks that passed meanwhile are skipped: made up for, they would press on those to come.
    pub(super) fn end(&mut self, elapsed: Duration) {
        let next = self.newest(elapsed) + 1;
        self.skipped += next.saturating_sub(self.due);
        self.due = self.due.max(next);
    }

    /// The newest tick that has come.
    fn newest(&self, elapsed: Duration) -> u64 {
        u64::try_from(elapsed.as_nanos() / self.every.as_nanos()).unwrap_or(u64::MAX - 1)
    }

    /// When a tick is due, in nanoseconds after the first.
    fn moment(&self, tick: u64) -> u128 {
        self.every.as_nanos() * u128::from(tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn tick(skipped: u64, late: u64) -> Tick {
        Tick {
            skipped,
            late: ms(late),
        }
    }

    #[test]
    fn runs_stay_on_the_grid() {
        let mut schedule = Schedule::new(ms(1000));
        assert_eq!(schedule.wait(ms(0)), ms(0));
        assert_eq!(schedule.begin(ms(3)), tick(0, 3));
        schedule.end(ms(400));
        assert_eq!(schedule.wait(ms(400)), ms(600));
        assert_eq!(schedule.begin(ms(1001)), tick(0, 1));
        schedule.end(ms(1999));
        assert_eq!(schedule.wait(ms(1999)), ms(1));
    }

    #[test]
    fn ticks_that_pass_during_a_run_are_skipped() {
        let mut schedule = Schedule::new(ms(1000));
        schedule.begin(ms(0));
        schedule.end(ms(3500));
        assert_eq!(schedule.wait(ms(3500)), ms(500));
        assert_eq!(schedule.begin(ms(4010)), tick(3, 10));
        // One that ends on a tick has missed it by nothing, and still missed it.
        schedule.end(ms(5000));
        assert_eq!(schedule.wait(ms(5000)), ms(1000));
        assert_eq!(schedule.begin(ms(6000)), tick(1, 0));
        schedule.end(ms(6001));
        assert_eq!(schedule.begin(ms(7000)), tick(0, 0));
    }

    #[test]
    fn after_a_sleep_the_newest_tick_counts() {
        let mut schedule = Schedule::new(ms(1000));
        schedule.begin(ms(0));
        schedule.end(ms(100));
        assert_eq!(schedule.begin(ms(4300)), tick(3, 300));
        schedule.end(ms(4400));
        assert_eq!(schedule.wait(ms(4400)), ms(600));
    }

    #[test]
    fn a_century_is_no_problem() {
        let mut schedule = Schedule::new(Duration::from_secs(100 * 366 * 86_400));
        schedule.begin(ms(0));
        schedule.end(ms(5));
        assert!(schedule.wait(ms(5)) > Duration::from_secs(100 * 365 * 86_400));
    }
}

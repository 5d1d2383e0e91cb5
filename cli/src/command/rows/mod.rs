//! The rows of `snapshots`: runs without any change are one.

mod backward;
mod forward;
mod json;
#[cfg(test)]
mod tests;

use restante_format::archive::Scope;
use restante_format::catalog::Moment;
use restante_format::model::Timestamp;

pub(super) use backward::newest;
pub(super) use forward::oldest_first;
pub(super) use json::Array;

/// A snapshot, or a run of ticks of one source without anything else of it in between.
pub(super) struct Row {
    /// The last of the run.
    pub(super) last: Moment,
    pub(super) first_time: Timestamp,
    pub(super) count: u64,
    pub(super) tick: bool,
}

impl Row {
    fn new(moment: Moment, tick: bool) -> Self {
        Self {
            first_time: moment.time,
            last: moment,
            count: 1,
            tick,
        }
    }

    /// Whether a tick of the same series belongs to the run.
    fn goes_on_with(&self, moment: &Moment) -> bool {
        self.tick && self.last.state.snapshot.tags == moment.state.snapshot.tags
    }
}

/// Which rows there are.
pub(super) struct Wanted {
    pub(super) scope: Scope,
    /// Each snapshot has a row of its own.
    pub(super) all: bool,
}

impl Wanted {
    /// What is to be looked at, for a snapshot without the labels may say whether another is a tick.
    fn all(&self) -> Scope {
        self.scope.of_whole_series()
    }

    fn takes(&self, moment: &Moment) -> bool {
        self.scope.takes_labels(&moment.state.snapshot)
    }
}

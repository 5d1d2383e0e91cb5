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
    pub(super) tag: Option<String>,
    /// Each snapshot has a row of its own.
    pub(super) all: bool,
}

impl Wanted {
    fn takes(&self, moment: &Moment) -> bool {
        let tags = &moment.state.snapshot.tags;
        self.tag.as_ref().is_none_or(|tag| tags.contains(tag))
    }
}

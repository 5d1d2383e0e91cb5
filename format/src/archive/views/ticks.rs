//! Whether a snapshot is the same as the one before it in its series.

use super::tracks::{Tracks, Turn};
use crate::catalog::{Catalog, Moment};
use crate::model::Timestamp;

/// Judges moments, which have to come in the order of time: all those of each series from some time on.
pub struct Ticks<'c> {
    catalog: &'c Catalog,
    since: Option<Timestamp>,
    tracks: Tracks,
}

impl<'c> Ticks<'c> {
    /// The first moment is the oldest of all, or the oldest at or behind `since`.
    pub fn new(catalog: &'c Catalog, since: Option<Timestamp>) -> Self {
        Self {
            catalog,
            since,
            tracks: Tracks::default(),
        }
    }

    /// The number of the series that the next moment is of, counted from 0 as they are met, and whether its tree is that
    /// of the moment before.
    pub fn judge(&mut self, moment: &Moment) -> (usize, bool) {
        let (series, turn) = self.tracks.follow(moment);
        let root = moment.state.snapshot.root;
        let is_tick = match turn {
            _ if moment.is_tick() => true,
            // A new series has nothing before it: nobody need look.
            _ if moment.state.snapshot.parent.is_none() => false,
            Turn::Same => true,
            Turn::Other(before) => before.snapshot.root == root,
            Turn::First => self.before(moment).is_some_and(|m| m.state.snapshot.root == root),
        };
        (series, is_tick)
    }

    /// The newest of the series before the time from which on moments come.
    fn before(&self, moment: &Moment) -> Option<Moment> {
        let series = moment.state.snapshot.series();
        self.catalog.newest_of_before(&series, self.since?)
    }
}

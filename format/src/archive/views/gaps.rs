//! When nobody looked.

use std::collections::BTreeMap;
use std::time::Duration;

use super::tracks::Tracks;
use crate::archive::Archive;
use crate::catalog::Moment;
use crate::model::{Series, Timestamp};

/// How a series is watched over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    /// What it belongs to: a snapshot of any series with this number counts for all of them.
    pub number: usize,
    /// How long after a snapshot the next one may be taken.
    pub most: Duration,
}

/// A time without a snapshot, longer than it should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The number of what was not looked at.
    pub number: usize,
    /// The snapshot before it, or the beginning of the time that is asked about.
    pub from: Timestamp,
    /// The snapshot behind it, or the end of that time.
    pub to: Timestamp,
    /// There is no snapshot behind it in that time.
    pub is_open: bool,
}

impl Archive {
    /// The gaps from one time to another, by the time at which they end. `watch` says of each series what it belongs to; what
    /// never had a snapshot has no gap. Nothing but the catalogue is read.
    pub fn gaps(
        &self,
        since: Option<Timestamp>,
        until: Timestamp,
        watch: &mut dyn FnMut(&Series) -> Option<Watched>,
    ) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut newest = self.before(since, watch);
        let mut tracks = Tracks::default();
        let mut watched: Vec<Option<Watched>> = Vec::new();
        let moments = match since {
            Some(since) => self.catalog.oldest_first_from(since),
            None => self.catalog.oldest_first(),
        };
        let clip = |time: Timestamp| since.map_or(time, |since| since.max(time));
        for moment in moments.take_while(|moment| moment.time <= until) {
            let (number, _) = tracks.follow(&moment);
            if number == watched.len() {
                watched.push(watch(&moment.state.snapshot.series()));
            }
            let Some(Watched { number, most }) = watched[number] else {
                continue;
            };
            let before = newest.insert(number, (moment.time, most));
            let is_gap = |before: &(Timestamp, Duration)| {
                is_beyond(before.0, moment.time, most) && clip(before.0) < moment.time
            };
            if let Some((before, _)) = before.filter(is_gap) {
                gaps.push(Gap {
                    number,
                    from: clip(before),
                    to: moment.time,
                    is_open: false,
                });
            }
        }
        for (number, (last, most)) in newest {
            if is_beyond(last, until, most) {
                gaps.push(Gap {
                    number,
                    from: clip(last),
                    to: until,
                    is_open: true,
                });
            }
        }
        gaps
    }

    /// The newest time before `since` of each number, and how long the next may take.
    fn before(
        &self,
        since: Option<Timestamp>,
        watch: &mut dyn FnMut(&Series) -> Option<Watched>,
    ) -> BTreeMap<usize, (Timestamp, Duration)> {
        let mut newest = BTreeMap::new();
        let Some(since) = since else {
            return newest;
        };
        for series in self.catalog.series().into_keys() {
            if let Some(Watched { number, most }) = watch(&series)
                && let Some(Moment { time, .. }) = self.catalog.newest_of_before(&series, since)
            {
                let known = newest.entry(number).or_insert((time, most));
                if known.0 < time {
                    *known = (time, most);
                }
            }
        }
        newest
    }
}

/// Whether one time is further from another than it may be.
fn is_beyond(before: Timestamp, time: Timestamp, most: Duration) -> bool {
    let most = i128::try_from(most.as_nanos()).unwrap_or(i128::MAX);
    time.as_nanos() - before.as_nanos() > most
}

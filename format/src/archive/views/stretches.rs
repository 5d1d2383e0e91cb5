//! The moments of each series, those of one state in a row taken together.

use std::sync::Arc;

use super::scope::Scope;
use super::tracks::Tracks;
use crate::catalog::{Catalog, Moment, State};
use crate::error::Result;
use crate::model::Timestamp;
use crate::progress::Progress;

/// Moments of one state with none of another state of the series between them.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    /// The number of the series.
    pub(super) series: usize,
    pub(super) state: Arc<State>,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) count: u64,
}

impl Stretch {
    fn new(series: usize, moment: &Moment) -> Self {
        Self {
            series,
            state: Arc::clone(&moment.state),
            first: moment.time,
            last: moment.time,
            count: 1,
        }
    }

    /// Its oldest moment.
    pub(super) fn first(&self) -> Moment {
        self.at(self.first)
    }

    /// Its newest moment.
    pub(super) fn last(&self) -> Moment {
        self.at(self.last)
    }

    fn at(&self, time: Timestamp) -> Moment {
        Moment {
            time,
            state: Arc::clone(&self.state),
        }
    }
}

/// How many moments pass before somebody who wants to stop is heard.
const PATIENCE: usize = 10_000;

/// Hands the stretches of a scope to `found`, up to `batch` at once; those of each series come in the order of time.
pub(super) fn in_batches(
    catalog: &Catalog,
    scope: &Scope,
    batch: usize,
    progress: &Progress,
    found: &mut dyn FnMut(Vec<Stretch>) -> Result<()>,
) -> Result<()> {
    let mut tracks = Tracks::default();
    let mut open: Vec<Stretch> = Vec::new();
    let mut closed: Vec<Stretch> = Vec::new();
    for (number, moment) in scope.oldest_first(catalog).enumerate() {
        if number % PATIENCE == 0 {
            progress.check()?;
        }
        let (series, _) = tracks.follow(&moment);
        match open.get_mut(series) {
            None => open.push(Stretch::new(series, &moment)),
            Some(stretch)
                if Arc::ptr_eq(&stretch.state, &moment.state) || stretch.state.id == moment.state.id =>
            {
                (stretch.last, stretch.count) = (moment.time, stretch.count + 1);
            }
            Some(stretch) => {
                closed.push(std::mem::replace(stretch, Stretch::new(series, &moment)));
                if closed.len() >= batch {
                    found(std::mem::take(&mut closed))?;
                }
            }
        }
    }
    closed.append(&mut open);
    found(closed)
}

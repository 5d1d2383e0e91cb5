//! Which snapshots a view is about.

use crate::catalog::{Catalog, Moment};
use crate::model::{Snapshot, Timestamp};

/// Some snapshots of an archive; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only those of this connector.
    pub connector: Option<String>,
    /// Only those of this machine.
    pub host: Option<String>,
    /// None before this time.
    pub since: Option<Timestamp>,
    /// None behind this time.
    pub until: Option<Timestamp>,
}

impl Scope {
    /// Whether a snapshot is one of those, whatever its time.
    pub fn takes(&self, snapshot: &Snapshot) -> bool {
        let is = |wanted: &Option<String>, name: Option<&str>| wanted.is_none() || wanted.as_deref() == name;
        is(&self.connector, snapshot.connector.as_deref()) && is(&self.host, Some(&snapshot.host))
    }

    /// Them, the oldest first. What is before `since` is not read.
    pub fn oldest_first<'c>(&'c self, catalog: &'c Catalog) -> impl Iterator<Item = Moment> + 'c {
        let moments = match self.since {
            Some(since) => catalog.oldest_first_from(since),
            None => catalog.oldest_first(),
        };
        moments
            .take_while(|moment| self.until.is_none_or(|until| moment.time <= until))
            .filter(|moment| self.takes(&moment.state.snapshot))
    }

    /// Them, the newest first, and behind those the ones before `since`.
    pub fn newest_first<'c>(&'c self, catalog: &'c Catalog) -> impl Iterator<Item = Moment> + 'c {
        let moments = match self.until {
            Some(until) => catalog.newest_first_from(until),
            None => catalog.newest_first(),
        };
        moments.filter(|moment| self.takes(&moment.state.snapshot))
    }
}

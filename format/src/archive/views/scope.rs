//! Which snapshots a view is about.

use crate::catalog::{Catalog, Moment};
use crate::model::{Series, Snapshot, Timestamp};

/// Some snapshots of an archive; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only those of this connector.
    pub connector: Option<String>,
    /// Only those of this machine.
    pub host: Option<String>,
    /// Only those of at least one of these paths of a source; of any, if there is none.
    pub paths: Vec<Vec<u8>>,
    /// Only those with all of these labels.
    pub tags: Vec<String>,
    /// None before this time.
    pub since: Option<Timestamp>,
    /// None behind this time.
    pub until: Option<Timestamp>,
}

impl Scope {
    /// Whether a snapshot is one of those, whatever its time.
    pub fn takes(&self, snapshot: &Snapshot) -> bool {
        let Snapshot {
            host,
            connector,
            paths,
            ..
        } = snapshot;
        self.is_of(host, connector.as_deref(), paths) && self.takes_labels(snapshot)
    }

    /// Whether snapshots of a series can be among them.
    pub fn takes_series(&self, series: &Series) -> bool {
        self.is_of(&series.host, series.connector.as_deref(), &series.paths)
    }

    /// Whether a snapshot has the labels.
    pub fn takes_labels(&self, snapshot: &Snapshot) -> bool {
        self.tags.iter().all(|tag| snapshot.tags.contains(tag))
    }

    /// The same whatever the labels: in it every snapshot comes behind the one that it was compared with.
    pub fn of_whole_series(&self) -> Self {
        Self {
            tags: Vec::new(),
            ..self.clone()
        }
    }

    fn is_of(&self, host: &str, connector: Option<&str>, paths: &[Vec<u8>]) -> bool {
        let is = |wanted: &Option<String>, name: Option<&str>| wanted.is_none() || wanted.as_deref() == name;
        is(&self.connector, connector)
            && is(&self.host, Some(host))
            && (self.paths.is_empty() || self.paths.iter().any(|path| paths.contains(path)))
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

//! The snapshots of an archive, ordered by time.

use crate::error::{Error, Result};
use crate::id::{Id, Kind};
use crate::model::{Snapshot, Timestamp};
use crate::segment::ObjectReader;
use crate::wire::decode_snapshot;

/// How a snapshot is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The newest, or the one so many before it.
    Latest {
        /// 0 for the newest.
        back: usize,
    },
    /// The one whose id begins with these hexadecimal digits.
    Prefix(String),
    /// The newest at or before a time.
    At(Timestamp),
}

/// A name for a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// Only snapshots of this connector count.
    pub connector: Option<String>,
    /// Which of them.
    pub which: Which,
    /// The name as it was given, for messages.
    pub text: String,
}

/// A snapshot and its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: Id,
    /// The snapshot.
    pub snapshot: Snapshot,
}

/// All snapshots, the oldest first; of those taken at the same time, the one with the smaller id.
#[derive(Debug, Default)]
pub struct Catalog {
    snapshots: Vec<Listed>,
}

impl Catalog {
    /// Reads all snapshots that the reader's index knows; beside them, what could not be read.
    pub fn load(reader: &ObjectReader) -> (Self, Vec<Error>) {
        let mut catalog = Self::default();
        let mut errors = Vec::new();
        let ids: Vec<Id> = reader
            .index()
            .objects()
            .filter(|at| at.object.kind == Kind::Snapshot)
            .map(|at| at.object.id)
            .collect();
        for id in ids {
            match load_snapshot(reader, id) {
                Ok(snapshot) => catalog.snapshots.push(Listed { id, snapshot }),
                Err(error) => errors.push(error),
            }
        }
        catalog
            .snapshots
            .sort_by_key(|listed| (listed.snapshot.time, listed.id));
        (catalog, errors)
    }

    /// Adds a snapshot that was just taken.
    pub fn add(&mut self, listed: Listed) {
        let place = self
            .snapshots
            .partition_point(|other| (other.snapshot.time, other.id) < (listed.snapshot.time, listed.id));
        self.snapshots.insert(place, listed);
    }

    /// All snapshots, the oldest first.
    pub fn all(&self) -> &[Listed] {
        &self.snapshots
    }

    /// The snapshot with an id.
    pub fn get(&self, id: &Id) -> Option<&Listed> {
        self.snapshots.iter().find(|listed| listed.id == *id)
    }

    /// The newest snapshot of the same source.
    pub fn newest_of(&self, host: &str, connector: Option<&str>, paths: &[Vec<u8>]) -> Option<&Listed> {
        self.snapshots.iter().rev().find(|listed| {
            let snapshot = &listed.snapshot;
            snapshot.host == host && snapshot.connector.as_deref() == connector && snapshot.paths == paths
        })
    }

    /// The snapshot that a name means.
    pub fn resolve(&self, selector: &Selector) -> Result<&Listed> {
        let wanted = |listed: &&Listed| match &selector.connector {
            Some(name) => listed.snapshot.connector.as_deref() == Some(name),
            None => true,
        };
        let unknown = || Error::UnknownSnapshot {
            name: selector.text.clone(),
            count: self.snapshots.len(),
        };
        let mut newest_first = self.snapshots.iter().rev().filter(wanted);
        match &selector.which {
            Which::Latest { back } => newest_first.nth(*back).ok_or_else(unknown),
            Which::At(time) => newest_first
                .find(|listed| listed.snapshot.time <= *time)
                .ok_or_else(unknown),
            Which::Prefix(digits) => {
                let digits = digits.to_lowercase();
                let found: Vec<&Listed> = newest_first
                    .filter(|listed| listed.id.to_string().starts_with(&digits))
                    .collect();
                match found[..] {
                    [only] => Ok(only),
                    [] => Err(unknown()),
                    _ => Err(Error::AmbiguousSnapshot {
                        name: selector.text.clone(),
                        count: found.len(),
                    }),
                }
            }
        }
    }
}

fn load_snapshot(reader: &ObjectReader, id: Id) -> Result<Snapshot> {
    let bytes = reader.get(Kind::Snapshot, id)?;
    decode_snapshot(&bytes).map_err(|flaw| Error::Invalid {
        kind: Kind::Snapshot,
        id,
        flaw,
    })
}

//! Snapshots as the catalogue knows them: states, and the moments at which they were seen.

use std::cmp::Ordering;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::Flaw;
use crate::id::Id;
use crate::model::{Counts, Snapshot, Timestamp};
use crate::wire::decode_snapshot;

/// A snapshot as it was taken when something had changed.
#[derive(Debug, PartialEq, Eq)]
pub struct State {
    /// Its id.
    pub id: Id,
    /// The snapshot.
    pub snapshot: Snapshot,
    /// Its plain bytes.
    pub plain: Bytes,
}

impl State {
    /// The state that these plain bytes are.
    pub fn decode(plain: Bytes) -> Result<Self, Flaw> {
        Ok(Self {
            id: Id::of_snapshot(&plain),
            snapshot: decode_snapshot(&plain)?,
            plain,
        })
    }
}

/// A time at which a state was seen: when it was taken, or later, as a tick, when nothing had changed.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The time.
    pub time: Timestamp,
    /// What was seen.
    pub state: Arc<State>,
}

impl Moment {
    /// Whether the state was taken earlier.
    pub fn is_tick(&self) -> bool {
        self.time != self.state.snapshot.time
    }

    /// The id of the snapshot of this moment.
    pub fn id(&self) -> Id {
        match self.is_tick() {
            false => self.state.id,
            true => self.state.id.of_tick(self.time.secs, self.time.nanos),
        }
    }

    /// The snapshot of this moment. That of a tick has the state as its parent, and no figures of work.
    pub fn listed(&self) -> Listed {
        let mut snapshot = self.state.snapshot.clone();
        if self.is_tick() {
            snapshot.time = self.time;
            snapshot.parent = Some(self.state.id);
            snapshot.counts = Counts {
                changed_files: 0,
                read_bytes: 0,
                new_objects: 0,
                stored_bytes: 0,
                ..snapshot.counts
            };
        }
        Listed {
            id: self.id(),
            snapshot,
        }
    }

    /// By time; at equal times by id.
    pub fn order(&self, other: &Self) -> Ordering {
        let by_time = self.time.cmp(&other.time);
        by_time.then_with(|| self.id().cmp(&other.id()))
    }
}

/// A snapshot and its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: Id,
    /// The snapshot.
    pub snapshot: Snapshot,
}

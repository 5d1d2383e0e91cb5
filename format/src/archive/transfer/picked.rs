//! Objects that will be read: a bit for each, and the directories of their segments, which are held whatever becomes of those.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::index::{IndexedSegment, Location, Marks, locate};
use crate::store::Name;

/// Objects by their places, segment by segment.
#[derive(Debug, Default)]
pub(super) struct Picked {
    marks: Marks,
    segments: BTreeMap<Name, Arc<IndexedSegment>>,
}

impl Picked {
    /// Takes an object.
    pub(super) fn insert(&mut self, at: &Location) {
        if self.marks.insert(at) {
            let segment = self.segments.entry(at.segment.name);
            segment.or_insert_with(|| Arc::clone(&at.segment));
        }
    }

    /// Whether an object was taken.
    pub(super) fn contains(&self, at: &Location) -> bool {
        self.marks.contains(at.segment.name, at.number)
    }

    /// All of them, segment by segment.
    pub(super) fn iter(&self) -> impl Iterator<Item = Location> {
        self.segments().flatten()
    }

    /// Those of each segment.
    pub(super) fn segments(&self) -> impl Iterator<Item = impl Iterator<Item = Location>> {
        self.marks.segments().filter_map(|(name, numbers)| {
            let segment = self.segments.get(&name)?;
            Some(numbers.filter_map(move |number| locate(segment, number)))
        })
    }
}

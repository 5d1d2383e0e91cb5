//! Some of an archive's objects: a bit for each, whatever their number.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::index::{IndexedSegment, Location, locate};
use crate::store::Name;

/// Marked objects, by the segments in which they are tried first.
#[derive(Debug, Default)]
pub(super) struct Marks {
    by_segment: BTreeMap<Name, (Arc<IndexedSegment>, Vec<u64>)>,
}

impl Marks {
    /// Marks an object; false if it was marked already.
    pub(super) fn insert(&mut self, at: &Location) -> bool {
        let (word, bit) = place(at);
        let new = || {
            let words = at.segment.directory.objects.len().div_ceil(64);
            (Arc::clone(&at.segment), vec![0; words])
        };
        let (_, bits) = self.by_segment.entry(at.segment.name).or_insert_with(new);
        let is_new = bits[word] & bit == 0;
        bits[word] |= bit;
        is_new
    }

    /// Whether an object is marked.
    pub(super) fn contains(&self, at: &Location) -> bool {
        let (word, bit) = place(at);
        let marked = self.by_segment.get(&at.segment.name);
        marked.is_some_and(|(_, bits)| bits[word] & bit != 0)
    }

    /// All marked objects, segment by segment.
    pub(super) fn iter(&self) -> impl Iterator<Item = Location> {
        self.segments().flatten()
    }

    /// The marked objects of each segment.
    pub(super) fn segments(&self) -> impl Iterator<Item = impl Iterator<Item = Location>> {
        self.by_segment.values().map(|(segment, bits)| {
            let numbers = bits.iter().enumerate().flat_map(|(word, bits)| {
                let bits = *bits;
                (0..64)
                    .filter(move |bit| bits >> bit & 1 == 1)
                    .map(move |bit| word as u32 * 64 + bit)
            });
            numbers.filter_map(move |number| locate(segment, number))
        })
    }
}

/// Word and bit of an object among those of its segment.
fn place(at: &Location) -> (usize, u64) {
    (at.number as usize / 64, 1 << (at.number % 64))
}

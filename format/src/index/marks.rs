//! Some of the objects of some segments: a bit for each, whatever their number.

use std::collections::BTreeMap;

use super::Location;
use crate::store::Name;

/// Marked objects, by segment and by their places in its directory.
#[derive(Debug, Default)]
pub struct Marks(BTreeMap<Name, Vec<u64>>);

impl Marks {
    /// Marks an object; false if it was marked already.
    pub fn insert(&mut self, at: &Location) -> bool {
        let (word, bit) = place(at.number);
        let words = at.segment.directory.objects.len().div_ceil(64);
        let bits = self.0.entry(at.segment.name).or_insert_with(|| vec![0; words]);
        let is_new = bits[word] & bit == 0;
        bits[word] |= bit;
        is_new
    }

    /// Whether the object with this number in the directory of a segment is marked.
    pub fn contains(&self, segment: Name, number: u32) -> bool {
        let (word, bit) = place(number);
        let bits = self.0.get(&segment).and_then(|bits| bits.get(word));
        bits.is_some_and(|bits| bits & bit != 0)
    }

    /// Whether anything of a segment is marked.
    pub fn has_any(&self, segment: Name) -> bool {
        self.0.contains_key(&segment)
    }

    /// The segments of which anything is marked, by name, and the numbers of what is marked, which ascend.
    pub fn segments(&self) -> impl Iterator<Item = (Name, impl Iterator<Item = u32>)> {
        self.0.iter().map(|(name, bits)| {
            let numbers = (0..).zip(bits).flat_map(|(word, bits)| {
                let is_marked = move |bit: &u32| bits >> bit & 1 == 1;
                (0..64).filter(is_marked).map(move |bit| word * 64 + bit)
            });
            (*name, numbers)
        })
    }
}

/// Word and bit of an object among those of its segment.
fn place(number: u32) -> (usize, u64) {
    (number as usize / 64, 1 << (number % 64))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::id::{Id, Kind};
    use crate::index::{IndexedSegment, locate};
    use crate::segment::{PlainBlock, SegmentWriter};
    use crate::wire::ArchiveId;

    fn segment(objects: u8) -> Arc<IndexedSegment> {
        let mut block = PlainBlock::default();
        for n in 0..objects {
            block.push(Kind::Chunk, Id::of(Kind::Chunk, &[n]), &[n]);
        }
        let mut writer = SegmentWriter::small(ArchiveId([3; 16]));
        writer.push(block.store(3));
        Arc::new(writer.seal().into_indexed())
    }

    #[test]
    fn what_is_marked_is_told_by_segment_and_number() {
        let (one, another, third) = (segment(200), segment(64), segment(1));
        let mut marks = Marks::default();
        for (segment, number) in [(&one, 199), (&one, 0), (&one, 64), (&another, 63)] {
            let at = locate(segment, number).expect("an object");
            assert!(marks.insert(&at) && !marks.insert(&at));
            assert!(marks.contains(segment.name, number));
        }
        assert!(!marks.contains(one.name, 1) && !marks.contains(another.name, 64));
        assert!(marks.has_any(one.name) && !marks.has_any(third.name));
        assert!(!marks.contains(third.name, 0));
        let mut all: Vec<(Name, Vec<u32>)> = (marks.segments())
            .map(|(name, numbers)| (name, numbers.collect()))
            .collect();
        let mut expected = vec![(one.name, vec![0, 64, 199]), (another.name, vec![63])];
        expected.sort();
        all.sort();
        assert_eq!(all, expected);
    }
}

//! Which segment holds which object. Derived from the segments' directories, never stored.

use std::collections::HashMap;

use crate::id::Id;
use crate::limits::CHAIN;
use crate::store::Name;
use crate::wire::{BlockEntry, DeltaEntry, Directory, ObjectEntry};

/// A segment whose directory is known.
#[derive(Debug)]
pub struct IndexedSegment {
    /// Its name.
    pub name: Name,
    /// Its length in bytes.
    pub len: u64,
    /// What it holds.
    pub directory: Directory,
}

impl IndexedSegment {
    /// The object at this index of the directory.
    pub fn locate(&self, number: u32) -> Option<Location<'_>> {
        let object = self.directory.objects.get(number as usize)?;
        let delta = match object.generation {
            0 => None,
            _ => Some(self.directory.delta(number)?),
        };
        Some(Location {
            segment: self,
            block: self.directory.blocks.get(object.block as usize)?,
            object,
            delta,
        })
    }
}

/// Where an object is.
#[derive(Clone, Copy, Debug)]
pub struct Location<'a> {
    /// The segment.
    pub segment: &'a IndexedSegment,
    /// The block in it.
    pub block: &'a BlockEntry,
    /// The object in that.
    pub object: &'a ObjectEntry,
    /// What it is made from, if it is a delta.
    pub delta: Option<&'a DeltaEntry>,
}

impl Location<'_> {
    /// The length of the object's plain bytes.
    pub fn plain_len(&self) -> u32 {
        self.delta.map_or(self.object.len, |delta| delta.plain_len)
    }
}

/// All objects of an archive.
#[derive(Debug, Default)]
pub struct Index {
    segments: Vec<IndexedSegment>,
    /// Segment and place in its directory.
    places: HashMap<Id, (u32, u32)>,
}

impl Index {
    /// Adds a segment's objects.
    pub fn add(&mut self, mut segment: IndexedSegment) {
        // A directory that was just written has room for more, and stays in memory for as long as the archive is open.
        let Directory {
            blocks,
            objects,
            deltas,
        } = &mut segment.directory;
        blocks.shrink_to_fit();
        objects.shrink_to_fit();
        deltas.shrink_to_fit();
        let number = self.segments.len() as u32;
        self.places.reserve(segment.directory.objects.len());
        for (i, object) in segment.directory.objects.iter().enumerate() {
            self.places.insert(object.id, (number, i as u32));
        }
        self.segments.push(segment);
    }

    /// All segments, in the order in which they were added.
    pub fn segments(&self) -> &[IndexedSegment] {
        &self.segments
    }

    /// The number of different objects.
    pub fn object_count(&self) -> usize {
        self.places.len()
    }

    /// Whether some segment holds the object.
    pub fn contains(&self, id: &Id) -> bool {
        self.places.contains_key(id)
    }

    /// One place of every different object.
    pub fn objects(&self) -> impl Iterator<Item = Location<'_>> {
        self.places
            .values()
            .filter_map(|(segment, object)| self.segments[*segment as usize].locate(*object))
    }

    /// The place of the object that is tried first.
    pub fn find(&self, id: &Id) -> Option<Location<'_>> {
        let (segment, object) = self.places.get(id)?;
        self.segments[*segment as usize].locate(*object)
    }

    /// The place of an object and of the bases behind it, each where it is tried first, up to one that is stored whole; `None` in
    /// the place of a base that is not there. It ends after as many bases as any object may have.
    pub fn chain<'a>(&'a self, first: Location<'a>) -> impl Iterator<Item = Option<Location<'a>>> {
        let behind = |at: &Option<Location<'a>>| Some(self.find(&at.as_ref()?.delta?.base));
        std::iter::successors(Some(Some(first)), behind).take(CHAIN + 1)
    }

    /// All places of the object, for when the first one is damaged.
    pub fn find_all(&self, id: Id) -> impl Iterator<Item = Location<'_>> {
        self.segments
            .iter()
            .filter_map(move |segment| segment.locate(segment.directory.find(&id)?))
    }
}

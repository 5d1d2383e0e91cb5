//! Which segment holds which object. Derived from the segments' directories, never stored.

pub mod table;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

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
    /// A directory that was just written has room for more, and stays in memory for as long as the archive is open.
    fn shrink(&mut self) {
        let Directory {
            blocks,
            objects,
            deltas,
        } = &mut self.directory;
        blocks.shrink_to_fit();
        objects.shrink_to_fit();
        deltas.shrink_to_fit();
    }
}

/// The object at this index of a segment's directory.
pub fn locate(segment: &Arc<IndexedSegment>, number: u32) -> Option<Location> {
    let directory = &segment.directory;
    let object = directory.objects.get(number as usize)?;
    let delta = match object.generation {
        0 => None,
        _ => Some(*directory.delta(number)?),
    };
    Some(Location {
        segment: Arc::clone(segment),
        number,
        block: *directory.blocks.get(object.block as usize)?,
        object: *object,
        delta,
    })
}

/// Where an object is.
#[derive(Clone, Debug)]
pub struct Location {
    /// The segment.
    pub segment: Arc<IndexedSegment>,
    /// The object's place in the segment's directory.
    pub number: u32,
    /// The block in it.
    pub block: BlockEntry,
    /// The object in that.
    pub object: ObjectEntry,
    /// What it is made from, if it is a delta.
    pub delta: Option<DeltaEntry>,
}

impl Location {
    /// The length of the object's plain bytes.
    pub fn plain_len(&self) -> u32 {
        self.delta.map_or(self.object.len, |delta| delta.plain_len)
    }
}

/// All objects of an archive.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Those that are gone leave their numbers unused.
    segments: Vec<Option<Arc<IndexedSegment>>>,
    numbers: HashMap<Name, u32>,
    /// Segment and place in its directory; in a condemned segment only where there is no other.
    places: HashMap<Id, (u32, u32)>,
    condemned: HashSet<Name>,
}

impl Index {
    /// Adds a segment's objects.
    pub fn add(&mut self, mut segment: IndexedSegment) {
        if self.numbers.contains_key(&segment.name) {
            return;
        }
        segment.shrink();
        let number = self.segments.len() as u32;
        self.places.reserve(segment.directory.objects.len());
        for (i, object) in segment.directory.objects.iter().enumerate() {
            self.places.insert(object.id, (number, i as u32));
        }
        self.numbers.insert(segment.name, number);
        self.segments.push(Some(Arc::new(segment)));
    }

    /// Takes out a segment that is gone. Other copies of what it held are found from now on.
    pub fn remove(&mut self, name: Name) {
        let Some(number) = self.numbers.remove(&name) else {
            return;
        };
        let Some(gone) = self.segments[number as usize].take() else {
            return;
        };
        for object in &gone.directory.objects {
            if self
                .places
                .get(&object.id)
                .is_some_and(|(segment, _)| *segment == number)
            {
                match self.other_place(&object.id) {
                    Some(place) => drop(self.places.insert(object.id, place)),
                    None => drop(self.places.remove(&object.id)),
                }
            }
        }
    }

    fn other_place(&self, id: &Id) -> Option<(u32, u32)> {
        let place_in = |(number, segment): (u32, &Option<Arc<IndexedSegment>>)| {
            let segment = segment.as_ref()?;
            let is_condemned = self.condemned.contains(&segment.name);
            Some((is_condemned, (number, segment.directory.find(id)?)))
        };
        let mut places: Vec<_> = (0..).zip(&self.segments).filter_map(place_in).collect();
        places.sort_unstable();
        places.first().map(|(_, place)| *place)
    }

    /// Says which segments will be deleted. What has a copy elsewhere is found there from now on.
    pub fn set_condemned(&mut self, condemned: HashSet<Name>) {
        self.condemned = condemned;
        let segments: Vec<_> = self
            .condemned
            .iter()
            .filter_map(|name| self.segment(*name))
            .collect();
        for segment in segments {
            for object in &segment.directory.objects {
                if let Some(place) = self.other_place(&object.id) {
                    self.places.insert(object.id, place);
                }
            }
        }
    }

    /// Whether a segment will be deleted: nobody who writes may count on it.
    pub fn is_condemned(&self, name: Name) -> bool {
        self.condemned.contains(&name)
    }

    /// The segment of this name.
    pub fn segment(&self, name: Name) -> Option<Arc<IndexedSegment>> {
        self.segments.get(*self.numbers.get(&name)? as usize)?.clone()
    }

    /// All segments, in the order in which they were added.
    pub fn segments(&self) -> impl Iterator<Item = &Arc<IndexedSegment>> {
        self.segments.iter().flatten()
    }

    /// The number of segments.
    pub fn segment_count(&self) -> usize {
        self.numbers.len()
    }

    /// Whether a segment is known.
    pub fn knows(&self, name: Name) -> bool {
        self.numbers.contains_key(&name)
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
    pub fn objects(&self) -> impl Iterator<Item = Location> {
        self.places.values().filter_map(|place| self.at(*place))
    }

    /// The place of the object that is tried first.
    pub fn find(&self, id: &Id) -> Option<Location> {
        self.at(*self.places.get(id)?)
    }

    fn at(&self, (segment, object): (u32, u32)) -> Option<Location> {
        locate(self.segments.get(segment as usize)?.as_ref()?, object)
    }

    /// The place of an object and of the bases behind it, each where it is tried first, up to one that is stored whole; `None` in
    /// the place of a base that is not there. It ends after as many bases as any object may have.
    pub fn chain(&self, first: Location) -> impl Iterator<Item = Option<Location>> {
        let behind = |at: &Option<Location>| Some(self.find(&at.as_ref()?.delta?.base));
        std::iter::successors(Some(Some(first)), behind).take(CHAIN + 1)
    }

    /// All places of the object, for when the first one is damaged.
    pub fn find_all(&self, id: Id) -> impl Iterator<Item = Location> {
        self.segments()
            .filter_map(move |segment| locate(segment, segment.directory.find(&id)?))
    }
}

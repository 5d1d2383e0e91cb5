//! Which segment holds which object.
//!
//! Of segments that a table covers, directories are opened when something in them is needed; of the others they are in memory.
//! All of it is derived from the directories: without tables everything is found as well.

mod covering;
mod marks;
mod overlay;
pub mod table;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

pub use covering::{Covering, cover};
pub use marks::Marks;

use crate::error::{Error, Flaw};

use crate::id::Id;
use crate::limits::CHAIN;
use crate::store::Name;
use crate::wire::{BlockEntry, DeltaEntry, Directory, ObjectEntry};
use overlay::Overlay;

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
    /// Whether it says which snapshots there are, and holds nothing else.
    pub fn is_of_catalog(&self) -> bool {
        let mut objects = self.directory.objects.iter();
        objects.all(|object| object.kind.is_of_catalog())
    }

    /// Whether it says something about which snapshots there are.
    pub fn has_pages(&self) -> bool {
        let mut objects = self.directory.objects.iter();
        objects.any(|object| object.kind.is_of_catalog())
    }

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

/// Opens the directories of segments that tables cover.
pub trait Directories: fmt::Debug + Send + Sync {
    /// The segment; `None` where it cannot be opened, which is remembered.
    fn open(&self, name: Name, len: u64) -> Option<Arc<IndexedSegment>>;

    /// Remembers that a table is not what it should be.
    fn distrust(&self, table: Name, error: Error);
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
    /// The segments that no table covers.
    overlay: Overlay,
    /// The tables, the largest first.
    coverings: Vec<Covering>,
    /// There where there are tables.
    directories: Option<Arc<dyn Directories>>,
    condemned: HashSet<Name>,
}

impl Index {
    /// Adds a segment's objects.
    pub fn add(&mut self, segment: IndexedSegment) {
        if !self.knows(segment.name) {
            self.overlay.add(segment);
        }
    }

    /// Takes out a segment that is gone. Other copies of what it held are found from now on.
    pub fn remove(&mut self, name: Name) {
        self.overlay.remove(name, &self.condemned);
        for covering in &mut self.coverings {
            covering.remove(name);
        }
    }

    /// Takes these tables in place of those before. What they cover is opened by `directories` from now on.
    pub fn set_coverings(&mut self, coverings: Vec<Covering>, directories: Arc<dyn Directories>) {
        self.coverings = coverings;
        self.directories = Some(directories);
        let coverings = &self.coverings;
        let is_covered = |name: Name| {
            coverings
                .iter()
                .any(|covering| covering.number_of(name).is_some())
        };
        self.overlay.retain(|name| !is_covered(name), &self.condemned);
    }

    /// The tables, with what they still cover.
    pub fn coverings(&self) -> &[Covering] {
        &self.coverings
    }

    /// Says which segments will be deleted. What has a copy elsewhere is found there from now on.
    pub fn set_condemned(&mut self, condemned: HashSet<Name>) {
        self.condemned = condemned;
        self.overlay.avoid(&self.condemned);
    }

    /// The segments that will be deleted.
    pub fn condemned(&self) -> &HashSet<Name> {
        &self.condemned
    }

    /// Whether a segment will be deleted: nobody who writes may count on it.
    pub fn is_condemned(&self, name: Name) -> bool {
        self.condemned.contains(&name)
    }

    /// The segment of this name.
    pub fn segment(&self, name: Name) -> Option<Arc<IndexedSegment>> {
        self.overlay.segment(name).or_else(|| {
            let mut coverings = self.coverings.iter();
            coverings.find_map(|covering| self.open(covering, covering.number_of(name)?))
        })
    }

    /// All segments that can be opened: those that no table covers in the order in which they were added, then the others, each
    /// opened when it is its turn.
    pub fn segments(&self) -> impl Iterator<Item = Arc<IndexedSegment>> {
        let covered = self.coverings.iter().flat_map(|covering| {
            let numbers = covering.present();
            numbers.filter_map(|number| self.open(covering, number))
        });
        self.uncovered().cloned().chain(covered)
    }

    /// The segments that no table covers, in the order in which they were added.
    pub fn uncovered(&self) -> impl Iterator<Item = &Arc<IndexedSegment>> {
        self.overlay.segments()
    }

    /// Names and lengths of all segments: none is opened.
    pub fn files(&self) -> impl Iterator<Item = (Name, u64)> {
        let uncovered = self.uncovered().map(|segment| (segment.name, segment.len));
        uncovered.chain(self.coverings.iter().flat_map(Covering::files))
    }

    /// The number of segments.
    pub fn segment_count(&self) -> usize {
        let covered: usize = self.coverings.iter().map(Covering::segment_count).sum();
        self.overlay.segment_count() + covered
    }

    /// Whether a segment is known.
    pub fn knows(&self, name: Name) -> bool {
        self.is_uncovered(name)
            || self
                .coverings
                .iter()
                .any(|covering| covering.number_of(name).is_some())
    }

    /// Whether a segment is known that no table covers.
    pub fn is_uncovered(&self, name: Name) -> bool {
        self.overlay.knows(name)
    }

    /// The number of different objects. Where there are tables, all directories are opened to count them.
    pub fn object_count(&self) -> usize {
        match self.coverings[..] {
            [] => self.overlay.object_count(),
            _ => self.objects().count(),
        }
    }

    /// Whether some segment holds the object.
    pub fn contains(&self, id: &Id) -> bool {
        self.find(id).is_some()
    }

    /// One place of every different object: that which is tried first.
    pub fn objects(&self) -> impl Iterator<Item = Location> {
        self.segments().flat_map(move |segment| {
            let numbers = 0..segment.directory.objects.len() as u32;
            numbers.filter_map(move |number| {
                let at = locate(&segment, number)?;
                let first = self.find(&at.object.id)?;
                (first.segment.name == segment.name && first.number == number).then_some(at)
            })
        })
    }

    /// The place of the object that is tried first: in a condemned segment only where there is no other.
    pub fn find(&self, id: &Id) -> Option<Location> {
        let mut condemned = None;
        let mut take = |at: Location| match self.is_condemned(at.segment.name) {
            false => Some(at),
            true => {
                condemned.get_or_insert(at);
                None
            }
        };
        let held = self.overlay.find(id).and_then(&mut take);
        held.or_else(|| self.find_covered(id, &mut take)).or(condemned)
    }

    /// The place of an object and of the bases behind it, each where it is tried first, up to one that is stored whole; `None` in
    /// the place of a base that is not there. It ends after as many bases as any object may have.
    pub fn chain(&self, first: Location) -> impl Iterator<Item = Option<Location>> {
        let behind = |at: &Option<Location>| Some(self.find(&at.as_ref()?.delta?.base));
        std::iter::successors(Some(Some(first)), behind).take(CHAIN + 1)
    }

    /// All places of the object, for when the first one is damaged.
    pub fn find_all(&self, id: Id) -> impl Iterator<Item = Location> {
        let mut places: Vec<Location> = self.overlay.find_all(&id).collect();
        let none: Option<()> = self.find_covered(&id, &mut |at| {
            places.push(at);
            None
        });
        debug_assert!(none.is_none());
        places.into_iter()
    }

    /// Hands out the places of the object that tables tell, until `take` takes one.
    fn find_covered<T>(&self, id: &Id, take: &mut dyn FnMut(Location) -> Option<T>) -> Option<T> {
        for covering in &self.coverings {
            let found = covering.table().find(id, |(segment, object)| {
                take(self.open_place(covering, segment, object, id)?)
            });
            match found {
                Ok(Some(taken)) => return Some(taken),
                Ok(None) => {}
                Err(error) => self.distrust(covering, error),
            }
        }
        None
    }

    fn open_place(&self, covering: &Covering, number: u32, object: u32, id: &Id) -> Option<Location> {
        if !covering.has(number) {
            return None;
        }
        let segment = self.open(covering, number)?;
        let is_it = |at: &Location| at.object.id == *id;
        locate(&segment, object).filter(is_it).or_else(|| {
            let flaw = Flaw::new("index table", "row", "is not what the segment's directory says");
            let name = covering.table().name();
            self.distrust(covering, Error::damaged(name.to_string(), None, flaw));
            locate(&segment, segment.directory.find(id)?)
        })
    }

    fn open(&self, covering: &Covering, number: u32) -> Option<Arc<IndexedSegment>> {
        let covered = covering.table().segment(number)?;
        let directories = self.directories.as_ref()?;
        directories.open(Name::Segment(covered.seal), covered.len)
    }

    fn distrust(&self, covering: &Covering, error: Error) {
        if let Some(directories) = &self.directories {
            directories.distrust(covering.table().name(), error);
        }
    }
}

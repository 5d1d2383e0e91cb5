//! The segments whose directories are in memory: those that no table covers.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::{IndexedSegment, Location, locate};
use crate::id::Id;
use crate::store::Name;

/// Objects of segments whose directories are in memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Overlay {
    /// By number, in the order in which they were added.
    segments: BTreeMap<u32, Arc<IndexedSegment>>,
    /// That of the next one: those that are gone leave theirs unused.
    next: u32,
    numbers: HashMap<Name, u32>,
    /// Segment and place in its directory; in a condemned segment only where there is no other.
    places: HashMap<Id, (u32, u32)>,
}

impl Overlay {
    pub(super) fn add(&mut self, mut segment: IndexedSegment) {
        segment.shrink();
        self.hold(Arc::new(segment));
    }

    fn hold(&mut self, segment: Arc<IndexedSegment>) {
        let number = self.next;
        self.next += 1;
        self.places.reserve(segment.directory.objects.len());
        for (i, object) in segment.directory.objects.iter().enumerate() {
            self.places.insert(object.id, (number, i as u32));
        }
        self.numbers.insert(segment.name, number);
        self.segments.insert(number, segment);
    }

    pub(super) fn remove(&mut self, name: Name, condemned: &HashSet<Name>) {
        let Some(number) = self.numbers.remove(&name) else {
            return;
        };
        let Some(gone) = self.segments.remove(&number) else {
            return;
        };
        for object in &gone.directory.objects {
            if self
                .places
                .get(&object.id)
                .is_some_and(|(segment, _)| *segment == number)
            {
                match self.other_place(&object.id, condemned) {
                    Some(place) => drop(self.places.insert(object.id, place)),
                    None => drop(self.places.remove(&object.id)),
                }
            }
        }
    }

    /// Lets go what is not wanted any more, and the memory that it took.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(Name) -> bool, condemned: &HashSet<Name>) {
        if self.numbers.keys().all(|name| is_wanted(*name)) {
            return;
        }
        let wanted = std::mem::take(self).segments.into_values();
        for segment in wanted.filter(|segment| is_wanted(segment.name)) {
            self.hold(segment);
        }
        self.avoid(condemned);
    }

    /// What has a copy outside of these segments is found there from now on.
    pub(super) fn avoid(&mut self, condemned: &HashSet<Name>) {
        let segments: Vec<_> = condemned.iter().filter_map(|name| self.segment(*name)).collect();
        for segment in segments {
            for object in &segment.directory.objects {
                if let Some(place) = self.other_place(&object.id, condemned) {
                    self.places.insert(object.id, place);
                }
            }
        }
    }

    fn other_place(&self, id: &Id, condemned: &HashSet<Name>) -> Option<(u32, u32)> {
        let place_in = |(number, segment): (&u32, &Arc<IndexedSegment>)| {
            let is_condemned = condemned.contains(&segment.name);
            Some((is_condemned, (*number, segment.directory.find(id)?)))
        };
        let place = self.segments.iter().filter_map(place_in).min();
        place.map(|(_, place)| place)
    }

    pub(super) fn segment(&self, name: Name) -> Option<Arc<IndexedSegment>> {
        self.segments.get(self.numbers.get(&name)?).cloned()
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = &Arc<IndexedSegment>> {
        self.segments.values()
    }

    pub(super) fn segment_count(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn knows(&self, name: Name) -> bool {
        self.numbers.contains_key(&name)
    }

    pub(super) fn object_count(&self) -> usize {
        self.places.len()
    }

    pub(super) fn find(&self, id: &Id) -> Option<Location> {
        let (segment, object) = *self.places.get(id)?;
        locate(self.segments.get(&segment)?, object)
    }

    pub(super) fn find_all(&self, id: &Id) -> impl Iterator<Item = Location> {
        self.segments()
            .filter_map(move |segment| locate(segment, segment.directory.find(id)?))
    }
}

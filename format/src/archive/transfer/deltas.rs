//! Deltas in the order in which they travel: each behind its base.

use std::ops::Range;
use std::sync::Arc;

use crate::id::Id;
use crate::index::{IndexedSegment, Location, locate};

/// Deltas, however many: of each only where it is.
#[derive(Debug, Default)]
pub(super) struct Deltas {
    segments: Vec<Arc<IndexedSegment>>,
    places: Vec<Place>,
}

/// The number of a segment in the list of those, and that of an object in its directory.
type Place = (u32, u32);

impl Deltas {
    /// Adds a delta. Those of a segment come together.
    pub(super) fn push(&mut self, at: &Location) {
        if self
            .segments
            .last()
            .is_none_or(|last| last.name != at.segment.name)
        {
            self.segments.push(Arc::clone(&at.segment));
        }
        self.places.push((self.segments.len() as u32 - 1, at.number));
    }

    /// Them, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Location> {
        self.places.iter().filter_map(|place| self.locate(*place))
    }

    fn locate(&self, (segment, object): Place) -> Option<Location> {
        locate(&self.segments[segment as usize], object)
    }

    fn id(&self, (segment, object): Place) -> Id {
        self.segments[segment as usize].directory.objects[object as usize].id
    }

    fn base(&self, (segment, object): Place) -> Option<Id> {
        let delta = self.segments[segment as usize].directory.delta(object)?;
        Some(delta.base)
    }

    /// Puts them into an order in which each base stands before what is made from it, and mostly right before. What goes in circles
    /// has no such order: it is left out, and handed out.
    pub(super) fn put_behind_their_bases(&mut self) -> Vec<Location> {
        let mut by_base = std::mem::take(&mut self.places);
        by_base.sort_by_cached_key(|place| self.base(*place));
        let mut by_id = by_base.clone();
        by_id.sort_by_cached_key(|place| self.id(*place));
        let travels = |id: &Id| by_id.binary_search_by_key(id, |place| self.id(*place)).is_ok();
        let children = |id: Id| -> Range<usize> {
            let start = by_base.partition_point(|place| self.base(*place) < Some(id));
            let count = by_base[start..].partition_point(|place| self.base(*place) == Some(id));
            start..start + count
        };
        let mut made = vec![false; by_base.len()];
        let mut order = Vec::with_capacity(by_base.len());
        for (n, place) in by_base.iter().enumerate() {
            if self.base(*place).is_some_and(|base| travels(&base)) {
                continue;
            }
            let mut ahead = vec![n];
            while let Some(n) = ahead.pop() {
                if !std::mem::replace(&mut made[n], true) {
                    order.push(by_base[n]);
                    ahead.extend(children(self.id(by_base[n])).rev());
                }
            }
        }
        let left = by_base.iter().zip(&made).filter(|(_, made)| !**made);
        let circles = left.filter_map(|(place, _)| self.locate(*place)).collect();
        self.places = order;
        circles
    }
}

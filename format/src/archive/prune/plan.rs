//! Which segments go, and which of them are written anew before.

use std::collections::HashSet;
use std::sync::Arc;

use super::Needed;
use super::usage::{Usage, to_rewrite};
use crate::archive::Archive;
use crate::error::Result;
use crate::index::{IndexedSegment, locate};
use crate::store::Name;

/// What a prune is going to do.
pub(super) struct Plan<'p> {
    /// How much of each segment is needed, ordered by name: whoever does it finds the same as whoever only asked.
    pub(super) usages: Vec<Usage>,
    /// Segments of which what is needed is written anew.
    pub(super) rewritten: HashSet<Name>,
    condemned: &'p HashSet<Name>,
    /// Condemned segments that have waited long enough.
    pub(super) due: &'p HashSet<Name>,
}

impl Plan<'_> {
    /// Those that are not condemned.
    pub(super) fn fresh(&self) -> impl Iterator<Item = &Usage> {
        let usages = self.usages.iter();
        usages.filter(|usage| !self.condemned.contains(&usage.segment))
    }

    /// Whether a segment goes, now or once it was condemned for long enough.
    pub(super) fn is_going(&self, usage: &Usage) -> bool {
        let name = usage.segment;
        match self.condemned.contains(&name) {
            true => self.due.contains(&name),
            false => usage.is_dead() || self.rewritten.contains(&name),
        }
    }

    /// The segments that go.
    pub(super) fn going(&self) -> impl Iterator<Item = &Usage> {
        self.usages.iter().filter(|usage| self.is_going(usage))
    }

    /// Whether a segment stays condemned.
    pub(super) fn is_waiting(&self, name: Name) -> bool {
        self.condemned.contains(&name) && !self.due.contains(&name)
    }
}

impl Archive {
    /// What goes, and what of it is written anew. Of condemned segments, those that are due go, whatever is needed of them.
    pub(super) fn plan<'p>(
        &self,
        needed: &mut Needed<'_>,
        condemned: &'p HashSet<Name>,
        due: &'p HashSet<Name>,
        max_unused_percent: f64,
    ) -> Result<Plan<'p>> {
        loop {
            let usages = self.usages(needed);
            let is_fresh = |usage: &&Usage| !condemned.contains(&usage.segment);
            let fresh: Vec<Usage> = usages.iter().filter(is_fresh).cloned().collect();
            let mut rewritten = to_rewrite(&fresh, max_unused_percent);
            // What somebody began to need before it saw that a segment was condemned has no other copy: it is written anew.
            let alive = usages
                .iter()
                .filter(|usage| due.contains(&usage.segment) && !usage.is_dead());
            rewritten.extend(alive.map(|usage| usage.segment));
            let plan = Plan {
                usages,
                rewritten,
                condemned,
                due,
            };
            if !self.keep_sound_copies(&plan, needed)? {
                return Ok(plan);
            }
        }
    }

    /// Where an object stays in another segment than one that goes, the copy that stays is read, and if it is damaged, the other is
    /// needed, too. Returns whether there was one.
    fn keep_sound_copies(&self, plan: &Plan<'_>, needed: &mut Needed<'_>) -> Result<bool> {
        let index = self.reader.index();
        let mut has_kept = false;
        for usage in plan.going() {
            let segment = self.segment(usage.segment)?;
            for number in 0..segment.directory.objects.len() as u32 {
                let Some(at) = locate(&segment, number) else {
                    continue;
                };
                let id = at.object.id;
                let staying = index.find(&id).filter(|first| {
                    first.segment.name != segment.name
                        && needed.has(&first.segment, &id)
                        && !needed.has(&segment, &id)
                });
                if let Some(staying) = staying
                    && !self.reader.is_sound(&staying)
                {
                    has_kept |= needed.add_copy(&at);
                }
            }
        }
        Ok(has_kept)
    }

    fn usages(&self, needed: &Needed<'_>) -> Vec<Usage> {
        let index = self.reader.index();
        let usage = |segment: Arc<IndexedSegment>| Usage::of(&segment, needed);
        let mut usages: Vec<Usage> = index.segments().map(usage).collect();
        usages.sort_by_key(|usage| usage.segment);
        usages
    }
}

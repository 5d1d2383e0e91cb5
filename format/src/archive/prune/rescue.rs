//! What is written while others prune: nothing is made known that counts on what is gone, or will be.

use std::collections::{BTreeSet, HashSet};

use super::Marks;
use crate::archive::Archive;
use crate::archive::upkeep::DataPacker;
use crate::archive::writer::put;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::index::{Index, IndexedSegment};
use crate::progress::Progress;
use crate::segment::SealedSegment;
use crate::store::{Name, Shelf};

/// What there was when something was begun that will be made known: it may count on all of it that is not condemned.
pub(in crate::archive) struct Beginning {
    segments: HashSet<Name>,
    condemned: HashSet<Name>,
}

/// The segments on which data may count: nobody's counts on what says which snapshots there are.
fn data_segments(index: &Index) -> HashSet<Name> {
    let of_catalog = index.uncovered().filter(|segment| segment.is_of_catalog());
    let of_catalog: HashSet<Name> = of_catalog.map(|segment| segment.name).collect();
    let names = index.files().map(|(name, _)| name);
    names.filter(|name| !of_catalog.contains(name)).collect()
}

impl Archive {
    /// What there is now.
    pub(in crate::archive) fn beginning(&self) -> Beginning {
        let index = self.reader.index();
        Beginning {
            segments: data_segments(&index),
            condemned: index.condemned().clone(),
        }
    }

    /// Before snapshots are made known: while anything was condemned or deleted since it was looked last, everything that they need is
    /// looked for, and what of it is in condemned segments is written anew. `beginning` is what there was when they were begun, and
    /// `own` what was written for them.
    pub(in crate::archive) fn rescue(
        &self,
        roots: &BTreeSet<Id>,
        beginning: Beginning,
        own: &[IndexedSegment],
        progress: &Progress,
    ) -> Result<Vec<IndexedSegment>> {
        let Beginning {
            mut segments,
            mut condemned,
        } = beginning;
        segments.extend(own.iter().map(|segment| segment.name));
        let mut made: Vec<IndexedSegment> = Vec::new();
        loop {
            let now = self.condemned_names()?;
            if now == condemned && self.are_listed(&segments)? {
                return Ok(made);
            }
            let from = made.len();
            self.rewrite_condemned(roots, &mut made, progress)?;
            let index = self.reader.index();
            segments = data_segments(&index);
            segments.extend(made[from..].iter().map(|segment| segment.name));
            condemned = now;
        }
    }

    /// Writes anew what these trees need of condemned segments.
    fn rewrite_condemned(
        &self,
        roots: &BTreeSet<Id>,
        made: &mut Vec<IndexedSegment>,
        progress: &Progress,
    ) -> Result<()> {
        self.reader.refresh()?;
        let mut marks = Marks::new(&self.reader, progress);
        marks.add_trees(roots.iter().copied()).map_err(|error| match error {
            Error::Missing { kind, id } => Error::Request(format!(
                "a prune has deleted what this snapshot counts on ({kind} {id}): take it again, and let prunes wait longer than a \
                 snapshot takes (--grace)"
            )),
            error => error,
        })?;
        let index = self.reader.index();
        let mut packer = DataPacker::new(self.config.archive, self.config.zstd_level);
        let mut put = |sealed: Vec<SealedSegment>| {
            sealed.into_iter().try_for_each(|sealed| {
                let sealed = self.apart_from_condemned(sealed);
                put(&*self.store, &sealed)?;
                made.push(sealed.into_indexed());
                Ok::<_, Error>(())
            })
        };
        for (name, _) in index.files() {
            if index.is_condemned(name) && marks.has_any(name) {
                let segment = self.segment(name)?;
                packer.add(&*self.store, &segment, |_, id| marks.has(&segment, id))?;
                put(packer.take_made())?;
            }
        }
        put(packer.finish()?)
    }

    /// Whether all these segments are there still. One that was merged is not.
    fn are_listed(&self, segments: &HashSet<Name>) -> Result<bool> {
        let listed = self.store.list(Shelf::Segments);
        let listed = listed.map_err(Error::io("list segments of", self.location()))?;
        let found = listed.iter().filter(|(name, _)| segments.contains(name));
        Ok(found.count() == segments.len())
    }

    /// A segment is named by what it holds: one that came out as one that is going to be deleted would be deleted with it.
    pub(in crate::archive) fn apart_from_condemned(&self, sealed: SealedSegment) -> SealedSegment {
        let index = self.reader.index();
        sealed.apart_from(|name| index.is_condemned(name))
    }
}

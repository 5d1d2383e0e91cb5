//! What is written while others prune: nothing is made known that counts on what is gone, or will be.

use std::collections::{BTreeSet, HashSet};
use std::io;

use super::Needed;
use crate::archive::Archive;
use crate::archive::upkeep::DataPacker;
use crate::archive::writer::put;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::index::{Index, IndexedSegment};
use crate::progress::Progress;
use crate::segment::SealedSegment;
use crate::store::{Name, Shelf};

/// What there was when it was looked last: whoever writes may count on all of it that is not condemned.
pub(in crate::archive) struct Seen {
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
    /// What there is by the last look.
    pub(in crate::archive) fn seen(&self) -> Seen {
        let index = self.reader.index();
        Seen {
            segments: data_segments(&index),
            condemned: index.condemned().clone(),
        }
    }

    /// Before snapshots are made known: while anything was condemned or deleted since it was looked last, everything that they need is
    /// looked for, and what of it is in condemned segments is written anew. `seen` is what there was when they were begun, and `own` what
    /// was written for them.
    pub(in crate::archive) fn rescue(
        &self,
        roots: &BTreeSet<Id>,
        mut seen: Seen,
        own: &[IndexedSegment],
        progress: &Progress,
    ) -> Result<(Vec<IndexedSegment>, Seen)> {
        seen.segments.extend(own.iter().map(|segment| segment.name));
        let mut made: Vec<IndexedSegment> = Vec::new();
        loop {
            let condemned = self.condemned_names()?;
            if condemned == seen.condemned && self.are_listed(&seen.segments)? {
                return Ok((made, seen));
            }
            let from = made.len();
            self.rewrite_condemned(roots, &mut made, progress)
                .map_err(was_pruned)?;
            let mut segments = data_segments(&self.reader.index());
            segments.extend(made[from..].iter().map(|segment| segment.name));
            seen = Seen { segments, condemned };
        }
    }

    /// Behind the pages that make snapshots known: if anything was condemned or deleted between the last look and them, it is looked for
    /// again, and where something is gone, the pages are taken back.
    pub(in crate::archive) fn confirm(
        &self,
        roots: &BTreeSet<Id>,
        seen: Seen,
        pages: &[Name],
        progress: &Progress,
    ) -> Result<()> {
        match self.rescue(roots, seen, &[], progress) {
            Ok((made, _)) => {
                if !made.is_empty() {
                    self.reader
                        .change_index(|index| made.into_iter().for_each(|segment| index.add(segment)));
                }
                Ok(())
            }
            Err(gone @ Error::Pruned { .. }) => {
                for page in pages {
                    let location = format!("{}/{page}", self.location());
                    self.store.delete(*page).map_err(Error::io(
                        "take back a snapshot that lacks something: delete",
                        location,
                    ))?;
                    self.reader.change_index(|index| index.remove(*page));
                }
                self.catalog.follow();
                Err(gone)
            }
            // Whoever prunes sees the pages now: what they need of condemned segments is kept.
            Err(_) => Ok(()),
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
        let mut needed = Needed::new(&self.reader, progress);
        needed.add_trees(roots.iter().copied())?;
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
            if index.is_condemned(name) && needed.has_any(name) {
                let segment = self.segment(name)?;
                packer.add(&*self.store, &segment, |_, id| needed.has(&segment, id))?;
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

fn was_pruned(error: Error) -> Error {
    let is_gone = match &error {
        Error::Io { source, .. } => source.kind() == io::ErrorKind::NotFound,
        error => error.is_damage(),
    };
    match is_gone {
        true => Error::Pruned {
            what: Box::new(error),
        },
        false => error,
    }
}

//! Snapshots from one archive into another, and into a file that is an archive by itself.
//!
//! What the chosen snapshots name is followed (`reach`), it is decided in which form each object travels (`plan`), blocks and
//! frames are read, compared with the ids and laid down (`carry`), and when all of that is durable the catalogue
//! makes the snapshots known. Nothing is decoded twice that need not be, and nothing is read that the target has.

mod carry;
mod deltas;
mod export;
mod load;
mod picked;
mod plan;
mod reach;
mod select;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use export::Exported;
pub use select::Choice;

use super::Archive;
use super::writer::{Uploads, put};
use crate::catalog::{Moment, Packer};
use crate::error::{Error, Result};
use crate::id::{Id, Kind};
use crate::index::{IndexedSegment, Location};
use crate::limits::CHAIN;
use crate::model::Series;
use crate::progress::Progress;
use crate::segment::{ObjectReader, SealedSegment, SegmentWriter, StoredBlock};
use crate::store::{LockMode, LockName, Name};
use crate::wire::ArchiveId;
use carry::{Laying, carry};
use plan::Plan;
use reach::Reach;

/// What a copy did.
#[derive(Clone, Debug, Default)]
pub struct Copied {
    /// Snapshots that the target has now and had not before.
    pub snapshots: u64,
    /// Snapshots that it had already.
    pub present: u64,
    /// Objects that were copied.
    pub objects: u64,
    /// Those of them that no copied snapshot names: others are made from them.
    pub bases: u64,
    /// The bytes by which the target grew.
    pub stored_bytes: u64,
    /// Why small segments could not be merged behind it: they stay, and what comes next tries again.
    pub merging: Option<Arc<Error>>,
}

impl Archive {
    /// Takes over moments of another archive, which come in the order of time, with everything that they need. Those that
    /// are here already are passed over. Where it fails, earlier snapshots are as they were, and what was
    /// stored serves the next attempt.
    pub fn copy_from(&mut self, source: &Self, chosen: Vec<Moment>, progress: &Progress) -> Result<Copied> {
        if self.is_single {
            let location = self.location();
            return Err(Error::Request(format!(
                "{location} is a single segment file: it can be read, and never written to"
            )));
        }
        let _lock = self
            .store
            .lock(LockName::Archive, LockMode::Shared)
            .map_err(Error::io("lock", self.location()))?;
        self.refresh()?;
        let mut copied = self.take_over(source, chosen, progress)?;
        if copied.snapshots > 0 {
            // The snapshots are safe: what goes wrong from here on is not their failure.
            copied.merging = self.merge_tiers().err().map(Arc::new);
        }
        Ok(copied)
    }

    fn take_over(&self, source: &Self, chosen: Vec<Moment>, progress: &Progress) -> Result<Copied> {
        let seen = self.seen();
        let target = Target(Some(&self.reader));
        let mut reach = Reach::new(&source.reader, target, progress);
        let mut bases = self.complete_roots(&chosen);
        let mut new = Vec::new();
        let mut present = 0;
        let mut here = Here::new(self, &chosen);
        let is_sound = !self.reader.is_suspicious();
        for moment in chosen {
            progress.check()?;
            let root = moment.state.snapshot.root;
            let series = moment.state.snapshot.series();
            if here.has(&moment) {
                present += 1;
                if is_sound {
                    bases.insert(series, root);
                }
            } else {
                // Whatever it shares with the base counts as met from then on.
                reach.snapshot(root, bases.remove(&series))?;
                new.push(moment);
            }
        }
        let (index, wanted) = reach.finish()?;
        let plan = Plan::new(&index, &wanted, target);
        progress.total_bytes.store(plan.bytes, Ordering::Relaxed);
        let mut copied = Copied {
            snapshots: new.len() as u64,
            present,
            objects: plan.objects,
            bases: plan.bases,
            ..Copied::default()
        };
        if new.is_empty() {
            return Ok(copied);
        }
        let mut laying = IntoSegments::new(self);
        carry(&source.reader, &plan, self.carriage(), &mut laying, progress)?;
        let (mut segments, stored_bytes) = laying.finish()?;
        copied.stored_bytes = stored_bytes;
        progress.check()?;
        let roots = new.iter().map(|moment| moment.state.snapshot.root).collect();
        let (rescued, seen) = self.rescue(&roots, seen, &segments, progress)?;
        segments.extend(rescued);
        let mut pages = Vec::new();
        for sealed in self.catalogue_of(new)? {
            put(&*self.store, &sealed)?;
            copied.stored_bytes += sealed.bytes.len() as u64;
            pages.push(sealed.name);
            segments.push(sealed.into_indexed());
        }
        self.reader
            .change_index(|index| segments.into_iter().for_each(|segment| index.add(segment)));
        self.catalog.follow();
        self.confirm(&roots, seen, &pages, progress)?;
        Ok(copied)
    }

    /// A tree of each series that is here with everything below it, if nothing is known to be damaged.
    fn complete_roots(&self, chosen: &[Moment]) -> HashMap<Series, Id> {
        let mut roots = HashMap::new();
        if self.reader.is_suspicious() {
            return roots;
        }
        for moment in chosen {
            let series = moment.state.snapshot.series();
            if !roots.contains_key(&series)
                && let Some(newest) = self.catalog.newest_of(&series)
            {
                roots.insert(series, newest.state.snapshot.root);
            }
        }
        roots
    }

    /// The segments that make moments known.
    fn catalogue_of(&self, moments: Vec<Moment>) -> Result<Vec<SealedSegment>> {
        let archive = self.config.archive;
        let (mut packer, mut sealed) = (Packer::new(archive), Vec::new());
        for moment in moments {
            if packer.is_full_for(&moment) {
                sealed.extend(std::mem::replace(&mut packer, Packer::new(archive)).finish()?);
            }
            packer.add(moment)?;
        }
        sealed.extend(packer.finish()?);
        Ok(sealed)
    }

    /// How objects are laid down here that do not travel as they are.
    fn carriage(&self) -> carry::Carriage {
        carry::Carriage {
            zstd_level: self.config.zstd_level,
            memory: self.memory,
        }
    }
}

/// What whoever takes the objects over has already: an archive, or a file that is about to be written, which has nothing.
#[derive(Clone, Copy)]
struct Target<'a>(Option<&'a ObjectReader>);

impl Target<'_> {
    fn has(self, kind: Kind, id: Id) -> bool {
        self.0.is_some_and(|reader| reader.has(kind, id))
    }

    /// Where an object of it is.
    fn find(self, id: &Id) -> Option<Location> {
        self.0?.index().find(id)
    }

    /// How many bases stand behind an object that it has; `None` where they are not all there.
    fn bases_behind(self, id: &Id) -> Option<usize> {
        let index = self.0?.index();
        let chain: Option<Vec<_>> = index.chain(index.find(id)?).collect();
        let chain = chain?;
        let ends = chain.last().is_some_and(|at| at.delta.is_none());
        (ends && chain.len() <= CHAIN).then(|| chain.len() - 1)
    }
}

/// The moments that are here, met in the order of time.
struct Here<'a> {
    ahead: std::iter::Peekable<Box<dyn Iterator<Item = Moment> + 'a>>,
}

impl<'a> Here<'a> {
    fn new(archive: &'a Archive, chosen: &[Moment]) -> Self {
        let ahead: Box<dyn Iterator<Item = Moment> + 'a> = match chosen.first() {
            Some(first) => Box::new(archive.catalog.oldest_first_from(first.time)),
            None => Box::new(std::iter::empty()),
        };
        Self {
            ahead: ahead.peekable(),
        }
    }

    /// Whether a moment is here that is not older than the one that was asked for before.
    fn has(&mut self, moment: &Moment) -> bool {
        while self.ahead.next_if(|here| here.order(moment).is_lt()).is_some() {}
        self.ahead.peek().is_some_and(|here| here.order(moment).is_eq())
    }
}

/// Lays blocks into segments of an archive.
struct IntoSegments {
    archive: ArchiveId,
    segment: SegmentWriter,
    condemned: HashSet<Name>,
    uploads: Uploads,
    stored_bytes: u64,
}

impl IntoSegments {
    fn new(archive: &Archive) -> Self {
        let id = archive.config.archive;
        Self {
            archive: id,
            segment: SegmentWriter::small(id),
            condemned: archive.reader.index().condemned().clone(),
            uploads: Uploads::start(Arc::clone(&archive.store)),
            stored_bytes: 0,
        }
    }

    fn seal(&mut self) -> Result<()> {
        let next = SegmentWriter::small(self.archive);
        let sealed = std::mem::replace(&mut self.segment, next).seal();
        // One that came out as one that is going to be deleted would be deleted with it.
        let sealed = sealed.apart_from(|name| self.condemned.contains(&name));
        self.stored_bytes += sealed.bytes.len() as u64;
        self.uploads.put(sealed)
    }

    /// When it returns, everything is durable.
    fn finish(mut self) -> Result<(Vec<IndexedSegment>, u64)> {
        if !self.segment.is_empty() {
            self.seal()?;
        }
        Ok((self.uploads.finish()?, self.stored_bytes))
    }
}

impl Laying for IntoSegments {
    fn lay(&mut self, block: StoredBlock) -> Result<()> {
        if self.segment.is_full() {
            self.seal()?;
        }
        self.segment.push(block);
        Ok(())
    }
}

//! Freeing the room of what no snapshot needs any more.
//!
//! Segments without anything that is needed, and those of which the needed part was written anew, are *condemned* first: from then on no
//! writer references what is in them. They are deleted when the grace period is over, by a later prune that has looked again. With the
//! archive for itself alone, a prune deletes at once.

mod condemn;
mod needed;
mod plan;
mod rescue;
mod usage;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

pub(super) use needed::Needed;
use plan::Plan;

use super::Archive;
use super::upkeep::DataPacker;
use crate::catalog::Moment;
use crate::error::{Error, Flaw, Result};
use crate::id::Id;
use crate::index::IndexedSegment;
use crate::model::Timestamp;
use crate::progress::Progress;
use crate::segment::SealedSegment;
use crate::store::{Lock, LockMode, LockName, Name};

/// How often it is looked whether a lock is free.
const LOOK: Duration = Duration::from_millis(20);

/// How a prune goes about it.
#[derive(Clone, Copy, Debug)]
pub struct PruneRequest {
    /// When it is done: what condemned segments are as old as is told by it.
    pub now: Timestamp,
    /// How long condemned segments stay.
    pub grace: Grace,
    /// Which part of the archive, in percent of its bytes, may be of no use and yet stay, for it would cost more to write anew what is
    /// beside it.
    pub max_unused_percent: f64,
}

/// How long condemned segments stay, for those who still write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grace {
    /// Nobody else may write: waits until that is so, and deletes at once.
    None,
    /// Deletes at once where nobody else writes, and condemns for so long otherwise.
    Unless(Duration),
    /// Condemns for so long.
    For(Duration),
}

/// What a prune did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PruneReport {
    /// Segments whose needed part was written anew.
    pub rewritten: u64,
    /// Their bytes.
    pub rewritten_bytes: u64,
    /// Bytes of what was written for them.
    pub written_bytes: u64,
    /// Segments that were condemned: they are deleted when the grace period is over.
    pub condemned: u64,
    /// Their bytes.
    pub condemned_bytes: u64,
    /// Segments that were deleted.
    pub deleted: u64,
    /// Their bytes.
    pub deleted_bytes: u64,
    /// Condemned before, and waiting for the end of the grace period.
    pub waiting: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// Bytes that no snapshot needs and that stay.
    pub unused_bytes: u64,
    /// Bytes of all segments behind it, those that wait included.
    pub stored_bytes: u64,
}

impl PruneReport {
    /// By how many bytes the archive becomes smaller, once the condemned segments are deleted.
    pub fn freed_bytes(&self) -> i64 {
        (self.deleted_bytes + self.condemned_bytes) as i64 - self.written_bytes as i64
    }
}

/// Who writes beside this prune.
struct Standing {
    is_alone: bool,
    _archive: Option<Box<dyn Lock>>,
    _maintenance: Box<dyn Lock>,
}

impl Archive {
    /// Frees the room of what no snapshot needs. Interrupted at any point it leaves nothing worse than what the next one frees.
    pub fn prune(&mut self, request: &PruneRequest, progress: &Progress) -> Result<PruneReport> {
        let standing = self.stand(request.grace, progress)?;
        self.open_all()?;
        self.refuse_damage()?;
        self.clear(request, standing.is_alone, progress)
    }

    /// What a prune would do that has the archive for itself alone, once these snapshots are forgotten. Nothing is written.
    pub fn would_free(
        &mut self,
        forgotten: &HashSet<Id>,
        max_unused_percent: f64,
        progress: &Progress,
    ) -> Result<PruneReport> {
        // Nothing is rewritten while it is counted. Where nothing can be locked, nothing is written either.
        let _lock = self.store.lock(LockName::Maintenance, LockMode::Shared);
        self.open_all()?;
        self.refuse_damage()?;
        let mut report = self.count_forgetting(forgotten, progress)?;
        let mut needed = self.needed(|moment| !forgotten.contains(&moment.id()), progress)?;
        let condemned = self.condemned_names()?;
        let plan = self.plan(&mut needed, &condemned, &condemned, max_unused_percent)?;
        report.rewritten += plan.rewritten.len() as u64;
        let mut made = HashMap::new();
        self.rewrite(&plan, &needed, progress, &mut |sealed| {
            made.insert(sealed.name, sealed.bytes.len() as u64);
            Ok(())
        })?;
        for usage in &plan.usages {
            if plan.rewritten.contains(&usage.segment) {
                report.rewritten_bytes += usage.len;
            }
            if !plan.is_going(usage) {
                report.unused_bytes += usage.unused_bytes();
            // What would come out as it is stays.
            } else if made.remove(&usage.segment).is_none() {
                report.deleted += 1;
                report.deleted_bytes += usage.len;
            }
        }
        report.written_bytes += made.into_values().sum::<u64>();
        let stored: u64 = plan.usages.iter().map(|usage| usage.len).sum();
        report.stored_bytes = (stored + report.written_bytes).saturating_sub(report.deleted_bytes);
        Ok(report)
    }

    /// Takes the locks that the grace period asks for.
    fn stand(&self, grace: Grace, progress: &Progress) -> Result<Standing> {
        let failed = |error| Error::io("lock", self.location())(error);
        let exclusive = LockMode::Exclusive;
        // Writers only try the second lock: whoever waits for it keeps none of them waiting.
        let maintenance = self.wait_for(LockName::Maintenance, progress)?;
        let archive = match grace {
            Grace::None => Some(self.wait_for(LockName::Archive, progress)?),
            Grace::Unless(_) => self
                .store
                .try_lock(LockName::Archive, exclusive)
                .map_err(failed)?,
            Grace::For(_) => None,
        };
        Ok(Standing {
            is_alone: archive.is_some(),
            _archive: archive,
            _maintenance: maintenance,
        })
    }

    /// Waits until nobody else holds a lock, or somebody asks to stop.
    pub(super) fn wait_for(&self, name: LockName, progress: &Progress) -> Result<Box<dyn Lock>> {
        loop {
            let lock = self.store.try_lock(name, LockMode::Exclusive);
            if let Some(lock) = lock.map_err(Error::io("lock", self.location()))? {
                return Ok(lock);
            }
            progress.check()?;
            std::thread::sleep(LOOK);
        }
    }

    fn refuse_damage(&self) -> Result<()> {
        match self.damage().first() {
            None => Ok(()),
            Some(damage) => Err(Error::Request(format!(
                "the archive is damaged, and nothing is removed before it is known what that costs: {damage}"
            ))),
        }
    }

    /// A segment that is needed for what is done, and that was there when it was begun.
    pub(in crate::archive) fn segment(&self, name: Name) -> Result<Arc<IndexedSegment>> {
        self.reader
            .index()
            .segment(name)
            .ok_or_else(|| match self.reader.failure(name).as_deref() {
                // What may work the next time is no damage.
                Some(Error::Io { op, path, source }) => Error::Io {
                    op,
                    path: path.clone(),
                    source: io::Error::new(source.kind(), source.to_string()),
                },
                _ => {
                    let flaw = Flaw::new("segment", "file", "is gone or damaged since it was opened");
                    Error::damaged(name.to_string(), None, flaw)
                }
            })
    }

    /// What is needed by the snapshots that are live.
    fn needed<'p>(&'p self, is_live: impl Fn(&Moment) -> bool, progress: &'p Progress) -> Result<Needed<'p>> {
        let mut roots = BTreeSet::new();
        for moment in self.catalog.oldest_first().filter(is_live) {
            progress.check()?;
            roots.insert(moment.state.snapshot.root);
        }
        // What cannot be read might need anything.
        self.refuse_damage()?;
        let mut needed = Needed::new(&self.reader, progress);
        needed.add_trees(roots.into_iter())?;
        Ok(needed)
    }

    fn clear(&mut self, request: &PruneRequest, is_alone: bool, progress: &Progress) -> Result<PruneReport> {
        let mut needed = self.needed(|_| true, progress)?;
        let condemned = self.condemned(request.now)?;
        let grace = match request.grace {
            Grace::Unless(grace) | Grace::For(grace) if !is_alone => grace,
            _ => Duration::ZERO,
        };
        let is_due = |secs: &i64| request.now.secs.saturating_sub(*secs) >= grace.as_secs() as i64;
        let due = condemned.iter().filter(|(_, secs)| is_due(secs));
        let due: HashSet<Name> = due.map(|(name, _)| *name).collect();
        let condemned: HashSet<Name> = condemned.into_keys().collect();
        let plan = self.plan(&mut needed, &condemned, &due, request.max_unused_percent)?;
        let mut report = PruneReport::default();
        for usage in plan.fresh() {
            if plan.rewritten.contains(&usage.segment) {
                report.rewritten += 1;
                report.rewritten_bytes += usage.len;
            } else if !usage.is_dead() {
                report.unused_bytes += usage.unused_bytes();
            }
        }
        let mut made = Vec::new();
        self.rewrite(&plan, &needed, progress, &mut |sealed| {
            super::writer::put(&*self.store, &sealed)?;
            made.push(sealed.into_indexed());
            Ok(())
        })?;
        drop(needed);
        let mut new: HashMap<Name, u64> = made.iter().map(|segment| (segment.name, segment.len)).collect();
        self.reader
            .change_index(|index| made.into_iter().for_each(|segment| index.add(segment)));
        let location = self.location();
        for usage in plan.going() {
            progress.check()?;
            let name = usage.segment;
            let is_due = plan.due.contains(&name);
            if new.remove(&name).is_some() {
                // It came out as it was.
                if is_due {
                    self.acquit(name)?;
                }
            } else if is_due || is_alone {
                self.delete(name, usage.len, &location, &mut report)?;
            } else {
                self.condemn(name, request.now)?;
                report.condemned += 1;
                report.condemned_bytes += usage.len;
            }
        }
        report.written_bytes = new.into_values().sum();
        self.forget_condemned(&mut report)?;
        self.refresh()?;
        report.stored_bytes = self.reader.index().files().map(|(_, len)| len).sum();
        Ok(report)
    }

    /// Gives what is needed of the segments that are rewritten to `take`, in new segments.
    fn rewrite(
        &self,
        plan: &Plan<'_>,
        needed: &Needed<'_>,
        progress: &Progress,
        take: &mut dyn FnMut(SealedSegment) -> Result<()>,
    ) -> Result<()> {
        let mut take = |made: Vec<SealedSegment>| {
            made.into_iter().try_for_each(|sealed| {
                // What waits to be deleted is deleted under its name.
                take(sealed.apart_from(|name| plan.is_waiting(name)))
            })
        };
        let mut packer = DataPacker::new(self.config.archive, self.config.zstd_level);
        let mut with_pages = Vec::new();
        for usage in plan
            .usages
            .iter()
            .filter(|usage| plan.rewritten.contains(&usage.segment))
        {
            progress.check()?;
            let segment = self.segment(usage.segment)?;
            packer.add(&*self.store, &segment, |kind, id| {
                !kind.is_of_catalog() && needed.has(&segment, id)
            })?;
            progress.add(0, usage.len);
            take(packer.take_made())?;
            if segment.has_pages() {
                with_pages.push(segment);
            }
        }
        take(packer.finish()?)?;
        take(self.pack(&with_pages, |_| true)?)
    }
}

//! Forgetting snapshots: only what says that they are there is rewritten.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::Archive;
use super::prune::PruneReport;
use super::upkeep::{DataPacker, Merged};
use crate::catalog::Moment;
use crate::error::Result;
use crate::id::Id;
use crate::index::IndexedSegment;
use crate::progress::Progress;
use crate::segment::SealedSegment;
use crate::store::{LockName, Name};

/// What forgetting did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Snapshots that are no more, each once, however many segments said that it was there.
    pub snapshots: u64,
    /// Segments of the catalogue that were rewritten for it, and are gone.
    pub rewritten: u64,
    /// Their bytes.
    pub deleted_bytes: u64,
    /// Bytes of the segments that stand for them.
    pub written_bytes: u64,
}

/// What has to change so that snapshots are forgotten.
#[derive(Default)]
struct Concerned {
    /// The segments that say that they are there.
    sources: Vec<Arc<IndexedSegment>>,
    /// How many of them are there.
    snapshots: u64,
}

impl Archive {
    /// Forgets the snapshots with these ids; those that are not there are none already. What only they needed is freed by the next prune.
    /// Interrupted before it is done, it has forgotten none of them.
    pub fn forget(&mut self, ids: &HashSet<Id>, progress: &Progress) -> Result<Forgotten> {
        let _lock = self.wait_for(LockName::Maintenance, progress)?;
        self.refresh()?;
        let Concerned { sources, snapshots } = self.concerned(ids, progress)?;
        let mut merged = Merged::default();
        if !sources.is_empty() {
            let made = self.without(&sources, ids, progress)?;
            // From here on it is only deleted what something else stands for.
            self.replace(&sources, made, &mut merged)?;
        }
        Ok(Forgotten {
            snapshots,
            rewritten: merged.sources,
            deleted_bytes: merged.source_bytes,
            written_bytes: merged.bytes,
        })
    }

    /// What stands for these segments once the snapshots are forgotten. Data that shares a segment with pages stays.
    fn without(
        &self,
        sources: &[Arc<IndexedSegment>],
        ids: &HashSet<Id>,
        progress: &Progress,
    ) -> Result<Vec<SealedSegment>> {
        // Once somebody asked to stop, nothing more is packed: what came of it is dropped.
        let is_kept = |moment: &Moment| progress.check().is_ok() && !ids.contains(&moment.id());
        let mut made = self.pack(sources, is_kept)?;
        let mut packer = DataPacker::new(self.config.archive, self.config.zstd_level);
        for source in sources {
            progress.check()?;
            packer.add(&*self.store, source, |kind, _| !kind.is_of_catalog())?;
        }
        made.extend(packer.finish()?);
        progress.check()?;
        Ok(made)
    }

    /// The segments that say that these snapshots are there, and how many there are.
    fn concerned(&self, ids: &HashSet<Id>, progress: &Progress) -> Result<Concerned> {
        if ids.is_empty() {
            return Ok(Concerned::default());
        }
        let index = self.reader.index();
        let mut sources: BTreeMap<Name, Arc<IndexedSegment>> = BTreeMap::new();
        let mut found: HashSet<&Id> = HashSet::new();
        for run in self.catalog.runs() {
            progress.check()?;
            let mut is_concerned = false;
            for moment in self.catalog.moments_of(&[Arc::clone(&run)]) {
                if let Some(id) = ids.get(&moment.id()) {
                    found.insert(id);
                    is_concerned = true;
                }
            }
            if let Some(segment) = index.segment(run.segment).filter(|_| is_concerned) {
                sources.insert(run.segment, segment);
            }
        }
        // What could not be read might have been one of them.
        self.refuse_catalog_damage()?;
        Ok(Concerned {
            sources: sources.into_values().collect(),
            snapshots: found.len() as u64,
        })
    }

    /// What forgetting these snapshots takes away and writes.
    pub(super) fn count_forgetting(&self, ids: &HashSet<Id>, progress: &Progress) -> Result<PruneReport> {
        let Concerned { sources, .. } = self.concerned(ids, progress)?;
        let made = self.without(&sources, ids, progress)?;
        Ok(PruneReport {
            deleted: sources.len() as u64,
            deleted_bytes: sources.iter().map(|source| source.len).sum(),
            written_bytes: made.iter().map(|sealed| sealed.bytes.len() as u64).sum(),
            ..PruneReport::default()
        })
    }
}

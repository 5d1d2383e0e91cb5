//! Forgetting snapshots: only what says that they are there is rewritten.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::Archive;
use super::prune::PruneReport;
use super::upkeep::{DataPacker, Merged};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::index::IndexedSegment;
use crate::segment::SealedSegment;
use crate::store::{LockMode, LockName, Name};

/// What forgetting did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Snapshots that are no more.
    pub snapshots: u64,
    /// Segments of the catalogue that were rewritten for it.
    pub rewritten: u64,
}

impl Archive {
    /// Forgets the snapshots with these ids; those that are not there are none already. What only they needed is freed by the next prune.
    pub fn forget(&mut self, ids: &HashSet<Id>) -> Result<Forgotten> {
        let lock = self.store.lock(LockName::Maintenance, LockMode::Exclusive);
        let _lock = lock.map_err(Error::io("lock", self.location()))?;
        self.refresh()?;
        let concerned = self.concerned(ids);
        let snapshots = concerned.values().map(|(_, count)| count).sum();
        let sources: Vec<Arc<IndexedSegment>> = concerned.into_values().map(|(source, _)| source).collect();
        let rewritten = sources.len() as u64;
        if !sources.is_empty() {
            let made = self.without(&sources, ids)?;
            self.replace(&sources, made, &mut Merged::default())?;
        }
        Ok(Forgotten { snapshots, rewritten })
    }

    /// What stands for these segments once the snapshots are forgotten. Data that shares a segment with pages stays.
    fn without(&self, sources: &[Arc<IndexedSegment>], ids: &HashSet<Id>) -> Result<Vec<SealedSegment>> {
        let mut made = self.pack(sources, |moment| !ids.contains(&moment.id()))?;
        let mut packer = DataPacker::new(self.config.archive, self.config.zstd_level);
        for source in sources {
            packer.add(&*self.store, source, |kind, _| !kind.is_of_catalog())?;
        }
        made.extend(packer.finish()?);
        Ok(made)
    }

    /// The segments that say that these snapshots are there, and of how many.
    fn concerned(&self, ids: &HashSet<Id>) -> BTreeMap<Name, (Arc<IndexedSegment>, u64)> {
        let index = self.reader.index();
        let mut concerned = BTreeMap::new();
        if ids.is_empty() {
            return concerned;
        }
        for run in self.catalog.runs() {
            let moments = self.catalog.moments_of(&[Arc::clone(&run)]);
            let count = moments.filter(|moment| ids.contains(&moment.id())).count() as u64;
            let Some(segment) = index.segment(run.segment).filter(|_| count > 0) else {
                continue;
            };
            concerned.entry(run.segment).or_insert((segment, 0)).1 += count;
        }
        concerned
    }

    /// What forgetting these snapshots takes away and writes.
    pub(super) fn count_forgetting(&self, ids: &HashSet<Id>) -> Result<PruneReport> {
        let sources: Vec<Arc<IndexedSegment>> = self
            .concerned(ids)
            .into_values()
            .map(|(source, _)| source)
            .collect();
        let made = self.without(&sources, ids)?;
        Ok(PruneReport {
            deleted: sources.len() as u64,
            deleted_bytes: sources.iter().map(|source| source.len).sum(),
            written_bytes: made.iter().map(|sealed| sealed.bytes.len() as u64).sum(),
            ..PruneReport::default()
        })
    }
}

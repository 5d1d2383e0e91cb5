//! Segments that will be deleted: saying so, seeing it in time, and doing it.

use std::collections::{HashMap, HashSet};
use std::io;

use super::{Marks, PruneReport};
use crate::archive::Archive;
use crate::archive::upkeep::DataPacker;
use crate::archive::writer::put;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::index::IndexedSegment;
use crate::model::Timestamp;
use crate::progress::Progress;
use crate::segment::SealedSegment;
use crate::store::{Name, Shelf};
use crate::wire::{decode_condemned, encode_condemned};

impl Archive {
    /// The condemned segments, and when they were.
    pub(super) fn condemned(&self, now: Timestamp) -> Result<HashMap<Name, i64>> {
        let mut found = HashMap::new();
        let listed = self.store.list(Shelf::Condemned);
        for (name, _) in listed.map_err(Error::io("list condemned segments of", self.location()))? {
            let Name::Condemned(seal) = name else { continue };
            let bytes = match self.store.read(name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                bytes => bytes.map_err(Error::io("read", name.to_string()))?,
            };
            // What is damaged, or was written under a clock that is ahead, counts from now on.
            let secs = match decode_condemned(seal, &bytes) {
                Ok(secs) if secs <= now.secs => secs,
                _ => {
                    self.condemn(Name::Segment(seal), now)?;
                    now.secs
                }
            };
            found.insert(Name::Segment(seal), secs);
        }
        Ok(found)
    }

    /// Which segments are condemned, whenever they were.
    pub(super) fn condemned_names(&self) -> Result<HashSet<Name>> {
        let listed = self.store.list(Shelf::Condemned);
        let listed = listed.map_err(Error::io("list condemned segments of", self.location()))?;
        let segment = |(name, _)| match name {
            Name::Condemned(seal) => Some(Name::Segment(seal)),
            _ => None,
        };
        Ok(listed.into_iter().filter_map(segment).collect())
    }

    pub(super) fn condemn(&self, segment: Name, now: Timestamp) -> Result<()> {
        let Name::Segment(seal) = segment else {
            return Ok(());
        };
        let name = Name::Condemned(seal);
        let written = self.store.put(name, &encode_condemned(seal, now.secs));
        written.map_err(Error::io("write", format!("{}/{name}", self.location())))
    }

    /// Takes back what condemns a segment.
    pub(super) fn acquit(&self, segment: Name) -> Result<()> {
        let Name::Segment(seal) = segment else {
            return Ok(());
        };
        let name = Name::Condemned(seal);
        match self.store.delete(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            deleted => deleted.map_err(Error::io("delete", format!("{}/{name}", self.location()))),
        }
    }

    pub(super) fn delete(
        &self,
        segment: Name,
        len: u64,
        location: &str,
        report: &mut PruneReport,
    ) -> Result<()> {
        match self.store.delete(segment) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            deleted => {
                deleted.map_err(Error::io("delete", format!("{location}/{segment}")))?;
                report.deleted += 1;
                report.deleted_bytes += len;
            }
        }
        self.reader.change_index(|index| index.remove(segment));
        Ok(())
    }

    /// Takes away what condemns segments that are gone, and counts those that wait.
    pub(super) fn forget_condemned(&self, report: &mut PruneReport) -> Result<()> {
        let location = self.location();
        let list = |shelf| {
            self.store
                .list(shelf)
                .map_err(Error::io("list segments of", location.clone()))
        };
        let segments: HashMap<Name, u64> = list(Shelf::Segments)?.into_iter().collect();
        for (name, _) in list(Shelf::Condemned)? {
            let Name::Condemned(seal) = name else { continue };
            match segments.get(&Name::Segment(seal)) {
                Some(len) => {
                    report.waiting += 1;
                    report.waiting_bytes += len;
                }
                None => match self.store.delete(name) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    deleted => deleted.map_err(Error::io("delete", format!("{location}/{name}")))?,
                },
            }
        }
        report.waiting = report.waiting.saturating_sub(report.condemned);
        report.waiting_bytes = report.waiting_bytes.saturating_sub(report.condemned_bytes);
        Ok(())
    }

    /// Before snapshots are made known: if anything was condemned or deleted since they were begun, what they need of condemned segments is
    /// written anew. `condemned` is what was condemned at the beginning.
    pub(in crate::archive) fn rescue(
        &self,
        roots: impl Iterator<Item = Id>,
        condemned: &HashSet<Name>,
        progress: &Progress,
    ) -> Result<Vec<IndexedSegment>> {
        let listed = self.store.list(Shelf::Condemned);
        let listed = listed.map_err(Error::io("list condemned segments of", self.location()))?;
        let is_known = |(name, _): &(Name, u64)| match name {
            Name::Condemned(seal) => condemned.contains(&Name::Segment(*seal)),
            _ => true,
        };
        if listed.len() == condemned.len() && listed.iter().all(is_known) {
            return Ok(Vec::new());
        }
        self.reader.refresh()?;
        let mut marks = Marks::new(&self.reader, progress);
        marks.add_trees(roots)?;
        let index = self.reader.index();
        let mut packer = DataPacker::new(self.config.archive, self.config.zstd_level);
        for (name, _) in index.files() {
            if index.is_condemned(name) && marks.has_any(name) {
                let segment = self.segment(name)?;
                packer.add(&*self.store, &segment, |_, id| marks.has(&segment, id))?;
            }
        }
        let mut made = Vec::new();
        for sealed in packer.finish()? {
            let sealed = self.apart_from_condemned(sealed);
            put(&*self.store, &sealed)?;
            made.push(sealed.into_indexed());
        }
        Ok(made)
    }

    /// A segment is named by what it holds: one that came out as one that is going to be deleted would be deleted with it.
    pub(in crate::archive) fn apart_from_condemned(&self, sealed: SealedSegment) -> SealedSegment {
        let index = self.reader.index();
        sealed.apart_from(|name| index.is_condemned(name))
    }
}

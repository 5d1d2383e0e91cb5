//! Segments that will be deleted: saying so, and doing it.

use std::collections::{HashMap, HashSet};
use std::io;

use bytes::Bytes;

use super::PruneReport;
use crate::archive::Archive;
use crate::error::{Error, Result};
use crate::model::Timestamp;
use crate::store::{Name, Shelf};
use crate::wire::{decode_condemned, encode_condemned};

/// A longer file is no such file.
const CONDEMNED_BYTES: u64 = 4096;

impl Archive {
    /// The condemned segments, and when they were.
    pub(super) fn condemned(&self, now: Timestamp) -> Result<HashMap<Name, i64>> {
        let mut found = HashMap::new();
        let listed = self.store.list(Shelf::Condemned);
        for (name, len) in listed.map_err(Error::io("list condemned segments of", self.location()))? {
            let Name::Condemned(seal) = name else { continue };
            let bytes = match len <= CONDEMNED_BYTES {
                true => self.store.read(name),
                false => Ok(Bytes::new()),
            };
            let bytes = match bytes {
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
}

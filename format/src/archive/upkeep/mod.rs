//! Keeping the number of segments small: small ones are merged by tiers, each byte a few times in its life.

mod catalog;
mod data;
mod tables;

pub(super) use data::DataPacker;
pub use tables::IndexLimits;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Archive;
use crate::error::{Error, Result};
use crate::index::IndexedSegment;
use crate::progress::Progress;
use crate::segment::SealedSegment;
use crate::store::{LockMode, LockName, Name};
use crate::wire::TRAILER_BYTES;

/// How many segments of a tier become one, and how much greater those of the next tier are.
const FAN_IN: u64 = 16;
/// Data segments of less than this are of the lowest tier.
const LOWEST_BYTES: u64 = 64 << 10;
/// Data segments of so many bytes are large enough for ever.
const LARGE_BYTES: u64 = 8 << 20;
/// Segments of the catalogue with so many moments are: forgetting some of them rewrites all.
const MANY_MOMENTS: u64 = 65_536;
/// About how many bytes of data are merged at once.
const MERGED_BYTES: u64 = 64 << 20;

/// What merging did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Segments that are gone.
    pub sources: u64,
    /// Their bytes.
    pub source_bytes: u64,
    /// Segments that stand for them.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Archive {
    /// Merges what has become many, at a cost that is bounded by what was written since: for the end of a snapshot. Nothing happens while
    /// another does the like, and no segment is merged where something is damaged.
    pub(super) fn merge_tiers(&mut self) -> Result<Merged> {
        let mut merged = Merged::default();
        if !self.is_merging_due() && !self.are_tables_due() {
            return Ok(merged);
        }
        let lock = self.store.try_lock(LockName::Maintenance, LockMode::Exclusive);
        let Some(_lock) = lock.map_err(Error::io("lock", self.location()))? else {
            return Ok(merged);
        };
        self.refresh()?;
        // What is merged may be full again.
        while self.is_merging_due() {
            let before = merged;
            if let Some(group) = due(&self.catalog_tiers()) {
                self.merge_catalog(&self.opened(&group)?, &mut merged)?;
            } else if let Some(group) = due(&self.data_tiers()) {
                self.merge_data(&self.opened(&group)?, &mut merged)?;
            }
            // Segments that cannot be merged with each other stay as they are.
            if merged == before {
                break;
            }
        }
        self.tend_tables()?;
        Ok(merged)
    }

    /// Merges all small segments, whatever their tiers. Interrupted, it has merged some of them.
    pub fn compact(&mut self, progress: &Progress) -> Result<Merged> {
        let _lock = self.wait_for(LockName::Maintenance, progress)?;
        self.open_all()?;
        if let Some(damage) = self.damage().first() {
            return Err(Error::Request(format!(
                "the archive is damaged, and nothing is rewritten before that is mended: {damage}"
            )));
        }
        let mut merged = Merged::default();
        let runs: Vec<(Name, u64)> = self.catalog_tiers().into_values().flatten().collect();
        progress.check()?;
        if runs.len() > 1 {
            self.merge_catalog(&self.opened(&runs)?, &mut merged)?;
        }
        let mut small: Vec<(Name, u64)> = self.data_tiers().into_values().flatten().collect();
        while small.len() > 1 {
            progress.check()?;
            let group = first_group(&mut small);
            self.merge_data(&self.opened(&group)?, &mut merged)?;
        }
        self.tend_tables()?;
        Ok(merged)
    }

    /// Asked at the end of each snapshot: nothing is read for it.
    fn is_merging_due(&self) -> bool {
        let is_full = |tiers: Tiers| due(&tiers).is_some();
        self.damage().is_empty() && (is_full(self.catalog_tiers()) || is_full(self.data_tiers()))
    }

    /// The segments that hold nothing but pages and their contents, by the number of their moments.
    fn catalog_tiers(&self) -> Tiers {
        let mut tiers = Tiers::new();
        for segment in self.reader.index().uncovered() {
            let moments = self.catalog.moments_in(segment.name);
            let mut objects = segment.directory.objects.iter();
            let mut is_catalog = || objects.all(|object| object.kind.is_of_catalog());
            if (1..MANY_MOMENTS).contains(&moments) && is_catalog() {
                let tier = tiers.entry(moments.ilog(FAN_IN)).or_default();
                tier.push((segment.name, segment.len));
            }
        }
        tiers
    }

    /// The small segments without any page, by their size.
    fn data_tiers(&self) -> Tiers {
        let mut tiers = Tiers::new();
        let index = self.reader.index();
        for (name, len) in index.files() {
            // What is condemned has gone already, as far as those who write are concerned.
            let is_small = len < LARGE_BYTES && !index.is_condemned(name);
            if is_small && self.catalog.moments_in(name) == 0 {
                let tier = (len / (LOWEST_BYTES / FAN_IN)).max(1).ilog(FAN_IN);
                tiers.entry(tier).or_default().push((name, len));
            }
        }
        tiers
    }

    fn opened(&self, group: &[(Name, u64)]) -> Result<Vec<Arc<IndexedSegment>>> {
        group.iter().map(|(name, _)| self.segment(*name)).collect()
    }

    /// Puts what stands for the sources durably into the store, and only then deletes them. Whoever still knows the sources
    /// looks again when one of them is gone.
    pub(super) fn replace(
        &mut self,
        sources: &[Arc<IndexedSegment>],
        made: Vec<SealedSegment>,
        merged: &mut Merged,
    ) -> Result<()> {
        let location = self.location();
        let made: Vec<SealedSegment> = made
            .into_iter()
            .map(|sealed| self.apart_from_condemned(sealed))
            .collect();
        for sealed in &made {
            super::writer::put(&*self.store, sealed)?;
            merged.segments += 1;
            merged.bytes += sealed.bytes.len() as u64;
        }
        let names: Vec<Name> = made.iter().map(|sealed| sealed.name).collect();
        self.reader.change_index(|index| {
            made.into_iter()
                .for_each(|sealed| index.add(sealed.into_indexed()));
        });
        for source in sources.iter().filter(|source| !names.contains(&source.name)) {
            merged.sources += 1;
            merged.source_bytes += source.len;
            match self.store.delete(source.name) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("delete", format!("{location}/{}", source.name))(error));
                }
                _ => {}
            }
            self.reader.change_index(|index| index.remove(source.name));
        }
        self.catalog.follow();
        Ok(())
    }
}

/// Segments and their lengths, by tier.
type Tiers = BTreeMap<u32, Vec<(Name, u64)>>;

/// The lowest tier that is full: as many of its segments as are merged at once.
fn due(tiers: &Tiers) -> Option<Vec<(Name, u64)>> {
    let full = tiers.values().find(|segments| segments.len() as u64 >= FAN_IN)?;
    Some(first_group(&mut full.clone()))
}

/// Takes as many segments as are merged at once; at least two.
fn first_group(segments: &mut Vec<(Name, u64)>) -> Vec<(Name, u64)> {
    let mut bytes = 0;
    let mut count = 0;
    for (_, len) in segments.iter() {
        bytes += len.saturating_sub(TRAILER_BYTES as u64);
        if bytes > MERGED_BYTES && count >= 2 {
            break;
        }
        count += 1;
    }
    segments.drain(..count).collect()
}

//! Tables of the index: written for segments that have become many, and merged by tiers, each row a few times in its life.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::super::Archive;
use crate::error::{Error, Result};
use crate::index::table::{Table, merge_tables, write_table};
use crate::index::{Covering, IndexedSegment};
use crate::store::Name;
use crate::wire::{Covered, Row};

/// How many tables of a tier become one, and how much greater those of the next tier are.
const FAN_IN: usize = 8;
/// About how many rows are sorted in memory at once.
const SORTED_ROWS: usize = 1 << 20;
/// The most rows that a merge writes: it is behind a snapshot, and lines are in memory until they are written.
const MERGED_ROWS: u64 = 1 << 25;

/// When segments get a table: what is below all of these is quickly opened without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexLimits {
    /// Smaller segments get none: they will soon be merged.
    pub segment_bytes: u64,
    /// So many segments get one.
    pub segments: usize,
    /// So many objects get one.
    pub objects: usize,
}

impl Default for IndexLimits {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 10,
            segments: 64,
            objects: 8192,
        }
    }
}

impl Archive {
    /// Says when segments get a table of the index from now on.
    pub fn limit_index(&mut self, limits: IndexLimits) {
        self.index_limits = limits;
    }

    /// Asked at the end of each snapshot: nothing is read for it.
    pub(super) fn are_tables_due(&self) -> bool {
        let has_useless = self.damaged_tables().next().is_some() || !self.empty_tables().is_empty();
        has_useless || self.due_segments().is_some() || self.due_tables().is_some()
    }

    /// Writes and merges tables as far as that is due, and deletes what is of no use. The maintenance lock is held.
    pub(super) fn tend_tables(&mut self) -> Result<()> {
        for name in self.damaged_tables() {
            self.delete_table(name)?;
            self.reader.forget_table(name);
        }
        for name in self.empty_tables() {
            self.delete_table(name)?;
        }
        while let Some(segments) = self.due_segments() {
            let written = self.write_table(&segments)?;
            if !self.adopt(written)? {
                return Ok(());
            }
        }
        while let Some(group) = self.due_tables() {
            if !self.merge_group(&group)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Tables that are of no use to anybody. One that could not be read now may be good.
    fn damaged_tables(&self) -> impl Iterator<Item = Name> + use<> {
        let wrong = self.reader.wrong_tables().into_iter();
        wrong.filter_map(|(name, error)| error.is_damage().then_some(name))
    }

    /// Segments without a table that should have one.
    fn due_segments(&self) -> Option<Vec<Arc<IndexedSegment>>> {
        let limits = self.index_limits;
        let index = self.reader.index();
        let is_due = |segment: &&Arc<IndexedSegment>| {
            let mut objects = segment.directory.objects.iter();
            // What says which snapshots there are is looked at whenever an archive is opened.
            segment.len >= limits.segment_bytes
                && !index.is_condemned(segment.name)
                && objects.all(|object| !object.kind.is_of_catalog())
        };
        let due: Vec<&Arc<IndexedSegment>> = index.uncovered().filter(is_due).collect();
        let objects: usize = due.iter().map(|segment| segment.directory.objects.len()).sum();
        if due.is_empty() || (due.len() < limits.segments && objects < limits.objects) {
            return None;
        }
        let mut rows = 0;
        let fitting = due.into_iter().take_while(|segment| {
            let is_first = rows == 0;
            rows += segment.directory.objects.len();
            is_first || rows <= SORTED_ROWS
        });
        Some(fitting.cloned().collect())
    }

    fn write_table(&self, segments: &[Arc<IndexedSegment>]) -> Result<Name> {
        let mut covered: Vec<(Covered, &IndexedSegment)> = Vec::new();
        for segment in segments {
            let Name::Segment(seal) = segment.name else {
                continue;
            };
            let object_count = segment.directory.objects.len() as u32;
            let len = segment.len;
            covered.push((
                Covered {
                    seal,
                    len,
                    object_count,
                },
                segment,
            ));
        }
        covered.sort_unstable_by_key(|(covered, _)| covered.seal);
        let mut rows = Vec::with_capacity(segments.iter().map(|s| s.directory.objects.len()).sum());
        for (segment, (_, indexed)) in (0..).zip(&covered) {
            let objects = (0..).zip(&indexed.directory.objects);
            rows.extend(objects.map(|(object, entry)| Row {
                id: entry.id,
                segment,
                object,
            }));
        }
        rows.sort_unstable();
        let covered: Vec<Covered> = covered.into_iter().map(|(covered, _)| covered).collect();
        let rows = || rows.iter().copied().map(Ok);
        let (name, _) = write_table(&*self.store, self.config.archive, &covered, rows)?;
        Ok(name)
    }

    /// Takes a table that was written into use. False if it cannot be.
    fn adopt(&mut self, name: Name) -> Result<bool> {
        self.refresh()?;
        let index = self.reader.index();
        Ok(index
            .coverings()
            .iter()
            .any(|covering| covering.table().name() == name))
    }

    /// Tables that should be written anew as one: too many of a tier, or one that has outlived most of its segments.
    fn due_tables(&self) -> Option<Vec<Arc<Table>>> {
        let index = self.reader.index();
        let is_stale =
            |covering: &&Covering| covering.row_count() * 2 < u64::from(covering.table().row_count());
        if let Some(stale) = index.coverings().iter().find(is_stale) {
            return Some(vec![Arc::clone(stale.table())]);
        }
        let mut tiers: BTreeMap<u32, Vec<&Covering>> = BTreeMap::new();
        for covering in index.coverings() {
            let tier = (covering.row_count() / self.index_limits.objects.max(1) as u64).max(1);
            tiers.entry(tier.ilog(FAN_IN as u64)).or_default().push(covering);
        }
        let full = tiers.into_values().filter(|tables| tables.len() >= FAN_IN);
        full.map(smallest).find(|group| group.len() > 1)
    }

    /// False if one of the sources is damaged.
    fn merge_group(&mut self, group: &[Arc<Table>]) -> Result<bool> {
        // A merge must not give damaged rows a check that fits.
        let mut is_sound = true;
        for table in group {
            if let Err(error) = table.check() {
                self.reader.distrust_table(table.name(), error);
                is_sound = false;
            }
        }
        if !is_sound {
            return Ok(false);
        }
        let index = self.reader.index();
        let is_source =
            |covering: &&Covering| group.iter().any(|table| table.name() == covering.table().name());
        let coverings: Vec<&Covering> = index.coverings().iter().filter(is_source).collect();
        let is_kept = |covered: &Covered| {
            let name = Name::Segment(covered.seal);
            coverings
                .iter()
                .any(|covering| covering.number_of(name).is_some())
        };
        let sources: Vec<&Table> = group.iter().map(|table| &**table).collect();
        let written = merge_tables(&*self.store, self.config.archive, &sources, is_kept)?;
        drop(index);
        for table in group {
            if written.is_none_or(|(name, _)| name != table.name()) {
                self.delete_table(table.name())?;
            }
        }
        match written {
            Some((name, _)) => self.adopt(name),
            None => self.refresh().map(|()| true),
        }
    }

    /// Tables of which no segment is there any more, or only such as another covers, too.
    fn empty_tables(&self) -> Vec<Name> {
        let index = self.reader.index();
        let empty = index
            .coverings()
            .iter()
            .filter(|covering| covering.segment_count() == 0);
        empty.map(|covering| covering.table().name()).collect()
    }

    fn delete_table(&self, name: Name) -> Result<()> {
        match self.store.delete(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("delete", format!("{}/{name}", self.location()))(error))
            }
            _ => Ok(()),
        }
    }
}

/// The smallest of these tables, as many as are merged at once.
fn smallest(mut tables: Vec<&Covering>) -> Vec<Arc<Table>> {
    tables.sort_by_key(|covering| covering.row_count());
    let mut rows = 0;
    let fitting = tables.into_iter().take_while(|covering| {
        rows += covering.row_count();
        rows <= MERGED_ROWS
    });
    fitting.map(|covering| Arc::clone(covering.table())).collect()
}

//! Verification: what is damaged, and which snapshots and paths that costs.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex};

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::Archive;
use super::follow::Follow;
use crate::error::{Error, Result};
use crate::id::{Id, Kind};
use crate::index::IndexedSegment;
use crate::progress::Progress;
use crate::segment::{BadDelta, BlockDamage, Families, check_block};
use crate::store::{LockMode, LockName, Name};
use crate::wire::ObjectEntry;

/// How thoroughly to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyLevel {
    /// Config, the ends of all segments, all snapshots, trees and chunk lists, and that every
    /// chunk is there, with what it is made from.
    Quick,
    /// Every byte.
    Full,
}

/// Something damaged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damaged {
    /// The file of the archive, where it is known.
    pub file: Option<String>,
    /// Offset in it, in bytes.
    pub offset: Option<u64>,
    /// The object that is lost; `None` where a whole file is concerned, or bytes of no object.
    pub object: Option<(Kind, Id)>,
    /// What is wrong.
    pub reason: String,
    /// The snapshots that it costs something.
    pub snapshots: BTreeSet<Id>,
    /// The paths in them that cannot be restored whole; the first of them, if they are many.
    pub paths: BTreeSet<Vec<u8>>,
}

/// What a verification found.
#[derive(Clone, Debug, Default)]
pub struct VerifyReport {
    /// Objects checked.
    pub objects: u64,
    /// Bytes of the archive read and checked.
    pub bytes: u64,
    /// Segments checked.
    pub segments: u64,
    /// Snapshots whose trees were followed.
    pub snapshots: u64,
    /// What is damaged.
    pub damaged: Vec<Damaged>,
}

impl Archive {
    /// Verifies the archive. Damage is the report's subject, not an error.
    pub fn verify(&self, level: VerifyLevel, progress: &Progress) -> Result<VerifyReport> {
        // What is rewritten meanwhile would look as if it were lost. Where nothing can be locked, nothing is written either.
        let _lock = self.store.lock(LockName::Maintenance, LockMode::Shared);
        let mut damaged_segments = self.catalog.refresh()?;
        let mut report = VerifyReport::default();
        if let Some(found) = self.check_tables(level, progress, &mut report)? {
            damaged_segments = found;
        }
        self.reader.open_all();
        let mut lost: BTreeMap<Id, Damaged> = BTreeMap::new();
        // Each page is read: what it says is needed below, and damage in it shows.
        self.catalog.len();
        let others = [self.reader.covered_damage(), self.catalog.damage()].concat();
        let errors = damaged_segments.iter().chain(others.iter().map(|error| &**error));
        for error in errors {
            let damaged = Damaged::from_error(error);
            match damaged.object {
                Some((_, id)) => drop(lost.insert(id, damaged)),
                None => report.damaged.push(damaged),
            }
        }
        let index = self.reader.index();
        report.segments = index.segment_count() as u64;
        let ends = |segment: Arc<IndexedSegment>| segment.len - segment.directory.blocks_len();
        report.bytes = index.segments().map(ends).sum();
        let mut baseless = HashSet::new();
        if level == VerifyLevel::Full {
            let unfit = self.catalog.unfit_contents();
            report.damaged.extend(unfit.iter().map(Damaged::from_error));
            baseless = self.check_blocks(progress, &mut report, &mut lost)?;
        }
        let mut follow = Follow::new(&self.reader, &mut lost, progress);
        for moment in self.catalog.oldest_first() {
            progress.check()?;
            report.snapshots += 1;
            follow.snapshot(moment.id(), moment.state.snapshot.root)?;
        }
        let checked = follow.checked_count();
        // A prune that was interrupted has deleted the base and left the delta: where no snapshot needs it, it is garbage (F-091).
        baseless.retain(|id| !follow.has_met(id));
        // Of pages that contents speak of, damage shows when they are read.
        for error in self.catalog.damage() {
            let damaged = Damaged::from_error(&error);
            if let Some((_, id)) = damaged.object {
                lost.entry(id).or_insert(damaged);
            }
        }
        report.objects = match level {
            VerifyLevel::Quick => checked as u64,
            VerifyLevel::Full => index.object_count() as u64,
        };
        // The node of a directory, which is met with the whole of it, costs snapshots all the same.
        lost.retain(|id, damaged| !baseless.contains(id) || !damaged.snapshots.is_empty());
        report.damaged.extend(lost.into_values());
        Ok(report)
    }

    /// Reads every block of every segment, on all cores. The answer is which deltas lack a base: garbage where another copy is intact (F-045).
    fn check_blocks(
        &self,
        progress: &Progress,
        report: &mut VerifyReport,
        lost: &mut BTreeMap<Id, Damaged>,
    ) -> Result<HashSet<Id>> {
        let index = self.reader.index();
        let stored = |segment: &IndexedSegment| segment.directory.blocks_len();
        progress.total_bytes.store(
            index.segments().map(|segment| stored(&segment)).sum(),
            std::sync::atomic::Ordering::Relaxed,
        );
        let families = Families::new(&self.reader);
        let found = Mutex::new(Vec::new());
        let note = |segment: &IndexedSegment, damage: BlockDamage| {
            let mut found = found.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            found.push((segment.name, damage));
        };
        let baseless = Mutex::new(HashSet::new());
        let note_delta = |bad: BadDelta| {
            if index.chain(bad.at.clone()).any(|at| at.is_none()) {
                let mut baseless = baseless.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                baseless.insert((bad.at.object.id, bad.at.segment.name));
            }
            let damage = BlockDamage {
                offset: bad.at.block.offset,
                flaw: bad.flaw,
                objects: vec![bad.at.object],
            };
            note(&bad.at.segment, damage);
        };
        for segment in index.segments() {
            let mut objects: Vec<ObjectEntry> = segment.directory.objects.clone();
            objects.sort_unstable_by_key(|object| (object.block, object.offset));
            let by_block: Vec<&[ObjectEntry]> = objects.chunk_by(|a, b| a.block == b.block).collect();
            let mut blocks: Vec<(usize, &[ObjectEntry])> = (0..segment.directory.blocks.len())
                .map(|number| (number, &[][..]))
                .collect();
            for objects in by_block {
                blocks[objects[0].block as usize].1 = objects;
            }
            blocks.par_iter().try_for_each(|(number, objects)| {
                progress.check()?;
                let mut bases = Vec::new();
                let mut sound = |object: &ObjectEntry, bytes| bases.push((object.kind, object.id, bytes));
                if let Some(damage) = check_block(&*self.store, &segment, *number, objects, &mut sound) {
                    note(&segment, damage);
                }
                for (kind, id, bytes) in bases {
                    families.check(kind, id, bytes, &mut |bad| note_delta(bad));
                }
                progress.add(0, segment.directory.blocks[*number].stored_len.into());
                Ok::<(), Error>(())
            })?;
            report.bytes += stored(&segment);
        }
        families.unreached().for_each(note_delta);
        let found = found
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let baseless = baseless
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let bad: HashSet<(Id, Name)> = found
            .iter()
            .flat_map(|(name, d)| d.objects.iter().map(|o| (o.id, *name)))
            .collect();
        let costly: HashSet<(Name, u64)> = found
            .iter()
            .filter(|(_, d)| !d.objects.is_empty())
            .map(|(name, d)| (*name, d.offset))
            .collect();
        for (name, damage) in &found {
            let whole = Damaged {
                file: Some(name.to_string()),
                offset: Some(damage.offset),
                reason: damage.flaw.to_string(),
                ..Damaged::default()
            };
            // Of a block of deltas it is known only behind their bases what its damage costs.
            if damage.objects.is_empty() && !costly.contains(&(*name, damage.offset)) {
                report.damaged.push(whole.clone());
            }
            for object in &damage.objects {
                let damaged = Damaged {
                    object: Some((object.kind, object.id)),
                    ..whole.clone()
                };
                let mut copies = index.find_all(object.id);
                if copies.all(|copy| bad.contains(&(object.id, copy.segment.name))) {
                    lost.insert(object.id, damaged);
                } else if !baseless.contains(&(object.id, *name)) {
                    // Another copy is intact: damage that costs nothing yet.
                    report.damaged.push(damaged);
                }
            }
        }
        report
            .damaged
            .sort_by(|a, b| (&a.file, a.offset).cmp(&(&b.file, b.offset)));
        Ok(baseless.into_iter().map(|(id, _)| id).collect())
    }
}

impl Damaged {
    pub(super) fn from_error(error: &Error) -> Self {
        let reason = error.to_string();
        match error {
            Error::Damaged(damage) => Self {
                file: Some(damage.file.clone()),
                offset: damage.offset,
                object: damage.object,
                reason: damage.flaw.to_string(),
                ..Self::default()
            },
            Error::Missing { kind, id } => Self {
                object: Some((*kind, *id)),
                reason,
                ..Self::default()
            },
            Error::Invalid { kind, id, flaw } => Self {
                object: Some((*kind, *id)),
                reason: flaw.to_string(),
                ..Self::default()
            },
            Error::Io { op, path, source } => Self {
                file: Some(path.clone()),
                reason: format!("cannot {op}: {source}"),
                ..Self::default()
            },
            _ => Self {
                reason,
                ..Self::default()
            },
        }
    }
}

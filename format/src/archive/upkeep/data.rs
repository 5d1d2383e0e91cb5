//! Merging segments of data. Large blocks are copied as they are; the objects of small ones get blocks together.

use std::collections::HashMap;
use std::sync::Arc;

use super::Merged;
use crate::archive::Archive;
use crate::archive::lineage::OWN_BLOCK_BYTES;
use crate::compress::decompress;
use crate::error::{Error, Flaw, Result};
use crate::id::{Id, Kind};
use crate::index::{IndexedSegment, Location, locate};
use crate::segment::{Delta, PlainBlock, SealedSegment, SegmentWriter, StoredBlock};
use crate::store::Store;
use crate::wire::{ArchiveId, BlockEntry, Method};

/// Blocks of more plain bytes are copied as they are.
const SMALL_BLOCK_BYTES: u32 = 512 << 10;
/// What is compressed anew is small, and kept for years.
const ZSTD_LEVEL: i32 = 12;

impl Archive {
    /// Merges segments of data.
    pub(super) fn merge_data(&mut self, sources: &[Arc<IndexedSegment>], merged: &mut Merged) -> Result<()> {
        let (sources, chosen) = choose(sources);
        if sources.len() < 2 {
            return Ok(());
        }
        let mut packer = DataPacker::new(self.config.archive, self.config.zstd_level);
        for (number, source) in sources.iter().enumerate() {
            packer.add(&*self.store, source, |_, id| chosen.get(id) == Some(&number))?;
        }
        let made = packer.finish()?;
        self.replace(&sources, made, merged)
    }
}

/// The segments that can be merged, and which of them each object is taken from: one where it is whole, if there is one. Two deltas
/// of one object that are made from different bases may each be needed by what is made from them: one of them stays where it is.
fn choose(sources: &[Arc<IndexedSegment>]) -> (Vec<Arc<IndexedSegment>>, HashMap<Id, usize>) {
    let mut taken = Vec::new();
    let mut chosen: HashMap<Id, (usize, Option<Id>)> = HashMap::new();
    for source in sources {
        let objects: Vec<(Id, Option<Id>)> = (0..)
            .zip(&source.directory.objects)
            .map(|(number, object)| (object.id, source.directory.delta(number).map(|delta| delta.base)))
            .collect();
        let is_at_odds = |(id, base): &(Id, Option<Id>)| {
            let known = chosen.get(id).and_then(|(_, known)| *known);
            base.is_some() && known.is_some() && known != *base
        };
        if objects.iter().any(is_at_odds) {
            continue;
        }
        for (id, base) in objects {
            let known = chosen.entry(id).or_insert((taken.len(), base));
            if known.1.is_some() && base.is_none() {
                *known = (taken.len(), base);
            }
        }
        taken.push(Arc::clone(source));
    }
    let places = chosen.into_iter().map(|(id, (number, _))| (id, number));
    (taken, places.collect())
}

/// Puts objects of other segments into new ones.
pub(in crate::archive) struct DataPacker {
    archive: ArchiveId,
    zstd_level: i32,
    segment: SegmentWriter,
    made: Vec<SealedSegment>,
    chunks: PlainBlock,
    others: PlainBlock,
    deltas: PlainBlock,
}

impl DataPacker {
    pub(in crate::archive) fn new(archive: ArchiveId, zstd_level: i32) -> Self {
        Self {
            archive,
            zstd_level: zstd_level.max(ZSTD_LEVEL),
            segment: SegmentWriter::small(archive),
            made: Vec::new(),
            chunks: PlainBlock::default(),
            others: PlainBlock::default(),
            deltas: PlainBlock::default(),
        }
    }

    /// Adds the wanted objects of a segment; every block is compared with its check before.
    pub(in crate::archive) fn add(
        &mut self,
        store: &dyn Store,
        source: &Arc<IndexedSegment>,
        is_wanted: impl Fn(Kind, &Id) -> bool,
    ) -> Result<()> {
        let mut by_block: HashMap<u32, Vec<Location>> = HashMap::new();
        for number in 0..source.directory.objects.len() as u32 {
            let Some(at) = locate(source, number) else {
                continue;
            };
            if is_wanted(at.object.kind, &at.object.id) {
                by_block.entry(at.object.block).or_default().push(at);
            }
        }
        for (number, block) in (0..).zip(&source.directory.blocks) {
            let Some(mut objects) = by_block.remove(&number) else {
                continue;
            };
            objects.sort_unstable_by_key(|at| at.object.offset);
            self.add_block(store, source, block, objects)?;
        }
        Ok(())
    }

    fn add_block(
        &mut self,
        store: &dyn Store,
        source: &IndexedSegment,
        block: &BlockEntry,
        objects: Vec<Location>,
    ) -> Result<()> {
        let damaged = |flaw| Error::damaged(source.name.to_string(), Some(block.offset), flaw);
        let range = block.offset..block.offset + u64::from(block.stored_len);
        let read = store.read_range(source.name, range);
        let stored = read.map_err(Error::io("read", format!("{}/{}", store.location(), source.name)))?;
        if Id(*blake3::hash(&stored).as_bytes()) != block.check {
            return Err(damaged(Flaw::new("block", "contents", "do not fit their check")));
        }
        let covered: u64 = objects.iter().map(|at| u64::from(at.object.len)).sum();
        let is_whole = covered >= u64::from(block.plain_len);
        let has_deltas = objects.iter().any(|at| at.delta.is_some());
        let is_single = objects.len() == 1 && block.plain_len as usize >= OWN_BLOCK_BYTES;
        let is_large = block.plain_len > SMALL_BLOCK_BYTES;
        if is_whole && !has_deltas && (is_single || is_large) {
            self.make_room()?;
            self.segment
                .push(StoredBlock::copied(block, stored, objects.iter().map(entry)));
            return Ok(());
        }
        let plain = match block.method {
            Method::Raw => stored,
            Method::Zstd => decompress(&stored, block.plain_len as usize)
                .map_err(damaged)?
                .into(),
        };
        for at in objects {
            let start = at.object.offset as usize;
            let bytes = plain.get(start..start + at.object.len as usize);
            let bytes = bytes.ok_or_else(|| damaged(Flaw::new("block", "length", "is too short")))?;
            self.add_object(&at, bytes)?;
        }
        Ok(())
    }

    fn add_object(&mut self, at: &Location, bytes: &[u8]) -> Result<()> {
        let (object, delta) = entry(at);
        let block = match (delta, object.kind) {
            (Some(_), _) => &mut self.deltas,
            (None, Kind::Chunk) => &mut self.chunks,
            (None, _) => &mut self.others,
        };
        let full = block.is_full_for(bytes.len()).then(|| std::mem::take(block));
        match delta {
            Some(delta) => block.push_delta(object.kind, object.id, bytes, delta),
            None => block.push(object.kind, object.id, bytes),
        }
        match full {
            Some(full) => self.lay(full, delta.is_some()),
            None => Ok(()),
        }
    }

    fn lay(&mut self, block: PlainBlock, is_of_deltas: bool) -> Result<()> {
        if block.is_empty() {
            return Ok(());
        }
        self.make_room()?;
        self.segment.push(match is_of_deltas {
            true => block.store_raw(),
            false => block.store(self.zstd_level),
        });
        Ok(())
    }

    fn make_room(&mut self) -> Result<()> {
        if self.segment.is_full() {
            let next = SegmentWriter::small(self.archive);
            self.made.push(std::mem::replace(&mut self.segment, next).seal());
        }
        Ok(())
    }

    /// The segments that are full by now.
    pub(in crate::archive) fn take_made(&mut self) -> Vec<SealedSegment> {
        std::mem::take(&mut self.made)
    }

    /// The other new segments; none, if nothing was wanted.
    pub(in crate::archive) fn finish(mut self) -> Result<Vec<SealedSegment>> {
        let (chunks, others) = (std::mem::take(&mut self.chunks), std::mem::take(&mut self.others));
        let deltas = std::mem::take(&mut self.deltas);
        self.lay(chunks, false)?;
        self.lay(others, false)?;
        self.lay(deltas, true)?;
        if !self.segment.is_empty() {
            self.made.push(self.segment.seal());
        }
        Ok(self.made)
    }
}

fn entry(at: &Location) -> (crate::wire::ObjectEntry, Option<Delta>) {
    let delta = at.delta.map(|delta| Delta {
        base: delta.base,
        plain_len: delta.plain_len,
        generation: at.object.generation,
    });
    (at.object, delta)
}

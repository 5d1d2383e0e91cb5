//! Objects out of one archive, compared with their ids on the way, as blocks for another: by all cores, in the order of the plan.

use bytes::Bytes;

use super::plan::Plan;
use crate::archive::Memory;
use crate::archive::lineage::OWN_BLOCK_BYTES;
use crate::error::{Error, Result};
use crate::id::{Id, Kind};
use crate::index::Location;
use crate::ordered::Ordered;
use crate::progress::Progress;
use crate::segment::{Delta, ObjectReader, PlainBlock, StoredBlock};

/// Small objects that travel together are compressed at least at this zstd level: it is done once.
const THOROUGH_LEVEL: i32 = 12;
/// How many blocks are compressed so.
const THOROUGH_BLOCKS: usize = 64;
/// About how many plain bytes of deltas one task decodes, and how many of them at most.
const RUN_BYTES: usize = 1 << 20;
const RUN_DELTAS: usize = 512;
/// How many plain bytes of bases a task holds for the deltas that come next.
const HELD_BYTES: usize = 4 << 20;

/// Where blocks go, in the order in which they come.
pub(super) trait Laying {
    fn lay(&mut self, block: StoredBlock) -> Result<()>;
}

/// How objects are packed that do not travel as they are.
#[derive(Clone, Copy)]
pub(super) struct Carriage {
    pub(super) zstd_level: i32,
    pub(super) memory: Memory,
}

/// What a task found, ready to be laid down.
enum Load {
    /// A block, as it was stored or with one object only.
    Block(StoredBlock),
    /// A small object that shares a block with others.
    Small(Kind, Id, Bytes),
    /// A delta whose base was laid down before.
    Frame(Kind, Id, Bytes, Delta),
}

type Loads = Result<(u64, Vec<Load>)>;

/// Carries everything that the plan names. When it returns, everything was laid down.
pub(super) fn carry(
    source: &ObjectReader,
    plan: &Plan,
    carriage: Carriage,
    laying: &mut dyn Laying,
    progress: &Progress,
) -> Result<()> {
    rayon::in_place_scope(|tasks| {
        // A block before and behind decompression.
        let limit = carriage.memory.tasks(4 << 20);
        let mut carrier = Carrier {
            source,
            carriage,
            progress,
            loading: Ordered::new(tasks, limit),
            compressing: Ordered::new(tasks, limit),
            packing: Packing::default(),
            laying,
        };
        carrier.whole_objects(plan)?;
        carrier.settle()?;
        carrier.deltas(plan)?;
        carrier.settle()
    })
}

#[derive(Default)]
struct Packing {
    chunks: PlainBlock,
    others: PlainBlock,
    deltas: PlainBlock,
    blocks: usize,
}

struct Carrier<'a, 'scope> {
    source: &'scope ObjectReader,
    carriage: Carriage,
    progress: &'scope Progress,
    loading: Ordered<'a, 'scope, Loads>,
    compressing: Ordered<'a, 'scope, StoredBlock>,
    packing: Packing,
    laying: &'a mut dyn Laying,
}

impl<'scope> Carrier<'_, 'scope> {
    fn whole_objects(&mut self, plan: &Plan) -> Result<()> {
        for segment in plan.whole.segments() {
            let mut objects: Vec<Location> = segment.collect();
            objects.sort_unstable_by_key(|at| (at.object.block, at.object.offset));
            for block in objects.chunk_by(|a, b| a.object.block == b.object.block) {
                let (source, block) = (self.source, block.to_vec());
                let level = self.carriage.zstd_level;
                self.load(move || load_block(source, block, level))?;
            }
        }
        for at in plan.undone.iter() {
            let (source, level) = (self.source, self.carriage.zstd_level);
            self.load(move || Ok((stored_len(&at), vec![load_one(source, &at, level)?])))?;
        }
        Ok(())
    }

    fn deltas(&mut self, plan: &Plan) -> Result<()> {
        let mut run = Vec::new();
        let mut bytes = 0;
        for at in &plan.deltas {
            bytes += at.plain_len() as usize;
            run.push(at.clone());
            if bytes >= RUN_BYTES || run.len() >= RUN_DELTAS {
                bytes = 0;
                self.load_run(std::mem::take(&mut run))?;
            }
        }
        self.load_run(run)
    }

    fn load_run(&mut self, run: Vec<Location>) -> Result<()> {
        let (source, level) = (self.source, self.carriage.zstd_level);
        self.load(move || load_deltas(source, run, level))
    }

    fn load(&mut self, task: impl FnOnce() -> Loads + Send + 'scope) -> Result<()> {
        self.progress.check()?;
        while self.loading.is_full() {
            self.take_next()?;
        }
        self.loading.push(task);
        Ok(())
    }

    /// Lays down what the oldest task found, or packs it with more; false if there is none.
    fn take_next(&mut self) -> Result<bool> {
        let Some(found) = self.loading.pop() else {
            return Ok(false);
        };
        let (read, loads) = found?;
        self.progress.add(0, read);
        for load in loads {
            match load {
                Load::Block(block) => self.laying.lay(block)?,
                Load::Small(kind, id, bytes) => self.pack(kind, id, &bytes)?,
                Load::Frame(kind, id, frame, delta) => {
                    if self.packing.deltas.is_full_for(frame.len()) {
                        self.lay_deltas()?;
                    }
                    self.packing.deltas.push_delta(kind, id, &frame, delta);
                }
            }
        }
        Ok(true)
    }

    fn pack(&mut self, kind: Kind, id: Id, bytes: &[u8]) -> Result<()> {
        let block = match kind {
            Kind::Chunk => &mut self.packing.chunks,
            _ => &mut self.packing.others,
        };
        let full = block.is_full_for(bytes.len()).then(|| std::mem::take(block));
        block.push(kind, id, bytes);
        match full {
            Some(full) => self.compress(full),
            None => Ok(()),
        }
    }

    fn compress(&mut self, block: PlainBlock) -> Result<()> {
        if block.is_empty() {
            return Ok(());
        }
        if self.compressing.is_full() {
            self.lay_compressed()?;
        }
        self.packing.blocks += 1;
        let level = match self.packing.blocks <= THOROUGH_BLOCKS {
            true => self.carriage.zstd_level.max(THOROUGH_LEVEL),
            false => self.carriage.zstd_level,
        };
        self.compressing.push(move || block.store(level));
        Ok(())
    }

    fn lay_compressed(&mut self) -> Result<bool> {
        match self.compressing.pop() {
            Some(block) => self.laying.lay(block).map(|()| true),
            None => Ok(false),
        }
    }

    /// Frames are compressed already, and each is read without the others.
    fn lay_deltas(&mut self) -> Result<()> {
        let block = std::mem::take(&mut self.packing.deltas);
        match block.is_empty() {
            true => Ok(()),
            false => self.laying.lay(block.store_raw()),
        }
    }

    /// Lays down everything that is held back: what comes next may be made from it.
    fn settle(&mut self) -> Result<()> {
        while self.take_next()? {}
        for block in [
            std::mem::take(&mut self.packing.chunks),
            std::mem::take(&mut self.packing.others),
        ] {
            self.compress(block)?;
        }
        while self.lay_compressed()? {}
        self.lay_deltas()
    }
}

fn stored_len(at: &Location) -> u64 {
    u64::from(at.object.len)
}

/// Objects of one block: as they are stored where all of the block belongs to them, else one by one, so that nothing comes along that
/// nobody asked for.
fn load_block(source: &ObjectReader, objects: Vec<Location>, zstd_level: i32) -> Loads {
    let Some(first) = objects.first() else {
        return Ok((0, Vec::new()));
    };
    let read = u64::from(first.block.stored_len);
    let Ok(Some(block)) = source.checked_block(&objects) else {
        // Other copies may do, and the segment may have been merged into another.
        let loads = objects.iter().map(|at| load_one(source, at, zstd_level));
        return Ok((read, loads.collect::<Result<_>>()?));
    };
    if covers_block(&objects) {
        let entries = objects.iter().map(|at| (at.object, None));
        let block = StoredBlock::copied(&first.block, block.stored, entries);
        return Ok((read, vec![Load::Block(block)]));
    }
    let part = |at: &Location| {
        let start = at.object.offset as usize;
        let bytes = block.plain.slice(start..start + at.object.len as usize);
        packed(at.object.kind, at.object.id, bytes, zstd_level)
    };
    Ok((read, objects.iter().map(part).collect()))
}

/// Whether objects, which come in the order of their offsets, leave no byte of their block to others.
fn covers_block(objects: &[Location]) -> bool {
    let mut end = 0;
    for at in objects {
        if at.object.offset > end {
            return false;
        }
        end = end.max(at.object.offset + at.object.len);
    }
    objects.first().is_some_and(|at| end == at.block.plain_len)
}

/// One object, whole, from whatever copy is good.
fn load_one(source: &ObjectReader, at: &Location, zstd_level: i32) -> Result<Load> {
    let (kind, id) = (at.object.kind, at.object.id);
    Ok(packed(kind, id, source.get(kind, id)?, zstd_level))
}

fn packed(kind: Kind, id: Id, bytes: Bytes, zstd_level: i32) -> Load {
    match bytes.len() >= OWN_BLOCK_BYTES {
        true => Load::Block(StoredBlock::of_one(kind, id, bytes, zstd_level)),
        false => Load::Small(kind, id, bytes),
    }
}

/// Deltas that mostly are made from each other. The plain bytes of those on the way are held, so that each is decoded once.
fn load_deltas(source: &ObjectReader, run: Vec<Location>, zstd_level: i32) -> Loads {
    let mut read = 0;
    let mut loads = Vec::with_capacity(run.len());
    let mut held: Vec<(Id, Bytes)> = Vec::new();
    for at in run {
        read += stored_len(&at);
        let (kind, id) = (at.object.kind, at.object.id);
        let (load, plain) = match frame_of(source, &at, &mut held) {
            Ok((frame, plain, delta)) => (Load::Frame(kind, id, frame, delta), plain),
            Err(error @ Error::Interrupted) => return Err(error),
            // Other copies may do. Stored whole, it is there for those that are made from it.
            Err(_) => {
                let plain = source.get(kind, id)?;
                let whole = StoredBlock::of_one(kind, id, plain.clone(), zstd_level);
                (Load::Block(whole), plain)
            }
        };
        loads.push(load);
        held.push((id, plain));
        let mut bytes: usize = held.iter().map(|(_, plain)| plain.len()).sum();
        while bytes > HELD_BYTES && held.len() > 1 {
            bytes -= held.remove(0).1.len();
        }
    }
    Ok((read, loads))
}

fn frame_of(
    source: &ObjectReader,
    at: &Location,
    held: &mut Vec<(Id, Bytes)>,
) -> Result<(Bytes, Bytes, Delta)> {
    let (kind, id) = (at.object.kind, at.object.id);
    let Some(entry) = at.delta else {
        return Err(Error::Missing { kind, id });
    };
    while held.last().is_some_and(|(id, _)| *id != entry.base) {
        held.pop();
    }
    let base = match held.last() {
        Some((_, plain)) => plain.clone(),
        None => {
            let plain = source.get(kind, entry.base)?;
            held.push((entry.base, plain.clone()));
            plain
        }
    };
    let (frame, plain) = source.checked_frame(at, &base)?;
    let delta = Delta {
        base: entry.base,
        plain_len: entry.plain_len,
        generation: at.object.generation,
    };
    Ok((frame, plain, delta))
}

//! Objects out of one archive, compared with their ids on the way, as blocks for another: by all cores, in the order of the plan.

use super::load::{Load, Loads, load_block, load_deltas, load_undone};
use super::plan::Plan;
use crate::archive::Memory;
use crate::error::Result;
use crate::id::{Id, Kind};
use crate::index::Location;
use crate::limits::OBJECT_BYTES;
use crate::ordered::Ordered;
use crate::progress::Progress;
use crate::segment::{ObjectReader, PlainBlock, StoredBlock};

/// Small objects that travel together are compressed at least at this zstd level: it is done once.
const THOROUGH_LEVEL: i32 = 12;
/// How many blocks are compressed so.
const THOROUGH_BLOCKS: usize = 64;
/// About how many plain bytes of deltas one task decodes, and how many of them at most.
const RUN_BYTES: usize = 1 << 20;
const RUN_DELTAS: usize = 512;

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
                for run in runs_of(block) {
                    let (source, level) = (self.source, self.carriage.zstd_level);
                    self.load(move || load_block(source, run, level))?;
                }
            }
        }
        for at in plan.undone.iter() {
            let (source, level) = (self.source, self.carriage.zstd_level);
            self.load(move || load_undone(source, &at, level))?;
        }
        Ok(())
    }

    fn deltas(&mut self, plan: &Plan) -> Result<()> {
        let mut run = Vec::new();
        let mut bytes = 0;
        for at in plan.deltas.iter() {
            // Frames of an enemy may be larger than what they make.
            bytes += at.plain_len().max(at.object.len) as usize;
            run.push(at);
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

/// The objects of a block, taken together as far as they may be held at once: those of writers always may, but objects may overlap.
fn runs_of(block: &[Location]) -> impl Iterator<Item = Vec<Location>> {
    let mut rest = block;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |at: &&Location| {
            bytes += at.object.len as usize;
            bytes <= OBJECT_BYTES
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (run, others) = rest.split_at_checked(count)?;
        rest = others;
        Some(run.to_vec())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::index::{IndexedSegment, locate};
    use crate::store::Name;
    use crate::wire::{BlockEntry, Directory, Method, ObjectEntry};

    /// How many objects of these lengths, all in one block, are in each run.
    fn runs(lens: &[usize]) -> Vec<usize> {
        let block = BlockEntry {
            offset: 64,
            stored_len: 1,
            plain_len: OBJECT_BYTES as u32,
            method: Method::Zstd,
            check: Id([0; 32]),
        };
        let object = |(n, len): (u8, &usize)| ObjectEntry {
            id: Id([n; 32]),
            block: 0,
            offset: 0,
            len: *len as u32,
            kind: Kind::Chunk,
            generation: 0,
        };
        let directory = Directory {
            blocks: vec![block],
            objects: (0..).zip(lens).map(object).collect(),
            deltas: Vec::new(),
        };
        let segment = Arc::new(IndexedSegment {
            name: Name::Segment(Id([1; 32])),
            len: 1000,
            directory,
        });
        let objects: Vec<Location> = (0..lens.len() as u32)
            .filter_map(|number| locate(&segment, number))
            .collect();
        runs_of(&objects).map(|run| run.len()).collect()
    }

    #[test]
    fn objects_that_overlap_are_not_held_together() {
        let (half, whole) = (OBJECT_BYTES / 2, OBJECT_BYTES);
        assert_eq!(runs(&[half, half]), [2]);
        assert_eq!(runs(&[1; 200]), [200]);
        assert_eq!(runs(&[whole; 5]), [1; 5]);
        assert_eq!(runs(&[half, half, 1, whole, half, half - 1, 1]), [2, 1, 1, 3]);
        assert_eq!(runs(&[]), [0; 0]);
    }
}

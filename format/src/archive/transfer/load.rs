//! Objects read, compared with their ids, and in the form in which they travel: what one task does.

use bytes::Bytes;

use crate::archive::lineage::OWN_BLOCK_BYTES;
use crate::error::{Error, Flaw, Result};
use crate::id::{Id, Kind};
use crate::index::Location;
use crate::segment::{Delta, ObjectReader, StoredBlock};

/// How many plain bytes of bases a task holds for the deltas that come next.
const HELD_BYTES: usize = 4 << 20;

/// What a task found, ready to be laid down.
pub(super) enum Load {
    /// A block, as it was stored or with one object only.
    Block(StoredBlock),
    /// A small object that shares a block with others.
    Small(Kind, Id, Bytes),
    /// A delta whose base was laid down before.
    Frame(Kind, Id, Bytes, Delta),
}

/// How many stored bytes were read for it, and what was found.
pub(super) type Loads = Result<(u64, Vec<Load>)>;

fn stored_len(at: &Location) -> u64 {
    u64::from(at.object.len)
}

/// A delta, whole.
pub(super) fn load_undone(source: &ObjectReader, at: &Location, zstd_level: i32) -> Loads {
    Ok((stored_len(at), vec![load_one(source, at, zstd_level)?]))
}

/// Objects of one block: as they are stored where all of the block belongs to them, else one by one, so that nothing comes along that
/// nobody asked for.
pub(super) fn load_block(source: &ObjectReader, objects: Vec<Location>, zstd_level: i32) -> Loads {
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
    let plain = plain_of(source, at)?;
    Ok(packed(at.object.kind, at.object.id, plain, zstd_level))
}

/// The plain bytes of an object, if they have the length that the copy says which was met: whatever refers to it was compared with
/// that.
fn plain_of(source: &ObjectReader, at: &Location) -> Result<Bytes> {
    let (kind, id) = (at.object.kind, at.object.id);
    let plain = source.get(kind, id)?;
    match plain.len() == at.plain_len() as usize {
        true => Ok(plain),
        false => {
            let flaw = Flaw::new("directory", "length", "is not that of the object");
            Err(Error::Invalid { kind, id, flaw })
        }
    }
}

fn packed(kind: Kind, id: Id, bytes: Bytes, zstd_level: i32) -> Load {
    match bytes.len() >= OWN_BLOCK_BYTES {
        true => Load::Block(StoredBlock::of_one(kind, id, bytes, zstd_level)),
        false => Load::Small(kind, id, bytes),
    }
}

/// Deltas that mostly are made from each other. The plain bytes of those on the way are held, so that each is decoded once.
pub(super) fn load_deltas(source: &ObjectReader, run: Vec<Location>, zstd_level: i32) -> Loads {
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
                let plain = plain_of(source, &at)?;
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

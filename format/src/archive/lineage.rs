//! What a new object is made from: which earlier version, and whether that pays
//! (`spec/decisions/0005-deltas.md`).

use bytes::Bytes;

use crate::compress::compress;
use crate::delta;
use crate::id::{Id, Kind};
use crate::index::Location;
use crate::limits::CHAIN;
use crate::segment::{Delta, ObjectReader, StoredBlock};
use crate::wire::{BLOCK_ENTRY_BYTES, DELTA_ENTRY_BYTES};

/// Version n of an object is made from version n minus the largest power of this that divides n.
const RADIX: u16 = 8;
/// An object of so many bytes has a block of its own, so that it is read without its neighbours.
pub(super) const OWN_BLOCK_BYTES: usize = 32 << 10;

/// An object that the archive does not have.
pub(super) struct NewObject {
    pub(super) kind: Kind,
    pub(super) id: Id,
    pub(super) plain: Bytes,
    /// What it takes the place of.
    pub(super) replaced: Option<Id>,
}

/// How a new object is to be stored.
pub(super) enum Form {
    /// As a frame that makes it from another object.
    Delta(NewObject, Vec<u8>, Delta),
    /// Whole, in a block that is compressed already.
    Stored(StoredBlock),
    /// Whole.
    Whole(NewObject),
}

/// Finds the form in which an object takes the least room, as far as that can be told before its block is compressed.
pub(super) fn form_of(reader: &ObjectReader, object: NewObject, zstd_level: i32) -> Form {
    let Some((frame, delta, base_cost)) = make_delta(reader, &object, zstd_level) else {
        return Form::Whole(object);
    };
    let cost = frame.len() + DELTA_ENTRY_BYTES;
    if object.plain.len() < OWN_BLOCK_BYTES {
        // Beside others like it in a block it would take less room than alone.
        let alone = compress(&object.plain, zstd_level).map_or(object.plain.len(), |stored| stored.len());
        return match 2 * cost <= alone {
            true => Form::Delta(object, frame, delta),
            false => Form::Whole(object),
        };
    }
    // A small change of what took much room leaves something that takes much room.
    if 8 * cost <= base_cost {
        return Form::Delta(object, frame, delta);
    }
    let block = StoredBlock::of_one(object.kind, object.id, object.plain.clone(), zstd_level);
    match cost < block.stored_len() + BLOCK_ENTRY_BYTES {
        true => Form::Delta(object, frame, delta),
        false => Form::Stored(block),
    }
}

/// The frame that makes an object from the base chosen for it, and what that takes when it is stored whole.
fn make_delta(reader: &ObjectReader, object: &NewObject, zstd_level: i32) -> Option<(Vec<u8>, Delta, usize)> {
    let (at, generation) = choose(reader, object)?;
    let base = reader.get(object.kind, at.object.id).ok()?;
    let frame = delta::encode(&base, &object.plain, zstd_level)?;
    let delta = Delta {
        base: at.object.id,
        plain_len: object.plain.len() as u32,
        generation,
    };
    let mut root = at;
    while let Some(delta) = root.delta {
        root = reader.index().find(&delta.base)?;
    }
    Some((frame, delta, stored_share(&root)))
}

/// The base of an object, and the generation of what is made from it.
fn choose<'r>(reader: &'r ObjectReader, object: &NewObject) -> Option<(Location<'r>, u16)> {
    let index = reader.index();
    let mut at = index.find(&object.replaced?)?;
    let generation = at.object.generation.checked_add(1)?;
    let wanted = generation - step(generation);
    while at.object.generation > wanted {
        at = index.find(&at.delta?.base)?;
    }
    let mut behind = at;
    for _ in 1..CHAIN {
        match behind.delta {
            Some(delta) => behind = index.find(&delta.base)?,
            None => {
                return (at.object.kind == object.kind && at.object.id != object.id)
                    .then_some((at, generation));
            }
        }
    }
    None
}

/// The largest power of the radix that divides a generation.
fn step(generation: u16) -> u16 {
    let mut step = 1;
    while let Some(next) = RADIX.checked_mul(step)
        && generation.is_multiple_of(next)
    {
        step = next;
    }
    step
}

/// The part of its block's stored bytes that falls to an object.
fn stored_share(at: &Location<'_>) -> usize {
    let (stored, plain) = (u64::from(at.block.stored_len), u64::from(at.block.plain_len));
    (stored * u64::from(at.object.len) / plain.max(1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_powers_of_the_radix() {
        let steps: Vec<u16> = [1, 7, 8, 9, 63, 64, 128, 512, 4096, 32_768, 65_528, u16::MAX]
            .map(step)
            .into();
        assert_eq!(steps, [1, 1, 8, 1, 1, 64, 64, 512, 4096, 32_768, 8, 1]);
    }
}

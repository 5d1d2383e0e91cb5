//! What a new object is made from: which earlier version, and whether that pays
//! (`spec/decisions/0005-deltas.md`).

use bytes::Bytes;

use crate::compress::compress;
use crate::delta::{Encoder, Pairs};
use crate::id::{Id, Kind};
use crate::index::{Index, Location};
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

/// A delta of more than this part of its object is no small change: it is searched for again, thoroughly.
const QUICK_PART: usize = 32;
/// What is much smaller than its base costs more to make than it saves.
const BASE_BYTES: usize = 4 << 10;
/// The most bytes of bases and of what is made from them that one task holds.
const PAIRS_BYTES: usize = 8 << 20;
/// The least zstd levels of a thorough search, for small objects and others.
const THOROUGH_LEVELS: [i32; 2] = [9, 5];

/// Finds the forms in which objects take the least room, as far as that can be told before their blocks are compressed.
pub(super) fn forms_of(reader: &ObjectReader, objects: Vec<NewObject>, zstd_level: i32) -> Vec<Form> {
    let mut pairs = Pairs::new();
    let bases: Vec<Option<Base>> = objects
        .iter()
        .map(|object| Base::of(reader, object, &mut pairs))
        .collect();
    let mut encoder = Encoder::new(&pairs);
    let mut frame = |(object, base): (&NewObject, &Option<Base>)| {
        let encoder = encoder.as_mut()?;
        base.as_ref()?.encode(encoder, object.plain.len(), zstd_level)
    };
    let frames: Vec<Option<Vec<u8>>> = objects.iter().zip(&bases).map(&mut frame).collect();
    let shares = shares(&objects, zstd_level);
    let mut forms = Vec::with_capacity(objects.len());
    for (((object, base), frame), share) in objects.into_iter().zip(&bases).zip(frames).zip(shares) {
        forms.push(match (base, frame) {
            (Some(base), Some(frame)) => best_form(object, base, frame, share, zstd_level),
            _ => Form::Whole(object),
        });
    }
    forms
}

/// What each of the small objects would take beside the others in a block; 0 for those with blocks of their own.
fn shares(objects: &[NewObject], zstd_level: i32) -> Vec<usize> {
    let mut all = Vec::new();
    let mut alone = Vec::with_capacity(objects.len());
    for object in objects {
        let is_small = object.plain.len() < OWN_BLOCK_BYTES;
        alone.push(match is_small {
            true => compressed_len(&object.plain, zstd_level),
            false => 0,
        });
        if is_small {
            all.extend_from_slice(&object.plain);
        }
    }
    let together = compressed_len(&all, zstd_level);
    let one_by_one = alone.iter().sum::<usize>().max(1);
    alone.into_iter().map(|len| len * together / one_by_one).collect()
}

fn compressed_len(plain: &[u8], zstd_level: i32) -> usize {
    compress(plain, zstd_level).map_or(plain.len(), |stored| stored.len())
}

/// Whether the frame is kept. `share` is what a small object would take in a shared block.
fn best_form(object: NewObject, base: &Base, frame: Vec<u8>, share: usize, zstd_level: i32) -> Form {
    let delta = Delta {
        base: base.id,
        plain_len: object.plain.len() as u32,
        generation: base.generation,
    };
    let cost = frame.len() + DELTA_ENTRY_BYTES;
    if object.plain.len() < OWN_BLOCK_BYTES {
        // Others in its block that replace nothing may be like it, too.
        return match 3 * cost <= 2 * share {
            true => Form::Delta(object, frame, delta),
            false => Form::Whole(object),
        };
    }
    // A small change of what takes much room leaves something that takes much room.
    if 8 * cost <= base.whole_cost {
        return Form::Delta(object, frame, delta);
    }
    let block = StoredBlock::of_one(object.kind, object.id, object.plain.clone(), zstd_level);
    match cost < block.stored_len() + BLOCK_ENTRY_BYTES {
        true => Form::Delta(object, frame, delta),
        false => Form::Stored(block),
    }
}

/// What a new object is to be made from.
struct Base {
    id: Id,
    /// That of the new object.
    generation: u16,
    /// What the last version that is stored whole takes.
    whole_cost: usize,
    /// Its pair.
    pair: usize,
}

impl Base {
    fn of(reader: &ObjectReader, object: &NewObject, pairs: &mut Pairs) -> Option<Self> {
        let Chosen {
            base,
            root,
            generation,
        } = choose(&reader.index(), object)?;
        let base_len = base.plain_len() as usize;
        let is_far = base_len / 16 > object.plain.len() + BASE_BYTES;
        if is_far || pairs.len() + base_len + object.plain.len() > PAIRS_BYTES.max(object.plain.len() * 2) {
            return None;
        }
        let bytes = reader.get(object.kind, base.object.id).ok()?;
        Some(Self {
            id: base.object.id,
            generation,
            whole_cost: stored_share(&root),
            pair: pairs.push(&bytes, &object.plain),
        })
    }

    fn encode(&self, encoder: &mut Encoder<'_>, len: usize, zstd_level: i32) -> Option<Vec<u8>> {
        let quick = encoder.encode_quickly(self.pair)?;
        // Nothing in common, or nearly everything.
        if quick.len() >= len || quick.len() <= len / QUICK_PART {
            return Some(quick);
        }
        let [small, other] = THOROUGH_LEVELS;
        let least = if len < OWN_BLOCK_BYTES { small } else { other };
        let thorough = encoder.encode_at(self.pair, zstd_level.max(least))?;
        Some(if thorough.len() < quick.len() {
            thorough
        } else {
            quick
        })
    }
}

struct Chosen {
    base: Location,
    /// The object behind the base that is stored whole.
    root: Location,
    /// That of what is made from the base.
    generation: u16,
}

/// Chooses among what an object replaces and the bases behind that.
fn choose(index: &Index, object: &NewObject) -> Option<Chosen> {
    let replaced = index.find(&object.replaced?)?;
    let generation = replaced.object.generation.checked_add(1)?;
    let wanted = generation - step(generation);
    // What is made from the last possible one would have a base too many.
    let chain: Vec<Location> = index.chain(replaced).take(CHAIN).collect::<Option<_>>()?;
    if chain.iter().any(|at| index.is_condemned(at.segment.name)) {
        return None;
    }
    let root = chain.last().filter(|root| root.delta.is_none())?.clone();
    let base = chain.into_iter().find(|at| at.object.generation <= wanted)?;
    let is_fit = base.object.kind == object.kind && base.object.id != object.id;
    is_fit.then_some(Chosen {
        base,
        root,
        generation,
    })
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
pub(super) fn stored_share(at: &Location) -> usize {
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

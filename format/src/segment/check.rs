//! Every byte of a block against everything that is recorded about it.

use bytes::Bytes;

use crate::compress::decompress;
use crate::error::Flaw;
use crate::id::Id;
use crate::index::IndexedSegment;
use crate::store::Store;
use crate::wire::{Method, ObjectEntry};

/// A block that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockDamage {
    /// Offset of the block in its segment, in bytes.
    pub offset: u64,
    /// What is wrong.
    pub flaw: Flaw,
    /// The objects that it costs.
    pub objects: Vec<ObjectEntry>,
}

/// Reads one block, compares its check, decodes it and compares the id of each of its `objects` that is
/// stored whole. Those that have their ids are given to `sound` with their plain bytes.
pub fn check_block(
    store: &dyn Store,
    segment: &IndexedSegment,
    number: usize,
    objects: &[ObjectEntry],
    sound: &mut dyn FnMut(&ObjectEntry, Bytes),
) -> Option<BlockDamage> {
    let block = segment.directory.blocks.get(number)?;
    let damage = |flaw, objects: Vec<ObjectEntry>| {
        Some(BlockDamage {
            offset: block.offset,
            flaw,
            objects,
        })
    };
    let flaw = |field, reason: String| Flaw::new("block", field, reason);
    // Of deltas it is known only behind their bases whether they make what they should.
    let whole = || {
        objects
            .iter()
            .filter(|object| object.generation == 0)
            .copied()
            .collect()
    };
    let range = block.offset..block.offset + u64::from(block.stored_len);
    let stored = match store.read_range(segment.name, range) {
        Ok(stored) => stored,
        Err(error) => {
            return damage(flaw("contents", format!("cannot be read: {error}")), whole());
        }
    };
    let unsound = (*blake3::hash(&stored).as_bytes() != block.check.0)
        .then(|| flaw("check", "does not match the stored bytes".into()));
    let plain = match block.method {
        Method::Raw => stored,
        Method::Zstd => match decompress(&stored, block.plain_len as usize) {
            Ok(plain) => plain.into(),
            Err(undecodable) => return damage(unsound.unwrap_or(undecodable), whole()),
        },
    };
    let mut bad = Vec::new();
    for object in objects.iter().filter(|object| object.generation == 0) {
        let start = object.offset as usize;
        let bytes = plain.slice(start..start + object.len as usize);
        match Id::of(object.kind, &bytes) == object.id {
            true => sound(object, bytes),
            false => bad.push(*object),
        }
    }
    match (unsound, bad.is_empty()) {
        (None, true) => None,
        // Damage that happens to change no object is damage all the same.
        (Some(flaw), _) => damage(flaw, bad),
        (None, false) => damage(flaw("contents", "do not have their objects' ids".into()), bad),
    }
}

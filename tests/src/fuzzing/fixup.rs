//! Mending what a mutation broke, so that it is not the seal that refuses every input.

use std::collections::HashMap;

use restante_format::compress::decompress;
use restante_format::delta;
use restante_format::id::{Id, Kind};
use restante_format::wire::{
    ArchiveId, BLOCK_ENTRY_BYTES, DELTA_ENTRY_BYTES, DIRECTORY_HEAD_BYTES, HEADER_BYTES, Header,
    OBJECT_ENTRY_BYTES, TRAILER_BYTES, Trailer,
};

/// How many blocks and objects are mended: all that a small input can use.
const MENDED: usize = 64;
/// The most plain bytes of a block that is decoded to mend the ids in it.
const MENDED_PLAIN_BYTES: usize = 1 << 20;

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .and_then(|part| part.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}

/// Gives a segment file a good header, and a trailer that fits it; with `contents`, good entries of blocks and
/// the right ids of objects too. What is too short for a segment stays as it is.
pub fn fix_segment(bytes: &mut Vec<u8>, archive: ArchiveId, contents: bool) {
    let least = HEADER_BYTES + DIRECTORY_HEAD_BYTES + TRAILER_BYTES;
    if bytes.len() < least {
        return;
    }
    let trailer_at = bytes.len() - TRAILER_BYTES;
    let compatible = u32_at(bytes, 16);
    bytes[..HEADER_BYTES].copy_from_slice(&Header { archive }.encode());
    bytes[16..20].copy_from_slice(&compatible.to_le_bytes());
    let last = trailer_at - DIRECTORY_HEAD_BYTES;
    let wanted = u32_at(bytes, trailer_at + 8) as usize;
    let directory_at = match wanted {
        _ if (HEADER_BYTES..=last).contains(&wanted) => wanted,
        _ => HEADER_BYTES + wanted % (last - HEADER_BYTES + 1),
    };
    bytes.truncate(trailer_at);
    if contents {
        let mut directory = bytes.split_off(directory_at);
        fix_contents(bytes, &mut directory);
        bytes.extend(directory);
    }
    let (header, directory) = (&bytes[..HEADER_BYTES], &bytes[directory_at..]);
    let (_, trailer) = Trailer::seal(header, directory_at as u64, directory);
    bytes.extend(trailer);
}

/// Counts, offsets and checks of blocks, ids of objects and their order, and which of them are deltas.
fn fix_contents(front: &[u8], directory: &mut Vec<u8>) {
    let room = directory.len() - DIRECTORY_HEAD_BYTES;
    let block_count = (u32_at(directory, 0) as usize).min(room / BLOCK_ENTRY_BYTES);
    let room = room - block_count * BLOCK_ENTRY_BYTES;
    let delta_count = (u32_at(directory, 8) as usize).min(room / DELTA_ENTRY_BYTES);
    let object_count = (room - delta_count * DELTA_ENTRY_BYTES) / OBJECT_ENTRY_BYTES;
    let objects_at = DIRECTORY_HEAD_BYTES + block_count * BLOCK_ENTRY_BYTES;
    let deltas_at = objects_at + object_count * OBJECT_ENTRY_BYTES;
    let deltas_end = deltas_at + delta_count * DELTA_ENTRY_BYTES;
    let entries = |range: std::ops::Range<usize>, len: usize| -> Vec<Vec<u8>> {
        directory[range].chunks_exact(len).map(<[u8]>::to_vec).collect()
    };
    let mut blocks = entries(DIRECTORY_HEAD_BYTES..objects_at, BLOCK_ENTRY_BYTES);
    let objects = entries(objects_at..deltas_at, OBJECT_ENTRY_BYTES);
    let deltas = entries(deltas_at..deltas_end, DELTA_ENTRY_BYTES);
    // Bytes that belong to nothing stay, to be refused.
    let rest = directory[deltas_end..].to_vec();
    let plains = fix_blocks(front, &mut blocks);
    let mut objects = with_deltas(objects, deltas);
    fix_ids(&plains, &mut objects);
    objects.sort_unstable_by(|a, b| a.entry[..32].cmp(&b.entry[..32]));
    let mut deltas = Vec::new();
    for (number, object) in (0_u32..).zip(&objects) {
        if let Some(delta) = &object.delta {
            deltas.extend([&number.to_le_bytes()[..], &delta[4..]].concat());
        }
    }
    let counts = [blocks.len(), objects.len(), deltas.len() / DELTA_ENTRY_BYTES];
    for (number, count) in counts.into_iter().enumerate() {
        directory[4 * number..][..4].copy_from_slice(&(count as u32).to_le_bytes());
    }
    directory.truncate(DIRECTORY_HEAD_BYTES);
    directory.extend(blocks.concat());
    directory.extend(objects.iter().flat_map(|object| &object.entry));
    directory.extend(deltas);
    directory.extend(rest);
}

/// Gives blocks their offsets, lengths and checks; their plain bytes, as far as they are looked into.
fn fix_blocks(front: &[u8], blocks: &mut [Vec<u8>]) -> Vec<Vec<u8>> {
    let mut at = HEADER_BYTES;
    let mut plains: Vec<Vec<u8>> = Vec::new();
    let count = blocks.len();
    for (number, entry) in blocks.iter_mut().enumerate() {
        let left = front.len() - at;
        let len = match number + 1 == count {
            true => left,
            false => (u32_at(entry, 8) as usize).min(left),
        };
        let stored = &front[at..at + len];
        entry[..8].copy_from_slice(&(at as u64).to_le_bytes());
        entry[8..12].copy_from_slice(&(len as u32).to_le_bytes());
        if entry[16] == 0 {
            entry[12..16].copy_from_slice(&(len as u32).to_le_bytes());
        }
        entry[24..56].copy_from_slice(blake3::hash(stored).as_bytes());
        at += len;
        let plain_len = u32_at(entry, 12) as usize;
        plains.push(match entry[16] {
            0 => stored.to_vec(),
            _ if number < MENDED && plain_len <= MENDED_PLAIN_BYTES => {
                decompress(stored, plain_len).unwrap_or_default()
            }
            _ => Vec::new(),
        });
    }
    plains
}

/// Whether objects of the kind of this number are never deltas.
fn is_of_catalog(kind: u8) -> bool {
    Kind::from_number(kind).is_some_and(Kind::is_of_catalog)
}

/// An entry of an object, and that of its delta.
struct Object {
    entry: Vec<u8>,
    delta: Option<Vec<u8>>,
}

/// Gives each delta to its object, or if that cannot be, to the next one that can be a delta; generations are made to fit.
fn with_deltas(entries: Vec<Vec<u8>>, deltas: Vec<Vec<u8>>) -> Vec<Object> {
    let whole = |entry| Object { entry, delta: None };
    let mut objects: Vec<Object> = entries.into_iter().map(whole).collect();
    let mut next = 0;
    for delta in deltas {
        let can_be = |number: &usize| {
            objects
                .get(*number)
                .is_some_and(|o: &Object| o.delta.is_none() && !is_of_catalog(o.entry[44]))
        };
        let told = Some(u32_at(&delta, 0) as usize).filter(can_be);
        let Some(number) = told.or_else(|| (next..objects.len()).find(can_be)) else {
            continue;
        };
        next = number + 1;
        objects[number].delta = Some(delta);
    }
    for object in &mut objects {
        let generation = u16::from_le_bytes([object.entry[46], object.entry[47]]);
        let fitting = match object.delta {
            Some(_) => generation.max(1),
            None => 0,
        };
        object.entry[46..48].copy_from_slice(&fitting.to_le_bytes());
    }
    objects
}

/// Gives the objects the ids of what is in the blocks, and their deltas those of their bases.
fn fix_ids(plains: &[Vec<u8>], objects: &mut [Object]) {
    // By the ids before: the new ids, and the plain bytes.
    let mut mended: HashMap<Vec<u8>, (Id, Vec<u8>)> = HashMap::new();
    let mut left: Vec<usize> = (0..objects.len().min(MENDED)).collect();
    loop {
        let before = left.len();
        left.retain(|number| {
            let Object { entry, delta } = &mut objects[*number];
            let (start, len) = (u32_at(entry, 36) as usize, u32_at(entry, 40) as usize);
            let stored = plains
                .get(u32_at(entry, 32) as usize)
                .and_then(|plain| plain.get(start..start.checked_add(len)?));
            let (Some(stored), Some(kind)) = (stored, Kind::from_number(entry[44])) else {
                return false;
            };
            let plain = match delta {
                None => stored.to_vec(),
                Some(delta) => {
                    let Some((base, base_plain)) = mended.get(&delta[8..40]) else {
                        return true;
                    };
                    delta[8..40].copy_from_slice(&base.0);
                    let plain_len = u32_at(delta, 4) as usize;
                    match plain_len <= MENDED_PLAIN_BYTES {
                        true => delta::decode(stored, base_plain, plain_len).unwrap_or_default(),
                        false => Vec::new(),
                    }
                }
            };
            if !plain.is_empty() {
                let id = Id::of(kind, &plain);
                mended.insert(entry[..32].to_vec(), (id, plain));
                entry[..32].copy_from_slice(&id.0);
            }
            false
        });
        if left.len() == before {
            return;
        }
    }
}

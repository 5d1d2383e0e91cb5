//! Mending what a mutation broke, so that it is not the seal that refuses every input.

use restante_format::compress::decompress;
use restante_format::id::{Id, Kind};
use restante_format::wire::{
    ArchiveId, BLOCK_ENTRY_BYTES, DIRECTORY_HEAD_BYTES, HEADER_BYTES, Header, OBJECT_ENTRY_BYTES,
    TRAILER_BYTES, Trailer,
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
        let (front, directory) = bytes.split_at_mut(directory_at);
        fix_contents(front, directory);
    }
    let (header, directory) = (&bytes[..HEADER_BYTES], &bytes[directory_at..]);
    let (_, trailer) = Trailer::seal(header, directory_at as u64, directory);
    bytes.extend(trailer);
}

/// Offsets and checks of blocks, ids of objects and their order.
fn fix_contents(front: &[u8], directory: &mut [u8]) {
    let room = directory.len() - DIRECTORY_HEAD_BYTES;
    let block_count = (u32_at(directory, 0) as usize).min(room / BLOCK_ENTRY_BYTES);
    let objects_at = DIRECTORY_HEAD_BYTES + block_count * BLOCK_ENTRY_BYTES;
    let (head, objects) = directory.split_at_mut(objects_at);
    let object_count = objects.len() / OBJECT_ENTRY_BYTES;
    head[0..4].copy_from_slice(&(block_count as u32).to_le_bytes());
    head[4..8].copy_from_slice(&(object_count as u32).to_le_bytes());
    let mut at = HEADER_BYTES;
    let mut plains: Vec<Vec<u8>> = Vec::new();
    for (number, entry) in head[DIRECTORY_HEAD_BYTES..]
        .chunks_exact_mut(BLOCK_ENTRY_BYTES)
        .enumerate()
    {
        let left = front.len() - at;
        let len = if number + 1 == block_count {
            left
        } else {
            (u32_at(entry, 8) as usize).min(left)
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
    let mut entries: Vec<Vec<u8>> = objects
        .chunks_exact(OBJECT_ENTRY_BYTES)
        .map(<[u8]>::to_vec)
        .collect();
    for entry in entries.iter_mut().take(MENDED) {
        let (start, len) = (u32_at(entry, 36) as usize, u32_at(entry, 40) as usize);
        let plain = plains
            .get(u32_at(entry, 32) as usize)
            .and_then(|plain| plain.get(start..start.checked_add(len)?));
        if let (Some(plain), Some(kind)) = (plain, Kind::from_number(entry[44])) {
            entry[..32].copy_from_slice(&Id::of(kind, plain).0);
        }
    }
    entries.sort_unstable();
    for (place, entry) in objects.chunks_exact_mut(OBJECT_ENTRY_BYTES).zip(entries) {
        place.copy_from_slice(&entry);
    }
}

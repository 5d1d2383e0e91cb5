//! The parts of a segment but its blocks (`spec/FORMAT.md`, section 4).

use super::VERSION;
use super::codec::{Decode, Encode, from_fixed, to_fixed};
use crate::error::{Flaw, Malformed};
use crate::id::{Id, Kind, derive, hex};
use crate::limits::{DIRECTORY_BYTES, OBJECT_BYTES, SEGMENT_BYTES};

/// The size of a header in bytes.
pub const HEADER_BYTES: usize = 64;
/// The size of a trailer in bytes.
pub const TRAILER_BYTES: usize = 96;
/// The size of a directory without entries in bytes.
pub const DIRECTORY_HEAD_BYTES: usize = 16;
/// The size of a block's entry in the directory in bytes.
pub const BLOCK_ENTRY_BYTES: usize = 56;
/// The size of an object's entry in the directory in bytes.
pub const OBJECT_ENTRY_BYTES: usize = 48;
/// The size of a delta's entry in the directory in bytes.
pub const DELTA_ENTRY_BYTES: usize = 40;

const SEALED_TRAILER_BYTES: usize = 64;
const HEADER_MAGIC: [u8; 8] = *b"\x89RSTS\r\n\x1a";
const TRAILER_MAGIC: [u8; 8] = *b"\x89RSTT\r\n\x1a";

/// The random id that an archive's config and segments share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ArchiveId(pub [u8; 16]);

impl std::fmt::Display for ArchiveId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

pub(super) fn check_version(part: &'static str, found: u16) -> Result<(), Malformed> {
    match found {
        VERSION => Ok(()),
        0 => Err(Flaw::new(part, "version", "is 0").into()),
        _ => Err(Malformed::NewerVersion {
            part,
            found,
            known: VERSION,
        }),
    }
}

/// This version knows no incompatible feature.
pub(super) fn check_flags(part: &'static str, incompatible: u32) -> Result<(), Malformed> {
    match incompatible {
        0 => Ok(()),
        flags => Err(Malformed::NewerFeature {
            part,
            detail: format!("incompatible flags {flags:#x}"),
        }),
    }
}

/// The beginning of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The archive that the segment belongs to.
    pub archive: ArchiveId,
}

#[derive(Encode, Decode)]
struct StoredHeader {
    magic: [u8; 8],
    version: u16,
    reserved: u16,
    incompatible: u32,
    compatible: u32,
    reserved_too: u32,
    archive: [u8; 16],
    room: [u8; 24],
}

impl Header {
    /// The header's 64 bytes.
    pub fn encode(&self) -> Vec<u8> {
        to_fixed(&StoredHeader {
            magic: HEADER_MAGIC,
            version: VERSION,
            reserved: 0,
            incompatible: 0,
            compatible: 0,
            reserved_too: 0,
            archive: self.archive.0,
            room: [0; 24],
        })
    }

    /// Whether `bytes`, of which there may be few, are how a segment begins.
    pub fn is_begun_by(bytes: &[u8]) -> bool {
        let len = bytes.len().min(HEADER_MAGIC.len());
        bytes[..len] == HEADER_MAGIC[..len]
    }

    /// Fails if `bytes` begin the header of a newer version: the one thing that a reader
    /// believes before it has verified the seal (F-035).
    pub fn check_version(bytes: &[u8]) -> Result<(), Malformed> {
        let stored: StoredHeader = from_fixed("header", bytes)?;
        if stored.magic != HEADER_MAGIC {
            return Err(Malformed::Magic("segment"));
        }
        check_version("header", stored.version)
    }

    /// The header that `bytes` hold, once the seal is verified.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::check_version(bytes)?;
        let stored: StoredHeader = from_fixed("header", bytes)?;
        check_flags("header", stored.incompatible)?;
        if stored.reserved != 0 || stored.reserved_too != 0 || stored.room != [0; 24] {
            return Err(Flaw::new("header", "reserved", "is not zero").into());
        }
        Ok(Self {
            archive: ArchiveId(stored.archive),
        })
    }
}

/// How a block's bytes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Method {
    /// As they are.
    Raw = 0,
    /// As one zstd frame.
    Zstd = 1,
}

/// Where a block is and what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockEntry {
    /// Offset in the segment, in bytes.
    pub offset: u64,
    /// Length in the segment, in bytes.
    pub stored_len: u32,
    /// Length once decoded, in bytes.
    pub plain_len: u32,
    /// How it is stored.
    pub method: Method,
    /// BLAKE3 of the stored bytes.
    pub check: Id,
}

/// Where an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectEntry {
    /// Its id.
    pub id: Id,
    /// The index of its block.
    pub block: u32,
    /// Offset in the block's plain bytes.
    pub offset: u32,
    /// Length there in bytes: of the object's plain bytes, or of the frame that stands for them.
    pub len: u32,
    /// What it is.
    pub kind: Kind,
    /// 0 for an object that is stored whole. A delta says how many versions it is away from one, by its
    /// writer's count.
    pub generation: u16,
}

/// What an object is made from that is stored as a delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeltaEntry {
    /// The index of its object entry.
    pub object: u32,
    /// Length of its plain bytes.
    pub plain_len: u32,
    /// The object, of the same kind, whose plain bytes are the frame's prefix.
    pub base: Id,
}

/// What a segment holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// Its blocks, in the order of their offsets.
    pub blocks: Vec<BlockEntry>,
    /// Its objects, by ascending id.
    pub objects: Vec<ObjectEntry>,
    /// What those of them need that are deltas, in the same order.
    pub deltas: Vec<DeltaEntry>,
}

#[derive(Encode, Decode)]
struct StoredHead {
    block_count: u32,
    object_count: u32,
    delta_count: u32,
    reserved: u32,
}

#[derive(Encode, Decode)]
struct StoredBlock {
    offset: u64,
    stored_len: u32,
    plain_len: u32,
    method: u8,
    reserved: [u8; 7],
    check: [u8; 32],
}

#[derive(Encode, Decode)]
struct StoredObject {
    id: [u8; 32],
    block: u32,
    offset: u32,
    len: u32,
    kind: u8,
    reserved: u8,
    generation: u16,
}

#[derive(Encode, Decode)]
struct StoredDelta {
    object: u32,
    plain_len: u32,
    base: [u8; 32],
}

fn directory_flaw(field: &'static str, reason: impl Into<String>) -> Flaw {
    Flaw::new("directory", field, reason)
}

impl Directory {
    /// The size of a directory with so many entries, in bytes.
    pub fn encoded_len(block_count: usize, object_count: usize, delta_count: usize) -> usize {
        DIRECTORY_HEAD_BYTES
            + block_count * BLOCK_ENTRY_BYTES
            + object_count * OBJECT_ENTRY_BYTES
            + delta_count * DELTA_ENTRY_BYTES
    }

    /// The offset at which the blocks end.
    pub fn blocks_end(&self) -> u64 {
        self.blocks.last().map_or(HEADER_BYTES as u64, |block| {
            block.offset + u64::from(block.stored_len)
        })
    }

    /// The stored bytes of all blocks.
    pub fn blocks_len(&self) -> u64 {
        self.blocks_end() - HEADER_BYTES as u64
    }

    /// The directory's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let count = |n: usize| u32::try_from(n).expect("a segment is sealed long before it has 2^32 entries");
        let mut bytes = to_fixed(&StoredHead {
            block_count: count(self.blocks.len()),
            object_count: count(self.objects.len()),
            delta_count: count(self.deltas.len()),
            reserved: 0,
        });
        let len = Self::encoded_len(self.blocks.len(), self.objects.len(), self.deltas.len());
        bytes.reserve(len - bytes.len());
        for block in &self.blocks {
            bytes.extend(to_fixed(&StoredBlock {
                offset: block.offset,
                stored_len: block.stored_len,
                plain_len: block.plain_len,
                method: block.method as u8,
                reserved: [0; 7],
                check: block.check.0,
            }));
        }
        for object in &self.objects {
            bytes.extend(to_fixed(&StoredObject {
                id: object.id.0,
                block: object.block,
                offset: object.offset,
                len: object.len,
                kind: object.kind as u8,
                reserved: 0,
                generation: object.generation,
            }));
        }
        for delta in &self.deltas {
            bytes.extend(to_fixed(&StoredDelta {
                object: delta.object,
                plain_len: delta.plain_len,
                base: delta.base.0,
            }));
        }
        bytes
    }

    /// The directory that `bytes` hold, with every constraint checked (F-030, F-033, F-034, F-036).
    pub fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        if bytes.len() < DIRECTORY_HEAD_BYTES {
            return Err(directory_flaw("length", "is less than 16 bytes"));
        }
        let (head, entries) = bytes.split_at(DIRECTORY_HEAD_BYTES);
        let head: StoredHead = from_fixed("directory", head)?;
        if head.reserved != 0 {
            return Err(directory_flaw("reserved", "is not zero"));
        }
        let blocks_len = u64::from(head.block_count) * BLOCK_ENTRY_BYTES as u64;
        let objects_len = u64::from(head.object_count) * OBJECT_ENTRY_BYTES as u64;
        let deltas_len = u64::from(head.delta_count) * DELTA_ENTRY_BYTES as u64;
        if entries.len() as u64 != blocks_len + objects_len + deltas_len {
            return Err(directory_flaw("length", "does not fit the number of entries"));
        }
        let (blocks, entries) = entries.split_at(blocks_len as usize);
        let (objects, deltas) = entries.split_at(objects_len as usize);
        let mut directory = Self {
            blocks: Vec::with_capacity(head.block_count as usize),
            objects: Vec::with_capacity(head.object_count as usize),
            deltas: Vec::with_capacity(head.delta_count as usize),
        };
        for bytes in blocks.chunks_exact(BLOCK_ENTRY_BYTES) {
            let block = decode_block(bytes, directory.blocks_end())?;
            directory.blocks.push(block);
        }
        for bytes in objects.chunks_exact(OBJECT_ENTRY_BYTES) {
            let object = decode_object(bytes, &directory.blocks)?;
            if directory.objects.last().is_some_and(|last| last.id >= object.id) {
                return Err(directory_flaw("object id", "is not greater than the one before"));
            }
            directory.objects.push(object);
        }
        let mut expected = (0..)
            .zip(&directory.objects)
            .filter(|(_, object)| object.generation > 0);
        for bytes in deltas.chunks_exact(DELTA_ENTRY_BYTES) {
            directory.deltas.push(decode_delta(bytes, expected.next())?);
        }
        match expected.next() {
            None => Ok(directory),
            Some(_) => Err(directory_flaw(
                "deltas",
                "are fewer than the objects that are deltas",
            )),
        }
    }

    /// What the object at this index is made from; `None` if it is stored whole.
    pub fn delta(&self, object: u32) -> Option<&DeltaEntry> {
        self.deltas
            .binary_search_by_key(&object, |delta| delta.object)
            .ok()
            .map(|i| &self.deltas[i])
    }

    /// The index of the object with this id, found by bisection.
    pub fn find(&self, id: &Id) -> Option<u32> {
        let found = self.objects.binary_search_by(|entry| entry.id.cmp(id));
        found.ok().map(|i| i as u32)
    }
}

fn decode_block(bytes: &[u8], expected_offset: u64) -> Result<BlockEntry, Flaw> {
    let stored: StoredBlock = from_fixed("directory", bytes)?;
    let method = match stored.method {
        0 => Method::Raw,
        1 => Method::Zstd,
        other => return Err(directory_flaw("block method", format!("{other} is none"))),
    };
    if stored.offset != expected_offset {
        return Err(directory_flaw(
            "block offset",
            "is not where the block before ends",
        ));
    }
    let possible = 1..=OBJECT_BYTES;
    if ![stored.stored_len, stored.plain_len]
        .iter()
        .all(|len| possible.contains(&(*len as usize)))
    {
        return Err(directory_flaw("block length", "is zero or above 16 MiB"));
    }
    if method == Method::Raw && stored.stored_len != stored.plain_len {
        return Err(directory_flaw(
            "block length",
            "differs between stored and plain in a raw block",
        ));
    }
    if stored.reserved != [0; 7] {
        return Err(directory_flaw("reserved", "is not zero"));
    }
    Ok(BlockEntry {
        offset: stored.offset,
        stored_len: stored.stored_len,
        plain_len: stored.plain_len,
        method,
        check: Id(stored.check),
    })
}

fn decode_object(bytes: &[u8], blocks: &[BlockEntry]) -> Result<ObjectEntry, Flaw> {
    let stored: StoredObject = from_fixed("directory", bytes)?;
    let kind = Kind::from_number(stored.kind)
        .ok_or_else(|| directory_flaw("object kind", format!("{} is none", stored.kind)))?;
    let block = blocks
        .get(stored.block as usize)
        .ok_or_else(|| directory_flaw("object block", format!("there is no block {}", stored.block)))?;
    if stored.len == 0 || stored.len as usize > OBJECT_BYTES {
        return Err(directory_flaw("object length", "is zero or above 16 MiB"));
    }
    if u64::from(stored.offset) + u64::from(stored.len) > u64::from(block.plain_len) {
        return Err(directory_flaw("object offset", "reaches beyond the block"));
    }
    if stored.reserved != 0 {
        return Err(directory_flaw("reserved", "is not zero"));
    }
    if kind.is_of_catalog() && stored.generation > 0 {
        return Err(directory_flaw("object generation", "makes a delta of a page"));
    }
    Ok(ObjectEntry {
        id: Id(stored.id),
        block: stored.block,
        offset: stored.offset,
        len: stored.len,
        kind,
        generation: stored.generation,
    })
}

/// `expected` is the next object that is a delta.
fn decode_delta(bytes: &[u8], expected: Option<(u32, &ObjectEntry)>) -> Result<DeltaEntry, Flaw> {
    let stored: StoredDelta = from_fixed("directory", bytes)?;
    let Some((_, object)) = expected.filter(|(number, _)| *number == stored.object) else {
        return Err(directory_flaw(
            "delta object",
            "is not the next one that is a delta",
        ));
    };
    if stored.plain_len == 0 || stored.plain_len as usize > OBJECT_BYTES {
        return Err(directory_flaw("delta length", "is zero or above 16 MiB"));
    }
    if stored.base == object.id.0 {
        return Err(directory_flaw("delta base", "is the object itself"));
    }
    Ok(DeltaEntry {
        object: stored.object,
        plain_len: stored.plain_len,
        base: Id(stored.base),
    })
}

/// The end of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// Offset of the directory in the segment.
    pub directory_offset: u64,
    /// Length of the directory in bytes.
    pub directory_len: u64,
    /// Hash over header, directory and trailer; the segment's name.
    pub seal: Id,
}

#[derive(Encode, Decode)]
struct StoredTrailer {
    magic: [u8; 8],
    directory_offset: u64,
    directory_len: u64,
    parity_offset: u64,
    parity_len: u64,
    segment_len: u64,
    reserved: [u8; 16],
    seal: [u8; 32],
}

/// The seal of a segment with these parts; of the trailer only what stands before the seal counts.
pub fn seal(header: &[u8], directory: &[u8], trailer: &[u8]) -> Id {
    let sealed = &trailer[..trailer.len().min(SEALED_TRAILER_BYTES)];
    derive("restante 2026 segment seal v1", &[header, directory, sealed])
}

impl Trailer {
    /// Seals `header` and `directory`: the trailer of their segment and its 96 bytes.
    pub fn seal(header: &[u8], directory_offset: u64, directory: &[u8]) -> (Self, Vec<u8>) {
        let directory_len = directory.len() as u64;
        let mut bytes = to_fixed(&StoredTrailer {
            magic: TRAILER_MAGIC,
            directory_offset,
            directory_len,
            parity_offset: directory_offset + directory_len,
            parity_len: 0,
            segment_len: directory_offset + directory_len + TRAILER_BYTES as u64,
            reserved: [0; 16],
            seal: [0; 32],
        });
        let seal = seal(header, directory, &bytes);
        bytes[SEALED_TRAILER_BYTES..].copy_from_slice(&seal.0);
        (
            Self {
                directory_offset,
                directory_len,
                seal,
            },
            bytes,
        )
    }

    /// The trailer that `bytes` hold, of a segment of `segment_len` bytes. That the seal fits
    /// is still to be shown.
    pub fn decode(bytes: &[u8], segment_len: u64) -> Result<Self, Flaw> {
        let flaw = |field, reason| Flaw::new("trailer", field, reason);
        let stored: StoredTrailer = from_fixed("trailer", bytes)?;
        if stored.magic != TRAILER_MAGIC {
            return Err(flaw("magic", "is missing"));
        }
        if stored.segment_len != segment_len || segment_len > SEGMENT_BYTES {
            return Err(flaw("segment length", "is not that of the file"));
        }
        if stored.parity_len != 0 || stored.reserved != [0; 16] {
            return Err(flaw("reserved", "is not zero"));
        }
        if stored.directory_len > DIRECTORY_BYTES || stored.directory_offset > segment_len {
            return Err(flaw("directory", "is too long or starts behind the end"));
        }
        // Both addends are bounded by now.
        let directory_end = stored.directory_offset + stored.directory_len;
        if stored.parity_offset != directory_end || directory_end + TRAILER_BYTES as u64 != segment_len {
            return Err(flaw("directory", "does not end where the trailer starts"));
        }
        if stored.directory_offset < HEADER_BYTES as u64 {
            return Err(flaw("directory", "starts in the header"));
        }
        Ok(Self {
            directory_offset: stored.directory_offset,
            directory_len: stored.directory_len,
            seal: Id(stored.seal),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Directory {
        let block = |offset, len| BlockEntry {
            offset,
            stored_len: len,
            plain_len: len,
            method: Method::Raw,
            check: Id([1; 32]),
        };
        let object = |n, block, offset, len, generation| ObjectEntry {
            id: Id([n; 32]),
            block,
            offset,
            len,
            kind: Kind::Chunk,
            generation,
        };
        Directory {
            blocks: vec![block(64, 10), block(74, 5)],
            objects: vec![
                object(1, 0, 0, 10, 0),
                object(2, 1, 0, 2, 7),
                object(3, 1, 2, 3, 0),
            ],
            deltas: vec![DeltaEntry {
                object: 1,
                plain_len: 100,
                base: Id([9; 32]),
            }],
        }
    }

    #[test]
    fn sizes_are_those_of_the_spec() {
        assert_eq!(
            Header {
                archive: ArchiveId([1; 16])
            }
            .encode()
            .len(),
            HEADER_BYTES
        );
        assert_eq!(directory().encode().len(), Directory::encoded_len(2, 3, 1));
        assert_eq!(Trailer::seal(&[], 64, &[]).1.len(), TRAILER_BYTES);
    }

    #[test]
    fn directory_round_trip() {
        assert_eq!(Directory::decode(&directory().encode()), Ok(directory()));
        assert_eq!(
            Directory::decode(&Directory::default().encode()),
            Ok(Directory::default())
        );
    }

    // F-030, F-033, F-034, F-036
    #[test]
    fn every_constraint_of_the_directory_is_checked() {
        type Change = fn(&mut Directory);
        let changes: [(&str, Change); 18] = [
            ("block offset", |d| d.blocks[1].offset = 75),
            ("block offset", |d| d.blocks[0].offset = 0),
            ("block length", |d| d.blocks[1].stored_len = 0),
            ("block length", |d| d.blocks[1].plain_len = 6),
            ("object block", |d| d.objects[2].block = 2),
            ("object length", |d| d.objects[2].len = 0),
            ("object offset", |d| d.objects[2].offset = 3),
            ("object offset", |d| d.objects[2].offset = u32::MAX),
            ("object id", |d| d.objects.swap(0, 1)),
            ("object generation", |d| d.objects[1].kind = Kind::Page),
            ("delta object", |d| d.deltas[0].object = 0),
            ("delta object", |d| d.deltas[0].object = u32::MAX),
            ("delta object", |d| d.deltas.push(d.deltas[0])),
            ("delta object", |d| d.objects[1].generation = 0),
            ("deltas", |d| d.objects[2].generation = 1),
            ("delta length", |d| d.deltas[0].plain_len = 0),
            ("delta length", |d| d.deltas[0].plain_len = (16 << 20) + 1),
            ("delta base", |d| d.deltas[0].base = Id([2; 32])),
        ];
        for (field, change) in changes {
            let mut changed = directory();
            change(&mut changed);
            let flaw = Directory::decode(&changed.encode()).expect_err(field);
            assert_eq!(flaw.field, field, "{flaw}");
        }
        let bytes = directory().encode();
        assert!(Directory::decode(&bytes[..bytes.len() - 1]).is_err());
        assert!(Directory::decode(&[bytes, vec![0]].concat()).is_err());
    }

    #[test]
    fn trailer_round_trip_and_bounds() {
        let (trailer, bytes) = Trailer::seal(&[1; 64], 100, &[2; 20]);
        assert_eq!(Trailer::decode(&bytes, 216), Ok(trailer));
        assert!(Trailer::decode(&bytes, 217).is_err());
        for offset in 0..SEALED_TRAILER_BYTES {
            let mut changed = bytes.clone();
            changed[offset] ^= 0x80;
            let noticed = Trailer::decode(&changed, 216)
                .map_or(true, |_| seal(&[1; 64], &[2; 20], &changed) != trailer.seal);
            assert!(noticed, "byte {offset}");
        }
    }
}

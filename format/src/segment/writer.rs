//! From objects to a sealed segment, each stage a type of its own: objects are gathered in a plain
//! block, that is compressed into a stored block, those are laid into a segment, and that is sealed.

use bytes::Bytes;

use crate::compress::compress;
use crate::id::{Id, Kind};
use crate::index::IndexedSegment;
use crate::store::Name;
use crate::wire::{
    ArchiveId, BlockEntry, DeltaEntry, Directory, HEADER_BYTES, Header, Method, ObjectEntry, Trailer,
};

/// Small objects are gathered until a block has about this many bytes.
const BLOCK_BYTES: usize = 1 << 20;
/// A segment is sealed once it has this many bytes.
const SEGMENT_BYTES: usize = 16 << 20;

/// Objects that will be stored together.
#[derive(Debug, Default)]
pub struct PlainBlock {
    bytes: Vec<u8>,
    objects: Vec<Placed>,
}

/// An object in a block, and what it is made from.
#[derive(Debug)]
struct Placed {
    entry: ObjectEntry,
    delta: Option<Delta>,
}

/// What an object is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delta {
    /// The object whose plain bytes are the frame's prefix.
    pub base: Id,
    /// The length of what the frame makes.
    pub plain_len: u32,
    /// How many versions it is away from a whole one; at least 1.
    pub generation: u16,
}

impl PlainBlock {
    /// Whether an object of `len` bytes should start another block.
    pub fn is_full_for(&self, len: usize) -> bool {
        !self.bytes.is_empty() && self.bytes.len() + len > BLOCK_BYTES
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Adds an object, whose id the caller has computed.
    pub fn push(&mut self, kind: Kind, id: Id, plain: &[u8]) {
        if self.bytes.is_empty() {
            // Grown by doubling, a block of many small objects would be copied many times over.
            self.bytes.reserve(BLOCK_BYTES.max(plain.len()));
        }
        self.place(kind, id, plain, None);
    }

    /// Adds the frame that stands for an object.
    pub fn push_delta(&mut self, kind: Kind, id: Id, frame: &[u8], delta: Delta) {
        self.place(kind, id, frame, Some(delta));
    }

    fn place(&mut self, kind: Kind, id: Id, bytes: &[u8], delta: Option<Delta>) {
        let entry = entry(kind, id, self.bytes.len(), bytes.len());
        let entry = ObjectEntry {
            generation: delta.map_or(0, |delta| delta.generation),
            ..entry
        };
        self.objects.push(Placed { entry, delta });
        self.bytes.extend_from_slice(bytes);
    }

    /// Compresses the block.
    pub fn store(self, zstd_level: i32) -> StoredBlock {
        StoredBlock::new(self.bytes.into(), Some(zstd_level), self.objects)
    }

    /// Stores the block as it is: where its stored length must be known beforehand, and where what is in it
    /// is read piece by piece.
    pub fn store_raw(self) -> StoredBlock {
        StoredBlock::new(self.bytes.into(), None, self.objects)
    }
}

fn entry(kind: Kind, id: Id, offset: usize, len: usize) -> ObjectEntry {
    ObjectEntry {
        id,
        block: 0,
        offset: offset as u32,
        len: len as u32,
        kind,
        generation: 0,
    }
}

/// A block as it goes into a segment.
#[derive(Debug)]
pub struct StoredBlock {
    method: Method,
    stored: Bytes,
    plain_len: u32,
    check: Id,
    objects: Vec<Placed>,
}

impl StoredBlock {
    /// A block of one object.
    pub fn of_one(kind: Kind, id: Id, plain: Bytes, zstd_level: i32) -> Self {
        let entry = entry(kind, id, 0, plain.len());
        Self::new(plain, Some(zstd_level), vec![Placed { entry, delta: None }])
    }

    /// A block of another segment as it is there, whose stored bytes have been compared with their check.
    pub fn copied(
        block: &BlockEntry,
        stored: Bytes,
        objects: impl Iterator<Item = (ObjectEntry, Option<Delta>)>,
    ) -> Self {
        Self {
            method: block.method,
            stored,
            plain_len: block.plain_len,
            check: block.check,
            objects: objects.map(|(entry, delta)| Placed { entry, delta }).collect(),
        }
    }

    fn new(plain: Bytes, zstd_level: Option<i32>, objects: Vec<Placed>) -> Self {
        let plain_len = plain.len() as u32;
        let compressed = zstd_level.and_then(|level| compress(&plain, level));
        let (method, stored) = match compressed {
            Some(stored) => (Method::Zstd, Bytes::from(stored)),
            None => (Method::Raw, plain),
        };
        let check = Id(*blake3::hash(&stored).as_bytes());
        Self {
            method,
            stored,
            plain_len,
            check,
            objects,
        }
    }

    /// Its length in the segment, in bytes.
    pub fn stored_len(&self) -> usize {
        self.stored.len()
    }

    /// Its bytes in the segment.
    pub(super) fn stored(&self) -> &[u8] {
        &self.stored
    }

    /// How many bytes its entries take in a directory.
    pub(super) fn entries_len(&self) -> usize {
        let deltas = self.objects.iter().filter(|object| object.delta.is_some());
        let head = Directory::encoded_len(0, 0, 0);
        Directory::encoded_len(1, self.objects.len(), deltas.count()) - head
    }
}

/// The directory of a segment that is being filled.
#[derive(Debug, Default)]
pub(super) struct OpenDirectory {
    directory: Directory,
    deltas: Vec<(Id, Delta)>,
}

impl OpenDirectory {
    pub(super) fn is_empty(&self) -> bool {
        self.directory.blocks.is_empty()
    }

    /// Enters a block that lies at `offset`, and what is in it.
    pub(super) fn add(&mut self, offset: u64, block: &StoredBlock) {
        let number = self.directory.blocks.len() as u32;
        self.directory.blocks.push(BlockEntry {
            offset,
            stored_len: block.stored.len() as u32,
            plain_len: block.plain_len,
            method: block.method,
            check: block.check,
        });
        for Placed { entry, delta } in &block.objects {
            self.directory.objects.push(ObjectEntry {
                block: number,
                ..*entry
            });
            self.deltas.extend(delta.map(|delta| (entry.id, delta)));
        }
    }

    /// The finished directory. An object that was laid twice is entered once, as it was laid first: no reader would take a segment
    /// that has it twice (F-034).
    pub(super) fn close(mut self) -> Directory {
        let objects = &mut self.directory.objects;
        // Blocks have their numbers, and objects their offsets, in the order in which they were laid.
        objects.sort_unstable_by_key(|object| (object.id, object.block, object.offset));
        objects.dedup_by_key(|object| object.id);
        self.deltas.sort_by_key(|(id, _)| *id);
        self.deltas.dedup_by_key(|(id, _)| *id);
        for (id, delta) in &self.deltas {
            let object = self.directory.find(id).expect("it was pushed with its entry");
            if self.directory.objects[object as usize].generation == 0 {
                continue;
            }
            self.directory.deltas.push(DeltaEntry {
                object,
                plain_len: delta.plain_len,
                base: delta.base,
            });
        }
        self.directory
    }
}

/// A segment that is being filled, in memory.
#[derive(Debug)]
pub struct SegmentWriter {
    bytes: Vec<u8>,
    directory: OpenDirectory,
}

impl SegmentWriter {
    /// An empty segment of an archive.
    pub fn new(archive: ArchiveId) -> Self {
        // Grown by doubling, a full segment would take twice its room.
        Self::with_room(archive, SEGMENT_BYTES + 2 * BLOCK_BYTES)
    }

    /// An empty segment that will hardly grow large.
    pub fn small(archive: ArchiveId) -> Self {
        Self::with_room(archive, 0)
    }

    fn with_room(archive: ArchiveId, bytes: usize) -> Self {
        let mut bytes = Vec::with_capacity(bytes);
        bytes.extend_from_slice(&Header { archive }.encode());
        Self {
            bytes,
            directory: OpenDirectory::default(),
        }
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.directory.is_empty()
    }

    /// Whether it is time to seal it.
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= SEGMENT_BYTES
    }

    /// Lays a block into the segment.
    pub fn push(&mut self, block: StoredBlock) {
        self.directory.add(self.bytes.len() as u64, &block);
        self.bytes.extend_from_slice(&block.stored);
    }

    /// Adds directory and trailer.
    pub fn seal(self) -> SealedSegment {
        SealedSegment::of(self.bytes, self.directory.close())
    }
}

/// A whole segment with its name, ready to be put into a store.
#[derive(Debug)]
pub struct SealedSegment {
    /// Its name: the seal.
    pub name: Name,
    /// All its bytes.
    pub bytes: Vec<u8>,
    /// What it holds.
    pub directory: Directory,
}

impl SealedSegment {
    /// Seals blocks and what they hold.
    fn of(mut bytes: Vec<u8>, directory: Directory) -> Self {
        let directory_offset = bytes.len() as u64;
        let encoded = directory.encode();
        let (trailer, trailer_bytes) = Trailer::seal(&bytes[..HEADER_BYTES], directory_offset, &encoded);
        bytes.extend_from_slice(&encoded);
        bytes.extend_from_slice(&trailer_bytes);
        Self {
            name: Name::Segment(trailer.seal),
            bytes,
            directory,
        }
    }

    /// The same under a name that is not taken: a block that belongs to no object makes the difference.
    #[must_use]
    pub fn apart_from(mut self, is_taken: impl Fn(Name) -> bool) -> Self {
        while is_taken(self.name) {
            let Name::Segment(seal) = self.name else { break };
            let offset = self.directory.blocks_end();
            self.bytes.truncate(offset as usize);
            self.bytes.extend_from_slice(&seal.0);
            self.directory.blocks.push(BlockEntry {
                offset,
                stored_len: seal.0.len() as u32,
                plain_len: seal.0.len() as u32,
                method: Method::Raw,
                check: Id(*blake3::hash(&seal.0).as_bytes()),
            });
            self = Self::of(self.bytes, self.directory);
        }
        self
    }

    /// What the index needs of it.
    pub fn into_indexed(self) -> IndexedSegment {
        IndexedSegment {
            name: self.name,
            len: self.bytes.len() as u64,
            directory: self.directory,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::open_segment;
    use crate::store::{MemoryStore, Store};

    const ARCHIVE: ArchiveId = ArchiveId([3; 16]);

    fn sealed() -> SealedSegment {
        let mut writer = SegmentWriter::new(ARCHIVE);
        let mut block = PlainBlock::default();
        for text in [&b"one"[..], b"two", &[b'x'; 5000]] {
            block.push(Kind::Chunk, Id::of(Kind::Chunk, text), text);
        }
        writer.push(block.store(3));
        let mut last = PlainBlock::default();
        let delta = Delta {
            base: Id::of(Kind::Chunk, b"one"),
            plain_len: 9,
            generation: 1,
        };
        last.push_delta(Kind::Chunk, Id([9; 32]), b"a frame", delta);
        last.push(Kind::Page, Id::of(Kind::Page, b"last"), b"last");
        writer.push(last.store_raw());
        writer.seal()
    }

    #[test]
    fn what_is_sealed_can_be_opened() {
        let (sealed, store) = (sealed(), MemoryStore::default());
        store.put(sealed.name, &sealed.bytes).expect("put");
        let opened = open_segment(&store, sealed.name, sealed.bytes.len() as u64, ARCHIVE).expect("open");
        assert_eq!(opened.directory, sealed.directory);
        assert_eq!(opened.directory.objects.len(), 5);
        assert_eq!(opened.directory.deltas.len(), 1);
    }

    // F-034
    #[test]
    fn what_is_laid_twice_is_there_once() {
        let (one, two) = (Id::of(Kind::Chunk, b"one"), Id::of(Kind::Chunk, b"two"));
        let delta = |base| Delta {
            base,
            plain_len: 3,
            generation: 1,
        };
        let whole = |text: &'static [u8]| {
            let bytes = Bytes::from_static(text);
            StoredBlock::of_one(Kind::Chunk, Id::of(Kind::Chunk, text), bytes, 3)
        };
        let frames = |id, base| {
            let mut block = PlainBlock::default();
            block.push_delta(Kind::Chunk, id, b"a frame", delta(base));
            block.store_raw()
        };
        let other = Id([9; 32]);
        let mut writer = SegmentWriter::new(ARCHIVE);
        for block in [
            whole(b"one"),
            frames(two, one),
            frames(one, two),
            frames(two, other),
            whole(b"two"),
            whole(b"one"),
        ] {
            writer.push(block);
        }
        let (sealed, store) = (writer.seal(), MemoryStore::default());
        store.put(sealed.name, &sealed.bytes).expect("put");
        let opened = open_segment(&store, sealed.name, sealed.bytes.len() as u64, ARCHIVE).expect("open");
        let directory = &opened.directory;
        assert_eq!((directory.objects.len(), directory.deltas.len()), (2, 1));
        let at = |id: &Id| directory.find(id).expect("it is there");
        assert_eq!(directory.objects[at(&one) as usize].block, 0);
        assert_eq!(directory.objects[at(&two) as usize].block, 1);
        assert_eq!(directory.delta(at(&two)).expect("a delta").base, one);
    }

    // F-097
    #[test]
    fn a_name_that_is_taken_is_left_to_others() {
        let first = sealed();
        let second = sealed().apart_from(|name| name == first.name);
        let third = sealed().apart_from(|name| [first.name, second.name].contains(&name));
        assert!(second.name != first.name && ![first.name, second.name].contains(&third.name));
        let store = MemoryStore::default();
        store.put(third.name, &third.bytes).expect("put");
        let opened = open_segment(&store, third.name, third.bytes.len() as u64, ARCHIVE).expect("open");
        assert_eq!(opened.directory.objects, first.directory.objects);
    }

    // F-012, F-013, F-030, F-035
    #[test]
    fn no_byte_outside_the_blocks_can_change_unnoticed() {
        let (sealed, store) = (sealed(), MemoryStore::default());
        let blocks = HEADER_BYTES..sealed.directory.blocks_end() as usize;
        for i in (0..sealed.bytes.len()).filter(|i| !blocks.contains(i)) {
            let mut changed = sealed.bytes.clone();
            changed[i] ^= 0x10;
            store.put(sealed.name, &changed).expect("put");
            let result = open_segment(&store, sealed.name, changed.len() as u64, ARCHIVE);
            assert!(result.is_err(), "byte {i}");
        }
        for len in 0..sealed.bytes.len() {
            store.put(sealed.name, &sealed.bytes[..len]).expect("put");
            assert!(
                open_segment(&store, sealed.name, len as u64, ARCHIVE).is_err(),
                "{len} bytes"
            );
        }
        let other = Name::Segment(Id([0; 32]));
        store.put(other, &sealed.bytes).expect("put");
        assert!(open_segment(&store, other, sealed.bytes.len() as u64, ARCHIVE).is_err());
        store.put(sealed.name, &sealed.bytes).expect("put");
        assert!(open_segment(&store, sealed.name, sealed.bytes.len() as u64, ArchiveId([4; 16])).is_err());
    }
}

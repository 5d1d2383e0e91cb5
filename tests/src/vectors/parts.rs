//! Segments taken apart and put together again, so that one thing in them can be wrong and all else right.

use restante_format::id::Id;
use restante_format::wire::{
    BLOCK_ENTRY_BYTES, DIRECTORY_HEAD_BYTES, HEADER_BYTES, OBJECT_ENTRY_BYTES, TRAILER_BYTES, Trailer, seal,
};

/// The parts of a segment file.
#[derive(Clone, Debug)]
pub struct Parts {
    /// 64 bytes.
    pub header: Vec<u8>,
    /// All blocks.
    pub blocks: Vec<u8>,
    /// Its head and entries.
    pub directory: Vec<u8>,
    /// 96 bytes; the last 32 are the seal.
    pub trailer: Vec<u8>,
}

impl Parts {
    /// The parts of a sound segment.
    pub fn of(segment: &[u8]) -> Self {
        let (front, trailer) = segment.split_at(segment.len() - TRAILER_BYTES);
        let parsed = Trailer::decode(trailer, segment.len() as u64).expect("a sound trailer");
        let (front, directory) = front.split_at(parsed.directory_offset as usize);
        let (header, blocks) = front.split_at(HEADER_BYTES);
        Self {
            header: header.to_vec(),
            blocks: blocks.to_vec(),
            directory: directory.to_vec(),
            trailer: trailer.to_vec(),
        }
    }

    /// Makes a new trailer that fits the other parts.
    pub fn rebuild(&mut self) {
        let offset = (HEADER_BYTES + self.blocks.len()) as u64;
        self.trailer = Trailer::seal(&self.header, offset, &self.directory).1;
    }

    /// Makes the seal fit, whatever the rest of the trailer says.
    pub fn reseal(&mut self) {
        let seal = seal(&self.header, &self.directory, &self.trailer);
        self.trailer[64..].copy_from_slice(&seal.0);
    }

    /// Where the entry of a block starts in the directory.
    pub fn block_at(number: usize) -> usize {
        DIRECTORY_HEAD_BYTES + number * BLOCK_ENTRY_BYTES
    }

    /// Where the first entry of an object starts in the directory.
    pub fn objects_at(&self) -> usize {
        Self::block_at(self.count(0))
    }

    /// Where the first entry of a delta starts in the directory.
    pub fn deltas_at(&self) -> usize {
        self.objects_at() + self.count(1) * OBJECT_ENTRY_BYTES
    }

    fn count(&self, number: usize) -> usize {
        let word = self.directory[4 * number..][..4].try_into().expect("four bytes");
        u32::from_le_bytes(word) as usize
    }

    /// The file's path below the archive, by the seal in the trailer.
    pub fn path(&self) -> String {
        let mut seal = [0; 32];
        seal.copy_from_slice(&self.trailer[64..]);
        format!("segments/{}.rst", Id(seal))
    }

    /// The whole file.
    pub fn bytes(&self) -> Vec<u8> {
        [&self.header[..], &self.blocks, &self.directory, &self.trailer].concat()
    }
}

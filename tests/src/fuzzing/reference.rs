//! What a single segment holds, found in the plainest way: to be compared with what the library reads.

use restante_format::compress::decompress;
use restante_format::delta;
use restante_format::id::{Id, Kind};
use restante_format::limits::CHAIN;
use restante_format::wire::{Directory, HEADER_BYTES, Method};

/// The most plain bytes, of all blocks and of all deltas, of a segment that is looked into.
const PLAIN_BYTES: u64 = 4 << 20;

/// A segment with the plain bytes of its blocks, where they can be decoded.
pub(super) struct Reference<'a> {
    directory: &'a Directory,
    blocks: Vec<Option<Vec<u8>>>,
}

impl<'a> Reference<'a> {
    /// Decodes the blocks of a segment; `None` if that takes too much room.
    pub(super) fn new(directory: &'a Directory, segment: &[u8]) -> Option<Self> {
        let of_blocks = directory.blocks.iter().map(|block| u64::from(block.plain_len));
        let of_deltas = directory.deltas.iter().map(|delta| u64::from(delta.plain_len));
        if of_blocks.chain(of_deltas).sum::<u64>() > PLAIN_BYTES {
            return None;
        }
        let mut at = HEADER_BYTES;
        let mut blocks = Vec::new();
        for block in &directory.blocks {
            let stored = &segment[at..at + block.stored_len as usize];
            at += stored.len();
            blocks.push(match block.method {
                Method::Raw => Some(stored.to_vec()),
                Method::Zstd => decompress(stored, block.plain_len as usize).ok(),
            });
        }
        Some(Self { directory, blocks })
    }

    /// The plain bytes of an object, if they can be had.
    pub(super) fn get(&self, kind: Kind, id: Id) -> Option<Vec<u8>> {
        let (mut frames, mut next) = (Vec::new(), id);
        let mut bytes = loop {
            let number = self
                .directory
                .objects
                .iter()
                .position(|object| object.id == next)?;
            let object = &self.directory.objects[number];
            let block = self.blocks[object.block as usize].as_deref()?;
            let stored = &block[object.offset as usize..][..object.len as usize];
            if object.kind != kind {
                return None;
            }
            let of_object = |delta: &&restante_format::wire::DeltaEntry| delta.object as usize == number;
            match self.directory.deltas.iter().find(of_object) {
                None => break stored.to_vec(),
                Some(_) if frames.len() == CHAIN => return None,
                Some(delta) => {
                    frames.push((stored, delta.plain_len as usize));
                    next = delta.base;
                }
            }
        };
        for (frame, plain_len) in frames.into_iter().rev() {
            bytes = delta::decode(frame, &bytes, plain_len).ok()?;
        }
        (Id::of(kind, &bytes) == id).then_some(bytes)
    }
}

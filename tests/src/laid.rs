//! Segments laid out by hand: which objects share a block, and which are deltas of what, is for the caller to say. No
//! code of the writer's is used but the encodings.

use restante_format::compress::compress;
use restante_format::id::{Id, Kind};
use restante_format::wire::{
    ArchiveId, BlockEntry, DeltaEntry, Directory, Header, Method, ObjectEntry, Trailer,
};
use zstd::zstd_safe::{CCtx, CParameter};

/// The zstd frame of `plain` with `base` as its prefix. The parameters come on top of level 3.
pub fn frame_with(plain: &[u8], base: &[u8], parameters: &[CParameter]) -> Vec<u8> {
    // Of a prefix that lies where the plain bytes lie, zstd makes no use.
    let base = &base.to_vec()[..];
    let mut context = CCtx::create();
    let mut set = |parameter| {
        context
            .set_parameter(parameter)
            .expect("a parameter within its range");
    };
    set(CParameter::CompressionLevel(3));
    parameters.iter().copied().for_each(&mut set);
    context.ref_prefix(base).expect("a prefix");
    let mut frame = Vec::with_capacity(zstd::zstd_safe::compress_bound(plain.len()));
    context.compress2(&mut frame, plain).expect("compress");
    frame
}

/// The zstd frame of `plain` with `base` as its prefix.
pub fn frame(plain: &[u8], base: &[u8]) -> Vec<u8> {
    frame_with(plain, base, &[])
}

/// What the directory says of a delta beside where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeltaOf {
    /// The object that it is made from.
    pub base: Id,
    /// Length of its plain bytes.
    pub plain_len: u32,
    /// Not 0.
    pub generation: u16,
}

/// An object as it stands in a block.
#[derive(Clone, Debug)]
pub struct Laid {
    /// What it is.
    pub kind: Kind,
    /// Its id, whatever the bytes say.
    pub id: Id,
    /// Its plain bytes, or the frame that stands for them.
    pub bytes: Vec<u8>,
    /// What it is made from, if it is a delta.
    pub delta: Option<DeltaOf>,
}

impl Laid {
    /// An object that is stored whole.
    pub fn whole(kind: Kind, plain: &[u8]) -> Self {
        Self {
            kind,
            id: Id::of(kind, plain),
            bytes: plain.to_vec(),
            delta: None,
        }
    }

    /// An object that is stored as a delta of another one of its kind.
    pub fn delta(kind: Kind, plain: &[u8], base: &[u8]) -> Self {
        Self::framed(kind, plain, base, frame(plain, base))
    }

    /// The same with a frame that was made otherwise.
    pub fn framed(kind: Kind, plain: &[u8], base: &[u8], frame: Vec<u8>) -> Self {
        let delta = DeltaOf {
            base: Id::of(kind, base),
            plain_len: plain.len() as u32,
            generation: 1,
        };
        Self {
            kind,
            id: Id::of(kind, plain),
            bytes: frame,
            delta: Some(delta),
        }
    }

    /// Changes what the directory says of a delta.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut DeltaOf)) -> Self {
        change(self.delta.as_mut().expect("a delta"));
        self
    }
}

/// The bytes of a segment of these blocks, compressed where that makes them smaller if there is a zstd level.
pub fn lay(archive: ArchiveId, blocks: &[Vec<Laid>], zstd_level: Option<i32>) -> Vec<u8> {
    let mut bytes = Header { archive }.encode();
    let mut directory = Directory::default();
    let mut laid: Vec<(ObjectEntry, Option<DeltaOf>)> = Vec::new();
    for (number, objects) in (0..).zip(blocks) {
        let mut plain = Vec::new();
        for object in objects {
            let entry = ObjectEntry {
                id: object.id,
                block: number,
                offset: plain.len() as u32,
                len: object.bytes.len() as u32,
                kind: object.kind,
                generation: object.delta.map_or(0, |delta| delta.generation),
            };
            laid.push((entry, object.delta));
            plain.extend_from_slice(&object.bytes);
        }
        let plain_len = plain.len() as u32;
        let (method, stored) = match zstd_level {
            Some(level) => match compress(&plain, level) {
                Some(stored) => (Method::Zstd, stored),
                None => (Method::Raw, plain),
            },
            None => (Method::Raw, plain),
        };
        directory.blocks.push(BlockEntry {
            offset: bytes.len() as u64,
            stored_len: stored.len() as u32,
            plain_len,
            method,
            check: Id(*blake3::hash(&stored).as_bytes()),
        });
        bytes.extend_from_slice(&stored);
    }
    laid.sort_by_key(|(entry, _)| entry.id);
    for (number, (entry, delta)) in (0..).zip(laid) {
        directory.objects.push(entry);
        directory.deltas.extend(delta.map(|delta| DeltaEntry {
            object: number,
            plain_len: delta.plain_len,
            base: delta.base,
        }));
    }
    let directory_offset = bytes.len() as u64;
    let directory = directory.encode();
    let header = &bytes[..restante_format::wire::HEADER_BYTES];
    let (_, trailer) = Trailer::seal(header, directory_offset, &directory);
    bytes.extend(directory);
    bytes.extend(trailer);
    bytes
}

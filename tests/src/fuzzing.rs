//! What the fuzz targets in `fuzz/` do with their input. Here, so that plain `cargo test` replays every file of
//! their corpora.
//!
//! Each function takes whatever bytes there are, and panics where a promise of the format or of the library is broken.

mod archive;
mod cutting;
mod fixup;
mod reference;
mod seeds;

pub use archive::archive;
pub use cutting::cutting;
pub use fixup::fix_segment;
pub use seeds::seeds;

use std::sync::Arc;

use bytes::Bytes;
use restante_format::chunk::Cutter;
use restante_format::error::Malformed;
use restante_format::id::{Id, Kind, derive};
use restante_format::limits::PAGE_MOMENTS;
use restante_format::segment::{ObjectReader, check_block, open_segment};
use restante_format::store::{MemoryStore, Name};
use restante_format::wire::{
    ArchiveId, CONFIG_BYTES, Chunker, Config, Contents, Directory, HEADER_BYTES, ListNode, PageEntry,
    TRAILER_BYTES, TreeNode, decode_page, decode_snapshot, encode_page, encode_snapshot,
};

use self::reference::Reference;
use crate::cutting::Rules;
use crate::vectors::Rule;

/// A fuzz target: what it does with an input.
pub type Target = fn(&[u8]);

/// All targets, with their names in `fuzz/`.
pub const TARGETS: [(&str, Target); 6] = [
    ("archive", archive),
    ("chunker", chunker),
    ("config", config),
    ("cutting", cutting),
    ("object", object),
    ("segment", segment),
];

/// How many blocks and objects of a segment are looked at.
const LOOKED_AT: usize = 64;

/// The front of an input, taken piece by piece; what is missing is zero.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> &'a [u8] {
        let (front, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        front
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let front = self.take(N);
        array[..front.len()].copy_from_slice(front);
        array
    }

    fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }
}

/// A segment file. The first byte says how it is mended first: 0 not at all, 1 seal and header, else blocks
/// and ids too, so that a mutation reaches what lies behind each check.
pub fn segment(data: &[u8]) {
    let mut input = Input(data);
    let mode = input.u8();
    let mut bytes = input.0.to_vec();
    if mode > 0 {
        fix_segment(&mut bytes, ArchiveId([7; 16]), mode > 1);
    }
    let len = bytes.len();
    let archive = bytes.get(24..40).and_then(|id| id.try_into().ok());
    let archive = ArchiveId(archive.unwrap_or_default());
    let name = Name::Segment(Id(bytes.last_chunk().copied().unwrap_or_default()));
    let store = MemoryStore::from_files([(name, Bytes::from(bytes.clone()))].into());
    let Ok(opened) = open_segment(&store, name, len as u64, archive) else {
        return;
    };
    let directory = &bytes[opened.directory.blocks_end() as usize..len - TRAILER_BYTES];
    assert_eq!(
        opened.directory.encode(),
        directory,
        "a directory has one encoding"
    );
    assert!(opened.directory.blocks_end() >= HEADER_BYTES as u64);
    let damaged = damaged_blocks(&store, &opened);
    let directory = opened.directory.clone();
    let reference = Reference::new(&directory, &bytes);
    let reader = ObjectReader::new(Arc::new(store), archive, 1 << 20);
    reader.change_index(|index| index.add(opened));
    for (number, object) in (0..).zip(directory.objects.iter().take(LOOKED_AT)) {
        let plain_len = directory
            .delta(number)
            .map_or(object.len, |delta| delta.plain_len);
        for kind in Kind::ALL {
            let read = reader.get(kind, object.id);
            if let Some(reference) = &reference {
                let expected = reference.get(kind, object.id);
                assert_eq!(read.as_deref().ok(), expected.as_deref(), "F-037, F-043");
            }
            match read {
                Ok(plain) => {
                    assert_eq!(Id::of(kind, &plain), object.id, "F-040");
                    assert_eq!((plain.len(), kind), (plain_len as usize, object.kind), "F-041");
                }
                Err(error) => {
                    let is_whole = object.generation == 0;
                    let expected = kind != object.kind || !is_whole || damaged.contains(&object.id);
                    assert!(error.is_damage() && expected, "{error}");
                }
            }
        }
    }
}

/// The objects that the first blocks have lost.
fn damaged_blocks(store: &MemoryStore, opened: &restante_format::index::IndexedSegment) -> Vec<Id> {
    let Directory { blocks, objects, .. } = &opened.directory;
    let mut damaged = Vec::new();
    for number in 0..blocks.len() {
        let inside: Vec<_> = objects
            .iter()
            .filter(|object| object.block as usize == number)
            .copied()
            .collect();
        if number >= LOOKED_AT {
            damaged.extend(inside.iter().map(|object| object.id));
        } else if let Some(damage) = check_block(store, opened, number, &inside, &mut |_, _| ()) {
            damaged.extend(damage.objects.iter().map(|object| object.id));
        }
    }
    damaged
}

/// Makes the check of a config fit its contents.
fn fix_config(bytes: &mut [u8]) {
    if bytes.len() == CONFIG_BYTES {
        let (contents, check) = bytes.split_at_mut(CONFIG_BYTES - 32);
        check.copy_from_slice(&derive("restante 2026 config v1", &[contents]).0);
    }
}

/// A config. If the first byte is not zero, its check is made to fit first.
pub fn config(data: &[u8]) {
    let mut input = Input(data);
    let fix = input.u8() > 0;
    let mut bytes = input.0.to_vec();
    if fix {
        fix_config(&mut bytes);
    }
    match Config::decode(&bytes) {
        Ok(config) => {
            assert_eq!(config.chunker.validate(), Ok(()));
            let encoded = config.encode();
            assert_eq!(Config::decode(&encoded), Ok(config));
            // What differs is compatible flags and the check over them.
            bytes[16..20].fill(0);
            fix_config(&mut bytes);
            assert_eq!(encoded, bytes);
        }
        Err(Malformed::NewerVersion { found, .. }) => {
            assert!(found > 1 && bytes[8..10] == found.to_le_bytes());
        }
        Err(Malformed::Magic(_)) => assert!(!bytes.starts_with(b"\x89RSTC\r\n\x1a")),
        Err(_) => {}
    }
}

/// An object: its kind, or one more for a snapshot, and its plain bytes.
pub fn object(data: &[u8]) {
    let mut input = Input(data);
    let number = usize::from(input.u8()) % (Kind::ALL.len() + 1);
    let plain = input.0;
    let Some(kind) = Kind::ALL.get(number) else {
        return snapshot(plain);
    };
    let encoded = match kind {
        Kind::Chunk => return,
        Kind::ChunkList => ListNode::decode(plain).map(|node| {
            assert!(node.len() < 1 << 63 && !node.is_empty());
            let encoded = node.encode();
            assert_eq!(ListNode::decode(&encoded), Ok(node));
            assert!(
                encoded.len() <= plain.len(),
                "writers use the shortest form (F-001)"
            );
            encoded
        }),
        // Listing owners anew may lengthen the indices of some.
        Kind::Tree => TreeNode::decode(plain).map(|node| {
            let encoded = node.encode();
            assert_eq!(TreeNode::decode(&encoded).as_ref(), Ok(&node));
            encoded
        }),
        Kind::Page => decode_page(plain).map(|entries| {
            assert_bounds(plain, &entries);
            let encoded = encode_page(&entries).expect("the times were in one page");
            assert!(decode_page(&encoded).as_ref() == Ok(&entries));
            assert!(
                encoded.len() <= plain.len(),
                "writers use the shortest form (F-001)"
            );
            encoded
        }),
        Kind::Contents => Contents::decode(plain).map(|contents| {
            for pair in contents.pages.windows(2) {
                assert!(pair[0].last <= pair[1].first);
            }
            for note in &contents.pages {
                assert!(note.first <= note.last && note.moments > 0);
            }
            let encoded = contents.encode();
            assert_eq!(Contents::decode(&encoded), Ok(contents));
            assert!(
                encoded.len() <= plain.len(),
                "writers use the shortest form (F-001)"
            );
            encoded
        }),
    };
    if let Ok(encoded) = encoded {
        assert!(
            encoded_again(*kind, &encoded) == encoded,
            "one value has one encoding"
        );
    }
}

/// A page has times, no more than it may, in order, and its snapshots are no longer than itself.
fn assert_bounds(plain: &[u8], entries: &[PageEntry]) {
    let times: usize = entries.iter().map(|entry| entry.times.len()).sum();
    assert!((1..=PAGE_MOMENTS).contains(&times), "{times} times");
    let snapshots: usize = entries.iter().map(|entry| entry.snapshot.len()).sum();
    assert!(snapshots < plain.len());
    for entry in entries {
        assert!(!entry.times.is_empty());
        assert!(entry.times.iter().all(|time| time.nanos < 1_000_000_000));
        assert!(entry.times.windows(2).all(|pair| pair[0] < pair[1]), "F-083");
    }
}

fn snapshot(plain: &[u8]) {
    let Ok(snapshot) = decode_snapshot(plain) else {
        return;
    };
    let encoded = encode_snapshot(&snapshot);
    assert_eq!(decode_snapshot(&encoded).as_ref(), Ok(&snapshot));
    assert!(
        encoded.len() <= plain.len(),
        "writers use the shortest form (F-001)"
    );
    assert!(
        encode_snapshot(&snapshot) == encoded,
        "one value has one encoding"
    );
}

fn encoded_again(kind: Kind, plain: &[u8]) -> Vec<u8> {
    let again = match kind {
        Kind::Chunk => Ok(plain.to_vec()),
        Kind::ChunkList => ListNode::decode(plain).map(|node| node.encode()),
        Kind::Tree => TreeNode::decode(plain).map(|node| node.encode()),
        Kind::Page => decode_page(plain).map(|entries| encode_page(&entries).expect("it was one page")),
        Kind::Contents => Contents::decode(plain).map(|contents| contents.encode()),
    };
    again.expect("it was decoded a moment ago")
}

/// Parameters of the cut rule, and flags of which the lowest two say how its masks are read.
fn any_chunker(input: &mut Input<'_>) -> (u8, Chunker) {
    let flags = input.u8();
    let mut gear_seed = [0; 32];
    gear_seed[..4].copy_from_slice(&input.array::<4>());
    let min_bytes = 64 + 2 * u32::from(input.u8());
    let avg_bytes = min_bytes + 2 * u32::from(input.u8());
    let max_bytes = avg_bytes + 2 * u32::from(input.u16() % 1024);
    let mut mask = |sparse: bool| {
        let bits = input.array::<8>();
        let mask = match sparse {
            true => bits[..4].iter().fold(0, |mask, bit| mask | 1 << (bit % 63)),
            false => u64::from_le_bytes(bits) & (u64::MAX >> 1),
        };
        mask.max(1)
    };
    let chunker = Chunker {
        mask_s: mask(flags & 1 == 0),
        mask_l: mask(flags & 2 == 0),
        min_bytes,
        avg_bytes,
        max_bytes,
        gear_seed,
    };
    assert_eq!(chunker.validate(), Ok(()));
    (flags, chunker)
}

/// Parameters and bytes to cut, by the library, by the crate that defines the rule, and by the rule as the specification
/// words it. Every chunk is asked for again in a region that goes on differently.
pub fn chunker(data: &[u8]) {
    let mut input = Input(data);
    let (flags, chunker) = any_chunker(&mut input);
    let max_bytes = chunker.max_bytes;
    let region = input.0.repeat(1 + usize::from(flags >> 2));
    let region = &region[..region.len().min(1 << 16)];
    let (cutter, rule) = (Cutter::new(&chunker), Rule::new(&chunker));
    let rules = Rules::new(chunker);
    let mut rest = region;
    for (number, chunk) in cutter.chunks(region).enumerate() {
        assert_eq!(chunk.len(), rule.cut(rest));
        assert_eq!(chunk.len(), rules.cut_by_the_crate(rest));
        assert!(cutter.confirms(rest, chunk.len()));
        if number < LOOKED_AT {
            // Behind it comes another part of the region, or what came before but not so far.
            let behind = &region[region.len() - rest.len() / 2..];
            let other = [chunk, &behind[..behind.len().min(max_bytes as usize)]].concat();
            for next in [&other[..], &rest[..rest.len().min(chunk.len() + 1)]] {
                let seen = &next[..next.len().min(chunk.len() + 2)];
                assert_eq!(
                    cutter.confirms(seen, chunk.len()),
                    cutter.cut(next) == chunk.len()
                );
            }
        }
        rest = &rest[chunk.len()..];
    }
    assert!(rest.is_empty());
}

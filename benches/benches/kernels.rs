//! The kernels that a snapshot and a restore spend their time in, one thread each.

use std::sync::{Arc, LazyLock};

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use restante_format::chunk::Cutter;
use restante_format::compress;
use restante_format::id::{Id, Kind, derive};
use restante_format::model::{Content, Entry, Meta, Node, Owner, Timestamp};
use restante_format::wire::{BlockEntry, Chunker, Directory, HEADER_BYTES, Method, ObjectEntry, TreeNode};
use restante_tests::cutting::Rules;
use restante_tests::prng::Rng;
use restante_tests::workload::{MAILDATA, TABLES, Workload, read_all};

/// What is cut and hashed: 64 MiB that do not compress.
static RANDOM: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut bytes = vec![0; 64 << 20];
    Rng::new(1).fill(&mut bytes);
    bytes
});

/// The size of the chunks that are hashed: an archive's average.
const CHUNK_BYTES: usize = 64 << 10;
/// The size of the blocks that are compressed.
const BLOCK_BYTES: usize = 1 << 20;
/// How many blocks there are of each kind of data.
const BLOCKS: usize = 8;
/// How many entries the measured directory of a tree has.
const ENTRIES: usize = 1000;
/// How many blocks and objects the measured segment has.
const SEGMENT_BLOCKS: usize = 64;
const SEGMENT_OBJECTS: usize = 1000;

fn main() {
    divan::main();
}

mod cut {
    use super::*;

    /// An archive's masks, and the same further up, where they need more than 32 bits of the hash.
    #[derive(Clone, Copy, Debug)]
    enum Masks {
        Low,
        High,
    }

    impl Masks {
        fn chunker(self) -> Chunker {
            let low = Chunker::default();
            match self {
                Self::Low => low,
                Self::High => Chunker {
                    mask_s: low.mask_s << 8,
                    mask_l: low.mask_l << 8,
                    ..low
                },
            }
        }
    }

    fn count(cut: impl Fn(&[u8]) -> usize) -> usize {
        let mut rest = black_box(&RANDOM[..]);
        let mut count = 0;
        while !rest.is_empty() {
            rest = &rest[cut(rest)..];
            count += 1;
        }
        count
    }

    #[divan::bench(args = [Masks::Low, Masks::High])]
    fn cutter(bencher: Bencher, masks: Masks) {
        let cutter = Cutter::new(&masks.chunker());
        bencher
            .counter(BytesCount::of_slice(&RANDOM[..]))
            .bench(|| count(|bytes| cutter.cut(bytes)));
    }

    /// The crate that defines the rule, with the same masks and the same gear table.
    #[divan::bench(args = [Masks::Low, Masks::High])]
    fn fastcdc(bencher: Bencher, masks: Masks) {
        let chunker = masks.chunker();
        let rules = Rules::new(chunker);
        let cut = |bytes: &[u8]| rules.cut_by_the_crate(bytes);
        bencher
            .counter(BytesCount::of_slice(&RANDOM[..]))
            .bench(|| count(cut));
    }
}

#[divan::bench]
fn blake3_of_chunks(bencher: Bencher) {
    bencher.counter(BytesCount::of_slice(&RANDOM[..])).bench(|| {
        let ids = black_box(&RANDOM)
            .chunks_exact(CHUNK_BYTES)
            .map(|chunk| Id::of(Kind::Chunk, chunk));
        ids.fold(0, |sum: u8, id| sum ^ id.0[0])
    });
}

/// What is compressed.
#[derive(Clone, Copy, Debug)]
enum Data {
    Mail,
    Tables,
}

/// Blocks of mails and of correlation tables, plain.
static BLOCKS_OF: LazyLock<[Vec<Vec<u8>>; 2]> = LazyLock::new(|| {
    let root = tempfile::tempdir().expect("a temporary folder can be made");
    let bytes = (BLOCKS * BLOCK_BYTES) as u64;
    let workload = Workload {
        small_files: 4000,
        tables_bytes: bytes,
        table_count: 1,
        attachments_bytes: 0,
        ..Workload::small()
    };
    workload.create(root.path()).expect("the workload can be written");
    let blocks = |folder: String| {
        let mut bytes = Vec::new();
        read_all(&root.path().join(folder), &mut bytes).expect("the workload can be read");
        let blocks = bytes.chunks_exact(BLOCK_BYTES).take(BLOCKS);
        blocks.map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    [blocks(format!("{MAILDATA}/MAI")), blocks(TABLES.to_owned())]
});

impl Data {
    fn blocks(self) -> &'static [Vec<u8>] {
        &BLOCKS_OF[self as usize]
    }
}

#[divan::bench(args = [Data::Mail, Data::Tables])]
fn zstd_compress(bencher: Bencher, data: Data) {
    let blocks = data.blocks();
    bencher
        .counter(BytesCount::new(blocks.len() * BLOCK_BYTES))
        .with_inputs(|| blocks.to_vec())
        .bench_values(|blocks| {
            let stored = blocks.into_iter().map(|block| compress::compress(&block, 3));
            stored.flatten().map(|stored| stored.len()).sum::<usize>()
        });
}

#[divan::bench(args = [Data::Mail, Data::Tables])]
fn zstd_decompress(bencher: Bencher, data: Data) {
    let stored: Vec<Vec<u8>> = data
        .blocks()
        .iter()
        .map(|block| compress::compress(block, 3).expect("it becomes smaller"))
        .collect();
    bencher
        .counter(BytesCount::new(stored.len() * BLOCK_BYTES))
        .bench(|| {
            for block in black_box(&stored) {
                let plain = compress::decompress(block, BLOCK_BYTES);
                assert!(black_box(plain).is_ok());
            }
        });
}

/// A directory of files as a mail server has them.
fn leaf() -> TreeNode {
    let owner = Arc::new(Owner {
        uid: 1000,
        gid: 1000,
        user: b"exchange".to_vec(),
        group: b"exchange".to_vec(),
    });
    let mut rng = Rng::new(2);
    let entries = (0..ENTRIES).map(|n| {
        let time = Timestamp {
            secs: 991_353_600 + rng.below(86_400) as i64,
            nanos: rng.below(1_000_000_000) as u32,
        };
        let mut id = [0; 32];
        rng.fill(&mut id);
        Entry {
            name: format!("{n:08X}.MAI").into_bytes(),
            node: Node::File {
                size: 1 + rng.below(16 << 10),
                content: Content::Chunk(Id(id)),
            },
            meta: Meta {
                mode: 0o644,
                owner: Arc::clone(&owner),
                mtime: time,
                ctime: time,
                device: 2049,
                inode: 1_000_000 + n as u64,
                links: 1,
                ..Meta::default()
            },
        }
    });
    TreeNode::Leaf(entries.collect())
}

mod tree {
    use super::*;

    #[divan::bench]
    fn encode(bencher: Bencher) {
        let node = leaf();
        bencher
            .counter(BytesCount::new(node.encode().len()))
            .bench(|| black_box(&node).encode());
    }

    #[divan::bench]
    fn decode(bencher: Bencher) {
        let bytes = leaf().encode();
        assert_eq!(TreeNode::decode(&bytes), Ok(leaf()));
        bencher
            .counter(BytesCount::of_slice(&bytes))
            .bench(|| TreeNode::decode(black_box(&bytes)));
    }
}

/// The directory of a segment as a snapshot writes it.
fn directory() -> Directory {
    const STORED_BYTES: u32 = 400 << 10;
    const OBJECT_BYTES: u32 = 60 << 10;
    let id = |n: usize| derive("restante 2026 measurement", &[&n.to_le_bytes()]);
    let blocks = (0..SEGMENT_BLOCKS).map(|n| BlockEntry {
        offset: HEADER_BYTES as u64 + n as u64 * u64::from(STORED_BYTES),
        stored_len: STORED_BYTES,
        plain_len: BLOCK_BYTES as u32,
        method: Method::Zstd,
        check: id(n),
    });
    let objects = (0..SEGMENT_OBJECTS).map(|n| ObjectEntry {
        id: id(n),
        block: (n % SEGMENT_BLOCKS) as u32,
        offset: (n / SEGMENT_BLOCKS) as u32 * OBJECT_BYTES,
        len: OBJECT_BYTES,
        kind: Kind::Chunk,
        generation: 0,
    });
    let mut directory = Directory {
        blocks: blocks.collect(),
        objects: objects.collect(),
        deltas: Vec::new(),
    };
    directory.objects.sort_by_key(|object| object.id);
    directory
}

#[divan::bench]
fn directory_decode(bencher: Bencher) {
    let bytes = directory().encode();
    assert_eq!(Directory::decode(&bytes), Ok(directory()));
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .bench(|| Directory::decode(black_box(&bytes)));
}

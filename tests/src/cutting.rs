//! Cutting by runs side by side, held against one serial scan by the crate that defines the rule.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use rayon::{ThreadPool, ThreadPoolBuilder};
use restante_format::chunk::Cutter;
use restante_format::cutting::{Chunk, Expected, Guide, Runner, Source, Workers, cut_region};
use restante_format::id::{Id, Kind};
use restante_format::wire::Chunker;

use crate::prng::Rng;
use crate::vectors::Rule;

/// The most threads that a pool of [`Setup`] has.
pub const THREADS_MAX: usize = 16;

/// The regions of a file without holes.
pub fn whole(file: &[u8]) -> Vec<Range<u64>> {
    std::iter::once(0..file.len() as u64).collect()
}

/// A cut rule, as the library has it and as the crate does.
pub struct Rules {
    chunker: Chunker,
    cutter: Cutter,
    gear: [u64; 256],
    gear_shifted: [u64; 256],
}

impl Rules {
    /// The rules with these parameters, which must be valid.
    pub fn new(chunker: Chunker) -> Self {
        assert_eq!(chunker.validate(), Ok(()));
        let gear = *Rule::new(&chunker).gear();
        Self {
            cutter: Cutter::new(&chunker),
            gear,
            gear_shifted: gear.map(|g| g << 1),
            chunker,
        }
    }

    /// The parameters.
    pub fn chunker(&self) -> &Chunker {
        &self.chunker
    }

    /// The length of the first chunk of a region, to the crate.
    pub fn cut_by_the_crate(&self, region: &[u8]) -> usize {
        let Chunker { mask_s, mask_l, .. } = self.chunker;
        let (_, len) = fastcdc::v2020::cut_gear(
            region,
            self.chunker.min_bytes as usize,
            self.chunker.avg_bytes as usize,
            self.chunker.max_bytes as usize,
            mask_s,
            mask_l,
            mask_s << 1,
            mask_l << 1,
            &self.gear,
            &self.gear_shifted,
        );
        len
    }

    /// The chunks that a snapshot of `file` lists: region by region, one serial scan each.
    pub fn chunks(&self, file: &[u8], regions: &[Range<u64>]) -> Vec<Expected> {
        let mut chunks = Vec::new();
        for region in regions {
            let end = (region.end as usize).min(file.len());
            let mut at = region.start as usize;
            while at < end {
                let len = self.cut_by_the_crate(&file[at..end]);
                chunks.push(Expected {
                    offset: at as u64,
                    len: len as u64,
                    id: Id::of(Kind::Chunk, &file[at..at + len]),
                });
                at += len;
            }
        }
        chunks
    }
}

/// Which chunks the archive says it has.
#[derive(Clone, Copy, Debug)]
pub enum Has {
    /// None.
    Nothing,
    /// All.
    Everything,
    /// About every other, as the number decides.
    Some(u64),
}

impl Has {
    /// The answer for one chunk.
    pub fn answer(self, id: Id) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Some(number) => (u64::from(id.0[0]) ^ number).count_ones().is_multiple_of(2),
        }
    }
}

/// How a file is cut: not what the chunks are.
#[derive(Clone, Debug)]
pub struct Setup {
    /// About how many bytes a run covers; `None` for no workers.
    pub run_bytes: Option<u64>,
    /// How many threads there are, up to [`THREADS_MAX`].
    pub threads: usize,
    /// How many runs may be under way.
    pub limit: usize,
    /// Whether the runs are joined by one of the pool's threads, not by a thread beside it.
    pub inside: bool,
    /// What the archive has.
    pub has: Has,
}

/// A pool with so many threads, made once.
fn pool(threads: usize) -> &'static ThreadPool {
    static POOLS: [OnceLock<ThreadPool>; THREADS_MAX] = [const { OnceLock::new() }; THREADS_MAX];
    let threads = threads.clamp(1, THREADS_MAX);
    POOLS[threads - 1].get_or_init(|| {
        ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool")
    })
}

/// Cuts the regions, each guided by what the ones before left of `guide`. Gives each one's chunks and where they end.
pub fn cut_regions<S: Source>(
    rules: &Rules,
    source: &Arc<S>,
    regions: &[Range<u64>],
    guide: &[Expected],
    setup: &Setup,
) -> Vec<(Vec<Chunk>, u64)> {
    let has = |id| setup.has.answer(id);
    let runner = Runner {
        cutter: &rules.cutter,
        has: &has,
    };
    let Some(run_bytes) = setup.run_bytes else {
        return cut_each(runner, source, regions, guide, None);
    };
    let (pool, limit) = (pool(setup.threads), setup.limit);
    match setup.inside {
        true => pool.install(|| {
            rayon::in_place_scope(|tasks| {
                let workers = Workers {
                    tasks,
                    limit,
                    run_bytes,
                };
                cut_each(runner, source, regions, guide, Some(&workers))
            })
        }),
        false => pool.in_place_scope(|tasks| {
            let workers = Workers {
                tasks,
                limit,
                run_bytes,
            };
            cut_each(runner, source, regions, guide, Some(&workers))
        }),
    }
}

fn cut_each<'scope, S: Source + 'scope>(
    runner: Runner<'scope>,
    source: &Arc<S>,
    regions: &[Range<u64>],
    guide: &[Expected],
    workers: Option<&Workers<'_, 'scope>>,
) -> Vec<(Vec<Chunk>, u64)> {
    let boxed: Box<dyn Iterator<Item = Expected>> = Box::new(guide.iter().copied());
    let mut guide: Guide<'_> = boxed.peekable();
    let cut = |region: &Range<u64>| {
        let mut chunks = Vec::new();
        let mut take = |chunk| {
            chunks.push(chunk);
            Ok::<_, io::Error>(())
        };
        let end = cut_region(runner, source, region.clone(), &mut guide, workers, &mut take);
        (chunks, end.expect("memory is read without errors"))
    };
    regions.iter().map(cut).collect()
}

/// A file in memory that counts what is read of it.
pub struct Memory<'a> {
    bytes: &'a [u8],
    read_bytes: AtomicU64,
}

impl<'a> Memory<'a> {
    /// A file of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            read_bytes: AtomicU64::new(0),
        }
    }

    /// How many bytes were read so far.
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes.load(Ordering::Relaxed)
    }
}

impl Source for Memory<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let n = read_slice(self.bytes, buffer, offset);
        self.read_bytes.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// A file that is another one whenever it is read: one of two versions, and sometimes cut off.
pub struct Restless<'a> {
    /// The two versions.
    pub versions: [&'a [u8]; 2],
    /// Decides which one is read when.
    pub seed: u64,
    /// How often it was read.
    pub reads: AtomicU64,
}

impl Source for Restless<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let number = self.reads.fetch_add(1, Ordering::Relaxed);
        let mut rng = Rng::derive(self.seed, "restless", number);
        let version = self.versions[rng.below(2) as usize];
        let len = match rng.one_in(4) {
            true => rng.below(version.len() as u64 + 1) as usize,
            false => version.len(),
        };
        Ok(read_slice(&version[..len], buffer, offset))
    }
}

fn read_slice(bytes: &[u8], buffer: &mut [u8], offset: u64) -> usize {
    let rest = &bytes[bytes.len().min(offset as usize)..];
    let n = rest.len().min(buffer.len());
    buffer[..n].copy_from_slice(&rest[..n]);
    n
}

/// Cuts a file and panics unless the chunks are those of one serial scan of each region by the crate, with the
/// right ids, and the bytes of exactly those that the archive does not have. Returns how many bytes were read.
pub fn check_exact(
    rules: &Rules,
    file: &[u8],
    regions: &[Range<u64>],
    guide: &[Expected],
    setup: &Setup,
) -> u64 {
    let source = Arc::new(Memory::new(file));
    let cut = cut_regions(rules, &source, regions, guide, setup);
    for (region, (chunks, end)) in regions.iter().zip(cut) {
        let expected = rules.chunks(file, std::slice::from_ref(region));
        let found: Vec<Expected> = chunks.iter().map(listed).collect();
        // `assert_eq` would show thousands of chunks.
        let differs = expected
            .iter()
            .zip(&found)
            .find(|(expected, found)| expected != found);
        assert_eq!(
            differs, None,
            "expected and found, the first of those that differ"
        );
        assert_eq!(found.len(), expected.len());
        assert_eq!(end, region.end.min(file.len() as u64).max(region.start));
        for chunk in &chunks {
            assert_eq!(chunk.new.is_none(), setup.has.answer(chunk.id));
            if let Some(new) = &chunk.new {
                let range = chunk.start as usize..chunk.end() as usize;
                assert!(new.bytes == file[range], "the bytes of a chunk");
                let replaced = new.replaced;
                assert!(replaced.is_none_or(|id| guide.iter().any(|chunk| chunk.id == id)));
            }
        }
    }
    source.read_bytes()
}

/// Cuts what never is the same twice, or with a guide that lies, and panics unless the chunks follow each other
/// without gap and overlap and carry what they name.
pub fn check_contiguous<S: Source>(
    rules: &Rules,
    source: &Arc<S>,
    regions: &[Range<u64>],
    guide: &[Expected],
    setup: &Setup,
) {
    let cut = cut_regions(rules, source, regions, guide, setup);
    for (region, (chunks, end)) in regions.iter().zip(cut) {
        let mut at = region.start;
        for chunk in chunks {
            assert_eq!(chunk.start, at);
            assert!((1..=rules.cutter.max_bytes()).contains(&chunk.len));
            assert_eq!(chunk.new.is_none(), setup.has.answer(chunk.id));
            if let Some(new) = &chunk.new {
                assert_eq!(new.bytes.len(), chunk.len);
                assert_eq!(Id::of(Kind::Chunk, &new.bytes), chunk.id);
            }
            at = chunk.end();
        }
        assert_eq!(end, at);
        assert!(end <= region.end.max(region.start));
    }
}

fn listed(chunk: &Chunk) -> Expected {
    Expected {
        offset: chunk.start,
        len: chunk.len as u64,
        id: chunk.id,
    }
}

/// One change between two versions of a file. Where and how much is taken modulo what there is.
#[derive(Clone, Copy, Debug)]
pub struct Edit {
    /// What is done.
    pub kind: u8,
    /// Where.
    pub at: u64,
    /// How many bytes.
    pub len: u64,
    /// What is written.
    pub seed: u64,
}

impl Edit {
    /// Changes `bytes`, of which there will be `most_bytes` at most.
    pub fn apply(self, bytes: &mut Vec<u8>, most_bytes: usize) {
        let at = (self.at % (bytes.len() as u64 + 1)) as usize;
        let len = self.len as usize % (bytes.len() - at + 1);
        let mut rng = Rng::new(self.seed);
        let mut fresh = vec![0; self.len as usize % 5000];
        rng.fill(&mut fresh);
        match self.kind % 10 {
            0 => rng.fill(&mut bytes[at..][..len.min(64)]),
            1 => rng.fill(&mut bytes[at..][..len]),
            2 => drop(bytes.splice(at..at, fresh)),
            3 => drop(bytes.drain(at..at + len)),
            4 => bytes.truncate(at),
            5 => bytes.extend(fresh),
            // Blocks of a size change places.
            6 => {
                let block = (self.seed % 4096) as usize + 1;
                let count = bytes.len() / block;
                for _ in 0..count.min(8) {
                    let [one, other] = [0; 2].map(|_| rng.below(count as u64) as usize * block);
                    for i in 0..block {
                        bytes.swap(one + i, other + i);
                    }
                }
            }
            7 => bytes[at..at + len].fill(self.seed as u8),
            // What ends odd grows.
            8 => bytes.extend(&fresh[..fresh.len().min(1 + (self.seed % 3) as usize)]),
            _ => {
                let copy = bytes[at..at + len].to_vec();
                bytes.extend(copy);
            }
        }
        bytes.truncate(most_bytes);
    }
}

/// Makes a guide one that no parent has: lengths, places and ids are wrong. No id comes to fit bytes that the rule
/// would not make a chunk.
pub fn damage_guide(guide: &mut Vec<Expected>, rng: &mut Rng) {
    let odd = |rng: &mut Rng| match rng.below(8) {
        0 => u64::MAX,
        1 => u64::MAX - 1,
        2 => 1 << 63,
        3 => (1 << 63) - 1,
        4 => 0,
        5 => 1 << 32,
        _ => rng.below(20_000),
    };
    for _ in 0..1 + rng.below(6) {
        if guide.is_empty() || rng.one_in(6) {
            let (offset, len) = (odd(rng), odd(rng));
            let id = match rng.one_in(2) {
                true => Id::of(Kind::Chunk, b""),
                false => Id([7; 32]),
            };
            guide.insert(
                rng.below(guide.len() as u64 + 1) as usize,
                Expected { offset, len, id },
            );
            continue;
        }
        let [one, other] = [0; 2].map(|_| rng.below(guide.len() as u64) as usize);
        match rng.below(9) {
            0 => guide.swap(one, other),
            1 => guide[one].len = odd(rng),
            2 => guide[one].offset = odd(rng),
            3 => guide[one].id.0[0] ^= 1,
            4 => guide[one].len = 0,
            5 => guide[one].id = guide[other].id,
            6 => guide.insert(other, guide[one]),
            7 => guide[one].offset = guide[other].offset,
            _ => guide.rotate_left(one),
        }
    }
}

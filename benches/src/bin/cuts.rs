//! `cuts`: what masks and sizes of the cut rule cost and save, as Markdown tables. The same figures on every
//! run and machine, but for those that are times.
//!
//! Read by `spec/decisions/0004-low-masks-and-sizes.md`.

use std::collections::{HashMap, HashSet};
use std::hint::black_box;
use std::ops::Range;
use std::time::{Duration, Instant};
use std::{fs, io};

use fastcdc::v2020::{self, Normalization};
use restante_format::chunk::Cutter;
use restante_format::id::{Id, Kind};
use restante_format::wire::Chunker;
use restante_tests::cutting::Rules;
use restante_tests::prng::Rng;
use restante_tests::workload::{MAILDATA, Workload, read_all};
use zstd::zstd_safe::{CCtx, CParameter, compress_bound};

/// What is edited: bytes that do not compress, and as many of mails.
const EDITED_BYTES: usize = 32 << 20;
/// How often it is edited, and at how many places each time.
const ROUNDS: u64 = 24;
const EDITS: u64 = 8;
/// The longest edit, bytes.
const EDIT_BYTES: u64 = 4096;
/// One correlation table, and how often 200 of its records are overwritten.
const TABLE_BYTES: u64 = 128 << 20;
const STEPS: u64 = 3;
/// How much of table and mails is compressed, and into what blocks for comparison.
const COMPRESSED_BYTES: usize = 16 << 20;
const BLOCK_BYTES: usize = 1 << 20;
const LEVEL: i32 = 3;
/// How often the scan is timed, in turns with the crate's.
const TURNS: usize = 7;
/// How many gear tables each candidate gets, the default one first.
const SEEDS: u8 = 3;
/// How many gear tables the mean size is taken with in the second table, at 64 KiB and level 1.
const MANY_SEEDS: u8 = 65;

fn main() -> io::Result<()> {
    let data = Data::generate()?;
    println!(
        "| average, KiB | masks | level | random: mean, KiB | as expected | spread | table: mean, KiB | mails: mean, KiB \
         | random: new KB an edit | mails: new KB an edit | table: chunks a step | table: new KB a step \
         | scan × crate | chunks ÷ blocks, table | chunks ÷ blocks, mails | step whole, KB | step as deltas, KB \
         | decoding bases, ms |"
    );
    println!("|{}", " --: |".repeat(18));
    for avg_log in 15..=18 {
        let levels = if avg_log == 16 { 0..=3 } else { 1..=2 };
        for (level, low) in levels.flat_map(|level| [(level, false), (level, true)]) {
            println!("{}", row(avg_log, level, low, &data));
        }
    }
    println!();
    println!("| masks | mean of | least, KiB | lower quarter | median | upper quarter | greatest |");
    println!("|{}", " --: |".repeat(7));
    for low in [false, true] {
        for (name, bytes) in [("table", &data.table[0]), ("mails", &data.mails[0])] {
            let mean = |seed| Candidate::new(16, 1, low, seed).mean_kib(bytes);
            let mut means: Vec<f64> = (0..MANY_SEEDS).map(mean).collect();
            means.sort_by(f64::total_cmp);
            let quarters: Vec<String> = (0..=4)
                .map(|quarter| format!("{:.1}", means[quarter * (means.len() - 1) / 4]))
                .collect();
            println!("| {} | {name} | {} |", name_of(low), quarters.join(" | "));
        }
    }
    Ok(())
}

fn name_of(low: bool) -> &'static str {
    if low { "low" } else { "crate" }
}

/// All versions of the data that is cut.
struct Data {
    random: Vec<Vec<u8>>,
    mails: Vec<Vec<u8>>,
    table: Vec<Vec<u8>>,
}

impl Data {
    fn generate() -> io::Result<Self> {
        let root = tempfile::tempdir()?;
        let workload = Workload {
            small_files: 14_000,
            tables_bytes: TABLE_BYTES,
            table_count: 1,
            attachments_bytes: 0,
            ..Workload::small()
        };
        workload.create(root.path())?;
        let mut mails = Vec::new();
        read_all(&root.path().join(MAILDATA).join("MAI"), &mut mails)?;
        assert!(
            mails.len() > EDITED_BYTES,
            "there are {} bytes of mails",
            mails.len()
        );
        mails.truncate(EDITED_BYTES);
        let path = root.path().join(&workload.tables()[0]);
        let mut table = vec![fs::read(&path)?];
        for step in 1..=STEPS {
            workload.step(root.path(), step)?;
            table.push(fs::read(&path)?);
        }
        let mut random = vec![0; EDITED_BYTES];
        Rng::new(1).fill(&mut random);
        Ok(Self {
            random: edited(random),
            mails: edited(mails),
            table,
        })
    }
}

/// The versions of `bytes` after each round of insertions, deletions and overwritings, all as likely. What is written
/// comes from elsewhere in the same bytes, its first byte changed.
fn edited(bytes: Vec<u8>) -> Vec<Vec<u8>> {
    let mut rng = Rng::new(2);
    let mut versions = vec![bytes];
    for round in 0..ROUNDS {
        let mut bytes = versions[round as usize].clone();
        for _ in 0..EDITS {
            let mut place = || {
                let len = 1 + rng.below(EDIT_BYTES) as usize;
                let start = rng.below((bytes.len() - len) as u64) as usize;
                start..start + len
            };
            let (from, to) = (place(), place());
            let mut written = bytes[from].to_vec();
            written[0] ^= 1;
            match rng.below(3) {
                0 => drop(bytes.splice(to.start..to.start, written)),
                1 => drop(bytes.drain(to)),
                _ => drop(bytes.splice(to.start..to.start + written.len().min(to.len()), written)),
            }
        }
        versions.push(bytes);
    }
    versions
}

/// The figures of one candidate, the averages of those with several gear tables.
fn row(avg_log: u32, level: u32, low: bool, data: &Data) -> String {
    let figures: Vec<_> = (0..SEEDS)
        .map(|seed| Candidate::new(avg_log, level, low, seed).figures(data))
        .collect();
    let average = |i: usize| figures.iter().map(|figures| figures[i]).sum::<f64>() / f64::from(SEEDS);
    let range = |i: usize| {
        let values = figures.iter().map(|figures| figures[i]);
        let (least, greatest) = values.fold((f64::MAX, 0.0_f64), |(a, b), v| (a.min(v), b.max(v)));
        format!("{:.1} ({least:.0} to {greatest:.0})", average(i))
    };
    let candidate = Candidate::new(avg_log, level, low, 0);
    let speed = candidate.speed(&Cutter::new(&candidate.chunker), &data.random[0]);
    format!(
        "| {} | {} | {level} | {:.1} | {:.3} | {:.2} | {} | {} | {:.1} | {:.1} | {:.0} | {:.0} | {speed:.1} | {:.3} | {:.3} | {:.0} | {:.1} | {:.0} |",
        1 << (avg_log - 10),
        name_of(low),
        average(0),
        average(1),
        average(2),
        range(3),
        range(4),
        average(5),
        average(6),
        average(7),
        average(8),
        average(9),
        average(10),
        average(11),
        average(12),
        average(13),
    )
}

/// Masks, sizes and a gear table.
struct Candidate {
    chunker: Chunker,
}

/// What a version adds to those before it.
struct News {
    chunks: f64,
    bytes: f64,
}

impl Candidate {
    fn new(avg_log: u32, level: u32, low: bool, seed: u8) -> Self {
        let avg_bytes = 1 << avg_log;
        // The highest of the low 32 bits: they depend on the most bytes.
        let highest = |bits: u32| u64::from(u32::MAX << (32 - bits));
        let (mask_s, mask_l) = if low {
            (highest(avg_log + level), highest(avg_log - level))
        } else {
            let level = match level {
                0 => Normalization::Level0,
                1 => Normalization::Level1,
                2 => Normalization::Level2,
                _ => Normalization::Level3,
            };
            v2020::select_masks(avg_bytes as usize, level)
        };
        let chunker = Chunker {
            min_bytes: avg_bytes / 4,
            avg_bytes,
            max_bytes: avg_bytes * 4,
            mask_s,
            mask_l,
            gear_seed: [seed; 32],
        };
        Self { chunker }
    }

    /// All figures but for the speed, in the order of their columns.
    fn figures(&self, data: &Data) -> [f64; 14] {
        let cutter = Cutter::new(&self.chunker);
        let lengths =
            |bytes: &[u8]| -> Vec<f64> { cutter.chunks(bytes).map(|chunk| chunk.len() as f64).collect() };
        let random = data.random.iter().step_by(4).flat_map(|bytes| lengths(bytes));
        let (mean, spread) = mean_and_spread(&random.collect::<Vec<_>>());
        let [random, mails, table] = [&data.random, &data.mails, &data.table].map(|v| news(&cutter, v));
        let packed = [&data.table[0], &data.mails[0]].map(|bytes| {
            let bytes = &bytes[..COMPRESSED_BYTES];
            let chunks: usize = cutter.chunks(bytes).map(|chunk| compress(chunk, &[]).len()).sum();
            let blocks: usize = bytes
                .chunks(BLOCK_BYTES)
                .map(|block| compress(block, &[]).len())
                .sum();
            chunks as f64 / blocks as f64
        });
        let deltas = Deltas::of(&cutter, &data.table[0], &data.table[1]);
        [
            mean / 1024.0,
            mean / self.expected_mean(),
            spread,
            self.mean_kib(&data.table[0]),
            self.mean_kib(&data.mails[0]),
            random.bytes / 1000.0 / EDITS as f64,
            mails.bytes / 1000.0 / EDITS as f64,
            table.chunks,
            table.bytes / 1000.0,
            packed[0],
            packed[1],
            deltas.whole as f64 / 1000.0,
            deltas.stored as f64 / 1000.0,
            deltas.bases.as_secs_f64() * 1000.0,
        ]
    }

    /// The mean size of a chunk of `bytes`.
    fn mean_kib(&self, bytes: &[u8]) -> f64 {
        let count = Cutter::new(&self.chunker).chunks(bytes).count();
        bytes.len() as f64 / count as f64 / 1024.0
    }

    /// The mean length in bytes if each position cut with the probability that its mask promises, alone.
    fn expected_mean(&self) -> f64 {
        let before = |mask: u64, positions: u32| {
            let cut = 0.5_f64.powi(mask.count_ones() as i32);
            let passes = (1.0 - cut).powi(positions as i32);
            ((1.0 - passes) / cut, passes)
        };
        let Chunker {
            min_bytes,
            avg_bytes,
            max_bytes,
            mask_s,
            mask_l,
            ..
        } = self.chunker;
        let (first, passes) = before(mask_s, avg_bytes - min_bytes);
        let (second, _) = before(mask_l, max_bytes - avg_bytes);
        f64::from(min_bytes) + first + passes * second
    }

    /// How many times as fast as the crate, the median of both taken in turns.
    fn speed(&self, cutter: &Cutter, bytes: &[u8]) -> f64 {
        let rules = Rules::new(self.chunker.clone());
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..TURNS {
            times[0].push(time(bytes, |bytes| rules.cut_by_the_crate(bytes)));
            times[1].push(time(bytes, |bytes| cutter.cut(bytes)));
        }
        let [crates, ours] = times.map(|mut times| {
            times.sort();
            times[TURNS / 2].as_secs_f64()
        });
        crates / ours
    }
}

fn time(bytes: &[u8], cut: impl Fn(&[u8]) -> usize) -> Duration {
    let begun = Instant::now();
    let mut rest = black_box(bytes);
    while !rest.is_empty() {
        rest = &rest[black_box(cut(rest))..];
    }
    begun.elapsed()
}

fn mean_and_spread(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt() / mean)
}

/// Where the chunks of `bytes` lie.
fn ranges(cutter: &Cutter, bytes: &[u8]) -> Vec<Range<usize>> {
    let mut start = 0;
    let range = |chunk: &[u8]| {
        let range = start..start + chunk.len();
        start = range.end;
        range
    };
    cutter.chunks(bytes).map(range).collect()
}

/// What is new in each version but the first, on average.
fn news(cutter: &Cutter, versions: &[Vec<u8>]) -> News {
    let mut known = HashSet::new();
    let mut news = News {
        chunks: 0.0,
        bytes: 0.0,
    };
    for (number, bytes) in versions.iter().enumerate() {
        for chunk in cutter.chunks(bytes) {
            if known.insert(Id::of(Kind::Chunk, chunk)) && number > 0 {
                news.chunks += 1.0;
                news.bytes += chunk.len() as f64;
            }
        }
    }
    let count = (versions.len() - 1) as f64;
    News {
        chunks: news.chunks / count,
        bytes: news.bytes / count,
    }
}

/// One step of a table, each new chunk stored whole, or as a delta of the old chunk that shares the most places with it.
#[derive(Default)]
struct Deltas {
    whole: usize,
    stored: usize,
    /// How long it takes to decode the bases, which are stored whole.
    bases: Duration,
}

impl Deltas {
    fn of(cutter: &Cutter, old: &[u8], new: &[u8]) -> Self {
        let old_ranges = ranges(cutter, old);
        let known: HashMap<&[u8], ()> = old_ranges.iter().map(|range| (&old[range.clone()], ())).collect();
        let mut deltas = Self::default();
        for range in ranges(cutter, new) {
            let chunk = &new[range.clone()];
            if known.contains_key(chunk) {
                continue;
            }
            let shared =
                |old: &Range<usize>| old.end.min(range.end).saturating_sub(old.start.max(range.start));
            let base = old_ranges.iter().max_by_key(|old| shared(old));
            let base = base.map_or(&[][..], |base| &old[base.clone()]);
            deltas.whole += compress(chunk, &[]).len();
            deltas.stored += compress(chunk, base).len();
            let frame = compress(base, &[]);
            let begun = Instant::now();
            let decoded = zstd::bulk::decompress(&frame, base.len()).expect("it was compressed a moment ago");
            deltas.bases += begun.elapsed();
            assert_eq!(decoded, base);
        }
        deltas
    }
}

/// A zstd frame of `plain`, with a prefix unless that is empty.
fn compress(plain: &[u8], prefix: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(compress_bound(plain.len()));
    let mut context = CCtx::create();
    let set = |context: &mut CCtx<'_>, parameter| context.set_parameter(parameter).map(drop);
    let compressed = set(&mut context, CParameter::CompressionLevel(LEVEL))
        .and_then(|()| match prefix.is_empty() {
            true => Ok(()),
            // Wide enough for base and chunk together.
            false => {
                let together = (plain.len() + prefix.len()).next_power_of_two();
                set(&mut context, CParameter::WindowLog(together.ilog2().max(10)))?;
                context.ref_prefix(prefix).map(drop)
            }
        })
        .and_then(|()| context.compress2(&mut frame, plain));
    compressed.expect("memory suffices");
    frame
}

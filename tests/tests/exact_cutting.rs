//! Cutting by runs side by side gives the cuts of one serial scan, for every input.
//!
//! Each case follows from its number alone. `RESTANTE_CUTTING_CASES` says how many there are of each sort
//! (25,000 unless told otherwise); a case that fails is repeated alone by `RESTANTE_CUTTING_CASE`.

use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};

use restante_format::cutting::{Expected, Source};
use restante_format::id::{Id, Kind};
use restante_format::wire::Chunker;
use restante_tests::cutting::{
    Edit, Has, Memory, Restless, Rules, Setup, THREADS_MAX, check_contiguous, check_exact, cut_regions,
    damage_guide, whole,
};
use restante_tests::prng::Rng;
use restante_tests::workload::{TABLES, Workload};

/// How many cases of each sort there are by default.
const CASES: u64 = 25_000;
/// The longest file of a case with small chunks, in bytes.
const MOST_BYTES: u64 = 24_000;

fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

/// Runs the cases of a sort, one of `share` of those asked for.
fn cases(sort: &str, share: u64, case: impl Fn(&mut Rng)) {
    let count = number_from("RESTANTE_CUTTING_CASES").unwrap_or(CASES) / share;
    let numbers = match number_from("RESTANTE_CUTTING_CASE") {
        Some(number) => number..number + 1,
        None => 0..count,
    };
    for number in numbers {
        let mut rng = Rng::derive(0, sort, number);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| case(&mut rng))) {
            eprintln!("RESTANTE_CUTTING_CASE={number} repeats this case of {sort}");
            resume_unwind(panic);
        }
    }
}

/// A number below 2^`log`, of any magnitude.
fn below_a_power(rng: &mut Rng, log: u64) -> u64 {
    let bits = rng.below(log);
    rng.below(1 << bits)
}

fn mask(rng: &mut Rng) -> u64 {
    let bits = 1 + rng.below(8) as u32;
    let ones = (1_u64 << bits) - 1;
    let low = rng.below(24) as u32;
    let high = rng.below(55) as u32;
    match rng.below(8) {
        0..3 => ones << low,
        3..5 => ones << high,
        5 => (0..1 + rng.below(6)).fold(0, |mask, _| mask | 1 << rng.below(63)),
        // Never cuts before the largest size.
        6 if rng.one_in(3) => ((1 << 40) - 1) << 20,
        _ => Chunker::default().mask_s,
    }
}

/// Small chunks, so that few bytes make many of them.
fn small_rules(rng: &mut Rng) -> Rules {
    let step = |rng: &mut Rng| 2 * below_a_power(rng, 9) as u32;
    let min_bytes = 64 + step(rng);
    let avg_bytes = min_bytes + step(rng);
    let max_bytes = avg_bytes + step(rng) * 2;
    let mut gear_seed = [0; 32];
    gear_seed[0] = rng.below(4) as u8;
    Rules::new(Chunker {
        min_bytes,
        avg_bytes,
        max_bytes,
        mask_s: mask(rng),
        mask_l: mask(rng),
        gear_seed,
    })
}

/// A length at which something happens: where chunks or runs end, give or take two bytes.
fn length(rng: &mut Rng, chunker: &Chunker, run_bytes: u64, most: u64) -> u64 {
    let sizes = [chunker.min_bytes, chunker.avg_bytes, chunker.max_bytes].map(u64::from);
    let unit = match rng.below(6) {
        0 => return rng.below(4),
        1 | 2 => return rng.below(most),
        3 => run_bytes.max(1),
        _ => sizes[rng.below(3) as usize],
    };
    let near = unit.saturating_mul(rng.below(6)).saturating_add(rng.below(5));
    near.saturating_sub(2).min(most)
}

/// The tables of a small workload, one before and one after a step.
fn tables() -> &'static [Vec<u8>; 2] {
    static TABLES_OF_TWO_STEPS: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    TABLES_OF_TWO_STEPS.get_or_init(|| {
        let root = tempfile::tempdir().expect("a folder");
        let workload = Workload::tiny();
        workload.create(root.path()).expect("a workload");
        let read = || {
            let mut paths: Vec<_> = std::fs::read_dir(root.path().join(TABLES))
                .expect("the tables")
                .map(|entry| entry.expect("an entry").path())
                .collect();
            paths.sort();
            let tables = paths.iter().map(|path| std::fs::read(path).expect("a table"));
            tables.collect::<Vec<_>>().concat()
        };
        let before = read();
        workload.step(root.path(), 1).expect("a step");
        [before, read()]
    })
}

/// Bytes of one sort.
fn plain(rng: &mut Rng, chunker: &Chunker, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    match rng.below(10) {
        0 | 1 => rng.fill(&mut bytes),
        2 => bytes.fill(0),
        3 => bytes.fill(rng.below(256) as u8),
        4 => {
            let letters = 2 + rng.below(3);
            bytes.fill_with(|| rng.below(letters) as u8 * 85);
        }
        5 => bytes.fill_with(|| b"etaoin shrdlu\r\n"[rng.skewed(15) as usize]),
        6 => {
            let table = &tables()[0];
            let at = rng.below((table.len() - len.min(table.len())) as u64 + 1) as usize;
            let n = len.min(table.len());
            bytes[..n].copy_from_slice(&table[at..at + n]);
        }
        _ => {
            let sizes = [chunker.min_bytes, chunker.avg_bytes, chunker.max_bytes].map(u64::from);
            let period = match rng.below(3) {
                0 => 1 + rng.below(70),
                1 => (sizes[rng.below(3) as usize] + rng.below(5)).saturating_sub(2),
                _ => 1 + rng.below(2 * sizes[2]),
            };
            let (head, _) = bytes.split_at_mut(len.min(period as usize));
            rng.fill(head);
            for i in head.len()..len {
                bytes[i] = bytes[i - period as usize];
            }
        }
    }
    bytes
}

/// Bytes of one sort or of several.
fn data(rng: &mut Rng, chunker: &Chunker, len: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < len as usize {
        let rest = len - bytes.len() as u64;
        let part = match rng.one_in(3) {
            true => 1 + rng.below(rest),
            false => rest,
        };
        bytes.extend(plain(rng, chunker, part as usize));
    }
    bytes
}

fn run_bytes(rng: &mut Rng, chunker: &Chunker) -> u64 {
    let sizes = [chunker.min_bytes, chunker.avg_bytes, chunker.max_bytes].map(u64::from);
    match rng.below(8) {
        0 => rng.below(64),
        1 => u64::MAX - rng.below(2),
        2 => MOST_BYTES + rng.below(9000),
        3 | 4 => sizes[rng.below(3) as usize] * (1 + rng.below(4)) + rng.below(3) - 1,
        _ => 1 + rng.below(6000),
    }
}

fn setup(rng: &mut Rng, run_bytes: u64, len: u64) -> Setup {
    let threads = 1 + rng.skewed(THREADS_MAX as u64) as usize;
    // Hundreds of runs tell no more than dozens do.
    let run_bytes = match run_bytes.saturating_mul(60) < len {
        true => len / 60,
        false => run_bytes,
    };
    Setup {
        run_bytes: (!rng.one_in(12)).then_some(run_bytes),
        threads,
        limit: rng.below(2 * threads as u64 + 2) as usize,
        inside: rng.one_in(2),
        has: match rng.below(4) {
            0 => Has::Nothing,
            1 => Has::Everything,
            _ => Has::Some(rng.next_u64()),
        },
    }
}

/// The regions between holes, or the whole; sometimes more than the file has.
fn regions(rng: &mut Rng, len: u64) -> Vec<Range<u64>> {
    let beyond = if rng.one_in(6) { rng.below(9000) } else { 0 };
    if !rng.one_in(4) {
        return std::iter::once(0..len + beyond).collect();
    }
    let mut ends: Vec<u64> = (0..2 + 2 * rng.below(3)).map(|_| rng.below(len + 1)).collect();
    ends.sort_unstable();
    let mut regions: Vec<_> = ends.chunks(2).map(|ends| ends[0]..ends[1]).collect();
    regions.push(len..len + beyond);
    regions
}

/// Fewer than `edits` edits, of fewer than 2^`log` bytes each; no file gets longer than `most`.
fn edited(rng: &mut Rng, file: &[u8], edits: u64, log: u64, most: usize) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for _ in 0..rng.below(edits) {
        let edit = Edit {
            kind: rng.below(10) as u8,
            at: rng.next_u64(),
            len: below_a_power(rng, log),
            seed: rng.next_u64(),
        };
        edit.apply(&mut bytes, most);
    }
    bytes
}

struct Case {
    rules: Rules,
    file: Vec<u8>,
    regions: Vec<Range<u64>>,
    setup: Setup,
}

fn small_case(rng: &mut Rng) -> Case {
    let rules = small_rules(rng);
    let run_bytes = run_bytes(rng, rules.chunker());
    let len = length(rng, rules.chunker(), run_bytes, MOST_BYTES);
    let file = data(rng, rules.chunker(), len);
    let regions = regions(rng, len);
    let setup = setup(rng, run_bytes, len);
    Case {
        rules,
        file,
        regions,
        setup,
    }
}

fn check(case: &Case, guide: &[Expected]) {
    check_exact(&case.rules, &case.file, &case.regions, guide, &case.setup);
}

/// A parent of the file: an earlier version, or another file.
fn parent(rng: &mut Rng, case: &Case) -> Vec<Expected> {
    let before = match rng.one_in(8) {
        true => {
            let len = rng.below(MOST_BYTES);
            data(rng, case.rules.chunker(), len)
        }
        false => edited(rng, &case.file, 5, 13, 2 * MOST_BYTES as usize),
    };
    let regions = match rng.one_in(2) {
        true => case.regions.clone(),
        false => regions(rng, before.len() as u64),
    };
    let inside: Vec<_> = regions
        .into_iter()
        .map(|region| region.start.min(before.len() as u64)..region.end)
        .collect();
    case.rules.chunks(&before, &inside)
}

// F-050
#[test]
fn without_a_parent() {
    cases("without a parent", 1, |rng| check(&small_case(rng), &[]));
}

#[test]
fn guided_by_an_edited_parent() {
    cases("edited parent", 1, |rng| {
        let case = small_case(rng);
        check(&case, &parent(rng, &case));
    });
}

#[test]
fn guided_by_a_damaged_parent() {
    cases("damaged parent", 1, |rng| {
        let case = small_case(rng);
        let mut guide = parent(rng, &case);
        damage_guide(&mut guide, rng);
        check(&case, &guide);
    });
}

#[test]
fn a_file_that_changes_while_it_is_read_has_chunks_without_gaps() {
    cases("restless", 1, |rng| {
        let case = small_case(rng);
        let other = edited(rng, &case.file, 5, 13, 2 * MOST_BYTES as usize);
        let source = Restless {
            versions: [&case.file, &other],
            seed: rng.next_u64(),
            reads: AtomicU64::new(0),
        };
        let guide = parent(rng, &case);
        check_contiguous(&case.rules, &Arc::new(source), &case.regions, &guide, &case.setup);
    });
}

/// Cuts that no serial scan makes can come out of a parent that lists them: never wrong bytes.
#[test]
fn a_parent_of_another_rule_costs_cuts_but_no_bytes() {
    cases("another rule", 10, |rng| {
        let case = small_case(rng);
        let mut chunks = Vec::new();
        let mut at = 0;
        while at < case.file.len() {
            let most = u64::from(case.rules.chunker().max_bytes) + rng.below(4000);
            let len = (1 + rng.below(most) as usize).min(case.file.len() - at);
            chunks.push(Expected {
                offset: at as u64,
                len: len as u64,
                id: Id::of(Kind::Chunk, &case.file[at..at + len]),
            });
            at += len;
        }
        let source = Arc::new(Memory::new(&case.file));
        check_contiguous(&case.rules, &source, &case.regions, &chunks, &case.setup);
        let cut = cut_regions(&case.rules, &source, &case.regions, &chunks, &case.setup);
        for chunk in cut.iter().flat_map(|(chunks, _)| chunks) {
            let bytes = &case.file[chunk.start as usize..chunk.end() as usize];
            assert_eq!(Id::of(Kind::Chunk, bytes), chunk.id);
        }
    });
}

/// A run reads some hundred kilobytes at a time: chunks that end where a reading does.
#[test]
fn small_chunks_in_files_of_several_readings() {
    cases("several readings", 250, |rng| {
        let rules = small_rules(rng);
        let len = (512 << 10) + below_a_power(rng, 20);
        let file = data(rng, rules.chunker(), len);
        let before = edited(rng, &file, 3, 13, 2 << 20);
        let guide = rules.chunks(&before, &whole(&before));
        let run_bytes = len >> rng.below(4);
        let setup = setup(rng, run_bytes, len);
        check_exact(&rules, &file, &whole(&file), &guide, &setup);
    });
}

/// Zeros, and how much of them was asked for at first.
struct FirstReading(AtomicU64);

impl Source for FirstReading {
    fn read_at(&self, buffer: &mut [u8], _: u64) -> io::Result<usize> {
        let _ = self.0.compare_exchange(0, buffer.len() as u64, Relaxed, Relaxed);
        buffer.fill(0);
        Ok(buffer.len())
    }
}

/// The bytes that decide on a chunk of the parent may not have been read yet.
#[test]
fn a_chunk_that_ends_with_a_reading_is_confirmed_by_what_follows() {
    let rules = Rules::new(Chunker {
        min_bytes: 64,
        avg_bytes: 96,
        max_bytes: 512,
        mask_s: 15 << 20,
        mask_l: 15 << 20,
        gear_seed: [0; 32],
    });
    let serially = Setup {
        run_bytes: None,
        ..setup_of(0, 1)
    };
    // A thread's first run has a buffer that no run before it made larger.
    let on_a_fresh_thread = |work: &(dyn Fn() + Sync)| {
        std::thread::scope(|scope| scope.spawn(work).join()).expect("a check that holds");
    };
    let first = Arc::new(FirstReading(AtomicU64::new(0)));
    on_a_fresh_thread(&|| {
        cut_regions(&rules, &first, &whole(&[0; 4 << 20]), &[], &serially);
    });
    let reading = first.0.load(Relaxed);
    let mut file = vec![0; reading as usize + 50_000];
    Rng::new(9).fill(&mut file);
    let guide = rules.chunks(&file, &whole(&file));
    let starts: Vec<u64> = guide.iter().map(|chunk| chunk.offset).collect();
    let ends_with_a_reading = |start: &&u64| starts.binary_search(&(**start + reading)).is_ok();
    let mut count = 0;
    for start in starts.iter().filter(ends_with_a_reading) {
        for more in 0..3 {
            let mut after = file.clone();
            after.truncate((start + reading) as usize + more);
            after.extend([!file[after.len()]; 1000]);
            let region = *start..after.len() as u64;
            let regions = std::slice::from_ref(&region);
            on_a_fresh_thread(&|| {
                check_exact(&rules, &after, regions, &guide, &serially);
            });
            count += 1;
        }
    }
    assert!(count > 3, "{count}");
}

fn setup_of(run_bytes: u64, threads: usize) -> Setup {
    Setup {
        run_bytes: Some(run_bytes),
        threads,
        limit: 2 * threads,
        inside: false,
        has: Has::Nothing,
    }
}

/// What a damaged list says of a chunk's length is neither added to an offset nor allocated, and makes no chunk
/// larger than the largest.
#[test]
fn lengths_that_no_chunk_has_are_ignored() {
    let rules = Rules::new(Chunker::default());
    let mut file = vec![0; 700_000];
    Rng::new(5).fill(&mut file);
    let id = Id::of(Kind::Chunk, &file);
    for len in [700_000, 1 << 40, (1 << 63) - 1, u64::MAX - 1, u64::MAX] {
        for offset in [0, 100_000] {
            let guide = [Expected { offset, len, id }];
            check_exact(&rules, &file, &whole(&file), &guide, &setup_of(u64::MAX, 1));
            check_exact(&rules, &file, &whole(&file), &guide, &setup_of(100_000, 2));
        }
    }
}

// F-051
#[test]
fn chunks_of_the_default_sizes() {
    let rules = Rules::new(Chunker::default());
    cases("default sizes", 250, |rng| {
        let run_bytes = 64_000 << rng.below(6);
        let len = length(rng, rules.chunker(), run_bytes, 3 << 20);
        let file = data(rng, rules.chunker(), len);
        let setup = setup(rng, run_bytes, len);
        let before = edited(rng, &file, 4, 20, 4 << 20);
        let guide = rules.chunks(&before, &whole(&before));
        check_exact(&rules, &file, &whole(&file), &guide, &setup);
        check_exact(&rules, &file, &whole(&file), &[], &setup);
    });
}

#[test]
fn tables_of_the_workload_guided_by_the_step_before() {
    let [before, after] = tables();
    let small = Chunker {
        min_bytes: 512,
        avg_bytes: 1024,
        max_bytes: 8192,
        ..Chunker::default()
    };
    for chunker in [small, Chunker::default()] {
        let rules = Rules::new(chunker);
        let guide = rules.chunks(before, &whole(before));
        for threads in [1, 2, 3, 16] {
            for run_bytes in [10_000, 65_536, 300_001, u64::MAX] {
                let setup = Setup {
                    run_bytes: Some(run_bytes),
                    threads,
                    limit: 2 * threads,
                    inside: threads == 2,
                    has: Has::Some(3),
                };
                check_exact(&rules, after, &whole(after), &guide, &setup);
            }
        }
    }
}

/// What a run may read beyond what it covers: its window, which is a piece of reading and the largest chunk.
const AHEAD_BYTES: u64 = (512 << 10) + (256 << 10);
/// A run that ends nowhere near a cut of zeros.
const RUN_BYTES: u64 = (1 << 20) + 1000;

fn runs(len: usize) -> u64 {
    (len as u64).div_ceil(RUN_BYTES)
}

/// Runs over data that never cuts before the largest size never meet: they cost a second scan, not one a run.
#[test]
fn what_never_meets_is_read_twice_and_no_more() {
    let rules = Rules::new(Chunker::default());
    let mut period = vec![0; 1000];
    Rng::new(1).fill(&mut period);
    for pattern in [&[0][..], &[1, 2], &period] {
        for mib in [4, 8, 16] {
            let file: Vec<u8> = pattern.iter().copied().cycle().take((mib << 20) + 77).collect();
            let setup = Setup {
                has: Has::Everything,
                ..setup_of(RUN_BYTES, 3)
            };
            let read = check_exact(&rules, &file, &whole(&file), &[], &setup);
            let most = 2 * (file.len() as u64 + runs(file.len()) * AHEAD_BYTES);
            assert!(read <= most, "{read} bytes were read of {}", file.len());
        }
    }
}

#[test]
fn an_unchanged_file_is_read_once() {
    let rules = Rules::new(Chunker::default());
    for mib in [4, 8, 16] {
        let mut file = vec![0; (mib << 20) + 77];
        Rng::new(mib as u64).fill(&mut file);
        let guide = rules.chunks(&file, &whole(&file));
        let read = check_exact(&rules, &file, &whole(&file), &guide, &setup_of(RUN_BYTES, 3));
        let most = file.len() as u64 + runs(file.len()) * AHEAD_BYTES;
        assert!(read <= most, "{read} bytes were read of {}", file.len());
        // And by one run.
        let read = check_exact(&rules, &file, &whole(&file), &guide, &setup_of(u64::MAX, 3));
        assert_eq!(read, file.len() as u64);
    }
}

/// A scan would cut these bytes where this parent did not.
#[test]
fn an_unchanged_file_is_not_scanned() {
    let rules = Rules::new(Chunker::default());
    let mut file = vec![0; 8 << 20];
    Rng::new(1).fill(&mut file);
    let size = u64::from(rules.chunker().max_bytes);
    let parent = file
        .chunks(size as usize)
        .zip(0..)
        .map(|(bytes, number)| Expected {
            offset: number * size,
            len: size,
            id: Id::of(Kind::Chunk, bytes),
        });
    let parent: Vec<_> = parent.collect();
    assert_ne!(rules.chunks(&file, &whole(&file)), parent);
    let source = Arc::new(Memory::new(&file));
    let cut = cut_regions(&rules, &source, &whole(&file), &parent, &setup_of(RUN_BYTES, 3));
    assert!(cut[0].0.iter().all(|chunk| chunk.len as u64 == size));
}

/// Each record that changes costs the chunks around it and at most one place where runs have to be joined.
#[test]
fn changed_records_cost_what_is_around_them() {
    let rules = Rules::new(Chunker::default());
    let mut before = vec![0; 16 << 20];
    Rng::new(2).fill(&mut before);
    let guide = rules.chunks(&before, &whole(&before));
    let known = |chunk: &Expected| guide.iter().any(|before| before.id == chunk.id);
    for changes in [1, 4, 16] {
        let mut file = before.clone();
        let mut rng = Rng::new(changes);
        for _ in 0..changes {
            let record = rng.below(file.len() as u64 / 256) as usize * 256;
            rng.fill(&mut file[record..record + 256]);
        }
        let read = check_exact(&rules, &file, &whole(&file), &guide, &setup_of(RUN_BYTES, 3));
        let most = file.len() as u64 + (runs(file.len()) + changes) * AHEAD_BYTES;
        assert!(read <= most, "{read} bytes were read of {}", file.len());
        let chunks = rules.chunks(&file, &whole(&file));
        let new = chunks.iter().filter(|chunk| !known(chunk)).count() as u64;
        assert!((1..=3 * changes).contains(&new), "{new} chunks are new");
    }
}

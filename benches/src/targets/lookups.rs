//! Tables of the index over segments that never were, and lookups in them.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use restante_format::error::Result as Found;
use restante_format::id::{Id, derive};
use restante_format::index::table::{Table, merge_tables, write_table};
use restante_format::store::{LocalStore, Name, Shelf, Store};
use restante_format::wire::{ArchiveId, Covered, Row};
use restante_tests::prng::Rng;

/// Where a piece of work leaves its figures.
pub const FIGURES: &str = "figures";
const QUERIES: &str = "queries";
const ARCHIVE: ArchiveId = ArchiveId([1; 16]);
/// Ids are drawn so many at a time from their share of all ids.
const GROUP: u64 = 1024;
const SEGMENT_OBJECTS: u64 = 250;
/// The share of each table in thousandths, and of how many tables it is merged.
const SHARES: [(u64, u64); 6] = [(300, 8), (300, 8), (300, 8), (80, 4), (15, 1), (5, 1)];
const QUERY_COUNT: u64 = 1 << 20;
/// How many lookups are measured.
const LOOKUPS: usize = 4 << 20;

/// A table before it is merged with others: its number decides about its ids.
#[derive(Clone, Copy)]
struct Part {
    number: u64,
    rows: u64,
}

/// The rest of an id by its leading bits, so that these are all that must be remembered.
fn id_of(leading: u64) -> Id {
    let mut rng = Rng::new(leading);
    let mut id = [0; 32];
    id[..8].copy_from_slice(&leading.to_be_bytes());
    for eight in id[8..].chunks_exact_mut(8) {
        eight.copy_from_slice(&rng.next_u64().to_le_bytes());
    }
    Id(id)
}

impl Part {
    /// The leading bits of all ids, ascending.
    fn leading(self) -> impl Iterator<Item = u64> {
        let groups = self.rows.div_ceil(GROUP);
        let width = u64::MAX / groups.max(1);
        (0..groups).flat_map(move |group| {
            let mut rng = Rng::derive(self.number, "ids", group);
            let count = GROUP.min(self.rows - group * GROUP);
            let mut drawn: Vec<u64> = (0..count).map(|_| group * width + rng.below(width)).collect();
            drawn.sort_unstable();
            drawn
        })
    }

    fn segments(self) -> u64 {
        self.rows.div_ceil(SEGMENT_OBJECTS).max(1)
    }

    fn covered(self) -> Vec<Covered> {
        let segments = self.segments();
        let covered = |segment: u64| {
            let mut seal = derive(
                "bench seals",
                &[&self.number.to_le_bytes(), &segment.to_le_bytes()],
            );
            seal.0[..8].copy_from_slice(&(segment * (u64::MAX / segments)).to_be_bytes());
            let is_longer = segment < self.rows % segments;
            Covered {
                seal,
                len: 16 << 20,
                object_count: (self.rows / segments + u64::from(is_longer)) as u32,
            }
        };
        (0..segments).map(covered).collect()
    }

    fn row_iter(self) -> impl Iterator<Item = Found<Row>> {
        let segments = self.segments();
        let numbered = (0..).zip(self.leading());
        numbered.map(move |(number, leading): (u64, u64)| {
            Ok(Row {
                id: id_of(leading),
                segment: (number % segments) as u32,
                object: (number / segments) as u32,
            })
        })
    }
}

/// Writes tables with so many rows into the folder, and ids to look for.
///
/// # Errors
///
/// Where they cannot be written.
pub fn write_tables(row_count: u64, folder: &Path) -> Result<(), Box<dyn Error>> {
    let store: Arc<dyn Store> = Arc::new(LocalStore::create(folder)?);
    let mut seconds = 0.0;
    let mut queries = Vec::new();
    let mut number = 0;
    for (share, parts) in SHARES {
        let rows = row_count * share / 1000 / parts;
        let parts: Vec<Part> = (number..number + parts)
            .map(|number| Part { number, rows })
            .collect();
        number += parts.len() as u64;
        let start = Instant::now();
        let mut written = Vec::new();
        for part in &parts {
            let (name, len) = write_table(store.as_ref(), ARCHIVE, &part.covered(), || part.row_iter())?;
            written.push(Table::open(&store, name, len, ARCHIVE)?);
        }
        if let [_, _, ..] = &written[..] {
            let sources: Vec<&Table> = written.iter().collect();
            merge_tables(store.as_ref(), ARCHIVE, &sources, |_| true)?;
            for table in &written {
                store.delete(table.name())?;
            }
        }
        seconds += start.elapsed().as_secs_f64();
        let peak = peak_bytes()?;
        eprintln!(
            "{} rows: {:.1} s so far, {:.0} MB at most",
            rows * parts.len() as u64,
            seconds,
            peak / 1e6
        );
        for part in parts {
            let mut rng = Rng::derive(part.number, "queries", 0);
            queries.extend(part.leading().filter(|_| rng.below(row_count) < QUERY_COUNT));
        }
    }
    let peak = peak_bytes()?;
    let mut rng = Rng::new(1);
    for i in (1..queries.len()).rev() {
        queries.swap(i, rng.below(i as u64 + 1) as usize);
    }
    let bytes: Vec<u8> = queries.iter().flat_map(|leading| leading.to_le_bytes()).collect();
    fs::write(folder.join(QUERIES), bytes)?;
    let tables = store.list(Shelf::Tables)?;
    let bytes: u64 = tables.iter().map(|(_, len)| len).sum();
    fs::write(
        folder.join(FIGURES),
        format!("{} {bytes} {peak} {seconds}", tables.len()),
    )?;
    Ok(())
}

/// Looks for ids in all tables of the folder, absent ones and then present ones, with so many threads.
///
/// # Errors
///
/// Where a table cannot be read, or says something else than it should.
pub fn look_up(threads: usize, folder: &Path) -> Result<(), Box<dyn Error>> {
    let store: Arc<dyn Store> = Arc::new(LocalStore::new(folder));
    let listed = store.list(Shelf::Tables)?;
    let open = |(name, len): &(Name, u64)| Table::open(&store, *name, *len, ARCHIVE);
    let mut tables = listed.iter().map(open).collect::<Found<Vec<Table>>>()?;
    tables.sort_by_key(|table| std::cmp::Reverse(table.row_count()));
    let bytes = fs::read(folder.join(QUERIES))?;
    let (eights, _) = bytes.as_chunks();
    let queries: Vec<u64> = eights.iter().map(|eight| u64::from_le_bytes(*eight)).collect();
    if queries.is_empty() {
        return Err("there are no ids to look for".into());
    }
    drop(bytes);
    // What is read for the first time is read from the disk.
    rate(threads, &tables, |n| id_of(queries[n % queries.len()]))?;
    let (absent, found) = rate(threads, &tables, |n| {
        id_of((n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    })?;
    if found > 0 {
        return Err(format!("{found} ids that are not there were found").into());
    }
    let (present, found) = rate(threads, &tables, |n| id_of(queries[n % queries.len()]))?;
    if found < LOOKUPS / threads * threads {
        return Err(format!("of {LOOKUPS} ids that are there {found} were found").into());
    }
    fs::write(
        folder.join(FIGURES),
        format!("{absent} {present} {} {threads}", peak_bytes()?),
    )?;
    Ok(())
}

/// How many ids are looked up in a second, and how many of all were found.
fn rate(threads: usize, tables: &[Table], id: impl Fn(usize) -> Id + Sync) -> Found<(f64, usize)> {
    let start = Instant::now();
    let look = |thread: usize| -> Found<usize> {
        let count = LOOKUPS / threads;
        let mut found = 0;
        for n in thread * count..(thread + 1) * count {
            let id = id(n);
            for table in tables {
                if table.find(&id, Some)?.is_some() {
                    found += 1;
                    break;
                }
            }
        }
        Ok(found)
    };
    let found = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || look(thread)))
            .collect();
        let joined = running
            .into_iter()
            .map(|thread| thread.join().expect("a lookup does not panic"));
        joined.sum::<Found<usize>>()
    })?;
    Ok((LOOKUPS as f64 / start.elapsed().as_secs_f64(), found))
}

/// The most memory that this process had.
fn peak_bytes() -> Result<f64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: f64 = peak
        .and_then(|text| text.trim().strip_suffix(" kB")?.trim().parse().ok())
        .ok_or("the system does not tell how much memory is used")?;
    Ok(kib * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_looked_for_is_found() {
        let folder = tempfile::tempdir().unwrap();
        write_tables(20_000, folder.path()).unwrap();
        look_up(2, folder.path()).unwrap();
    }
}

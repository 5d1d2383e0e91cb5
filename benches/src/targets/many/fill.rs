//! The snapshots themselves, taken by the library in a process of its own.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use restante_format::archive::{Archive, Root, SnapshotRequest, Source};
use restante_format::progress::Progress;
use restante_format::source::Filter;
use restante_format::store::LocalStore;
use restante_format::wire::{ArchiveId, Chunker, Config};
use serde_json::{Value, json};

use super::super::stamped::Writer;
use super::counting::CountingStore;
use super::resident::memory;
use super::series::{Series, TABLE_BYTES, TABLES, name, what};

/// Into how many parts of equal length the series is divided.
pub(super) const PARTS: u64 = 10;
/// Between a change and the snapshot that finds it: the clock of the file system goes on, as it would in a minute.
const PAUSE: Duration = Duration::from_millis(5);
/// The connector, and below it its only root.
pub(super) const CONNECTOR: &str = "conn-tables";
pub(super) const ROOT: &str = "tables";

/// The cost of some snapshots.
#[derive(Default)]
struct Part {
    ticks: u64,
    ticks_s: f64,
    changed: u64,
    changed_s: f64,
}

/// Takes the series of tables that it makes in `source`, or only those that find changes, into a new archive at `repository`. Returns the
/// figures of each part and of the whole.
pub(super) fn fill(
    series: &Series,
    only_changes: bool,
    source: &Path,
    repository: &Path,
) -> Result<Value, Box<dyn Error>> {
    fs::create_dir_all(source)?;
    let mut writers = Vec::new();
    for table in 0..TABLES {
        writers.push(Writer::create(table, &source.join(name(table)), TABLE_BYTES)?);
    }
    thread::sleep(PAUSE);
    let store = Arc::new(CountingStore::new(LocalStore::create(repository)?));
    let config = Config {
        archive: ArchiveId([1; 16]),
        created: 0,
        chunker: Chunker::default(),
        zstd_level: 3,
    };
    let mut archive = Archive::create(Arc::clone(&store) as _, config)?;
    let mut parts = Vec::new();
    let mut part = Part::default();
    let mut most_files = 0;
    for n in 0..series.snapshots {
        let change = series.change_at(n);
        if let Some((table, records)) = change.and_then(what) {
            writers[table as usize].change(records)?;
            thread::sleep(PAUSE);
        }
        if change.is_some() || !only_changes {
            let (request, source) = order(series, n, source);
            let started = Instant::now();
            let taken = archive.snapshot(request, source, &Progress::default())?;
            let seconds = started.elapsed().as_secs_f64();
            if let Some(error) = taken.merging {
                return Err(format!("merging behind snapshot {n}: {error}").into());
            }
            if taken.tick == change.is_some() || taken.snapshot.counts.unreadable > 0 {
                return Err(format!("snapshot {n} is not what it should be: {taken:?}").into());
            }
            let (count, sum) = match taken.tick {
                true => (&mut part.ticks, &mut part.ticks_s),
                false => (&mut part.changed, &mut part.changed_s),
            };
            (*count, *sum) = (*count + 1, *sum + seconds);
        }
        // The last snapshot ends the last part, wherever that is.
        let done = (n + 1) * PARTS / series.snapshots;
        if done > n * PARTS / series.snapshots {
            let counts = store.take();
            most_files = most_files.max(counts.most_files);
            let taken = std::mem::take(&mut part);
            eprintln!(
                "{} of {} snapshots, {} files at most",
                n + 1,
                series.snapshots,
                counts.most_files
            );
            parts.push(json!({
                "ticks": taken.ticks,
                "ticks_s": taken.ticks_s,
                "changed": taken.changed,
                "changed_s": taken.changed_s,
                "most_files": counts.most_files,
                "read_bytes": counts.read_bytes,
                "written_bytes": counts.written_bytes,
                "resident_bytes": memory("VmRSS"),
            }));
        }
    }
    let index = archive.reader().index();
    let catalog: u64 = index
        .segments()
        .filter(|segment| {
            let mut objects = segment.directory.objects.iter();
            objects.all(|object| object.kind.is_of_catalog())
        })
        .map(|segment| segment.len)
        .sum();
    Ok(json!({
        "parts": parts,
        // The config is no file of a shelf.
        "most_files": most_files,
        "catalog_bytes": catalog,
        "peak_bytes": memory("VmHWM"),
    }))
}

/// What snapshot `n` is asked to be.
fn order(series: &Series, n: u64, source: &Path) -> (SnapshotRequest, Source) {
    let request = SnapshotRequest {
        time: series.time(n),
        host: "EXCH1".into(),
        connector: Some(CONNECTOR.into()),
        paths: vec![b"/exchsrvr/Conndata/Tables".to_vec()],
        tags: Vec::new(),
        program: "targets".into(),
    };
    let root = Root {
        place: vec![CONNECTOR.into(), ROOT.into()],
        path: source.to_owned(),
        filter: Filter::default(),
        sets: Vec::new(),
    };
    let source = Source {
        roots: vec![root],
        ..Source::default()
    };
    (request, source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_taken() {
        let place = tempfile::tempdir().unwrap();
        let series = Series {
            snapshots: 200,
            changes: 5,
            jitter: false,
        };
        let [all, some] = [false, true].map(|only_changes| {
            let folder = place.path().join(only_changes.to_string());
            fs::create_dir(&folder).unwrap();
            let (source, repository) = (folder.join("source"), folder.join("repository"));
            let found = fill(&series, only_changes, &source, &repository).unwrap();
            let archive = Archive::open(Arc::new(LocalStore::new(repository))).unwrap();
            let expected = if only_changes { 5 } else { 200 };
            assert_eq!(archive.catalog().len(), expected);
            found
        });
        let parts = all["parts"].as_array().unwrap();
        assert_eq!(parts.len() as u64, PARTS);
        let ticks: u64 = parts.iter().filter_map(|part| part["ticks"].as_u64()).sum();
        assert_eq!(ticks, 195);
        assert!(all["catalog_bytes"].as_u64() > some["catalog_bytes"].as_u64());
    }
}

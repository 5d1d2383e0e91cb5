//! A store that keeps nothing, so that a snapshot costs what reading, cutting, hashing and compressing cost.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use restante_format::archive::{Archive, Root, SnapshotRequest, Source};
use restante_format::error::Error;
use restante_format::model::{Counts, Timestamp};
use restante_format::progress::Progress;
use restante_format::source::Filter;
use restante_format::store::{Lock, LockMode, LockName, Name, Shelf, Store};
use restante_format::wire::{ArchiveId, Chunker, Config};

/// Remembers the config, and how the segments are called; what is in them is taken and forgotten.
#[derive(Debug, Default)]
pub struct DiscardingStore {
    config: OnceLock<Bytes>,
    segments: Mutex<BTreeMap<Name, u64>>,
}

struct Unlocked;

impl Lock for Unlocked {}

impl Store for DiscardingStore {
    fn location(&self) -> String {
        "nowhere".into()
    }

    fn list(&self, shelf: Shelf) -> io::Result<Vec<(Name, u64)>> {
        let segments = self.segments.lock().unwrap_or_else(PoisonError::into_inner);
        let on_shelf = segments.iter().filter(|(name, _)| name.shelf() == Some(shelf));
        Ok(on_shelf.map(|(name, len)| (*name, *len)).collect())
    }

    fn read(&self, name: Name) -> io::Result<Bytes> {
        let kept = self.config.get().filter(|_| name == Name::Config);
        kept.cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn read_range(&self, name: Name, range: Range<u64>) -> io::Result<Bytes> {
        let whole = self.read(name)?;
        let range = usize::try_from(range.start)
            .ok()
            .zip(usize::try_from(range.end).ok());
        range
            .filter(|(start, end)| start <= end && *end <= whole.len())
            .map(|(start, end)| whole.slice(start..end))
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn put(&self, name: Name, contents: &[u8]) -> io::Result<()> {
        if name == Name::Config {
            let _ = self.config.set(Bytes::copy_from_slice(contents));
        }
        let mut segments = self.segments.lock().unwrap_or_else(PoisonError::into_inner);
        segments.insert(name, contents.len() as u64);
        Ok(())
    }

    fn delete(&self, _: Name) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _: LockName, _: LockMode) -> io::Result<Box<dyn Lock>> {
        Ok(Box::new(Unlocked))
    }
}

/// Takes the first snapshot of `path` into a store that keeps nothing. Returns what was counted: a file that could
/// not be read costs no time, and is no measurement.
///
/// # Errors
///
/// Where it cannot be taken.
pub fn cold_snapshot(path: &Path) -> Result<Counts, Error> {
    let config = Config {
        archive: ArchiveId([1; 16]),
        created: 0,
        chunker: Chunker::default(),
        zstd_level: 3,
    };
    let mut archive = Archive::create(Arc::new(DiscardingStore::default()), config)?;
    let request = SnapshotRequest {
        time: Timestamp {
            secs: 991_353_600,
            nanos: 0,
        },
        host: "bench".into(),
        connector: None,
        paths: vec![b"/input".to_vec()],
        tags: Vec::new(),
        program: "targets".into(),
    };
    // A file is taken under its own name alone.
    let name = path.file_name().unwrap_or_default();
    let root = Root {
        place: vec![name.as_bytes().to_vec()],
        path: path.to_owned(),
        filter: Filter::default(),
        sets: Vec::new(),
    };
    let source = Source {
        roots: vec![root],
        ..Source::default()
    };
    let taken = archive.snapshot(request, source, &Progress::default())?;
    Ok(taken.snapshot.counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_needs_nothing_back() {
        let root = tempfile::tempdir().unwrap();
        let mut bytes = vec![0; 3 << 20];
        restante_tests::prng::Rng::new(1).fill(&mut bytes);
        std::fs::write(root.path().join("file"), bytes).unwrap();
        for path in [root.path().join("file"), root.path().to_owned()] {
            let counts = cold_snapshot(&path).unwrap();
            assert_eq!((counts.read_bytes, counts.unreadable), (3 << 20, 0));
        }
        assert!(cold_snapshot(&root.path().join("none")).is_err());
    }
}

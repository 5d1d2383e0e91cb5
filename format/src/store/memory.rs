//! An archive in memory, for tests and fuzzing.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard};

use bytes::Bytes;

use super::{Lock, LockMode, LockName, Name, NoLock, Shelf, Store, slice};

/// Files in a map. Without locks: it is gone with its process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    files: Mutex<BTreeMap<Name, Bytes>>,
}

impl MemoryStore {
    /// A store that holds these files.
    pub fn from_files(files: BTreeMap<Name, Bytes>) -> Self {
        Self {
            files: Mutex::new(files),
        }
    }

    /// A copy of all files, to keep or to damage.
    pub fn files(&self) -> BTreeMap<Name, Bytes> {
        self.guard().clone()
    }

    fn guard(&self) -> MutexGuard<'_, BTreeMap<Name, Bytes>> {
        self.files.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Store for MemoryStore {
    fn location(&self) -> String {
        "memory".into()
    }

    fn list(&self, shelf: Shelf) -> io::Result<Vec<(Name, u64)>> {
        let files = self.guard();
        let listed = files.iter().filter(|(name, _)| name.shelf() == Some(shelf));
        Ok(listed.map(|(name, bytes)| (*name, bytes.len() as u64)).collect())
    }

    fn read(&self, name: Name) -> io::Result<Bytes> {
        self.guard()
            .get(&name)
            .cloned()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn read_range(&self, name: Name, range: Range<u64>) -> io::Result<Bytes> {
        slice(&self.read(name)?, range)
    }

    fn put(&self, name: Name, contents: &[u8]) -> io::Result<()> {
        self.guard().insert(name, Bytes::copy_from_slice(contents));
        Ok(())
    }

    fn delete(&self, name: Name) -> io::Result<()> {
        self.guard()
            .remove(&name)
            .map(|_| ())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn lock(&self, _lock: LockName, _mode: LockMode) -> io::Result<Box<dyn Lock>> {
        Ok(Box::new(NoLock))
    }
}

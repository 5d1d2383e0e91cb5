//! A local store that dies in the middle of a write.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use restante_format::store::{LocalStore, Lock, LockMode, LockName, Name, Shelf, Store};

/// Passes calls on to a [`LocalStore`] until the put with number `at`: of that one only the first half
/// reaches the disk, under a temporary name (F-011). From then on nothing works.
#[derive(Debug)]
pub struct TearingStore {
    inner: LocalStore,
    at: u64,
    puts: AtomicU64,
}

impl TearingStore {
    /// A store that tears the put with number `at`, counted from 0.
    pub fn new(inner: LocalStore, at: u64) -> Self {
        Self {
            inner,
            at,
            puts: AtomicU64::new(0),
        }
    }

    /// Whether the put was torn.
    pub fn is_torn(&self) -> bool {
        self.puts.load(Ordering::Relaxed) > self.at
    }

    fn alive(&self) -> io::Result<&LocalStore> {
        match self.is_torn() {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(&self.inner),
        }
    }
}

impl Store for TearingStore {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn list(&self, shelf: Shelf) -> io::Result<Vec<(Name, u64)>> {
        self.alive()?.list(shelf)
    }

    fn read(&self, name: Name) -> io::Result<Bytes> {
        self.alive()?.read(name)
    }

    fn read_range(&self, name: Name, range: Range<u64>) -> io::Result<Bytes> {
        self.alive()?.read_range(name, range)
    }

    fn put(&self, name: Name, contents: &[u8]) -> io::Result<()> {
        self.alive()?;
        if self.puts.fetch_add(1, Ordering::Relaxed) == self.at {
            let left = self.inner.root().join("tmp").join(format!(".tmp{}", self.at));
            std::fs::write(left, &contents[..contents.len() / 2])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.inner.put(name, contents)
    }

    fn delete(&self, name: Name) -> io::Result<()> {
        self.alive()?.delete(name)
    }

    fn lock(&self, lock: LockName, mode: LockMode) -> io::Result<Box<dyn Lock>> {
        self.alive()?.lock(lock, mode)
    }
}

//! A store that counts what it is asked for.

use std::collections::HashSet;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use restante_format::store::{Lock, LockMode, LockName, Name, Shelf, Store};

/// What a store was asked for. Bytes that are asked for twice count twice, wherever the system has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// How often something was read.
    pub(super) reads: u64,
    /// Bytes of that.
    pub(super) read_bytes: u64,
    /// Bytes written.
    pub(super) written_bytes: u64,
    /// Files deleted.
    pub(super) deleted: u64,
    /// The most files that there were at a time.
    pub(super) most_files: u64,
}

/// Passes every call on to `S` and counts.
#[derive(Debug)]
pub(super) struct CountingStore<S> {
    inner: S,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    counts: Counts,
    files: HashSet<Name>,
}

impl<S: Store> CountingStore<S> {
    /// Counts what `inner`, in which there is nothing yet, is asked for.
    pub(super) fn new(inner: S) -> Self {
        Self {
            inner,
            seen: Mutex::default(),
        }
    }

    /// What was counted since it was last taken; files are known from the beginning on.
    pub(super) fn take(&self) -> Counts {
        let mut seen = self.seen();
        let counts = std::mem::take(&mut seen.counts);
        seen.counts.most_files = seen.files.len() as u64;
        counts
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_read(&self, bytes: &Bytes) {
        let counts = &mut self.seen().counts;
        counts.reads += 1;
        counts.read_bytes += bytes.len() as u64;
    }

    fn has_put(&self, name: Name, bytes: u64) {
        let mut seen = self.seen();
        seen.files.insert(name);
        seen.counts.written_bytes += bytes;
        seen.counts.most_files = seen.counts.most_files.max(seen.files.len() as u64);
    }
}

impl<S: Store> Store for CountingStore<S> {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn list(&self, shelf: Shelf) -> io::Result<Vec<(Name, u64)>> {
        self.inner.list(shelf)
    }

    fn read(&self, name: Name) -> io::Result<Bytes> {
        self.inner.read(name).inspect(|bytes| self.has_read(bytes))
    }

    fn read_range(&self, name: Name, range: Range<u64>) -> io::Result<Bytes> {
        let read = self.inner.read_range(name, range);
        read.inspect(|bytes| self.has_read(bytes))
    }

    fn put(&self, name: Name, contents: &[u8]) -> io::Result<()> {
        self.inner.put(name, contents)?;
        self.has_put(name, contents.len() as u64);
        Ok(())
    }

    fn put_with(
        &self,
        name: Name,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut bytes = 0;
        self.inner.put_with(name, &mut |out| {
            bytes = 0;
            write(&mut Tally {
                out,
                bytes: &mut bytes,
            })
        })?;
        self.has_put(name, bytes);
        Ok(())
    }

    fn delete(&self, name: Name) -> io::Result<()> {
        self.inner.delete(name)?;
        let mut seen = self.seen();
        seen.files.remove(&name);
        seen.counts.deleted += 1;
        Ok(())
    }

    fn lock(&self, lock: LockName, mode: LockMode) -> io::Result<Box<dyn Lock>> {
        self.inner.lock(lock, mode)
    }

    fn try_lock(&self, lock: LockName, mode: LockMode) -> io::Result<Option<Box<dyn Lock>>> {
        self.inner.try_lock(lock, mode)
    }
}

struct Tally<'a> {
    out: &'a mut dyn Write,
    bytes: &'a mut u64,
}

impl Write for Tally<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        *self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restante_format::id::Id;
    use restante_format::store::MemoryStore;

    #[test]
    fn what_is_asked_for_is_counted() {
        let store = CountingStore::new(MemoryStore::default());
        let name = |n| Name::Segment(Id([n; 32]));
        store.put(name(1), &[0; 100]).unwrap();
        store
            .put_with(name(2), &mut |out| out.write_all(&[0; 50]))
            .unwrap();
        assert_eq!(store.read_range(name(1), 10..30).unwrap().len(), 20);
        assert_eq!(store.read(name(2)).unwrap().len(), 50);
        assert!(store.read(name(3)).is_err());
        store.delete(name(1)).unwrap();
        store.put(name(3), b"").unwrap();
        let expected = Counts {
            reads: 2,
            read_bytes: 70,
            written_bytes: 150,
            deleted: 1,
            most_files: 2,
        };
        assert_eq!(store.take(), expected);
        let rest = Counts {
            most_files: 2,
            ..Counts::default()
        };
        assert_eq!(store.take(), rest);
    }
}

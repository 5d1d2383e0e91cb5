//! A store that writes down what it is asked, so that tests can count.

use std::io;
use std::ops::Range;
use std::sync::Mutex;

use bytes::Bytes;

use super::{Lock, LockMode, LockName, Name, Shelf, Store};

/// One call of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// A shelf was listed.
    List(Shelf),
    /// A file was read whole.
    Read(Name),
    /// A range of a file was read.
    ReadRange(Name, Range<u64>),
    /// A file of so many bytes was written.
    Put(Name, usize),
    /// A file was deleted.
    Delete(Name),
    /// A lock was taken.
    Lock(LockName, LockMode),
}

/// Passes every call on to `S` and remembers it.
#[derive(Debug)]
pub struct RecordingStore<S> {
    inner: S,
    calls: Mutex<Vec<Call>>,
}

impl<S: Store> RecordingStore<S> {
    /// A recorder in front of `inner`.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            calls: Mutex::default(),
        }
    }

    /// The calls since the last time they were taken.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.calls.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    fn record(&self, call: Call) -> &S {
        self.calls
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .push(call);
        &self.inner
    }
}

impl<S: Store> Store for RecordingStore<S> {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn list(&self, shelf: Shelf) -> io::Result<Vec<(Name, u64)>> {
        self.record(Call::List(shelf)).list(shelf)
    }

    fn read(&self, name: Name) -> io::Result<Bytes> {
        self.record(Call::Read(name)).read(name)
    }

    fn read_range(&self, name: Name, range: Range<u64>) -> io::Result<Bytes> {
        self.record(Call::ReadRange(name, range.clone()))
            .read_range(name, range)
    }

    fn put(&self, name: Name, contents: &[u8]) -> io::Result<()> {
        self.record(Call::Put(name, contents.len())).put(name, contents)
    }

    fn delete(&self, name: Name) -> io::Result<()> {
        self.record(Call::Delete(name)).delete(name)
    }

    fn lock(&self, lock: LockName, mode: LockMode) -> io::Result<Box<dyn Lock>> {
        self.record(Call::Lock(lock, mode)).lock(lock, mode)
    }

    fn try_lock(&self, lock: LockName, mode: LockMode) -> io::Result<Option<Box<dyn Lock>>> {
        self.record(Call::Lock(lock, mode)).try_lock(lock, mode)
    }
}

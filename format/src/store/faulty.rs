//! A store that fails on demand.

use std::io;
use std::ops::Range;
use std::sync::Mutex;

use bytes::Bytes;

use super::{Lock, LockMode, LockName, Name, Shelf, Store};

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does nothing and returns this error.
    Error(io::ErrorKind),
    /// A `put` does its work and then reports an error, as when the folder's sync fails
    /// after the rename; other calls just fail.
    ErrorAfterwards(io::ErrorKind),
}

/// Passes calls on to `S` until a fault is due; from then on every call fails, as with a dead disk.
#[derive(Debug)]
pub struct FaultyStore<S> {
    inner: S,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    calls: u64,
    fault: Option<(u64, Fault)>,
}

impl<S: Store> FaultyStore<S> {
    /// A store that fails from the call with number `at` on, counted from 0 over calls of all kinds;
    /// without a fault it only counts.
    pub fn new(inner: S, fault: Option<(u64, Fault)>) -> Self {
        Self {
            inner,
            state: Mutex::new(State { calls: 0, fault }),
        }
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .calls
    }

    /// The store behind, with what reached it.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// Whether this call fails; only the first one may still do its work before.
    fn next(&self) -> Option<(io::Error, bool)> {
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let call = state.calls;
        state.calls += 1;
        let (at, fault) = state.fault?;
        match fault {
            _ if call < at => None,
            Fault::Error(kind) => Some((kind.into(), false)),
            Fault::ErrorAfterwards(kind) => Some((kind.into(), call == at)),
        }
    }

    fn call<T>(&self, work: impl FnOnce(&S) -> io::Result<T>) -> io::Result<T> {
        match self.next() {
            None => work(&self.inner),
            Some((error, _)) => Err(error),
        }
    }
}

impl<S: Store> Store for FaultyStore<S> {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn list(&self, shelf: Shelf) -> io::Result<Vec<(Name, u64)>> {
        self.call(|inner| inner.list(shelf))
    }

    fn read(&self, name: Name) -> io::Result<Bytes> {
        self.call(|inner| inner.read(name))
    }

    fn read_range(&self, name: Name, range: Range<u64>) -> io::Result<Bytes> {
        self.call(|inner| inner.read_range(name, range))
    }

    fn put(&self, name: Name, contents: &[u8]) -> io::Result<()> {
        match self.next() {
            None => self.inner.put(name, contents),
            Some((error, after)) => {
                if after {
                    self.inner.put(name, contents)?;
                }
                Err(error)
            }
        }
    }

    fn delete(&self, name: Name) -> io::Result<()> {
        self.call(|inner| inner.delete(name))
    }

    fn lock(&self, lock: LockName, mode: LockMode) -> io::Result<Box<dyn Lock>> {
        self.call(|inner| inner.lock(lock, mode))
    }

    fn try_lock(&self, lock: LockName, mode: LockMode) -> io::Result<Option<Box<dyn Lock>>> {
        self.call(|inner| inner.try_lock(lock, mode))
    }
}

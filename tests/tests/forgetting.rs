//! Forgetting and merging: what is told of it, and what is there when somebody asks to stop.

#![cfg(target_os = "linux")]

use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use restante_format::archive::{Archive, Forgotten};
use restante_format::catalog::Packer;
use restante_format::error::Error;
use restante_format::id::Id;
use restante_format::progress::Progress;
use restante_format::store::{Lock, LockMode, LockName, MemoryStore, Name, Shelf, Store};
use restante_tests::archives::{
    Place, assert_clean, fine_config, in_memory, open, read_everything, take, total_bytes,
};

/// A store at whose call of that number somebody asks to stop.
#[derive(Debug)]
struct Stopping {
    inner: Arc<MemoryStore>,
    progress: Progress,
    /// Calls that are left until then.
    left: AtomicU64,
}

impl Stopping {
    fn at(inner: &Arc<MemoryStore>, call: u64) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            progress: Progress::default(),
            left: AtomicU64::new(call),
        })
    }

    fn count(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
            self.progress.stop.store(true, Ordering::Relaxed);
        }
    }

    fn has_stopped(&self) -> bool {
        self.progress.stop.load(Ordering::Relaxed)
    }
}

impl Store for Stopping {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn list(&self, shelf: Shelf) -> io::Result<Vec<(Name, u64)>> {
        self.inner.list(shelf)
    }

    fn read(&self, name: Name) -> io::Result<Bytes> {
        self.count();
        self.inner.read(name)
    }

    fn read_range(&self, name: Name, range: Range<u64>) -> io::Result<Bytes> {
        self.count();
        self.inner.read_range(name, range)
    }

    fn put(&self, name: Name, contents: &[u8]) -> io::Result<()> {
        self.count();
        self.inner.put(name, contents)
    }

    fn delete(&self, name: Name) -> io::Result<()> {
        self.count();
        self.inner.delete(name)
    }

    fn lock(&self, lock: LockName, mode: LockMode) -> io::Result<Box<dyn Lock>> {
        self.inner.lock(lock, mode)
    }
}

/// An archive of so many snapshots, each of them another state.
fn archive_of(snapshots: i64) -> (Arc<MemoryStore>, Archive, Vec<Id>) {
    let (store, mut archive) = in_memory(fine_config());
    let place = Place::new();
    let taken = (0..snapshots).map(|n| {
        place.write("file", n.to_string());
        take(&mut archive, place.path(), n * 60).id
    });
    let ids = taken.collect();
    (store, archive, ids)
}

fn copy_of(store: &MemoryStore) -> Arc<MemoryStore> {
    Arc::new(MemoryStore::from_files(store.files()))
}

#[test]
fn a_moment_of_which_two_segments_tell_is_forgotten_once() {
    let (store, archive, ids) = archive_of(5);
    // As if it had been copied from elsewhere: all of them in one segment, beside their own.
    let mut packer = Packer::new(archive.config().archive);
    let moments: Vec<_> = archive.catalog().oldest_first().collect();
    for moment in moments {
        packer.add(moment).expect("pack");
    }
    let sealed = packer.finish().expect("seal").expect("a segment");
    store.put(sealed.name, &sealed.bytes).expect("put");
    let mut archive = open(&store);
    assert_eq!(archive.catalog().len(), 5);
    let before = total_bytes(&store);
    let some: HashSet<Id> = ids[..3].iter().copied().collect();
    let forgotten = archive.forget(&some, &Progress::default()).expect("forget");
    let Forgotten {
        snapshots,
        rewritten,
        deleted_bytes,
        written_bytes,
    } = forgotten;
    assert_eq!((snapshots, rewritten), (3, 4));
    assert_eq!(before - total_bytes(&store), deleted_bytes - written_bytes);
    assert_eq!(open(&store).catalog().len(), 2);
    assert_clean(&archive);
    let again = archive.forget(&some, &Progress::default()).expect("forget");
    assert_eq!(again, Forgotten::default());
}

#[test]
fn who_stops_forgetting_has_forgotten_all_or_nothing() {
    let (store, _, ids) = archive_of(6);
    let some: HashSet<Id> = ids[1..5].iter().copied().collect();
    let (mut stopped, mut done) = (0, 0);
    for call in 0.. {
        let store = copy_of(&store);
        let stopping = Stopping::at(&store, call);
        let mut archive = open(&stopping);
        let before = store.files();
        let result = archive.forget(&some, &stopping.progress);
        match result {
            Err(Error::Interrupted) => {
                stopped += 1;
                assert!(store.files() == before, "stopped at call {call}");
            }
            Ok(forgotten) => {
                done += 1;
                assert_eq!(forgotten.snapshots, 4);
                assert_eq!(open(&store).catalog().len(), 2);
            }
            Err(error) => panic!("call {call}: {error}"),
        }
        assert_clean(&open(&store));
        if !stopping.has_stopped() {
            break;
        }
    }
    assert!(stopped > 5 && done > 1, "{stopped} stopped, {done} done");
}

#[test]
fn who_stops_merging_has_merged_some_and_lost_nothing() {
    let (store, archive, _) = archive_of(10);
    let expected = read_everything(&archive);
    let (mut nothing, mut some, mut all) = (0, 0, 0);
    for call in 0.. {
        let store = copy_of(&store);
        let stopping = Stopping::at(&store, call);
        let mut archive = open(&stopping);
        let before = store.files();
        match archive.compact(&stopping.progress) {
            Err(Error::Interrupted) if store.files() == before => nothing += 1,
            Err(Error::Interrupted) => some += 1,
            Ok(_) => all += 1,
            Err(error) => panic!("call {call}: {error}"),
        }
        assert!(
            read_everything(&open(&store)) == expected,
            "stopped at call {call}"
        );
        if !stopping.has_stopped() {
            break;
        }
    }
    assert!(nothing > 0 && some > 0 && all > 0, "{nothing} {some} {all}");
}

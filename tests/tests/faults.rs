//! A store that fails, at every one of its calls: what was there stays, and what comes next is right.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use restante_format::archive::{Archive, Taken};
use restante_format::error::{Error, Result};
use restante_format::id::Id;
use restante_format::progress::Progress;
use restante_format::store::{
    Fault, FaultyStore, LocalStore, Lock, LockMode, LockName, MemoryStore, Name, Shelf, Store,
};
use restante_tests::archives::{
    Contents, Place, assert_clean, assert_same, config, create, fine_config, in_memory, open,
    read_everything, request, restored, source_of, take,
};
use restante_tests::prng::Rng;
use restante_tests::tearing::TearingStore;

/// A small tree in its third state, and an archive with the first two.
struct Sample {
    source: Place,
    store: Arc<MemoryStore>,
    before: BTreeMap<Id, Contents>,
}

fn sample() -> Sample {
    let source = Place::new();
    let mut rng = Rng::new(21);
    for n in 0..6 {
        let mut bytes = vec![0; 900];
        rng.fill(&mut bytes);
        source.write(format!("dir{}/{n}", n % 2), &bytes);
    }
    let (store, mut archive) = in_memory(fine_config());
    take(&mut archive, source.path(), 1);
    source.write("dir1/1", b"changed");
    take(&mut archive, source.path(), 2);
    source.write("dir0/new", vec![b'n'; 2000]);
    fs::remove_file(source.join("dir0/0")).expect("remove");
    let before = read_everything(&archive);
    Sample {
        source,
        store,
        before,
    }
}

fn try_take(archive: &mut Archive, source: &Place, secs: i64) -> Result<Taken> {
    archive.snapshot(
        request("source", secs),
        source_of(source.path()),
        &Progress::default(),
    )
}

/// Opens what is left, and asserts that nothing is lost, that the snapshot that failed is whole or absent,
/// and that the next one is right.
fn assert_unharmed<S: Store + 'static>(sample: &Sample, store: &Arc<S>) {
    let mut archive = open(store);
    assert_clean(&archive);
    let after = read_everything(&archive);
    for (id, contents) in &sample.before {
        assert_eq!(after.get(id), Some(contents), "an earlier snapshot changed");
    }
    let new: Vec<&Id> = after
        .keys()
        .filter(|id| !sample.before.contains_key(id))
        .collect();
    assert!(new.len() <= 1);
    for id in new {
        assert_same(sample.source.path(), &restored(&archive, *id).join("root"));
    }
    let next = take(&mut archive, sample.source.path(), 4);
    assert_same(
        sample.source.path(),
        &restored(&open(store), next.id).join("root"),
    );
    assert_clean(&archive);
}

// F-090, F-091, F-095
#[test]
fn a_failure_at_any_call_costs_nothing_but_the_snapshot() {
    let sample = sample();
    let kinds = [
        Fault::Error(ErrorKind::StorageFull),
        Fault::ErrorAfterwards(ErrorKind::Other),
    ];
    for fault in kinds {
        let mut whole = 0;
        let mut failed = 0;
        for at in 0.. {
            let copy = MemoryStore::from_files(sample.store.files());
            let faulty = Arc::new(FaultyStore::new(copy, Some((at, fault))));
            let result = match Archive::open(Arc::<FaultyStore<MemoryStore>>::clone(&faulty)) {
                Ok(mut archive) => try_take(&mut archive, &sample.source, 3).map(|_| ()),
                Err(error) => Err(error),
            };
            let calls = faulty.calls();
            let left = Arc::new(
                Arc::into_inner(faulty)
                    .expect("nobody else holds it")
                    .into_inner(),
            );
            let snapshots = open(&left).catalog().len();
            match &result {
                Ok(()) => assert_eq!(snapshots, 3),
                Err(error) => {
                    // What was damaged is not confused with what could not be reached.
                    assert!(matches!(error, Error::Io { .. }), "call {at}: {error}");
                    failed += 1;
                    whole += snapshots - 2;
                }
            }
            assert_unharmed(&sample, &left);
            if calls <= at {
                assert!(result.is_ok());
                break;
            }
        }
        assert!(failed > 5, "{failed} calls failed");
        let expected = usize::from(matches!(fault, Fault::ErrorAfterwards(_)));
        assert_eq!(whole, expected, "only the last put makes a snapshot");
    }
}

#[test]
fn the_same_archive_goes_on_after_a_failure() {
    // Not opened anew: the failed snapshot must leave nothing wrong in memory either.
    let sample = sample();
    let mut failed = 0;
    for at in 0.. {
        let store = Arc::new(Hiccup::new(MemoryStore::from_files(sample.store.files())));
        let mut archive = open(&store);
        store.fail_once_after(at);
        failed += u64::from(try_take(&mut archive, &sample.source, 3).is_err());
        if !store.has_failed() {
            break;
        }
        let taken = take(&mut archive, sample.source.path(), 4);
        assert_same(sample.source.path(), &restored(&archive, taken.id).join("root"));
        let archive = open(&store);
        assert_clean(&archive);
        assert_same(sample.source.path(), &restored(&archive, taken.id).join("root"));
    }
    assert!(failed > 0);
}

/// A store of which one call fails, and that works again afterwards.
#[derive(Debug)]
struct Hiccup {
    inner: MemoryStore,
    left: AtomicI64,
}

impl Hiccup {
    fn new(inner: MemoryStore) -> Self {
        let left = AtomicI64::new(i64::MAX);
        Self { inner, left }
    }

    fn fail_once_after(&self, calls: i64) {
        self.left.store(calls, Ordering::Relaxed);
    }

    fn has_failed(&self) -> bool {
        self.left.load(Ordering::Relaxed) < 0
    }

    fn inner(&self) -> io::Result<&MemoryStore> {
        match self.left.fetch_sub(1, Ordering::Relaxed) {
            0 => Err(ErrorKind::TimedOut.into()),
            _ => Ok(&self.inner),
        }
    }
}

impl Store for Hiccup {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn list(&self, shelf: Shelf) -> io::Result<Vec<(Name, u64)>> {
        self.inner()?.list(shelf)
    }

    fn read(&self, name: Name) -> io::Result<Bytes> {
        self.inner()?.read(name)
    }

    fn read_range(&self, name: Name, range: Range<u64>) -> io::Result<Bytes> {
        self.inner()?.read_range(name, range)
    }

    fn put(&self, name: Name, contents: &[u8]) -> io::Result<()> {
        self.inner()?.put(name, contents)
    }

    fn delete(&self, name: Name) -> io::Result<()> {
        self.inner()?.delete(name)
    }

    fn lock(&self, lock: LockName, mode: LockMode) -> io::Result<Box<dyn Lock>> {
        self.inner()?.lock(lock, mode)
    }
}

#[test]
fn an_archive_whose_making_failed_can_be_made() {
    for fault in [
        Fault::Error(ErrorKind::StorageFull),
        Fault::ErrorAfterwards(ErrorKind::Other),
    ] {
        for at in 0..4 {
            let faulty = Arc::new(FaultyStore::new(MemoryStore::default(), Some((at, fault))));
            let made = Archive::create(Arc::<FaultyStore<MemoryStore>>::clone(&faulty), config());
            let calls = faulty.calls();
            assert_eq!(made.is_ok(), calls <= at);
            drop(made);
            let left = Arc::new(
                Arc::into_inner(faulty)
                    .expect("nobody else holds it")
                    .into_inner(),
            );
            if Archive::open(Arc::<MemoryStore>::clone(&left)).is_err() {
                create(&left, config());
            }
            assert_clean(&open(&left));
        }
    }
}

// F-011
#[test]
fn a_torn_write_leaves_no_trace_in_the_archive() {
    for at in 0..4 {
        let (source, local) = (Place::new(), Place::new());
        let mut rng = Rng::new(22);
        for n in 0..3 {
            let mut bytes = vec![0; 12 << 20];
            rng.fill(&mut bytes);
            source.write(format!("{n}"), &bytes);
        }
        let store = Arc::new(LocalStore::create(local.path()).expect("make a store"));
        let mut archive = create(&store, config());
        let small = Place::new();
        small.write("file", b"before");
        let before = take(&mut archive, small.path(), 1);
        let tearing = Arc::new(TearingStore::new(LocalStore::new(local.path()), at));
        let mut archive = open(&tearing);
        let result = try_take(&mut archive, &source, 2);
        assert_eq!(result.is_err(), tearing.is_torn());
        let mut archive = open(&store);
        assert_clean(&archive);
        assert_eq!(archive.catalog().len(), if result.is_ok() { 2 } else { 1 });
        assert_same(small.path(), &restored(&archive, before.id).join("root"));
        let next = take(&mut archive, source.path(), 3);
        assert_same(source.path(), &restored(&archive, next.id).join("root"));
        assert_clean(&open(&store));
        let left = fs::read_dir(local.join("tmp")).expect("list").count();
        assert_eq!(left, 0, "the next writer clears away what the dead one left");
    }
}

// F-010, F-126
#[test]
fn strangers_in_the_folder_are_left_alone() {
    let (source, local) = (Place::new(), Place::new());
    source.write("file", b"bytes");
    let store = Arc::new(LocalStore::create(local.path()).expect("make a store"));
    let mut archive = create(&store, config());
    let strangers = [
        "README",
        "segments/README",
        "segments/0.rst",
        "segments/.tmp",
        "condemned/README",
        "index/README",
        "other/x",
    ];
    for stranger in strangers {
        local.write(stranger, b"mine");
    }
    local.write(
        format!("segments/{}.rst", "AB".repeat(32)),
        b"upper case is no segment's name",
    );
    take(&mut archive, source.path(), 1);
    let mut archive = open(&store);
    assert_clean(&archive);
    assert!(take(&mut archive, source.path(), 2).tick);
    for stranger in strangers {
        assert_eq!(fs::read(local.join(stranger)).expect("read"), b"mine");
    }
}

//! One suite that every store and wrapper passes.

use restante_format::id::{Id, Kind};
use restante_format::store::{
    Call, Fault, FaultyStore, LocalStore, LockMode, LockName, MemoryStore, Name, RecordingStore, Shelf, Store,
};
use std::io::ErrorKind;

fn name(n: u8) -> Name {
    Name::Segment(Id::of(Kind::Chunk, &[n]))
}

fn conforms(store: &dyn Store) {
    assert_eq!(store.list(Shelf::Segments).expect("list"), []);
    assert_eq!(
        store.read(Name::Config).expect_err("missing").kind(),
        ErrorKind::NotFound
    );
    assert_eq!(
        store.read_range(name(1), 0..1).expect_err("missing").kind(),
        ErrorKind::NotFound
    );
    assert_eq!(
        store.delete(name(1)).expect_err("missing").kind(),
        ErrorKind::NotFound
    );

    store.put(Name::Config, b"config").expect("put");
    let contents = [
        (name(1), &b"0123456789"[..]),
        (name(2), b""),
        (name(3), &[7; 100_000]),
    ];
    for (name, bytes) in contents {
        store.put(name, bytes).expect("put");
        store.put(name, bytes).expect("the same again");
    }
    let mut expected: Vec<(Name, u64)> = contents.iter().map(|(name, b)| (*name, b.len() as u64)).collect();
    expected.sort();
    assert_eq!(
        store.list(Shelf::Segments).expect("list"),
        expected,
        "segments alone, in order"
    );
    for (name, bytes) in contents {
        assert_eq!(store.read(name).expect("read"), bytes);
        assert_eq!(store.read_range(name, 0..bytes.len() as u64).expect("all"), bytes);
    }
    assert_eq!(store.read_range(name(1), 3..7).expect("middle"), &b"3456"[..]);
    assert_eq!(
        store.read_range(name(1), 10..10).expect("nothing, at the end"),
        &b""[..]
    );
    for range in [5..11, 11..12, 0..u64::MAX, u64::MAX - 1..u64::MAX] {
        let error = store
            .read_range(name(1), range.clone())
            .expect_err("beyond the end");
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{range:?}");
    }

    if let Some(file) = store.open(name(1)).expect("open") {
        let mut buffer = [0; 4];
        file.read_exact_at(&mut buffer, 3).expect("middle");
        assert_eq!(&buffer, b"3456");
        let error = file.read_exact_at(&mut buffer, 7).expect_err("beyond the end");
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        let missing = store.open(name(9)).expect_err("missing");
        assert_eq!(missing.kind(), ErrorKind::NotFound);
    }

    let kept = store.read_range(name(3), 0..100_000).expect("read");
    store.delete(name(3)).expect("delete");
    assert_eq!(kept, &[7; 100_000][..], "what was read outlives the file");
    assert_eq!(
        store.read(name(3)).expect_err("deleted").kind(),
        ErrorKind::NotFound
    );
    assert_eq!(store.list(Shelf::Segments).expect("list").len(), 2);

    let first = store.lock(LockName::Archive, LockMode::Shared).expect("lock");
    let second = store
        .lock(LockName::Archive, LockMode::Shared)
        .expect("beside it");
    drop((first, second));
    drop(store.lock(LockName::Archive, LockMode::Exclusive).expect("alone"));
}

fn local() -> (tempfile::TempDir, LocalStore) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = LocalStore::create(folder.path().join("a/b")).expect("a store");
    (folder, store)
}

// F-011, F-092
#[test]
fn every_store_conforms() {
    let (_folder, mapped) = local();
    conforms(&mapped);
    let (_folder, store) = local();
    conforms(&store.unmapped());
    conforms(&MemoryStore::default());
    conforms(&RecordingStore::new(MemoryStore::default()));
    conforms(&FaultyStore::new(MemoryStore::default(), None));
}

// F-010, F-126
#[test]
fn foreign_files_are_ignored() {
    let (_folder, store) = local();
    let segments = store.root().join("segments");
    for foreign in [
        "x.rst",
        "README",
        &format!("{}.rst", "A".repeat(64)),
        &format!("{}.tmp", "a".repeat(64)),
    ] {
        std::fs::write(segments.join(foreign), "x").expect("write");
    }
    std::fs::create_dir(segments.join(format!("{}.rst", "a".repeat(64)))).expect("make folder");
    assert_eq!(store.list(Shelf::Segments).expect("list"), []);
}

#[test]
fn leftovers_of_the_dead_go_and_those_of_the_living_stay() {
    let (_folder, store) = local();
    let tmp = store.root().join("tmp");
    std::fs::write(tmp.join("dead"), "x").expect("write");
    let living = std::fs::File::create(tmp.join("living")).expect("create");
    living.lock().expect("lock");
    drop(store.lock(LockName::Archive, LockMode::Shared).expect("lock"));
    let left: Vec<_> = std::fs::read_dir(&tmp)
        .expect("list")
        .map(|e| e.expect("entry").file_name())
        .collect();
    assert_eq!(left, ["living"]);
}

#[test]
fn the_recorder_counts() {
    let store = RecordingStore::new(MemoryStore::default());
    store.put(name(1), b"abc").expect("put");
    store.read_range(name(1), 1..2).expect("read");
    assert_eq!(
        store.take_calls(),
        [Call::Put(name(1), 3), Call::ReadRange(name(1), 1..2)]
    );
    assert_eq!(store.take_calls(), []);
}

#[test]
fn faults_come_when_they_are_due_and_stay() {
    for (fault, arrived) in [
        (Fault::Error(ErrorKind::StorageFull), false),
        (Fault::ErrorAfterwards(ErrorKind::Other), true),
    ] {
        let store = FaultyStore::new(MemoryStore::default(), Some((1, fault)));
        store.put(name(1), b"1").expect("before the fault");
        store.put(name(2), b"2").expect_err("the fault");
        store.put(name(3), b"3").expect_err("ever after");
        assert_eq!(store.calls(), 3);
        let inner = store.into_inner();
        assert_eq!(inner.read(name(2)).is_ok(), arrived);
        assert!(inner.read(name(3)).is_err());
    }
}

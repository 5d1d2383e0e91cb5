//! Prunes beside snapshots that take long, and beside damage: nothing is made known that lacks something, and nothing is deleted that
//! is the only good copy.

#![cfg(target_os = "linux")]

use std::collections::HashSet;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use restante_format::archive::{Archive, Grace, Taken};
use restante_format::error::{Error, Result};
use restante_format::id::Id;
use restante_format::progress::Progress;
use restante_format::store::{MemoryStore, Name, Shelf, Store};
use restante_tests::archives::{
    Found, Place, assert_clean, fine_config, in_memory, open, prune, read_everything, request, take,
};
use restante_tests::damaged::{store_of, with};
use restante_tests::prng::Rng;

const GRACE: i64 = 3600;

fn graceful(store: &Arc<MemoryStore>, secs: i64) {
    prune(
        &mut open(store),
        secs,
        Grace::For(Duration::from_secs(GRACE as u64)),
    );
}

fn bytes(number: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Rng::new(number).fill(&mut bytes);
    bytes
}

/// A stream during which something else happens once, before its last bytes.
struct Slow<F: FnMut()> {
    bytes: io::Cursor<Vec<u8>>,
    at: u64,
    meanwhile: Option<F>,
}

impl<F: FnMut()> Read for Slow<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.position() >= self.at
            && let Some(mut meanwhile) = self.meanwhile.take()
        {
            meanwhile();
        }
        let len = buffer.len().min(8192);
        self.bytes.read(&mut buffer[..len])
    }
}

fn take_slowly(
    archive: &mut Archive,
    contents: &[u8],
    secs: i64,
    meanwhile: impl FnMut() + Send,
) -> Result<Taken> {
    let mut slow = Slow {
        at: contents.len() as u64 - 1000,
        bytes: io::Cursor::new(contents.to_vec()),
        meanwhile: Some(meanwhile),
    };
    archive.snapshot_stream(request("slow", secs), b"db", &mut slow, &Progress::default())
}

/// An archive in which there is `contents`, and no snapshot of it any more.
fn with_garbage(contents: &[u8]) -> (Arc<MemoryStore>, Archive) {
    let (store, mut archive) = in_memory(fine_config());
    let taken = take_slowly(&mut archive, contents, 60, || {}).expect("take");
    let place = Place::new();
    place.write("other", "something else");
    take(&mut archive, place.path(), 120);
    archive
        .forget(&HashSet::from([taken.id]), &Progress::default())
        .expect("forget");
    (store, archive)
}

/// What the snapshots of an archive give for the stream.
fn streams(archive: &Archive) -> Vec<Vec<u8>> {
    let found = read_everything(archive).into_values().filter_map(|mut contents| {
        let found = contents.remove(&b"db"[..])?;
        match found {
            Found::Whole(_, bytes) => Some(bytes),
            Found::Lost(error) => panic!("it cannot be read: {error}"),
        }
    });
    found.collect()
}

#[test]
fn what_one_prune_condemned_meanwhile_is_written_anew() {
    let contents = bytes(1, 300_000);
    let (store, mut archive) = with_garbage(&contents);
    take_slowly(&mut archive, &contents, 180, || graceful(&store, 1000)).expect("take");
    graceful(&store, 1000 + GRACE);
    assert!(streams(&open(&store)) == [contents]);
    assert_clean(&open(&store));
}

#[test]
fn a_snapshot_that_outlives_two_prunes_is_none() {
    let contents = bytes(1, 300_000);
    let (store, mut archive) = with_garbage(&contents);
    let before: Vec<Id> = archive.catalog().all().map(|listed| listed.id).collect();
    let taken = take_slowly(&mut archive, &contents, 180, || {
        graceful(&store, 1000);
        graceful(&store, 1000 + GRACE);
    });
    let error = taken.expect_err("what it counts on is gone");
    assert!(matches!(error, Error::Pruned { .. }), "{error}");
    for archive in [&archive, &open(&store)] {
        let now: Vec<Id> = archive.catalog().all().map(|listed| listed.id).collect();
        assert_eq!(now, before);
        assert_clean(archive);
    }
    // The next one stores everything.
    take_slowly(&mut archive, &contents, 240, || {}).expect("take");
    assert!(streams(&open(&store)) == [contents]);
    assert_clean(&open(&store));
}

#[test]
fn what_a_snapshot_wrote_itself_may_be_gone_at_its_end() {
    let contents = bytes(2, 24 << 20);
    let (store, mut archive) = in_memory(fine_config());
    let taken = take_slowly(&mut archive, &contents, 60, || {
        graceful(&store, 1000);
        graceful(&store, 1000 + GRACE);
    });
    match taken {
        Ok(_) => assert!(streams(&open(&store)) == [contents]),
        Err(error) => assert!(matches!(error, Error::Pruned { .. }), "{error}"),
    }
    assert_clean(&open(&store));
}

#[test]
fn a_merge_beside_a_snapshot_is_no_loss() {
    let contents = bytes(3, 300_000);
    let (store, mut archive) = in_memory(fine_config());
    take_slowly(&mut archive, &contents, 60, || {}).expect("take");
    let mut changed = contents.clone();
    changed[150_000] ^= 1;
    take_slowly(&mut archive, &changed, 120, || {}).expect("take");
    let merge = || {
        open(&store).compact(&Progress::default()).expect("compact");
    };
    take_slowly(&mut archive, &contents, 180, merge).expect("take");
    let mut expected = [contents.clone(), changed, contents];
    let mut found = streams(&open(&store));
    expected.sort_unstable();
    found.sort_unstable();
    assert!(found == expected);
    assert_clean(&open(&store));
}

/// An archive with two copies of everything of a stream, in two segments: two snapshots were taken at once.
fn with_two_copies(contents: &[u8]) -> (Arc<MemoryStore>, Vec<Name>) {
    let (store, mut archive) = in_memory(fine_config());
    let place = Place::new();
    place.write("other", "something else");
    take(&mut archive, place.path(), 30);
    let before = segments(&*store);
    let meanwhile = || {
        let place = Place::new();
        place.write("db", contents);
        take(&mut open(&store), place.path(), 60);
    };
    take_slowly(&mut archive, contents, 120, meanwhile).expect("take");
    let new = segments(&*store)
        .into_iter()
        .filter(|(name, _)| !before.iter().any(|(known, _)| known == name));
    let large = new.filter(|(_, len)| *len > contents.len() as u64 / 2);
    (store, large.map(|(name, _)| name).collect())
}

fn segments(store: &dyn Store) -> Vec<(Name, u64)> {
    store.list(Shelf::Segments).expect("list")
}

#[test]
fn of_two_copies_a_good_one_is_kept() {
    let contents = bytes(4, 200_000);
    let (store, copies) = with_two_copies(&contents);
    assert_eq!(copies.len(), 2, "two segments hold the same");
    for damaged in &copies {
        // The first byte behind the header is of a block.
        let files = store.files();
        let mut rotten = files[damaged].to_vec();
        rotten[4096] ^= 1;
        let store = store_of(&with(&files, *damaged, rotten));
        prune(&mut open(&store), 1000, Grace::None);
        let archive = open(&store);
        let expected = [contents.clone(), contents.clone()];
        let found: Vec<Vec<u8>> = read_everything(&archive)
            .into_values()
            .flat_map(|tree| {
                tree.into_iter().filter_map(|(path, found)| match found {
                    Found::Whole(_, bytes) if path.ends_with(b"db") => Some(bytes),
                    Found::Whole(..) => None,
                    Found::Lost(error) => panic!("{}: {error}", String::from_utf8_lossy(&path)),
                })
            })
            .collect();
        assert!(
            found == expected,
            "{damaged} is damaged: {} are there",
            found.len()
        );
    }
    // Where both are good, one goes.
    prune(&mut open(&store), 1000, Grace::None);
    let left = segments(&*store);
    assert_eq!(
        copies
            .iter()
            .filter(|name| left.iter().any(|(left, _)| left == *name))
            .count(),
        1
    );
    assert_clean(&open(&store));
}

//! Tables of the index cost time where they are wrong, never data: whatever becomes of them, archives read, write and verify as if
//! there were none.

#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use restante_format::archive::{Archive, Grace, IndexLimits, VerifyLevel, VerifyReport};
use restante_format::id::Id;
use restante_format::index::table::write_table;
use restante_format::progress::Progress;
use restante_format::store::{
    Call, Lock, LockMode, LockName, MemoryStore, Name, RecordingStore, Shelf, Store,
};
use restante_format::wire::{Covered, Row};
use restante_tests::archives::{
    Place, assert_clean, fine_config, in_memory, open, prune, read_everything, take, verify,
};
use restante_tests::damaged::{Files, store_of, with};

/// Every data segment gets a table behind its snapshot.
const AT_ONCE: IndexLimits = IndexLimits {
    segment_bytes: 0,
    segments: 1,
    objects: 1,
};

/// A folder with a few files, and steps of it.
struct Steps {
    place: Place,
    taken: u64,
}

impl Steps {
    fn new() -> Self {
        let place = Place::new();
        for name in 0..8 {
            place.write(format!("folder-{}/file-{name}", name % 3), text(name, 20_000));
        }
        Self { place, taken: 0 }
    }

    /// Takes so many snapshots, each after a change. Returns their ids.
    fn take(&mut self, archive: &mut Archive, count: u64) -> Vec<Id> {
        let snapshot = |_| {
            self.taken += 1;
            let n = self.taken;
            self.place
                .write(format!("folder-0/new-{n}"), text(1000 + n, 3000));
            self.place.write("folder-1/file-1", text(n, 20_000));
            take(archive, self.place.path(), n as i64 * 60).id
        };
        (0..count).map(snapshot).collect()
    }
}

/// Bytes that do not compress well and differ between numbers.
fn text(number: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    restante_tests::prng::Rng::new(number).fill(&mut bytes);
    bytes
}

/// An archive of some steps in which every data segment has a table.
fn tabled(count: u64) -> (Steps, Arc<MemoryStore>, Archive) {
    let (store, mut archive) = in_memory(fine_config());
    archive.limit_index(AT_ONCE);
    let mut steps = Steps::new();
    steps.take(&mut archive, count);
    (steps, store, archive)
}

fn tables(store: &dyn Store) -> Vec<(Name, u64)> {
    store.list(Shelf::Tables).expect("list")
}

fn without_tables(files: &Files) -> Files {
    let mut files = files.clone();
    files.retain(|name, _| name.shelf() != Some(Shelf::Tables));
    files
}

/// Whether the archive says the same as without tables, and lets snapshots be taken that are whole.
fn assert_as_without(files: &Files, steps: &mut Steps, what: &str) {
    let expected = read_everything(&open(&store_of(&without_tables(files))));
    let store = store_of(files);
    let mut archive = open(&store);
    archive.limit_index(AT_ONCE);
    assert!(
        read_everything(&archive) == expected,
        "{what}: something else is read"
    );
    assert!(archive.damage().is_empty(), "{what}: {:?}", archive.damage());
    assert!(!archive.reader().is_suspicious(), "{what}");
    let new = steps.take(&mut archive, 1)[0];
    let all = read_everything(&open(&store_of(&without_tables(&store.files()))));
    assert!(
        all.contains_key(&new) && read_everything(&archive) == all,
        "{what}: taken"
    );
    let report = verify(&archive, VerifyLevel::Full);
    let is_table = |file: &Option<String>| file.as_ref().is_some_and(|file| file.starts_with("index/"));
    for damaged in &report.damaged {
        assert!(
            is_table(&damaged.file) && damaged.snapshots.is_empty(),
            "{what}: {damaged:?}"
        );
    }
    assert!(report.damaged.len() <= 1, "{what}: {:?}", report.damaged);
    // Verified once, it is done without what is wrong.
    assert!(read_everything(&archive) == all, "{what}: verified");
}

#[test]
fn small_archives_have_no_table() {
    let (store, mut archive) = in_memory(fine_config());
    Steps::new().take(&mut archive, 20);
    assert_eq!(tables(&*store), []);
    assert_eq!(archive.reader().index().coverings().len(), 0);
}

#[test]
fn with_tables_everything_is_as_without() {
    let (mut steps, store, archive) = tabled(60);
    let index = archive.reader().index();
    assert!(!tables(&*store).is_empty());
    assert!(tables(&*store).len() < 30, "{} tables", tables(&*store).len());
    for segment in index.uncovered() {
        let mut objects = segment.directory.objects.iter();
        assert!(
            objects.all(|object| object.kind.is_of_catalog()),
            "{} has no table",
            segment.name
        );
    }
    let files = store.files();
    let plain = open(&store_of(&without_tables(&files)));
    let plain_index = plain.reader().index();
    let again = open(&store);
    let again_index = again.reader().index();
    assert_eq!(plain_index.segment_count(), again_index.segment_count());
    assert_eq!(plain_index.object_count(), again_index.object_count());
    for at in plain_index.objects() {
        let id = at.object.id;
        assert!(again_index.contains(&id));
        let places = |index: &restante_format::index::Index| -> BTreeMap<Name, u32> {
            index
                .find_all(id)
                .map(|at| (at.segment.name, at.number))
                .collect()
        };
        assert_eq!(places(&plain_index), places(&again_index));
        assert_eq!(plain_index.find_all(id).count(), again_index.find_all(id).count());
    }
    assert!(again_index.find(&Id([7; 32])).is_none());
    for (name, _) in plain_index.files() {
        let (a, b) = (plain_index.segment(name), again_index.segment(name));
        assert_eq!(
            a.map(|s| (s.len, s.directory.clone())),
            b.map(|s| (s.len, s.directory.clone()))
        );
    }
    let (mut a, mut b) = (plain.stats(), again.stats());
    assert!(a.stored_bytes < b.stored_bytes);
    (a.stored_bytes, b.stored_bytes) = (0, 0);
    assert_eq!(a, b);
    assert_clean(&again);
    assert_as_without(&files, &mut steps, "untouched");
}

// F-124
#[test]
fn an_archive_with_tables_is_opened_without_its_data() {
    let (_, store, _) = tabled(30);
    let recorder = Arc::new(RecordingStore::new(MemoryStore::from_files(store.files())));
    let archive = open(&recorder);
    let covered: Vec<Name> = {
        let index = archive.reader().index();
        let covered = index.coverings().iter().flat_map(|covering| covering.files());
        covered.map(|(name, _)| name).collect()
    };
    assert!(!covered.is_empty());
    let is_of_covered = |call: &Call| match call {
        Call::Read(name) | Call::ReadRange(name, _) => covered.contains(name),
        _ => false,
    };
    assert_eq!(
        recorder
            .take_calls()
            .iter()
            .filter(|call| is_of_covered(call))
            .count(),
        0
    );
    // A writer asks for what it has, and opens the directories of that.
    read_everything(&archive);
    assert!(recorder.take_calls().iter().any(is_of_covered));
}

// F-120, F-123
#[test]
fn tables_may_be_lost_cut_or_damaged() {
    let (mut steps, store, _) = tabled(24);
    let files = store.files();
    let names: Vec<Name> = tables(&*store).into_iter().map(|(name, _)| name).collect();
    assert_as_without(&without_tables(&files), &mut steps, "all lost");
    for name in &names {
        let mut lost = files.clone();
        lost.remove(name);
        assert_as_without(&lost, &mut steps, "one lost");
    }
    let largest = names
        .iter()
        .max_by_key(|name| files[name].len())
        .expect("there is one");
    let bytes = files[largest].to_vec();
    for part in 0..4 {
        let cut = bytes[..bytes.len() * part / 4].to_vec();
        assert_as_without(
            &with(&files, *largest, cut),
            &mut steps,
            &format!("{part}/4 left"),
        );
    }
    assert_as_without(&with(&files, *largest, vec![0; bytes.len()]), &mut steps, "zeros");
    let mut zeroed = bytes.clone();
    let rows = 64 + 48 * u32::from_le_bytes([bytes[20], bytes[21], bytes[22], bytes[23]]) as usize;
    zeroed[rows..].fill(0);
    assert_as_without(
        &with(&files, *largest, zeroed),
        &mut steps,
        "rows and lines are zeros",
    );
    for at in (0..bytes.len()).step_by(bytes.len() / 20) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xff;
        let what = format!("byte {at} of {}", bytes.len());
        assert_as_without(&with(&files, *largest, damaged), &mut steps, &what);
    }
    let other = names.iter().find(|name| *name != largest).expect("there are two");
    let swapped = with(&files, *other, bytes);
    assert_as_without(&swapped, &mut steps, "under another's name");
}

// F-120, F-125
#[test]
fn a_damaged_table_is_named_and_written_anew() {
    let (mut steps, store, _) = tabled(5);
    let (name, len) = tables(&*store)[0];
    let mut bytes = store.read(name).expect("read").to_vec();
    bytes[len as usize / 2] ^= 1;
    store.put(name, &bytes).expect("put");
    let mut archive = open(&store);
    archive.limit_index(AT_ONCE);
    let report = verify(&archive, VerifyLevel::Full);
    let [damaged] = &report.damaged[..] else {
        panic!("{:?}", report.damaged);
    };
    assert_eq!(damaged.file, Some(name.to_string()));
    assert!(damaged.reason.contains("may be deleted"), "{}", damaged.reason);
    steps.take(&mut archive, 1);
    assert_clean(&open(&store));
    assert_clean(&archive);
}

/// A table of the first covered segments whose rows are made up.
fn forged(archive: &Archive, store: &MemoryStore, forge: impl Fn(Row) -> Row) -> Name {
    let index = archive.reader().index();
    let covered: Vec<Covered> = index.coverings()[0].table().covered().iter().collect();
    let mut rows = Vec::new();
    for (number, covered) in (0..).zip(&covered) {
        let segment = index.segment(Name::Segment(covered.seal)).expect("it is there");
        let objects = (0..).zip(&segment.directory.objects);
        rows.extend(objects.map(|(object, entry)| {
            forge(Row {
                id: entry.id,
                segment: number,
                object,
            })
        }));
    }
    rows.sort_unstable();
    let rows = || rows.iter().copied().map(Ok);
    write_table(store, archive.config().archive, &covered, rows)
        .expect("write")
        .0
}

// F-121, F-123
#[test]
fn a_table_that_lies_is_found_out() {
    let lies: [fn(Row) -> Row; 3] = [
        |row| Row {
            object: row.object ^ 1,
            ..row
        },
        |row| Row {
            object: u32::MAX,
            ..row
        },
        |row| Row {
            id: Id(row.id.0.map(|byte| byte ^ 0x55)),
            ..row
        },
    ];
    for lie in lies {
        let (mut steps, store, archive) = tabled(10);
        let expected = read_everything(&archive);
        let name = forged(&archive, &store, lie);
        let mut archive = open(&store);
        archive.limit_index(AT_ONCE);
        let report = verify(&archive, VerifyLevel::Full);
        assert_eq!(report.damaged.len(), 1, "{:?}", report.damaged);
        assert_eq!(report.damaged[0].file, Some(name.to_string()));
        assert!(read_everything(&archive) == expected);
        steps.take(&mut archive, 1);
        assert_clean(&open(&store));
    }
}

/// A table over all segments, those that say which snapshots there are included.
fn of_everything(archive: &Archive, store: &MemoryStore) {
    let index = archive.reader().index();
    let mut segments: Vec<_> = index.segments().collect();
    segments.sort_by_key(|segment| segment.name);
    let (mut covered, mut rows) = (Vec::new(), Vec::new());
    for segment in segments {
        let Name::Segment(seal) = segment.name else {
            continue;
        };
        let objects = (0..).zip(&segment.directory.objects);
        let number = covered.len() as u32;
        rows.extend(objects.map(|(object, entry)| Row {
            id: entry.id,
            segment: number,
            object,
        }));
        covered.push(Covered {
            seal,
            len: segment.len,
            object_count: segment.directory.objects.len() as u32,
        });
    }
    rows.sort_unstable();
    let rows = || rows.iter().copied().map(Ok);
    write_table(store, archive.config().archive, &covered, rows).expect("write");
}

// F-124
#[test]
fn a_table_that_hides_snapshots_makes_prune_delete_nothing_of_theirs() {
    let (store, mut archive) = in_memory(fine_config());
    let mut steps = Steps::new();
    steps.take(&mut archive, 5);
    let expected = read_everything(&archive);
    of_everything(&archive, &store);
    let mut archive = open(&store);
    prune(&mut archive, 1_000_000, Grace::None);
    assert!(read_everything(&archive) == expected);
    assert!(read_everything(&open(&store_of(&without_tables(&store.files())))) == expected);
}

// F-016, F-089
#[test]
fn what_others_merge_forget_and_prune_is_found_where_it_is_now() {
    let (mut steps, store, mut writer) = tabled(20);
    let known = open(&store);
    let expected = read_everything(&known);
    let merged = open(&store);
    // Segments and tables of before are gone by now.
    steps.take(&mut writer, 40);
    writer.compact(&Progress::default()).expect("compact");
    steps.take(&mut writer, 3);
    for stale in [&known, &merged] {
        for (id, contents) in &expected {
            let snapshot = known.catalog().get(id).expect("it is there");
            let tree = restante_tests::archives::read_tree(stale.reader(), snapshot.snapshot.root);
            assert!(tree == *contents, "{id}");
        }
        assert!(!stale.reader().is_suspicious());
    }
    assert_clean(&writer);
    assert_as_without(&store.files(), &mut steps, "merged");
    let forgotten = expected.keys().copied().collect();
    writer.forget(&forgotten, &Progress::default()).expect("forget");
    prune(&mut writer, 1_000_000, Grace::None);
    assert_clean(&writer);
    assert_as_without(&store.files(), &mut steps, "pruned");
}

// F-122, F-126
#[test]
fn tables_of_what_is_gone_lead_nowhere_and_are_cleared_away() {
    let (mut steps, store, mut writer) = tabled(12);
    let old: Vec<(Name, Bytes)> = tables(&*store)
        .into_iter()
        .map(|(name, _)| (name, store.read(name).expect("read")))
        .collect();
    writer.compact(&Progress::default()).expect("compact");
    steps.take(&mut writer, 1);
    let mut files = store.files();
    for (name, bytes) in &old {
        files.insert(*name, bytes.clone());
    }
    assert_as_without(&files, &mut steps, "stale tables");
    let store = store_of(&files);
    let mut archive = open(&store);
    archive.limit_index(AT_ONCE);
    steps.take(&mut archive, 1);
    for covering in open(&store).reader().index().coverings() {
        let rows = u64::from(covering.table().row_count());
        assert!(
            covering.row_count() * 2 >= rows,
            "{} of {rows} rows",
            covering.row_count()
        );
    }
    assert_clean(&archive);
}

// F-097
#[test]
fn condemned_segments_are_avoided_in_tables_too() {
    let (mut steps, store, mut writer) = tabled(12);
    let first = writer.catalog().oldest_first().next().expect("a snapshot").id();
    writer
        .forget(&[first].into(), &Progress::default())
        .expect("forget");
    let grace = Grace::For(Duration::from_secs(1000));
    let report = prune(&mut writer, 1_000_000, grace);
    assert!(report.condemned > 0);
    assert_clean(&writer);
    let archive = open(&store);
    let index = archive.reader().index();
    for at in index.objects() {
        let is_condemned = |name| index.is_condemned(name);
        let all: Vec<Name> = index.find_all(at.object.id).map(|at| at.segment.name).collect();
        let found = index.find(&at.object.id).expect("it is there").segment.name;
        assert_eq!(is_condemned(found), all.iter().all(|name| is_condemned(*name)));
    }
    assert_as_without(&store.files(), &mut steps, "condemned");
    assert!(prune(&mut writer, 2_000_000, grace).deleted > 0);
    assert_clean(&writer);
    assert_as_without(&store.files(), &mut steps, "deleted");
}

/// Snapshots, and paths in them.
type Costs = (BTreeSet<Id>, BTreeSet<Vec<u8>>);

/// What is lost, and which paths of which snapshots that costs.
fn told(report: &VerifyReport) -> BTreeMap<Option<Id>, Costs> {
    let told = report.damaged.iter().map(|damaged| {
        let object = damaged.object.map(|(_, id)| id);
        (object, (damaged.snapshots.clone(), damaged.paths.clone()))
    });
    told.collect()
}

#[test]
fn damage_to_a_covered_segment_costs_what_it_costs_without_tables() {
    let (_, store, archive) = tabled(16);
    let files = store.files();
    let index = archive.reader().index();
    let covered: Vec<(Name, u64)> = index
        .coverings()
        .iter()
        .flat_map(|covering| covering.files())
        .collect();
    for (name, _) in covered {
        let mut bytes = files[&name].to_vec();
        let at = bytes.len() - 100;
        bytes[at] ^= 1;
        let damaged = with(&files, name, bytes);
        let with_tables = open(&store_of(&damaged));
        let plain = open(&store_of(&without_tables(&damaged)));
        let (a, b) = (
            verify(&with_tables, VerifyLevel::Full),
            verify(&plain, VerifyLevel::Full),
        );
        assert_eq!(told(&a), told(&b), "{name}");
        assert!(
            a.damaged
                .iter()
                .any(|damaged| damaged.file == Some(name.to_string())),
            "{name}"
        );
        assert!(with_tables.reader().is_suspicious() && plain.reader().is_suspicious());
        let quick = verify(&open(&store_of(&damaged)), VerifyLevel::Quick);
        assert!(
            quick
                .damaged
                .iter()
                .any(|damaged| damaged.file == Some(name.to_string())),
            "{name}"
        );
    }
}

/// A store without room for tables.
#[derive(Debug)]
struct Cramped(MemoryStore);

impl Store for Cramped {
    fn location(&self) -> String {
        self.0.location()
    }

    fn list(&self, shelf: Shelf) -> io::Result<Vec<(Name, u64)>> {
        match shelf {
            Shelf::Tables => Err(io::ErrorKind::PermissionDenied.into()),
            _ => self.0.list(shelf),
        }
    }

    fn read(&self, name: Name) -> io::Result<Bytes> {
        self.0.read(name)
    }

    fn read_range(&self, name: Name, range: Range<u64>) -> io::Result<Bytes> {
        self.0.read_range(name, range)
    }

    fn put(&self, name: Name, contents: &[u8]) -> io::Result<()> {
        self.0.put(name, contents)
    }

    fn put_with(
        &self,
        name: Name,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        match name {
            Name::Table(_) => Err(io::ErrorKind::StorageFull.into()),
            _ => self.0.put_with(name, write),
        }
    }

    fn delete(&self, name: Name) -> io::Result<()> {
        self.0.delete(name)
    }

    fn lock(&self, lock: LockName, mode: LockMode) -> io::Result<Box<dyn Lock>> {
        self.0.lock(lock, mode)
    }
}

#[test]
fn a_table_that_cannot_be_written_is_no_failed_snapshot() {
    let store = Arc::new(Cramped(MemoryStore::default()));
    let mut archive = restante_tests::archives::create(&store, fine_config());
    archive.limit_index(AT_ONCE);
    let steps = Steps::new();
    let taken = take(&mut archive, steps.place.path(), 60);
    let warning = taken.merging.expect("a warning").to_string();
    assert!(warning.contains("index/"), "{warning}");
    assert_clean(&archive);
}

//! Snapshots in another archive, and in a file: the same, whole, and no more than is needed.

#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use restante_format::archive::{Archive, Choice, Copied, Grace, IndexLimits, Memory, Scope, VerifyLevel};
use restante_format::catalog::Listed;
use restante_format::error::{Error, Result};
use restante_format::id::{Id, Kind};
use restante_format::model::Timestamp;
use restante_format::progress::Progress;
use restante_format::store::{Call, Fault, FaultyStore, MemoryStore, Name, RecordingStore, Shelf};
use restante_format::wire::{ArchiveId, Config};
use restante_tests::archives::{
    Contents, Place, assert_clean, config, create, fine_config, in_memory, objects_of, open, prune,
    read_everything, take, total_bytes,
};
use restante_tests::prng::Rng;

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Rng::new(seed).fill(&mut bytes);
    bytes
}

/// An archive that has nothing in common with those of the other configs.
fn foreign_config() -> Config {
    Config {
        archive: ArchiveId([9; 16]),
        ..config()
    }
}

/// Changes a small tree in one of the ways in which trees change; sometimes not at all.
fn change(rng: &mut Rng, source: &Place) {
    for _ in 0..rng.below(4) {
        let path = format!("dir{}/file{}", rng.below(3), rng.below(6));
        match rng.below(4) {
            0 => drop(fs::remove_file(source.join(&path))),
            1 => source.write(&path, noise(rng.next_u64(), rng.below(3000) as usize)),
            _ => {
                let mut bytes = fs::read(source.join(&path)).unwrap_or_else(|_| noise(rng.next_u64(), 2000));
                let at = rng.below(bytes.len().max(1) as u64) as usize;
                bytes.splice(at..at, *b"inserted");
                source.write(&path, bytes);
            }
        }
    }
}

/// An archive with so many snapshots of a tree that changes, ticks among them.
fn history(seed: u64, snapshots: i64, config: Config) -> (Arc<MemoryStore>, Archive) {
    let mut rng = Rng::new(seed);
    let source = Place::in_memory();
    let (store, mut archive) = in_memory(config);
    source.write("dir0/file0", noise(seed, 5000));
    for n in 0..snapshots {
        change(&mut rng, &source);
        take(&mut archive, source.path(), 1_790_000_000 + 60 * n);
    }
    (store, archive)
}

fn all_of(archive: &Archive) -> BTreeMap<Id, Listed> {
    archive
        .catalog()
        .all()
        .map(|listed| (listed.id, listed))
        .collect()
}

fn copy(target: &mut Archive, source: &Archive, choice: &Choice) -> Result<Copied> {
    target.copy_from(source, source.choose(choice), &Progress::default())
}

fn only(ids: &[Id]) -> Choice {
    Choice {
        ids: Some(ids.iter().copied().collect()),
        ..Choice::default()
    }
}

#[test]
fn whatever_is_chosen_arrives_as_it_was() {
    for seed in 0..40 {
        let (_, source) = history(seed, 12, fine_config());
        let there = read_everything(&source);
        let listed = all_of(&source);
        let mut rng = Rng::new(seed + 1000);
        let target_config = if seed % 2 == 0 {
            foreign_config()
        } else {
            fine_config()
        };
        let (_, mut target) = in_memory(target_config);
        let mut expected: BTreeSet<Id> = BTreeSet::new();
        for _ in 0..3 {
            let chosen: Vec<Id> = listed.keys().filter(|_| rng.one_in(3)).copied().collect();
            let new = chosen.iter().filter(|id| !expected.contains(*id)).count() as u64;
            let copied = copy(&mut target, &source, &only(&chosen)).expect("copy");
            assert_eq!(
                (copied.snapshots, copied.present),
                (new, chosen.len() as u64 - new)
            );
            expected.extend(chosen);
            assert_clean(&target);
            assert_eq!(all_of(&target).keys().copied().collect::<BTreeSet<_>>(), expected);
        }
        for (id, contents) in read_everything(&target) {
            assert!(there.get(&id) == Some(&contents), "seed {seed}: {id} differs");
        }
        for (id, copied) in all_of(&target) {
            assert_eq!(listed.get(&id), Some(&copied));
        }
    }
}

#[test]
fn choices() {
    let (_, source) = history(5, 10, fine_config());
    let all: Vec<Id> = source.catalog().all().map(|listed| listed.id).collect();
    let at = |n: i64| {
        Some(Timestamp {
            secs: 1_790_000_000 + 60 * n,
            nanos: 0,
        })
    };
    let chosen =
        |choice: Choice| -> Vec<Id> { source.choose(&choice).iter().map(|moment| moment.id()).collect() };
    assert_eq!(chosen(Choice::default()), all);
    let (since, until) = (at(3), at(6));
    let some = Choice {
        scope: Scope {
            since,
            until,
            ..Scope::default()
        },
        ..Choice::default()
    };
    assert_eq!(chosen(some.clone()), all[3..=6]);
    let last = Some(2);
    assert_eq!(chosen(Choice { last, ..some }), all[5..=6]);
    let connector = Some("lotus-notes".to_owned());
    let path = b"/nowhere".to_vec();
    for scope in [
        Scope {
            connector,
            ..Scope::default()
        },
        Scope {
            paths: vec![path],
            ..Scope::default()
        },
        Scope {
            tags: vec!["none".into()],
            ..Scope::default()
        },
    ] {
        let none = Choice {
            scope,
            ..Choice::default()
        };
        assert_eq!(chosen(none), []);
    }
}

/// The segments of an archive that hold anything but its catalogue.
fn data_segments(archive: &Archive) -> BTreeSet<Name> {
    let kinds = [Kind::Chunk, Kind::ChunkList, Kind::Tree];
    objects_of(archive, &kinds).map(|at| at.segment.name).collect()
}

fn read_bytes(calls: &[Call], of: &BTreeSet<Name>) -> u64 {
    let bytes = calls.iter().map(|call| match call {
        Call::ReadRange(name, range) if of.contains(name) => range.end - range.start,
        _ => 0,
    });
    bytes.sum()
}

#[test]
fn what_is_there_is_neither_read_nor_written_again() {
    let source_place = Place::in_memory();
    for n in 0..20 {
        source_place.write(format!("dir{}/{n}", n % 4), noise(n, 30_000));
    }
    let source_store = Arc::new(RecordingStore::new(MemoryStore::default()));
    let mut source = create(&source_store, config());
    let target_store = Arc::new(RecordingStore::new(MemoryStore::default()));
    let mut target = create(&target_store, foreign_config());
    take(&mut source, source_place.path(), 1);
    let first = copy(&mut target, &source, &Choice::default()).expect("copy");
    assert!(first.stored_bytes > 600_000, "{first:?}");

    let again = open(&source_store);
    source_store.take_calls();
    target_store.take_calls();
    let copied = copy(&mut target, &again, &Choice::default()).expect("copy");
    assert_eq!((copied.snapshots, copied.present, copied.objects), (0, 1, 0));
    assert_eq!(read_bytes(&source_store.take_calls(), &data_segments(&again)), 0);
    let is_put = |call: &Call| matches!(call, Call::Put(..) | Call::Delete(_));
    assert!(!target_store.take_calls().iter().any(is_put));

    source_place.write("dir0/new", noise(99, 40_000));
    take(&mut source, source_place.path(), 2);
    let later = open(&source_store);
    source_store.take_calls();
    target_store.take_calls();
    let copied = copy(&mut target, &later, &Choice::default()).expect("copy");
    assert_eq!((copied.snapshots, copied.present), (1, 1));
    // The chunk, the root, its directory, and the directory above that.
    assert_eq!(copied.objects, 4);
    let read = read_bytes(&source_store.take_calls(), &data_segments(&later));
    assert!(read < 80_000, "{read} bytes read");
    let of_target = data_segments(&target);
    let of_target = read_bytes(&target_store.take_calls(), &of_target);
    assert_eq!(of_target, 0, "the target's data is not read");
    assert_clean(&target);
}

fn assert_kept(target: &Archive, before: &BTreeMap<Id, Contents>, there: &BTreeMap<Id, Contents>) {
    assert_clean(target);
    let now = read_everything(target);
    for (id, contents) in before {
        assert!(now.get(id) == Some(contents), "an earlier snapshot changed");
    }
    for (id, contents) in &now {
        assert!(there.get(id) == Some(contents), "{id} is not what was copied");
    }
}

#[test]
fn a_failure_at_any_call_costs_nothing_but_time() {
    let (_, source) = history(7, 8, fine_config());
    let there = read_everything(&source);
    let first = source.choose(&Choice::default())[0].id();
    let (store, mut begun) = in_memory(foreign_config());
    copy(&mut begun, &source, &only(&[first])).expect("copy");
    let before = read_everything(&begun);
    for kind in [
        Fault::Error(ErrorKind::StorageFull),
        Fault::ErrorAfterwards(ErrorKind::Other),
    ] {
        let mut failed = 0;
        for at in 0.. {
            let files = MemoryStore::from_files(store.files());
            let faulty = Arc::new(FaultyStore::new(files, Some((at, kind))));
            let result = Archive::open(Arc::<FaultyStore<MemoryStore>>::clone(&faulty))
                .and_then(|mut target| copy(&mut target, &source, &Choice::default()));
            let calls = faulty.calls();
            let left = Arc::new(
                Arc::into_inner(faulty)
                    .expect("nobody else holds it")
                    .into_inner(),
            );
            assert_kept(&open(&left), &before, &there);
            let objects = open(&left).reader().index().object_count() as u64;
            let mut target = open(&left);
            let resumed = copy(&mut target, &source, &Choice::default()).expect("go on");
            assert_eq!(all_of(&target).len(), there.len());
            assert_kept(&target, &before, &there);
            if let Ok(copied) = result {
                assert_eq!((resumed.snapshots, copied.snapshots), (0, there.len() as u64 - 1));
            } else {
                failed += 1;
                let whole = target.reader().index().object_count() as u64;
                assert!(resumed.objects <= whole - objects + 1, "nothing is stored twice");
            }
            if calls <= at {
                break;
            }
        }
        assert!(failed > 5, "{failed} calls failed");
    }
}

#[test]
fn damage_is_named_and_nothing_of_it_arrives() {
    let (store, source) = history(11, 6, fine_config());
    let there = read_everything(&source);
    let newest = source.choose(&Choice::default()).pop().expect("a snapshot").id();
    let (target_store, mut begun) = in_memory(foreign_config());
    let first = source.choose(&Choice::default())[0].id();
    copy(&mut begun, &source, &only(&[first])).expect("copy");
    let before = read_everything(&begun);
    let kinds = [Kind::Chunk, Kind::ChunkList, Kind::Tree];
    let blocks: BTreeSet<(Name, u64)> = objects_of(&source, &kinds)
        .map(|at| (at.segment.name, at.block.offset))
        .collect();
    let mut refused = 0;
    for (name, offset) in blocks {
        let mut files = store.files();
        let mut bytes = files[&name].to_vec();
        bytes[offset as usize + 3] ^= 0x40;
        files.insert(name, bytes.into());
        let damaged = open(&Arc::new(MemoryStore::from_files(files)));
        let left = Arc::new(MemoryStore::from_files(target_store.files()));
        let mut target = open(&left);
        match copy(&mut target, &damaged, &only(&[newest])) {
            Ok(_) => {}
            Err(error) => {
                assert!(error.is_damage() && error.object().is_some(), "{error}");
                refused += 1;
                assert_eq!(all_of(&open(&left)).len(), 1);
            }
        }
        assert_kept(&open(&left), &before, &there);
    }
    assert!(refused > 0);
}

/// An archive with a table in which little changes from one snapshot to the next.
fn table_history(snapshots: i64) -> (Arc<MemoryStore>, Archive) {
    let source = Place::in_memory();
    source.write("table", noise(3, 2 << 20));
    let (store, mut archive) = in_memory(config());
    for n in 0..snapshots {
        let file = File::options()
            .write(true)
            .open(source.join("table"))
            .expect("open");
        for record in 0..6 {
            let offset = (n as u64 * 7 + record) * 39_119 % ((2 << 20) - 256);
            let bytes = noise(n as u64 * 100 + record, 256);
            file.write_all_at(&bytes, offset).expect("write");
        }
        source.write("log", format!("{n}\n").repeat(n as usize + 1));
        take(&mut archive, source.path(), n + 1);
    }
    (store, archive)
}

#[test]
fn a_copy_takes_no_more_room() {
    let (store, source) = table_history(80);
    let whole = total_bytes(&store);
    let all = Choice::default();
    let (target_store, mut target) = in_memory(foreign_config());
    copy(&mut target, &source, &all).expect("copy");
    assert_clean(&target);
    let copied = total_bytes(&target_store);
    assert!(copied <= whole, "{copied} of {whole}");

    // One of them, and one of ten: little comes along that belongs to others.
    let ids: Vec<Id> = source.choose(&all).iter().map(|moment| moment.id()).collect();
    let every_tenth: Vec<Id> = ids.iter().skip(9).step_by(10).copied().collect();
    for (chosen, more) in [(&ids[79..], 1.02), (&every_tenth[..], 1.3)] {
        let (with_bases, mut target) = in_memory(foreign_config());
        copy(&mut target, &source, &only(chosen)).expect("copy");
        assert_clean(&target);
        let with_bases = total_bytes(&with_bases);
        let plain = (2 << 20) as f64;
        assert!((with_bases as f64) < plain * more, "{with_bases}");
    }
}

// F-015, F-017
#[test]
fn a_file_is_an_archive_by_itself() {
    for seed in 0..20 {
        let (_, source) = history(seed, 8, fine_config());
        let there = read_everything(&source);
        let mut rng = Rng::new(seed);
        let mut chosen: Vec<Id> = there.keys().filter(|_| rng.one_in(2)).copied().collect();
        if chosen.is_empty() {
            chosen.extend(there.keys().take(1));
        }
        let folder = Place::new();
        let file = folder.join("exported");
        let moments = source.choose(&only(&chosen));
        let exported = source
            .export_to(&file, false, moments.clone(), &Progress::default())
            .expect("export");
        assert_eq!(exported.bytes, fs::metadata(&file).expect("a file").len());
        assert_eq!(exported.snapshots, chosen.len() as u64);
        let refused = source.export_to(&file, false, moments.clone(), &Progress::default());
        let is_there = |error: &Error| matches!(error, Error::Io { source, .. } if source.kind() == ErrorKind::AlreadyExists);
        assert!(refused.is_err_and(|error| is_there(&error)));
        let again = source
            .export_to(&file, true, moments, &Progress::default())
            .expect("export again");
        assert_eq!(again, exported, "the same is the same file");
        assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 1);
        let mut single = Archive::open_file(&file, Memory::default()).expect("open");
        assert_clean(&single);
        let expected: BTreeMap<Id, Contents> = there
            .iter()
            .filter(|(id, _)| chosen.contains(id))
            .map(|(id, contents)| (*id, contents.clone()))
            .collect();
        assert!(read_everything(&single) == expected, "seed {seed}");
        assert!(copy(&mut single, &source, &Choice::default()).is_err());
        let (_, mut target) = in_memory(foreign_config());
        copy(&mut target, &single, &Choice::default()).expect("import");
        assert_clean(&target);
        assert!(read_everything(&target) == expected, "seed {seed}");
    }
}

/// A file into which everything of an archive was written, and the folder around it.
fn exported(source: &Archive) -> (Place, PathBuf) {
    let folder = Place::new();
    let file = folder.join("exported");
    let moments = source.choose(&Choice::default());
    source
        .export_to(&file, false, moments, &Progress::default())
        .expect("export");
    (folder, file)
}

#[test]
fn a_file_that_is_cut_off_while_it_is_open_ends_nothing() {
    let (_, source) = history(13, 4, fine_config());
    let (_folder, file) = exported(&source);
    let single = Archive::open_file(&file, Memory::default()).expect("open");
    let moments = single.choose(&Choice::default());
    let opened = File::options().write(true).open(&file).expect("open");
    opened.set_len(64).expect("cut off");
    let (_, mut target) = in_memory(foreign_config());
    let copied = target.copy_from(&single, moments, &Progress::default());
    let error = copied.expect_err("it is not whole");
    assert!(error.is_damage(), "{error}");
    assert_clean(&target);
}

/// Every data segment gets a table.
const AT_ONCE: IndexLimits = IndexLimits {
    segment_bytes: 0,
    segments: 1,
    objects: 1,
};

#[test]
fn a_damaged_table_hides_nothing_from_a_copy() {
    let (store, mut archive) = in_memory(fine_config());
    archive.limit_index(AT_ONCE);
    let place = Place::in_memory();
    for n in 0..6 {
        place.write(format!("dir{}/file", n % 2), noise(n, 2000));
        take(&mut archive, place.path(), n as i64);
    }
    let there = read_everything(&archive);
    let mut files = store.files();
    let tables: Vec<Name> = files
        .keys()
        .filter(|name| name.shelf() == Some(Shelf::Tables))
        .copied()
        .collect();
    assert!(!tables.is_empty());
    for name in tables {
        // A bit of every id: whatever is looked for, a row is not what it was.
        let mut bytes = files[&name].to_vec();
        for row in objects_of(&archive, &[Kind::Chunk, Kind::ChunkList, Kind::Tree]) {
            let id = &row.object.id.0;
            let places = bytes.windows(id.len()).enumerate();
            let found: Vec<usize> = places.filter(|(_, at)| at == id).map(|(at, _)| at).collect();
            found.into_iter().for_each(|at| bytes[at + 31] ^= 1);
        }
        files.insert(name, bytes.into());
    }
    let damaged = open(&Arc::new(MemoryStore::from_files(files.clone())));
    let (_, mut target) = in_memory(foreign_config());
    copy(&mut target, &damaged, &Choice::default()).expect("copy");
    assert!(read_everything(&target) == there);
    assert_clean(&target);
    let damaged = open(&Arc::new(MemoryStore::from_files(files)));
    let folder = Place::new();
    let moments = damaged.choose(&Choice::default());
    damaged
        .export_to(&folder.join("file"), false, moments, &Progress::default())
        .expect("export");
    let single = Archive::open_file(&folder.join("file"), Memory::default()).expect("open");
    assert!(read_everything(&single) == there);
    assert_clean(&single);
}

#[test]
fn what_others_merge_meanwhile_is_copied_from_where_it_is() {
    for limits in [None, Some(AT_ONCE)] {
        let (store, mut writer) = in_memory(fine_config());
        limits.into_iter().for_each(|limits| writer.limit_index(limits));
        let place = Place::in_memory();
        for n in 0..10 {
            place.write(format!("dir{}/file", n % 2), noise(n, 2000));
            take(&mut writer, place.path(), n as i64);
        }
        let there = read_everything(&writer);
        let source = open(&store);
        let moments = source.choose(&Choice::default());
        for n in 10..40 {
            place.write("dir0/file", noise(n, 2000));
            take(&mut writer, place.path(), n as i64);
        }
        writer.compact(&Progress::default()).expect("compact");
        let (_, mut target) = in_memory(foreign_config());
        let copied = target.copy_from(&source, moments, &Progress::default());
        assert_eq!(copied.expect("copy").snapshots, 10);
        assert!(read_everything(&target) == there);
        assert_clean(&target);
    }
}

#[test]
fn a_file_that_is_damaged_anywhere_is_never_believed() {
    let (_, source) = history(3, 4, fine_config());
    let there = read_everything(&source);
    let (_folder, file) = exported(&source);
    let bytes = fs::read(&file).expect("read");
    let looked_at = |bytes: &[u8]| {
        fs::write(&file, bytes).expect("write");
        let archive = Archive::open_file(&file, Memory::default())?;
        let (_, mut target) = in_memory(foreign_config());
        copy(&mut target, &archive, &Choice::default())?;
        for (id, contents) in read_everything(&target) {
            assert!(there.get(&id) == Some(&contents), "{id} is not what was exported");
        }
        Ok::<_, Error>(())
    };
    let step = bytes.len() / 150;
    for at in (0..bytes.len())
        .step_by(step.max(1))
        .chain(bytes.len() - 96..bytes.len())
    {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let _ = looked_at(&changed);
        let verified = Archive::open_file(&file, Memory::default()).and_then(|archive| {
            let report = archive.verify(VerifyLevel::Full, &Progress::default())?;
            Ok(archive.damage().len() + report.damaged.len())
        });
        assert!(!matches!(verified, Ok(0)), "byte {at} changed unnoticed");
    }
    for len in [
        0,
        1,
        7,
        8,
        63,
        64,
        100,
        159,
        160,
        bytes.len() / 2,
        bytes.len() - 1,
    ] {
        assert!(looked_at(&bytes[..len]).is_err(), "{len} bytes");
    }
    assert!(looked_at(&noise(1, 5000)).is_err());
}

// F-097, F-099
#[test]
fn what_is_condemned_in_the_target_is_copied_again() {
    let (_, source) = history(21, 8, fine_config());
    let there = read_everything(&source);
    let (store, mut target) = in_memory(foreign_config());
    copy(&mut target, &source, &Choice::default()).expect("copy");
    target
        .forget(&there.keys().copied().collect(), &Progress::default())
        .expect("forget");
    let grace = Grace::For(Duration::from_secs(3600));
    assert!(prune(&mut target, 1_800_000_000, grace).condemned > 0);
    let copied = copy(&mut target, &source, &Choice::default()).expect("copy");
    assert_eq!(copied.snapshots, there.len() as u64);
    assert_clean(&target);
    // The same objects make the same segments: whatever the prune deletes, they stay.
    for secs in [1_800_010_000, 1_800_020_000] {
        prune(&mut target, secs, grace);
        assert_clean(&open(&store));
        assert_clean(&target);
        assert!(read_everything(&target) == there);
    }
}

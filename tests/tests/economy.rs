//! What a snapshot costs: files opened, objects and bytes written, and in which order.

#![cfg(target_os = "linux")]

use std::collections::HashSet;
use std::fs;
use std::ops::Range;
use std::sync::Arc;

use restante_format::archive::{Archive, Taken};
use restante_format::id::Kind;
use restante_format::store::{Call, LockMode, MemoryStore, Name, RecordingStore};
use restante_tests::archives::{
    Place, assert_clean, assert_same, config, create, in_memory, objects_of, restored, take, total_bytes,
};
use restante_tests::damaged::pages_of;
use restante_tests::prng::Rng;
use restante_tests::workload::{MAILDATA, Workload};

type Recorded = Arc<RecordingStore<MemoryStore>>;

fn recorded() -> (Recorded, Archive) {
    let store = Arc::new(RecordingStore::new(MemoryStore::default()));
    let archive = create(&store, config());
    store.take_calls();
    (store, archive)
}

/// A snapshot, and what it put into the store, in order.
fn take_counted(
    store: &Recorded,
    archive: &mut Archive,
    source: &Place,
    secs: i64,
) -> (Taken, Vec<(Name, usize)>) {
    let known = archive.reader().index().object_count() as u64;
    store.take_calls();
    let taken = take(archive, source.path(), secs);
    let mut puts = Vec::new();
    for call in store.take_calls() {
        match call {
            Call::Put(name, len) => puts.push((name, len)),
            Call::Delete(name) => panic!("{name} was deleted"),
            Call::Lock(_, mode) => assert_eq!(mode, LockMode::Shared),
            _ => {}
        }
    }
    let counts = &taken.snapshot.counts;
    let grown: usize = puts.iter().map(|(_, len)| len).sum();
    assert_eq!(
        counts.stored_bytes, grown as u64,
        "stored bytes are the growth of the store"
    );
    let objects = archive.reader().index().object_count() as u64;
    assert_eq!(
        counts.new_objects,
        objects - known,
        "new objects are those that were not there"
    );
    assert_snapshot_is_last(archive, &taken, &puts);
    (taken, puts)
}

// F-015, F-090
fn assert_snapshot_is_last(archive: &Archive, taken: &Taken, puts: &[(Name, usize)]) {
    let pages = pages_of(archive);
    let page = pages.iter().find(|(_, snapshots)| snapshots.contains(&taken.id));
    let (page, _) = page.expect("the snapshot is in a page");
    let at = archive.reader().index().find(page).expect("the page is stored");
    assert_eq!(Some(at.segment.name), puts.last().map(|(name, _)| *name));
    let mut objects = at.segment.directory.objects.iter();
    assert!(objects.all(|object| object.kind.is_of_catalog()));
    let before: HashSet<Name> = puts[..puts.len() - 1].iter().map(|(name, _)| *name).collect();
    assert!(!before.contains(&at.segment.name), "no segment is put twice");
}

/// The ranges of blocks that hold chunks.
fn chunk_ranges(archive: &Archive) -> HashSet<(Name, Range<u64>)> {
    let chunks = objects_of(archive, &[Kind::Chunk]);
    let range = |offset, len: u32| offset..offset + u64::from(len);
    chunks
        .map(|at| (at.segment.name, range(at.block.offset, at.block.stored_len)))
        .collect()
}

// F-080, F-084, F-090
#[test]
fn an_unchanged_tree_costs_one_small_segment() {
    let (source, workload) = (Place::new(), Workload::tiny());
    workload.create(source.path()).expect("create");
    let (store, mut archive) = recorded();
    let (first, puts) = take_counted(&store, &mut archive, &source, 1);
    assert_eq!(first.opened_files, first.snapshot.counts.changed_files);
    assert!(!first.tick && !puts.is_empty());
    // Opened anew: nothing depends on what the first snapshot left in memory.
    let mut archive = restante_tests::archives::open(&store);
    let chunks = chunk_ranges(&archive);
    for secs in 2..5 {
        store.take_calls();
        let taken = take(&mut archive, source.path(), secs);
        let counts = &taken.snapshot.counts;
        assert!(taken.tick);
        assert_eq!(
            (
                taken.opened_files,
                counts.changed_files,
                counts.read_bytes,
                counts.new_objects
            ),
            (0, 0, 0, 1)
        );
        let calls = store.take_calls();
        let puts: Vec<usize> = calls
            .iter()
            .filter_map(|c| {
                if let Call::Put(_, len) = c {
                    Some(*len)
                } else {
                    None
                }
            })
            .collect();
        assert!(
            matches!(puts[..], [len] if len < 2048 && len as u64 == counts.stored_bytes),
            "{puts:?}"
        );
        for call in calls {
            match call {
                Call::ReadRange(name, range) => assert!(!chunks.contains(&(name, range)), "a chunk was read"),
                Call::Read(name) => panic!("{name} was read whole"),
                _ => {}
            }
        }
    }
}

#[test]
fn a_step_opens_only_what_it_changed() {
    let (source, workload) = (Place::new(), Workload::tiny());
    workload.create(source.path()).expect("create");
    let (store, mut archive) = recorded();
    let (first, _) = take_counted(&store, &mut archive, &source, 1);
    for n in 1..4 {
        let step = workload.step(source.path(), n).expect("step");
        let (taken, puts) = take_counted(&store, &mut archive, &source, n as i64 + 1);
        assert_eq!(taken.opened_files, step.files_changed(), "{step:?}");
        assert_eq!(taken.snapshot.counts.changed_files, step.files_changed());
        // What is new, and the page that names the snapshot.
        assert!(!taken.tick && puts.len() == 2);
        assert!(taken.snapshot.counts.stored_bytes < first.snapshot.counts.stored_bytes / 2);
    }
    assert_same(
        source.path(),
        &restored(
            &archive,
            archive.catalog().all().nth(3).expect("a fourth snapshot").id,
        )
        .join("root"),
    );
}

#[test]
fn identical_content_is_stored_once() {
    let source = Place::new();
    let mut bytes = vec![0; 3 << 20];
    Rng::new(1).fill(&mut bytes);
    source.write("one", &bytes);
    source.write("two", &bytes);
    // The same bytes behind something else meet the same cuts after a few chunks.
    source.write("three", [&b"a few bytes before"[..], &bytes].concat());
    let (store, mut archive) = recorded();
    let (taken, _) = take_counted(&store, &mut archive, &source, 1);
    assert_eq!(taken.snapshot.counts.read_bytes, 9 * (1 << 20) + 18);
    let stored = taken.snapshot.counts.stored_bytes;
    assert!(stored < 4 << 20, "{stored}");
    source.write("sub/four", &bytes);
    let (taken, _) = take_counted(&store, &mut archive, &source, 2);
    assert_eq!(taken.opened_files, 1);
    assert!(
        taken.snapshot.counts.stored_bytes < 4096,
        "{:?}",
        taken.snapshot.counts
    );
}

#[test]
fn a_renamed_file_stores_only_trees() {
    let source = Place::new();
    let mut bytes = vec![0; 3 << 20];
    Rng::new(2).fill(&mut bytes);
    source.write("dir/old", &bytes);
    source.write("dir/sub/other", b"other");
    let (store, mut archive) = recorded();
    take_counted(&store, &mut archive, &source, 1);
    let before: HashSet<_> = objects_of(&archive, &Kind::ALL).map(|at| at.object.id).collect();
    fs::rename(source.join("dir/old"), source.join("dir/new")).expect("rename");
    take_counted(&store, &mut archive, &source, 2);
    fs::rename(source.join("dir"), source.join("moved")).expect("rename");
    take_counted(&store, &mut archive, &source, 3);
    let added = objects_of(&archive, &Kind::ALL).filter(|at| !before.contains(&at.object.id));
    for at in added {
        assert!(
            [Kind::Tree, Kind::Page].contains(&at.object.kind),
            "a {} was stored",
            at.object.kind
        );
    }
}

// F-090
#[test]
fn of_many_segments_that_with_the_snapshot_comes_last() {
    let source = Place::new();
    let mut rng = Rng::new(3);
    for n in 0..40 {
        let mut bytes = vec![0; 1 << 20];
        rng.fill(&mut bytes);
        source.write(format!("{n}"), &bytes);
    }
    let (store, mut archive) = recorded();
    let (taken, puts) = take_counted(&store, &mut archive, &source, 1);
    assert!(puts.len() >= 3, "{} segments", puts.len());
    assert!(taken.snapshot.counts.stored_bytes > 40 << 20);
    assert_clean(&archive);
}

#[test]
fn small_mails_cost_little_more_than_all_of_them_compressed_at_once() {
    let (source, workload) = (Place::new(), Workload::small());
    workload.create(source.path()).expect("create");
    let mails = source.join(MAILDATA);
    let mut all = Vec::new();
    let mut count = 0;
    let mut left = vec![mails.clone()];
    while let Some(folder) = left.pop() {
        let mut entries: Vec<_> = fs::read_dir(folder)
            .expect("list")
            .map(|entry| entry.expect("list").path())
            .collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                left.push(path);
            } else {
                let bytes = fs::read(&path).expect("read");
                // Attachments do not compress and so prove nothing.
                if bytes.len() > 64 << 10 {
                    fs::remove_file(&path).expect("remove");
                } else {
                    all.extend(bytes);
                    count += 1;
                }
            }
        }
    }
    let at_once = zstd::bulk::compress(&all, 3).expect("compress").len() as f64;
    let (store, mut archive) = in_memory(config());
    take(&mut archive, &mails, 1);
    let stored = total_bytes(&store) as f64;
    let ratio = stored / at_once;
    println!(
        "{count} mails of {} bytes: {at_once} at once, {stored} in the archive: {ratio:.3}",
        all.len()
    );
    assert!(ratio <= 1.15, "{ratio:.3} times zstd -3");
}

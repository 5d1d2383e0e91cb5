//! Files that belong to one generation: a snapshot holds them as they were together at one moment, or says that it does not.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use restante_format::archive::{Archive, ConsistencySet, Source, Taken, TornSet};
use restante_format::id::Id;
use restante_format::model::Node;
use restante_format::source::Patterns;
use restante_format::store::{Lock, LockMode, LockName, MemoryStore, Name, Shelf, Store};
use restante_tests::archives::{
    Found, Place, assert_clean, assert_same, config, create, in_memory, open, read_tree, restored, source_of,
    take_source, unprivileged,
};
use restante_tests::prng::Rng;

/// Does something once, when the first segment is put: that is when the first 16 MiB of a snapshot have been read and not
/// more than twice as many.
struct Interrupting {
    inner: MemoryStore,
    at_put: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl std::fmt::Debug for Interrupting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interrupting").finish_non_exhaustive()
    }
}

impl Store for Interrupting {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn list(&self, shelf: Shelf) -> io::Result<Vec<(Name, u64)>> {
        self.inner.list(shelf)
    }

    fn read(&self, name: Name) -> io::Result<Bytes> {
        self.inner.read(name)
    }

    fn read_range(&self, name: Name, range: Range<u64>) -> io::Result<Bytes> {
        self.inner.read_range(name, range)
    }

    fn put(&self, name: Name, contents: &[u8]) -> io::Result<()> {
        let interrupt = self.at_put.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(interrupt) = interrupt {
            interrupt();
        }
        self.inner.put(name, contents)
    }

    fn delete(&self, name: Name) -> io::Result<()> {
        self.inner.delete(name)
    }

    fn lock(&self, lock: LockName, mode: LockMode) -> io::Result<Box<dyn Lock>> {
        self.inner.lock(lock, mode)
    }
}

/// A snapshot of a source during which `interrupt` is done, after names up to `l` and before those from `n` on are read.
fn interrupted(
    source: &Place,
    sets: Vec<ConsistencySet>,
    interrupt: impl FnOnce() + Send + 'static,
) -> (Archive, Taken) {
    let mut filler = vec![0; 20 << 20];
    for n in 0..4 {
        Rng::new(n).fill(&mut filler);
        source.write(format!("m/{n}"), &filler);
    }
    let store = Arc::new(Interrupting {
        inner: MemoryStore::default(),
        at_put: Mutex::new(None),
    });
    let mut archive = create(&store, config());
    *store.at_put.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(interrupt));
    let taken = take_source(&mut archive, with_sets(source.path(), sets), 1);
    (archive, taken)
}

fn set(globs: &[&str], by_stem: bool) -> ConsistencySet {
    let patterns = Patterns {
        globs: globs.iter().map(|glob| (*glob).to_owned()).collect(),
        ignore_case: true,
    };
    ConsistencySet::new("tables", &patterns, by_stem).expect("good patterns")
}

fn tables() -> Vec<ConsistencySet> {
    vec![set(&["*.dat", "*.idx"], true)]
}

fn with_sets(path: &Path, sets: Vec<ConsistencySet>) -> Source {
    let mut source = source_of(path);
    source.roots[0].sets = sets;
    source
}

/// Writes a generation in place, by one call.
fn write_generation(path: &Path, generation: u64) {
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .expect("open");
    file.write_all_at(&generation.to_le_bytes(), 0).expect("write");
}

/// Makes a file so long that it is read when its turn comes: small ones are read ahead.
fn lengthen(path: &Path) {
    let file = fs::OpenOptions::new().write(true).open(path).expect("open");
    file.set_len(5 << 20).expect("set the length");
}

/// The files of a snapshot below its root, but for the fillers: whether each is torn, and its generation.
fn generations(archive: &Archive, snapshot: Id) -> BTreeMap<String, (bool, u64)> {
    let listed = archive.catalog().get(&snapshot).expect("it is listed");
    let mut found = BTreeMap::new();
    for (path, entry) in read_tree(archive.reader(), listed.snapshot.root) {
        let Found::Whole(entry, bytes) = entry else {
            panic!("{entry:?}")
        };
        let path = String::from_utf8(path).expect("text");
        // A file that was just made has no bytes yet.
        let generation = bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        if let (Some(name), Node::File { .. }) = (path.strip_prefix("root/"), entry.node)
            && !name.starts_with("m/")
        {
            found.insert(name.to_owned(), (entry.meta.torn, generation));
        }
    }
    let torn = found.values().filter(|(torn, _)| *torn).count();
    assert_eq!(
        (listed.snapshot.counts.torn, listed.snapshot.torn.len()),
        (torn as u64, torn)
    );
    found
}

fn expect(entries: &[(&str, bool, u64)]) -> BTreeMap<String, (bool, u64)> {
    let entry = |(name, torn, generation): &(&str, bool, u64)| ((*name).to_owned(), (*torn, *generation));
    entries.iter().map(entry).collect()
}

/// Keeps changing things while `work` runs.
fn while_changing<T>(mut change: impl FnMut(u64) + Send, work: impl FnOnce() -> T) -> T {
    struct OnDrop<'a>(&'a AtomicBool);
    impl Drop for OnDrop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            (1..)
                .take_while(|_| !stop.load(Ordering::Relaxed))
                .for_each(&mut change)
        });
        let _stop = OnDrop(&stop);
        work()
    })
}

/// A pair with the first half before and the second behind the fillers, changed in between; and how it was taken.
fn pair_changed_once(sets: Vec<ConsistencySet>) -> (BTreeMap<String, (bool, u64)>, Archive, Taken) {
    let source = Place::new();
    let (first, second) = (source.join("a.dat"), source.join("z.idx"));
    write_generation(&first, 1);
    write_generation(&second, 1);
    lengthen(&second);
    let (archive, taken) = interrupted(&source, sets, move || {
        write_generation(&first, 2);
        write_generation(&second, 2);
    });
    assert_clean(&archive);
    (generations(&archive, taken.id), archive, taken)
}

// F-073
#[test]
fn a_member_that_changes_once_is_read_again_and_comes_out_whole() {
    // What happens to files of which nobody says that they belong together.
    let (found, _, taken) = pair_changed_once(Vec::new());
    assert_eq!(found, expect(&[("a.dat", false, 1), ("z.idx", false, 2)]));
    assert_eq!((taken.rounds, taken.opened_files), (1, 6));

    let (found, archive, taken) = pair_changed_once(vec![set(&["*.dat", "*.idx"], false)]);
    assert_eq!(found, expect(&[("a.dat", false, 2), ("z.idx", false, 2)]));
    assert_eq!((taken.rounds, taken.torn_sets.len()), (2, 0));
    // Only what changed is opened again, and counted as before.
    assert_eq!((taken.opened_files, taken.snapshot.counts.changed_files), (7, 6));
    assert_eq!(taken.snapshot.counts.files, 6);
    let bytes = 4 * (20 << 20);
    let most = bytes + (1 << 20);
    assert!((bytes..most).contains(&taken.snapshot.counts.read_bytes));
    assert!(taken.snapshot.counts.stored_bytes < most);
    assert_eq!(archive.catalog().len(), 1);
}

#[test]
fn members_that_appear_or_vanish_meanwhile_have_their_group_taken_again() {
    let source = Place::new();
    for name in ["a.dat", "b.dat", "b.idx", "c.dat"] {
        write_generation(&source.join(name), 1);
    }
    let root = source.path().to_owned();
    let (archive, taken) = interrupted(&source, tables(), move || {
        write_generation(&root.join("A.IDX"), 2);
        fs::remove_file(root.join("b.dat")).expect("remove");
        // A group that is new altogether is nothing that changed.
        write_generation(&root.join("d.dat"), 2);
    });
    let found = generations(&archive, taken.id);
    let all = [
        ("A.IDX", 2),
        ("a.dat", 1),
        ("b.idx", 1),
        ("c.dat", 1),
        ("d.dat", 2),
    ];
    let all = all.map(|(name, generation)| (name, false, generation));
    assert_eq!(found, expect(&all));
    assert_eq!((taken.rounds, taken.torn_sets.len()), (2, 0));
}

#[test]
fn a_file_that_comes_to_a_group_of_many_folders_has_it_taken_again() {
    let source = Place::new();
    source.write("a/empty/but/for", b"");
    let path = source.join("a/new.dat");
    let (archive, taken) = interrupted(&source, vec![set(&["*.dat"], false)], move || {
        write_generation(&path, 1);
    });
    assert_eq!(
        generations(&archive, taken.id),
        expect(&[("a/empty/but/for", false, 0), ("a/new.dat", false, 1)])
    );
    assert_eq!(taken.rounds, 2);
}

#[test]
fn sets_that_share_a_file_are_taken_again_together() {
    let source = Place::new();
    for name in ["a.dat", "z.dat", "z.idx"] {
        write_generation(&source.join(name), 1);
    }
    lengthen(&source.join("z.dat"));
    lengthen(&source.join("z.idx"));
    let root = source.path().to_owned();
    let sets = vec![set(&["*.dat"], false), set(&["*.idx", "z.dat"], true)];
    let (archive, taken) = interrupted(&source, sets, move || {
        for name in ["a.dat", "z.dat", "z.idx"] {
            write_generation(&root.join(name), 2);
        }
    });
    let all = ["a.dat", "z.dat", "z.idx"].map(|name| (name, false, 2));
    assert_eq!(generations(&archive, taken.id), expect(&all));
    assert_eq!(taken.rounds, 2);
}

/// Asserts that no group is a mixture that does not say so: a writer changes first the one half, then the other.
fn assert_no_mixtures(found: &BTreeMap<String, (bool, u64)>) -> (usize, usize) {
    let (mut whole, mut torn) = (0, 0);
    for (name, first) in found {
        let Some(stem) = name.strip_suffix(".dat") else {
            continue;
        };
        let second = found[&format!("{stem}.idx")];
        assert_eq!(first.0, second.0, "{stem}: only one half is torn: {found:?}");
        match first.0 {
            true => torn += 1,
            false => {
                whole += 1;
                let is_pair = matches!(first.1.checked_sub(second.1), Some(0 | 1));
                assert!(is_pair, "{stem}: {first:?} and {second:?}");
            }
        }
    }
    (whole, torn)
}

#[test]
fn a_pair_that_changes_in_step_is_whole_or_torn_and_never_an_unmarked_mixture() {
    let source = Place::new();
    source.write("still.dat", 7_u64.to_le_bytes());
    source.write("still.idx", 7_u64.to_le_bytes());
    // Something to do between the two halves.
    for n in 0..200 {
        source.write(format!("m/{n}"), vec![n as u8; 20_000]);
    }
    let (first, second) = (source.join("a/x.dat"), source.join("a/x.idx"));
    fs::create_dir(source.join("a")).expect("make folder");
    write_generation(&first, 0);
    write_generation(&second, 0);
    let (_, mut archive) = in_memory(config());
    let (mut whole, mut torn) = (0, 0);
    let mut step = 0;
    let change = |n: u64| {
        write_generation(&first, n);
        write_generation(&second, n);
        // Now without any pause, now with long ones.
        if n % 20_000 > 19_900 {
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    while_changing(change, || {
        while (whole == 0 || torn == 0) && step < 400 {
            let taken = take_source(&mut archive, with_sets(source.path(), tables()), step);
            let found = generations(&archive, taken.id);
            assert_no_mixtures(&found);
            assert_eq!(found["still.dat"], (false, 7));
            match found["a/x.dat"].0 {
                false => {
                    whole += 1;
                    assert_eq!(taken.torn_sets, []);
                }
                true => {
                    torn += 1;
                    let paths = ["root/a/x.dat", "root/a/x.idx"].map(|path| path.as_bytes().to_vec());
                    let expected = TornSet {
                        name: "tables".into(),
                        place: vec![b"root".to_vec()],
                        files: 2,
                        paths: paths.to_vec(),
                    };
                    assert_eq!((taken.torn_sets, taken.rounds), (vec![expected], 4));
                    assert_eq!(taken.snapshot.torn, paths);
                }
            }
            step += 1;
        }
    });
    assert!(whole > 0 && torn > 0, "{whole} whole, {torn} torn");
    // Nobody writes any more: torn members are read again, and get whole.
    let taken = take_source(&mut archive, with_sets(source.path(), tables()), 1000);
    assert_eq!((taken.rounds, taken.snapshot.torn.len()), (1, 0));
    assert_same(source.path(), &restored(&archive, taken.id).join("root"));
    assert_clean(&archive);
}

#[test]
fn groups_hold_still_or_move_each_for_itself() {
    const GROUPS: u64 = 30;
    let source = Place::new();
    for n in 0..GROUPS {
        source.write(format!("d{}/{n}.dat", n % 3), 0_u64.to_le_bytes());
        source.write(format!("d{}/{n}.idx", n % 3), 0_u64.to_le_bytes());
    }
    let root = source.path();
    let (_, mut archive) = in_memory(config());
    let change = |n: u64| {
        let group = n % GROUPS;
        for half in ["dat", "idx"] {
            write_generation(&root.join(format!("d{}/{group}.{half}", group % 3)), n / GROUPS);
        }
        std::thread::sleep(Duration::from_micros(n % 7 * 300));
    };
    let mut whole = 0;
    while_changing(change, || {
        for step in 0..60 {
            let taken = take_source(&mut archive, with_sets(root, tables()), step);
            let found = generations(&archive, taken.id);
            assert_eq!(found.len() as u64, 2 * GROUPS);
            let (now_whole, torn) = assert_no_mixtures(&found);
            assert_eq!(
                taken.torn_sets.iter().map(|set| set.files).sum::<u64>(),
                2 * torn as u64
            );
            whole += now_whole;
        }
    });
    assert!(whole > 0);
    assert_clean(&archive);
    let taken = take_source(&mut archive, with_sets(root, tables()), 1000);
    assert_same(root, &restored(&archive, taken.id).join("root"));
}

#[test]
fn an_unchanged_source_is_walked_once_and_nothing_in_it_opened() {
    let source = Place::new();
    for n in 0..50 {
        source.write(format!("d{}/{n}.dat", n % 5), format!("{n}"));
        source.write(format!("d{}/{n}.idx", n % 5), format!("{n}"));
    }
    let (_, mut archive) = in_memory(config());
    let first = take_source(&mut archive, with_sets(source.path(), tables()), 1);
    assert_eq!(
        (first.rounds, first.opened_files, first.torn_sets.len()),
        (1, 100, 0)
    );
    let second = take_source(&mut archive, with_sets(source.path(), tables()), 2);
    assert_eq!((second.rounds, second.opened_files), (1, 0));
    assert!(second.tick);
    let without = take_source(&mut archive, source_of(source.path()), 3);
    assert!(without.tick);
}

#[test]
fn a_member_that_cannot_be_read_tears_its_group_with_any_number_of_threads() {
    unprivileged(
        "a_member_that_cannot_be_read_tears_its_group_with_any_number_of_threads",
        || {
            let source = Place::new();
            for n in 0..300 {
                source.write(format!("d{}/{n}.dat", n % 5), format!("{n}"));
                source.write(format!("d{}/{n}.idx", n % 5), vec![n as u8; 5000]);
            }
            let secret = source.join("d2/7.idx");
            fs::set_permissions(secret, fs::Permissions::from_mode(0o000)).expect("chmod");
            // Until the clock has moved on, ctimes are not kept.
            std::thread::sleep(Duration::from_millis(30));
            let take_on = |threads| {
                let path = source.path().to_owned();
                let pool = rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .build()
                    .expect("a pool");
                pool.install(move || {
                    let (_, mut archive) = in_memory(config());
                    let take =
                        |archive: &mut Archive, secs| take_source(archive, with_sets(&path, tables()), secs);
                    let taken = [1, 2].map(|secs| take(&mut archive, secs));
                    for taken in &taken {
                        assert_eq!(taken.snapshot.torn, [b"root/d2/7.dat".to_vec()]);
                        assert_eq!(
                            (taken.snapshot.counts.torn, taken.snapshot.counts.unreadable),
                            (1, 1)
                        );
                        let [torn] = &taken.torn_sets[..] else {
                            panic!("{taken:?}")
                        };
                        let paths = [b"root/d2/7.dat".to_vec(), b"root/d2/7.idx".to_vec()];
                        assert_eq!((torn.files, &torn.paths[..]), (2, &paths[..]));
                    }
                    // Of the second snapshot, only the torn file is opened, once: it is remembered from round to round.
                    assert_eq!(taken[1].opened_files, 1);
                    taken.map(|taken| taken.id)
                })
            };
            let expected = take_on(1);
            for threads in [2, 3, 16] {
                assert_eq!(take_on(threads), expected, "{threads} threads");
            }
        },
    );
}

#[test]
fn what_held_still_stays_as_it_was_while_others_are_taken_again() {
    const PAIRS: u64 = 24;
    let source = Place::new();
    let root = source.path();
    let halves = |pair: u64| [format!("a/{pair}.dat"), format!("z/{pair}.idx")];
    for pair in 0..PAIRS {
        halves(pair)
            .iter()
            .for_each(|half| source.write(half, 0_u64.to_le_bytes()));
    }
    // The halves are met one long after the other.
    for n in 0..3000 {
        source.write(format!("m/{}/{n}", n % 30), "");
    }
    let sets = (0..PAIRS).map(|pair| {
        let [first, second] = halves(pair);
        set(&[&first, &second], false)
    });
    let sets: Vec<_> = sets.collect();
    let (_, mut archive) = in_memory(config());
    let change = |n: u64| {
        for half in halves(n % PAIRS) {
            write_generation(&root.join(half), n / PAIRS);
        }
        std::thread::sleep(Duration::from_micros(500));
    };
    let mut later_rounds = 0;
    while_changing(change, || {
        for step in 0..20 {
            let taken = take_source(&mut archive, with_sets(root, sets.clone()), step);
            let found = generations(&archive, taken.id);
            for pair in 0..PAIRS {
                let [first, second] = halves(pair).map(|half| found[&half]);
                assert_eq!(first.0, second.0, "{pair}: only one half is torn");
                assert!(
                    first.0 || matches!(first.1.checked_sub(second.1), Some(0 | 1)),
                    "{pair}: {first:?} and {second:?}"
                );
            }
            later_rounds += taken.rounds - 1;
        }
    });
    assert!(later_rounds > 0);
    assert_clean(&archive);
}

#[test]
fn groups_that_come_and_go_never_fail_a_snapshot() {
    let source = Place::new();
    let root = source.path();
    for folder in ["a", "b", "c"] {
        source.write(format!("{folder}/busy.dat"), 0_u64.to_le_bytes());
        source.write(format!("{folder}/busy.idx"), 0_u64.to_le_bytes());
    }
    let whole = vec![set(&["b/*", "c/*"], false), set(&["*.dat", "*.idx"], true)];
    for (sets, step) in [(tables(), 0), (whole, 100)] {
        let (store, mut archive) = in_memory(config());
        let change = |n: u64| {
            // The second half is never there without the first.
            let half = |half: &str| root.join(format!("a/{}.{half}", n / 2 % 20));
            if n.is_multiple_of(2) {
                write_generation(&half("dat"), n);
                write_generation(&half("idx"), n);
            } else {
                let _ = fs::remove_file(half("idx"));
                let _ = fs::remove_file(half("dat"));
            }
            write_generation(&root.join("b/busy.dat"), n);
            if n.is_multiple_of(5) {
                let away = root.join("away");
                let _ = fs::rename(root.join("c"), &away);
                let _ = fs::rename(&away, root.join("c"));
            }
        };
        while_changing(change, || {
            for secs in step..step + 60 {
                let taken = take_source(&mut archive, with_sets(root, sets.clone()), secs);
                let found = generations(&archive, taken.id);
                for (name, second) in &found {
                    if let Some(stem) = name.strip_suffix(".idx")
                        && !second.0
                    {
                        let first = found.get(&format!("{stem}.dat"));
                        assert!(first.is_some_and(|first| !first.0), "{stem}: {found:?}");
                    }
                }
            }
        });
        assert_clean(&open(&store));
        let taken = take_source(&mut archive, with_sets(root, sets), 1000);
        assert_eq!((taken.rounds, taken.snapshot.torn.len()), (1, 0));
        assert_same(root, &restored(&archive, taken.id).join("root"));
    }
}

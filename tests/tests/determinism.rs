//! The same tree gives the same archive, whatever the number of threads.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

use restante_format::archive::VerifyLevel;
use restante_format::id::{Id, Kind};
use restante_format::store::Name;
use restante_format::wire::Config;
use restante_tests::archives::{
    Place, assert_same, config, fine_config, in_memory, objects_of, open, restored, take, verify,
};
use restante_tests::prng::Rng;
use restante_tests::workload::Workload;

/// Runs `work` on a pool of so many threads, from inside it; hangs are failures.
fn on_threads<T: Send + 'static>(count: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .build()
            .expect("a pool");
        let _ = sender.send(pool.install(work));
    });
    receiver
        .recv_timeout(Duration::from_secs(100))
        .expect("it neither hangs nor fails")
}

/// All files of an archive: their names and the hashes of their bytes.
type Files = BTreeMap<Name, blake3::Hash>;

/// Two snapshots of a folder in a new archive, with a change in between made by `change`.
fn archive_of(path: &std::path::Path, config: Config) -> (Vec<Id>, Files) {
    let (store, mut archive) = in_memory(config);
    let ids = vec![take(&mut archive, path, 1).id, take(&mut archive, path, 2).id];
    let hashes = store
        .files()
        .into_iter()
        .map(|(name, bytes)| (name, blake3::hash(&bytes)));
    (ids, hashes.collect())
}

fn assert_deterministic(source: &Place, config: &Config) {
    // Until the clock has moved on, ctimes are not kept: the one thing that may differ between runs.
    std::thread::sleep(Duration::from_millis(30));
    let run = |threads| {
        let (path, config) = (source.path().to_owned(), config.clone());
        on_threads(threads, move || archive_of(&path, config))
    };
    let expected = run(1);
    for threads in [2, 3, 8, 8] {
        assert_eq!(run(threads), expected, "{threads} threads");
    }
    let (path, config) = (source.path().to_owned(), config.clone());
    assert_eq!(
        archive_of(&path, config),
        expected,
        "called from outside of a pool"
    );
}

#[test]
fn a_working_server_gives_the_same_archive_with_any_number_of_threads() {
    let source = Place::new();
    Workload::tiny().create(source.path()).expect("create");
    assert_deterministic(&source, &config());
}

#[test]
fn tiny_chunks_give_the_same_archive_with_any_number_of_threads() {
    let source = Place::new();
    let mut rng = Rng::new(11);
    for n in 0..600 {
        let mut bytes = vec![0; rng.skewed(3000) as usize];
        rng.fill(&mut bytes);
        source.write(format!("{}/{n}", n % 7), &bytes);
    }
    assert_deterministic(&source, &fine_config());
}

// Sizes at which reading changes its ways: small and large files, windows of 8 MiB, segments of 16 MiB.
#[test]
fn large_files_give_the_same_archive_with_any_number_of_threads() {
    let source = Place::new();
    let mut rng = Rng::new(12);
    let mib = 1 << 20;
    for (n, size) in [
        0,
        1,
        mib - 1,
        mib,
        mib + 1,
        3 * mib,
        8 * mib,
        9 * mib + 7,
        300_000,
        20,
    ]
    .into_iter()
    .enumerate()
    {
        let mut bytes = vec![0; size];
        rng.fill(&mut bytes);
        source.write(format!("{n}"), &bytes);
        source.write(format!("zeros/{n}"), vec![0; size / 4]);
    }
    assert_deterministic(&source, &config());
}

#[test]
fn a_pool_of_one_thread_can_do_everything() {
    let source = Place::new();
    Workload::tiny().create(source.path()).expect("create");
    source.write("large", vec![7; 5 << 20]);
    let path = source.path().to_owned();
    let copy = on_threads(1, move || {
        let (store, mut archive) = in_memory(config());
        let taken = take(&mut archive, &path, 1);
        let archive = open(&store);
        assert!(verify(&archive, VerifyLevel::Full).damaged.is_empty());
        restored(&archive, taken.id)
    });
    assert_same(source.path(), &copy.join("root"));
}

#[test]
fn deltas_do_not_depend_on_the_number_of_threads() {
    let workload = Workload {
        tables_bytes: 12 << 20,
        ..Workload::small()
    };
    // Two states of one server, in folders of their own.
    let (before, after) = (Place::new(), Place::new());
    for place in [&before, &after] {
        workload.create(place.path()).expect("create");
    }
    workload.step(after.path(), 1).expect("step");
    std::thread::sleep(Duration::from_millis(30));
    let run = |threads| {
        let paths = [before.path().to_owned(), after.path().to_owned()];
        on_threads(threads, move || {
            let (store, mut archive) = in_memory(config());
            for (secs, path) in (1..).zip(paths) {
                take(&mut archive, &path, secs);
            }
            let deltas = objects_of(&archive, &Kind::ALL).filter(|at| at.delta.is_some());
            (deltas.count(), store.files())
        })
    };
    let (deltas, files) = run(1);
    assert!(deltas > 200, "{deltas} deltas");
    for threads in [2, 3, 16] {
        let (_, found) = run(threads);
        assert!(found == files, "{threads} threads");
    }
}

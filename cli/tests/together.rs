//! Several processes at once on one archive, killed at random: what was kept stays, and at the end nothing else does.
//!
//! `RESTANTE_TOGETHER_SECONDS=300 cargo test -p restante --test together` lets them go on for longer.

#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use common::{Ended, Exch, ended_child};
use restante_tests::prng::Rng;

/// How long it goes on where nobody asks for more.
const SECONDS: u64 = 4;
/// The longest that a process is left alone before it is killed.
const PATIENCE_MICROS: u64 = 60_000;

/// The files of a folder by name.
type Files = BTreeMap<String, Vec<u8>>;

/// What is known of the snapshots that were taken.
#[derive(Default)]
struct Known {
    /// Those that must be there.
    kept: BTreeMap<String, Files>,
    /// Those that somebody was told to forget.
    forgotten: Vec<String>,
}

/// A folder of small files that changes.
struct Changing<'e> {
    exch: &'e Exch,
    name: String,
    files: Files,
}

impl Changing<'_> {
    fn change(&mut self, random: &mut Rng) {
        for _ in 0..=random.below(3) {
            let name = format!("{}", random.below(12));
            let mut bytes = self.files.get(&name).cloned().unwrap_or_default();
            match random.below(4) {
                0 => {
                    bytes = vec![0; random.below(60_000) as usize];
                    random.fill(&mut bytes);
                }
                1 => bytes.extend_from_slice(&random.next_u64().to_le_bytes()),
                _ => {
                    let at = random.below(bytes.len() as u64) as usize;
                    bytes.iter_mut().skip(at).take(4).for_each(|byte| *byte ^= 1);
                }
            }
            self.exch.write(&format!("{}/{name}", self.name), &bytes);
            self.files.insert(name, bytes);
        }
    }
}

fn files_below(folder: &Path) -> Files {
    let entries = fs::read_dir(folder).expect("list a folder");
    let file = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, fs::read(path).expect("read a file"))
    };
    entries.map(file).collect()
}

/// Runs the program; `None` if it was killed, as happens every other time.
fn perhaps_killed(exch: &Exch, args: &[&str], random: &mut Rng) -> Option<Ended> {
    let mut child = exch.command(args).spawn().expect("start");
    let is_killed = random.one_in(2);
    if is_killed {
        std::thread::sleep(Duration::from_micros(random.below(PATIENCE_MICROS)));
        // It may have ended before.
        let _ = child.kill();
    }
    let ended = ended_child(child);
    (ended.code != 128 + 9).then_some(ended)
}

#[track_caller]
fn assert_restored(exch: &Exch, id: &str, expected: &Files, target: &str) {
    let target_path = exch.path(target);
    exch.ok(&["restore", id, "--to", target_path.to_str().expect("a path")]);
    let mut folders: Vec<_> = fs::read_dir(&target_path)
        .expect("list")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert_eq!(folders.len(), 1, "one root");
    let found = files_below(&folders.remove(0));
    assert!(found == *expected, "snapshot {id} gives something else");
    fs::remove_dir_all(target_path).expect("remove what was restored");
}

/// Takes snapshots of a folder of its own.
fn take(exch: &Exch, number: u64, known: &Mutex<Known>, until: Instant) -> u32 {
    let mut random = Rng::derive(1, "take", number);
    let mut changing = Changing {
        exch,
        name: format!("src{number}"),
        files: Files::new(),
    };
    changing.change(&mut random);
    let mut taken = 0;
    while Instant::now() < until {
        if !random.one_in(4) {
            changing.change(&mut random);
        }
        let args = ["snapshot", changing.name.as_str(), "--json"];
        let Some(ended) = perhaps_killed(exch, &args, &mut random) else {
            continue;
        };
        assert_eq!(ended.code, 0, "{ended:?}");
        let document: serde_json::Value = serde_json::from_str(&ended.stdout).expect("a document");
        let id = document["id"].as_str().expect("an id").to_owned();
        let mut known = known.lock().expect("no panic");
        known.kept.insert(id, changing.files.clone());
        taken += 1;
    }
    taken
}

/// Forgets, frees and merges.
fn clear(exch: &Exch, known: &Mutex<Known>, until: Instant) -> u32 {
    let mut random = Rng::derive(1, "clear", 0);
    let mut cleared = 0;
    while Instant::now() < until {
        let forgotten = {
            let mut known = known.lock().expect("no panic");
            let place = random.below(known.kept.len() as u64) as usize;
            let id = known.kept.keys().nth(place).cloned();
            id.filter(|_| random.one_in(2)).inspect(|id| {
                known.kept.remove(id);
                known.forgotten.push(id.clone());
            })
        };
        let args: Vec<&str> = match &forgotten {
            Some(id) => vec!["forget", id, "--unsafe-allow-remove-all"],
            None => match random.below(6) {
                0 => vec!["compact"],
                1 => vec!["prune", "--grace", "0", "--max-unused", "0"],
                2 => vec!["prune", "--max-unused", "0"],
                _ => vec!["prune", "--grace", "2s", "--max-unused", "0"],
            },
        };
        if let Some(ended) = perhaps_killed(exch, &args, &mut random) {
            assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
            cleared += 1;
        }
    }
    cleared
}

/// Verifies all and restores one.
fn look(exch: &Exch, known: &Mutex<Known>, until: Instant) -> u32 {
    let mut random = Rng::derive(1, "look", 0);
    let mut looked = 0;
    while Instant::now() < until {
        if let Some(ended) = perhaps_killed(exch, &["verify"], &mut random) {
            assert_eq!(ended.code, 0, "{ended:?}");
        }
        let chosen = {
            let known = known.lock().expect("no panic");
            let place = random.below(known.kept.len() as u64) as usize;
            known
                .kept
                .iter()
                .nth(place)
                .map(|(id, files)| (id.clone(), files.clone()))
        };
        let Some((id, files)) = chosen else { continue };
        let target = exch.at("seen");
        let ended = exch.run(&["restore", &id, "--to", &target]);
        // It may have been forgotten meanwhile.
        let is_kept = known.lock().expect("no panic").kept.contains_key(&id);
        if is_kept {
            assert_eq!(ended.code, 0, "{ended:?}");
            let root = fs::read_dir(&target)
                .expect("list")
                .next()
                .expect("a root")
                .expect("an entry");
            assert!(
                files_below(&root.path()) == files,
                "snapshot {id} gives something else"
            );
            looked += 1;
        }
        let _ = fs::remove_dir_all(&target);
    }
    looked
}

fn names_in(exch: &Exch, folder: &str) -> Vec<String> {
    files_below(&exch.path("archive").join(folder))
        .into_keys()
        .collect()
}

// F-016, F-089, F-091, F-093, F-098
#[test]
fn nothing_is_lost_and_nothing_is_left() {
    let seconds = std::env::var("RESTANTE_TOGETHER_SECONDS");
    let seconds = seconds.map_or(SECONDS, |text| text.parse().expect("a number of seconds"));
    let exch = Exch::with_archive();
    let known = Mutex::new(Known::default());
    let until = Instant::now() + Duration::from_secs(seconds);
    let (exch, known) = (&exch, &known);
    let (taken, cleared, looked) = std::thread::scope(|scope| {
        let takers = [0, 1].map(|number| scope.spawn(move || take(exch, number, known, until)));
        let clearer = scope.spawn(|| clear(exch, known, until));
        let looker = scope.spawn(|| look(exch, known, until));
        let taken: u32 = takers.map(|taker| taker.join().expect("snapshots")).iter().sum();
        (
            taken,
            clearer.join().expect("forgetting and pruning"),
            looker.join().expect("reading"),
        )
    });
    println!("{taken} snapshots, {cleared} times cleared, {looked} times looked");
    let known = known.lock().expect("no panic");
    exch.verify();
    for (id, files) in &known.kept {
        assert_restored(exch, id, files, "restored");
    }
    // What was killed may or may not be there; what is, is whole.
    exch.ok(&["compact"]);
    exch.ok(&["prune", "--grace", "0", "--max-unused", "0"]);
    exch.verify();
    let before = (
        names_in(exch, "segments"),
        names_in(exch, "condemned"),
        names_in(exch, "tmp"),
    );
    assert!(before.1.is_empty() && before.2.is_empty(), "{before:?}");
    exch.ok(&["prune", "--grace", "0", "--max-unused", "0"]);
    assert_eq!(
        before.0,
        names_in(exch, "segments"),
        "a second prune changes something"
    );
    for (id, files) in &known.kept {
        assert_restored(exch, id, files, "restored");
    }
}

//! An archive, what is snapshotted into it, and the map that knows better.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use restante_format::archive::{Archive, Grace, PruneRequest, SnapshotRequest, VerifyLevel};
use restante_format::catalog::{Selector, Which};
use restante_format::error::{Error, Result};
use restante_format::id::Id;
use restante_format::model::{Series, Timestamp};
use restante_format::progress::Progress;
use restante_format::store::{LockMode, LockName, Name, Shelf, Store};

use super::act::{Act, Done, Seen, read_all};
use super::garbage::assert_no_garbage;
use super::script::Script;
use super::source::{Changing, Tree};
use super::stage::{Event, Stage};
use crate::archives::{config, fine_config};

/// How long condemned segments stay where they do.
const GRACE: i64 = 1000;

/// What happened in a sequence.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Snapshots that were taken.
    pub snapshots: u64,
    /// Times something died in the middle.
    pub deaths: u64,
    /// Times somebody else did something in the middle.
    pub meanwhiles: u64,
    /// Prunes.
    pub prunes: u64,
    /// Snapshots that were compared byte for byte.
    pub compared: u64,
}

impl Tally {
    /// Adds what happened in another sequence.
    pub fn add(&mut self, other: &Self) {
        self.snapshots += other.snapshots;
        self.deaths += other.deaths;
        self.meanwhiles += other.meanwhiles;
        self.prunes += other.prunes;
        self.compared += other.compared;
    }
}

/// What a snapshot must give.
#[derive(Clone)]
struct Known {
    tree: Arc<Tree>,
    series: usize,
    time: Timestamp,
}

struct World {
    stage: Arc<Stage>,
    /// Each opened at another time; what one does, the others do not know.
    handles: Vec<Archive>,
    series: Vec<Changing>,
    now: i64,
    live: BTreeMap<Id, Known>,
    forgotten: HashSet<Id>,
    tally: Tally,
    log: bool,
}

/// Lives through a sequence. Panics where a promise is broken.
pub fn live(sequence: &[u8]) -> Tally {
    let mut script = Script(sequence);
    let mut world = World::new(script.byte());
    let mut steps = 0;
    while !script.is_over() && steps < 1000 {
        world.step(&mut script);
        steps += 1;
    }
    world.end();
    world.tally
}

impl World {
    fn new(kind: u8) -> Self {
        let stage = Arc::new(Stage::default());
        let config = match kind % 3 {
            0 => config(),
            _ => fine_config(),
        };
        let first = Archive::create(Arc::<Stage>::clone(&stage), config).expect("create");
        let mut world = Self {
            stage,
            handles: vec![first],
            series: vec![Changing::stream(), Changing::folder(), Changing::folder()],
            now: 1_000_000,
            live: BTreeMap::new(),
            forgotten: HashSet::new(),
            tally: Tally::default(),
            log: std::env::var_os("RESTANTE_LIFE_LOG").is_some(),
        };
        world.handles.push(world.open());
        world
    }

    fn note(&self, text: impl FnOnce() -> String) {
        if self.log {
            eprintln!("{} {}", self.now, text());
        }
    }

    fn open(&self) -> Archive {
        Archive::open(Arc::new(self.stage.beside())).expect("open")
    }

    fn step(&mut self, script: &mut Script<'_>) {
        self.now += 1 + script.below(32) as i64;
        let handle = script.below(2);
        match script.below(32) {
            0..=7 => {
                let series = script.below(3);
                for _ in 0..=script.below(3) {
                    self.series[series].change(script);
                }
                self.alone(handle, &self.snapshot(series, self.now));
            }
            8 => {
                let series = script.below(3);
                for _ in 0..script.below(20) {
                    self.now += 60;
                    self.alone(handle, &self.snapshot(series, self.now));
                }
            }
            // Every one with a change.
            9 => {
                let series = script.below(3);
                for _ in 0..script.below(20) {
                    self.now += 60;
                    self.series[series].change(script);
                    self.alone(handle, &self.snapshot(series, self.now));
                }
            }
            10 => {
                self.handles[handle] = self.open();
                self.note(|| format!("reopen {handle}"));
            }
            11 => self.compare_fresh(),
            12..=19 => {
                let act = self.act(script);
                self.alone(handle, &act);
            }
            20..=25 => self.die(handle, script),
            _ => self.meanwhile(handle, script),
        }
    }

    /// Anything but a look at it.
    fn act(&mut self, script: &mut Script<'_>) -> Act {
        match script.below(16) {
            0..=4 => {
                let series = script.below(3);
                self.series[series].change(script);
                self.snapshot(series, self.now)
            }
            5 => self.snapshot(script.below(3), self.now - script.below(300) as i64),
            6..=8 => Act::Forget(self.chosen(script)),
            9..=12 => self.prune(script),
            13 => Act::Compact,
            14 => Act::WouldFree(self.chosen(script)),
            _ => Act::Read,
        }
    }

    fn snapshot(&self, series: usize, secs: i64) -> Act {
        let request = SnapshotRequest {
            time: Timestamp { secs, nanos: 0 },
            host: "model".into(),
            connector: (series == 2).then(|| "two".into()),
            paths: series_of(series).paths,
            tags: Vec::new(),
            program: "restante-tests".into(),
        };
        let seen = Seen {
            folder: self.series[series].path(),
            tree: self.series[series].tree(),
        };
        Act::Snapshot(Box::new(request), seen)
    }

    fn look_again(&self, act: &mut Act) {
        if let Act::Snapshot(request, seen) = act {
            seen.tree = self.series[number_of(&request.paths)].tree();
        }
    }

    fn prune(&mut self, script: &mut Script<'_>) -> Act {
        self.tally.prunes += 1;
        let grace = Duration::from_secs(GRACE as u64);
        let grace = match script.below(4) {
            0 => Grace::None,
            1 => Grace::Unless(grace),
            _ => Grace::For(grace),
        };
        if script.below(2) == 0 {
            self.now += GRACE;
        }
        Act::Prune(PruneRequest {
            now: Timestamp {
                secs: self.now,
                nanos: 0,
            },
            grace,
            max_unused_percent: [0.0, 5.0, 100.0][script.below(3)],
        })
    }

    fn chosen(&self, script: &mut Script<'_>) -> HashSet<Id> {
        let mut by_time: Vec<(Timestamp, Id)> =
            self.live.iter().map(|(id, known)| (known.time, *id)).collect();
        by_time.sort_unstable();
        let all: Vec<Id> = by_time.into_iter().map(|(_, id)| id).collect();
        let newest = all.last().copied();
        match script.below(6) {
            0 => all[..all.len() / 2].iter().copied().collect(),
            1 => all.into_iter().filter(|id| Some(*id) != newest).collect(),
            2 => {
                let series = script.below(3);
                let is_of = |id: &Id| self.live[id].series == series;
                all.into_iter().filter(is_of).collect()
            }
            3 => newest.into_iter().collect(),
            _ => {
                let salt = script.byte();
                let share = 1 + script.byte() % 4;
                let is_chosen = |id: &Id| (id.0[0] ^ salt).is_multiple_of(share + 1);
                all.into_iter().filter(is_chosen).collect()
            }
        }
    }

    /// Does something that must succeed.
    fn alone(&mut self, handle: usize, act: &Act) {
        self.note(|| format!("{handle}: {}", text(act)));
        let done = act.perform(&mut self.handles[handle]);
        let done = done.unwrap_or_else(|error| panic!("{} failed: {error}", text(act)));
        self.learn(act, done, true);
        if !matches!(act, Act::Read) {
            self.compare_list(&self.handles[handle]);
        }
    }

    /// Takes over what was done.
    fn learn(&mut self, act: &Act, done: Done, is_strict: bool) {
        match (act, done) {
            (Act::Snapshot(request, seen), Done::Taken(id)) => {
                self.tally.snapshots += 1;
                self.forgotten.remove(&id);
                let known = Known {
                    tree: Arc::clone(&seen.tree),
                    series: number_of(&request.paths),
                    time: request.time,
                };
                self.live.insert(id, known);
            }
            (Act::Forget(ids), _) => {
                for id in ids {
                    self.live.remove(id);
                    self.forgotten.insert(*id);
                }
            }
            (_, Done::Read(read)) => self.compare_read(read, is_strict),
            _ => {}
        }
    }

    /// Somebody reads: what is live is right, what was forgotten may be gone.
    fn compare_read(&mut self, read: BTreeMap<Id, std::result::Result<Tree, String>>, is_strict: bool) {
        for (id, tree) in read {
            let Some(known) = self.live.get(&id) else {
                assert!(
                    !is_strict || self.forgotten.contains(&id),
                    "nobody has taken {id}"
                );
                continue;
            };
            match tree {
                Ok(tree) => assert!(tree == *known.tree, "snapshot {id} gives something else"),
                Err(error) => panic!("snapshot {id} cannot be read: {error}"),
            }
            self.tally.compared += 1;
        }
    }

    /// Does something that dies in the middle, and looks what has become of it.
    fn die(&mut self, handle: usize, script: &mut Script<'_>) {
        self.tally.deaths += 1;
        let act = self.act(script);
        let (at, after) = (script.below(256), script.below(2) == 1);
        let stage = Arc::new(self.stage.beside());
        let mut archive = Archive::open(Arc::<Stage>::clone(&stage)).expect("open");
        let at = at as u64 * self.usual_calls(&act) / 256;
        self.note(|| format!("dying at {at}: {}", text(&act)));
        stage.plan(at, Event::Death { after });
        let done = act.perform(&mut archive);
        drop(archive);
        match done {
            // What cannot be read any more cannot be told from what is damaged.
            Ok(Done::Read(_)) | Err(_) => {}
            Ok(done) => self.learn(&act, done, true),
        }
        self.handles[handle] = self.open();
        self.reconcile(&act);
    }

    /// About how many calls something takes: so that most deaths happen in the middle.
    fn usual_calls(&self, act: &Act) -> u64 {
        let segments = self.stage.files().files().len() as u64;
        match act {
            Act::Snapshot(..) => 16,
            Act::Read => 4 * segments,
            Act::Compact | Act::Forget(_) => 6 + 2 * segments,
            _ => 6 + 4 * segments,
        }
    }

    /// What was under way is done or not.
    fn reconcile(&mut self, act: &Act) {
        let archive = self.open();
        let listed: BTreeMap<Id, Timestamp> = archive
            .catalog()
            .all()
            .map(|listed| (listed.id, listed.snapshot.time))
            .collect();
        match act {
            Act::Forget(ids) => {
                for id in ids.iter().filter(|id| !listed.contains_key(id)) {
                    self.live.remove(id);
                    self.forgotten.insert(*id);
                }
            }
            Act::Snapshot(request, _) => {
                let new: Vec<Id> = listed
                    .keys()
                    .filter(|id| !self.live.contains_key(id))
                    .copied()
                    .collect();
                assert!(new.len() <= 1, "one snapshot became {}", new.len());
                for id in new {
                    assert_eq!(listed[&id], request.time);
                    self.learn(act, Done::Taken(id), true);
                }
            }
            _ => {}
        }
        self.compare_list(&archive);
    }

    /// Does something, and somebody else does something else in the middle.
    fn meanwhile(&mut self, handle: usize, script: &mut Script<'_>) {
        self.tally.meanwhiles += 1;
        let (mut act, mut other) = (self.act(script), self.act(script));
        // Who wants to be alone waits, and here for ever.
        if let Act::Prune(request) = &mut other
            && request.grace == Grace::None
        {
            request.grace = Grace::Unless(Duration::from_secs(GRACE as u64));
        }
        // Both may be of the same folder.
        self.look_again(&mut act);
        self.look_again(&mut other);
        let at = script.below(256) as u64 * self.usual_calls(&act) / 256;
        let is_stale = script.below(2) == 1;
        let stage = Arc::new(self.stage.beside());
        let mut archive = Archive::open(Arc::<Stage>::clone(&stage)).expect("open");
        let mut another = self.open();
        if is_stale {
            std::mem::swap(&mut another, &mut self.handles[handle]);
        }
        self.note(|| format!("{} and at {at} {}", text(&act), text(&other)));
        let done: Arc<Mutex<Option<Result<Done>>>> = Arc::default();
        let (result, does) = (Arc::clone(&done), other.clone());
        let work = move || {
            let done = does.perform(&mut another);
            *result.lock().expect("no panic") = Some(done);
        };
        // Whoever reads keeps others from deleting at once, where it can.
        let reading = matches!(act, Act::Read | Act::WouldFree(_));
        let lock = reading.then(|| {
            stage
                .lock(LockName::Archive, LockMode::Shared)
                .expect("nobody else is there")
        });
        stage.plan(at, Event::Meanwhile(Box::new(work)));
        let first = act.perform(&mut archive);
        stage.unplan();
        drop(lock);
        drop(archive);
        let second = done.lock().expect("no panic").take();
        match second {
            Some(Ok(done)) => {
                self.learn(&other, done, false);
            }
            Some(Err(error)) => assert!(would_block(&error), "{} in between failed: {error}", text(&other)),
            None => {}
        }
        match first {
            Ok(done) => self.learn(&act, done, false),
            Err(error) => panic!(
                "{} failed, for somebody did {}: {error}",
                text(&act),
                text(&other)
            ),
        }
        let archive = self.open();
        if let (Act::Snapshot(..), Act::Forget(_)) | (Act::Forget(_), Act::Snapshot(..)) = (&act, &other) {
            // Who forgets may have seen the other's snapshot or not; ids of equal snapshots are equal.
            let listed: BTreeSet<Id> = archive.catalog().all().map(|listed| listed.id).collect();
            let gone: Vec<Id> = self
                .live
                .keys()
                .filter(|id| !listed.contains(id))
                .copied()
                .collect();
            for id in gone {
                assert!(
                    matches!(&act, Act::Forget(ids) if ids.contains(&id))
                        || matches!(&other, Act::Forget(ids) if ids.contains(&id)),
                    "{id} is gone"
                );
                self.live.remove(&id);
                self.forgotten.insert(id);
            }
        }
        self.compare_list(&archive);
    }

    /// What a handle that has just looked lists.
    fn compare_list(&self, archive: &Archive) {
        let forwards: Vec<(Timestamp, Id)> = archive
            .catalog()
            .oldest_first()
            .map(|moment| (moment.time, moment.id()))
            .collect();
        let mut backwards: Vec<(Timestamp, Id)> = archive
            .catalog()
            .newest_first()
            .map(|moment| (moment.time, moment.id()))
            .collect();
        backwards.reverse();
        let mut expected: Vec<(Timestamp, Id)> =
            self.live.iter().map(|(id, known)| (known.time, *id)).collect();
        expected.sort_unstable();
        assert!(archive.damage().is_empty(), "{:?}", archive.damage());
        assert_eq!(forwards, expected, "the oldest first");
        assert_eq!(backwards, expected, "the newest first");
    }

    /// Everything, by somebody who has never been there.
    fn compare_fresh(&mut self) {
        let archive = self.open();
        self.compare_list(&archive);
        let read = read_all(&archive);
        assert_eq!(read.len(), self.live.len());
        self.compare_read(read, true);
        let report = archive
            .verify(VerifyLevel::Full, &Progress::default())
            .expect("verify");
        assert!(report.damaged.is_empty(), "{:#?}", report.damaged);
        self.compare_names(&archive);
    }

    fn compare_names(&self, archive: &Archive) {
        let catalog = archive.catalog();
        let mut expected: Vec<(Timestamp, Id)> =
            self.live.iter().map(|(id, known)| (known.time, *id)).collect();
        expected.sort_unstable();
        let resolve = |which| {
            let text = String::new();
            let connector = None;
            catalog
                .resolve(&Selector {
                    connector,
                    which,
                    text,
                })
                .map(|listed| listed.id)
        };
        let step = expected.len() / 8 + 1;
        for (back, (time, id)) in expected.iter().rev().enumerate().step_by(step) {
            assert_eq!(resolve(Which::Prefix(id.to_string())).expect("by id"), *id);
            assert_eq!(resolve(Which::Latest { back }).expect("from the newest"), *id);
            let at = expected
                .iter()
                .rev()
                .find(|(other, _)| other <= time)
                .expect("itself");
            assert_eq!(resolve(Which::At(*time)).expect("by time"), at.1);
        }
        for n in 0..3 {
            let newest = catalog
                .newest_of(&series_of(n))
                .map(|moment| (moment.time, moment.id()));
            let mut of = expected.iter().filter(|(_, id)| self.live[id].series == n);
            assert_eq!(newest, of.next_back().copied(), "the newest of series {n}");
        }
    }

    fn end(&mut self) {
        self.compare_fresh();
        let mut archive = self.open();
        archive.compact(&Progress::default()).expect("compact");
        self.prune_all(&mut archive);
        self.compare_fresh();
        assert_no_garbage(&self.open(), self.stage.files());
        let files = self.stage.files().files();
        self.prune_all(&mut archive);
        assert!(
            files == self.stage.files().files(),
            "a second prune changes something"
        );
        let all = self.live.keys().copied().collect();
        self.alone(0, &Act::Forget(all));
        self.prune_all(&mut archive);
        self.compare_fresh();
        let left = self.stage.files().files();
        let is_derived = |name: &Name| *name == Name::Config || name.shelf() == Some(Shelf::Tables);
        assert!(
            left.keys().all(is_derived),
            "of nothing there is left {:?}",
            left.keys()
        );
    }

    fn prune_all(&self, archive: &mut Archive) {
        let request = PruneRequest {
            now: Timestamp {
                secs: self.now,
                nanos: 0,
            },
            grace: Grace::None,
            max_unused_percent: 0.0,
        };
        archive.prune(&request, &Progress::default()).expect("prune");
    }
}

fn series_of(number: usize) -> Series {
    Series {
        host: "model".into(),
        connector: (number == 2).then(|| "two".into()),
        paths: vec![format!("/{number}").into_bytes()],
    }
}

fn number_of(paths: &[Vec<u8>]) -> usize {
    (0..3).find(|n| series_of(*n).paths == paths).expect("a series")
}

fn would_block(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::WouldBlock)
}

fn text(act: &Act) -> String {
    match act {
        Act::Snapshot(request, _) => format!(
            "snapshot of {} at {}",
            String::from_utf8_lossy(&request.paths[0]),
            request.time.secs
        ),
        Act::Forget(ids) => format!("forget {}", ids.len()),
        Act::Prune(request) => format!("prune {:?} {}", request.grace, request.max_unused_percent),
        Act::WouldFree(ids) => format!("would free {}", ids.len()),
        other => format!("{other:?}"),
    }
}

//! An archive, what is snapshotted into it, and the map that knows better.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use restante_format::archive::{Archive, Grace, IndexLimits, PruneRequest, SnapshotRequest};
use restante_format::id::Id;
use restante_format::model::{Series, Timestamp};
use restante_format::progress::Progress;

use super::act::{Act, Done, Mirror, Seen, read_all};
use super::script::Script;
use super::source::{Changing, Tree};
use super::stage::Stage;
use crate::archives::{config, fine_config};

/// How long condemned segments stay where they do.
pub(super) const GRACE: i64 = 1000;

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
pub(super) struct Known {
    pub(super) tree: Arc<Tree>,
    pub(super) series: usize,
    pub(super) time: Timestamp,
}

pub(super) struct World {
    pub(super) stage: Arc<Stage>,
    /// Each opened at another time; what one does, the others do not know.
    pub(super) handles: Vec<Archive>,
    series: Vec<Changing>,
    pub(super) now: i64,
    pub(super) live: BTreeMap<Id, Known>,
    /// All that was ever taken.
    ever: HashMap<Id, Known>,
    /// Another archive, and what is in it.
    mirror: Mirror,
    pub(super) mirrored: HashSet<Id>,
    /// When segments get tables.
    index_limits: IndexLimits,
    pub(super) forgotten: HashSet<Id>,
    pub(super) tally: Tally,
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
        let index_limits = match kind / 3 % 3 {
            // Of everything.
            0 => IndexLimits {
                segment_bytes: 0,
                segments: 2,
                objects: 1,
            },
            _ => IndexLimits::default(),
        };
        let first = Archive::create(Arc::<Stage>::clone(&stage), config.clone()).expect("create");
        let elsewhere = Arc::new(Stage::default());
        let mirror = Archive::create(elsewhere, config).expect("create another");
        let mut world = Self {
            stage,
            handles: vec![first],
            series: vec![Changing::stream(), Changing::folder(), Changing::folder()],
            now: 1_000_000,
            live: BTreeMap::new(),
            ever: HashMap::new(),
            mirror: Arc::new(Mutex::new(mirror)),
            mirrored: HashSet::new(),
            index_limits,
            forgotten: HashSet::new(),
            tally: Tally::default(),
            log: std::env::var_os("RESTANTE_LIFE_LOG").is_some(),
        };
        world.handles.push(world.open());
        world
    }

    pub(super) fn note(&self, text: impl FnOnce() -> String) {
        if self.log {
            eprintln!("{} {}", self.now, text());
        }
    }

    pub(super) fn open(&self) -> Archive {
        self.open_on(&Arc::new(self.stage.beside()))
    }

    pub(super) fn open_on(&self, stage: &Arc<Stage>) -> Archive {
        let mut archive = Archive::open(Arc::<Stage>::clone(stage)).expect("open");
        archive.limit_index(self.index_limits);
        archive
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
    pub(super) fn act(&mut self, script: &mut Script<'_>) -> Act {
        match script.below(20) {
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
            15 | 16 => Act::CopyOut(Arc::clone(&self.mirror), self.chosen(script)),
            17 => Act::CopyIn(Arc::clone(&self.mirror)),
            18 => Act::Export(self.chosen(script)),
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

    pub(super) fn look_again(&self, act: &mut Act) {
        if let Act::Snapshot(request, seen) = act {
            seen.tree = self.series[number_of(&request.paths)].tree();
        }
    }

    pub(super) fn prune(&mut self, script: &mut Script<'_>) -> Act {
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

    pub(super) fn chosen(&self, script: &mut Script<'_>) -> HashSet<Id> {
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
    pub(super) fn alone(&mut self, handle: usize, act: &Act) {
        self.note(|| format!("{handle}: {}", text(act)));
        let expected = self.expected(handle, act);
        let done = act.perform(&mut self.handles[handle]);
        let done = done.unwrap_or_else(|error| panic!("{} failed: {error}", text(act)));
        if let (Some(expected), Done::Pruned(report)) = (expected, &done) {
            assert_eq!(
                report.freed_bytes(),
                expected,
                "bytes that {} was to free",
                text(act)
            );
        }
        self.learn(act, done, true);
        if !matches!(act, Act::Read) {
            self.compare_list(&self.handles[handle]);
        }
    }

    /// How many bytes a prune is to free that has the archive for itself alone.
    fn expected(&mut self, handle: usize, act: &Act) -> Option<i64> {
        let Act::Prune(request) = act else { return None };
        if let Grace::For(_) = request.grace {
            return None;
        }
        let archive = &mut self.handles[handle];
        let would = archive.would_free(&HashSet::new(), request.max_unused_percent, &Progress::default());
        Some(would.expect("count what would be freed").freed_bytes())
    }

    /// Takes over what was done.
    pub(super) fn learn(&mut self, act: &Act, done: Done, is_strict: bool) {
        match (act, done) {
            (Act::Snapshot(request, seen), Done::Taken(id)) => {
                self.tally.snapshots += 1;
                self.forgotten.remove(&id);
                let known = Known {
                    tree: Arc::clone(&seen.tree),
                    series: number_of(&request.paths),
                    time: request.time,
                };
                self.ever.insert(id, known.clone());
                self.live.insert(id, known);
            }
            (Act::Forget(ids), _) => ids.iter().for_each(|id| self.take_away(*id)),
            (Act::CopyOut(..), _) => self.look_into_mirror(),
            (Act::CopyIn(_), _) => {
                for id in self.mirrored.clone() {
                    self.bring_back(id);
                }
            }
            (_, Done::Read(read)) => self.compare_read(read, is_strict),
            _ => {}
        }
    }

    /// A snapshot is forgotten.
    pub(super) fn take_away(&mut self, id: Id) {
        self.live.remove(&id);
        self.forgotten.insert(id);
    }

    /// A snapshot came back from the other archive.
    pub(super) fn bring_back(&mut self, id: Id) {
        assert!(self.mirrored.contains(&id), "nobody has copied {id}");
        self.forgotten.remove(&id);
        self.live.insert(id, self.ever[&id].clone());
    }

    /// Everything in the other archive is what was once taken.
    pub(super) fn look_into_mirror(&mut self) {
        let read = read_all(&self.mirror.lock().expect("no panic"));
        let ids: HashSet<Id> = read.keys().copied().collect();
        assert!(
            ids.is_superset(&self.mirrored),
            "the other archive has lost something"
        );
        self.mirrored = ids;
        for (id, tree) in read {
            let known = self
                .ever
                .get(&id)
                .unwrap_or_else(|| panic!("nobody has taken {id}"));
            let tree = tree.unwrap_or_else(|error| panic!("the copy of {id} cannot be read: {error}"));
            assert!(tree == *known.tree, "the copy of {id} gives something else");
            self.tally.compared += 1;
        }
    }
}

pub(super) fn series_of(number: usize) -> Series {
    Series {
        host: "model".into(),
        connector: (number == 2).then(|| "two".into()),
        paths: vec![format!("/{number}").into_bytes()],
    }
}

fn number_of(paths: &[Vec<u8>]) -> usize {
    (0..3).find(|n| series_of(*n).paths == paths).expect("a series")
}

pub(super) fn text(act: &Act) -> String {
    match act {
        Act::Snapshot(request, _) => format!(
            "snapshot of {} at {}",
            String::from_utf8_lossy(&request.paths[0]),
            request.time.secs
        ),
        Act::Forget(ids) => format!("forget {}", ids.len()),
        Act::Prune(request) => format!("prune {:?} {}", request.grace, request.max_unused_percent),
        Act::CopyOut(_, ids) => format!("copy out {}", ids.len()),
        Act::CopyIn(_) => "copy in".into(),
        Act::Export(ids) => format!("export {}", ids.len()),
        Act::WouldFree(ids) => format!("would free {}", ids.len()),
        Act::Compact => "compact".into(),
        Act::Read => "read".into(),
    }
}

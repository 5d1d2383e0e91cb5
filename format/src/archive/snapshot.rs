//! Taking a snapshot: what is asked for, and how it becomes a snapshot object. `assemble` does
//! the work in between.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;

use super::Archive;
use super::assemble::{Assembly, Outcome};
use super::examine::Examiner;
use super::sets::{ConsistencySet, TornSet, Verdict, Watch, look};
use super::walk::Walker;
use super::writer::{Written, put};
use crate::catalog::{Moment, commit_segment};
use crate::chunk::Cutter;
use crate::cutting::Runner;
use crate::error::{Error, Result};
use crate::id::{Id, Kind};
use crate::index::IndexedSegment;
use crate::limits::{LISTED_BYTES, OBJECT_BYTES};
use crate::model::{Counts, Series, Snapshot, Timestamp, display_bytes, is_valid_name};
use crate::progress::Progress;
use crate::source::Filter;
use crate::store::{LockMode, LockName, Name};
use crate::wire::{decode_snapshot, encode_snapshot};

/// A directory or file to take, and its place in the snapshot tree.
#[derive(Clone, Debug)]
pub struct Root {
    /// The names on the way to it, at least one. All but the last are synthetic directories.
    pub place: Vec<Vec<u8>>,
    /// Where it is.
    pub path: PathBuf,
    /// What of it is taken.
    pub filter: Filter,
    /// Which of its files belong together.
    pub sets: Vec<ConsistencySet>,
}

/// What a snapshot is taken of.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Its roots; no place may be the beginning of another.
    pub roots: Vec<Root>,
    /// Stay on the file system of each root.
    pub one_file_system: bool,
    /// Leave out the contents of directories that a `CACHEDIR.TAG` marks as caches.
    pub exclude_caches: bool,
    /// Directories to pass over wherever they are met, by device and inode: the archive itself.
    pub skip: Vec<(u64, u64)>,
}

/// What else a snapshot records.
#[derive(Clone, Debug)]
pub struct SnapshotRequest {
    /// When it is taken.
    pub time: Timestamp,
    /// The machine.
    pub host: String,
    /// The connector, if it is one's.
    pub connector: Option<String>,
    /// The paths of the source, as the snapshot shows them.
    pub paths: Vec<Vec<u8>>,
    /// Labels; their order and repetition do not matter.
    pub tags: Vec<String>,
    /// Name and version of the program.
    pub program: String,
}

/// A snapshot that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Its id.
    pub id: Id,
    /// The snapshot.
    pub snapshot: Snapshot,
    /// Whether its root tree is its parent's.
    pub tick: bool,
    /// Why small segments could not be merged behind it: they stay, and the next snapshot tries again.
    pub merging: Option<Arc<Error>>,
    /// How often a regular file was opened.
    pub opened_files: u64,
    /// How often the tree was taken: more than once if files that belong together did not hold still.
    pub rounds: u32,
    /// Sets of files that belong together and never held still. Their files are marked torn.
    pub torn_sets: Vec<TornSet>,
}

impl Archive {
    /// Takes a snapshot of `source`. What cannot be read below a root is listed in it and does not
    /// keep the rest from being taken; a root that is missing altogether does.
    pub fn snapshot(
        &mut self,
        request: SnapshotRequest,
        mut source: Source,
        progress: &Progress,
    ) -> Result<Taken> {
        source.roots.sort_by(|a, b| a.place.cmp(&b.place));
        check_places(&source)?;
        for root in &source.roots {
            std::fs::metadata(&root.path).map_err(Error::io("read", root.path.display().to_string()))?;
        }
        let mut watch = Watch::of(&source).map(Arc::new);
        let mut torn_sets = Vec::new();
        let taken = self.run(request, progress, |assembly| {
            loop {
                assembly.begin(watch.clone());
                take_tree(assembly, &source, watch.as_deref())?;
                let Some(watch) = &mut watch else { return Ok(()) };
                let noted = assembly.take_noted();
                let looked = match watch.is_last() {
                    true => BTreeMap::new(),
                    false => look(assembly.reader(), &source, assembly.examiner(), watch, progress)?,
                };
                if let Verdict::Done(torn) = Arc::make_mut(watch).judge(noted, &looked) {
                    torn_sets = torn;
                    return Ok(());
                }
            }
        })?;
        Ok(Taken {
            rounds: watch.map_or(1, |watch| watch.round()),
            torn_sets,
            ..taken
        })
    }

    /// Takes a snapshot of one file, `name`, whose bytes come from `input`.
    pub fn snapshot_stream(
        &mut self,
        request: SnapshotRequest,
        name: &[u8],
        input: &mut (dyn Read + Send),
        progress: &Progress,
    ) -> Result<Taken> {
        if !is_valid_name(name) {
            return Err(Error::Request(format!(
                "{:?} cannot be the name of a file",
                display_bytes(name)
            )));
        }
        let time = request.time;
        self.run(request, progress, |assembly| {
            assembly.take_stream(name, input, time)
        })
    }

    /// Finds the parent, lets `fill` assemble the tree, writes the snapshot object and takes
    /// everything new into the index.
    fn run(
        &mut self,
        request: SnapshotRequest,
        progress: &Progress,
        fill: impl FnOnce(&mut Assembly<'_, '_>) -> Result<()>,
    ) -> Result<Taken> {
        check_request(&request)?;
        let location = self.location();
        let _lock = self
            .store
            .lock(LockName::Archive, LockMode::Shared)
            .map_err(Error::io("lock", location))?;
        self.refresh()?;
        let seen = self.seen();
        let series = Series {
            host: request.host.clone(),
            connector: request.connector.clone(),
            paths: request.paths.clone(),
        };
        let parent = self.catalog.newest_of(&series);
        let parent_root = parent.as_ref().map(|parent| parent.state.snapshot.root);
        if let Some(parent) = &parent {
            let bytes = parent.state.snapshot.counts.bytes;
            progress.total_bytes.store(bytes, Ordering::Relaxed);
        }
        let cutter = Cutter::new(&self.config.chunker);
        let has = |id| self.reader.has(Kind::Chunk, id);
        let runner = Runner {
            cutter: &cutter,
            has: &has,
        };
        let examiner = Examiner::new(runner, &self.reader);
        let archive = &*self;
        let (written, snapshot) = rayon::in_place_scope(|tasks| {
            let mut assembly = Assembly::new(archive, &examiner, parent_root, tasks, progress);
            fill(&mut assembly)?;
            let (outcome, writer) = assembly.finish()?;
            progress.check()?;
            let snapshot = snapshot_of(request, outcome, parent.as_ref().map(Moment::id));
            Ok::<_, Error>((writer.finish()?, snapshot))
        })?;
        let opened_files = examiner.opened.into_inner();
        let tick = parent_root == Some(snapshot.root);
        let roots = BTreeSet::from([snapshot.root]);
        let (rescued, seen) = self.rescue(&roots, seen, &written.segments, progress)?;
        let (id, snapshot, page) = self.commit(snapshot, parent, written, rescued)?;
        self.confirm(&roots, seen, &[page], progress)?;
        // The snapshot is safe: what goes wrong from here on is not its failure.
        let merging = self.merge_tiers().err();
        Ok(Taken {
            id,
            snapshot,
            tick,
            merging: merging.map(Arc::new),
            opened_files,
            rounds: 1,
            torn_sets: Vec::new(),
        })
    }

    /// Makes a snapshot known whose objects are durable: as a tick of its parent, if nothing but the time is new.
    fn commit(
        &self,
        snapshot: Snapshot,
        parent: Option<Moment>,
        written: Written,
        rescued: Vec<IndexedSegment>,
    ) -> Result<(Id, Snapshot, Name)> {
        let time = snapshot.time;
        let repeated =
            parent.filter(|parent| parent.time < time && is_repeated(&snapshot, &parent.state.snapshot));
        let archive = self.config.archive;
        let counted = |commit_bytes: usize| {
            let mut counted = snapshot.clone();
            // The page that makes it known counts, too.
            counted.counts.new_objects = written.new_objects + 1;
            counted.counts.stored_bytes = written.stored_bytes + commit_bytes as u64;
            counted
        };
        let (id, snapshot, sealed) = match repeated {
            Some(Moment { state, .. }) => {
                let sealed = commit_segment(archive, &state.plain, time);
                let counts = counted(sealed.bytes.len()).counts;
                let moment = Moment { time, state };
                let listed = moment.listed();
                (
                    listed.id,
                    Snapshot {
                        counts,
                        ..listed.snapshot
                    },
                    sealed,
                )
            }
            None => {
                let draft = commit_segment(archive, &encode_snapshot(&counted(0)), time);
                let snapshot = counted(draft.bytes.len());
                let plain = encode_snapshot(&snapshot);
                (
                    Id::of_snapshot(&plain),
                    snapshot,
                    commit_segment(archive, &plain, time),
                )
            }
        };
        put(&*self.store, &sealed)?;
        let page = sealed.name;
        self.reader.change_index(|index| {
            let new = written.segments.into_iter().chain(rescued);
            new.for_each(|segment| index.add(segment));
            index.add(sealed.into_indexed());
        });
        self.catalog.follow();
        Ok((id, snapshot, page))
    }
}

/// Whether a snapshot says what an earlier one says, but for its time and the figures of the work.
fn is_repeated(snapshot: &Snapshot, earlier: &Snapshot) -> bool {
    let mut repeated = earlier.clone();
    repeated.time = snapshot.time;
    repeated.parent = snapshot.parent;
    repeated.counts = Counts {
        changed_files: snapshot.counts.changed_files,
        read_bytes: snapshot.counts.read_bytes,
        new_objects: snapshot.counts.new_objects,
        stored_bytes: snapshot.counts.stored_bytes,
        ..repeated.counts
    };
    repeated == *snapshot
}

/// Walks the source once and puts the tree together from what is met.
fn take_tree(assembly: &mut Assembly<'_, '_>, source: &Source, watch: Option<&Watch>) -> Result<()> {
    std::thread::scope(|threads| {
        let (sender, receiver) = sync_channel(64);
        let (reader, examiner) = (assembly.reader(), assembly.examiner());
        let walker = Walker {
            reader,
            source,
            examiner,
            steps: sender,
            vanished: RefCell::default(),
            watch,
            names_only: false,
        };
        let previous = assembly.previous_root();
        threads.spawn(move || walker.walk(previous));
        assembly.take_steps(receiver)
    })
}

fn snapshot_of(request: SnapshotRequest, outcome: Outcome, parent: Option<Id>) -> Snapshot {
    let mut tags = request.tags;
    tags.sort_unstable();
    tags.dedup();
    Snapshot {
        time: request.time,
        host: request.host,
        connector: request.connector,
        paths: request.paths,
        tags,
        root: outcome.root,
        parent,
        program: request.program,
        counts: outcome.counts,
        torn: outcome.torn,
        unreadable: outcome.unreadable,
    }
}

/// What a reader would refuse must not be written: asked of the reader's own rules.
fn check_request(request: &SnapshotRequest) -> Result<()> {
    let nothing = Outcome {
        root: Id([0; 32]),
        counts: Counts::default(),
        torn: Vec::new(),
        unreadable: Vec::new(),
    };
    let encoded = encode_snapshot(&snapshot_of(request.clone(), nothing, None));
    // The paths that the snapshot will list come on top.
    if encoded.len() + 4 * LISTED_BYTES > OBJECT_BYTES {
        return Err(Error::Request(
            "the tags and paths of the snapshot are too long".into(),
        ));
    }
    match decode_snapshot(&encoded) {
        Ok(_) => Ok(()),
        Err(flaw) => Err(Error::Request(format!(
            "the snapshot's {} {}",
            flaw.field, flaw.reason
        ))),
    }
}

/// Every place must be made of possible names, and no place may lie in another.
fn check_places(source: &Source) -> Result<()> {
    let text = |root: &Root| display_bytes(&root.place.join(&b'/'));
    for root in &source.roots {
        if root.place.is_empty() || !root.place.iter().all(|name| is_valid_name(name)) {
            return Err(Error::Request(format!(
                "{:?} cannot be a place in a snapshot",
                text(root)
            )));
        }
    }
    for pair in source.roots.windows(2) {
        if pair[1].place.starts_with(&pair[0].place) {
            let (first, second) = (pair[0].path.display(), pair[1].path.display());
            let place = text(&pair[0]);
            return Err(Error::Request(format!(
                "{first} and {second} would both be /{place} in the snapshot"
            )));
        }
    }
    Ok(())
}

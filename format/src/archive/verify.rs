//! Verification: what is damaged, and which snapshots and paths that costs.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Mutex;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::Archive;
use crate::content::{ListReader, TreeReader};
use crate::error::{Error, Result};
use crate::id::{Id, Kind};
use crate::index::IndexedSegment;
use crate::limits::DEPTH;
use crate::model::{Content, Entry, Node};
use crate::progress::Progress;
use crate::segment::check_block;
use crate::wire::ObjectEntry;

/// How many paths are named for one damage in one snapshot.
const NAMED_PATHS: usize = 1000;
/// How many directories are searched for damaged paths in one snapshot: an archive made by an enemy
/// can have one directory in more places than could ever be named.
const SEARCHED_DIRS: usize = 1_000_000;

/// How thoroughly to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyLevel {
    /// Config, the ends of all segments, all snapshots, trees and chunk lists, and that every
    /// chunk is there.
    Quick,
    /// Every byte.
    Full,
}

/// Something damaged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damaged {
    /// The file of the archive, where it is known.
    pub file: Option<String>,
    /// Offset in it, in bytes.
    pub offset: Option<u64>,
    /// The object that is lost; `None` where a whole file is concerned, or bytes of no object.
    pub object: Option<(Kind, Id)>,
    /// What is wrong.
    pub reason: String,
    /// The snapshots that it costs something.
    pub snapshots: BTreeSet<Id>,
    /// The paths in them that cannot be restored whole; the first of them, if they are many.
    pub paths: BTreeSet<Vec<u8>>,
}

/// What a verification found.
#[derive(Clone, Debug, Default)]
pub struct VerifyReport {
    /// Objects checked.
    pub objects: u64,
    /// Bytes of the archive read and checked.
    pub bytes: u64,
    /// Segments checked.
    pub segments: u64,
    /// Snapshots whose trees were followed.
    pub snapshots: u64,
    /// What is damaged.
    pub damaged: Vec<Damaged>,
}

impl Archive {
    /// Verifies the archive. Damage is the report's subject, not an error.
    pub fn verify(&self, level: VerifyLevel, progress: &Progress) -> Result<VerifyReport> {
        let mut report = VerifyReport::default();
        let mut lost: BTreeMap<Id, Damaged> = BTreeMap::new();
        for error in &self.damage {
            let damaged = Damaged::from_error(error);
            match damaged.object {
                Some((_, id)) => drop(lost.insert(id, damaged)),
                None => report.damaged.push(damaged),
            }
        }
        let index = self.reader.index();
        report.segments = index.segments().len() as u64;
        let ends = |segment: &IndexedSegment| segment.len - (segment.directory.blocks_end() - 64);
        report.bytes = index.segments().iter().map(ends).sum();
        if level == VerifyLevel::Full {
            self.check_blocks(progress, &mut report, &mut lost)?;
        }
        let mut follow = Follow {
            archive: self,
            lost: &mut lost,
            verdicts: HashMap::new(),
            checked: HashSet::new(),
        };
        for listed in self.catalog.all() {
            progress.check()?;
            report.snapshots += 1;
            follow.checked.insert(listed.id);
            if !follow.is_sound(listed.snapshot.root)? {
                follow.blame(listed.id, listed.snapshot.root)?;
            }
        }
        let checked = follow.checked.len();
        report.objects = match level {
            VerifyLevel::Quick => checked as u64,
            VerifyLevel::Full => index.object_count() as u64,
        };
        report.damaged.extend(lost.into_values());
        Ok(report)
    }

    /// Reads every block of every segment, on all cores.
    fn check_blocks(
        &self,
        progress: &Progress,
        report: &mut VerifyReport,
        lost: &mut BTreeMap<Id, Damaged>,
    ) -> Result<()> {
        let segments = self.reader.index().segments();
        let stored = |segment: &IndexedSegment| segment.directory.blocks_end() - 64;
        progress.total_bytes.store(
            segments.iter().map(stored).sum(),
            std::sync::atomic::Ordering::Relaxed,
        );
        let found = Mutex::new(Vec::new());
        for segment in segments {
            let mut objects: Vec<ObjectEntry> = segment.directory.objects.clone();
            objects.sort_unstable_by_key(|object| (object.block, object.offset));
            let by_block: Vec<&[ObjectEntry]> = objects.chunk_by(|a, b| a.block == b.block).collect();
            let mut blocks: Vec<(usize, &[ObjectEntry])> = (0..segment.directory.blocks.len())
                .map(|number| (number, &[][..]))
                .collect();
            for objects in by_block {
                blocks[objects[0].block as usize].1 = objects;
            }
            blocks.par_iter().try_for_each(|(number, objects)| {
                progress.check()?;
                if let Some(damage) = check_block(&*self.store, segment, *number, objects) {
                    found
                        .lock()
                        .unwrap_or_else(|poisoned| poisoned.into_inner())
                        .push((segment, damage));
                }
                progress.add(0, segment.directory.blocks[*number].stored_len.into());
                Ok::<(), Error>(())
            })?;
            report.bytes += stored(segment);
        }
        let found = found
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let bad: HashSet<(Id, crate::store::Name)> = found
            .iter()
            .flat_map(|(s, d)| d.objects.iter().map(|o| (o.id, s.name)))
            .collect();
        for (segment, damage) in &found {
            let whole = Damaged {
                file: Some(segment.name.to_string()),
                offset: Some(damage.offset),
                reason: damage.flaw.to_string(),
                ..Damaged::default()
            };
            if damage.objects.is_empty() {
                report.damaged.push(whole.clone());
            }
            for object in &damage.objects {
                let damaged = Damaged {
                    object: Some((object.kind, object.id)),
                    ..whole.clone()
                };
                let copies = self.reader.index().find_all(object.id);
                if copies
                    .into_iter()
                    .all(|copy| bad.contains(&(object.id, copy.segment.name)))
                {
                    lost.insert(object.id, damaged);
                } else {
                    // Another copy is intact: damage that costs nothing yet.
                    report.damaged.push(damaged);
                }
            }
        }
        report
            .damaged
            .sort_by(|a, b| (&a.file, a.offset).cmp(&(&b.file, b.offset)));
        Ok(())
    }
}

impl Damaged {
    fn from_error(error: &Error) -> Self {
        let reason = error.to_string();
        match error {
            Error::Damaged(damage) => Self {
                file: Some(damage.file.clone()),
                offset: damage.offset,
                object: damage.object,
                reason: damage.flaw.to_string(),
                ..Self::default()
            },
            Error::Missing { kind, id } => Self {
                object: Some((*kind, *id)),
                reason,
                ..Self::default()
            },
            Error::Invalid { kind, id, flaw } => Self {
                object: Some((*kind, *id)),
                reason: flaw.to_string(),
                ..Self::default()
            },
            Error::Io { op, path, source } => Self {
                file: Some(path.clone()),
                reason: format!("cannot {op}: {source}"),
                ..Self::default()
            },
            _ => Self {
                reason,
                ..Self::default()
            },
        }
    }
}

/// Follows what snapshots name. Trees and lists that were found sound are not followed twice.
struct Follow<'a> {
    archive: &'a Archive,
    /// Objects that cannot be read, and what they cost.
    lost: &'a mut BTreeMap<Id, Damaged>,
    /// Whether everything that a tree or list names can be read.
    verdicts: HashMap<Id, bool>,
    checked: HashSet<Id>,
}

/// A tree whose entries are being followed.
struct Open<'a> {
    id: Id,
    entries: TreeReader<'a>,
    sound: bool,
}

impl<'a> Follow<'a> {
    /// Notes an object that cannot be used; other errors end the verification.
    fn note(&mut self, error: Error) -> Result<Id> {
        let damaged = match &error {
            Error::Io { .. } => Damaged::from_error(&error),
            error if error.is_damage() => Damaged::from_error(error),
            _ => return Err(error),
        };
        match damaged.object {
            Some((_, id)) => {
                self.lost.entry(id).or_insert(damaged);
                Ok(id)
            }
            None => Err(error),
        }
    }

    /// Whether everything below a tree can be read. The walk keeps its own stack: nesting is the archive's choice.
    fn is_sound(&mut self, root: Id) -> Result<bool> {
        let reader = &self.archive.reader;
        let mut stack = vec![Open {
            id: root,
            entries: TreeReader::new(reader, root),
            sound: true,
        }];
        if let Some(sound) = self.verdicts.get(&root) {
            return Ok(*sound);
        }
        loop {
            let depth = stack.len();
            let Some(open) = stack.last_mut() else { break };
            match open.entries.next() {
                Some(Ok(entry)) => match entry.node {
                    Node::Dir { tree } => match self.verdicts.get(&tree) {
                        Some(sound) => open.sound &= sound,
                        None if depth >= DEPTH => open.sound = false,
                        None => {
                            stack.push(Open {
                                id: tree,
                                entries: TreeReader::new(reader, tree),
                                sound: true,
                            });
                        }
                    },
                    Node::File { size, content } => {
                        let sound = self.is_content_sound(size, content)?;
                        if let Some(open) = stack.last_mut() {
                            open.sound &= sound;
                        }
                    }
                    _ => {}
                },
                Some(Err(error)) => {
                    open.sound = false;
                    self.note(error)?;
                }
                None => {
                    let Some(Open { id, sound, .. }) = stack.pop() else {
                        break;
                    };
                    self.checked.insert(id);
                    self.verdicts.insert(id, sound);
                    if let Some(parent) = stack.last_mut() {
                        parent.sound &= sound;
                    }
                }
            }
        }
        Ok(self.verdicts.get(&root).copied().unwrap_or(false))
    }

    fn is_content_sound(&mut self, size: u64, content: Content) -> Result<bool> {
        Ok(match content {
            Content::Empty => true,
            Content::Chunk(id) => self.is_chunk_sound(id, size),
            Content::List(id) => match self.verdicts.get(&id) {
                Some(sound) => *sound,
                None => {
                    let sound = self.lost_in_list(id, size)?.is_empty();
                    self.checked.insert(id);
                    self.verdicts.insert(id, sound);
                    sound
                }
            },
        })
    }

    fn is_chunk_sound(&mut self, id: Id, len: u64) -> bool {
        self.checked.insert(id);
        if self.lost.contains_key(&id) {
            return false;
        }
        let reason = match self.archive.reader.index().find(&id) {
            Some(at) if at.object.kind == Kind::Chunk && u64::from(at.object.len) == len => return true,
            Some(_) => "is not the chunk that the file says",
            None => "is missing from the archive",
        };
        let object = Some((Kind::Chunk, id));
        self.lost.insert(
            id,
            Damaged {
                object,
                reason: reason.into(),
                ..Damaged::default()
            },
        );
        false
    }

    /// The lost objects that a chunk list needs, itself included.
    fn lost_in_list(&mut self, id: Id, size: u64) -> Result<Vec<Id>> {
        let mut lost = Vec::new();
        for item in ListReader::new(&self.archive.reader, id, size) {
            match item {
                Ok(item) => lost.extend(item.id.filter(|chunk| !self.is_chunk_sound(*chunk, item.len))),
                Err(error) => lost.push(self.note(error)?),
            }
        }
        Ok(lost)
    }

    /// Says of every lost object below an unsound root which snapshot and paths it costs.
    fn blame(&mut self, snapshot: Id, root: Id) -> Result<()> {
        let reader = &self.archive.reader;
        let mut levels: Vec<(TreeReader<'a>, usize)> = vec![(TreeReader::new(reader, root), 0)];
        let mut path: Vec<u8> = Vec::new();
        let mut searched = 0;
        while let Some((entries, path_len)) = levels.last_mut() {
            path.truncate(*path_len);
            let entry = match entries.next() {
                _ if searched > SEARCHED_DIRS => break,
                None => {
                    levels.pop();
                    continue;
                }
                Some(Err(error)) => {
                    let id = self.note(error)?;
                    self.charge(id, snapshot, &path);
                    continue;
                }
                Some(Ok(entry)) => entry,
            };
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(&entry.name);
            match entry.node {
                Node::Dir { tree } if self.verdicts.get(&tree) == Some(&false) && levels.len() < DEPTH => {
                    searched += 1;
                    levels.push((TreeReader::new(reader, tree), path.len()));
                }
                _ => {
                    for id in self.lost_in_file(&entry)? {
                        self.charge(id, snapshot, &path);
                    }
                }
            }
        }
        Ok(())
    }

    fn lost_in_file(&mut self, entry: &Entry) -> Result<Vec<Id>> {
        match entry.node {
            Node::File {
                size,
                content: Content::Chunk(id),
            } => Ok(if self.is_chunk_sound(id, size) {
                Vec::new()
            } else {
                vec![id]
            }),
            Node::File {
                size,
                content: Content::List(id),
            } if self.verdicts.get(&id) == Some(&false) => self.lost_in_list(id, size),
            _ => Ok(Vec::new()),
        }
    }

    fn charge(&mut self, object: Id, snapshot: Id, path: &[u8]) {
        if let Some(damaged) = self.lost.get_mut(&object) {
            damaged.snapshots.insert(snapshot);
            if damaged.paths.len() < NAMED_PATHS {
                damaged.paths.insert(path.to_vec());
            }
        }
    }
}

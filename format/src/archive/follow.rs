//! Following snapshots through their trees and lists: what of them is lost, and at which paths.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::verify::Damaged;
use crate::content::{TreeReader, load_list_node};
use crate::error::{Error, Flaw, Result};
use crate::id::{Id, Kind};
use crate::limits::{CHAIN, DEPTH};
use crate::model::{Content, Entry, Node, push_name};
use crate::progress::Progress;
use crate::segment::ObjectReader;

/// How many paths are named for one damage.
const NAMED_PATHS: usize = 1000;
/// How many directories are searched for damaged paths in one snapshot: an archive made by an enemy
/// can have one directory in more places than could ever be named.
const SEARCHED_DIRS: usize = 1_000_000;

/// A chunk list as something refers to it: id, bytes, and the level that a parent demands.
type ListKey = (Id, u64, Option<u8>);

/// What snapshots name, followed once: trees and list nodes that have a verdict are not opened again.
pub(super) struct Follow<'a> {
    reader: &'a ObjectReader,
    progress: &'a Progress,
    /// Objects that cannot be used, and what they cost.
    lost: &'a mut BTreeMap<Id, Damaged>,
    /// Whether everything below a tree can be read.
    trees: HashMap<Id, bool>,
    /// Whether everything below a list node can be read.
    lists: HashMap<ListKey, bool>,
    checked: HashSet<Id>,
    /// How many bases stand behind chunks, where all of them are there.
    bases: HashMap<Id, usize>,
    /// The lost objects below each root that was searched for them.
    blamed: HashMap<Id, BTreeSet<Id>>,
    /// Those below the root that is searched.
    charged: BTreeSet<Id>,
}

/// A tree whose entries are being followed.
struct Open<'a> {
    id: Id,
    entries: TreeReader<'a>,
    sound: bool,
}

impl<'a> Follow<'a> {
    pub(super) fn new(
        reader: &'a ObjectReader,
        lost: &'a mut BTreeMap<Id, Damaged>,
        progress: &'a Progress,
    ) -> Self {
        let (trees, lists, checked, bases) = Default::default();
        Self {
            reader,
            progress,
            lost,
            trees,
            lists,
            checked,
            bases,
            blamed: HashMap::new(),
            charged: BTreeSet::new(),
        }
    }

    /// How many different objects were met.
    pub(super) fn checked_count(&self) -> usize {
        self.checked.len()
    }

    /// Whether an object was met.
    pub(super) fn has_met(&self, id: &Id) -> bool {
        self.checked.contains(id)
    }

    /// Follows one snapshot, and says of every lost object in it which paths it costs.
    pub(super) fn snapshot(&mut self, id: Id, root: Id) -> Result<()> {
        self.checked.insert(id);
        if self.is_tree_sound(root)? {
            return Ok(());
        }
        // Ticks of one state lack the same at the same paths.
        if let Some(objects) = self.blamed.get(&root) {
            for object in objects {
                if let Some(damaged) = self.lost.get_mut(object) {
                    damaged.snapshots.insert(id);
                }
            }
            return Ok(());
        }
        self.blame(id, root)?;
        let charged = std::mem::take(&mut self.charged);
        self.blamed.insert(root, charged);
        Ok(())
    }

    /// Notes an object that cannot be used; other errors end the verification.
    fn note(&mut self, error: Error) -> Result<Id> {
        let damaged = Damaged::from_error(&error);
        match damaged.object.filter(|_| error.is_damage()) {
            Some((_, id)) => {
                self.lost.entry(id).or_insert(damaged);
                Ok(id)
            }
            None => Err(error),
        }
    }

    /// Whether everything below a tree can be read. The walk keeps its own stack: nesting is the archive's choice.
    fn is_tree_sound(&mut self, root: Id) -> Result<bool> {
        if let Some(sound) = self.trees.get(&root) {
            return Ok(*sound);
        }
        let open = |id| Open {
            id,
            entries: TreeReader::new(self.reader, id),
            sound: true,
        };
        let mut stack = vec![open(root)];
        loop {
            self.progress.check()?;
            let level = stack.len();
            let Some(current) = stack.last_mut() else { break };
            let sound = match current.entries.next() {
                Some(Ok(entry)) => match entry.node {
                    Node::Dir { tree } if level >= DEPTH => {
                        self.note(nested_too_deep(tree))?;
                        false
                    }
                    Node::Dir { tree } => match self.trees.get(&tree) {
                        Some(sound) => *sound,
                        None => {
                            stack.push(Open {
                                id: tree,
                                entries: TreeReader::new(self.reader, tree),
                                sound: true,
                            });
                            continue;
                        }
                    },
                    Node::File { size, content } => self.is_content_sound(size, content)?,
                    _ => true,
                },
                Some(Err(error)) => {
                    self.note(error)?;
                    false
                }
                None => {
                    let Some(done) = stack.pop() else { break };
                    self.checked.insert(done.id);
                    self.trees.insert(done.id, done.sound);
                    done.sound
                }
            };
            if let Some(current) = stack.last_mut() {
                current.sound &= sound;
            }
        }
        Ok(self.trees.get(&root).copied().unwrap_or(false))
    }

    fn is_content_sound(&mut self, size: u64, content: Content) -> Result<bool> {
        match content {
            Content::Empty => Ok(true),
            Content::Chunk(id) => Ok(self.is_chunk_sound(id, size)),
            Content::List(id) => self.is_list_sound((id, size, None)),
        }
    }

    fn is_chunk_sound(&mut self, id: Id, len: u64) -> bool {
        self.checked.insert(id);
        if self.lost.contains_key(&id) {
            return false;
        }
        let reason = match self.reader.find(&id) {
            Some(at) if at.object.kind == Kind::Chunk && u64::from(at.plain_len()) == len => {
                if self.has_bases(id) {
                    return true;
                }
                // Other copies may do, of which the directories alone tell too little.
                let Err(error) = self.reader.get(Kind::Chunk, id) else {
                    return true;
                };
                self.lost.insert(id, Damaged::from_error(&error));
                return false;
            }
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

    /// Whether the bases of a chunk are there, by the directories: those of the copies that are tried first.
    fn has_bases(&mut self, id: Id) -> bool {
        let index = self.reader.index();
        let (mut path, mut next) = (Vec::new(), id);
        let mut bases = loop {
            if let Some(bases) = self.bases.get(&next) {
                break *bases;
            }
            match index.find(&next) {
                Some(at) if at.object.kind == Kind::Chunk && !self.lost.contains_key(&next) => {
                    let Some(delta) = at.delta else { break 0 };
                    if path.len() == CHAIN {
                        return false;
                    }
                    path.push(next);
                    next = delta.base;
                }
                _ => return false,
            }
        };
        for id in path.into_iter().rev() {
            bases += 1;
            if bases > CHAIN {
                return false;
            }
            self.bases.insert(id, bases);
        }
        true
    }

    /// Whether everything below a list node can be read. Levels sink, so that this ends after eight calls.
    fn is_list_sound(&mut self, key: ListKey) -> Result<bool> {
        if let Some(sound) = self.lists.get(&key) {
            return Ok(*sound);
        }
        self.progress.check()?;
        let (id, len, level) = key;
        self.checked.insert(id);
        let mut sound = true;
        match load_list_node(self.reader, id, len, level) {
            Ok(node) => {
                for item in node.items {
                    sound &= match (item.id, node.level) {
                        (None, _) => true,
                        (Some(chunk), 0) => self.is_chunk_sound(chunk, item.len),
                        (Some(child), level) => self.is_list_sound((child, item.len, Some(level - 1)))?,
                    };
                }
            }
            Err(error) => {
                self.note(error)?;
                sound = false;
            }
        }
        self.lists.insert(key, sound);
        Ok(sound)
    }

    /// The lost objects that a list needs, itself included. Each node is looked at once.
    fn lost_in_list(&mut self, root: ListKey) -> Result<BTreeSet<Id>> {
        let mut lost = BTreeSet::new();
        let mut seen = HashSet::from([root]);
        let mut ahead = vec![root];
        while let Some((id, len, level)) = ahead.pop() {
            self.progress.check()?;
            let node = match load_list_node(self.reader, id, len, level) {
                Ok(node) => node,
                Err(error) => {
                    lost.insert(self.note(error)?);
                    continue;
                }
            };
            for item in node.items {
                let Some(id) = item.id else { continue };
                let key = (id, item.len, node.level.checked_sub(1));
                match node.level {
                    0 if !self.is_chunk_sound(id, item.len) => drop(lost.insert(id)),
                    0 => {}
                    _ if self.lists.get(&key) == Some(&false) && seen.insert(key) => ahead.push(key),
                    _ => {}
                }
            }
        }
        Ok(lost)
    }

    /// Says of every lost object below an unsound root which snapshot and paths it costs.
    fn blame(&mut self, snapshot: Id, root: Id) -> Result<()> {
        let mut levels: Vec<(TreeReader<'a>, usize)> = vec![(TreeReader::new(self.reader, root), 0)];
        let mut path: Vec<u8> = Vec::new();
        let mut searched = 0;
        while searched <= SEARCHED_DIRS {
            self.progress.check()?;
            let level = levels.len();
            let Some((entries, path_len)) = levels.last_mut() else {
                break;
            };
            path.truncate(*path_len);
            let entry = match entries.next() {
                Some(Ok(entry)) => entry,
                Some(Err(error)) => {
                    let id = self.note(error)?;
                    self.charge(id, snapshot, &path);
                    continue;
                }
                None => {
                    levels.pop();
                    continue;
                }
            };
            push_name(&mut path, &entry.name);
            match entry.node {
                Node::Dir { tree } if level >= DEPTH => self.charge(tree, snapshot, &path),
                Node::Dir { tree } if self.trees.get(&tree) == Some(&false) => {
                    searched += 1;
                    levels.push((TreeReader::new(self.reader, tree), path.len()));
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

    fn lost_in_file(&mut self, entry: &Entry) -> Result<BTreeSet<Id>> {
        Ok(match entry.node {
            Node::File {
                size,
                content: Content::Chunk(id),
            } if !self.is_chunk_sound(id, size) => BTreeSet::from([id]),
            Node::File {
                size,
                content: Content::List(id),
            } if self.lists.get(&(id, size, None)) == Some(&false) => self.lost_in_list((id, size, None))?,
            _ => BTreeSet::new(),
        })
    }

    fn charge(&mut self, object: Id, snapshot: Id, path: &[u8]) {
        if let Some(damaged) = self.lost.get_mut(&object) {
            self.charged.insert(object);
            damaged.snapshots.insert(snapshot);
            if damaged.paths.len() < NAMED_PATHS {
                damaged.paths.insert(path.to_vec());
            }
        }
    }
}

fn nested_too_deep(tree: Id) -> Error {
    let flaw = Flaw::new("tree", "nesting", format!("is deeper than {} levels", DEPTH - 1));
    Error::Invalid {
        kind: Kind::Tree,
        id: tree,
        flaw,
    }
}

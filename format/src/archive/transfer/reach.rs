//! Everything that snapshots name: followed through directories and chunk lists, whose bytes are read and compared with their
//! ids, down to the chunks, which are not read.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Target;
use super::picked::Picked;
use crate::content::{LeafOrder, TreePart, load_list_node};
use crate::error::{Error, Flaw, Result};
use crate::id::{Id, Kind};
use crate::index::{Index, Location, Marks};
use crate::limits::DEPTH;
use crate::model::{Content, Entry, Node};
use crate::progress::Progress;
use crate::segment::ObjectReader;
use crate::wire::TreeNode;

/// What snapshots of an archive reach, each object met once. Whatever refers to an object is checked each time: what one says of
/// it, another need not say.
pub(super) struct Reach<'a> {
    source: &'a ObjectReader,
    /// As it was when the copy began, or when something was found again that it did not tell of.
    index: Arc<Index>,
    has_moved: bool,
    target: Target<'a>,
    progress: &'a Progress,
    /// What was met, or need not be looked at, at the place where it was then.
    seen: Marks,
    wanted: Picked,
    /// Chunk lists as something refers to them, with everything below them.
    lists: HashSet<ListKey>,
    /// First and last names of leaves that are no roots: those of directories with very many entries.
    leaves: HashMap<Id, (Vec<u8>, Vec<u8>)>,
}

/// A chunk list as something refers to it: id, bytes, and the level that a parent demands.
type ListKey = (Id, u64, Option<u8>);

/// A directory to follow.
struct Step {
    tree: Id,
    /// The directory at the same place in a tree that the target has whole.
    base: Option<Id>,
    level: usize,
}

impl<'a> Reach<'a> {
    pub(super) fn new(source: &'a ObjectReader, target: Target<'a>, progress: &'a Progress) -> Self {
        Self {
            source,
            index: source.index(),
            has_moved: false,
            target,
            progress,
            seen: Marks::default(),
            wanted: Picked::default(),
            lists: HashSet::new(),
            leaves: HashMap::new(),
        }
    }

    /// Where things are now, and the objects that the target lacks, each once.
    pub(super) fn finish(self) -> Result<(Arc<Index>, Picked)> {
        let Self { index, wanted, .. } = self;
        // Only tables, and who merges, make something be elsewhere than it was.
        if !self.has_moved && index.coverings().is_empty() {
            return Ok((index, wanted));
        }
        let mut once = Picked::default();
        for at in wanted.iter() {
            let now = index.find(&at.object.id);
            let now = now.filter(|now| now.object.kind == at.object.kind);
            let now = now.unwrap_or_else(|| at.clone());
            if now.plain_len() != at.plain_len() {
                return Err(wrong_length(at.object.kind, at.object.id));
            }
            once.insert(&now);
        }
        Ok((index, once))
    }

    /// Follows a snapshot. What stands at the same place in `base` is passed over: a tree that the target has with everything
    /// below it, as no tree can be said to be that no snapshot names there.
    pub(super) fn snapshot(&mut self, root: Id, base: Option<Id>) -> Result<()> {
        let mut ahead = vec![Step {
            tree: root,
            base,
            level: 1,
        }];
        while let Some(step) = ahead.pop() {
            self.progress.check()?;
            match step.base == Some(step.tree) {
                true => self.note(Kind::Tree, step.tree),
                false => self.directory(step, &mut ahead)?,
            }
        }
        Ok(())
    }

    fn directory(&mut self, step: Step, ahead: &mut Vec<Step>) -> Result<()> {
        if self.is_seen(step.tree) {
            return Ok(());
        }
        if step.level >= DEPTH {
            return Err(nested_too_deep(step.tree));
        }
        let old = step.base.map(|base| self.pass_over(base));
        let old = old.unwrap_or_default();
        let mut parts = vec![TreePart::root(step.tree)];
        let mut order = LeafOrder::default();
        while let Some(part) = parts.pop() {
            self.progress.check()?;
            let is_new = self.meet(Kind::Tree, part.id)?;
            if !is_new && let Some((first, last)) = self.leaves.get(&part.id) {
                part.check(0, Some(first))?;
                order.follow(part.id, Some(first), Some(last))?;
                continue;
            }
            let entries = match self.load(&part)? {
                TreeNode::Leaf(entries) => entries,
                TreeNode::Inner { level, children } => {
                    let children = children.into_iter().rev();
                    parts.extend(children.map(|child| TreePart::child(level, child)));
                    continue;
                }
            };
            let first = entries.first().map(|entry| &entry.name);
            let last = entries.last().map(|entry| &entry.name);
            order.follow(part.id, first, last)?;
            self.remember(&part, &entries);
            if is_new {
                for entry in entries {
                    match entry.node {
                        Node::Dir { tree } => ahead.push(Step {
                            tree,
                            base: old.get(&entry.name).copied(),
                            level: step.level + 1,
                        }),
                        Node::File { size, content } => self.content(size, content)?,
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// A node of a directory, as its parent says it is. What the target has need not be readable in the source.
    fn load(&self, part: &TreePart) -> Result<TreeNode> {
        part.load(self.source).or_else(|error| match self.target.0 {
            Some(target) if error.is_damage() && target.has(Kind::Tree, part.id) => part.load(target),
            _ => Err(error),
        })
    }

    /// Keeps what the order of names needs of a leaf, so that it is read once however many directories share it.
    fn remember(&mut self, part: &TreePart, entries: &[Entry]) {
        if let ([first, ..], [.., last]) = (entries, entries)
            && !part.is_root()
        {
            let names = (first.name.clone(), last.name.clone());
            self.leaves.insert(part.id, names);
        }
    }

    /// Marks what a directory names that the target has whole, as far as the source has it too; gives its directories.
    fn pass_over(&mut self, tree: Id) -> HashMap<Vec<u8>, Id> {
        let mut directories = HashMap::new();
        let mut parts = vec![TreePart::root(tree)];
        while let Some(part) = parts.pop() {
            if !self.index.contains(&part.id) {
                continue;
            }
            match part.load(self.source) {
                Ok(TreeNode::Inner { level, children }) => {
                    parts.extend(children.into_iter().map(|child| TreePart::child(level, child)));
                }
                Ok(TreeNode::Leaf(entries)) => {
                    self.remember(&part, &entries);
                    for entry in entries {
                        match entry.node {
                            Node::Dir { tree } => drop(directories.insert(entry.name, tree)),
                            Node::File { size, content } => self.note_content(size, content),
                            _ => {}
                        }
                    }
                }
                // It is a hint: what cannot be read here costs time.
                Err(_) => {}
            }
            self.note(Kind::Tree, part.id);
        }
        directories
    }

    /// Marks the content of a file that the target has whole, with this size.
    fn note_content(&mut self, size: u64, content: Content) {
        match content {
            Content::Empty => {}
            Content::List(id) => drop(self.lists.insert((id, size, None))),
            Content::Chunk(id) => {
                // What the source says of its length counts from then on.
                let at = self.index.find(&id);
                if let Some(at) = at.filter(|at| is_chunk_of(at, size)) {
                    self.seen.insert(&at);
                }
            }
        }
    }

    fn content(&mut self, size: u64, content: Content) -> Result<()> {
        match content {
            Content::Empty => Ok(()),
            Content::Chunk(id) => self.chunk(id, size),
            Content::List(id) => self.list(id, size),
        }
    }

    fn chunk(&mut self, id: Id, len: u64) -> Result<()> {
        let at = self.find(Kind::Chunk, id)?;
        if !is_chunk_of(&at, len) {
            return Err(wrong_length(Kind::Chunk, id));
        }
        // The target's own stays as it is, whatever the source says of the one with this id.
        if self.take(&at)
            && let Some(there) = self.target.find(&id)
            && !is_chunk_of(&there, len)
        {
            return Err(wrong_length(Kind::Chunk, id));
        }
        Ok(())
    }

    fn list(&mut self, root: Id, size: u64) -> Result<()> {
        let mut ahead: Vec<ListKey> = vec![(root, size, None)];
        while let Some(key) = ahead.pop() {
            self.progress.check()?;
            if !self.lists.insert(key) {
                continue;
            }
            let (id, len, level) = key;
            self.meet(Kind::ChunkList, id)?;
            let node = load_list_node(self.source, id, len, level)?;
            for item in node.items {
                match (item.id, node.level.checked_sub(1)) {
                    (None, _) => {}
                    (Some(id), None) => self.chunk(id, item.len)?,
                    (Some(id), below) => ahead.push((id, item.len, below)),
                }
            }
        }
        Ok(())
    }

    /// Notes an object, which the target may lack; false if it was met before.
    fn meet(&mut self, kind: Kind, id: Id) -> Result<bool> {
        let at = self.find(kind, id)?;
        Ok(self.take(&at))
    }

    fn take(&mut self, at: &Location) -> bool {
        let is_new = self.seen.insert(at);
        if is_new && !self.target.has(at.object.kind, at.object.id) {
            self.wanted.insert(at);
        }
        is_new
    }

    fn find(&mut self, kind: Kind, id: Id) -> Result<Location> {
        let missing = Error::Missing { kind, id };
        let at = match self.index.find(&id) {
            Some(at) => at,
            None => self.find_again(&id).ok_or(missing)?,
        };
        if at.object.kind == kind {
            return Ok(at);
        }
        // The reader knows what to say of it, and whether another copy will do.
        self.source.get(kind, id)?;
        let mut copies = self.index.find_all(id);
        copies
            .find(|at| at.object.kind == kind)
            .ok_or(Error::Missing { kind, id })
    }

    /// A table may be wrong, and a segment may have been merged into another since the copy began.
    fn find_again(&mut self, id: &Id) -> Option<Location> {
        let found = self.source.find(id);
        self.index = self.source.index();
        self.has_moved = true;
        found
    }

    fn is_seen(&self, tree: Id) -> bool {
        let at = self.index.find(&tree);
        at.is_some_and(|at| self.seen.contains(at.segment.name, at.number))
    }

    fn note(&mut self, kind: Kind, id: Id) {
        let at = self.index.find(&id);
        if let Some(at) = at.filter(|at| at.object.kind == kind) {
            self.seen.insert(&at);
        }
    }
}

fn is_chunk_of(at: &Location, len: u64) -> bool {
    at.object.kind == Kind::Chunk && u64::from(at.plain_len()) == len
}

fn wrong_length(kind: Kind, id: Id) -> Error {
    let flaw = Flaw::new("object", "length", "is not what refers to it says");
    Error::Invalid { kind, id, flaw }
}

fn nested_too_deep(tree: Id) -> Error {
    let flaw = Flaw::new("tree", "nesting", format!("is deeper than {} levels", DEPTH - 1));
    Error::Invalid {
        kind: Kind::Tree,
        id: tree,
        flaw,
    }
}

//! Everything that snapshots name: followed through directories and chunk lists, whose bytes are read and compared with their
//! ids, down to the chunks, which are not read.

use std::collections::HashMap;
use std::sync::Arc;

use super::Target;
use super::marks::Marks;
use crate::content::load_list_node;
use crate::error::{Error, Flaw, Result};
use crate::id::{Id, Kind};
use crate::index::{Index, Location};
use crate::limits::DEPTH;
use crate::model::{Content, Entry, Node};
use crate::progress::Progress;
use crate::segment::ObjectReader;
use crate::wire::TreeNode;

/// What snapshots of an archive reach, each object met once.
pub(super) struct Reach<'a> {
    source: &'a ObjectReader,
    /// As it was when the copy began: marks stand for its places.
    index: Arc<Index>,
    target: Target<'a>,
    progress: &'a Progress,
    /// What was met, or need not be looked at.
    seen: Marks,
    wanted: Marks,
}

/// A directory to follow.
struct Step {
    tree: Id,
    /// The directory at the same place in a tree that the target has whole.
    base: Option<Id>,
    level: usize,
}

/// A node of a directory.
struct TreePart {
    id: Id,
    /// The level that its parent says.
    level: Option<u8>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(source: &'a ObjectReader, target: Target<'a>, progress: &'a Progress) -> Self {
        Self {
            source,
            index: source.index(),
            target,
            progress,
            seen: Marks::default(),
            wanted: Marks::default(),
        }
    }

    /// Objects that the target lacks.
    pub(super) fn wanted(&self) -> &Marks {
        &self.wanted
    }

    pub(super) fn index(&self) -> &Arc<Index> {
        &self.index
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
                true => self.note(step.tree),
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
            let reason = format!("is deeper than {} levels", DEPTH - 1);
            return Err(invalid(step.tree, "nesting", reason));
        }
        let old = step.base.map(|base| self.pass_over(base));
        let old = old.unwrap_or_default();
        let mut parts = vec![TreePart {
            id: step.tree,
            level: None,
        }];
        while let Some(part) = parts.pop() {
            if !self.meet(Kind::Tree, part.id)? {
                continue;
            }
            for entry in self.part(&part, &mut parts)? {
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
        Ok(())
    }

    /// The entries of a leaf; the children of an inner node are for later.
    fn part(&self, part: &TreePart, parts: &mut Vec<TreePart>) -> Result<Vec<Entry>> {
        let node = self.load(part.id)?;
        let level = match &node {
            TreeNode::Leaf(_) => 0,
            TreeNode::Inner { level, .. } => *level,
        };
        if part.level.is_some_and(|expected| expected != level) {
            return Err(invalid(
                part.id,
                "level",
                "is not one below that of its parent".into(),
            ));
        }
        Ok(match node {
            TreeNode::Leaf(entries) => entries,
            TreeNode::Inner { level, children } => {
                parts.extend(children.into_iter().map(|child| TreePart {
                    id: child.id,
                    level: Some(level - 1),
                }));
                Vec::new()
            }
        })
    }

    fn load(&self, id: Id) -> Result<TreeNode> {
        let bytes = self.source.get(Kind::Tree, id)?;
        TreeNode::decode(&bytes).map_err(|flaw| Error::Invalid {
            kind: Kind::Tree,
            id,
            flaw,
        })
    }

    /// Marks what a directory names that the target has whole, as far as the source has it too; gives its directories.
    fn pass_over(&mut self, tree: Id) -> HashMap<Vec<u8>, Id> {
        let mut directories = HashMap::new();
        let mut parts = vec![TreePart {
            id: tree,
            level: None,
        }];
        while let Some(part) = parts.pop() {
            if !self.index.contains(&part.id) {
                continue;
            }
            // It is a hint: what cannot be read here costs time.
            for entry in self.part(&part, &mut parts).unwrap_or_default() {
                match entry.node {
                    Node::Dir { tree } => drop(directories.insert(entry.name, tree)),
                    Node::File { content, .. } => match content {
                        Content::Chunk(id) | Content::List(id) => self.note(id),
                        Content::Empty => {}
                    },
                    _ => {}
                }
            }
            self.note(part.id);
        }
        directories
    }

    fn content(&mut self, size: u64, content: Content) -> Result<()> {
        match content {
            Content::Empty => Ok(()),
            Content::Chunk(id) => self.chunk(id, size),
            Content::List(id) => self.list(id, size),
        }
    }

    fn chunk(&mut self, id: Id, len: u64) -> Result<()> {
        if self.meet(Kind::Chunk, id)?
            && let Some(at) = self.index.find(&id)
            && u64::from(at.plain_len()) != len
        {
            let flaw = Flaw::new("chunk", "length", "is not what the file says");
            let kind = Kind::Chunk;
            return Err(Error::Invalid { kind, id, flaw });
        }
        Ok(())
    }

    fn list(&mut self, root: Id, size: u64) -> Result<()> {
        let mut ahead = vec![(root, size, None)];
        while let Some((id, len, level)) = ahead.pop() {
            self.progress.check()?;
            if !self.meet(Kind::ChunkList, id)? {
                continue;
            }
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
        if !self.seen.insert(&at) {
            return Ok(false);
        }
        if !self.target.has(kind, id) {
            self.wanted.insert(&at);
        }
        Ok(true)
    }

    fn find(&self, kind: Kind, id: Id) -> Result<Location> {
        let at = self.index.find(&id).ok_or(Error::Missing { kind, id })?;
        if at.object.kind != kind {
            // The reader knows what to say of it, and whether another copy will do.
            self.source.get(kind, id)?;
        }
        Ok(at)
    }

    fn is_seen(&self, id: Id) -> bool {
        let at = self.index.find(&id);
        at.is_some_and(|at| self.seen.contains(&at))
    }

    fn note(&mut self, id: Id) {
        if let Some(at) = self.index.find(&id) {
            self.seen.insert(&at);
        }
    }
}

fn invalid(id: Id, field: &'static str, reason: String) -> Error {
    let flaw = Flaw::new("tree", field, reason);
    Error::Invalid {
        kind: Kind::Tree,
        id,
        flaw,
    }
}

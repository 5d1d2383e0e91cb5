//! Marking what snapshots need: a bit for each object of each segment, of one copy of it.

use std::collections::HashSet;
use std::sync::Arc;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::error::{Error, Flaw, Result};
use crate::id::{Id, Kind};
use crate::index::{Index, IndexedSegment, Location, Marks};
use crate::model::{Content, Node};
use crate::progress::Progress;
use crate::segment::ObjectReader;
use crate::store::Name;
use crate::wire::{ListNode, TreeNode};

/// How many nodes are read at once.
const BATCH: usize = 256;

/// Which objects of each segment are needed.
pub(in crate::archive) struct Needed<'a> {
    reader: &'a ObjectReader,
    index: Arc<Index>,
    progress: &'a Progress,
    needed: Marks,
    /// Whose references are marked, or will be: what is needed as a base only has none that are.
    followed: Marks,
}

/// A node whose references are still to be marked.
type Ahead = (Kind, Id);

impl<'a> Needed<'a> {
    pub(in crate::archive) fn new(reader: &'a ObjectReader, progress: &'a Progress) -> Self {
        Self {
            reader,
            index: reader.index(),
            progress,
            needed: Marks::default(),
            followed: Marks::default(),
        }
    }

    /// Marks everything that these trees need. What was marked before is not looked at again.
    pub(in crate::archive) fn add_trees(&mut self, roots: impl Iterator<Item = Id>) -> Result<()> {
        let mut ahead: Vec<Ahead> = Vec::new();
        for root in roots {
            self.add(Kind::Tree, root, &mut ahead)?;
        }
        while !ahead.is_empty() {
            self.progress.check()?;
            let batch = ahead.split_off(ahead.len().saturating_sub(BATCH));
            let reader = self.reader;
            let found: Vec<Vec<Ahead>> = batch
                .into_par_iter()
                .map(|node| references(reader, node))
                .collect::<Result<_>>()?;
            for (kind, id) in found.into_iter().flatten() {
                self.add(kind, id, &mut ahead)?;
            }
        }
        Ok(())
    }

    /// Whether an object of a segment is needed.
    pub(in crate::archive) fn has(&self, segment: &IndexedSegment, id: &Id) -> bool {
        let number = segment.directory.find(id);
        number.is_some_and(|number| self.needed.contains(segment.name, number))
    }

    /// Whether anything of a segment is needed.
    pub(in crate::archive) fn has_any(&self, segment: Name) -> bool {
        self.needed.has_any(segment)
    }

    fn add(&mut self, kind: Kind, id: Id, ahead: &mut Vec<Ahead>) -> Result<()> {
        let at = match self.index.find(&id) {
            Some(at) => at,
            None => self.find_again(&id).ok_or(Error::Missing { kind, id })?,
        };
        if at.object.kind != kind {
            let flaw = Flaw::new("directory", "object kind", format!("is not {kind}"));
            return Err(Error::Invalid { kind, id, flaw });
        }
        if !self.followed.insert(&at) {
            return Ok(());
        }
        if !self.add_chain(&at) {
            self.add_another(kind, id)?;
        }
        if kind != Kind::Chunk {
            ahead.push((kind, id));
        }
        Ok(())
    }

    /// A table may be wrong.
    fn find_again(&mut self, id: &Id) -> Option<Location> {
        let found = self.reader.find(id);
        self.index = self.reader.index();
        found
    }

    /// Marks an object and what it is made from; false if it cannot be made from the copies that are read first.
    fn add_chain(&mut self, first: &Location) -> bool {
        let chain: Option<Vec<Location>> = self.index.chain(first.clone()).collect();
        let chain = chain.unwrap_or_default();
        let is_whole = chain.last().is_some_and(|at| at.delta.is_none());
        if is_whole {
            for at in &chain {
                self.needed.insert(at);
            }
        }
        is_whole
    }

    /// Marks another copy of an object, whose first one leads nowhere: the first good one, or if it takes copies of bases that are
    /// not read first, all of them.
    fn add_another(&mut self, kind: Kind, id: Id) -> Result<()> {
        self.reader.get(kind, id)?;
        // Reading it may have shown that there is more than was known, or less.
        self.index = self.reader.index();
        let index = Arc::clone(&self.index);
        for at in index.find_all(id) {
            if self.reader.is_sound(&at) && self.add_chain(&at) {
                return Ok(());
            }
        }
        let (mut met, mut ahead) = (HashSet::from([id]), vec![id]);
        while let Some(id) = ahead.pop() {
            for at in index.find_all(id) {
                self.needed.insert(&at);
                ahead.extend(at.delta.map(|delta| delta.base).filter(|base| met.insert(*base)));
            }
        }
        Ok(())
    }

    /// Marks this copy of an object, too, if it is good. Returns whether it is.
    pub(super) fn add_copy(&mut self, at: &Location) -> bool {
        self.reader.is_sound(at) && self.add_chain(at)
    }
}

/// What a node refers to.
fn references(reader: &ObjectReader, (kind, id): Ahead) -> Result<Vec<Ahead>> {
    let bytes = reader.get(kind, id)?;
    let invalid = |flaw| Error::Invalid { kind, id, flaw };
    let mut found = Vec::new();
    if kind == Kind::ChunkList {
        let node = ListNode::decode(&bytes).map_err(invalid)?;
        let below = if node.level == 0 {
            Kind::Chunk
        } else {
            Kind::ChunkList
        };
        found.extend(node.items.iter().filter_map(|item| Some((below, item.id?))));
        return Ok(found);
    }
    match TreeNode::decode(&bytes).map_err(invalid)? {
        TreeNode::Inner { children, .. } => found.extend(children.iter().map(|child| (Kind::Tree, child.id))),
        TreeNode::Leaf(entries) => found.extend(entries.iter().filter_map(|entry| match entry.node {
            Node::Dir { tree } => Some((Kind::Tree, tree)),
            Node::File { content, .. } => match content {
                Content::Chunk(id) => Some((Kind::Chunk, id)),
                Content::List(id) => Some((Kind::ChunkList, id)),
                Content::Empty => None,
            },
            _ => None,
        })),
    }
    Ok(found)
}

//! The nodes that new ones replace: those of the parent's directory or list, known by where they start.

use std::cell::OnceCell;

use crate::error::Result;
use crate::id::Id;
use crate::limits::NODE_LEVEL;
use crate::segment::ObjectReader;

/// How many inner nodes are opened, and how many nodes are known at most: enough for directories of millions of entries. Only an enemy's
/// have more.
const OPENED_NODES: usize = 4096;
const KNOWN_NODES: usize = 1 << 18;

/// Nodes with where their parts start, in order.
pub(super) type Starts<K> = Vec<(K, Id)>;

/// A node that stands for a part of something ordered, such as the names of a directory.
pub(super) trait Ranged {
    /// Where a node's part starts.
    type Key: Ord + Clone;

    /// The level of a node, and its children with where they start; none for a leaf.
    fn open(reader: &ObjectReader, id: Id, key: &Self::Key) -> Result<(u8, Starts<Self::Key>)>;
}

/// All nodes of one directory or list, found when the first of them is asked for.
pub(super) struct Replaced<'a, N: Ranged> {
    root: Option<(&'a ObjectReader, N::Key, Id)>,
    /// The nodes of each level in order, the leaves first.
    levels: OnceCell<Vec<Starts<N::Key>>>,
}

impl<'a, N: Ranged> Replaced<'a, N> {
    /// Nothing is replaced.
    pub(super) fn nothing() -> Self {
        Self {
            root: None,
            levels: OnceCell::new(),
        }
    }

    /// The nodes below and including this one, whose part starts at `key`.
    pub(super) fn below(reader: &'a ObjectReader, key: N::Key, root: Id) -> Self {
        Self {
            root: Some((reader, key, root)),
            levels: OnceCell::new(),
        }
    }

    /// The node of a level in whose part `key` lies, or the first.
    pub(super) fn find(&self, level: u8, key: &N::Key) -> Option<Id> {
        // What cannot be read is no base.
        let load = || self.load().unwrap_or_default();
        let nodes = self.levels.get_or_init(load).get(usize::from(level))?;
        let behind = nodes.partition_point(|(start, _)| start <= key);
        nodes.get(behind.saturating_sub(1)).map(|(_, id)| *id)
    }

    fn load(&self) -> Result<Vec<Starts<N::Key>>> {
        let Some((reader, key, root)) = &self.root else {
            return Ok(Vec::new());
        };
        let (level, mut children) = N::open(reader, *root, key)?;
        let mut levels = vec![Vec::new(); usize::from(level.min(NODE_LEVEL)) + 1];
        levels[usize::from(level.min(NODE_LEVEL))] = vec![(key.clone(), *root)];
        let mut opened = 1;
        for below in (0..usize::from(level.min(NODE_LEVEL))).rev() {
            levels[below] = children;
            children = Vec::new();
            if below == 0 {
                break;
            }
            for (key, id) in &levels[below] {
                if opened == OPENED_NODES || children.len() >= KNOWN_NODES {
                    break;
                }
                opened += 1;
                children.extend(N::open(reader, *id, key)?.1);
            }
        }
        Ok(levels)
    }
}

//! Directories as trees (`spec/FORMAT.md`, section 8).

use super::ObjectSink;
use super::nodes::{Nodes, Reference, SPLIT_ITEMS};
use super::replaced::{Ranged, Replaced, Starts};
use crate::error::{Error, Flaw, Result};
use crate::id::{Id, Kind};
use crate::model::{Entry, display_bytes};
use crate::segment::ObjectReader;
use crate::wire::{Child, TreeNode};

/// A leaf ends once its entries have so many bytes.
const LEAF_BYTES: usize = 1 << 20;

impl Ranged for Child {
    type Key = Vec<u8>;

    fn open(reader: &ObjectReader, id: Id, _first: &Vec<u8>) -> Result<(u8, Starts<Vec<u8>>)> {
        Ok(match load(reader, id)? {
            TreeNode::Leaf(_) => (0, Vec::new()),
            TreeNode::Inner { level, children } => {
                let children = children.into_iter().map(|child| (child.first, child.id));
                (level, children.collect())
            }
        })
    }
}

impl Reference for Child {
    const KIND: Kind = Kind::Tree;

    fn id(&self) -> Id {
        self.id
    }

    fn key(&self) -> &Vec<u8> {
        &self.first
    }

    fn ends_node(&self, level: u8) -> bool {
        blake3::hash(&self.first).as_bytes()[usize::from(level)] == 0
    }

    fn encode_node(level: u8, references: Vec<Self>) -> Vec<u8> {
        TreeNode::Inner {
            level,
            children: references,
        }
        .encode()
    }

    fn summary(references: &[Self]) -> impl FnOnce(Id) -> Self + use<> {
        let first = references
            .first()
            .map(|child| child.first.clone())
            .unwrap_or_default();
        move |id| Self { first, id }
    }
}

/// Builds the tree of one directory, entry by entry.
pub struct TreeBuilder<'a> {
    leaf: Vec<Entry>,
    leaf_bytes: usize,
    /// The last name of the leaf before.
    last_closed: Vec<u8>,
    count: u64,
    nodes: Nodes<'a, Child>,
}

impl Default for TreeBuilder<'_> {
    fn default() -> Self {
        Self::with_nodes(Nodes::new(Replaced::nothing()))
    }
}

impl<'a> TreeBuilder<'a> {
    /// A tree that takes the place of another.
    pub fn replacing(reader: &'a ObjectReader, tree: Id) -> Self {
        Self::with_nodes(Nodes::new(Replaced::below(reader, Vec::new(), tree)))
    }

    fn with_nodes(nodes: Nodes<'a, Child>) -> Self {
        Self {
            leaf: Vec::new(),
            leaf_bytes: 0,
            last_closed: Vec::new(),
            count: 0,
            nodes,
        }
    }

    /// Adds the next entry. Names must come in strictly ascending order.
    pub fn push(&mut self, entry: Entry, sink: &mut dyn ObjectSink) -> Result<()> {
        let last = self.leaf.last().map_or(&self.last_closed, |last| &last.name);
        if *last >= entry.name {
            let (name, last) = (display_bytes(&entry.name), display_bytes(last));
            return Err(Error::Request(format!(
                "{name:?} cannot follow {last:?} in a directory"
            )));
        }
        let ends = blake3::hash(&entry.name).as_bytes()[0] == 0;
        self.leaf_bytes += TreeNode::entry_len(&entry);
        self.count += 1;
        self.leaf.push(entry);
        if ends || self.leaf.len() >= SPLIT_ITEMS || self.leaf_bytes >= LEAF_BYTES {
            self.close_leaf(sink)?;
        }
        Ok(())
    }

    /// How many entries there are so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    fn close_leaf(&mut self, sink: &mut dyn ObjectSink) -> Result<()> {
        let entries = std::mem::take(&mut self.leaf);
        self.leaf_bytes = 0;
        if let Some(last) = entries.last() {
            self.last_closed.clone_from(&last.name);
        }
        let first = entries
            .first()
            .map(|entry| entry.name.clone())
            .unwrap_or_default();
        let id = self
            .nodes
            .put_leaf(TreeNode::Leaf(entries).encode(), &first, sink)?;
        self.nodes.push(Child { first, id }, sink)
    }

    /// The id of the whole tree.
    pub fn finish(mut self, sink: &mut dyn ObjectSink) -> Result<Id> {
        if !self.leaf.is_empty() {
            self.close_leaf(sink)?;
        }
        if self.count == 0 {
            let empty = TreeNode::Leaf(Vec::new()).encode();
            return self.nodes.put_leaf(empty, &Vec::new(), sink);
        }
        let root = self.nodes.finish(sink)?;
        Ok(root.expect("there is a leaf, so there is a root"))
    }
}

fn invalid(id: Id, field: &'static str, reason: &str) -> Error {
    Error::Invalid {
        kind: Kind::Tree,
        id,
        flaw: Flaw::new("tree", field, reason),
    }
}

fn load(reader: &ObjectReader, id: Id) -> Result<TreeNode> {
    let bytes = reader.get(Kind::Tree, id)?;
    TreeNode::decode(&bytes).map_err(|flaw| Error::Invalid {
        kind: Kind::Tree,
        id,
        flaw,
    })
}

/// Where a node stands: what its parent says of it.
#[derive(Debug)]
pub struct TreePart {
    /// The node.
    pub id: Id,
    /// Level and first name; `None` for the root.
    below: Option<(u8, Vec<u8>)>,
}

impl TreePart {
    /// The root of a directory.
    pub fn root(id: Id) -> Self {
        Self { id, below: None }
    }

    /// What an inner node on this level says of a child.
    pub fn child(level: u8, child: Child) -> Self {
        Self {
            id: child.id,
            below: Some((level - 1, child.first)),
        }
    }

    /// Whether it is the root.
    pub fn is_root(&self) -> bool {
        self.below.is_none()
    }

    /// The node itself, if it is what its parent says.
    pub fn load(&self, reader: &ObjectReader) -> Result<TreeNode> {
        let node = load(reader, self.id)?;
        match &node {
            TreeNode::Leaf(entries) => self.check(0, entries.first().map(|entry| &entry.name))?,
            TreeNode::Inner { level, children } => {
                self.check(*level, children.first().map(|child| &child.first))?;
            }
        }
        Ok(node)
    }

    /// Fails if a node with this level and this first name is not what the parent says.
    pub fn check(&self, level: u8, first: Option<&Vec<u8>>) -> Result<()> {
        let Some((expected_level, expected_first)) = &self.below else {
            return Ok(());
        };
        if level != *expected_level {
            return Err(invalid(self.id, "level", "is not one below that of its parent"));
        }
        if first != Some(expected_first) {
            return Err(invalid(self.id, "first", "is not the first name of the child"));
        }
        Ok(())
    }
}

/// The order of names from leaf to leaf. Within a leaf, decoding checks it.
#[derive(Debug, Default)]
pub struct LeafOrder {
    last: Option<Vec<u8>>,
}

impl LeafOrder {
    /// Goes on to the next leaf, which has this first and this last name.
    pub fn follow(&mut self, leaf: Id, first: Option<&Vec<u8>>, last: Option<&Vec<u8>>) -> Result<()> {
        if first.is_some() && self.last.as_ref() >= first {
            return Err(invalid(leaf, "name", "is not greater than the one before"));
        }
        self.last = last.cloned();
        Ok(())
    }
}

/// The entries of one directory, by ascending name, with every rule about them checked.
pub struct TreeReader<'a> {
    reader: &'a ObjectReader,
    entries: std::vec::IntoIter<Entry>,
    /// Nodes still to be visited, the next one last.
    ahead: Vec<TreePart>,
    order: LeafOrder,
}

impl<'a> TreeReader<'a> {
    /// The tree with this id.
    pub fn new(reader: &'a ObjectReader, id: Id) -> Self {
        Self {
            reader,
            entries: Vec::new().into_iter(),
            ahead: vec![TreePart::root(id)],
            order: LeafOrder::default(),
        }
    }

    fn advance(&mut self) -> Result<Option<Entry>> {
        loop {
            if let Some(entry) = self.entries.next() {
                return Ok(Some(entry));
            }
            let Some(part) = self.ahead.pop() else {
                return Ok(None);
            };
            match part.load(self.reader)? {
                TreeNode::Inner { level, children } => {
                    let children = children.into_iter().rev();
                    self.ahead
                        .extend(children.map(|child| TreePart::child(level, child)));
                }
                TreeNode::Leaf(entries) => {
                    let first = entries.first().map(|entry| &entry.name);
                    let last = entries.last().map(|entry| &entry.name);
                    self.order.follow(part.id, first, last)?;
                    self.entries = entries.into_iter();
                }
            }
        }
    }
}

impl Iterator for TreeReader<'_> {
    type Item = Result<Entry>;

    /// A node that cannot be used is an error; what lies behind it comes next.
    fn next(&mut self) -> Option<Result<Entry>> {
        self.advance().transpose()
    }
}

/// The entry with a name, found without reading the whole directory.
pub fn find_entry(reader: &ObjectReader, tree: Id, name: &[u8]) -> Result<Option<Entry>> {
    let mut part = TreePart::root(tree);
    loop {
        match part.load(reader)? {
            TreeNode::Leaf(mut entries) => {
                let place = entries.binary_search_by(|entry| entry.name.as_slice().cmp(name));
                return Ok(place.ok().map(|i| entries.swap_remove(i)));
            }
            TreeNode::Inner { level, mut children } => {
                let behind = children.partition_point(|child| child.first.as_slice() <= name);
                let Some(place) = behind.checked_sub(1) else {
                    return Ok(None);
                };
                part = TreePart::child(level, children.swap_remove(place));
            }
        }
    }
}

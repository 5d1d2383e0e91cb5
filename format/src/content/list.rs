//! Chunk lists (`spec/FORMAT.md`, section 7).

use super::ObjectSink;
use super::nodes::{Nodes, Reference, SPLIT_ITEMS};
use super::replaced::{Ranged, Replaced, Starts};
use crate::error::{Error, Flaw, Result};
use crate::id::{Id, Kind};
use crate::segment::ObjectReader;
use crate::wire::{Item, ListNode};

/// A child node in an inner node.
struct Child {
    /// Where its part of the file starts.
    offset: u64,
    len: u64,
    id: Id,
}

fn ends_node(id: &Id) -> bool {
    u16::from_le_bytes([id.0[0], id.0[1]]) & 0x3ff == 0
}

impl Ranged for Child {
    type Key = u64;

    fn open(reader: &ObjectReader, id: Id, offset: &u64) -> Result<(u8, Starts<u64>)> {
        let node = load(reader, id)?;
        let mut at = *offset;
        let mut children = Vec::new();
        for item in node.items.iter().filter(|_| node.level > 0) {
            children.extend(item.id.map(|id| (at, id)));
            at = at.saturating_add(item.len);
        }
        Ok((node.level, children))
    }
}

impl Reference for Child {
    const KIND: Kind = Kind::ChunkList;

    fn id(&self) -> Id {
        self.id
    }

    fn key(&self) -> &u64 {
        &self.offset
    }

    /// The ids of nodes differ from level to level by themselves.
    fn ends_node(&self, _level: u8) -> bool {
        ends_node(&self.id)
    }

    fn encode_node(level: u8, references: Vec<Self>) -> Vec<u8> {
        let items = references
            .into_iter()
            .map(|child| Item {
                len: child.len,
                id: Some(child.id),
            })
            .collect();
        ListNode { level, items }.encode()
    }

    fn summary(references: &[Self]) -> impl FnOnce(Id) -> Self + use<> {
        let offset = references.first().map_or(0, |child| child.offset);
        let len = references.iter().map(|child| child.len).sum();
        move |id| Self { offset, len, id }
    }
}

/// Builds the chunk list of one file, piece by piece.
pub struct ListBuilder<'a> {
    leaf: Vec<Item>,
    /// Where the leaf's part of the file starts.
    offset: u64,
    nodes: Nodes<'a, Child>,
}

impl Default for ListBuilder<'_> {
    fn default() -> Self {
        Self::with_nodes(Nodes::new(Replaced::nothing()))
    }
}

impl<'a> ListBuilder<'a> {
    /// A list that takes the place of another.
    pub fn replacing(reader: &'a ObjectReader, list: Id) -> Self {
        Self::with_nodes(Nodes::new(Replaced::below(reader, 0, list)))
    }

    fn with_nodes(nodes: Nodes<'a, Child>) -> Self {
        Self {
            leaf: Vec::new(),
            offset: 0,
            nodes,
        }
    }

    /// Adds the next piece of the file. Holes that follow each other become one.
    pub fn push(&mut self, item: Item, sink: &mut dyn ObjectSink) -> Result<()> {
        if let (None, Some(last)) = (item.id, self.leaf.last_mut())
            && last.id.is_none()
        {
            last.len += item.len;
            return Ok(());
        }
        self.leaf.push(item);
        if self.leaf.len() >= SPLIT_ITEMS || item.id.as_ref().is_some_and(ends_node) {
            self.close_leaf(sink)?;
        }
        Ok(())
    }

    fn close_leaf(&mut self, sink: &mut dyn ObjectSink) -> Result<()> {
        let leaf = ListNode {
            level: 0,
            items: std::mem::take(&mut self.leaf),
        };
        let (offset, len) = (self.offset, leaf.len());
        let id = self.nodes.put_leaf(leaf.encode(), &offset, sink)?;
        self.offset += len;
        self.nodes.push(Child { offset, len, id }, sink)
    }

    /// The id of the whole list; `None` if there was no piece.
    pub fn finish(mut self, sink: &mut dyn ObjectSink) -> Result<Option<Id>> {
        if !self.leaf.is_empty() {
            self.close_leaf(sink)?;
        }
        self.nodes.finish(sink)
    }
}

fn load(reader: &ObjectReader, id: Id) -> Result<ListNode> {
    ListNode::decode(&reader.get(Kind::ChunkList, id)?).map_err(|flaw| Error::Invalid {
        kind: Kind::ChunkList,
        id,
        flaw,
    })
}

/// The node of a chunk list with this id, if it stands for `len` bytes and is on the level that its parent says.
pub fn load_list_node(reader: &ObjectReader, id: Id, len: u64, level: Option<u8>) -> Result<ListNode> {
    let flaw = |field, reason| Error::Invalid {
        kind: Kind::ChunkList,
        id,
        flaw: Flaw::new("chunk list", field, reason),
    };
    let node = load(reader, id)?;
    if level.is_some_and(|level| level != node.level) {
        return Err(flaw("level", "is not one below that of its parent"));
    }
    if node.len() != len {
        return Err(flaw("length", "is not what the file or the parent says"));
    }
    Ok(node)
}

/// The pieces of a file, in order, with every rule about them checked.
pub struct ListReader<'a> {
    reader: &'a ObjectReader,
    /// The rest of each node on the way from the root to the current leaf, and its level.
    stack: Vec<(u8, std::vec::IntoIter<Item>)>,
    /// A node to open next: id, bytes it must stand for, level it must have.
    next: Option<(Id, u64, Option<u8>)>,
}

impl<'a> ListReader<'a> {
    /// The list with this id, of a file of `size` bytes.
    pub fn new(reader: &'a ObjectReader, id: Id, size: u64) -> Self {
        Self {
            reader,
            stack: Vec::new(),
            next: Some((id, size, None)),
        }
    }

    fn open(&mut self, id: Id, len: u64, level: Option<u8>) -> Result<()> {
        let node = load_list_node(self.reader, id, len, level)?;
        self.stack.push((node.level, node.items.into_iter()));
        Ok(())
    }

    fn advance(&mut self) -> Result<Option<Item>> {
        loop {
            if let Some((id, len, level)) = self.next.take() {
                self.open(id, len, level)?;
            }
            let Some((level, items)) = self.stack.last_mut() else {
                return Ok(None);
            };
            match (*level, items.next()) {
                (_, None) => {
                    self.stack.pop();
                }
                (0, Some(item)) => return Ok(Some(item)),
                (level, Some(Item { len, id: Some(id) })) => self.next = Some((id, len, Some(level - 1))),
                (_, Some(Item { id: None, .. })) => unreachable!("decoding refuses holes above the leaves"),
            }
        }
    }
}

impl Iterator for ListReader<'_> {
    type Item = Result<Item>;

    fn next(&mut self) -> Option<Result<Item>> {
        let result = self.advance().transpose();
        if let Some(Err(_)) = result {
            self.stack.clear();
        }
        result
    }
}

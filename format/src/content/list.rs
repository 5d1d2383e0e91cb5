//! Chunk lists (`spec/FORMAT.md`, section 7).

use super::ObjectSink;
use super::nodes::{Nodes, Reference, SPLIT_ITEMS};
use crate::error::{Error, Flaw, Result};
use crate::id::{Id, Kind};
use crate::segment::ObjectReader;
use crate::wire::{Item, ListNode};

/// A child node in an inner node.
struct Child {
    len: u64,
    id: Id,
}

fn ends_node(id: &Id) -> bool {
    u16::from_le_bytes([id.0[0], id.0[1]]) & 0x3ff == 0
}

impl Reference for Child {
    const KIND: Kind = Kind::ChunkList;

    fn id(&self) -> Id {
        self.id
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
        let len = references.iter().map(|child| child.len).sum();
        move |id| Self { len, id }
    }
}

/// Builds the chunk list of one file, piece by piece.
pub struct ListBuilder {
    leaf: Vec<Item>,
    nodes: Nodes<Child>,
}

impl Default for ListBuilder {
    fn default() -> Self {
        Self {
            leaf: Vec::new(),
            nodes: Nodes::new(),
        }
    }
}

impl ListBuilder {
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
        let id = sink.put(Kind::ChunkList, &leaf.encode())?;
        self.nodes.push(Child { len: leaf.len(), id }, sink)
    }

    /// The id of the whole list; `None` if there was no piece.
    pub fn finish(mut self, sink: &mut dyn ObjectSink) -> Result<Option<Id>> {
        if !self.leaf.is_empty() {
            self.close_leaf(sink)?;
        }
        self.nodes.finish(sink)
    }
}

/// The node of a chunk list with this id, if it stands for `len` bytes and is on the level that its parent says.
pub fn load_list_node(reader: &ObjectReader, id: Id, len: u64, level: Option<u8>) -> Result<ListNode> {
    let invalid = |flaw| Error::Invalid {
        kind: Kind::ChunkList,
        id,
        flaw,
    };
    let flaw = |field, reason| invalid(Flaw::new("chunk list", field, reason));
    let node = ListNode::decode(&reader.get(Kind::ChunkList, id)?).map_err(invalid)?;
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

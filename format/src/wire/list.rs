//! Nodes of chunk lists (`spec/FORMAT.md`, section 7).

use super::codec::{Decode, Encode, from_compact, to_compact};
use crate::error::Flaw;
use crate::id::Id;
use crate::limits::{NODE_ITEMS, NODE_LEVEL};

/// A piece of a file, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its length in bytes.
    pub len: u64,
    /// In a leaf: its chunk, or none for a hole. Above: the child node.
    pub id: Option<Id>,
}

/// A node of a chunk list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListNode {
    /// 0 for a leaf.
    pub level: u8,
    /// Its items.
    pub items: Vec<Item>,
}

#[derive(Encode, Decode)]
struct StoredItem {
    len: u64,
    id: Option<[u8; 32]>,
}

#[derive(Encode, Decode)]
struct StoredNode {
    level: u8,
    items: Vec<StoredItem>,
}

impl ListNode {
    /// The node's plain bytes.
    pub fn encode(&self) -> Vec<u8> {
        let stored = |item: &Item| StoredItem {
            len: item.len,
            id: item.id.map(|id| id.0),
        };
        to_compact(&StoredNode {
            level: self.level,
            items: self.items.iter().map(stored).collect(),
        })
    }

    /// The node that `bytes` hold. Whether it fits its parent is checked by whoever walks the list.
    pub fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        let flaw = |field, reason| Flaw::new("chunk list", field, reason);
        let stored: StoredNode = from_compact("chunk list", bytes)?;
        if stored.level > NODE_LEVEL {
            return Err(flaw("level", "is above 7"));
        }
        if stored.items.is_empty() || stored.items.len() > NODE_ITEMS {
            return Err(flaw("items", "are none or more than 65,536"));
        }
        let mut total = 0_u64;
        let mut after_hole = false;
        for item in &stored.items {
            total = total
                .checked_add(item.len)
                .filter(|total| *total <= i64::MAX as u64)
                .ok_or_else(|| flaw("length", "overflows"))?;
            if item.len == 0 {
                return Err(flaw("length", "is zero"));
            }
            if item.id.is_none() && (after_hole || stored.level > 0) {
                return Err(flaw("id", "is absent where no hole can be"));
            }
            after_hole = item.id.is_none();
        }
        let items = stored
            .items
            .into_iter()
            .map(|item| Item {
                len: item.len,
                id: item.id.map(Id),
            })
            .collect();
        Ok(Self {
            level: stored.level,
            items,
        })
    }

    /// The bytes of the file that the node stands for.
    pub fn len(&self) -> u64 {
        self.items.iter().map(|item| item.len).sum()
    }

    /// Never: a node has at least one item.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(level: u8, items: &[(u64, Option<u8>)]) -> ListNode {
        let items = items
            .iter()
            .map(|(len, id)| Item {
                len: *len,
                id: id.map(|n| Id([n; 32])),
            })
            .collect();
        ListNode { level, items }
    }

    #[test]
    fn round_trip() {
        let leaf = node(0, &[(1 << 33, None), (70_000, Some(1)), (5, None), (1, Some(2))]);
        assert_eq!(ListNode::decode(&leaf.encode()), Ok(leaf));
    }

    // F-060 to F-063
    #[test]
    fn constraints() {
        for (why, bad) in [
            ("no items", node(0, &[])),
            ("zero length", node(0, &[(0, Some(1))])),
            ("two holes", node(0, &[(1, None), (1, None)])),
            ("hole above the leaves", node(1, &[(1, None)])),
            ("level", node(8, &[(1, Some(1))])),
            (
                "2^63",
                node(0, &[(u64::MAX / 2, Some(1)), (u64::MAX / 2 + 2, Some(2))]),
            ),
        ] {
            assert!(ListNode::decode(&bad.encode()).is_err(), "{why}");
        }
    }
}

//! Nodes of trees (`spec/FORMAT.md`, section 8).

use std::collections::HashMap;
use std::sync::Arc;

use super::codec::{Decode, Encode, compact_len, from_compact, to_compact};
use crate::error::Flaw;
use crate::id::Id;
use crate::limits::{LINK_TARGET_BYTES, NODE_ITEMS, NODE_LEVEL, XATTR_BYTES};
use crate::model::{Content, Entry, Meta, Node, Owner, Timestamp, Xattr, is_valid_name};

/// A child of an inner node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// The name of the first entry below it.
    pub first: Vec<u8>,
    /// The child node.
    pub id: Id,
}

/// A node of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeNode {
    /// Entries by ascending name.
    Leaf(Vec<Entry>),
    /// Nodes of the level below.
    Inner {
        /// 1 where the children are leaves.
        level: u8,
        /// At least one.
        children: Vec<Child>,
    },
}

#[derive(Encode, Decode)]
enum StoredTree {
    Leaf {
        owners: Vec<StoredOwner>,
        entries: Vec<StoredEntry>,
    },
    Inner {
        level: u8,
        children: Vec<StoredChild>,
    },
}

#[derive(Encode, Decode)]
struct StoredOwner {
    uid: u32,
    gid: u32,
    user: Vec<u8>,
    group: Vec<u8>,
}

#[derive(Encode, Decode)]
struct StoredChild {
    first: Vec<u8>,
    id: [u8; 32],
}

#[derive(Encode, Decode)]
struct StoredEntry {
    name: Vec<u8>,
    node: StoredNode,
    flags: u32,
    mode: u32,
    owner: u32,
    mtime: StoredTime,
    ctime: StoredTime,
    device: u64,
    inode: u64,
    links: u32,
    xattrs: Vec<StoredXattr>,
}

#[derive(Encode, Decode)]
enum StoredNode {
    File { size: u64, content: StoredContent },
    Dir { tree: [u8; 32] },
    Symlink { target: Vec<u8> },
    BlockDevice { major: u32, minor: u32 },
    CharDevice { major: u32, minor: u32 },
    Fifo,
    Socket,
}

#[derive(Encode, Decode)]
enum StoredContent {
    Empty,
    Chunk([u8; 32]),
    List([u8; 32]),
}

#[derive(Encode, Decode)]
pub(super) struct StoredTime {
    secs: i64,
    nanos: u32,
}

#[derive(Encode, Decode)]
struct StoredXattr {
    name: Vec<u8>,
    value: Vec<u8>,
}

const TORN: u32 = 1;
const SYNTHETIC: u32 = 2;

impl From<Timestamp> for StoredTime {
    fn from(time: Timestamp) -> Self {
        Self {
            secs: time.secs,
            nanos: time.nanos,
        }
    }
}

impl StoredTime {
    pub(super) fn decode(self, part: &'static str, field: &'static str) -> Result<Timestamp, Flaw> {
        match self.nanos {
            0..1_000_000_000 => Ok(Timestamp {
                secs: self.secs,
                nanos: self.nanos,
            }),
            _ => Err(Flaw::new(part, field, "has 10^9 nanoseconds or more")),
        }
    }
}

fn stored_node(node: &Node) -> StoredNode {
    match node {
        Node::File { size, content } => {
            let content = match content {
                Content::Empty => StoredContent::Empty,
                Content::Chunk(id) => StoredContent::Chunk(id.0),
                Content::List(id) => StoredContent::List(id.0),
            };
            StoredNode::File { size: *size, content }
        }
        Node::Dir { tree } => StoredNode::Dir { tree: tree.0 },
        Node::Symlink { target } => StoredNode::Symlink {
            target: target.clone(),
        },
        Node::BlockDevice { major, minor } => StoredNode::BlockDevice {
            major: *major,
            minor: *minor,
        },
        Node::CharDevice { major, minor } => StoredNode::CharDevice {
            major: *major,
            minor: *minor,
        },
        Node::Fifo => StoredNode::Fifo,
        Node::Socket => StoredNode::Socket,
    }
}

fn stored_entry(entry: &Entry, owner: u32) -> StoredEntry {
    let meta = &entry.meta;
    let xattr = |x: &Xattr| StoredXattr {
        name: x.name.clone(),
        value: x.value.clone(),
    };
    StoredEntry {
        name: entry.name.clone(),
        node: stored_node(&entry.node),
        flags: u32::from(meta.torn) * TORN + u32::from(meta.synthetic) * SYNTHETIC,
        mode: meta.mode,
        owner,
        mtime: meta.mtime.into(),
        ctime: meta.ctime.into(),
        device: meta.device,
        inode: meta.inode,
        links: meta.links,
        xattrs: meta.xattrs.iter().map(xattr).collect(),
    }
}

impl TreeNode {
    /// The node's plain bytes.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Leaf(entries) => {
                let mut owners: Vec<&Owner> = Vec::new();
                let mut places: HashMap<&Owner, u32> = HashMap::new();
                let mut stored = Vec::with_capacity(entries.len());
                for entry in entries {
                    let owner: &Owner = &entry.meta.owner;
                    let place = *places.entry(owner).or_insert_with(|| {
                        owners.push(owner);
                        owners.len() as u32 - 1
                    });
                    stored.push(stored_entry(entry, place));
                }
                let owner = |owner: &&Owner| StoredOwner {
                    uid: owner.uid,
                    gid: owner.gid,
                    user: owner.user.clone(),
                    group: owner.group.clone(),
                };
                to_compact(&StoredTree::Leaf {
                    owners: owners.iter().map(owner).collect(),
                    entries: stored,
                })
            }
            Self::Inner { level, children } => {
                let child = |child: &Child| StoredChild {
                    first: child.first.clone(),
                    id: child.id.0,
                };
                to_compact(&StoredTree::Inner {
                    level: *level,
                    children: children.iter().map(child).collect(),
                })
            }
        }
    }

    /// The encoded length of one entry in a leaf, but for its owner.
    pub fn entry_len(entry: &Entry) -> usize {
        compact_len(&stored_entry(entry, 0))
    }

    /// The node that `bytes` hold. Order and levels across nodes are checked by whoever walks the tree.
    pub fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        match from_compact("tree", bytes)? {
            StoredTree::Leaf { owners, entries } => decode_leaf(owners, entries),
            StoredTree::Inner { level, children } => decode_inner(level, children),
        }
    }
}

fn flaw(field: &'static str, reason: &str) -> Flaw {
    Flaw::new("tree", field, reason)
}

fn decode_leaf(owners: Vec<StoredOwner>, stored: Vec<StoredEntry>) -> Result<TreeNode, Flaw> {
    let owner = |o: StoredOwner| {
        Arc::new(Owner {
            uid: o.uid,
            gid: o.gid,
            user: o.user,
            group: o.group,
        })
    };
    let owners: Vec<Arc<Owner>> = owners.into_iter().map(owner).collect();
    if stored.len() > NODE_ITEMS {
        return Err(flaw("entries", "are more than 65,536"));
    }
    let mut entries: Vec<Entry> = Vec::with_capacity(stored.len());
    for entry in stored {
        let entry = decode_entry(entry, &owners)?;
        if entries.last().is_some_and(|last| last.name >= entry.name) {
            return Err(flaw("name", "is not greater than the one before"));
        }
        entries.push(entry);
    }
    Ok(TreeNode::Leaf(entries))
}

fn decode_inner(level: u8, stored: Vec<StoredChild>) -> Result<TreeNode, Flaw> {
    if level == 0 || level > NODE_LEVEL {
        return Err(flaw("level", "is not one of 1 to 7"));
    }
    if stored.is_empty() || stored.len() > NODE_ITEMS {
        return Err(flaw("children", "are none or more than 65,536"));
    }
    if stored.windows(2).any(|pair| pair[0].first >= pair[1].first) {
        return Err(flaw("first", "is not greater than the one before"));
    }
    let children = stored
        .into_iter()
        .map(|child| Child {
            first: child.first,
            id: Id(child.id),
        })
        .collect();
    Ok(TreeNode::Inner { level, children })
}

fn decode_entry(stored: StoredEntry, owners: &[Arc<Owner>]) -> Result<Entry, Flaw> {
    if !is_valid_name(&stored.name) {
        return Err(flaw("name", "is empty, too long, `.`, `..`, or has a `/` or NUL"));
    }
    if stored.flags & !(TORN | SYNTHETIC) != 0 {
        return Err(flaw("flags", "has unknown bits"));
    }
    if stored.mode > 0o7777 {
        return Err(flaw("mode", "is above 0o7777"));
    }
    let owner = owners
        .get(stored.owner as usize)
        .ok_or_else(|| flaw("owner", "is not in the table"))?;
    let meta = Meta {
        torn: stored.flags & TORN != 0,
        synthetic: stored.flags & SYNTHETIC != 0,
        mode: stored.mode,
        owner: Arc::clone(owner),
        mtime: stored.mtime.decode("tree", "mtime")?,
        ctime: stored.ctime.decode("tree", "ctime")?,
        device: stored.device,
        inode: stored.inode,
        links: stored.links,
        xattrs: decode_xattrs(stored.xattrs)?,
    };
    Ok(Entry {
        name: stored.name,
        node: decode_node(stored.node)?,
        meta,
    })
}

fn decode_xattrs(stored: Vec<StoredXattr>) -> Result<Vec<Xattr>, Flaw> {
    let total: usize = stored.iter().map(|x| x.name.len() + x.value.len()).sum();
    if total > XATTR_BYTES {
        return Err(flaw("xattrs", "are longer than 2 MiB"));
    }
    if stored.windows(2).any(|pair| pair[0].name >= pair[1].name) {
        return Err(flaw("xattrs", "are not in ascending order"));
    }
    if stored.iter().any(|x| x.name.is_empty() || x.name.contains(&0)) {
        return Err(flaw("xattrs", "have a name that is empty or contains NUL"));
    }
    Ok(stored
        .into_iter()
        .map(|x| Xattr {
            name: x.name,
            value: x.value,
        })
        .collect())
}

fn decode_node(stored: StoredNode) -> Result<Node, Flaw> {
    Ok(match stored {
        StoredNode::File { size, content } => {
            let content = match content {
                StoredContent::Empty => Content::Empty,
                StoredContent::Chunk(id) => Content::Chunk(Id(id)),
                StoredContent::List(id) => Content::List(Id(id)),
            };
            if (size == 0) != (content == Content::Empty) || size > i64::MAX as u64 {
                return Err(flaw("size", "does not fit the content"));
            }
            Node::File { size, content }
        }
        StoredNode::Dir { tree } => Node::Dir { tree: Id(tree) },
        StoredNode::Symlink { target } => {
            if target.is_empty() || target.len() > LINK_TARGET_BYTES || target.contains(&0) {
                return Err(flaw("target", "is empty, too long, or contains NUL"));
            }
            Node::Symlink { target }
        }
        StoredNode::BlockDevice { major, minor } => Node::BlockDevice { major, minor },
        StoredNode::CharDevice { major, minor } => Node::CharDevice { major, minor },
        StoredNode::Fifo => Node::Fifo,
        StoredNode::Socket => Node::Socket,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &[u8], node: Node) -> Entry {
        let owner = Owner {
            uid: 1000,
            gid: 100,
            user: b"anna".to_vec(),
            group: b"users".to_vec(),
        };
        let time = Timestamp {
            secs: -5,
            nanos: 999_999_999,
        };
        let xattr = |name: &[u8]| Xattr {
            name: name.to_vec(),
            value: vec![0, 255],
        };
        let meta = Meta {
            torn: name == b"torn",
            mode: 0o4755,
            owner: Arc::new(owner),
            mtime: time,
            ctime: time,
            device: 1 << 40,
            inode: 77,
            links: 2,
            xattrs: vec![xattr(b"user.a"), xattr(b"user.b")],
            ..Meta::default()
        };
        Entry {
            name: name.to_vec(),
            node,
            meta,
        }
    }

    fn leaf() -> Vec<Entry> {
        let id = Id([9; 32]);
        vec![
            entry(b"block", Node::BlockDevice { major: 8, minor: 1 }),
            entry(b"char", Node::CharDevice { major: 1, minor: 3 }),
            entry(b"dir", Node::Dir { tree: id }),
            entry(
                b"empty",
                Node::File {
                    size: 0,
                    content: Content::Empty,
                },
            ),
            entry(b"fifo", Node::Fifo),
            entry(
                b"file",
                Node::File {
                    size: 5,
                    content: Content::Chunk(id),
                },
            ),
            entry(
                b"large",
                Node::File {
                    size: 1 << 40,
                    content: Content::List(id),
                },
            ),
            entry(
                b"link",
                Node::Symlink {
                    target: b"../x".to_vec(),
                },
            ),
            entry(b"socket", Node::Socket),
            entry(
                b"torn",
                Node::File {
                    size: 1,
                    content: Content::Chunk(id),
                },
            ),
            entry(b"\xff\n", Node::Fifo),
        ]
    }

    #[test]
    fn round_trip() {
        let leaf = TreeNode::Leaf(leaf());
        assert_eq!(TreeNode::decode(&leaf.encode()), Ok(leaf));
        let child = |first: &[u8]| Child {
            first: first.to_vec(),
            id: Id([1; 32]),
        };
        let inner = TreeNode::Inner {
            level: 1,
            children: vec![child(b"a"), child(b"b")],
        };
        assert_eq!(TreeNode::decode(&inner.encode()), Ok(inner));
        let empty = TreeNode::Leaf(vec![]);
        assert_eq!(empty.encode(), [0, 0, 0]);
        assert_eq!(TreeNode::decode(&empty.encode()), Ok(empty));
    }

    // Section 8, F-070, F-072
    #[test]
    fn every_constraint_of_a_leaf_is_checked() {
        type Change = fn(&mut Vec<Entry>);
        let changes: [(&str, Change); 16] = [
            ("name", |e| e[0].name = b"..".to_vec()),
            ("name", |e| e[0].name = b"a/b".to_vec()),
            ("name", |e| e[0].name = b"/".to_vec()),
            ("name", |e| e[0].name = b"a\0".to_vec()),
            ("name", |e| e[0].name = vec![]),
            ("name", |e| e[1].name = e[0].name.clone()),
            ("name", |e| e.swap(0, 1)),
            ("mode", |e| e[0].meta.mode = 0o10000),
            ("mtime", |e| e[0].meta.mtime.nanos = 1_000_000_000),
            ("ctime", |e| e[0].meta.ctime.nanos = u32::MAX),
            ("xattrs", |e| e[0].meta.xattrs.swap(0, 1)),
            ("xattrs", |e| e[0].meta.xattrs[0].value = vec![0; XATTR_BYTES]),
            ("size", |e| {
                e[3].node = Node::File {
                    size: 1,
                    content: Content::Empty,
                }
            }),
            ("size", |e| {
                e[3].node = Node::File {
                    size: 0,
                    content: Content::List(Id([0; 32])),
                }
            }),
            ("size", |e| {
                e[6].node = Node::File {
                    size: u64::MAX,
                    content: Content::List(Id([0; 32])),
                }
            }),
            ("target", |e| e[7].node = Node::Symlink { target: vec![] }),
        ];
        for (field, change) in changes {
            let mut entries = leaf();
            change(&mut entries);
            let flaw = TreeNode::decode(&TreeNode::Leaf(entries).encode()).expect_err(field);
            assert_eq!(flaw.field, field, "{flaw}");
        }
    }

    #[test]
    fn every_constraint_of_an_inner_node_is_checked() {
        let child = |first: &[u8]| Child {
            first: first.to_vec(),
            id: Id([1; 32]),
        };
        for (level, children) in [
            (0, vec![child(b"a")]),
            (8, vec![child(b"a")]),
            (1, vec![]),
            (1, vec![child(b"b"), child(b"a")]),
            (1, vec![child(b"a"), child(b"a")]),
        ] {
            assert!(TreeNode::decode(&TreeNode::Inner { level, children }.encode()).is_err());
        }
    }
}

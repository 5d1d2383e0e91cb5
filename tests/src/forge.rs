//! Archives that no writer would make, with hashes, checks and seals as they should be: what an enemy could
//! lay before a reader.

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;

use restante_format::archive::{Archive, Overwrite, RestoreReport, VerifyLevel, VerifyReport};
use restante_format::id::{Id, Kind};
use restante_format::model::{Content, Counts, Entry, Meta, Node, Snapshot, Timestamp};
use restante_format::segment::{Delta, PlainBlock, SealedSegment, SegmentWriter};
use restante_format::store::{MemoryStore, Name, Store};
use restante_format::wire::{Child, Item, ListNode, TreeNode};

use crate::archives::{Place, config, restore_tree, verify};
use crate::counting::bounded;
use crate::laid::frame;
use crate::pages::{page_of_one, state_id};

/// A segment that is filled object by object, each in a block of its own.
#[derive(Debug)]
pub struct Forge {
    segment: SegmentWriter,
    seen: HashSet<Id>,
}

impl Default for Forge {
    fn default() -> Self {
        Self {
            segment: SegmentWriter::new(config().archive),
            seen: HashSet::new(),
        }
    }
}

impl Forge {
    /// Adds an object with any bytes; returns its id.
    pub fn object(&mut self, kind: Kind, plain: &[u8]) -> Id {
        let id = Id::of(kind, plain);
        if self.seen.insert(id) {
            let mut block = PlainBlock::default();
            block.push(kind, id, plain);
            self.segment.push(block.store(3));
        }
        id
    }

    /// Adds an object whose bytes are stored as they are, so that every reading of it is a call of the store.
    pub fn raw_object(&mut self, kind: Kind, plain: &[u8]) -> Id {
        let id = Id::of(kind, plain);
        if self.seen.insert(id) {
            let mut block = PlainBlock::default();
            block.push(kind, id, plain);
            self.segment.push(block.store_raw());
        }
        id
    }

    /// Adds an object as a delta of another one, which need not be there.
    pub fn delta(&mut self, kind: Kind, plain: &[u8], base: &[u8]) -> Id {
        let id = Id::of(kind, plain);
        let plain_len = plain.len() as u32;
        self.delta_of(kind, id, &frame(plain, base), Id::of(kind, base), plain_len);
        id
    }

    /// Adds anything that says it is a delta.
    pub fn delta_of(&mut self, kind: Kind, id: Id, frame: &[u8], base: Id, plain_len: u32) {
        if self.seen.insert(id) {
            let delta = Delta {
                base,
                plain_len,
                generation: 1,
            };
            let mut block = PlainBlock::default();
            block.push_delta(kind, id, frame, delta);
            self.segment.push(block.store_raw());
        }
    }

    /// Adds a leaf of a tree.
    pub fn tree(&mut self, entries: Vec<Entry>) -> Id {
        self.object(Kind::Tree, &TreeNode::Leaf(entries).encode())
    }

    /// Adds a leaf whose entry, called by a placeholder as long as `name`, gets this name although it is
    /// a forbidden one.
    pub fn tree_with_name(&mut self, name: &[u8], node: Node) -> Id {
        let placeholder = vec![0xfe; name.len()];
        let plain = TreeNode::Leaf(vec![entry(&placeholder, node)]).encode();
        let at = plain
            .windows(name.len().max(1))
            .position(|window| window == placeholder)
            .expect("the placeholder is there");
        let mut patched = plain;
        patched[at..at + name.len()].copy_from_slice(name);
        self.object(Kind::Tree, &patched)
    }

    /// Adds a node of a chunk list.
    pub fn list(&mut self, level: u8, items: Vec<Item>) -> Id {
        self.object(Kind::ChunkList, &ListNode { level, items }.encode())
    }

    /// Adds a page with a snapshot of a root tree; the snapshot's id.
    pub fn snapshot(&mut self, root: Id) -> Id {
        let snapshot = snapshot(root);
        self.object(Kind::Page, &page_of_one(&snapshot));
        state_id(&snapshot)
    }

    /// The segment.
    pub fn seal(self) -> SealedSegment {
        self.segment.seal()
    }

    /// A store with an archive that consists of the segment.
    pub fn into_store(self) -> Arc<MemoryStore> {
        let store = MemoryStore::default();
        store.put(Name::Config, &config().encode()).expect("put");
        let sealed = self.seal();
        store.put(sealed.name, &sealed.bytes).expect("put");
        Arc::new(store)
    }

    /// The archive that consists of the segment.
    pub fn into_archive(self) -> Archive {
        crate::archives::open(&self.into_store())
    }
}

/// An entry with plain metadata.
pub fn entry(name: &[u8], node: Node) -> Entry {
    let meta = Meta {
        mode: 0o755,
        links: 1,
        mtime: Timestamp {
            secs: 1_700_000_000,
            nanos: 0,
        },
        ..Meta::default()
    };
    Entry {
        name: name.to_vec(),
        node,
        meta,
    }
}

/// A directory.
pub fn dir(name: &[u8], tree: Id) -> Entry {
    entry(name, Node::Dir { tree })
}

/// A file.
pub fn file(name: &[u8], size: u64, content: Content) -> Entry {
    entry(name, Node::File { size, content })
}

/// A symbolic link.
pub fn symlink(name: &[u8], target: &[u8]) -> Entry {
    entry(
        name,
        Node::Symlink {
            target: target.to_vec(),
        },
    )
}

/// An item of a chunk list.
pub fn item(len: u64, id: Option<Id>) -> Item {
    Item { len, id }
}

/// A snapshot of a root tree.
pub fn snapshot(root: Id) -> Snapshot {
    Snapshot {
        time: Timestamp {
            secs: 1_790_000_000,
            nanos: 0,
        },
        host: "enemy".into(),
        connector: None,
        paths: vec![b"/".to_vec()],
        tags: Vec::new(),
        root,
        parent: None,
        program: "forge".into(),
        counts: Counts::default(),
        torn: Vec::new(),
        unreadable: Vec::new(),
    }
}

/// A file that is one chunk, which is added.
pub fn chunk_file(forge: &mut Forge, name: &[u8], bytes: &[u8]) -> Entry {
    let id = forge.object(Kind::Chunk, bytes);
    file(name, bytes.len() as u64, Content::Chunk(id))
}

/// Adds an inner node of a tree.
pub fn inner(forge: &mut Forge, level: u8, children: &[(&[u8], Id)]) -> Id {
    let children = children.iter().map(|(first, id)| Child {
        first: first.to_vec(),
        id: *id,
    });
    let node = TreeNode::Inner {
        level,
        children: children.collect(),
    };
    forge.object(Kind::Tree, &node.encode())
}

/// Restores a tree into a folder within a tree of canaries, none of which may change.
pub fn restore_among_canaries(
    archive: &Archive,
    tree: Id,
    overwrite: Option<Overwrite>,
) -> (RestoreReport, Place) {
    let place = Place::in_memory();
    let canaries = |place: &Place| {
        place.write("file", b"canary");
        place.write("next/file", b"canary");
        fs::create_dir_all(place.join("target")).expect("make folder");
    };
    canaries(&place);
    let expected = Place::new();
    canaries(&expected);
    let report = bounded(|| restore_tree(archive, tree, &place.join("target"), overwrite));
    for path in ["file", "next/file"] {
        assert_eq!(fs::read(place.join(path)).expect("read"), b"canary");
    }
    let names = |place: &Place| {
        let mut names: Vec<_> = fs::read_dir(place.path())
            .expect("list")
            .map(|e| e.expect("list").file_name())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&place), names(&expected));
    assert_eq!(fs::read_dir(place.join("next")).expect("list").count(), 1);
    (report, place)
}

/// Asserts that the target between the canaries is empty.
pub fn assert_nothing_in(place: &Place) {
    assert_eq!(fs::read_dir(place.join("target")).expect("list").count(), 0);
}

/// Verifies at both levels, within the bounds; gives the report of the full look.
pub fn verified(archive: &Archive) -> VerifyReport {
    bounded(|| verify(archive, VerifyLevel::Quick));
    bounded(|| verify(archive, VerifyLevel::Full))
}

/// An archive whose only snapshot has a root that `make` forges, and that root.
pub fn forged(make: impl FnOnce(&mut Forge) -> Id) -> (Archive, Id) {
    let mut forge = Forge::default();
    let root = make(&mut forge);
    forge.snapshot(root);
    (forge.into_archive(), root)
}

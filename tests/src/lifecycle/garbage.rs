//! What is left behind a prune that leaves nothing unused: exactly what snapshots need, and what that is made from.

use std::collections::{BTreeMap, HashSet};

use restante_format::archive::Archive;
use restante_format::id::{Id, Kind};
use restante_format::model::{Content, Node};
use restante_format::segment::ObjectReader;
use restante_format::store::{MemoryStore, Name};
use restante_format::wire::{ListNode, TreeNode};

/// Asserts that an archive holds each object that snapshots need once, the bases of deltas among them once, and nothing else.
pub(super) fn assert_no_garbage(archive: &Archive, files: &MemoryStore) {
    let reader = archive.reader();
    let needed = needed(archive);
    let index = reader.index();
    let mut copies: BTreeMap<Id, u32> = BTreeMap::new();
    let mut bases: HashSet<Id> = HashSet::new();
    let mut moments = 0;
    for segment in index.segments() {
        moments += archive.catalog().moments_in(segment.name);
        for (number, object) in (0..).zip(&segment.directory.objects) {
            if !matches!(object.kind, Kind::Page | Kind::Contents) {
                *copies.entry(object.id).or_default() += 1;
            }
            bases.extend(segment.directory.delta(number).map(|delta| delta.base));
        }
    }
    for id in &needed {
        assert!(copies.contains_key(id), "{id} is needed and not there");
    }
    for (id, count) in &copies {
        assert_eq!(*count, 1, "{id} is there more than once");
        assert!(needed.contains(id) || bases.contains(id), "nobody needs {id}");
    }
    assert_eq!(moments, archive.catalog().len() as u64, "moments are in several pages");
    for name in files.files().keys() {
        assert!(!matches!(name, Name::Condemned(_)), "{name} is left");
    }
}

/// What the snapshots of an archive refer to.
fn needed(archive: &Archive) -> HashSet<Id> {
    let mut found = HashSet::new();
    for moment in archive.catalog().oldest_first() {
        follow(archive.reader(), Kind::Tree, moment.state.snapshot.root, &mut found);
    }
    found
}

fn follow(reader: &ObjectReader, kind: Kind, id: Id, found: &mut HashSet<Id>) {
    if !found.insert(id) || kind == Kind::Chunk {
        return;
    }
    let bytes = reader.get(kind, id).expect("what is needed is there");
    if kind == Kind::ChunkList {
        let node = ListNode::decode(&bytes).expect("a list");
        let below = if node.level == 0 { Kind::Chunk } else { Kind::ChunkList };
        for id in node.items.iter().filter_map(|item| item.id) {
            follow(reader, below, id, found);
        }
        return;
    }
    match TreeNode::decode(&bytes).expect("a tree") {
        TreeNode::Inner { children, .. } => {
            for child in children {
                follow(reader, Kind::Tree, child.id, found);
            }
        }
        TreeNode::Leaf(entries) => {
            for entry in entries {
                match entry.node {
                    Node::Dir { tree } => follow(reader, Kind::Tree, tree, found),
                    Node::File { content: Content::Chunk(id), .. } => follow(reader, Kind::Chunk, id, found),
                    Node::File { content: Content::List(id), .. } => follow(reader, Kind::ChunkList, id, found),
                    _ => {}
                }
            }
        }
    }
}

//! Files of the parent that are gone from their directories. What is new under the same name elsewhere was most
//! likely made from them, so its chunks are compared with theirs, and stored as deltas where that pays.

use std::collections::HashMap;

use super::examine::Before;
use crate::content::TreeReader;
use crate::id::Id;
use crate::model::{Content, Entry, Node};
use crate::segment::ObjectReader;
use crate::source::Listed;

/// How many files are remembered, and how many entries of directories that are gone are looked at for them.
const FILES: usize = 10_000;
const ENTRIES: usize = 100_000;

/// The files that are gone, by name: size and content of each.
#[derive(Default)]
pub(super) struct Vanished {
    files: HashMap<Vec<u8>, (u64, Content)>,
    seen: usize,
}

impl Vanished {
    /// Takes up what the parent's directory has and the source's has not. `there` is sorted.
    pub(super) fn note(&mut self, reader: &ObjectReader, tree: Id, there: &[Listed]) {
        let is_there = |entry: &Entry| {
            let name = |listed: &Listed| listed.name.cmp(&entry.name);
            there.binary_search_by(name).is_ok()
        };
        let mut trees = Vec::new();
        // What cannot be read is no help.
        for entry in TreeReader::new(reader, tree).map_while(Result::ok) {
            if !is_there(&entry) {
                self.take_up(entry, &mut trees);
            }
        }
        while let Some(tree) = trees.pop() {
            for entry in TreeReader::new(reader, tree).map_while(Result::ok) {
                self.seen += 1;
                if self.files.len() >= FILES || self.seen >= ENTRIES {
                    return;
                }
                self.take_up(entry, &mut trees);
            }
        }
    }

    fn take_up(&mut self, entry: Entry, trees: &mut Vec<Id>) {
        match entry.node {
            Node::Dir { tree } => trees.push(tree),
            Node::File { size, content } if self.files.len() < FILES => {
                self.files.insert(entry.name, (size, content));
            }
            _ => {}
        }
    }

    /// The file of this name.
    pub(super) fn take(&mut self, name: &[u8]) -> Before {
        self.files.remove(name)
    }
}

//! Paths inside snapshots.

use super::Archive;
use crate::catalog::Listed;
use crate::content::{TreeReader, find_entry};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::limits::DEPTH;
use crate::model::{Entry, Node, display_bytes, push_name};
use crate::segment::ObjectReader;

/// How many names an error offers to choose from.
const SIBLINGS: usize = 1000;

/// What a path inside a snapshot means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Located {
    /// The snapshot as a whole: its root tree.
    Root(Id),
    /// An entry, and its path without `/` at either end.
    Entry(Vec<u8>, Box<Entry>),
}

impl Archive {
    /// Finds a path inside a snapshot. `/` at either end does not matter.
    pub fn locate(&self, listed: &Listed, path: &[u8]) -> Result<Located> {
        let mut tree = listed.snapshot.root;
        let mut found: Option<Entry> = None;
        let mut walked: Vec<u8> = Vec::new();
        for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            if name == b"." || name == b".." {
                let text = display_bytes(path);
                return Err(Error::Request(format!(
                    "{text:?} does not stay inside the snapshot: leave out . and .."
                )));
            }
            if let Some(entry) = &found {
                match entry.node {
                    Node::Dir { tree: below } => tree = below,
                    _ => return Err(unknown(listed, path, Vec::new())),
                }
            }
            match find_entry(&self.reader, tree, name)? {
                Some(entry) => {
                    push_name(&mut walked, name);
                    found = Some(entry);
                }
                None => return Err(unknown(listed, path, self.paths_in(tree, &walked)?)),
            }
        }
        Ok(match found {
            None => Located::Root(tree),
            Some(entry) => Located::Entry(walked, Box::new(entry)),
        })
    }

    fn paths_in(&self, tree: Id, folder: &[u8]) -> Result<Vec<String>> {
        let path = |entry: Result<Entry>| {
            let entry = entry?;
            let parts = [folder, b"/", &entry.name];
            Ok(display_bytes(&parts.concat()).trim_start_matches('/').to_owned())
        };
        TreeReader::new(&self.reader, tree)
            .take(SIBLINGS)
            .map(path)
            .collect()
    }
}

fn unknown(listed: &Listed, path: &[u8], siblings: Vec<String>) -> Error {
    Error::UnknownPath {
        path: display_bytes(path),
        snapshot: listed.id.short(),
        siblings,
    }
}

/// All entries below a tree, each directory before what it holds.
pub struct TreeWalk<'a> {
    reader: &'a ObjectReader,
    levels: Vec<(TreeReader<'a>, usize)>,
    path: Vec<u8>,
}

/// Walks everything below `tree`, whose path is `path`. Where a directory cannot be read, the walk gives the error and
/// goes on behind it.
pub fn walk_tree<'a>(reader: &'a ObjectReader, tree: Id, path: &[u8]) -> TreeWalk<'a> {
    TreeWalk {
        reader,
        levels: vec![(TreeReader::new(reader, tree), path.len())],
        path: path.to_vec(),
    }
}

impl Iterator for TreeWalk<'_> {
    type Item = Result<(Vec<u8>, Entry)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (entries, path_len) = self.levels.last_mut()?;
            self.path.truncate(*path_len);
            let entry = match entries.next() {
                Some(Ok(entry)) => entry,
                Some(Err(error)) => return Some(Err(error)),
                None => {
                    self.levels.pop();
                    continue;
                }
            };
            push_name(&mut self.path, &entry.name);
            if let Node::Dir { tree } = entry.node {
                if self.levels.len() >= DEPTH {
                    return Some(Err(too_deep(&self.path)));
                }
                self.levels
                    .push((TreeReader::new(self.reader, tree), self.path.len()));
            }
            return Some(Ok((self.path.clone(), entry)));
        }
    }
}

/// The error for what is nested deeper than the format allows (F-077).
pub(super) fn too_deep(path: &[u8]) -> Error {
    let beginning = display_bytes(&path[..path.len().min(200)]);
    Error::Request(format!("{beginning}… is nested deeper than {DEPTH} levels"))
}

//! What differs between two trees, visiting only what does.

use std::iter::Peekable;

use super::locate::too_deep;
use crate::content::TreeReader;
use crate::error::Result;
use crate::id::Id;
use crate::limits::DEPTH;
use crate::model::{Entry, Node, push_name};
use crate::progress::Progress;
use crate::segment::ObjectReader;

/// How an entry differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is only in the second tree.
    Added(Entry),
    /// It is only in the first.
    Removed(Entry),
    /// It is in both, but not the same.
    Modified {
        /// In the first tree.
        before: Entry,
        /// In the second.
        after: Entry,
    },
}

/// A path and how it differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The path in the trees.
    pub path: Vec<u8>,
    /// How it differs.
    pub change: Change,
}

impl Change {
    /// Whether bytes, type or target differ, not only what is said about them.
    pub fn is_of_content(&self) -> bool {
        match self {
            Self::Added(_) | Self::Removed(_) => true,
            Self::Modified { before, after } => match (&before.node, &after.node) {
                (Node::Dir { .. }, Node::Dir { .. }) => false,
                (before, after) => before != after,
            },
        }
    }
}

/// Whether two entries of one name differ in what a user would call the entry: not in inode numbers, ctimes or
/// what lies below a directory.
fn differs(before: &Entry, after: &Entry) -> bool {
    let node = match (&before.node, &after.node) {
        (Node::Dir { .. }, Node::Dir { .. }) => false,
        (before, after) => before != after,
    };
    let key = |e: &Entry| {
        let m = &e.meta;
        (
            m.torn,
            m.mode,
            m.owner.uid,
            m.owner.gid,
            m.mtime,
            m.xattrs.clone(),
        )
    };
    node || key(before) != key(after)
}

/// A directory that is being compared.
struct Level<'a> {
    before: Option<Peekable<TreeReader<'a>>>,
    after: Option<Peekable<TreeReader<'a>>>,
    path_len: usize,
}

/// Hands every difference between two trees to `found`, in the order of paths. The entries of a directory that is in one
/// tree only are all named.
pub fn diff(
    reader: &ObjectReader,
    before: Id,
    after: Id,
    progress: &Progress,
    found: &mut dyn FnMut(Changed) -> Result<()>,
) -> Result<()> {
    let open = |tree: Option<Id>| tree.map(|tree| TreeReader::new(reader, tree).peekable());
    let mut path: Vec<u8> = Vec::new();
    let mut levels = Vec::new();
    if before != after {
        levels.push(Level {
            before: open(Some(before)),
            after: open(Some(after)),
            path_len: 0,
        });
    }
    while let Some(level) = levels.last_mut() {
        progress.check()?;
        path.truncate(level.path_len);
        let (before, after) = level.next_pair()?;
        let Some(name) = before.as_ref().or(after.as_ref()).map(|entry| entry.name.clone()) else {
            levels.pop();
            continue;
        };
        push_name(&mut path, &name);
        let (tree_before, tree_after) = (
            before.as_ref().and_then(Entry::tree),
            after.as_ref().and_then(Entry::tree),
        );
        let change = match (before, after) {
            (Some(before), Some(after)) if differs(&before, &after) => {
                Some(Change::Modified { before, after })
            }
            (Some(before), None) => Some(Change::Removed(before)),
            (None, Some(after)) => Some(Change::Added(after)),
            _ => None,
        };
        if let Some(change) = change {
            found(Changed {
                path: path.clone(),
                change,
            })?;
        }
        if tree_before != tree_after {
            if levels.len() >= DEPTH {
                return Err(too_deep(&path));
            }
            levels.push(Level {
                before: open(tree_before),
                after: open(tree_after),
                path_len: path.len(),
            });
        }
    }
    Ok(())
}

impl Level<'_> {
    /// The next entry on either side, or on both if they have the same name.
    fn next_pair(&mut self) -> Result<(Option<Entry>, Option<Entry>)> {
        let name = |side: &mut Option<Peekable<TreeReader<'_>>>| match side.as_mut().and_then(Peekable::peek)
        {
            Some(Ok(entry)) => Some(entry.name.clone()),
            // An error is taken at once, and told.
            Some(Err(_)) => Some(Vec::new()),
            None => None,
        };
        let (before, after) = (name(&mut self.before), name(&mut self.after));
        let take =
            |side: &mut Option<Peekable<TreeReader<'_>>>| side.as_mut().and_then(Iterator::next).transpose();
        Ok(match (before, after) {
            (Some(b), Some(a)) if b == a => (take(&mut self.before)?, take(&mut self.after)?),
            (Some(b), Some(a)) if b < a => (take(&mut self.before)?, None),
            (Some(_), None) => (take(&mut self.before)?, None),
            (_, Some(_)) => (None, take(&mut self.after)?),
            (None, None) => (None, None),
        })
    }
}

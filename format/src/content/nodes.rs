//! The inner levels above a row of leaves, built as the leaves come.

use super::ObjectSink;
use super::replaced::{Ranged, Replaced};
use crate::error::{Error, Result};
use crate::id::{Id, Kind};
use crate::limits::NODE_LEVEL;

/// The most items of a node that writers make.
pub(super) const SPLIT_ITEMS: usize = 4096;

/// What inner nodes list.
pub(super) trait Reference: Ranged + Sized {
    /// The kind of the nodes.
    const KIND: Kind;

    /// The node or leaf that is meant.
    fn id(&self) -> Id;

    /// Where its part starts.
    fn key(&self) -> &Self::Key;

    /// Whether a node on this level ends after this reference. It must not depend on the same bits on every level,
    /// or a row of references that all end nodes would repeat itself upwards for ever.
    fn ends_node(&self, level: u8) -> bool;

    /// The bytes of a node of these references.
    fn encode_node(level: u8, references: Vec<Self>) -> Vec<u8>;

    /// The reference, one level up, to the node of `references` without its id.
    fn summary(references: &[Self]) -> impl FnOnce(Id) -> Self + use<Self>;
}

/// A level that is being built: references to nodes of the level below.
struct Level<R> {
    open: Vec<R>,
    closed: usize,
}

/// All inner levels, the lowest first.
pub(super) struct Nodes<'a, R: Reference> {
    levels: Vec<Level<R>>,
    replaced: Replaced<'a, R>,
}

impl<'a, R: Reference> Nodes<'a, R> {
    /// The levels above leaves that take the place of others.
    pub(super) fn new(replaced: Replaced<'a, R>) -> Self {
        Self {
            levels: Vec::new(),
            replaced,
        }
    }

    /// Stores a leaf whose part starts at `key`; returns its id.
    pub(super) fn put_leaf(&self, plain: Vec<u8>, key: &R::Key, sink: &mut dyn ObjectSink) -> Result<Id> {
        sink.put(R::KIND, plain, &|| self.replaced.find(0, key))
    }

    /// Adds a reference to the next leaf.
    pub(super) fn push(&mut self, leaf: R, sink: &mut dyn ObjectSink) -> Result<()> {
        self.push_at(0, leaf, sink)
    }

    fn push_at(&mut self, at: usize, reference: R, sink: &mut dyn ObjectSink) -> Result<()> {
        if at >= usize::from(NODE_LEVEL) {
            return Err(Error::Request("a file or directory has too many pieces".into()));
        }
        if at == self.levels.len() {
            self.levels.push(Level {
                open: Vec::new(),
                closed: 0,
            });
        }
        // A node is closed only when something follows it: what stays alone needs no level above.
        let open = &self.levels[at].open;
        if open.len() >= SPLIT_ITEMS || open.last().is_some_and(|last| last.ends_node(at as u8 + 1)) {
            self.close(at, sink)?;
        }
        self.levels[at].open.push(reference);
        Ok(())
    }

    /// Writes the open node of a level and refers to it one level up.
    fn close(&mut self, at: usize, sink: &mut dyn ObjectSink) -> Result<()> {
        let level = &mut self.levels[at];
        level.closed += 1;
        let references = std::mem::take(&mut level.open);
        let summary = R::summary(&references);
        let key = references.first().map(|first| first.key().clone());
        let level = at as u8 + 1;
        let replaced = || self.replaced.find(level, key.as_ref()?);
        let id = sink.put(R::KIND, R::encode_node(level, references), &replaced)?;
        self.push_at(at + 1, summary(id), sink)
    }

    /// Closes all levels. The id of the root, which is the leaf where there was but one; `None` without leaves.
    pub(super) fn finish(mut self, sink: &mut dyn ObjectSink) -> Result<Option<Id>> {
        let mut at = 0;
        while let Some(level) = self.levels.get(at) {
            if let (0, [only]) = (level.closed, &level.open[..]) {
                return Ok(Some(only.id()));
            }
            self.close(at, sink)?;
            at += 1;
        }
        Ok(None)
    }
}

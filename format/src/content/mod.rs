//! Files as chunk lists and directories as trees: building their nodes and walking them.

mod list;
mod nodes;
mod replaced;
mod tree;

pub use list::{ListBuilder, ListReader, load_list_node};
pub use tree::{LeafOrder, TreeBuilder, TreePart, TreeReader, find_entry};

use crate::error::Result;
use crate::id::{Id, Kind};

/// Takes the objects that builders make.
pub trait ObjectSink {
    /// Stores an object if it is new; returns its id. If it is new, `replaced` tells which object it takes the place of.
    fn put(&mut self, kind: Kind, plain: Vec<u8>, replaced: &dyn Fn() -> Option<Id>) -> Result<Id>;
}

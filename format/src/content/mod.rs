//! Files as chunk lists and directories as trees: building their nodes and walking them.

mod list;
mod nodes;
mod tree;

pub use list::{ListBuilder, ListReader, load_list_node};
pub use tree::{TreeBuilder, TreeReader, find_entry};

use crate::error::Result;
use crate::id::{Id, Kind};

/// Takes the objects that builders make.
pub trait ObjectSink {
    /// Stores an object if it is new; returns its id.
    fn put(&mut self, kind: Kind, plain: &[u8]) -> Result<Id>;
}

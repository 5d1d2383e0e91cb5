//! Structs into bytes and back, without any I/O. Everything decoded here is untrusted: what comes
//! out has passed every check that can be made without another file.

pub mod codec;
mod condemned;
mod config;
mod contents;
mod list;
mod page;
mod segment;
mod snapshot;
mod table;
mod tree;

pub use condemned::{decode_condemned, encode_condemned};
pub use config::{CONFIG_BYTES, Chunker, Config};
pub use contents::{Contents, PageNote};
pub use list::{Item, ListNode};
pub use page::{PageEntry, decode_page, encode_page};
pub use segment::{
    ArchiveId, BLOCK_ENTRY_BYTES, BlockEntry, DELTA_ENTRY_BYTES, DIRECTORY_HEAD_BYTES, DeltaEntry, Directory,
    HEADER_BYTES, Header, Method, OBJECT_ENTRY_BYTES, ObjectEntry, TRAILER_BYTES, Trailer, seal,
};
pub use snapshot::{decode_snapshot, encode_snapshot};
pub use table::{
    COVERED_BYTES, Covered, CoveredList, LINE_BYTES, ROW_BYTES, Row, TABLE_CHECK_BYTES, TABLE_HEAD_BYTES,
    TableCheck, TableHead, table_name,
};
pub use tree::{Child, TreeNode};

/// The version of the format that this program writes, and the newest that it reads.
pub const VERSION: u16 = 1;

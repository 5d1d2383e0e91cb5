//! The limits of the format (`spec/FORMAT.md`, section 13): nothing read from an archive may make
//! a reader allocate or recurse beyond them.

/// The largest object, and the largest block before compression, in bytes.
pub const OBJECT_BYTES: usize = 16 << 20;
/// The largest chunk that a config may ask for, in bytes.
pub const CHUNK_BYTES: u32 = 8 << 20;
/// The largest directory of a segment, in bytes.
pub const DIRECTORY_BYTES: u64 = 256 << 20;
/// The largest segment, in bytes.
pub const SEGMENT_BYTES: u64 = 1 << 40;
/// The longest name of a directory entry, in bytes.
pub const NAME_BYTES: usize = 1024;
/// The longest target of a symbolic link, in bytes.
pub const LINK_TARGET_BYTES: usize = 65_536;
/// The deepest nesting of directories.
pub const DEPTH: usize = 4096;
/// The highest level of a node above its leaves.
pub const NODE_LEVEL: u8 = 7;
/// The most bases that stand behind each other: a delta, its base, the base of that, and so on.
pub const CHAIN: usize = 64;
/// The most items or children of one node.
pub const NODE_ITEMS: usize = 65_536;
/// The most bytes of names and values of the extended attributes of one entry.
pub const XATTR_BYTES: usize = 2 << 20;
/// The most paths that a snapshot lists as torn, and as unreadable.
pub const LISTED_PATHS: usize = 1000;
/// The most bytes of the paths, and reasons, that a snapshot lists as torn, and as unreadable.
pub const LISTED_BYTES: usize = 1 << 20;
/// The most moments in a page of the catalogue.
pub const PAGE_MOMENTS: usize = 65_536;
/// The longest host name in a snapshot, in bytes.
pub const HOST_BYTES: usize = 1024;
/// The longest connector name in a snapshot, in bytes.
pub const CONNECTOR_BYTES: usize = 256;

//! Where an archive's files lie. A store knows names and bytes, never records.

mod faulty;
mod local;
mod memory;
mod recording;

use std::fmt;
use std::io;
use std::ops::Range;

use bytes::Bytes;

pub use faulty::{Fault, FaultyStore};
pub use local::LocalStore;
pub use memory::MemoryStore;
pub use recording::{Call, RecordingStore};

use crate::id::Id;

/// The name of a file of an archive (`spec/FORMAT.md`, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// The archive's config.
    Config,
    /// The segment with this seal.
    Segment(Id),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config => f.write_str("config"),
            Self::Segment(seal) => write!(f, "segments/{seal}.rst"),
        }
    }
}

impl Name {
    /// The segment whose file below `segments/` is called so; `None` for foreign files (F-010).
    pub fn of_segment_file(file: &str) -> Option<Self> {
        let digits = file.strip_suffix(".rst")?;
        let seal: Id = digits.parse().ok()?;
        // Upper-case digits would be a second name for the same segment.
        (seal.to_string() == digits).then_some(Self::Segment(seal))
    }
}

/// Held while somebody writes to an archive; given back when it is dropped or the process ends.
pub trait Lock: Send + Sync {}

/// Who may hold a lock beside whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Beside other shared locks: for those who add.
    Shared,
    /// Alone: for those who delete.
    Exclusive,
}

/// A place for named immutable files.
///
/// The contract, held by one conformance suite for all implementations:
/// a `put` that returned is durable and whole, whatever happens next, and one that failed or
/// was killed leaves either nothing or all of the file; putting the same name again
/// is harmless; reading a missing name fails with [`io::ErrorKind::NotFound`]; a range
/// beyond the end fails with [`io::ErrorKind::UnexpectedEof`].
pub trait Store: Send + Sync + fmt::Debug {
    /// Where this store is, for people.
    fn location(&self) -> String;

    /// All segments with their lengths in bytes, by ascending name.
    fn list(&self) -> io::Result<Vec<(Name, u64)>>;

    /// The whole file.
    fn read(&self, name: Name) -> io::Result<Bytes>;

    /// A range of the file, exactly.
    fn read_range(&self, name: Name, range: Range<u64>) -> io::Result<Bytes>;

    /// Writes the file whole, durably, and only then under its name.
    fn put(&self, name: Name, contents: &[u8]) -> io::Result<()>;

    /// Deletes the file.
    fn delete(&self, name: Name) -> io::Result<()>;

    /// Waits for an advisory lock on the whole archive. Stores without locks return a lock that holds nothing.
    fn lock(&self, mode: LockMode) -> io::Result<Box<dyn Lock>>;
}

/// For stores in which nobody else writes.
struct NoLock;

impl Lock for NoLock {}

fn range_error() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the file is shorter than it should be",
    )
}

fn slice(whole: &Bytes, range: Range<u64>) -> io::Result<Bytes> {
    let end = usize::try_from(range.end)
        .ok()
        .filter(|end| *end <= whole.len())
        .ok_or_else(range_error)?;
    let start = usize::try_from(range.start)
        .ok()
        .filter(|start| *start <= end)
        .ok_or_else(range_error)?;
    Ok(whole.slice(start..end))
}

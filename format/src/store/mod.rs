//! Where an archive's files lie. A store knows names and bytes, never records.

mod faulty;
mod local;
mod memory;
mod recording;
mod single;

use std::fmt;
use std::io::{self, Write};
use std::ops::Range;

use bytes::Bytes;

pub use faulty::{Fault, FaultyStore};
pub use local::LocalStore;
pub use memory::MemoryStore;
pub use recording::{Call, RecordingStore};
pub use single::{SingleFile, SingleStore, write_single_file};

use crate::id::Id;

/// The name of a file of an archive (`spec/FORMAT.md`, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// The archive's config.
    Config,
    /// The segment with this seal.
    Segment(Id),
    /// The table of the index with this name.
    Table(Id),
    /// What says that the segment with this seal will be deleted.
    Condemned(Id),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config => f.write_str("config"),
            Self::Segment(seal) => write!(f, "segments/{seal}.rst"),
            Self::Table(id) => write!(f, "index/{id}.rsi"),
            Self::Condemned(seal) => write!(f, "condemned/{seal}"),
        }
    }
}

/// Files of an archive that are listed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shelf {
    /// The segments.
    Segments,
    /// The tables of the index.
    Tables,
    /// The names of segments that will be deleted.
    Condemned,
}

impl Shelf {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Segments, Self::Tables, Self::Condemned];

    /// The folder, where an archive is a folder.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Segments => "segments",
            Self::Tables => "index",
            Self::Condemned => "condemned",
        }
    }

    /// What the file below the folder is called in the archive; `None` for foreign files (F-010).
    pub fn name_of(self, file: &str) -> Option<Name> {
        let (suffix, name): (_, fn(Id) -> Name) = match self {
            Self::Segments => (".rst", Name::Segment),
            Self::Tables => (".rsi", Name::Table),
            Self::Condemned => ("", Name::Condemned),
        };
        let digits = file.strip_suffix(suffix)?;
        let id: Id = digits.parse().ok()?;
        // Upper-case digits would be a second name for the same file.
        (id.to_string() == digits).then(|| name(id))
    }
}

impl Name {
    /// Where it is listed; the config nowhere.
    pub fn shelf(self) -> Option<Shelf> {
        match self {
            Self::Config => None,
            Self::Segment(_) => Some(Shelf::Segments),
            Self::Table(_) => Some(Shelf::Tables),
            Self::Condemned(_) => Some(Shelf::Condemned),
        }
    }
}

/// Held while somebody works on an archive; given back when it is dropped or the process ends.
pub trait Lock: Send + Sync {}

/// A file that is read at many places, a little each time, and of which nothing stays in this process's memory: what is
/// mapped does.
pub trait ReadAt: Send + Sync + fmt::Debug {
    /// Fills the buffer from this offset on.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

/// What is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockName {
    /// The archive: shared by those who add or read, held alone by who deletes what others might still need.
    Archive,
    /// What is there already: held alone by who rewrites it.
    Maintenance,
}

impl LockName {
    /// The file, where an archive is a folder.
    pub fn file(self) -> &'static str {
        match self {
            Self::Archive => "lock",
            Self::Maintenance => "maintenance",
        }
    }
}

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

    /// All files of a shelf with their lengths in bytes, by ascending name.
    fn list(&self, shelf: Shelf) -> io::Result<Vec<(Name, u64)>>;

    /// The whole file.
    fn read(&self, name: Name) -> io::Result<Bytes>;

    /// A range of the file, exactly.
    fn read_range(&self, name: Name, range: Range<u64>) -> io::Result<Bytes>;

    /// The file, to be read at many places; `None` where [`read_range`](Self::read_range) does as well.
    fn open(&self, _name: Name) -> io::Result<Option<Box<dyn ReadAt>>> {
        Ok(None)
    }

    /// Writes the file whole, durably, and only then under its name.
    fn put(&self, name: Name, contents: &[u8]) -> io::Result<()>;

    /// Like `put`, for what is too large to be held in memory: `write` writes the contents, in order.
    fn put_with(
        &self,
        name: Name,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut contents = Vec::new();
        write(&mut contents)?;
        self.put(name, &contents)
    }

    /// Deletes the file.
    fn delete(&self, name: Name) -> io::Result<()>;

    /// Waits for an advisory lock. Stores without locks return a lock that holds nothing.
    fn lock(&self, lock: LockName, mode: LockMode) -> io::Result<Box<dyn Lock>>;

    /// Like `lock`, but `None` where it would have to wait.
    fn try_lock(&self, lock: LockName, mode: LockMode) -> io::Result<Option<Box<dyn Lock>>> {
        self.lock(lock, mode).map(Some)
    }
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

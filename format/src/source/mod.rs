//! The directories that snapshots are taken of. Only this module reads a user's files: with
//! positioned reads into private buffers, never mapped, and without following links.

mod filter;
mod owners;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

pub use filter::{Filter, FilterError, Patterns};
pub use owners::Owners;
#[cfg(unix)]
pub use unix::{Folder, SourceFile, raise_open_files};
#[cfg(windows)]
pub use windows::{Folder, SourceFile, raise_open_files};

use crate::model::Timestamp;

/// What a file system says of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: FileKind,
    /// Size in bytes.
    pub size: u64,
    /// Bytes that its file system has set aside for it.
    pub allocated: u64,
    /// Permission bits, at most 0o7777.
    pub mode: u32,
    /// User number.
    pub uid: u32,
    /// Group number.
    pub gid: u32,
    /// Last change of the content.
    pub mtime: Timestamp,
    /// Last change of the inode.
    pub ctime: Timestamp,
    /// Device.
    pub device: u64,
    /// Inode.
    pub inode: u64,
    /// Number of hard links.
    pub links: u32,
    /// What device a device node stands for: major and minor number.
    pub special: (u32, u32),
}

/// The types of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A block device.
    BlockDevice,
    /// A character device.
    CharDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// A name in a folder, and what it is where the system says so for nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// The name.
    pub name: Vec<u8>,
    /// Whether it is a directory; `None` where only a stat can tell.
    pub is_dir: Option<bool>,
}

/// A run of a file's bytes with or without contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    /// Bytes, to be read.
    Data {
        /// Where they start.
        start: u64,
        /// Where they end.
        end: u64,
    },
    /// A hole: zeros that take no room.
    Hole {
        /// Where it starts.
        start: u64,
        /// Where it ends.
        end: u64,
    },
}

impl Stat {
    /// Whether a file with this stat now has the bytes that it had with the stat `before`.
    pub fn is_unchanged_since(&self, before: &Self) -> bool {
        let key = |s: &Self| (s.kind, s.size, s.mtime, s.ctime, s.device, s.inode);
        key(self) == key(before)
    }

    /// Whether any later change of the file is certain to change its ctime: the clock that stamps
    /// changes has gone past it. Some file systems count whole or even seconds, and a ctime without
    /// a fraction may come from such a one.
    pub fn is_settled_at(&self, now: Timestamp) -> bool {
        self.settled_after() < now
    }

    /// The last time that a change could bear that this ctime does not tell from the state seen.
    pub fn settled_after(&self) -> Timestamp {
        let coarse_secs = if self.ctime.nanos == 0 { 2 } else { 0 };
        Timestamp {
            secs: self.ctime.secs.saturating_add(coarse_secs),
            nanos: self.ctime.nanos,
        }
    }
}

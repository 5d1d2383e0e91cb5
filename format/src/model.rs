//! What an archive is about, as the program handles it. `wire` has the stored forms.

use std::fmt;
use std::sync::Arc;

use crate::id::Id;

/// A point in time: seconds since 1970-01-01T00:00:00Z and nanoseconds below 10^9.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Whole seconds, negative before 1970.
    pub secs: i64,
    /// Nanoseconds after `secs`, below 10^9.
    pub nanos: u32,
}

impl Timestamp {
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub fn as_nanos(self) -> i128 {
        i128::from(self.secs) * 1_000_000_000 + i128::from(self.nanos)
    }

    /// The time so many nanoseconds after 1970-01-01T00:00:00Z, if there is one.
    pub fn from_nanos(nanos: i128) -> Option<Self> {
        Some(Self {
            secs: i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?,
            nanos: nanos.rem_euclid(1_000_000_000) as u32,
        })
    }
}

/// The owner of an entry, with the names that the source's system had for the numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Owner {
    /// User number.
    pub uid: u32,
    /// Group number.
    pub gid: u32,
    /// User name, empty where the system has none.
    pub user: Vec<u8>,
    /// Group name, empty where the system has none.
    pub group: Vec<u8>,
}

/// Where a regular file's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// The file has no bytes.
    Empty,
    /// The file is exactly this chunk.
    Chunk(Id),
    /// The file is what this chunk list says.
    List(Id),
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// A regular file.
    File {
        /// Size in bytes.
        size: u64,
        /// Its bytes.
        content: Content,
    },
    /// A directory.
    Dir {
        /// The tree with its entries.
        tree: Id,
    },
    /// A symbolic link.
    Symlink {
        /// Where it points, as it is stored in the link.
        target: Vec<u8>,
    },
    /// A block device.
    BlockDevice {
        /// Major device number.
        major: u32,
        /// Minor device number.
        minor: u32,
    },
    /// A character device.
    CharDevice {
        /// Major device number.
        major: u32,
        /// Minor device number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl Node {
    /// The word that listings use.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Dir { .. } => "dir",
            Self::Symlink { .. } => "symlink",
            Self::BlockDevice { .. } => "block-device",
            Self::CharDevice { .. } => "char-device",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
        }
    }

    /// The size in bytes that listings show: that of a file's content, or of a link's target.
    pub fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } => *size,
            Self::Symlink { target } => target.len() as u64,
            _ => 0,
        }
    }
}

/// One extended attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Xattr {
    /// Its whole name, such as `user.comment`.
    pub name: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
}

/// Everything about an entry but its name and what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Meta {
    /// The bytes changed while they were read (F-073).
    pub torn: bool,
    /// Stands for no directory of the source (F-074).
    pub synthetic: bool,
    /// Permission bits, at most 0o7777.
    pub mode: u32,
    /// User and group.
    pub owner: Arc<Owner>,
    /// Time of the last change of the content.
    pub mtime: Timestamp,
    /// Time of the last change of the inode. Zero where it could not tell a later change
    /// from this state, so that the next snapshot reads the file again.
    pub ctime: Timestamp,
    /// Device in the source.
    pub device: u64,
    /// Inode in the source.
    pub inode: u64,
    /// Number of hard links in the source.
    pub links: u32,
    /// Extended attributes by ascending name, POSIX ACLs among them.
    pub xattrs: Vec<Xattr>,
}

/// A named member of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The name: bytes without `/` and NUL.
    pub name: Vec<u8>,
    /// What it is.
    pub node: Node,
    /// Everything else.
    pub meta: Meta,
}

impl Entry {
    /// A directory that stands for none of the source (F-074).
    pub fn synthetic(name: &[u8], tree: Id) -> Self {
        let meta = Meta {
            synthetic: true,
            mode: 0o755,
            links: 1,
            ..Meta::default()
        };
        Self {
            name: name.to_vec(),
            node: Node::Dir { tree },
            meta,
        }
    }

    /// The tree of a directory; `None` for anything else.
    pub fn tree(&self) -> Option<Id> {
        match self.node {
            Node::Dir { tree } => Some(tree),
            _ => None,
        }
    }

    /// Whether `other` is a hard link to the same file (F-075).
    pub fn is_same_file(&self, other: &Self) -> bool {
        let same_meta = || {
            self.meta
                == Meta {
                    ctime: self.meta.ctime,
                    ..other.meta.clone()
                }
        };
        self.meta.links > 1 && self.node == other.node && same_meta()
    }
}

/// Lengthens a path inside a snapshot by a name.
pub fn push_name(path: &mut Vec<u8>, name: &[u8]) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}

/// Whether a name can stand in a tree: not empty, not too long, no separator, no NUL, not `.` or `..`.
pub fn is_valid_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= crate::limits::NAME_BYTES
        && !name.iter().any(|byte| matches!(byte, b'/' | 0))
        && name != b"."
        && name != b".."
}

/// A path or name as text for people: valid UTF-8 as it is, control characters and other bytes escaped,
/// so that no name can play tricks on a terminal, and no two names look the same.
pub fn display_bytes(bytes: &[u8]) -> String {
    use fmt::Write;
    let mut text = String::with_capacity(bytes.len());
    for part in bytes.utf8_chunks() {
        for c in part.valid().chars() {
            if c.is_control() || c == '\\' {
                let _ = write!(text, "{}", c.escape_default());
            } else {
                text.push(c);
            }
        }
        for byte in part.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// A path that could not be read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The path inside the snapshot.
    pub path: Vec<u8>,
    /// The operation that failed and the system's reason.
    pub reason: String,
}

/// What was counted while a snapshot was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Regular files and all other entries that are not directories.
    pub files: u64,
    /// Directories.
    pub dirs: u64,
    /// Bytes of the regular files.
    pub bytes: u64,
    /// Files that were read because they were new or changed.
    pub changed_files: u64,
    /// Bytes read from files.
    pub read_bytes: u64,
    /// Objects that were not in the archive before.
    pub new_objects: u64,
    /// Bytes by which the archive grew.
    pub stored_bytes: u64,
    /// Files that changed while they were read.
    pub torn: u64,
    /// Paths that could not be read.
    pub unreadable: u64,
}

/// What snapshots are taken of again and again: each is compared with the one before it in its series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// The machine.
    pub host: String,
    /// The connector profile, absent for plain paths.
    pub connector: Option<String>,
    /// The paths of the source.
    pub paths: Vec<Vec<u8>>,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// When it was taken.
    pub time: Timestamp,
    /// The machine.
    pub host: String,
    /// The connector profile, absent for plain paths.
    pub connector: Option<String>,
    /// The paths of the source.
    pub paths: Vec<Vec<u8>>,
    /// Labels, ascending.
    pub tags: Vec<String>,
    /// The root tree.
    pub root: Id,
    /// The snapshot that it was compared with.
    pub parent: Option<Id>,
    /// Name and version of the program that wrote it.
    pub program: String,
    /// Figures.
    pub counts: Counts,
    /// The first torn files, at most [`LISTED_PATHS`](crate::limits::LISTED_PATHS).
    pub torn: Vec<Vec<u8>>,
    /// The first unreadable paths, as many at most.
    pub unreadable: Vec<Unreadable>,
}

impl Snapshot {
    /// The series that it belongs to.
    pub fn series(&self) -> Series {
        Series {
            host: self.host.clone(),
            connector: self.connector.clone(),
            paths: self.paths.clone(),
        }
    }

    /// Whether it belongs to a series.
    pub fn is_of(&self, series: &Series) -> bool {
        self.host == series.host && self.connector == series.connector && self.paths == series.paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_lead_elsewhere_are_refused() {
        for bad in [&b""[..], b".", b"..", b"a/b", b"/", b"a\0b", &[b'x'; 1025]] {
            assert!(!is_valid_name(bad), "{bad:?}");
        }
        for good in [&b"..."[..], b" ", b"~", b"a\nb", b"\xff", &[b'x'; 255]] {
            assert!(is_valid_name(good), "{good:?}");
        }
    }

    #[test]
    fn display_escapes_what_a_terminal_would_obey() {
        assert_eq!(display_bytes(b"a\x1b[2Jb\xff\n"), "a\\u{1b}[2Jb\\xff\\n");
        assert_eq!(display_bytes("Grüße".as_bytes()), "Grüße");
        assert_eq!(display_bytes(b"a\\xff"), "a\\\\xff");
    }
}

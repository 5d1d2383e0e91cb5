//! What a difference is and how it reads.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

/// One of the two trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The original.
    First,
    /// The copy.
    Second,
}

/// One thing in which two trees differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Path below the roots; empty for the roots themselves.
    pub path: PathBuf,
    /// What differs.
    pub aspect: Aspect,
}

/// What differs about a path; of two values, the first tree's comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Aspect {
    /// Only one tree has the path.
    OnlyIn(Side),
    /// File, directory, symlink, …
    Type(&'static str, &'static str),
    /// Size of a regular file, bytes.
    Size(u64, u64),
    /// Bytes of a regular file, from this offset on.
    Content(u64),
    /// Bytes allocated: the copy takes much more than the original, so holes were filled.
    Allocation(u64, u64),
    /// Permission bits with setuid, setgid and sticky.
    Mode(u32, u32),
    /// Number of the owner.
    Owner(u32, u32),
    /// Number of the group.
    Group(u32, u32),
    /// Time of modification, nanoseconds since 1970.
    Modified(i128, i128),
    /// Target of a symlink.
    Target(Vec<u8>, Vec<u8>),
    /// In this tree the path is another name of that one, in the other tree it is not.
    Linked(Side, PathBuf),
    /// Extended attribute of this name; `None` where there is none.
    Attribute(Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>),
    /// Device number.
    Device(u64, u64),
    /// Permissions keep the path from being read in this tree.
    Unreadable(Side),
}

impl Aspect {
    /// One word for the kind of difference, such as `mode`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::OnlyIn(_) => "only",
            Self::Type(..) => "type",
            Self::Size(..) => "size",
            Self::Content(_) => "content",
            Self::Allocation(..) => "allocation",
            Self::Mode(..) => "mode",
            Self::Owner(..) => "owner",
            Self::Group(..) => "group",
            Self::Modified(..) => "mtime",
            Self::Target(..) => "target",
            Self::Linked(..) => "link",
            Self::Attribute(..) => "attribute",
            Self::Device(..) => "device",
            Self::Unreadable(_) => "unreadable",
        }
    }
}

pub(super) fn type_name(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "file",
        FileType::Directory => "directory",
        FileType::Symlink => "symlink",
        FileType::Fifo => "fifo",
        FileType::Socket => "socket",
        FileType::CharacterDevice => "character device",
        FileType::BlockDevice => "block device",
        FileType::Unknown => "unknown",
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "the first tree",
            Self::Second => "the second tree",
        })
    }
}

/// Bytes as one line of printable characters; long ones are cut.
struct Line<'a>(&'a [u8]);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 200;
        let Self(bytes) = self;
        match std::str::from_utf8(bytes) {
            Ok(text) if bytes.len() <= SHOWN && !text.contains(|c: char| c.is_control() || c == '\\') => {
                f.write_str(text)
            }
            _ if bytes.len() <= SHOWN => write!(f, "{}", bytes.escape_ascii()),
            _ => {
                // The end of a long path tells more than its middle.
                let (head, tail) = (&bytes[..SHOWN / 2], &bytes[bytes.len() - SHOWN / 2..]);
                write!(
                    f,
                    "{}[… {} bytes …]{}",
                    head.escape_ascii(),
                    bytes.len() - SHOWN,
                    tail.escape_ascii()
                )
            }
        }
    }
}

fn line(path: &Path) -> Line<'_> {
    Line(path.as_os_str().as_bytes())
}

fn seconds(nanoseconds: i128) -> String {
    let (whole, rest) = (
        nanoseconds.div_euclid(1_000_000_000),
        nanoseconds.rem_euclid(1_000_000_000),
    );
    format!("{whole}.{rest:09}")
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnlyIn(side) => write!(f, "only in {side}"),
            Self::Type(a, b) => write!(f, "type: {a} against {b}"),
            Self::Size(a, b) => write!(f, "size: {a} against {b} bytes"),
            Self::Content(offset) => write!(f, "content differs from byte {offset} on"),
            Self::Allocation(a, b) => write!(f, "takes {b} bytes, its original {a}: holes were filled"),
            Self::Mode(a, b) => write!(f, "mode: {a:04o} against {b:04o}"),
            Self::Owner(a, b) => write!(f, "owner: {a} against {b}"),
            Self::Group(a, b) => write!(f, "group: {a} against {b}"),
            Self::Modified(a, b) => write!(f, "mtime: {} against {}", seconds(*a), seconds(*b)),
            Self::Target(a, b) => write!(f, "target: {} against {}", Line(a), Line(b)),
            Self::Linked(side, other) => write!(f, "hard link to {} only in {side}", line(other)),
            Self::Attribute(name, a, b) => {
                let show = |value: &Option<Vec<u8>>| match value {
                    None => "none".to_owned(),
                    Some(bytes) => format!("\"{}\"", Line(bytes)),
                };
                write!(f, "attribute {}: {} against {}", Line(name), show(a), show(b))
            }
            Self::Device(a, b) => write!(f, "device: {a:#x} against {b:#x}"),
            Self::Unreadable(side) => write!(f, "may not be read in {side}"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.as_os_str().is_empty() {
            write!(f, ".: {}", self.aspect)
        } else {
            write!(f, "{}: {}", line(&self.path), self.aspect)
        }
    }
}

impl std::error::Error for Difference {}

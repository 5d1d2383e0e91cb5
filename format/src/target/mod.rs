//! Where restores go. Only this module writes to a user's files, and it never follows a link that it
//! did not make: everything is done relative to directories that it opened itself (F-110).

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::{NewFile, OldFile, TargetFolder, is_privileged};
#[cfg(windows)]
pub use windows::{NewFile, OldFile, TargetFolder, is_privileged};

use crate::model::Timestamp;

/// What stands already where an entry should go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Existing {
    /// Whether it is a directory (not a link to one).
    pub is_dir: bool,
    /// Whether it is a regular file.
    pub is_file: bool,
    /// Size in bytes.
    pub size: u64,
    /// Last change.
    pub mtime: Timestamp,
}

//! Restoring: directories are made in the order of the tree, files are written by tasks on all cores under temporary
//! names and renamed when every byte has been checked, and each directory gets its metadata when the last
//! entry in it is done.

mod layout;
mod open_target;
mod write;

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use self::layout::Layout;
use self::open_target::{OpenTarget, Shared};
use super::Archive;
use super::locate::Located;
use crate::error::{Error, Result};
use crate::limits::LISTED_PATHS;
use crate::progress::Progress;
use crate::target::{TargetFolder, is_privileged};

/// What happens to what stands already where an entry should go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// It stays, and so does what is said about it.
    Never,
    /// It is replaced if type, size or time of change differ.
    Changed,
    /// It is replaced.
    Always,
}

/// How to restore.
#[derive(Clone, Debug)]
pub struct Restore {
    /// The folder below which the entries are made. It is made if it is missing.
    pub target: PathBuf,
    /// What may be overwritten; `None` requires an empty folder.
    pub overwrite: Option<Overwrite>,
    /// Nothing is written; the report says what would be.
    pub dry_run: bool,
}

/// What a restore did, or would do.
#[derive(Debug, Default)]
pub struct RestoreReport {
    /// Entries written that are not directories.
    pub files: u64,
    /// Directories made or taken over.
    pub dirs: u64,
    /// Bytes of the files written, holes included.
    pub bytes: u64,
    /// Entries left as they were.
    pub kept: u64,
    /// Restored files that were torn when the snapshot was taken.
    pub torn: Vec<Vec<u8>>,
    /// How many entries failed; `failures` lists the first of them.
    pub failed: u64,
    /// Paths that could not be restored, and why.
    pub failures: Vec<(Vec<u8>, Error)>,
    /// How many times metadata could not be set; `refusals` lists the first of them.
    pub refused: u64,
    /// Paths of which some metadata could not be set, what, and why.
    pub refusals: Vec<(Vec<u8>, &'static str, io::Error)>,
    /// Entries whose owner could not be set because only a privileged process may.
    pub unowned: u64,
}

impl RestoreReport {
    fn fail(&mut self, path: &[u8], error: Error) {
        self.failed += 1;
        if self.failures.len() < LISTED_PATHS {
            self.failures.push((path.to_vec(), error));
        }
    }

    fn refuse(&mut self, path: &[u8], what: &'static str, error: io::Error) {
        if what == "owner" && !is_privileged() {
            self.unowned += 1;
            return;
        }
        self.refused += 1;
        if self.refusals.len() < LISTED_PATHS {
            self.refusals.push((path.to_vec(), what, error));
        }
    }

    /// Whether everything that was asked for is there, with all its metadata.
    pub fn is_complete(&self) -> bool {
        self.failed == 0 && self.refused == 0 && self.torn.is_empty()
    }
}

impl Archive {
    /// Restores what `from` means below `restore.target`: for a whole snapshot its entries, for
    /// a path its last component with everything below it. A dry run goes the same way and writes nothing.
    pub fn restore(&self, from: &Located, restore: &Restore, progress: &Progress) -> Result<RestoreReport> {
        let text = || restore.target.display().to_string();
        let folder = match restore.dry_run {
            false => {
                let made = TargetFolder::create(&restore.target);
                Some(made.map_err(|error| Error::io("make folder", text())(error))?)
            }
            true => match TargetFolder::open(&restore.target) {
                Ok(folder) => Some(folder),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(Error::io("open folder", text())(error)),
            },
        };
        if let (Some(folder), None) = (&folder, restore.overwrite)
            && !folder
                .is_empty()
                .map_err(|error| Error::io("list", text())(error))?
        {
            return Err(Error::TargetNotEmpty { path: text() });
        }
        let shared = Shared {
            archive: self,
            progress,
            dry_run: restore.dry_run,
            report: Mutex::default(),
            unwritten: Mutex::default(),
        };
        rayon::in_place_scope(|tasks| {
            let fresh = restore.overwrite.is_none();
            let policy = restore.overwrite.unwrap_or(Overwrite::Never);
            let root = OpenTarget::root(folder, fresh, &shared);
            Layout::new(&shared, policy, tasks).lay(from, root)
        })?;
        Ok(shared.report.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

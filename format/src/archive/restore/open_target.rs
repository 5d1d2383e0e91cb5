//! The directories of a restore while entries are made in them.

use std::collections::HashSet;
use std::io;
use std::sync::{Mutex, PoisonError};

use super::RestoreReport;
use crate::archive::Archive;
use crate::error::{Error, Result};
use crate::model::{Entry, Meta, display_bytes};
use crate::progress::Progress;
use crate::target::TargetFolder;

/// What all tasks of a restore share.
pub(super) struct Shared<'a> {
    pub(super) archive: &'a Archive,
    pub(super) progress: &'a Progress,
    pub(super) dry_run: bool,
    pub(super) report: Mutex<RestoreReport>,
    /// Paths of files with several links that could not be written: nothing may be linked to what stands there.
    pub(super) unwritten: Mutex<HashSet<Vec<u8>>>,
}

impl Shared<'_> {
    pub(super) fn report(&self, change: impl FnOnce(&mut RestoreReport)) {
        change(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A directory in which entries are being made. When the last of them is done, it gets its metadata.
pub(super) struct OpenTarget<'a> {
    /// `None` in a dry run where it does not exist yet.
    pub(super) folder: Option<TargetFolder>,
    pub(super) path: Vec<u8>,
    /// Whether nothing can stand in it that the restore did not make.
    pub(super) fresh: bool,
    /// `None` where the directory's own metadata stays as it is.
    meta: Option<Meta>,
    shared: &'a Shared<'a>,
}

impl<'a> OpenTarget<'a> {
    /// The folder that the user named.
    pub(super) fn root(folder: Option<TargetFolder>, fresh: bool, shared: &'a Shared<'a>) -> Self {
        Self {
            folder,
            path: Vec::new(),
            fresh,
            meta: None,
            shared,
        }
    }

    /// Makes or opens the directory of an entry. One that was there keeps its metadata if `keep_meta`.
    pub(super) fn open(&self, entry: &Entry, keep_meta: bool) -> Result<Self> {
        let text = || self.path_text(&entry.name);
        let shared = self.shared;
        let (folder, fresh) = match &self.folder {
            None => (None, true),
            Some(parent) if shared.dry_run => match parent.open_child(&entry.name) {
                Ok(folder) => (Some(folder), false),
                Err(error) if error.kind() == io::ErrorKind::NotFound => (None, true),
                // What stands there would make way first.
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => (None, true),
                Err(error) => return Err(Error::io("open directory", text())(error)),
            },
            Some(parent) => {
                let fresh = match parent.make_dir(&entry.name, !entry.meta.synthetic) {
                    Ok(()) => true,
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
                    Err(error) => return Err(Error::io("make directory", text())(error)),
                };
                let opened = parent.open_child(&entry.name);
                (
                    Some(opened.map_err(|error| Error::io("open directory", text())(error))?),
                    fresh,
                )
            }
        };
        shared.report(|report| report.dirs += 1);
        let untouched = entry.meta.synthetic || shared.dry_run || (keep_meta && !fresh);
        Ok(Self {
            folder,
            path: self.path_of(&entry.name),
            fresh,
            meta: (!untouched).then(|| entry.meta.clone()),
            shared,
        })
    }

    pub(super) fn path_of(&self, name: &[u8]) -> Vec<u8> {
        match self.path.is_empty() {
            true => name.to_vec(),
            false => [&self.path, &b"/"[..], name].concat(),
        }
    }

    pub(super) fn path_text(&self, name: &[u8]) -> String {
        display_bytes(&self.path_of(name))
    }
}

impl Drop for OpenTarget<'_> {
    fn drop(&mut self) {
        if let (Some(folder), Some(meta)) = (&self.folder, &self.meta) {
            let mut refused = |what, error| self.shared.report(|r| r.refuse(&self.path, what, error));
            folder.set_meta(meta, &mut refused);
        }
    }
}

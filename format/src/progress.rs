//! Figures that a long operation keeps up to date while it runs, and the request to stop it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::error::{Error, Result};

/// Shared between a running operation and whoever shows how far it is.
#[derive(Debug, Default)]
pub struct Progress {
    /// Files done.
    pub files: AtomicU64,
    /// Bytes done.
    pub bytes: AtomicU64,
    /// Bytes to do, 0 where that is not known.
    pub total_bytes: AtomicU64,
    /// Set from outside to stop the operation.
    pub stop: AtomicBool,
}

impl Progress {
    /// Counts `files` and `bytes` as done.
    pub fn add(&self, files: u64, bytes: u64) {
        self.files.fetch_add(files, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Fails with [`Error::Interrupted`] if somebody asked to stop.
    pub fn check(&self) -> Result<()> {
        match self.stop.load(Ordering::Relaxed) {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }
}

//! What the tests and the measurements of Restante share: trees to snapshot, and a judge of restored trees.
//!
//! - [`workload`] lays down a server's connectors, as large as wanted, and changes them step by step. The same
//!   seed gives the same bytes, names and times on every machine.
//! - [`adversarial`] lays down what a file system permits and a backup program forgets.
//! - [`compare`] tells in what two trees differ. It shares no code with Restante, so that both would have to be
//!   wrong in the same way for a bad restore to pass.
//! - [`archives`] makes, fills, reads and restores archives, [`forge`] and [`laid`] make such as no writer would make,
//!   [`tearing`] is a store that dies in the middle of a write, [`damaged`] judges what damage costs, and [`counting`] holds
//!   bounds of memory and time.
//! - [`cutting`] holds cutting by all cores against a serial scan, and [`fuzzing`] is what the fuzz targets do.
//!
//! [`workload`], [`cutting`] and [`fuzzing`] need no Linux, unlike the others. The program `workload` offers
//! the first three on the command line.
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! use restante_tests::workload::Workload;
//!
//! let root = tempfile::tempdir()?;
//! let workload = Workload::tiny();
//! let made = workload.create(root.path())?;
//! let step = workload.step(root.path(), 1)?;
//! assert_eq!(step.mails_changed(), 60);
//! assert!(step.bytes_changed < made.bytes);
//! # Ok(())
//! # }
//! ```

#[cfg(target_os = "linux")]
pub mod adversarial;
#[cfg(target_os = "linux")]
pub mod archives;
#[cfg(target_os = "linux")]
pub mod compare;
#[cfg(target_os = "linux")]
pub mod counting;
pub mod cutting;
#[cfg(target_os = "linux")]
pub mod damaged;
#[cfg(target_os = "linux")]
mod descent;
#[cfg(target_os = "linux")]
pub mod forge;
pub mod fuzzing;
pub mod laid;
pub mod pages;
pub mod prng;
#[cfg(target_os = "linux")]
pub mod tearing;
pub mod vectors;
pub mod workload;

#[cfg(target_os = "linux")]
pub use descent::{raise_open_files, remove_tree};

use std::fmt::Display;
use std::io;

/// Says what was being done when `error` happened: `std`'s own errors name no path.
pub(crate) fn context(doing: impl Display, error: impl Into<io::Error>) -> io::Error {
    let error = error.into();
    io::Error::new(error.kind(), format!("{doing}: {error}"))
}

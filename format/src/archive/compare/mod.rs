//! What lies in a folder against what a snapshot holds: every byte is read and hashed, and nothing but trees and chunk
//! lists is taken from the archive.

mod file;
mod walk;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use self::walk::Comparison;
use super::Archive;
use super::locate::Located;
use crate::error::{Error, Result};
use crate::limits::{LISTED_BYTES, LISTED_PATHS};
use crate::progress::Progress;
use crate::source::Filter;

/// How an entry of a folder differs from that of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DifferenceKind {
    /// It is not in the folder; what the snapshot has below it is not named.
    Missing,
    /// It is not in the snapshot; what lies below it is not named.
    Extra,
    /// It is something else, such as a directory instead of a file.
    Type,
    /// Its bytes, the target of the link or the numbers of the device are others.
    Content,
    /// Its mode or its time of change is another.
    Metadata,
    /// It could not be compared: what failed, in the folder or in the archive, and why.
    Unreadable(String),
}

/// A path and how it differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The path below the folder; empty for the folder, or the one file, itself.
    pub path: Vec<u8>,
    /// How it differs.
    pub kind: DifferenceKind,
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompareReport {
    /// Entries that are no directories, in both the snapshot and the folder.
    pub files: u64,
    /// Directories in both, the folder itself left out.
    pub dirs: u64,
    /// Bytes of the files whose contents were compared, holes included. A file of another length is not read.
    pub bytes: u64,
    /// The first differences, each directory before what it holds and names in ascending order: as many as a snapshot
    /// lists paths.
    pub differences: Vec<Difference>,
    /// How many entries are missing.
    pub missing: u64,
    /// How many are extra.
    pub extra: u64,
    /// How many have another type.
    pub types: u64,
    /// How many have another content.
    pub contents: u64,
    /// How many have another mode or time of change.
    pub metadata: u64,
    /// How many could not be compared.
    pub unreadable: u64,
}

impl CompareReport {
    /// How many differences there are, listed or not.
    pub fn total(&self) -> u64 {
        self.missing + self.extra + self.types + self.contents + self.metadata + self.unreadable
    }

    /// Whether everything is as it is in the snapshot.
    pub fn is_equal(&self) -> bool {
        self.total() == 0
    }
}

impl Archive {
    /// Compares what lies at `folder` with what `from` names: the entries of a directory with those of the directory
    /// `folder`, a file with the file `folder`. Every byte is read. Owners, extended attributes and which files are links to
    /// each other are not compared. What `filter`, asked for the path below `folder`, does not take is passed over on both sides.
    pub fn compare(
        &self,
        from: &Located,
        folder: &Path,
        filter: Option<&Filter>,
        progress: &Progress,
    ) -> Result<CompareReport> {
        let shared = Shared {
            archive: self,
            progress,
            found: Mutex::default(),
        };
        rayon::in_place_scope(|tasks| Comparison::new(&shared, filter, tasks).run(from, folder))?;
        // A task that was stopped says nothing.
        progress.check()?;
        let found = shared.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(CompareReport {
            differences: found.listed.into_values().collect(),
            ..found.report
        })
    }
}

/// What all tasks share.
struct Shared<'a> {
    archive: &'a Archive,
    progress: &'a Progress,
    found: Mutex<Found>,
}

/// What was found so far, by whichever task came first.
#[derive(Default)]
struct Found {
    report: CompareReport,
    listed: BTreeMap<(u64, DifferenceKind), Difference>,
    listed_bytes: usize,
    /// Differences from this one on do not fit any more.
    end: Option<(u64, DifferenceKind)>,
}

/// An entry that is being compared: its number in the order of the walk, and its path.
#[derive(Clone)]
struct Spot {
    place: u64,
    path: Vec<u8>,
}

impl Shared<'_> {
    fn found(&self, change: impl FnOnce(&mut Found)) {
        change(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn differs(&self, spot: &Spot, kind: DifferenceKind) {
        self.found(|found| found.take(spot, kind));
    }
}

impl Found {
    /// Counts a difference, and lists it if it is one of the first: what comes later in the walk makes room.
    fn take(&mut self, spot: &Spot, kind: DifferenceKind) {
        let report = &mut self.report;
        *match kind {
            DifferenceKind::Missing => &mut report.missing,
            DifferenceKind::Extra => &mut report.extra,
            DifferenceKind::Type => &mut report.types,
            DifferenceKind::Content => &mut report.contents,
            DifferenceKind::Metadata => &mut report.metadata,
            DifferenceKind::Unreadable(_) => &mut report.unreadable,
        } += 1;
        let key = (spot.place, kind.clone());
        if self.end.as_ref().is_some_and(|end| *end <= key) {
            return;
        }
        self.listed_bytes += spot.path.len();
        let path = spot.path.clone();
        self.listed.insert(key, Difference { path, kind });
        while self.listed.len() > LISTED_PATHS || self.listed_bytes > LISTED_BYTES {
            let Some((key, last)) = self.listed.pop_last() else {
                return;
            };
            self.listed_bytes -= last.path.len();
            self.end = Some(key);
        }
    }
}

fn unreadable(op: &str, error: &std::io::Error) -> DifferenceKind {
    DifferenceKind::Unreadable(format!("cannot {op}: {error}"))
}

/// An error with its causes.
fn text_of(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

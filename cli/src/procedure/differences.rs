//! What it means that a restored tree differs from the snapshot.

use restante_format::archive::{CompareReport, Difference, DifferenceKind};
use restante_format::model::display_bytes;

use super::act::Acted;
use crate::failure::{Failure, Result};
use crate::show::{plural, size};

/// How many differences are named.
const NAMED: usize = 10;

/// What was read, and what differs without harm: a mode or a time that could not be set.
///
/// # Errors
/// Fails if a byte differs, or if something is missing or too much.
pub(super) fn judge(report: &CompareReport) -> Result<Acted> {
    let mut notes = vec![format!(
        "{}, {}",
        plural(report.files, "file", "files"),
        size(report.bytes)
    )];
    if report.metadata > 0 {
        notes.push(format!(
            "{} with another mode or time",
            plural(report.metadata, "path", "paths")
        ));
    }
    let others = report.total() - report.metadata;
    if others == 0 {
        return Ok(Acted {
            notes,
            findings: Vec::new(),
        });
    }
    let what = plural(others, "path differs", "paths differ");
    let failure = Failure::new(format!("{what} from the snapshot"));
    Err(named(report).fold(failure, |failure, line| failure.hint(line)))
}

/// The first differences that count, a line each.
pub(crate) fn named(report: &CompareReport) -> impl Iterator<Item = String> {
    let counts = |d: &&Difference| d.kind != DifferenceKind::Metadata;
    report.differences.iter().filter(counts).take(NAMED).map(line)
}

fn line(difference: &Difference) -> String {
    let path = match display_bytes(&difference.path) {
        path if path.is_empty() => ".".to_owned(),
        path => path,
    };
    match &difference.kind {
        DifferenceKind::Missing => format!("{path} is missing"),
        DifferenceKind::Extra => format!("{path} is not in the snapshot"),
        DifferenceKind::Type => format!("{path} is of another type"),
        DifferenceKind::Content => format!("{path} has other contents"),
        DifferenceKind::Metadata => format!("{path} has another mode or time"),
        DifferenceKind::Unreadable(why) => format!("{path}: {why}"),
    }
}

//! What people ask of very many snapshots, asked of the library.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use restante_format::archive::{Archive, Restore};
use restante_format::catalog::{Selector, Which};
use restante_format::error::Error;
use restante_format::model::Timestamp;
use restante_format::progress::Progress;
use restante_format::store::LocalStore;

use super::fill::CONNECTOR;

/// How many of the newest are shown.
pub(super) const SHOWN: usize = 10;

/// Opens the archive and looks at the newest ten. Returns seconds.
pub(super) fn newest(repository: &Path) -> Result<f64, Error> {
    let started = Instant::now();
    let archive = open(repository)?;
    let newest = archive.catalog().newest_first().take(SHOWN);
    let newest: Vec<_> = newest.map(|moment| moment.listed()).collect();
    let seconds = started.elapsed().as_secs_f64();
    match newest.len() {
        SHOWN => Ok(seconds),
        found => Err(Error::Request(format!(
            "{found} of the newest {SHOWN} snapshots were found"
        ))),
    }
}

/// Opens the archive, finds the snapshot at a time and restores one path in it below `target`. Returns seconds.
pub(super) fn restore(repository: &Path, time: Timestamp, path: &str, target: &Path) -> Result<f64, Error> {
    let started = Instant::now();
    let archive = open(repository)?;
    let found = archive.catalog().resolve(&Selector {
        connector: Some(CONNECTOR.into()),
        which: Which::At(time),
        text: format!("{CONNECTOR}@{}", time.secs),
    })?;
    let located = archive.locate(&found, path.as_bytes())?;
    let restore = Restore {
        target: target.to_owned(),
        overwrite: None,
        dry_run: false,
    };
    let report = archive.restore(&located, &restore, &Progress::default())?;
    let seconds = started.elapsed().as_secs_f64();
    match report.is_complete() && found.snapshot.time == time {
        true => Ok(seconds),
        false => Err(Error::Request(format!(
            "the snapshot at {} was not found and restored: {report:?}",
            time.secs
        ))),
    }
}

fn open(repository: &Path) -> Result<Archive, Error> {
    Archive::open(Arc::new(LocalStore::new(repository)))
}

#[cfg(test)]
mod tests {
    use super::super::fill::fill;
    use super::super::series::Series;
    use super::super::{contents_at, path_of};
    use super::*;

    #[test]
    fn the_newest_and_a_file_of_any_time_are_found() {
        let place = tempfile::tempdir().unwrap();
        let series = Series {
            snapshots: 60,
            changes: 30,
            jitter: false,
        };
        let repository = place.path().join("repository");
        fill(&series, false, &place.path().join("source"), &repository).unwrap();
        newest(&repository).unwrap();
        for (n, table) in [(0, 3), (29, 7), (59, 11)] {
            let target = place.path().join(n.to_string());
            restore(&repository, series.time(n), &path_of(table), &target).unwrap();
            let restored = std::fs::read(target.join(super::super::series::name(table))).unwrap();
            assert!(restored == contents_at(&series, n, table), "snapshot {n}");
        }
        assert!(restore(&repository, series.time(60), "none", &place.path().join("none")).is_err());
    }
}

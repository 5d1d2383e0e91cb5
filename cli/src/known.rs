//! Connectors, machines and paths of a source that options name: they have to be in the archive.

use std::path::{Component, Path};

use restante_format::archive::Archive;
use restante_format::model::{Series, display_bytes};
use restante_format::names::from_os;

use crate::args::Range;
use crate::failure::{Failure, Result};
use crate::suggest::nearest;

/// How many names an error lists.
const LISTED: usize = 20;

/// Fails if no snapshot is of what the options name, and suggests what there is.
pub(crate) fn check(archive: &Archive, range: &Range) -> Result<()> {
    if let Some(connector) = &range.connector {
        check_connector(archive, connector)?;
    }
    if let Some(host) = &range.host {
        check_host(archive, host)?;
    }
    range.paths.iter().try_for_each(|path| check_path(archive, path))
}

/// Fails if no snapshot is of this connector, and suggests one that there is.
pub(crate) fn check_connector(archive: &Archive, name: &str) -> Result<()> {
    let all = names(archive, |series| series.connector.into_iter().collect());
    match all.iter().any(|known| known == name) {
        true => Ok(()),
        false => Err(unknown(
            format!("there is no snapshot of a connector {name:?}"),
            name,
            &all,
            "no snapshot in this archive is of a connector",
        )),
    }
}

/// Fails if no snapshot is of this machine, and suggests one that there is.
pub(crate) fn check_host(archive: &Archive, name: &str) -> Result<()> {
    let all = names(archive, |series| vec![series.host]);
    match all.iter().any(|known| known == name) {
        true => Ok(()),
        false => Err(unknown(
            format!("there is no snapshot of a machine {name:?}"),
            name,
            &all,
            "there is no snapshot in this archive",
        )),
    }
}

/// Fails if no snapshot is of this path, and suggests one that there is.
pub(crate) fn check_path(archive: &Archive, path: &Path) -> Result<()> {
    let spellings = spellings(path);
    let series = archive.catalog().series();
    let is_known = |series: &Series| spellings.iter().any(|spelt| series.paths.contains(spelt));
    if series.keys().any(is_known) {
        return Ok(());
    }
    let all = names(archive, |series| {
        series.paths.iter().map(|path| display_bytes(path)).collect()
    });
    let wanted = spellings
        .last()
        .map_or_else(String::new, |path| display_bytes(path));
    Err(unknown(
        format!("there is no snapshot of a path {wanted:?}"),
        &wanted,
        &all,
        "there is no snapshot in this archive",
    )
    .hint("this is about what was taken; what is in snapshots: restante find"))
}

/// How a path that is named now may stand in snapshots: as it was given, for it may be one of another system, and as
/// `snapshot` makes it plain.
pub(crate) fn spellings(path: &Path) -> Vec<Vec<u8>> {
    let given: std::path::PathBuf = path.components().collect();
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let has_parents = absolute.components().any(|part| part == Component::ParentDir);
    let plain = match has_parents {
        true => std::fs::canonicalize(&absolute).unwrap_or(absolute),
        false => absolute.components().collect(),
    };
    let mut spellings = vec![from_os(given.as_os_str()), from_os(plain.as_os_str())];
    spellings.dedup();
    spellings
}

/// What the series of an archive name, each once.
fn names(archive: &Archive, of: impl Fn(Series) -> Vec<String>) -> Vec<String> {
    let series = archive.catalog().series();
    let mut all: Vec<String> = series.into_keys().flat_map(of).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn unknown(message: String, name: &str, all: &[String], none: &str) -> Failure {
    let failure = Failure::new(message);
    match nearest(name, all) {
        Some(near) => failure.hint(format!("did you mean {near:?}?")),
        None if all.is_empty() => failure.hint(none),
        None if all.len() > LISTED => {
            let more = all.len() - LISTED;
            failure.hint(format!(
                "there are: {}, and {more} more",
                all[..LISTED].join(", ")
            ))
        }
        None => failure.hint(format!("there are: {}", all.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_looked_for_as_given_and_as_taken() {
        if cfg!(windows) {
            return;
        }
        assert_eq!(spellings(Path::new("/etc/")), [b"/etc".to_vec()]);
        assert_eq!(spellings(Path::new("/etc/./x")), [b"/etc/x".to_vec()]);
        let relative = spellings(Path::new("db.sql"));
        assert_eq!(relative[0], b"db.sql");
        assert!(relative[1].starts_with(b"/") && relative[1].ends_with(b"/db.sql"));
    }
}

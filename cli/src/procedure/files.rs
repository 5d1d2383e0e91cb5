//! Files below a directory: listed, found by patterns, found in any case, deleted or set aside.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use restante_format::names::from_os;
use restante_format::source::{Filter, Patterns};

use super::crash;
use super::swap::HOLDER;
use crate::failure::{Failure, Result};

/// An entry below a directory.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Its path below the directory, with `/`.
    pub(crate) below: Vec<u8>,
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// Whether it is a directory; a link to one is none.
    pub(crate) is_dir: bool,
    /// Whether it is a file with contents.
    pub(crate) is_regular: bool,
    /// How many bytes it holds.
    pub(crate) bytes: u64,
}

/// Everything below a directory, each directory before what it holds, in the order of paths.
pub(crate) fn list(folder: &Path) -> Result<Vec<Found>> {
    let mut all = Vec::new();
    let mut open = vec![(folder.to_path_buf(), Vec::new())];
    while let Some((path, below)) = open.pop() {
        let cannot = |error| cannot_read(&path, error);
        let entries = fs::read_dir(&path)
            .and_then(Iterator::collect::<io::Result<Vec<_>>>)
            .map_err(cannot)?;
        for entry in entries {
            // What a restore keeps in a root that cannot be renamed is no part of it.
            if entry.file_name().to_string_lossy().starts_with(HOLDER) {
                continue;
            }
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // It went while the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(cannot_read(&entry.path(), error)),
            };
            let mut name = below.clone();
            restante_format::model::push_name(&mut name, &from_os(&entry.file_name()));
            let found = Found {
                below: name,
                path: entry.path(),
                is_dir: metadata.is_dir(),
                is_regular: metadata.is_file(),
                bytes: metadata.len(),
            };
            if found.is_dir {
                open.push((found.path.clone(), found.below.clone()));
            }
            all.push(found);
        }
    }
    all.sort_by(|a, b| a.below.cmp(&b.below));
    Ok(all)
}

/// The error for something that cannot be read.
pub(super) fn cannot_read(path: &Path, error: io::Error) -> Failure {
    cannot("read", path, error)
}

/// The error for something that could not be done to a path.
pub(super) fn cannot(what: &'static str, path: &Path, error: io::Error) -> Failure {
    restante_format::error::Error::io(what, path.display().to_string())(error).into()
}

/// Whether anything is at a path, a link that leads nowhere included.
pub(super) fn is_there(path: &Path) -> Result<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(cannot_read(path, error)),
    }
}

/// What takes the paths that `include` matches, every one where it has no pattern, but for those that `exclude` does.
pub(crate) fn filter(include: &[String], exclude: &[String], ignore_case: bool) -> Result<Filter> {
    let patterns = |globs: &[String]| Patterns {
        globs: globs.to_vec(),
        ignore_case,
    };
    Filter::new(&patterns(include), &[patterns(exclude)])
        .map_err(|error| Failure::new(format!("{error}: {}", error.source.kind())))
}

/// What takes the paths that match one of the patterns.
pub(super) fn matching(patterns: &[String], ignore_case: bool) -> Result<Filter> {
    filter(patterns, &[], ignore_case)
}

/// The one entry at a path below a directory; names compare in any case where `ignore_case` says so.
///
/// # Errors
/// Fails if a directory on the way cannot be read, or if one name is there in two spellings.
pub(super) fn find(folder: &Path, below: &str, ignore_case: bool) -> Result<Option<PathBuf>> {
    let mut path = folder.to_path_buf();
    for part in below.split('/').filter(|part| !part.is_empty()) {
        let exact = path.join(part);
        if !ignore_case {
            if exact.symlink_metadata().is_err() {
                return Ok(None);
            }
            path = exact;
            continue;
        }
        let entries = match fs::read_dir(&path) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            other => other.map_err(|error| cannot_read(&path, error))?,
        };
        let wanted = part.to_lowercase();
        let mut spellings = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| cannot_read(&path, error))?.file_name();
            if name.to_str().is_some_and(|name| name.to_lowercase() == wanted) {
                spellings.push(name);
            }
        }
        spellings.sort();
        match &spellings[..] {
            [] => return Ok(None),
            [only] => path.push(only),
            [first, second, ..] => {
                return Err(
                    Failure::new(format!("{} holds both {first:?} and {second:?}", path.display()))
                        .hint("its system sees one name in them: keep the right one"),
                );
            }
        }
    }
    Ok(Some(path))
}

/// Deletes the files that match, directories excepted: moves them into the folder `keep`, where there is one, so that
/// they can come back. Returns their paths below the directory.
pub(super) fn delete(
    folder: &Path,
    patterns: &[String],
    ignore_case: bool,
    keep: Option<&Path>,
) -> Result<Vec<Vec<u8>>> {
    each(folder, patterns, ignore_case, |file, below| {
        match keep.map(|keep| keep.join(below)) {
            // What was there first is kept; what was made since then is not.
            Some(kept) if !is_there(&kept)? => move_to(&file.path, &kept, "delete"),
            _ => crash::point()
                .and_then(|()| fs::remove_file(&file.path))
                .map_err(|error| cannot("delete", &file.path, error)),
        }
    })
}

/// Moves the files that match into another directory, under the paths that they had.
pub(super) fn set_aside(
    folder: &Path,
    patterns: &[String],
    ignore_case: bool,
    aside: &Path,
) -> Result<Vec<Vec<u8>>> {
    each(folder, patterns, ignore_case, |file, below| {
        move_to(&file.path, &aside.join(below), "set aside")
    })
}

/// Does something to each of the files that match, directories excepted. Returns their paths below the directory.
fn each(
    folder: &Path,
    patterns: &[String],
    ignore_case: bool,
    mut work: impl FnMut(&Found, &Path) -> Result<()>,
) -> Result<Vec<Vec<u8>>> {
    let filter = matching(patterns, ignore_case)?;
    let mut done = Vec::new();
    for file in list(folder)? {
        if !file.is_dir && filter.includes(&file.below) {
            work(&file, file.path.strip_prefix(folder).unwrap_or(&file.path))?;
            done.push(file.below);
        }
    }
    Ok(done)
}

/// Moves a file, and makes the folders on the way; `what` says in an error what that was for.
fn move_to(path: &Path, target: &Path, what: &'static str) -> Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(|error| cannot("make folder", parent, error))?;
    }
    crash::point()
        .and_then(|()| fs::rename(path, target))
        .map_err(|error| cannot(what, path, error))
}

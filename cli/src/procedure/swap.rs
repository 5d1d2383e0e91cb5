//! Exchanges what lies in a root's place for something else on the same file system. Everything here can be
//! interrupted at any moment and done again: `set_aside` moves out what is still there, `put_in` moves in what is
//! still to come, and neither is begun before the other is done.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use restante_format::model::push_name;
use restante_format::names::from_os;
use restante_format::source::{Filter, Patterns};

use super::files::cannot;
use super::plan::{Exchange, PlannedRoot};
use crate::failure::{Failure, Result};

/// Moves what belongs to the root out of its place into `to`.
pub(super) fn set_aside(root: &PlannedRoot, ignore_case: bool, to: &Path) -> Result<()> {
    let target = &root.target;
    if target.symlink_metadata().is_err() {
        return Ok(());
    }
    match root.exchange {
        Exchange::Whole => {
            // It was moved before, and what is there now is something else.
            if to.symlink_metadata().is_ok() {
                return Err(in_the_way(target));
            }
            make_parent(to)?;
            fs::rename(target, to).map_err(|error| cannot("set aside", target, error))?;
        }
        Exchange::Entries => {
            let patterns = |globs: &[String]| Patterns {
                globs: globs.to_vec(),
                ignore_case,
            };
            let filter = Filter::new(&patterns(&root.include), &[patterns(&root.exclude)])
                .map_err(|error| Failure::new(format!("{error}: {}", error.source.kind())))?;
            let own = [&root.new, &root.old].map(|own| own.parent().unwrap_or(own).to_path_buf());
            move_out(target, &mut Vec::new(), to, &filter, &own)?;
        }
    }
    sync(target.parent())?;
    sync(to.parent())
}

/// Moves what is in `from` into the root's place. What is not there any more was moved before.
pub(super) fn put_in(root: &PlannedRoot, from: &Path) -> Result<()> {
    let target = &root.target;
    if from.symlink_metadata().is_err() {
        return Ok(());
    }
    match root.exchange {
        Exchange::Whole => {
            make_parent(target)?;
            if target.symlink_metadata().is_ok() {
                return Err(in_the_way(target));
            }
            fs::rename(from, target).map_err(|error| cannot("put in place", target, error))?;
        }
        Exchange::Entries => {
            make_folder(target)?;
            move_in(from, target)?;
        }
    }
    sync(from.parent())?;
    sync(target.parent())
}

/// Something that was not there when the root was set aside.
fn in_the_way(path: &Path) -> Failure {
    Failure::new(format!(
        "{} is there again: something made it meanwhile",
        path.display()
    ))
    .hint("stop what writes there, move it away, and go on with --resume")
}

/// Moves what the filter takes of `folder` into `to`; `below` is the folder's path below the root. Directories get
/// their metadata when everything is in them, for that changes their time.
fn move_out(folder: &Path, below: &mut Vec<u8>, to: &Path, filter: &Filter, own: &[PathBuf]) -> Result<()> {
    let metadata = metadata(folder)?;
    for entry in entries(folder)? {
        let path = entry.path();
        if own.contains(&path) {
            continue;
        }
        let len = below.len();
        push_name(below, &from_os(&entry.file_name()));
        let moved = move_entry(&entry, below, to, filter, own);
        below.truncate(len);
        moved?;
    }
    if to.symlink_metadata().is_ok() {
        set_metadata(&metadata, to)?;
    }
    Ok(())
}

fn move_entry(
    entry: &fs::DirEntry,
    below: &mut Vec<u8>,
    to: &Path,
    filter: &Filter,
    own: &[PathBuf],
) -> Result<()> {
    if filter.excludes(below) {
        return Ok(());
    }
    let (path, target) = (entry.path(), to.join(entry.file_name()));
    let kind = entry.file_type().map_err(|error| cannot("read", &path, error))?;
    if !kind.is_dir() {
        if filter.includes(below) {
            make_folder(to)?;
            fs::rename(&path, &target).map_err(|error| cannot("set aside", &path, error))?;
        }
        return Ok(());
    }
    let before = metadata(&path)?;
    move_out(&path, below, &target, filter, own)?;
    // A directory that holds nothing else goes too, unless only some files are asked for.
    if !filter.is_selective() && entries(&path)?.is_empty() {
        make_folder(&target)?;
        set_metadata(&before, &target)?;
        fs::remove_dir(&path).map_err(|error| cannot("set aside", &path, error))?;
    }
    Ok(())
}

fn metadata(path: &Path) -> Result<fs::Metadata> {
    path.symlink_metadata()
        .map_err(|error| cannot("read", path, error))
}

fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| cannot("make folder", path, error))
}

/// Moves what is in `from` into `to`, directories that are in both merged.
fn move_in(from: &Path, to: &Path) -> Result<()> {
    let before = metadata(from)?;
    for entry in entries(from)? {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(|error| cannot("read", &path, error))?;
        match target.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::rename(&path, &target).map_err(|error| cannot("put in place", &target, error))?;
            }
            Err(error) => return Err(cannot("read", &target, error)),
            Ok(there) if there.is_dir() && kind.is_dir() => {
                move_in(&path, &target)?;
            }
            Ok(_) => return Err(in_the_way(&target)),
        }
    }
    set_metadata(&before, to)?;
    fs::remove_dir(from).map_err(|error| cannot("remove", from, error))
}

fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>> {
    let mut entries = fs::read_dir(folder)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .map_err(|error| cannot("read", folder, error))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    Ok(entries)
}

fn make_parent(path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), make_folder)
}

/// Gives a directory the mode, the owner (where that is allowed) and the time of change that another one had.
fn set_metadata(metadata: &fs::Metadata, to: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let _ = std::os::unix::fs::chown(to, Some(metadata.uid()), Some(metadata.gid()));
        if let (Ok(folder), Ok(time)) = (fs::File::open(to), metadata.modified()) {
            let _ = folder.set_modified(time);
        }
    }
    fs::set_permissions(to, metadata.permissions()).map_err(|error| cannot("set permissions of", to, error))
}

/// Waits until what was done to a directory is on disk.
#[cfg(unix)]
fn sync(folder: Option<&Path>) -> Result<()> {
    let Some(folder) = folder else { return Ok(()) };
    match fs::File::open(folder).and_then(|folder| folder.sync_all()) {
        // Not there any more, or of a kind that cannot be synchronised: there is nothing to wait for.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::InvalidInput
            ) =>
        {
            Ok(())
        }
        other => other.map_err(|error| cannot("write", folder, error)),
    }
}

#[cfg(not(unix))]
fn sync(_folder: Option<&Path>) -> Result<()> {
    Ok(())
}

/// Waits until everything on the file system of a folder is on disk: a staged tree has too many files to wait for
/// each.
pub(super) fn sync_all(folder: &Path) -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        let opened = fs::File::open(folder).map_err(|error| cannot("read", folder, error))?;
        rustix::fs::syncfs(&opened).map_err(|error| cannot("write", folder, error.into()))?;
    }
    #[cfg(all(unix, not(target_os = "linux")))]
    rustix::fs::sync();
    let _ = folder;
    Ok(())
}

/// How the folders that a restore makes beside a root begin.
pub(super) const HOLDER: &str = ".restante-";

/// Removes the folder that holds something of a restore, with all that is left in it.
pub(super) fn remove_holder(held: &Path) -> Result<()> {
    let Some(holder) = held.parent() else {
        return Ok(());
    };
    let name = holder.file_name().unwrap_or_default().to_string_lossy();
    if !name.starts_with(HOLDER) || holder.symlink_metadata().is_err() {
        return Ok(());
    }
    let removed = fs::remove_dir_all(holder);
    #[cfg(unix)]
    let removed = removed.or_else(|_| make_removable(holder).and_then(|()| fs::remove_dir_all(holder)));
    removed.map_err(|error| cannot("remove", holder, error))
}

/// Gives their owner every right on directories, without which what lies in them cannot be removed.
#[cfg(unix)]
fn make_removable(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_removable(&entry.path())?;
        }
    }
    Ok(())
}

//! Directories as they were before anything was moved out of them: moving an entry changes the time of the directory
//! that it leaves, and of the one that it enters. So a copy of all directories, without files, is made first.

use std::fs;
use std::io;
use std::path::Path;

use restante_format::model::push_name;
use restante_format::names::from_os;

use super::crash;
use super::files::{cannot, is_there};
use super::swap::entries;
use crate::failure::Result;

/// Whether an entry is left alone: its path below the root, and where it lies.
type Stays<'a> = dyn Fn(&[u8], &Path) -> bool + 'a;

/// Copies the directories of `from` to `kept`, unless that was done before. What stays is left out.
pub(super) fn keep(from: &Path, kept: &Path, stays: &Stays<'_>) -> Result<()> {
    if is_there(kept)? {
        return Ok(());
    }
    // Under another name until it is whole.
    let draft = kept.with_extension("draft");
    if is_there(&draft)? {
        crash::point()
            .and_then(|()| fs::remove_dir_all(&draft))
            .map_err(|error| cannot("remove", &draft, error))?;
    }
    copy(from, &mut Vec::new(), &draft, stays)?;
    crash::point()
        .and_then(|()| fs::rename(&draft, kept))
        .map_err(|error| cannot("write", kept, error))
}

fn copy(from: &Path, below: &mut Vec<u8>, to: &Path, stays: &Stays<'_>) -> Result<()> {
    make_private(to)?;
    for entry in entries(from)? {
        let path = entry.path();
        let kind = entry.file_type().map_err(|error| cannot("read", &path, error))?;
        if !kind.is_dir() {
            continue;
        }
        let len = below.len();
        push_name(below, &from_os(&entry.file_name()));
        let copied = match stays(below, &path) {
            true => Ok(()),
            false => copy(&path, below, &to.join(entry.file_name()), stays),
        };
        below.truncate(len);
        copied?;
    }
    // At the end, for what was made in it changed its time.
    let metadata = from
        .symlink_metadata()
        .map_err(|error| cannot("read", from, error))?;
    set_metadata(&metadata, to);
    Ok(())
}

/// Gives the directories in `to` the modes, owners and times of those that were kept. What is only in one of them
/// stays as it is.
pub(super) fn give_back(kept: &Path, to: &Path) -> Result<()> {
    if !is_there(kept)? || !to.symlink_metadata().is_ok_and(|there| there.is_dir()) {
        return Ok(());
    }
    for entry in entries(kept)? {
        give_back(&entry.path(), &to.join(entry.file_name()))?;
    }
    let metadata = kept
        .symlink_metadata()
        .map_err(|error| cannot("read", kept, error))?;
    crash::point().map_err(|error| cannot("write", to, error))?;
    set_metadata(&metadata, to);
    Ok(())
}

/// Gives a directory the mode, the owner and the time of change that another one had, as far as that is allowed: who
/// may write to a directory need not own it.
pub(super) fn set_metadata(metadata: &fs::Metadata, to: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let _ = std::os::unix::fs::chown(to, Some(metadata.uid()), Some(metadata.gid()));
        let time = |seconds, nanoseconds| rustix::fs::Timespec {
            tv_sec: seconds,
            tv_nsec: nanoseconds as _,
        };
        let times = rustix::fs::Timestamps {
            last_access: time(metadata.atime(), metadata.atime_nsec()),
            last_modification: time(metadata.mtime(), metadata.mtime_nsec()),
        };
        let _ = rustix::fs::utimensat(rustix::fs::CWD, to, &times, rustix::fs::AtFlags::empty());
    }
    let _ = fs::set_permissions(to, metadata.permissions());
}

/// Lets its owner write to a directory. Returns the mode that it had.
pub(super) fn make_writable(folder: &Path) -> io::Result<fs::Permissions> {
    let before = folder.symlink_metadata()?.permissions();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = before.mode() | 0o700;
        fs::set_permissions(folder, fs::Permissions::from_mode(mode))?;
    }
    Ok(before)
}

/// Makes a folder where there is none.
pub(super) fn make_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    crash::point()
        .and_then(|()| fs::create_dir_all(path))
        .map_err(|error| cannot("make folder", path, error))
}

/// Makes a folder that only its owner can look into: what is moved into it may have been protected by where it lay.
pub(super) fn make_private(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    path.parent().map_or(Ok(()), make_folder)?;
    #[cfg(unix)]
    let made = {
        use std::os::unix::fs::DirBuilderExt;
        crash::point().and_then(|()| fs::DirBuilder::new().mode(0o700).create(path))
    };
    #[cfg(not(unix))]
    let made = crash::point().and_then(|()| fs::create_dir(path));
    made.map_err(|error| cannot("make folder", path, error))
}

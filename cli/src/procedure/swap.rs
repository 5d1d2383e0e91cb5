//! Exchanges what lies in a root's place for something else on the same file system. Everything here can be
//! interrupted at any moment and done again: `set_aside` and `take_out` move out what is still there, `put_in` moves
//! in what is still to come, and none is begun before the one before it is done.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use restante_format::model::{display_bytes, push_name};
use restante_format::names::from_os;
use restante_format::source::Filter;

use super::crash;
use super::files::{cannot, filter, is_there, list};
use super::folders::{self, make_folder, make_private};
use super::plan::{Exchange, Plan, PlannedRoot};
use crate::failure::{Failure, Result};

/// Moves what belongs to a root out of its place, to where it is kept.
pub(super) fn set_aside(plan: &Plan, root: &PlannedRoot) -> Result<()> {
    let (target, to) = (&root.target, &root.old);
    // That it is there says that this was begun, even where nothing is set aside.
    make_holder(root, to)?;
    if is_there(target)? {
        match root.exchange {
            // It was moved before, and what is there now is something else.
            Exchange::Whole if is_there(to)? => return Err(in_the_way(target)),
            Exchange::Whole => rename(target, to).map_err(|error| cannot("set aside", target, error))?,
            Exchange::Entries => {
                let moving = Moving::new(plan, root)?;
                moving.refuse_left_out(root)?;
                let kept = kept_folders(to);
                folders::keep(target, &kept, &|below, path| moving.stays(below, path))?;
                moving.out(target, &mut Vec::new(), to)?;
                folders::give_back(&kept, target)?;
            }
        }
    }
    sync(root, target, to)
}

/// Moves what was restored out of its place again, beside it.
pub(super) fn take_out(plan: &Plan, root: &PlannedRoot) -> Result<()> {
    let (target, to) = (&root.target, &root.new);
    if is_there(target)? {
        match root.exchange {
            Exchange::Whole if is_there(to)? => return Err(in_the_way(target)),
            Exchange::Whole => {
                make_holder(root, to)?;
                rename(target, to).map_err(|error| cannot("take out", target, error))?;
            }
            Exchange::Entries => {
                make_holder(root, to)?;
                let before = kept_folders(&root.old);
                let moving = Moving {
                    before: Some(&before),
                    ..Moving::new(plan, root)?
                };
                moving.out(target, &mut Vec::new(), to)?;
                // The holders of a mounted root lie in it: it cannot be removed, and was there before.
                if !is_there(&before)? && entries(target)?.is_empty() {
                    remove_folder(target)?;
                }
            }
        }
    }
    sync(root, target, to)
}

/// Moves what was restored beside a root into its place. What is not there any more was moved before.
pub(super) fn put_in(root: &PlannedRoot) -> Result<()> {
    if root.exchange == Exchange::Entries && is_there(&root.new)? {
        folders::keep(&root.new, &kept_folders(&root.new), &|_, _| false)?;
    }
    put(root, &root.new)
}

/// Moves what was in a root's place before into it again, with what steps deleted or set aside and the snapshot never
/// had.
pub(super) fn put_back(plan: &Plan, root: &PlannedRoot) -> Result<()> {
    for taken in [deleted(root), root.aside(&plan.run)] {
        if !is_there(&taken)? {
            continue;
        }
        let moving = Moving::new(plan, root)?;
        for file in list(&taken)? {
            let came_back = root.exchange == Exchange::Whole
                || !moving.excludes(&file.below) && moving.filter.includes(&file.below);
            if file.is_dir || came_back {
                continue;
            }
            let target = (root.target).join(file.path.strip_prefix(&taken).unwrap_or(&file.path));
            make_parent(&target)?;
            // What stands there now was made in its stead, and goes.
            rename_in_tree(&file.path, &target).map_err(|error| cannot("put back", &target, error))?;
        }
    }
    put(root, &root.old)
}

/// Where what steps delete of a root is kept.
pub(super) fn deleted(root: &PlannedRoot) -> PathBuf {
    holder(&root.old).join(".deleted")
}

fn put(root: &PlannedRoot, from: &Path) -> Result<()> {
    let target = &root.target;
    let is_to_come = is_there(from)?;
    match root.exchange {
        Exchange::Whole if !is_to_come => {}
        Exchange::Whole => {
            if is_there(target)? {
                return Err(in_the_way(target));
            }
            make_parent(target)?;
            rename(from, target).map_err(|error| cannot("put in place", target, error))?;
        }
        Exchange::Entries => {
            if is_to_come {
                make_folder(target)?;
                move_in(from, target)?;
            }
            folders::give_back(&kept_folders(from), target)?;
        }
    }
    sync(root, target, from)
}

/// Whether what a root replaced, or the sign that it replaced nothing, is still kept.
pub(super) fn is_kept(root: &PlannedRoot) -> Result<bool> {
    is_there(holder(&root.old))
}

/// The folder that holds something of a restore.
pub(super) fn holder(held: &Path) -> &Path {
    held.parent().unwrap_or(held)
}

/// Where the directories of what is held are kept, empty and as they were.
fn kept_folders(held: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".folders-of-");
    name.push(held.file_name().unwrap_or_default());
    held.with_file_name(name)
}

/// Something that was not there when the root was set aside.
fn in_the_way(path: &Path) -> Failure {
    Failure::new(format!(
        "{} is there again: something made it meanwhile",
        path.display()
    ))
    .hint("stop what writes there, and move it away")
}

/// What of a root is moved out entry by entry.
struct Moving<'a> {
    filter: Filter,
    /// The folders of this restore, which may lie in the root.
    own: Vec<PathBuf>,
    /// The directories that were there before the restore, where that is what is taken back.
    before: Option<&'a Path>,
}

impl<'a> Moving<'a> {
    fn new(plan: &'a Plan, root: &PlannedRoot) -> Result<Self> {
        let own = plan.roots.iter().flat_map(|root| {
            let held = [&root.new, &root.old].map(|held| holder(held).to_path_buf());
            held.into_iter().chain([root.aside(&plan.run)])
        });
        Ok(Self {
            filter: filter(&root.include, &root.exclude, plan.ignore_case)?,
            own: own.collect(),
            before: None,
        })
    }

    /// Fails where the snapshot holds a file that is left out by now, and another one stands in its place, which
    /// therefore stays.
    fn refuse_left_out(&self, root: &PlannedRoot) -> Result<()> {
        if !is_there(&root.new)? {
            return Ok(());
        }
        for file in list(&root.new)? {
            let stays = self.excludes(&file.below) || !self.filter.includes(&file.below);
            let target = below_of(&root.target, &file.below)?;
            if !file.is_dir && stays && is_there(&target)? {
                let path = display_bytes(&file.below);
                return Err(Failure::new(format!(
                    "the snapshot holds {path}, which the configuration leaves out by now, and {} is there",
                    target.display()
                ))
                .hint("move that file away, or change include and exclude back to what they were"));
            }
        }
        Ok(())
    }

    /// Whether a path, or a directory above it, is left out.
    fn excludes(&self, below: &[u8]) -> bool {
        let ends = below.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let above = ends.map(|(end, _)| &below[..end]);
        above.chain([below]).any(|path| self.filter.excludes(path))
    }

    /// Whether an entry stays where it is, with all that it holds.
    fn stays(&self, below: &[u8], path: &Path) -> bool {
        self.filter.excludes(below) || self.own.iter().any(|own| own == path)
    }

    /// Moves what is to go of `folder` into `to`; `below` is the folder's path below the root.
    fn out(&self, folder: &Path, below: &mut Vec<u8>, to: &Path) -> Result<()> {
        for entry in entries(folder)? {
            let len = below.len();
            push_name(below, &from_os(&entry.file_name()));
            let moved = self.entry(&entry, below, to);
            below.truncate(len);
            moved?;
        }
        Ok(())
    }

    fn entry(&self, entry: &fs::DirEntry, below: &mut Vec<u8>, to: &Path) -> Result<()> {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if self.stays(below, &path) {
            return Ok(());
        }
        let kind = entry.file_type().map_err(|error| cannot("read", &path, error))?;
        if !kind.is_dir() {
            if self.filter.includes(below) {
                make_folder(to)?;
                rename_in_tree(&path, &target).map_err(|error| cannot("set aside", &path, error))?;
            }
            return Ok(());
        }
        if !self.filter.is_selective() && !is_there(&target)? && self.nothing_stays(&path, below)? {
            make_folder(to)?;
            return rename_in_tree(&path, &target).map_err(|error| cannot("set aside", &path, error));
        }
        self.out(&path, below, &target)?;
        // A directory that holds nothing else goes too; where only some files are asked for, if it came with them.
        let goes = match (self.filter.is_selective(), self.before) {
            (false, _) => true,
            (true, None) => false,
            (true, Some(before)) => {
                let below = below_of(before, below)?;
                !is_there(&below)?
            }
        };
        if goes && entries(&path)?.is_empty() {
            make_folder(&target)?;
            remove_folder(&path)?;
        }
        Ok(())
    }

    /// Whether everything in a directory is to go.
    fn nothing_stays(&self, folder: &Path, below: &mut Vec<u8>) -> Result<bool> {
        for entry in entries(folder)? {
            let path = entry.path();
            let kind = entry.file_type().map_err(|error| cannot("read", &path, error))?;
            let len = below.len();
            push_name(below, &from_os(&entry.file_name()));
            let goes = match self.stays(below, &path) {
                true => Ok(false),
                false if kind.is_dir() => self.nothing_stays(&path, below),
                false => Ok(true),
            };
            below.truncate(len);
            if !goes? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The path of what lies `below` a folder.
fn below_of(folder: &Path, below: &[u8]) -> Result<PathBuf> {
    let mut path = folder.to_path_buf();
    for name in below.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        let name = restante_format::names::to_os(name).map_err(|error| cannot("read", folder, error))?;
        path.push(name);
    }
    Ok(path)
}

fn remove_folder(path: &Path) -> Result<()> {
    let removed = crash::point().and_then(|()| fs::remove_dir(path));
    let removed = match removed {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            path.parent().map_or(Err(error), |parent| {
                folders::make_writable(parent).and_then(|_| fs::remove_dir(path))
            })
        }
        other => other,
    };
    removed.map_err(|error| cannot("remove", path, error))
}

/// Moves what is in `from` into `to`, directories that are in both merged.
fn move_in(from: &Path, to: &Path) -> Result<()> {
    for entry in entries(from)? {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(|error| cannot("read", &path, error))?;
        match target.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                rename_in_tree(&path, &target).map_err(|error| cannot("put in place", &target, error))?;
            }
            Err(error) => return Err(cannot("read", &target, error)),
            Ok(there) if there.is_dir() && kind.is_dir() => {
                move_in(&path, &target)?;
            }
            Ok(_) => return Err(in_the_way(&target)),
        }
    }
    remove_folder(from)
}

/// Renames. To move a directory, its owner must be allowed to write to it; it gets back the mode that it had.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    crash::point()?;
    let Err(error) = fs::rename(from, to) else {
        return Ok(());
    };
    let is_dir = from.symlink_metadata().is_ok_and(|there| there.is_dir());
    if error.kind() != io::ErrorKind::PermissionDenied || !is_dir {
        return Err(error);
    }
    let Ok(before) = folders::make_writable(from) else {
        return Err(error);
    };
    let renamed = fs::rename(from, to);
    let now = if renamed.is_ok() { to } else { from };
    let _ = fs::set_permissions(now, before);
    renamed.map_err(|_| error)
}

/// The same where the directories that are left and entered belong to the root: those are made writable, and get
/// their mode back from `folders`.
fn rename_in_tree(from: &Path, to: &Path) -> io::Result<()> {
    match rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            for parent in [from, to].into_iter().filter_map(Path::parent) {
                if folders::make_writable(parent).is_err() {
                    return Err(error);
                }
            }
            rename(from, to)
        }
        other => other,
    }
}

pub(super) fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>> {
    let mut entries = fs::read_dir(folder)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .map_err(|error| cannot("read", folder, error))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    Ok(entries)
}

fn make_parent(path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), make_folder)
}

/// Waits until an exchange is on disk.
fn sync(root: &PlannedRoot, target: &Path, held: &Path) -> Result<()> {
    // What was moved entry by entry was moved in too many directories to wait for each.
    if let (Exchange::Entries, Some(parent)) = (root.exchange, target.parent()) {
        return sync_all(match target.is_dir() {
            true => target,
            false => parent,
        });
    }
    sync_folder(target.parent())?;
    sync_folder(held.parent())
}

/// Waits until what was done to a directory is on disk.
#[cfg(unix)]
pub(crate) fn sync_folder(folder: Option<&Path>) -> Result<()> {
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
pub(crate) fn sync_folder(_folder: Option<&Path>) -> Result<()> {
    Ok(())
}

/// Waits until everything on the file system of a folder is on disk: a staged tree has too many files to wait for
/// each.
pub(super) fn sync_all(folder: &Path) -> Result<()> {
    #[cfg(target_os = "linux")]
    match fs::File::open(folder) {
        // Nothing is there to wait for.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(cannot("read", folder, error)),
        Ok(opened) => {
            rustix::fs::syncfs(&opened).map_err(|error| cannot("write", folder, error.into()))?;
        }
    }
    #[cfg(all(unix, not(target_os = "linux")))]
    rustix::fs::sync();
    let _ = folder;
    Ok(())
}

/// How the folders that a restore makes beside a root begin.
pub(super) const HOLDER: &str = ".restante-";

/// Patterns of their names.
pub(crate) const KEPT: [&str; 2] = [".restante-????????-*.new", ".restante-????????-*.old"];

/// Does something that changes the time of the folder in which the holders of a root lie, and gives that back where
/// the folder is the root itself.
fn unnoticed(root: &PlannedRoot, held: &Path, work: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let holder = holder(held);
    let is_inside = holder.parent() == Some(&root.target);
    let before = is_inside.then(|| root.target.symlink_metadata());
    work(holder)?;
    if let Some(Ok(before)) = before {
        folders::set_metadata(&before, &root.target);
    }
    Ok(())
}

/// Makes the folder that holds something of a restore.
pub(super) fn make_holder(root: &PlannedRoot, held: &Path) -> Result<()> {
    unnoticed(root, held, make_private)
}

/// Removes the folder that holds something of a restore, with all that is left in it.
pub(super) fn remove_holder(root: &PlannedRoot, held: &Path) -> Result<()> {
    unnoticed(root, held, |holder| {
        let name = holder.file_name().unwrap_or_default().to_string_lossy();
        match name.starts_with(HOLDER) {
            true => remove_tree(holder),
            false => Ok(()),
        }
    })
}

/// Removes a folder that a restore made, with all that is in it.
pub(crate) fn remove_tree(folder: &Path) -> Result<()> {
    if !is_there(folder)? {
        return Ok(());
    }
    let removed = crash::point().and_then(|()| fs::remove_dir_all(folder));
    #[cfg(unix)]
    let removed = removed.or_else(|_| {
        crash::point()?;
        make_removable(folder).and_then(|()| fs::remove_dir_all(folder))
    });
    removed.map_err(|error| cannot("remove", folder, error))
}

/// Removes the folders that a restore that was taken back made on the way to a root, as far as nothing is in them.
pub(super) fn remove_made(root: &PlannedRoot) {
    for folder in root.made.iter().rev() {
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
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

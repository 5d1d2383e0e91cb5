//! One folder made equal to another, as `rsync -a --delete --checksum` would: what is equal already is not touched.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::failure::Failure;
use crate::folder;

/// What was done to the second folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Files that are new, or were written anew.
    pub(super) written: u64,
    /// Files and folders that were removed.
    pub(super) removed: u64,
    /// Bytes of the written ones.
    pub(super) written_bytes: u64,
}

/// Makes `to` hold what `from` does: files, folders and symbolic links, with their modes.
pub(super) fn mirror(from: &Path, to: &Path) -> Result<Changes, Failure> {
    let mut changes = Changes::default();
    folder(from, to, &mut changes)?;
    Ok(changes)
}

fn folder(from: &Path, to: &Path, changes: &mut Changes) -> Result<(), Failure> {
    let failed = |e| Failure::at("reading", from, e);
    if !fs::symlink_metadata(to).is_ok_and(|found| found.is_dir()) {
        folder::empty(to)?;
    }
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(from).map_err(failed)? {
        names.insert(entry.map_err(failed)?.file_name());
    }
    for entry in fs::read_dir(to).map_err(|e| Failure::at("reading", to, e))? {
        let entry = entry.map_err(|e| Failure::at("reading", to, e))?;
        if !names.contains(&entry.file_name()) {
            folder::remove(&entry.path())?;
            changes.removed += 1;
        }
    }
    for name in names {
        let (from, to) = (from.join(&name), to.join(&name));
        let found = fs::symlink_metadata(&from).map_err(|e| Failure::at("reading", &from, e))?;
        if found.is_dir() {
            folder(&from, &to, changes)?;
        } else {
            leaf(&from, &to, &found, changes).map_err(|e| Failure::at("copying to", &to, e))?;
        }
    }
    Ok(())
}

fn leaf(from: &Path, to: &Path, found: &Metadata, changes: &mut Changes) -> io::Result<()> {
    let there = fs::symlink_metadata(to).ok();
    if there
        .as_ref()
        .is_some_and(|there| there.file_type() != found.file_type())
    {
        match there.is_some_and(|there| there.is_dir()) {
            true => restante_tests::remove_tree(to)?,
            false => fs::remove_file(to)?,
        }
    }
    if found.is_symlink() {
        let target = fs::read_link(from)?;
        if fs::read_link(to).ok().as_ref() == Some(&target) {
            return Ok(());
        }
        let _ = fs::remove_file(to);
        changes.written += 1;
        return symlink(target, to);
    }
    let bytes = fs::read(from)?;
    if fs::read(to).ok().as_ref() != Some(&bytes) {
        fs::write(to, &bytes)?;
        changes.written += 1;
        changes.written_bytes += bytes.len() as u64;
    }
    let mode = found.permissions().mode();
    if fs::metadata(to)?.permissions().mode() != mode {
        fs::set_permissions(to, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn what_is_equal_is_not_touched() {
        let root = tempfile::tempdir().unwrap();
        let (from, to) = (root.path().join("from"), root.path().join("to"));
        fs::create_dir_all(from.join("sub")).unwrap();
        for (name, bytes) in [("same", "1"), ("other", "2"), ("sub/gone", "3"), ("kind", "4")] {
            fs::write(from.join(name), bytes).unwrap();
        }
        symlink("same", from.join("link")).unwrap();
        assert_eq!(mirror(&from, &to).unwrap().written, 5);
        assert_eq!(mirror(&from, &to).unwrap(), Changes::default());
        let before = fs::metadata(to.join("same")).unwrap();

        fs::write(from.join("other"), "22").unwrap();
        fs::remove_dir_all(from.join("sub")).unwrap();
        fs::remove_file(from.join("kind")).unwrap();
        fs::create_dir(from.join("kind")).unwrap();
        fs::remove_file(from.join("link")).unwrap();
        fs::write(from.join("link"), "").unwrap();
        let expected = Changes {
            written: 2,
            removed: 1,
            written_bytes: 2,
        };
        assert_eq!(mirror(&from, &to).unwrap(), expected);
        let found = restante_tests::compare::differences(&from, &to).unwrap();
        let times = |aspect: &restante_tests::compare::Aspect| aspect.word() == "mtime";
        assert!(found.iter().all(|found| times(&found.aspect)), "{found:?}");
        let after = fs::metadata(to.join("same")).unwrap();
        assert_eq!(
            (before.ino(), before.ctime_nsec()),
            (after.ino(), after.ctime_nsec())
        );
    }
}

//! What lies in a folder.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::failure::Failure;

/// What lies in a folder and below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Regular files.
    pub files: u64,
    /// Their lengths together, bytes.
    pub bytes: u64,
}

impl Size {
    /// What lies in `path` and below; a file counts as itself.
    ///
    /// # Errors
    ///
    /// Where something cannot be listed.
    pub fn of(path: &Path) -> Result<Self, Failure> {
        let mut size = Self::default();
        visit(path, &mut |_, bytes| {
            size.files += 1;
            size.bytes += bytes;
            Ok(())
        })?;
        Ok(size)
    }
}

/// Reads every file in `path` and below, so that the page cache has it.
///
/// # Errors
///
/// Where something cannot be read.
pub fn warm(path: &Path) -> Result<(), Failure> {
    visit(path, &mut |file, _| {
        let mut file = File::open(file)?;
        io::copy(&mut file, &mut io::sink()).map(drop)
    })
}

/// Hands every regular file in `path` and below to `see`, with its length.
fn visit(path: &Path, see: &mut dyn FnMut(&Path, u64) -> io::Result<()>) -> Result<(), Failure> {
    let failed = |e| Failure::at("reading", path, e);
    let found = fs::symlink_metadata(path).map_err(failed)?;
    if found.is_file() {
        see(path, found.len()).map_err(failed)?;
    } else if found.is_dir() {
        for entry in fs::read_dir(path).map_err(failed)? {
            visit(&entry.map_err(failed)?.path(), see)?;
        }
    }
    Ok(())
}

/// Makes `path` an empty folder, whatever it was.
///
/// # Errors
///
/// Where what is there cannot be removed, or the folder not be made.
pub fn empty(path: &Path) -> Result<(), Failure> {
    remove(path)?;
    fs::create_dir_all(path).map_err(|e| Failure::at("making", path, e))
}

/// Removes what is at `path`, if anything.
///
/// # Errors
///
/// Where it cannot be removed.
pub fn remove(path: &Path) -> Result<(), Failure> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => restante_tests::remove_tree(path),
        Ok(_) => fs::remove_file(path),
        Err(e) => Err(e),
    };
    match removed {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Failure::at("removing", path, e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_removal() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a");
        empty(&folder.join("b")).unwrap();
        fs::write(folder.join("c"), "123").unwrap();
        fs::write(folder.join("b/d"), "4567").unwrap();
        std::os::unix::fs::symlink("c", folder.join("e")).unwrap();
        assert_eq!(Size::of(&folder).unwrap(), Size { files: 2, bytes: 7 });
        warm(&folder).unwrap();
        empty(&folder).unwrap();
        assert_eq!(Size::of(&folder).unwrap(), Size::default());
        remove(&folder).unwrap();
        remove(&folder).unwrap();
        let gone = Size::of(&folder).unwrap_err().to_string();
        assert!(
            gone.starts_with("reading /") && gone.contains("No such file"),
            "{gone}"
        );
    }
}

//! Tries whether a directory can be read and written.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::files::cannot;
use super::planner::random_digits;
use crate::failure::Result;

/// What a probe's name begins and ends with. A gateway that polls the directory must not take it for work: those of
/// GroupWise take `*.api`.
const NAME: (&str, &str) = ("restante-", ".probe");

/// Writes a file of its own into a directory, reads it back, lists the directory, and removes the file, whatever
/// happened in between.
pub(super) fn probe(folder: &Path) -> Result<()> {
    let listed = fs::read_dir(folder).map_err(|error| cannot("read", folder, error))?;
    for entry in listed {
        let entry = entry.map_err(|error| cannot("read", folder, error))?;
        // What a killed run left behind.
        if is_probe(&entry.file_name().to_string_lossy()) {
            let _ = fs::remove_file(entry.path());
        }
    }
    let token = random_digits(8)?;
    let path = folder.join(format!("{}{token}{}", NAME.0, NAME.1));
    let mut file = File::create_new(&path).map_err(|error| cannot("write", &path, error))?;
    let guard = Guard(path.clone());
    let tried = (|| {
        file.write_all(token.as_bytes())?;
        file.sync_all()?;
        drop(file);
        let mut back = String::new();
        File::open(&path)?.read_to_string(&mut back)?;
        if back != token {
            return Err(io::Error::other("what was read is not what was written"));
        }
        Ok(())
    })();
    tried.map_err(|error| cannot("write and read", &path, error))?;
    guard.remove()
}

fn is_probe(name: &str) -> bool {
    let token = name
        .strip_prefix(NAME.0)
        .and_then(|rest| rest.strip_suffix(NAME.1));
    token.is_some_and(|token| token.len() == 16 && token.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Removes the probe.
struct Guard(PathBuf);

impl Guard {
    fn remove(self) -> Result<()> {
        fs::remove_file(&self.0).map_err(|error| cannot("delete", &self.0, error))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

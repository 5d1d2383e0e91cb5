//! A BLAKE3 pass over files: what nobody can do without who asks what changed in them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use blake3::{Hash, Hasher};
use rayon::prelude::*;

/// How much is read at once where each file has a thread. Private buffers: a live file must not be mapped.
const BUFFER_BYTES: usize = 1 << 20;
/// How much is read at once where all threads work on one file.
const WINDOW_BYTES: usize = 16 << 20;

/// How the work is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Each file by one thread.
    Files,
    /// One file after the other, all threads on a window of it.
    Windows,
}

impl Mode {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Files, Self::Windows];

    /// What the command line calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Windows => "windows",
        }
    }

    /// The mode of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// The digests of the files in `folder`, by name; folders in it are left out.
///
/// # Errors
///
/// Where something cannot be read.
pub fn digest(folder: &Path, mode: Mode) -> io::Result<Vec<Hash>> {
    let mut files = Vec::new();
    for entry in folder.read_dir()? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    match mode {
        Mode::Files => files.par_iter().map(|path| by_one(path)).collect(),
        Mode::Windows => files.iter().map(by_all).collect(),
    }
}

fn by_one(path: &Path) -> io::Result<Hash> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hasher.finalize());
        }
        hasher.update(&buffer[..count]);
    }
}

fn by_all(path: &PathBuf) -> io::Result<Hash> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::new();
    let mut buffer = Vec::with_capacity(WINDOW_BYTES);
    loop {
        buffer.clear();
        Read::by_ref(&mut file)
            .take(WINDOW_BYTES as u64)
            .read_to_end(&mut buffer)?;
        if buffer.is_empty() {
            return Ok(hasher.finalize());
        }
        hasher.update_rayon(&buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_modes_agree() {
        let root = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..=255).cycle().take(WINDOW_BYTES + 12_345).collect();
        std::fs::write(root.path().join("b"), &bytes).unwrap();
        std::fs::write(root.path().join("a"), "").unwrap();
        std::fs::create_dir(root.path().join("c")).unwrap();
        let expected = [blake3::hash(b""), blake3::hash(&bytes)];
        for mode in Mode::ALL {
            assert_eq!(digest(root.path(), mode).unwrap(), expected);
            assert_eq!(Mode::named(mode.name()), Some(mode));
        }
    }
}

//! Windows: by path, below a folder in its canonical form. Names that Windows would take for more than a name
//! are refused.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io;
use std::os::windows::fs::{FileExt, FileTimesExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Existing;
use crate::model::{Meta, Node, Timestamp};

/// Owners are not restored here, so that there is nothing to be privileged for.
pub fn is_privileged() -> bool {
    false
}

/// A directory below which entries are made.
#[derive(Debug)]
pub struct TargetFolder {
    path: PathBuf,
}

/// The name, if Windows takes it for one and nothing else: no separator, drive, stream, device or
/// wild card, and no end that it would silently cut off.
fn checked(name: &[u8]) -> io::Result<std::ffi::OsString> {
    const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
    let bad_byte = |byte: &u8| *byte < 32 || b"\\/:*?\"<>|".contains(byte);
    let text = String::from_utf8_lossy(name).to_lowercase();
    let stem = text.split('.').next().unwrap_or_default().trim_end();
    let numbered = (stem.starts_with("com") || stem.starts_with("lpt")) && stem.chars().count() == 4;
    if name.iter().any(bad_byte)
        || matches!(name.last(), Some(b'.' | b' '))
        || DEVICES.contains(&stem)
        || numbered
    {
        return Err(io::Error::new(
            io::ErrorKind::InvalidFilename,
            "the name cannot exist on Windows",
        ));
    }
    crate::names::to_os(name)
}

fn system_time(time: Timestamp) -> Option<SystemTime> {
    let whole = Duration::from_secs(time.secs.unsigned_abs());
    let second = if time.secs < 0 {
        UNIX_EPOCH.checked_sub(whole)
    } else {
        UNIX_EPOCH.checked_add(whole)
    };
    second?.checked_add(Duration::from_nanos(time.nanos.into()))
}

fn timestamp(time: io::Result<SystemTime>) -> Timestamp {
    let Ok(time) = time else {
        return Timestamp::default();
    };
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => Timestamp {
            secs: after.as_secs() as i64,
            nanos: after.subsec_nanos(),
        },
        Err(before) => {
            let before = before.duration();
            let borrow = i64::from(before.subsec_nanos() > 0);
            let nanos = if borrow == 1 {
                1_000_000_000 - before.subsec_nanos()
            } else {
                0
            };
            Timestamp {
                secs: -(before.as_secs() as i64) - borrow,
                nanos,
            }
        }
    }
}

fn set_times(file: &File, mtime: Timestamp) -> io::Result<()> {
    match system_time(mtime) {
        Some(time) => file.set_times(
            FileTimes::new()
                .set_modified(time)
                .set_accessed(time)
                .set_created(time),
        ),
        None => Err(io::Error::other("the time is out of range")),
    }
}

impl TargetFolder {
    /// Makes the folder that the user named, if it is missing, and opens it.
    pub fn create(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Self::open(path)
    }

    /// Opens the folder that the user named.
    pub fn open(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        match fs::metadata(&path)?.is_dir() {
            true => Ok(Self { path }),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn child(&self, name: &[u8]) -> io::Result<PathBuf> {
        Ok(self.path.join(checked(name)?))
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> io::Result<bool> {
        Ok(fs::read_dir(&self.path)?.next().is_none())
    }

    /// What stands under a name.
    pub fn existing(&self, name: &[u8]) -> io::Result<Option<Existing>> {
        match fs::symlink_metadata(self.child(name)?) {
            Ok(metadata) => Ok(Some(Existing {
                is_dir: metadata.is_dir(),
                is_file: metadata.is_file(),
                size: metadata.file_size(),
                mtime: timestamp(metadata.modified()),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a directory.
    pub fn make_dir(&self, name: &[u8], _private: bool) -> io::Result<()> {
        fs::create_dir(self.child(name)?)
    }

    /// Opens a directory in this one; a link in its place is an error.
    pub fn open_child(&self, name: &[u8]) -> io::Result<Self> {
        let path = self.child(name)?;
        match fs::symlink_metadata(&path)?.is_dir() {
            true => Ok(Self { path }),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Opens a regular file to be compared; anything else in its place is an error.
    pub fn open_file(&self, name: &[u8]) -> io::Result<OldFile> {
        let path = self.child(name)?;
        match fs::symlink_metadata(&path)?.is_file() {
            true => Ok(OldFile {
                file: File::open(path)?,
            }),
            false => Err(io::Error::other("it is no regular file")),
        }
    }

    /// Removes what is no directory.
    pub fn remove_file(&self, name: &[u8]) -> io::Result<()> {
        fs::remove_file(self.child(name)?)
    }

    /// Removes an empty directory.
    pub fn remove_empty_dir(&self, name: &[u8]) -> io::Result<()> {
        fs::remove_dir(self.child(name)?)
    }

    /// Begins a file under a temporary name.
    pub fn new_file(&self) -> io::Result<NewFile<'_>> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let temporary = self
                .path
                .join(format!(".restante-{}-{number}.tmp", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => {
                    return Ok(NewFile {
                        folder: self,
                        file,
                        temporary: Some(temporary),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes a link; the other special entries do not exist here.
    pub fn make_special(
        &self,
        name: &[u8],
        node: &Node,
        _meta: &Meta,
        _refused: &mut dyn FnMut(&'static str, io::Error),
    ) -> io::Result<()> {
        let path = self.child(name)?;
        let Node::Symlink { target } = node else {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "Windows has no such thing",
            ));
        };
        if self.existing(name)?.is_some() {
            fs::remove_file(&path)?;
        }
        std::os::windows::fs::symlink_file(crate::names::to_os(target)?, path)
    }

    /// Makes `name` a hard link to `original` in `other`.
    pub fn link(&self, name: &[u8], other: &Self, original: &[u8]) -> io::Result<()> {
        let path = self.child(name)?;
        if self.existing(name)?.is_some() {
            fs::remove_file(&path)?;
        }
        fs::hard_link(other.child(original)?, path)
    }

    /// Does `work` on the directory.
    pub fn with_access<T>(&self, work: impl Fn() -> io::Result<T>) -> io::Result<T> {
        work()
    }

    /// Directories cannot be opened to set their times here: they keep those of the restore.
    pub fn set_meta(&self, _meta: &Meta, _refused: &mut dyn FnMut(&'static str, io::Error)) {}
}

/// A regular file that was there before.
#[derive(Debug)]
pub struct OldFile {
    file: File,
}

impl OldFile {
    /// Reads at `offset` until `buffer` is full or the file ends; returns the bytes read.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self
                .file
                .seek_read(&mut buffer[filled..], offset + filled as u64)?
            {
                0 => break,
                n => filled += n,
            }
        }
        Ok(filled)
    }
}

/// A regular file under a temporary name; removed unless it is put in place.
#[derive(Debug)]
pub struct NewFile<'a> {
    folder: &'a TargetFolder,
    file: File,
    temporary: Option<PathBuf>,
}

impl NewFile<'_> {
    /// Writes bytes at an offset.
    pub fn write_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let n = self.file.seek_write(bytes, offset)?;
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = &bytes[n..];
            offset += n as u64;
        }
        Ok(())
    }

    /// Gives the file its size, in case it ends with a hole.
    pub fn set_size(&self, size: u64) -> io::Result<()> {
        self.file.set_len(size)
    }

    /// Sets the time, and puts the file under its name, in place of what stands there.
    pub fn finish(
        mut self,
        name: &[u8],
        meta: &Meta,
        refused: &mut dyn FnMut(&'static str, io::Error),
    ) -> io::Result<()> {
        if let Err(error) = set_times(&self.file, meta.mtime) {
            refused("time", error);
        }
        let path = self.folder.child(name)?;
        if let Some(temporary) = &self.temporary {
            fs::rename(temporary, &path)?;
        }
        self.temporary = None;
        if meta.mode & 0o222 == 0 {
            let mut permissions = fs::metadata(&path)?.permissions();
            permissions.set_readonly(true);
            if let Err(error) = fs::set_permissions(&path, permissions) {
                refused("mode", error);
            }
        }
        Ok(())
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = fs::remove_file(temporary);
        }
    }
}

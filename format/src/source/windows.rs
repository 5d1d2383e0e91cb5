//! Windows: by path. Times, sizes and attributes are what the standard library tells; inodes and
//! owners it does not.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::windows::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::{FileKind, Listed, Region, Stat};
use crate::model::{Timestamp, Xattr};

/// Windows counts open files without a limit of note.
pub fn raise_open_files() {}

/// An existing directory.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Opens a directory.
    pub fn open(path: &Path) -> io::Result<Self> {
        // The canonical form lifts the limit of 260 characters.
        let path = fs::canonicalize(path)?;
        match fs::metadata(&path)?.is_dir() {
            true => Ok(Self { path }),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Opens a directory in this one.
    pub fn open_child(&self, name: &[u8]) -> io::Result<Self> {
        let path = self.child(name)?;
        match fs::symlink_metadata(&path)?.is_dir() {
            true => Ok(Self { path }),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn child(&self, name: &[u8]) -> io::Result<PathBuf> {
        Ok(self.path.join(crate::names::to_os(name)?))
    }

    /// All names in it, in no order.
    pub fn names(&self) -> io::Result<Vec<Listed>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let is_dir = entry.file_type().ok().map(|file_type| file_type.is_dir());
            let name: OsString = entry.file_name();
            names.push(Listed {
                name: crate::names::from_os(&name),
                is_dir,
            });
        }
        Ok(names)
    }

    /// The stat of the directory itself.
    pub fn stat(&self) -> io::Result<Stat> {
        Ok(convert(&fs::symlink_metadata(&self.path)?))
    }

    /// The stat of an entry; links are not followed.
    pub fn stat_child(&self, name: &[u8]) -> io::Result<Stat> {
        Ok(convert(&fs::symlink_metadata(self.child(name)?)?))
    }

    /// Where a link points.
    pub fn read_link(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        Ok(crate::names::from_os(
            fs::read_link(self.child(name)?)?.as_os_str(),
        ))
    }

    /// None: alternate streams are not kept.
    pub fn xattrs(&self) -> io::Result<Vec<Xattr>> {
        Ok(Vec::new())
    }

    /// None: alternate streams are not kept.
    pub fn child_xattrs(&self, _name: &[u8]) -> io::Result<Vec<Xattr>> {
        Ok(Vec::new())
    }

    /// Opens a regular file.
    pub fn open_file(&self, name: &[u8]) -> io::Result<(SourceFile, Stat)> {
        let path = self.child(name)?;
        match fs::symlink_metadata(&path)?.is_file() {
            true => {
                let file = SourceFile {
                    file: File::open(path)?,
                };
                let stat = file.stat()?;
                Ok((file, stat))
            }
            false => Err(io::Error::other("it is no longer a regular file")),
        }
    }
}

/// An opened regular file.
#[derive(Debug)]
pub struct SourceFile {
    file: File,
}

impl SourceFile {
    /// Its stat now.
    pub fn stat(&self) -> io::Result<Stat> {
        Ok(convert(&self.file.metadata()?))
    }

    /// Waits until the clock that stamps changes, which ticks every 16 ms at most, has gone past the
    /// file's time. Returns whether later changes are certain to show.
    pub fn settle(stat: &Stat) -> bool {
        const TICK_NANOS: i128 = 20_000_000;
        let nanos = |time: Timestamp| i128::from(time.secs) * 1_000_000_000 + i128::from(time.nanos);
        loop {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            let now = since.map_or(0, |since| since.as_nanos() as i128);
            match nanos(stat.settled_after()) - now {
                ..0 => return true,
                TICK_NANOS.. => return false,
                _ => std::thread::sleep(std::time::Duration::from_millis(1)),
            }
        }
    }

    /// None: alternate streams are not kept.
    pub fn xattrs(&self) -> io::Result<Vec<Xattr>> {
        Ok(Vec::new())
    }

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

    /// Everything is data.
    pub fn region_at(&self, start: u64, size: u64) -> io::Result<Region> {
        Ok(Region::Data { start, end: size })
    }
}

/// From 100 ns since 1601 to seconds and nanoseconds since 1970.
fn timestamp(filetime: u64) -> Timestamp {
    const TICKS_PER_SECOND: i128 = 10_000_000;
    const SECONDS_1601_TO_1970: i128 = 11_644_473_600;
    let ticks = i128::from(filetime) - SECONDS_1601_TO_1970 * TICKS_PER_SECOND;
    Timestamp {
        secs: ticks.div_euclid(TICKS_PER_SECOND) as i64,
        nanos: ticks.rem_euclid(TICKS_PER_SECOND) as u32 * 100,
    }
}

fn convert(metadata: &fs::Metadata) -> Stat {
    let kind = if metadata.is_dir() {
        FileKind::Dir
    } else if metadata.is_symlink() {
        FileKind::Symlink
    } else {
        FileKind::File
    };
    let readonly = metadata.permissions().readonly();
    let mtime = timestamp(metadata.last_write_time());
    Stat {
        kind,
        size: metadata.file_size(),
        allocated: metadata.file_size(),
        mode: match (kind, readonly) {
            (FileKind::Dir, _) => 0o755,
            (_, true) => 0o444,
            (_, false) => 0o644,
        },
        uid: 0,
        gid: 0,
        mtime,
        ctime: mtime,
        device: 0,
        inode: 0,
        links: 1,
        special: (0, 0),
    }
}

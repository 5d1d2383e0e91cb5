//! Unix: everything relative to opened folders, so that paths may be longer than the system's
//! limit, and nothing is followed that is replaced by a link meanwhile.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use super::{FileKind, Listed, Region, Stat};
use crate::limits::XATTR_BYTES;
use crate::model::{Timestamp, Xattr};

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Lets the process have as many files open as the system allows: a walk keeps one for each level.
pub fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it fails, the old limit goes on to hold.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// The time that the file system would stamp on a change made now.
pub(super) fn change_clock() -> Timestamp {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::RealtimeCoarse;
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Realtime;
    let now = rustix::time::clock_gettime(clock);
    Timestamp {
        secs: now.tv_sec,
        nanos: now.tv_nsec as u32,
    }
}

/// An opened directory.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
}

impl Folder {
    /// Opens a directory; links on the way to it are followed.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            fd: rustix::fs::open(path, FOLDER, Mode::empty())?,
        })
    }

    /// Opens a directory in this one; a link in its place is an error.
    pub fn open_child(&self, name: &[u8]) -> io::Result<Self> {
        let name = OsStr::from_bytes(name);
        Ok(Self {
            fd: rustix::fs::openat(&self.fd, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?,
        })
    }

    /// All names in it, in no order.
    pub fn names(&self) -> io::Result<Vec<Listed>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                let is_dir = match entry.file_type() {
                    FileType::Unknown => None,
                    file_type => Some(file_type == FileType::Directory),
                };
                names.push(Listed {
                    name: name.to_vec(),
                    is_dir,
                });
            }
        }
        Ok(names)
    }

    /// The stat of the directory itself.
    pub fn stat(&self) -> io::Result<Stat> {
        Ok(convert(&rustix::fs::fstat(&self.fd)?))
    }

    /// The stat of an entry; links are not followed.
    pub fn stat_child(&self, name: &[u8]) -> io::Result<Stat> {
        let stat = rustix::fs::statat(&self.fd, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(convert(&stat))
    }

    /// Where a link points.
    pub fn read_link(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        Ok(rustix::fs::readlinkat(&self.fd, OsStr::from_bytes(name), Vec::new())?.into_bytes())
    }

    /// The extended attributes of the directory itself.
    pub fn xattrs(&self) -> io::Result<Vec<Xattr>> {
        fd_xattrs(&self.fd)
    }

    /// The extended attributes of an entry that cannot or should not be opened, such as a link.
    pub fn child_xattrs(&self, name: &[u8]) -> io::Result<Vec<Xattr>> {
        // The calls that do not follow links take paths only; the process's own descriptor makes a short one.
        let mut path = format!("/proc/self/fd/{}/", self.fd.as_raw_fd()).into_bytes();
        path.extend_from_slice(name);
        let path = OsStr::from_bytes(&path);
        gather(
            |buffer| rustix::fs::llistxattr(path, buffer),
            |name, buffer| rustix::fs::lgetxattr(path, OsStr::from_bytes(name), buffer),
        )
    }

    /// Opens a regular file, and tells its stat; anything else in its place is an error.
    pub fn open_file(&self, name: &[u8]) -> io::Result<(SourceFile, Stat)> {
        // Not blocking, in case a pipe has taken the file's place.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let open = |flags| rustix::fs::openat(&self.fd, OsStr::from_bytes(name), flags, Mode::empty());
        #[cfg(target_os = "linux")]
        let fd = match open(flags | OFlags::NOATIME) {
            // Only a file's owner may leave its time of access alone.
            Err(Errno::PERM) => open(flags)?,
            result => result?,
        };
        #[cfg(not(target_os = "linux"))]
        let fd = open(flags)?;
        let file = SourceFile { fd };
        let stat = file.stat()?;
        match stat.kind {
            FileKind::File => Ok((file, stat)),
            _ => Err(io::Error::other("it is no longer a regular file")),
        }
    }
}

/// An opened regular file.
#[derive(Debug)]
pub struct SourceFile {
    fd: OwnedFd,
}

impl SourceFile {
    /// Its stat now.
    pub fn stat(&self) -> io::Result<Stat> {
        Ok(convert(&rustix::fs::fstat(&self.fd)?))
    }

    /// Waits, at most as long as the system's clock takes to tick, until later changes are
    /// certain to show. Returns whether they are.
    pub fn settle(stat: &Stat) -> bool {
        const TICK_NANOS: i128 = 12_000_000;
        let nanos = |time: Timestamp| i128::from(time.secs) * 1_000_000_000 + i128::from(time.nanos);
        loop {
            let now = change_clock();
            if stat.is_settled_at(now) {
                return true;
            }
            // A coarse clock or another machine's stamped it: waiting a few milliseconds will not do.
            if nanos(stat.settled_after()) - nanos(now) > TICK_NANOS {
                return false;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    /// Its extended attributes.
    pub fn xattrs(&self) -> io::Result<Vec<Xattr>> {
        fd_xattrs(&self.fd)
    }

    /// Reads at `offset` until `buffer` is full or the file ends; returns the bytes read.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match rustix::io::pread(&self.fd, &mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(filled)
    }

    /// The region that starts at `start` in a file of `size` bytes. File systems that know no holes call everything data.
    pub fn region_at(&self, start: u64, size: u64) -> io::Result<Region> {
        let seek = |from| match rustix::fs::seek(&self.fd, from) {
            Ok(offset) => Ok(offset.min(size)),
            // Nothing but a hole up to the end, or cut off meanwhile.
            Err(Errno::NXIO) => Ok(size),
            Err(error) => Err(io::Error::from(error)),
        };
        match seek(SeekFrom::Data(start)) {
            Ok(data) if data > start => Ok(Region::Hole { start, end: data }),
            Ok(_) => {
                let end = seek(SeekFrom::Hole(start))?;
                // Behind the end where another process cut the file meanwhile: then reading will tell.
                Ok(Region::Data {
                    start,
                    end: if end > start { end } else { size },
                })
            }
            Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
                Ok(Region::Data { start, end: size })
            }
            Err(error) => Err(error),
        }
    }
}

fn convert(stat: &rustix::fs::Stat) -> Stat {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => FileKind::Dir,
        FileType::Symlink => FileKind::Symlink,
        FileType::BlockDevice => FileKind::BlockDevice,
        FileType::CharacterDevice => FileKind::CharDevice,
        FileType::Fifo => FileKind::Fifo,
        FileType::Socket => FileKind::Socket,
        FileType::RegularFile | FileType::Unknown => FileKind::File,
    };
    Stat {
        kind,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        allocated: u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512),
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime: Timestamp {
            secs: stat.st_mtime,
            nanos: stat.st_mtime_nsec as u32,
        },
        ctime: Timestamp {
            secs: stat.st_ctime,
            nanos: stat.st_ctime_nsec as u32,
        },
        device: stat.st_dev,
        inode: stat.st_ino,
        links: u32::try_from(stat.st_nlink).unwrap_or(u32::MAX),
        special: (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)),
    }
}

fn fd_xattrs(fd: &OwnedFd) -> io::Result<Vec<Xattr>> {
    gather(
        |buffer| rustix::fs::flistxattr(fd, buffer),
        |name, buffer| rustix::fs::fgetxattr(fd, OsStr::from_bytes(name), buffer),
    )
}

/// The kernel's own limit for a list of names and for one value.
const KERNEL_XATTR_BYTES: usize = 64 << 10;

/// Lists names and gets their values, sorted.
fn gather(
    list: impl Fn(&mut [u8]) -> rustix::io::Result<usize>,
    get: impl Fn(&[u8], &mut [u8]) -> rustix::io::Result<usize>,
) -> io::Result<Vec<Xattr>> {
    // Nearly every file has none or a few short ones.
    let mut small = [0; 1024];
    let mut large = Vec::new();
    let names: &[u8] = match list(&mut small) {
        Ok(len) => &small[..len],
        Err(Errno::NOTSUP) => return Ok(Vec::new()),
        Err(Errno::RANGE) => {
            large.resize(KERNEL_XATTR_BYTES, 0);
            let len = list(&mut large)?;
            &large[..len]
        }
        Err(error) => return Err(error.into()),
    };
    let mut xattrs = Vec::new();
    let mut total = 0;
    let mut buffer = Vec::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        buffer.resize(KERNEL_XATTR_BYTES, 0);
        match get(name, &mut buffer) {
            Ok(len) => {
                total += name.len() + len;
                xattrs.push(Xattr {
                    name: name.to_vec(),
                    value: buffer[..len].to_vec(),
                });
            }
            // Removed since the names were listed.
            Err(Errno::NODATA) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if total > XATTR_BYTES {
        return Err(io::Error::other("its extended attributes take more than 2 MiB"));
    }
    xattrs.sort_unstable();
    Ok(xattrs)
}

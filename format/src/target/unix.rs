//! Unix: everything relative to opened folders.

use std::ffi::OsStr;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::Existing;
use crate::model::{Meta, Node, Timestamp, Xattr};

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Whether this process may give files to anybody.
pub fn is_privileged() -> bool {
    rustix::process::geteuid().is_root()
}

/// An opened directory below which entries are made.
#[derive(Debug)]
pub struct TargetFolder {
    fd: OwnedFd,
}

fn os(name: &[u8]) -> &OsStr {
    OsStr::from_bytes(name)
}

fn timespec(time: Timestamp) -> Timespec {
    Timespec {
        tv_sec: time.secs,
        tv_nsec: time.nanos.into(),
    }
}

fn times(mtime: Timestamp) -> Timestamps {
    // The time of access is not kept; that of the last change is the best guess.
    Timestamps {
        last_access: timespec(mtime),
        last_modification: timespec(mtime),
    }
}

/// A name that nobody else uses, and that no archive can foresee.
fn temporary_name() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    static SECRET: LazyLock<u64> = LazyLock::new(|| RandomState::new().build_hasher().finish());
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!(".restante-{:016x}-{number}.tmp", *SECRET)
}

/// Runs `make` with temporary names until one is free.
fn with_temporary<T>(mut make: impl FnMut(&str) -> rustix::io::Result<T>) -> io::Result<(String, T)> {
    loop {
        let name = temporary_name();
        match make(&name) {
            Ok(made) => return Ok((name, made)),
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl TargetFolder {
    /// Makes the folder that the user named, if it is missing, and opens it.
    pub fn create(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        Self::open(path)
    }

    /// Opens the folder that the user named. Links on the way are the user's own.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            fd: rustix::fs::open(path, FOLDER, Mode::empty())?,
        })
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> io::Result<bool> {
        for entry in Dir::read_from(&self.fd)? {
            if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What stands under a name.
    pub fn existing(&self, name: &[u8]) -> io::Result<Option<Existing>> {
        let stat = match rustix::fs::statat(&self.fd, os(name), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let file_type = FileType::from_raw_mode(stat.st_mode);
        Ok(Some(Existing {
            is_dir: file_type == FileType::Directory,
            is_file: file_type == FileType::RegularFile,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mtime: Timestamp {
                secs: stat.st_mtime,
                nanos: stat.st_mtime_nsec as u32,
            },
        }))
    }

    /// Makes a directory: as the user's mask has it, or one that only its owner can enter until its
    /// metadata is set.
    pub fn make_dir(&self, name: &[u8], private: bool) -> io::Result<()> {
        let mode = if private {
            Mode::RWXU
        } else {
            Mode::RWXU | Mode::RWXG | Mode::RWXO
        };
        Ok(rustix::fs::mkdirat(&self.fd, os(name), mode)?)
    }

    /// Opens a directory in this one; a link in its place is an error.
    pub fn open_child(&self, name: &[u8]) -> io::Result<Self> {
        Ok(Self {
            fd: rustix::fs::openat(&self.fd, os(name), FOLDER | OFlags::NOFOLLOW, Mode::empty())?,
        })
    }

    /// Opens a regular file to be compared; anything else in its place is an error.
    pub fn open_file(&self, name: &[u8]) -> io::Result<OldFile> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = std::fs::File::from(rustix::fs::openat(&self.fd, os(name), flags, Mode::empty())?);
        match file.metadata()?.is_file() {
            true => Ok(OldFile { file }),
            false => Err(io::Error::other("it is no regular file")),
        }
    }

    /// Removes what is no directory.
    pub fn remove_file(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, os(name), AtFlags::empty())?)
    }

    /// Removes an empty directory.
    pub fn remove_empty_dir(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, os(name), AtFlags::REMOVEDIR)?)
    }

    /// Begins a file under a temporary name.
    pub fn new_file(&self) -> io::Result<NewFile<'_>> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = |name: &str| rustix::fs::openat(&self.fd, name, flags, Mode::RUSR | Mode::WUSR);
        let (temporary, fd) = with_temporary(open)?;
        Ok(NewFile {
            folder: self,
            fd,
            temporary: Some(temporary),
        })
    }

    /// Makes an entry that is neither file nor directory, with its metadata, and puts it under its name,
    /// in place of what stands there. What could not be set is handed to `refused`.
    pub fn make_special(
        &self,
        name: &[u8],
        node: &Node,
        meta: &Meta,
        refused: &mut dyn FnMut(&'static str, io::Error),
    ) -> io::Result<()> {
        let device = |major: u32, minor: u32| rustix::fs::makedev(major, minor);
        let private = Mode::RUSR | Mode::WUSR;
        let make = |temporary: &str| match node {
            Node::Symlink { target } => rustix::fs::symlinkat(os(target), &self.fd, temporary),
            Node::Fifo => rustix::fs::mknodat(&self.fd, temporary, FileType::Fifo, private, 0),
            Node::Socket => rustix::fs::mknodat(&self.fd, temporary, FileType::Socket, private, 0),
            Node::BlockDevice { major, minor } => {
                let number = device(*major, *minor);
                rustix::fs::mknodat(&self.fd, temporary, FileType::BlockDevice, private, number)
            }
            Node::CharDevice { major, minor } => {
                let number = device(*major, *minor);
                rustix::fs::mknodat(&self.fd, temporary, FileType::CharacterDevice, private, number)
            }
            Node::File { .. } | Node::Dir { .. } => Err(Errno::INVAL),
        };
        let (temporary, ()) = with_temporary(make)?;
        self.set_special_meta(&temporary, node, meta, refused);
        self.rename(&temporary, name)
    }

    fn set_special_meta(
        &self,
        name: &str,
        node: &Node,
        meta: &Meta,
        refused: &mut dyn FnMut(&'static str, io::Error),
    ) {
        let (uid, gid) = (Uid::from_raw(meta.owner.uid), Gid::from_raw(meta.owner.gid));
        let owned = rustix::fs::chownat(&self.fd, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW);
        let mode = mode_after_chown(meta.mode, owned.is_ok());
        if let Err(error) = owned {
            refused("owner", error.into());
        }
        // The calls that do not follow links take paths only; the process's own descriptor makes a short one.
        let path = format!("/proc/self/fd/{}/{name}", self.fd.as_raw_fd());
        for Xattr { name, value } in &meta.xattrs {
            if let Err(error) = rustix::fs::lsetxattr(&path, os(name), value, XattrFlags::empty()) {
                refused("extended attribute", error.into());
            }
        }
        // Links have no mode of their own.
        if !matches!(node, Node::Symlink { .. })
            && let Err(error) = self.set_special_mode(name, mode)
        {
            refused("mode", error);
        }
        if let Err(error) =
            rustix::fs::utimensat(&self.fd, name, &times(meta.mtime), AtFlags::SYMLINK_NOFOLLOW)
        {
            refused("time", error.into());
        }
    }

    /// Sets the mode of an entry that cannot be opened. Somebody else who may write to the folder could have put a link
    /// in its place: what is changed is what was looked at.
    #[cfg(target_os = "linux")]
    fn set_special_mode(&self, name: &str, mode: Mode) -> io::Result<()> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty())?;
        if FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) == FileType::Symlink {
            return Err(io::Error::other("a link has taken its place"));
        }
        Ok(rustix::fs::chmod(
            format!("/proc/self/fd/{}", fd.as_raw_fd()),
            mode,
        )?)
    }

    /// Sets the mode of an entry that cannot be opened.
    #[cfg(not(target_os = "linux"))]
    fn set_special_mode(&self, name: &str, mode: Mode) -> io::Result<()> {
        Ok(rustix::fs::chmodat(
            &self.fd,
            name,
            mode,
            AtFlags::SYMLINK_NOFOLLOW,
        )?)
    }

    /// Makes `name` a hard link to `original` in `other`, in place of what stands there.
    pub fn link(&self, name: &[u8], other: &Self, original: &[u8]) -> io::Result<()> {
        let link = |temporary: &str| {
            rustix::fs::linkat(&other.fd, os(original), &self.fd, temporary, AtFlags::empty())
        };
        let (temporary, ()) = with_temporary(link)?;
        self.rename(&temporary, name)?;
        // Renaming one link of a file over another of the same file does nothing at all.
        match rustix::fs::unlinkat(&self.fd, temporary.as_str(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn rename(&self, temporary: &str, name: &[u8]) -> io::Result<()> {
        rustix::fs::renameat(&self.fd, temporary, &self.fd, os(name)).map_err(|error| {
            let _ = rustix::fs::unlinkat(&self.fd, temporary, AtFlags::empty());
            error.into()
        })
    }

    /// Does `work` on the directory and leaves its mode and time as they were, whether or not the mode allows it.
    pub fn with_access<T>(&self, work: impl Fn() -> io::Result<T>) -> io::Result<T> {
        let stat = rustix::fs::fstat(&self.fd)?;
        let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
        let result = match work() {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                rustix::fs::fchmod(&self.fd, mode | Mode::RWXU)?;
                let result = work();
                rustix::fs::fchmod(&self.fd, mode)?;
                result
            }
            result => result,
        };
        let mtime = Timestamp {
            secs: stat.st_mtime,
            nanos: stat.st_mtime_nsec as u32,
        };
        rustix::fs::futimens(&self.fd, &times(mtime))?;
        result
    }

    /// Sets the metadata of the directory itself, once nothing is made in it any more.
    pub fn set_meta(&self, meta: &Meta, refused: &mut dyn FnMut(&'static str, io::Error)) {
        set_fd_meta(self.fd.as_fd(), meta, refused);
    }
}

/// A regular file that was there before.
#[derive(Debug)]
pub struct OldFile {
    file: std::fs::File,
}

impl OldFile {
    /// Reads at `offset` until `buffer` is full or the file ends; returns the bytes read.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        use std::os::unix::fs::FileExt;
        let mut filled = 0;
        while filled < buffer.len() {
            match self.file.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

/// A set-id bit is a promise about the owner: without the owner it is not given.
fn mode_after_chown(mode: u32, owned: bool) -> Mode {
    Mode::from_raw_mode(if owned { mode } else { mode & 0o1777 })
}

/// Owner first, since a change of owner takes away set-id bits and capabilities; then extended
/// attributes, since a read-only mode would forbid them; the mode; and the times last.
fn set_fd_meta(fd: BorrowedFd<'_>, meta: &Meta, refused: &mut dyn FnMut(&'static str, io::Error)) {
    let (uid, gid) = (Uid::from_raw(meta.owner.uid), Gid::from_raw(meta.owner.gid));
    let owned = rustix::fs::fchown(fd, Some(uid), Some(gid));
    let mode = mode_after_chown(meta.mode, owned.is_ok());
    if let Err(error) = owned {
        refused("owner", error.into());
    }
    for Xattr { name, value } in &meta.xattrs {
        if let Err(error) = rustix::fs::fsetxattr(fd, os(name), value, XattrFlags::empty()) {
            refused("extended attribute", error.into());
        }
    }
    if let Err(error) = rustix::fs::fchmod(fd, mode) {
        refused("mode", error.into());
    }
    if let Err(error) = rustix::fs::futimens(fd, &times(meta.mtime)) {
        refused("time", error.into());
    }
}

/// A regular file under a temporary name; removed unless it is put in place.
#[derive(Debug)]
pub struct NewFile<'a> {
    folder: &'a TargetFolder,
    fd: OwnedFd,
    temporary: Option<String>,
}

impl NewFile<'_> {
    /// Writes bytes at an offset; what is never written between others is a hole.
    pub fn write_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::pwrite(&self.fd, bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    bytes = &bytes[n..];
                    offset += n as u64;
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Gives the file its size, in case it ends with a hole.
    pub fn set_size(&self, size: u64) -> io::Result<()> {
        Ok(rustix::fs::ftruncate(&self.fd, size)?)
    }

    /// Sets the metadata and puts the file under its name, in place of what stands there.
    pub fn finish(
        mut self,
        name: &[u8],
        meta: &Meta,
        refused: &mut dyn FnMut(&'static str, io::Error),
    ) -> io::Result<()> {
        set_fd_meta(self.fd.as_fd(), meta, refused);
        match self.temporary.take() {
            Some(temporary) => self.folder.rename(&temporary, name),
            None => Ok(()),
        }
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = rustix::fs::unlinkat(&self.folder.fd, temporary.as_str(), AtFlags::empty());
        }
    }
}

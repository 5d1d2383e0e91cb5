//! Walking down trees whose paths are longer than `PATH_MAX` and deeper than the limit of open files.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use rustix::process::{Resource, Rlimit};

use crate::context;

/// How many of the deepest directories stay open. Those above are reached again through `..`.
const OPEN_LEVELS: usize = 32;

struct Level {
    fd: Option<OwnedFd>,
    id: (u64, u64),
}

/// A directory below some root together with the way back up.
pub(crate) struct Descent {
    levels: Vec<Level>,
}

fn open_directory(at: impl AsFd, name: impl rustix::path::Arg, follow: bool) -> rustix::io::Result<Level> {
    let mut flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    if !follow {
        flags |= OFlags::NOFOLLOW;
    }
    let fd = rustix::fs::openat(at, name, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&fd)?;
    Ok(Level {
        fd: Some(fd),
        id: identity(&stat),
    })
}

/// What makes two names one file.
pub(crate) fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

impl Descent {
    /// Opens the directory `root`; a symlink to one will do.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let level = open_directory(CWD, root, true).map_err(|e| context(format!("opening {root:?}"), e))?;
        Ok(Self { levels: vec![level] })
    }

    /// The directory reached.
    pub(crate) fn here(&self) -> io::Result<BorrowedFd<'_>> {
        let fd = self.levels.last().and_then(|level| level.fd.as_ref());
        fd.map(AsFd::as_fd)
            .ok_or_else(|| io::Error::other("the directory reached is not open"))
    }

    /// Goes down into `name`.
    pub(crate) fn enter(&mut self, name: &CString) -> io::Result<()> {
        let level = open_directory(self.here()?, name.as_c_str(), false)?;
        self.levels.push(level);
        if let Some(far) = self.levels.len().checked_sub(OPEN_LEVELS + 1) {
            self.levels[far].fd = None;
        }
        Ok(())
    }

    /// Goes up again. Fails where the tree was moved meanwhile.
    pub(crate) fn leave(&mut self) -> io::Result<()> {
        let Some(left) = self.levels.pop() else {
            return Ok(());
        };
        let (Some(above), Some(fd)) = (self.levels.last_mut(), left.fd) else {
            return Ok(());
        };
        if above.fd.is_none() {
            let level = open_directory(&fd, "..", false)?;
            if level.id != above.id {
                return Err(io::Error::other("a directory was moved during the walk"));
            }
            *above = level;
        }
        Ok(())
    }

    /// The names in the directory reached, in the order of their bytes.
    pub(crate) fn names(&self) -> io::Result<Vec<CString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(self.here()?)? {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// `lstat` of a name in the directory reached.
    pub(crate) fn stat(&self, name: &CString) -> io::Result<Stat> {
        Ok(rustix::fs::statat(
            self.here()?,
            name.as_c_str(),
            AtFlags::SYMLINK_NOFOLLOW,
        )?)
    }

    /// Where a symlink in the directory reached points.
    pub(crate) fn target(&self, name: &CString) -> io::Result<Vec<u8>> {
        Ok(rustix::fs::readlinkat(self.here()?, name.as_c_str(), Vec::new())?.into_bytes())
    }

    /// A short path to a name in the directory reached, for the calls that take no directory descriptor.
    pub(crate) fn short_path(&self, name: &CString) -> io::Result<PathBuf> {
        let mut path = PathBuf::from(format!("/proc/self/fd/{}", self.here()?.as_raw_fd()));
        path.push(OsStr::from_bytes(name.to_bytes()));
        Ok(path)
    }
}

/// Removes `root` and all below it, however deep, also directories whose modes forbid it.
///
/// `std::fs::remove_dir_all` recurses with an open directory at each level; this needs neither stack nor
/// descriptors in proportion to the depth.
///
/// # Errors
///
/// Where something cannot be removed. It is no error if `root` does not exist.
pub fn remove_tree(root: &Path) -> io::Result<()> {
    let mut descent = match Descent::open(root) {
        Ok(descent) => descent,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    let removing = |name: &CString, e: io::Error| context(format!("removing {name:?} below {root:?}"), e);
    let unlocked = Mode::RUSR | Mode::WUSR | Mode::XUSR;
    let mut ways: Vec<(CString, Vec<CString>)> = vec![(CString::default(), descent.names()?)];
    while let Some((_, names)) = ways.last_mut() {
        let Some(name) = names.pop() else {
            let left = ways.pop();
            if let (Some((name, _)), false) = (left, ways.is_empty()) {
                descent.leave().map_err(|e| removing(&name, e))?;
                rustix::fs::unlinkat(descent.here()?, name.as_c_str(), AtFlags::REMOVEDIR)
                    .map_err(|e| removing(&name, e.into()))?;
            }
            continue;
        };
        let stat = descent.stat(&name).map_err(|e| removing(&name, e))?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            if stat.st_mode & 0o700 != 0o700 {
                // A mode of 000 would keep its own owner out.
                rustix::fs::chmodat(descent.here()?, name.as_c_str(), unlocked, AtFlags::empty())
                    .map_err(|e| removing(&name, e.into()))?;
            }
            descent.enter(&name).map_err(|e| removing(&name, e))?;
            let names = descent.names().map_err(|e| removing(&name, e))?;
            ways.push((name, names));
        } else {
            rustix::fs::unlinkat(descent.here()?, name.as_c_str(), AtFlags::empty())
                .map_err(|e| removing(&name, e.into()))?;
        }
    }
    std::fs::remove_dir(root).map_err(|e| context(format!("removing {root:?}"), e))
}

/// Raises the limit of open files as far as it goes, and returns it.
///
/// # Errors
///
/// Where the system refuses.
pub fn raise_open_files() -> io::Result<u64> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    rustix::process::setrlimit(Resource::Nofile, raised)
        .map_err(|e| context("raising the limit of open files", e))?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

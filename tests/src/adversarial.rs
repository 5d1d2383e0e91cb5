//! A tree of what file systems permit and backup programs forget.
//!
//! Each directory of the tree is a theme: `names`, `bytes`, `deep`, `levels`, `many`, `empty`, `symlinks`, `links`,
//! `special`, `sparse`, `modes`, `directories`, `owners`, `times`, `attributes`, `acls`, and at wish `beyond` and
//! `sockets`. What the file system or the user's rights refuse is told, not an error, so that the same test runs
//! with and without root and on every file system.
//!
//! [`remove_tree`](crate::remove_tree) removes such a tree again.

mod metadata;
mod names;
mod special;

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;

use crate::context;

/// What [`create`] makes beyond what is always made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// A sparse file of 5 GB, whose size needs more than 32 bits.
    pub big: bool,
    /// Paths longer than `PATH_MAX` and 3,000 levels of directories, which programs that work with whole paths
    /// cannot reach.
    pub beyond: bool,
    /// Sockets, which nobody can restore in working order.
    pub sockets: bool,
}

/// What could not be made, and why. Shown as one line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// What it was, and the system's reason.
    pub things: Vec<(String, String)>,
}

impl Skipped {
    /// Whether all was made.
    pub fn is_empty(&self) -> bool {
        self.things.is_empty()
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.things
            .iter()
            .try_for_each(|(what, why)| writeln!(f, "skipped {what}: {why}"))
    }
}

/// Lays the tree down in `root`, which is made where it does not exist.
///
/// # Errors
///
/// Where `root` cannot be made or is not empty, or the disk is full or fails. What else the system refuses, two names
/// that it takes for one included, is in the answer.
pub fn create(root: &Path, options: &Options) -> io::Result<Skipped> {
    let making = |e: io::Error| context(format!("making an adversarial tree in {root:?}"), e);
    std::fs::create_dir_all(root).map_err(making)?;
    if std::fs::read_dir(root).map_err(making)?.next().is_some() {
        return Err(making(Errno::EXIST.into()));
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(CWD, root, flags, Mode::empty()).map_err(|e| making(e.into()))?;
    let root = Place {
        fd,
        path: String::new(),
    };
    let mut maker = Maker::default();
    let mut all = || {
        names::make(&mut maker, &root, options)?;
        special::make(&mut maker, &root, options)?;
        metadata::make(&mut maker, &root)
    };
    all().map_err(making)?;
    Ok(maker.skipped)
}

/// An open directory and how reports call it.
struct Place {
    fd: OwnedFd,
    path: String,
}

/// Makes things relative to directories, since whole paths would be too long, and keeps the refusals.
#[derive(Default)]
struct Maker {
    skipped: Skipped,
}

impl Maker {
    /// Keeps a refusal; passes on what makes going on pointless.
    fn attempt(&mut self, what: impl fmt::Display, made: rustix::io::Result<()>) -> io::Result<()> {
        match made {
            Ok(()) => Ok(()),
            Err(e @ (Errno::NOSPC | Errno::DQUOT | Errno::IO | Errno::ROFS)) => Err(context(what, e)),
            Err(e) => {
                self.skipped.things.push((what.to_string(), e.to_string()));
                Ok(())
            }
        }
    }

    /// A directory, opened; `None` where it is refused.
    fn directory(&mut self, at: &Place, name: impl AsRef<[u8]>) -> io::Result<Option<Place>> {
        let name = name.as_ref();
        let path = format!("{}/{}", at.path, name.escape_ascii());
        let make = || {
            rustix::fs::mkdirat(&at.fd, name, Mode::from_raw_mode(0o755))?;
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            rustix::fs::openat(&at.fd, name, flags, Mode::empty())
        };
        match make() {
            Ok(fd) => Ok(Some(Place { fd, path })),
            Err(e) => self.attempt(format!("directory {path}"), Err(e)).map(|()| None),
        }
    }

    /// A directory that the rest of a theme cannot do without.
    fn theme(&mut self, at: &Place, name: &str) -> io::Result<Place> {
        let made = self.directory(at, name)?;
        made.ok_or_else(|| io::Error::other(format!("the directory {name} cannot be made")))
    }

    /// A file with these bytes, opened for writing; `None` where it is refused.
    fn file(&mut self, at: &Place, name: impl AsRef<[u8]>, bytes: &[u8]) -> io::Result<Option<File>> {
        let name = name.as_ref();
        let what = format!("file {}/{}", at.path, name.escape_ascii());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&at.fd, name, flags, Mode::from_raw_mode(0o644)) {
            Ok(fd) => {
                let mut file = File::from(fd);
                file.write_all(bytes).map_err(|e| context(what, e))?;
                Ok(Some(file))
            }
            Err(e) => self.attempt(what, Err(e)).map(|()| None),
        }
    }

    fn symlink(&mut self, at: &Place, name: &str, target: &[u8]) -> io::Result<()> {
        self.attempt(
            format!("symlink {}/{name}", at.path),
            rustix::fs::symlinkat(target, &at.fd, name),
        )
    }

    fn mode(&mut self, at: &Place, name: &str, mode: u32) -> io::Result<()> {
        let made = rustix::fs::chmodat(&at.fd, name, Mode::from_raw_mode(mode), AtFlags::empty());
        self.attempt(format!("mode {mode:04o} of {}/{name}", at.path), made)
    }

    fn modified(&mut self, at: &Place, name: &str, seconds: i64, nanoseconds: i64) -> io::Result<()> {
        let time = Timespec {
            tv_sec: seconds,
            tv_nsec: nanoseconds as _,
        };
        let times = Timestamps {
            last_access: time,
            last_modification: time,
        };
        let made = rustix::fs::utimensat(&at.fd, name, &times, AtFlags::SYMLINK_NOFOLLOW);
        self.attempt(
            format!("time {seconds}.{nanoseconds:09} of {}/{name}", at.path),
            made,
        )
    }

    /// An extended attribute of something that can be opened.
    fn attribute(
        &mut self,
        on: impl AsFd,
        path: impl fmt::Display,
        name: &[u8],
        value: &[u8],
    ) -> io::Result<()> {
        let made = rustix::fs::fsetxattr(on, name, value, XattrFlags::empty());
        self.attempt(format!("attribute {} of {path}", name.escape_ascii()), made)
    }
}

//! A judge of restored trees: in what do two trees differ?
//!
//! Everything that `lstat` and its companions show is compared: type, bytes, size, permissions, owner, group, time
//! of modification to the nanosecond, target of a symlink, device number, extended attributes (POSIX ACLs are such),
//! which names are one file, and whether the copy's files are about as sparse. Names are bytes. What no program can
//! restore is left alone: inode numbers, `ctime`, `atime`, and the order of names in a directory.
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! use restante_tests::compare::differences;
//!
//! let (a, b) = (tempfile::tempdir()?, tempfile::tempdir()?);
//! std::fs::write(a.path().join("Notes.ini"), "[Notes]\n")?;
//! let found = differences(a.path(), b.path())?;
//! assert!(found.iter().any(|d| d.to_string() == "Notes.ini: only in the first tree"));
//! # Ok(())
//! # }
//! ```

mod file;
mod report;

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ffi::{CString, OsString};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat};

pub use report::{Aspect, Difference, Side};

use crate::context;
use crate::descent::{Descent, identity};

type Inode = (u64, u64);

/// How far a copy's allocation may exceed the source's: file systems round, and preallocate a little.
const ALLOCATION_SLACK_BYTES: u64 = 64 << 10;

/// In what the tree `b` differs from the tree `a`, in the order of their paths; empty if in nothing.
///
/// `a` is the original and `b` the copy: only in allocated space does it matter which is which, as a copy may be
/// sparser than its source. The roots themselves are compared too (with an empty path). What lies below a directory
/// that only one tree has is not listed. Both trees must stay still meanwhile. Needs `/proc`.
///
/// Paths may be longer than `PATH_MAX` and deeper than the limit of open files.
///
/// # Errors
///
/// Where a root cannot be opened, or something vanishes or fails to be read. What permissions hide is reported
/// as [`Aspect::Unreadable`], since nothing shows that it is equal.
pub fn differences(a: &Path, b: &Path) -> io::Result<Vec<Difference>> {
    let mut walk = Walk {
        a: Descent::open(a)?,
        b: Descent::open(b)?,
        path: Vec::new(),
        frames: Vec::new(),
        links: Links::default(),
        found: Vec::new(),
    };
    walk.run().map_err(|e| {
        let at = PathBuf::from(OsString::from_vec(walk.path.clone()));
        context(format!("comparing {at:?} in {a:?} and {b:?}"), e)
    })?;
    Ok(walk.found)
}

/// Which file of one tree was seen as which file of the other, under which path first.
#[derive(Default)]
struct Links {
    of_a: HashMap<Inode, (Inode, PathBuf)>,
    of_b: HashMap<Inode, (Inode, PathBuf)>,
}

struct Frame {
    entries: std::vec::IntoIter<(CString, Option<Side>)>,
    /// Length of the path of this directory.
    path_len: usize,
}

struct Walk {
    a: Descent,
    b: Descent,
    path: Vec<u8>,
    frames: Vec<Frame>,
    links: Links,
    found: Vec<Difference>,
}

/// What both trees have under one name.
struct Pair {
    name: CString,
    a: Stat,
    b: Stat,
}

impl Walk {
    fn report(&mut self, aspect: Aspect) {
        let path = PathBuf::from(OsString::from_vec(self.path.clone()));
        self.found.push(Difference { path, aspect });
    }

    fn run(&mut self) -> io::Result<()> {
        let root = Pair {
            name: c".".to_owned(),
            a: rustix::fs::fstat(self.a.here()?)?,
            b: rustix::fs::fstat(self.b.here()?)?,
        };
        self.metadata(&root)?;
        self.list()?;
        while let Some(frame) = self.frames.last_mut() {
            self.path.truncate(frame.path_len);
            let Some((name, only)) = frame.entries.next() else {
                self.frames.pop();
                if !self.frames.is_empty() {
                    self.a.leave()?;
                    self.b.leave()?;
                }
                continue;
            };
            if !self.path.is_empty() {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name.to_bytes());
            match only {
                Some(side) => self.report(Aspect::OnlyIn(side)),
                None => self.entry(name)?,
            }
        }
        Ok(())
    }

    /// Lists the directory that both descents reached, as a new frame; false where permissions forbid it.
    fn list(&mut self) -> io::Result<bool> {
        let (a, b) = (self.a.names(), self.b.names());
        let (a, b) = (self.readable(Side::First, a)?, self.readable(Side::Second, b)?);
        let (Some(a), Some(b)) = (a, b) else {
            return Ok(false);
        };
        let mut entries = Vec::new();
        let mut a = a.into_iter().peekable();
        let mut b = b.into_iter().peekable();
        loop {
            let order = match (a.peek(), b.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(x), Some(y)) => x.cmp(y),
            };
            match order {
                Ordering::Less => entries.extend(a.next().map(|name| (name, Some(Side::First)))),
                Ordering::Greater => entries.extend(b.next().map(|name| (name, Some(Side::Second)))),
                Ordering::Equal => {
                    entries.extend(a.next().map(|name| (name, None)));
                    b.next();
                }
            }
        }
        self.frames.push(Frame {
            entries: entries.into_iter(),
            path_len: self.path.len(),
        });
        Ok(true)
    }

    /// Keeps the answer, or reports that permissions forbid one.
    fn readable<T>(&mut self, side: Side, answer: io::Result<T>) -> io::Result<Option<T>> {
        match answer {
            Ok(value) => Ok(Some(value)),
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                self.report(Aspect::Unreadable(side));
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    fn entry(&mut self, name: CString) -> io::Result<()> {
        let (a, b) = (self.a.stat(&name), self.b.stat(&name));
        let (a, b) = (self.readable(Side::First, a)?, self.readable(Side::Second, b)?);
        let (Some(a), Some(b)) = (a, b) else { return Ok(()) };
        let pair = Pair { name, a, b };
        let kind = FileType::from_raw_mode(pair.a.st_mode);
        let other = FileType::from_raw_mode(pair.b.st_mode);
        if kind != other {
            self.report(Aspect::Type(report::type_name(kind), report::type_name(other)));
            return Ok(());
        }
        if kind == FileType::Directory {
            self.metadata(&pair)?;
            return self.descend(&pair.name);
        }
        if self.known_pair(&pair) {
            return Ok(());
        }
        self.metadata(&pair)?;
        match kind {
            FileType::RegularFile => self.contents(&pair),
            FileType::Symlink => {
                let (a, b) = (self.a.target(&pair.name)?, self.b.target(&pair.name)?);
                if a != b {
                    self.report(Aspect::Target(a, b));
                }
                Ok(())
            }
            FileType::CharacterDevice | FileType::BlockDevice if pair.a.st_rdev != pair.b.st_rdev => {
                self.report(Aspect::Device(pair.a.st_rdev, pair.b.st_rdev));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn descend(&mut self, name: &CString) -> io::Result<()> {
        let entered = self.a.enter(name);
        if self.readable(Side::First, entered)?.is_none() {
            return Ok(());
        }
        let entered = self.b.enter(name);
        if self.readable(Side::Second, entered)?.is_none() {
            return self.a.leave();
        }
        if !self.list()? {
            self.a.leave()?;
            self.b.leave()?;
        }
        Ok(())
    }

    /// Compares which names are one file, and says whether these two files were compared under other names already.
    fn known_pair(&mut self, pair: &Pair) -> bool {
        if pair.a.st_nlink == 1 && pair.b.st_nlink == 1 {
            return false;
        }
        let (a, b) = (identity(&pair.a), identity(&pair.b));
        let path = PathBuf::from(OsString::from_vec(self.path.clone()));
        let mut known = false;
        let mut split = Vec::new();
        for (side, map, from, to) in [
            (Side::First, &mut self.links.of_a, a, b),
            (Side::Second, &mut self.links.of_b, b, a),
        ] {
            match map.get(&from) {
                None => {
                    map.insert(from, (to, path.clone()));
                }
                Some((other, _)) if *other == to => known = true,
                Some((_, first)) => split.push(Aspect::Linked(side, first.clone())),
            }
        }
        for aspect in split {
            self.report(aspect);
        }
        known
    }

    fn metadata(&mut self, pair: &Pair) -> io::Result<()> {
        let (a, b) = (&pair.a, &pair.b);
        if a.st_mode & 0o7777 != b.st_mode & 0o7777 {
            self.report(Aspect::Mode(a.st_mode & 0o7777, b.st_mode & 0o7777));
        }
        if a.st_uid != b.st_uid {
            self.report(Aspect::Owner(a.st_uid, b.st_uid));
        }
        if a.st_gid != b.st_gid {
            self.report(Aspect::Group(a.st_gid, b.st_gid));
        }
        let time = |stat: &Stat| i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
        if time(a) != time(b) {
            self.report(Aspect::Modified(time(a), time(b)));
        }
        let of_a = file::attributes(&self.a.short_path(&pair.name)?);
        let of_b = file::attributes(&self.b.short_path(&pair.name)?);
        let of_a = self.readable(Side::First, of_a)?;
        let of_b = self.readable(Side::Second, of_b)?;
        let (Some(of_a), Some(mut of_b)) = (of_a, of_b) else {
            return Ok(());
        };
        for (name, value) in of_a {
            let other = of_b.remove(&name);
            if other.as_ref() != Some(&value) {
                self.report(Aspect::Attribute(name, Some(value), other));
            }
        }
        for (name, value) in of_b {
            self.report(Aspect::Attribute(name, None, Some(value)));
        }
        Ok(())
    }

    fn contents(&mut self, pair: &Pair) -> io::Result<()> {
        let (a, b) = (pair.a.st_size as u64, pair.b.st_size as u64);
        if a != b {
            self.report(Aspect::Size(a, b));
            return Ok(());
        }
        // `st_blocks` counts units of 512 bytes, whatever the file system's blocks are.
        let (taken, taken_by_copy) = (pair.a.st_blocks as u64 * 512, pair.b.st_blocks as u64 * 512);
        if taken_by_copy > taken + taken / 16 + ALLOCATION_SLACK_BYTES {
            self.report(Aspect::Allocation(taken, taken_by_copy));
        }
        if identity(&pair.a) == identity(&pair.b) || a == 0 {
            return Ok(());
        }
        let (first, second) = (file::open(&self.a, &pair.name), file::open(&self.b, &pair.name));
        let first = self.readable(Side::First, first)?;
        let second = self.readable(Side::Second, second)?;
        let (Some(first), Some(second)) = (first, second) else {
            return Ok(());
        };
        if let Some(offset) = file::first_difference(&first, &second, a)? {
            self.report(Aspect::Content(offset));
        }
        Ok(())
    }
}

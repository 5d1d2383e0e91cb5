//! Bytes and extended attributes of single files.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use crate::descent::Descent;

const BUFFER_BYTES: usize = 256 << 10;

/// What a file system without extended attributes answers, or one that never had any.
fn has_none(error: Errno) -> bool {
    matches!(error, Errno::NOTSUP | Errno::NOSYS)
}

/// The extended attributes of `path`, not of what it links to. The label that the system's security module
/// gives by itself is left out: it tells of the place, not of the file.
pub(super) fn attributes(path: &Path) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut buffer = Vec::with_capacity(64 << 10);
    let list = match rustix::fs::llistxattr(path, rustix::buffer::spare_capacity(&mut buffer)) {
        Ok(_) => buffer,
        Err(e) if has_none(e) => return Ok(found),
        Err(e) => return Err(e.into()),
    };
    for name in list.split(|&byte| byte == 0) {
        if name.is_empty() || name == b"security.selinux" {
            continue;
        }
        let mut value = Vec::with_capacity(64 << 10);
        match rustix::fs::lgetxattr(path, name, rustix::buffer::spare_capacity(&mut value)) {
            Ok(_) => found.insert(name.to_vec(), value),
            Err(e) if has_none(e) => None,
            Err(e) => return Err(e.into()),
        };
    }
    Ok(found)
}

/// Opens a regular file in the directory reached.
pub(super) fn open(at: &Descent, name: &CString) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(
        at.here()?,
        name.as_c_str(),
        flags,
        Mode::empty(),
    )?))
}

/// Where the next bytes that are not a hole begin, `size` if nowhere.
fn next_data(file: &File, from: u64, size: u64) -> io::Result<u64> {
    match rustix::fs::seek(file, SeekFrom::Data(from)) {
        Ok(at) => Ok(at),
        Err(Errno::NXIO) => Ok(size),
        // Without knowledge of holes all is data.
        Err(Errno::INVAL | Errno::NOTSUP) => Ok(from),
        Err(e) => Err(e.into()),
    }
}

/// The offset of the first byte in which two files of `size` bytes differ. Skips what is a hole in both.
pub(super) fn first_difference(a: &File, b: &File, size: u64) -> io::Result<Option<u64>> {
    let mut of_a = vec![0; BUFFER_BYTES.min(size as usize)];
    let mut of_b = of_a.clone();
    let mut at = 0;
    while at < size {
        at = next_data(a, at, size)?.min(next_data(b, at, size)?);
        let count = (size - at).min(BUFFER_BYTES as u64) as usize;
        let (of_a, of_b) = (&mut of_a[..count], &mut of_b[..count]);
        a.read_exact_at(of_a, at)?;
        b.read_exact_at(of_b, at)?;
        if of_a != of_b {
            let offset = of_a.iter().zip(of_b.iter()).position(|(x, y)| x != y);
            return Ok(offset.map(|offset| at + offset as u64));
        }
        at += count as u64;
    }
    Ok(None)
}

//! What is no plain file, and plain files with holes or several names.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixListener;

use rustix::fs::{AtFlags, FileType, Mode};

use crate::context;

use super::{Maker, Options, Place};

pub(super) fn make(maker: &mut Maker, root: &Place, options: &Options) -> io::Result<()> {
    symlinks(maker, root)?;
    special(maker, root)?;
    links(maker, root)?;
    sparse(maker, root, options.big)?;
    if options.sockets {
        sockets(maker, root)?;
    }
    Ok(())
}

fn symlinks(maker: &mut Maker, root: &Place) -> io::Result<()> {
    let place = maker.theme(root, "symlinks")?;
    maker.directory(&place, "directory")?;
    maker.file(&place, "file", b"a file\n")?;
    let targets: [(&str, &[u8]); 16] = [
        ("to-file", b"file"),
        ("to-directory", b"directory"),
        ("to-directory-slash", b"directory/"),
        ("dangling", b"nowhere/at/all"),
        ("absolute", b"/etc/hostname"),
        ("absolute-dangling", b"/nonexistent/x"),
        ("parent", b".."),
        ("itself", b"itself"),
        ("here", b"."),
        ("loop-a", b"loop-b"),
        ("loop-b", b"loop-a"),
        ("far-up", b"../../../../../../../../../../../../../../.."),
        ("not-utf8", b"caf\xe9/\xff"),
        ("newline", b"line\nbreak"),
        ("space", b" "),
        ("root", b"/"),
    ];
    for (name, target) in targets {
        maker.symlink(&place, name, target)?;
    }
    maker.symlink(&place, "long", &"0123456789/".repeat(364).as_bytes()[..4_000])?;
    // 60 bytes and more no longer fit into an inode of ext4; the longest of all is 4,095.
    maker.symlink(&place, "inode", &[b'i'; 60])?;
    maker.symlink(&place, "longest", &[b'x'; 4_095])?;
    maker.modified(&place, "to-file", 86_400, 123_456_789)
}

fn special(maker: &mut Maker, root: &Place) -> io::Result<()> {
    let place = maker.theme(root, "special")?;
    let nodes = [
        ("fifo", FileType::Fifo, 0o644, (0, 0)),
        ("fifo-000", FileType::Fifo, 0, (0, 0)),
        ("null", FileType::CharacterDevice, 0o666, (1, 3)),
        ("disk", FileType::BlockDevice, 0o660, (7, 200)),
        (
            "large-numbers",
            FileType::CharacterDevice,
            0o600,
            (4_095, 1_048_575),
        ),
        ("large-minor", FileType::BlockDevice, 0o600, (259, 300_000)),
    ];
    for (name, kind, mode, (major, minor)) in nodes {
        let device = rustix::fs::makedev(major, minor);
        let made = rustix::fs::mknodat(&place.fd, name, kind, Mode::from_raw_mode(mode), device);
        maker.attempt(format!("{kind:?} special/{name}"), made)?;
    }
    Ok(())
}

fn links(maker: &mut Maker, root: &Place) -> io::Result<()> {
    let place = maker.theme(root, "links")?;
    let (one, two) = (maker.theme(&place, "one")?, maker.theme(&place, "two")?);
    let link = |maker: &mut Maker, from: (&Place, &str), to: (&Place, &str)| {
        let made = rustix::fs::linkat(&from.0.fd, from.1, &to.0.fd, to.1, AtFlags::empty());
        maker.attempt(format!("hard link {}/{}", to.0.path, to.1), made)
    };
    maker.file(&one, "file", b"one file, four names\n")?;
    link(maker, (&one, "file"), (&one, "again"))?;
    link(maker, (&one, "file"), (&two, "file"))?;
    link(maker, (&one, "file"), (&place, "first in the order of names"))?;
    // Equal bytes, yet another file: names must not be linked by content.
    maker.file(&two, "equal", b"one file, four names\n")?;
    maker.file(&one, "empty", b"")?;
    link(maker, (&one, "empty"), (&two, "empty"))?;
    maker.symlink(&one, "symlink", b"file")?;
    link(maker, (&one, "symlink"), (&two, "symlink"))?;
    let fifo = rustix::fs::mknodat(&one.fd, "fifo", FileType::Fifo, Mode::from_raw_mode(0o600), 0);
    maker.attempt("fifo links/one/fifo", fifo)?;
    link(maker, (&one, "fifo"), (&two, "fifo"))?;
    maker.file(&one, "setuid", b"#!/bin/true\n")?;
    maker.mode(&one, "setuid", 0o4755)?;
    link(maker, (&one, "setuid"), (&two, "setuid"))?;
    maker.file(&one, "000", b"hidden\n")?;
    maker.mode(&one, "000", 0)?;
    link(maker, (&one, "000"), (&two, "000"))
}

fn sparse(maker: &mut Maker, root: &Place, big: bool) -> io::Result<()> {
    const MIB: u64 = 1 << 20;
    let place = maker.theme(root, "sparse")?;
    let data = [0xa5; 4096];
    let many_holes: Vec<u64> = (0..64).map(|hole| hole << 16).collect();
    let mut files: Vec<(&str, &[u64], u64)> = vec![
        ("leading", &[8 * MIB], 8 * MIB + 4096),
        ("trailing", &[0], 8 * MIB),
        ("middle", &[0, 8 * MIB], 8 * MIB + 4096),
        ("many", &many_holes, 4 * MIB),
        ("all", &[], 16 * MIB),
        ("odd-size", &[4096], 3 * MIB + 1),
        ("odd-place", &[MIB + 1], 2 * MIB - 1),
    ];
    if big {
        let places: &[u64] = &[0, (4 << 30) - 2048, 4_999_990_000];
        files.push(("big", places, 5_000_000_000));
    }
    for (name, places, size) in files {
        if let Some(file) = maker.file(&place, name, b"")? {
            let fill = || {
                places.iter().try_for_each(|&at| file.write_all_at(&data, at))?;
                file.set_len(size)
            };
            fill().map_err(|e| context(format!("writing sparse/{name}"), e))?;
        }
    }
    // Zeros that are no hole.
    maker.file(&place, "zeros", &vec![0; MIB as usize])?;
    Ok(())
}

fn sockets(maker: &mut Maker, root: &Place) -> io::Result<()> {
    let place = maker.theme(root, "sockets")?;
    // A socket's path may have 107 bytes at most, so it is bound through the directory's descriptor.
    let path = format!("/proc/self/fd/{}/socket", place.fd.as_raw_fd());
    if let Err(e) = UnixListener::bind(path) {
        maker
            .skipped
            .things
            .push(("socket sockets/socket".to_owned(), e.to_string()));
    }
    Ok(())
}

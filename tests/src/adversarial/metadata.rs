//! Modes, owners, times, attributes and access lists.

use std::io;
use std::os::fd::AsRawFd;

use rustix::fs::{AtFlags, Gid, Uid, XattrFlags};

use super::{Maker, Place};

pub(super) fn make(maker: &mut Maker, root: &Place) -> io::Result<()> {
    times(maker, root)?;
    owners(maker, root)?;
    attributes(maker, root)?;
    access_lists(maker, root)?;
    modes(maker, root)?;
    // Last: what is made in a directory changes its time.
    maker.modified(root, "empty", 1, 999_999_999)?;
    maker.modified(root, "bytes", -1, 1)
}

fn modes(maker: &mut Maker, root: &Place) -> io::Result<()> {
    let place = maker.theme(root, "modes")?;
    for mode in [
        0o0000, 0o0001, 0o0111, 0o0200, 0o0222, 0o0400, 0o0444, 0o0640, 0o0777, 0o1644, 0o2755, 0o4755,
        0o6755, 0o7777, 0o4000,
    ] {
        let name = format!("{mode:04o}");
        maker.file(&place, &name, name.as_bytes())?;
        maker.mode(&place, &name, mode)?;
    }
    let place = maker.theme(root, "directories")?;
    for mode in [
        0o0000, 0o0111, 0o0300, 0o0500, 0o0555, 0o0700, 0o1777, 0o2755, 0o4755, 0o7777,
    ] {
        let name = format!("{mode:04o}");
        if let Some(directory) = maker.directory(&place, &name)? {
            maker.file(&directory, "file", name.as_bytes())?;
            maker.directory(&directory, "directory")?;
            maker.modified(&place, &name, 1_000_000_000 + i64::from(mode), 7)?;
            maker.mode(&place, &name, mode)?;
        }
    }
    Ok(())
}

fn owners(maker: &mut Maker, root: &Place) -> io::Result<()> {
    let place = maker.theme(root, "owners")?;
    let owners = [
        (12_345, 0),
        (0, 54_321),
        (65_534, 65_534),
        (65_536, 65_537),
        (4_294_967_294, 2_147_483_648),
    ];
    for (uid, gid) in owners {
        let name = format!("{uid}.{gid}");
        let (owner, group) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        for (name, mode) in [(name.clone(), 0o640), (format!("{name}.setuid"), 0o6755)] {
            maker.file(&place, &name, b"mine\n")?;
            let made = rustix::fs::chownat(&place.fd, &name, owner, group, AtFlags::empty());
            maker.attempt(format!("owner of owners/{name}"), made)?;
            // A change of owner takes the setuid bit away, so the mode comes second here and in a restore.
            maker.mode(&place, &name, mode)?;
        }
        let (link, directory) = (format!("{name}.symlink"), format!("{name}.directory"));
        maker.symlink(&place, &link, b"nowhere")?;
        maker.directory(&place, &directory)?;
        for name in [link, directory] {
            let made = rustix::fs::chownat(&place.fd, &name, owner, group, AtFlags::SYMLINK_NOFOLLOW);
            maker.attempt(format!("owner of owners/{name}"), made)?;
        }
    }
    Ok(())
}

fn times(maker: &mut Maker, root: &Place) -> io::Result<()> {
    let place = maker.theme(root, "times")?;
    let times = [
        (0, 0),
        (0, 1),
        (-1, 999_999_999),
        (-1, 0),
        (-86_400 * 365, 500_000_000),
        (-2_147_483_648, 0),
        (2_147_483_647, 999_999_999),
        (2_147_483_648, 0),
        (4_294_967_296, 1),
        (8_589_934_592, 123_456_789),
        (15_032_385_535, 0),
        (1_000_000_000, 1),
        (1_000_000_000, 999_999_999),
        (1_000_000_000, 100),
    ];
    for (seconds, nanoseconds) in times {
        let name = format!("{seconds}.{nanoseconds:09}");
        let (directory, link) = (format!("{name}.directory"), format!("{name}.symlink"));
        maker.file(&place, &name, b"")?;
        maker.directory(&place, &directory)?;
        maker.symlink(&place, &link, b"nowhere")?;
        for name in [&name, &directory, &link] {
            maker.modified(&place, name, seconds, nanoseconds)?;
        }
    }
    Ok(())
}

fn attributes(maker: &mut Maker, root: &Place) -> io::Result<()> {
    let place = maker.theme(root, "attributes")?;
    let all_bytes: Vec<u8> = (0..=255).collect();
    let long_name = format!("user.{}", "n".repeat(250));
    let values: [(&str, &[u8], &[u8]); 9] = [
        ("plain", b"user.comment", b"a comment"),
        ("empty", b"user.empty", b""),
        ("binary", b"user.binary", &all_bytes),
        ("zero", b"user.zero", b"\0"),
        ("large", b"user.large", &[b'v'; 3_000]),
        ("long-name", long_name.as_bytes(), b"v"),
        ("odd-name", b"user.new\nline \xff=", b"v"),
        ("trusted", b"trusted.restante", b"for root's eyes"),
        // Permission to bind low ports, version 2. A change of owner takes it away, too.
        (
            "capability",
            b"security.capability",
            b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        ),
    ];
    for (file, name, value) in values {
        if let Some(opened) = maker.file(&place, file, b"with an attribute\n")? {
            maker.attribute(&opened, format!("attributes/{file}"), name, value)?;
        }
    }
    if let Some(file) = maker.file(&place, "several", b"")? {
        for number in 0..12_u8 {
            let name = format!("user.number{number}");
            maker.attribute(&file, "attributes/several", name.as_bytes(), &[number; 9])?;
        }
    }
    if let Some(directory) = maker.directory(&place, "directory")? {
        maker.attribute(
            &directory.fd,
            "attributes/directory",
            b"user.directory",
            b"\xff\0\xfe",
        )?;
    }
    if let Some(file) = maker.file(&place, "read-only", b"")? {
        maker.attribute(
            &file,
            "attributes/read-only",
            b"user.read-only",
            b"set before the mode",
        )?;
        maker.mode(&place, "read-only", 0o400)?;
    }
    // Symlinks take `trusted` attributes alone. There is no call for a symlink in an open directory, so by /proc.
    maker.symlink(&place, "symlink", b"plain")?;
    let path = format!("/proc/self/fd/{}/symlink", place.fd.as_raw_fd());
    let made = rustix::fs::lsetxattr(
        path,
        "trusted.symlink",
        b"on the link itself",
        XattrFlags::empty(),
    );
    maker.attempt("attribute trusted.symlink of attributes/symlink", made)
}

/// A POSIX access list as the kernel shows it: version 2, then tag, permissions and number of each entry.
fn access_list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, number) in entries {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&permissions.to_le_bytes());
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes
}

fn access_lists(maker: &mut Maker, root: &Place) -> io::Result<()> {
    const ANYONE: u32 = u32::MAX;
    const ACCESS: &[u8] = b"system.posix_acl_access";
    const DEFAULT: &[u8] = b"system.posix_acl_default";
    let (owner, user, owning_group, group, mask, other) = (0x01, 0x02, 0x04, 0x08, 0x10, 0x20);
    let list = access_list(&[
        (owner, 6, ANYONE),
        (user, 4, 1_234),
        (user, 0, 99_999),
        (owning_group, 4, ANYONE),
        (group, 6, 4_321),
        (mask, 6, ANYONE),
        (other, 0, ANYONE),
    ]);
    let for_directory = access_list(&[
        (owner, 7, ANYONE),
        (user, 7, 1_234),
        (owning_group, 5, ANYONE),
        (mask, 5, ANYONE),
        (other, 0, ANYONE),
    ]);
    let default = access_list(&[
        (owner, 7, ANYONE),
        (user, 5, 1_234),
        (owning_group, 5, ANYONE),
        (mask, 5, ANYONE),
        (other, 1, ANYONE),
    ]);
    let place = maker.theme(root, "acls")?;
    if let Some(file) = maker.file(&place, "file", b"for some\n")? {
        maker.attribute(&file, "acls/file", ACCESS, &list)?;
    }
    if let Some(directory) = maker.directory(&place, "directory")? {
        // Made before the default list, and so without it: a restore must not let it inherit one.
        maker.file(&directory, "before", b"")?;
        maker.directory(&directory, "before.d")?;
        maker.attribute(&directory.fd, "acls/directory", ACCESS, &for_directory)?;
        maker.attribute(&directory.fd, "acls/directory", DEFAULT, &default)?;
        maker.file(&directory, "after", b"")?;
        maker.directory(&directory, "after.d")?;
    }
    Ok(())
}

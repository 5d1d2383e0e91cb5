"""Writing a snapshot to a folder.

F-110: every entry is created relative to a directory that was opened here, with no symbolic link
followed on the way. Only the directory at hand is kept open, so neither the number of open files
nor the length of a path is a bound: the way back up is `..`, taken only if it leads to the very
directory (device and inode) that the way down led through.

Two passes: the first creates everything, the second sets owners, modes and times of directories,
deepest first, when nothing will be created in them any more.
"""

import os
import stat
from typing import Callable

from blake3 import blake3

from .archive import Archive
from .errors import Damaged, ReaderError
from .objects import SYNTHETIC, TORN, Entry, Snapshot
from .walk import content, walk

OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
OPEN_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
OPEN_PATH = getattr(os, "O_PATH", 0) | os.O_NOFOLLOW | os.O_CLOEXEC
SYSTEM_ERRORS = (OSError, OverflowError, ValueError, NotImplementedError)


class RestoreFailed(ReaderError):
    exit_code = 3


class Place:
    """A directory on the way from the folder that is restored to."""

    __slots__ = ("name", "parent", "identity")

    def __init__(self, name: bytes, parent: "Place | None", fd: int):
        self.name, self.parent = name, parent
        status = os.fstat(fd)
        self.identity = status.st_dev, status.st_ino


def restore(archive: Archive, snapshot: Snapshot, target: str, note: Callable[[str, bool], None]
            ) -> list[Damaged]:
    """Restores everything that can be; returns the damage that was in the way.

    note(text, is_problem) is told what is worth knowing.
    """
    try:
        os.makedirs(target, exist_ok=True)
        root = os.open(target, OPEN_DIRECTORY & ~os.O_NOFOLLOW)
    except OSError as error:
        raise RestoreFailed(f"{target}: {error.strerror}") from error
    umask = os.umask(0o077)
    try:
        if os.listdir(root):
            raise RestoreFailed(f"{target}: is not empty")
        return Restorer(archive, snapshot.root, root, umask, note).run()
    finally:
        os.umask(umask)
        os.close(root)


class Restorer:
    def __init__(self, archive, root_tree, root_fd, umask, note):
        self.archive, self.root_tree, self.root_fd = archive, root_tree, root_fd
        self.umask, self.note = umask, note
        self.is_root = os.geteuid() == 0
        self.damage: list[Damaged] = []
        self.path: list[bytes] = []
        self.links: dict[bytes, tuple[Place, bytes]] = {}

    def run(self) -> list[Damaged]:
        self.failed: set[int] = set()  # directories that could not be made, by their number
        self.run_pass(self.make_directory, self.make_entry, lambda entry, fd: None, self.on_damage)
        self.run_pass(self.open_directory, lambda entry: None, self.finish_directory,
                      lambda path, damage: None)
        return self.damage

    def run_pass(self, enter, entry_at, leave, on_damage):
        self.fd = os.dup(self.root_fd)
        self.place = Place(b"", None, self.fd)
        number = skipped = 0
        try:
            for event, entry, self.path in walk(self.archive, self.root_tree, on_damage):
                number += event == "enter"
                if skipped:
                    skipped += (event == "enter") - (event == "leave")
                elif event == "enter":
                    try:
                        if number in self.failed:
                            raise FileNotFoundError
                        fd = enter(entry)
                    except SYSTEM_ERRORS as error:
                        if number not in self.failed:
                            self.failed.add(number)
                            self.problem(error)
                        skipped = 1
                        continue
                    os.close(self.fd)
                    self.fd = fd
                    self.place = Place(entry.name, self.place, fd)
                elif event == "leave":
                    child, self.fd = self.fd, self.open_parent()
                    self.place = self.place.parent
                    try:
                        leave(entry, child)
                    finally:
                        os.close(child)
                else:
                    entry_at(entry)
        finally:
            os.close(self.fd)

    def open_parent(self) -> int:
        fd = os.open("..", OPEN_DIRECTORY, dir_fd=self.fd)
        if Place(b"", None, fd).identity != self.place.parent.identity:
            os.close(fd)
            raise RestoreFailed("a directory was moved while it was restored to")
        return fd

    def on_damage(self, path, damage):
        self.damage.append(damage)
        self.path = path
        self.problem(damage)

    def problem(self, what):
        self.note(f"{show(b'/'.join(self.path[-20:]))}: {what}", True)

    def attempt(self, action, *arguments, **named) -> bool:
        try:
            action(*arguments, **named)
            return True
        except SYSTEM_ERRORS as error:
            self.problem(error)
            return False

    # First pass

    def make_directory(self, entry: Entry) -> int:
        os.mkdir(entry.name, 0o700, dir_fd=self.fd)
        return os.open(entry.name, OPEN_DIRECTORY, dir_fd=self.fd)

    def make_entry(self, entry: Entry):
        if entry.type == "socket":
            self.note(f"{show(b'/'.join(self.path[-20:]))}: sockets are not restored", False)
            return
        if entry.type == "file" and entry.flags & TORN:
            self.note(f"{show(b'/'.join(self.path[-20:]))}: torn, it changed while it was stored",
                      False)
        # F-075
        key = None
        if entry.links > 1:
            # All but name and ctime.
            rest = (entry.type, entry.node, entry.flags, entry.mode, entry.owner, entry.mtime,
                    entry.device, entry.inode, entry.links, entry.xattrs)
            key = blake3(repr(rest).encode()).digest()
            if key in self.links and self.make_link(entry.name, *self.links[key]):
                return
        try:
            getattr(self, f"make_{entry.type}")(entry)
        except Damaged as damage:
            self.damage.append(damage)
            self.problem(damage)
        except SYSTEM_ERRORS as error:
            self.problem(error)
        else:
            if key:
                self.links.setdefault(key, (self.place, entry.name))

    def make_link(self, name: bytes, place: Place, old: bytes) -> bool:
        try:
            fd = self.open_place(place)
            try:
                os.link(old, name, src_dir_fd=fd, dst_dir_fd=self.fd, follow_symlinks=False)
            finally:
                os.close(fd)
            return True
        except SYSTEM_ERRORS as error:
            self.problem(f"restored as a file of its own, not as a hard link: {error}")
            return False

    def open_place(self, place: Place) -> int:
        if place is self.place:
            return os.dup(self.fd)
        identity, names = place.identity, []
        while place.parent:
            names.append(place.name)
            place = place.parent
        fd = os.dup(self.root_fd)
        for name in reversed(names):
            try:
                deeper = os.open(name, OPEN_DIRECTORY, dir_fd=fd)
            finally:
                os.close(fd)
            fd = deeper
        if Place(b"", None, fd).identity != identity:
            os.close(fd)
            raise RestoreFailed("a directory was moved while it was restored to")
        return fd

    def make_file(self, entry: Entry):
        fd = os.open(entry.name, OPEN_NEW, 0o600, dir_fd=self.fd)
        try:
            offset = 0
            for length, data in content(self.archive, entry):
                written = 0
                while data and written < length:
                    written += os.pwrite(fd, data[written:], offset + written)
                offset += length
            os.ftruncate(fd, offset)  # holes are where nothing was written
            self.finish(entry, fd)
        except BaseException:
            os.unlink(entry.name, dir_fd=self.fd)  # rather none than half a file
            raise
        finally:
            os.close(fd)

    def make_symlink(self, entry: Entry):
        os.symlink(entry.node[0], entry.name, dir_fd=self.fd)
        if self.is_root:
            self.attempt(os.chown, entry.name, entry.owner.uid, entry.owner.gid, dir_fd=self.fd,
                         follow_symlinks=False)
        path = b"/proc/self/fd/%d/%s" % (self.fd, entry.name)
        for name, value in entry.xattrs:
            self.attempt(os.setxattr, path, name, value, follow_symlinks=False)
        self.attempt(os.utime, entry.name, ns=times(entry), dir_fd=self.fd, follow_symlinks=False)

    def make_fifo(self, entry: Entry):
        os.mkfifo(entry.name, 0o600, dir_fd=self.fd)
        self.finish_special(entry, stat.S_IFIFO)

    def make_block(self, entry: Entry):
        self.make_device(entry, stat.S_IFBLK)

    def make_char(self, entry: Entry):
        self.make_device(entry, stat.S_IFCHR)

    def make_device(self, entry: Entry, type: int):
        major, minor = entry.node
        device = os.makedev(major, minor)
        if (os.major(device), os.minor(device)) != (major, minor):
            raise OverflowError(f"no device {major}, {minor} on this system")
        os.mknod(entry.name, type | 0o600, device, dir_fd=self.fd)
        self.finish_special(entry, type)

    def finish_special(self, entry: Entry, type: int):
        """Neither opens a fifo or a device, nor follows what might have taken its place."""
        fd = os.open(entry.name, OPEN_PATH, dir_fd=self.fd)
        try:
            if stat.S_IFMT(os.fstat(fd).st_mode) != type:
                raise RestoreFailed("an entry was replaced while it was restored")
            self.finish(entry, f"/proc/self/fd/{fd}")
        finally:
            os.close(fd)

    # Second pass

    def open_directory(self, entry: Entry) -> int:
        return os.open(entry.name, OPEN_DIRECTORY, dir_fd=self.fd)

    def finish_directory(self, entry: Entry, fd: int):
        if entry.flags & SYNTHETIC:  # F-074
            for name, value in entry.xattrs:
                self.attempt(os.setxattr, fd, name, value)
            self.attempt(os.chmod, fd, 0o777 & ~self.umask)
        else:
            self.finish(entry, fd)

    def finish(self, entry: Entry, target: int | str):
        """Owner first and times last: each step may undo what an earlier one has set."""
        owned = self.is_root and self.attempt(os.chown, target, entry.owner.uid, entry.owner.gid)
        for name, value in entry.xattrs:
            self.attempt(os.setxattr, target, name, value)
        # Set-user-id and set-group-id would lend the rights of an owner who is another one.
        self.attempt(os.chmod, target, entry.mode if owned else entry.mode & 0o1777)
        self.attempt(os.utime, target, ns=times(entry))


def times(entry: Entry) -> tuple[int, int]:
    """Access and modification time; the first is not stored."""
    seconds, nanoseconds = entry.mtime
    return (seconds * 10**9 + nanoseconds,) * 2


def show(path: bytes) -> str:
    """A path as text: what is not printable UTF-8, and `%` itself, as %XX."""
    text = path.decode("utf-8", "surrogateescape")
    if text.isprintable() and "%" not in text:
        return text
    return "".join(
        c if c.isprintable() and c != "%" else
        "".join(f"%{byte:02X}" for byte in c.encode("utf-8", "surrogateescape")) for c in text)

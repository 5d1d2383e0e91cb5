"""Sections 7 and 8: what takes several objects: directories, their entries, file contents.

Nothing here recurses: an archive decides how deep it is.
"""

from typing import Callable, Iterator

from .archive import Archive
from .codec import MAX_NESTING
from .errors import Damaged
from .objects import CHUNK, Entry, Inner


class Directory:
    """The entries of one directory, in order, from all its nodes (F-070, F-076).

    Remembers ids and positions only, so that a deep nesting of large directories stays small; the
    decoded nodes are in the archive's cache.
    """

    def __init__(self, archive: Archive, tree: bytes):
        self.archive = archive
        self.what = f"tree {tree.hex()}"
        self.last = b""
        self.stack = [[tree, 0]]  # nodes from the first one down: id, next child or entry
        self.begin(None)

    def begin(self, parent: Inner | None):
        """Checks the node on top of the stack against its parent's word."""
        node = self.archive.tree(self.stack[-1][0])
        if parent is None:
            return
        if node.level != parent.level - 1:
            self.fail("section 8", f"a node of level {node.level} below level {parent.level}")
        first = parent.children[self.stack[-2][1] - 1].first
        if isinstance(node, Inner):
            found = node.children[0].first
        elif node.entries:
            found = node.entries[0].name
        else:
            self.fail("F-076", "an empty child of an inner node")
        if found != first:
            self.fail("F-076", f"a child starts with {found!r}, not with {first!r}")

    def next(self) -> Entry | None:
        while self.stack:
            id, index = self.stack[-1]
            node = self.archive.tree(id)
            parts = node.children if isinstance(node, Inner) else node.entries
            if index == len(parts):
                self.stack.pop()
                continue
            self.stack[-1][1] += 1
            if isinstance(node, Inner):
                self.stack.append([node.children[index].id, 0])
                self.begin(node)
                continue
            entry = node.entries[index]
            if entry.name <= self.last:
                self.fail("F-070", f"{entry.name!r} is not after {self.last!r}")
            self.last = entry.name
            return entry
        return None

    def fail(self, requirement: str, message: str):
        raise Damaged(requirement, self.what, message)


def walk(archive: Archive, root: bytes, on_damage: Callable[[list[bytes], Damaged], None]
         ) -> Iterator[tuple[str, Entry | None, list[bytes]]]:
    """All entries below a root tree, as ("entry", …), or ("enter", …) and ("leave", …) for a
    directory, the root excepted. The path is the walk's own list: copy it to keep it.

    Damage costs the rest of the directory that it is in; on_damage may raise.
    """
    path: list[bytes] = []
    stack: list[tuple[Directory | None, Entry | None]] = []

    def enter(tree: bytes, entry: Entry | None):
        try:
            stack.append((Directory(archive, tree), entry))
        except Damaged as damage:
            on_damage(path, damage)
            stack.append((None, entry))

    enter(root, None)
    while stack:
        directory, of = stack[-1]
        entry = None
        if directory:
            try:
                entry = directory.next()
                if entry and entry.type == "dir" and len(stack) >= MAX_NESTING:
                    directory.fail("F-077", f"a directory on level {MAX_NESTING}")
            except Damaged as damage:
                on_damage(path, damage)
                entry = None
        if entry is None:
            stack.pop()
            if of:
                yield "leave", of, path
                path.pop()
        elif entry.type == "dir":
            path.append(entry.name)
            yield "enter", entry, path
            enter(entry.node[0], entry)
        else:
            path.append(entry.name)
            yield "entry", entry, path
            path.pop()


def check_chunk_length(archive: Archive, id: bytes, length: int, requirement: str, where: str):
    found = {segment.plain_length(entry) for segment, entry in archive.find(id, CHUNK)}
    if length not in found:
        raise Damaged(requirement, where, f"a chunk of {min(found)} bytes where {length} should be")


def read_chunk(archive: Archive, id: bytes, length: int) -> bytes:
    data = archive.chunk(id)
    if len(data) != length:  # one of several copies lied about its length
        raise Damaged("F-060", f"chunk {id.hex()}", f"{len(data)} bytes where {length} should be")
    return data


def check_list(archive: Archive, root: bytes) -> tuple[int, int, bool]:
    """Checks a chunk list with all its nodes and the lengths of its chunks (F-060, F-061, F-062).

    Returns its level, the sum of its lengths and whether there is anything but holes in it.
    Each node is looked at once, however often it occurs.
    """
    done = archive.lists
    stack: list[list] = []  # id, position, sum, has data

    def enter(id: bytes):
        node = archive.chunk_list(id)
        if stack and node.level != (above := archive.chunk_list(stack[-1][0]).level) - 1:
            raise Damaged("F-061", f"chunk list {id.hex()}", f"level {node.level} below {above}")
        stack.append([id, 0, 0, False])

    if root not in done:
        enter(root)
    while stack:
        frame = stack[-1]
        id = frame[0]
        node = archive.chunk_list(id)
        if frame[1] == len(node.items):
            done[id] = node.level, frame[2], frame[3]
            stack.pop()
            continue
        item = node.items[frame[1]]
        where = f"chunk list {id.hex()}, item {frame[1]}"
        if node.level > 0:
            if item.id not in done:
                enter(item.id)
                continue
            level, total, data = done[item.id]
            if level != node.level - 1:
                raise Damaged("F-061", where, f"level {level} below level {node.level}")
            if total != item.length:
                raise Damaged("F-061", where, f"{total} bytes where {item.length} are said to be")
            frame[3] |= data
        elif item.id is not None:
            check_chunk_length(archive, item.id, item.length, "F-060", where)
            frame[3] = True
        frame[1] += 1
        frame[2] += item.length
    return done[root]


def check_content(archive: Archive, entry: Entry):
    """F-062, F-072: the content of a file is there and has its size."""
    size, kind, id = entry.node
    if kind == CHUNK:
        check_chunk_length(archive, id, size, "F-072", f"file {entry.name!r}")
    elif kind:
        total = check_list(archive, id)[1]
        if total != size:
            raise Damaged("F-062", f"file {entry.name!r}", f"{total} bytes, its size is {size}")


def content(archive: Archive, entry: Entry) -> Iterator[tuple[int, bytes | None]]:
    """The content of a file in pieces: length and bytes, None for a hole.

    All that can be wrong with it but the bytes of its chunks is found before the first piece.
    """
    check_content(archive, entry)
    size, kind, id = entry.node
    if kind == 0:
        return
    if kind == CHUNK:
        yield size, read_chunk(archive, id, size)
        return
    stack = [[id, 0]]
    while stack:
        node = archive.chunk_list(stack[-1][0])
        index = stack[-1][1]
        if index == len(node.items):
            stack.pop()
            continue
        stack[-1][1] += 1
        item = node.items[index]
        if node.level == 0:
            yield item.length, read_chunk(archive, item.id, item.length) if item.id else None
        elif archive.lists[item.id][2]:
            stack.append([item.id, 0])
        else:
            yield item.length, None

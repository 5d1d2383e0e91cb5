"""Sections 5, 7, 8 and 9: objects, their ids, and what one object tells by itself.

What takes several objects to see (levels, sums, order across nodes) is checked in walk.py.
"""

from dataclasses import dataclass

from blake3 import blake3

from .codec import (MAX_ITEMS, MAX_LEVEL, MAX_LISTED_BYTES, MAX_LISTED_PATHS, MAX_MOMENTS, MAX_NAME,
                    MAX_OBJECT, MAX_TARGET, MAX_XATTRS, Decoder)
from .errors import Damaged

CHUNK, CHUNK_LIST, TREE, PAGE, CONTENTS = 1, 2, 3, 4, 5
KIND_NAMES = {CHUNK: "chunk", CHUNK_LIST: "chunk list", TREE: "tree", PAGE: "page",
              CONTENTS: "contents"}
BILLION = 10**9
TORN, SYNTHETIC = 1, 2


def object_id(kind: int, plain: bytes) -> bytes:
    if kind == CHUNK:
        return blake3(plain).digest()
    return blake3(plain, derive_key_context=f"restante 2026 {KIND_NAMES[kind]} v1").digest()


def snapshot_id(plain: bytes) -> bytes:
    return blake3(plain, derive_key_context="restante 2026 snapshot v1").digest()


def tick_id(state: bytes, time: tuple[int, int]) -> bytes:
    seconds, nanoseconds = time
    material = state + seconds.to_bytes(8, "little", signed=True) + nanoseconds.to_bytes(4, "little")
    return blake3(material, derive_key_context="restante 2026 tick v1").digest()


def check_size(kind: int, length: int, what: str):
    if length == 0:
        raise Damaged("F-042", what, "an object is never empty")
    if length > MAX_OBJECT:
        raise Damaged("F-100", what, f"{length} bytes, at most {MAX_OBJECT} allowed")


# Section 7

@dataclass(slots=True)
class Item:
    length: int
    id: bytes | None  # None: a hole


@dataclass(slots=True)
class ChunkList:
    level: int
    items: list[Item]


def decode_chunk_list(plain: bytes, what: str = "chunk list") -> ChunkList:
    check_size(CHUNK_LIST, len(plain), what)
    d = Decoder(plain, what)
    level = d.u8("level")
    if level > MAX_LEVEL:
        d.fail("F-100", "level", f"{level}, at most {MAX_LEVEL} allowed")
    items: list[Item] = []
    total = 0
    count = d.count("items", MAX_ITEMS)
    if count == 0:
        d.fail("section 7", "items", "none")
    for _ in range(count):
        length = d.uint("length")
        if length == 0:
            d.fail("section 7", "length", "0")
        id = d.id("id") if d.present("id") else None
        if id is None and level > 0:
            d.fail("section 7", "id", "absent above the leaves")
        if id is None and items and items[-1].id is None:
            d.fail("F-063", "id", "two holes follow each other")
        items.append(Item(length, id))
        total += length
    if total >= 1 << 63:
        d.fail("F-062", "length", "the sum is 2^63 or more")
    d.end()
    return ChunkList(level, items)


# Section 8

@dataclass(slots=True, frozen=True)
class Owner:
    uid: int
    gid: int
    user: bytes
    group: bytes


@dataclass(slots=True)
class Entry:
    name: bytes
    type: str  # file, dir, symlink, block, char, fifo or socket
    node: tuple  # file: (size, content kind or 0, id or None); dir: (tree id,);
                 # symlink: (target,); block, char: (major, minor)
    flags: int
    mode: int
    owner_index: int
    owner: Owner
    mtime: tuple[int, int]
    ctime: tuple[int, int]
    device: int
    inode: int
    links: int
    xattrs: list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Leaf:
    owners: list[Owner]
    entries: list[Entry]
    level = 0


@dataclass(slots=True)
class Child:
    first: bytes
    id: bytes


@dataclass(slots=True)
class Inner:
    level: int
    children: list[Child]


NODE_TYPES = ("file", "dir", "symlink", "block", "char", "fifo", "socket")


def decode_tree(plain: bytes, what: str = "tree") -> Leaf | Inner:
    check_size(TREE, len(plain), what)
    d = Decoder(plain, what)
    variant = d.uint("variant", 32)
    if variant == 0:
        node = decode_leaf(d)
    elif variant == 1:
        node = decode_inner(d)
    else:
        d.fail("section 8", "variant", f"{variant} is unknown")
    d.end()
    return node


def decode_inner(d: Decoder) -> Inner:
    level = d.u8("level")
    if not 1 <= level <= MAX_LEVEL:
        d.fail("section 8", "level", f"{level} is not within 1 to {MAX_LEVEL}")
    count = d.count("children", MAX_ITEMS)
    if count == 0:
        d.fail("section 8", "children", "none")
    children: list[Child] = []
    for _ in range(count):
        first = decode_name(d, "first")
        # Follows from F-070 and F-076.
        if children and first <= children[-1].first:
            d.fail("F-070", "first", f"{first!r} is not after {children[-1].first!r}")
        children.append(Child(first, d.id("id")))
    return Inner(level, children)


def decode_leaf(d: Decoder) -> Leaf:
    owners = []
    for _ in range(d.count("owners")):
        uid, gid = d.uint("uid", 32), d.uint("gid", 32)
        owners.append(Owner(uid, gid, d.bytes("user"), d.bytes("group")))
    entries: list[Entry] = []
    for _ in range(d.count("entries", MAX_ITEMS)):
        entry = decode_entry(d, owners)
        if entries and entry.name <= entries[-1].name:
            d.fail("F-070", "name", f"{entry.name!r} is not after {entries[-1].name!r}")
        entries.append(entry)
    return Leaf(owners, entries)


def decode_name(d: Decoder, field: str) -> bytes:
    name = d.bytes(field, MAX_NAME)
    if not name or b"/" in name or b"\0" in name or name in (b".", b".."):
        d.fail("section 8", field, f"{name!r} is no name")
    return name


def decode_entry(d: Decoder, owners: list[Owner]) -> Entry:
    name = decode_name(d, "name")
    type, node = decode_node(d)
    flags = d.uint("flags", 32)
    if flags & ~(TORN | SYNTHETIC):
        d.fail("F-004", "flags", f"{flags:#x} has unknown bits")
    mode = d.uint("mode", 32)
    if mode > 0o7777:
        d.fail("section 8", "mode", f"{mode:#o} is more than permission bits")
    owner = d.uint("owner", 32)
    if owner >= len(owners):
        d.fail("section 8", "owner", f"{owner} of {len(owners)}")
    mtime = d.int("mtime seconds"), d.nanoseconds("mtime nanoseconds")
    ctime = d.int("ctime seconds"), d.nanoseconds("ctime nanoseconds")
    device, inode = d.uint("device"), d.uint("inode")
    links = d.uint("links", 32)
    xattrs: list[tuple[bytes, bytes]] = []
    total = 0
    for _ in range(d.count("xattrs")):
        key, value = d.bytes("xattr name"), d.bytes("xattr value")
        if not key or b"\0" in key:
            d.fail("section 8", "xattrs", f"{key[:80]!r} cannot be a name")
        if xattrs and key <= xattrs[-1][0]:
            d.fail("section 8", "xattrs", f"{key[:80]!r} is not after {xattrs[-1][0][:80]!r}")
        total += len(key) + len(value)
        if total > MAX_XATTRS:
            d.fail("F-100", "xattrs", f"more than {MAX_XATTRS} bytes")
        xattrs.append((key, value))
    return Entry(name, type, node, flags, mode, owner, owners[owner], mtime, ctime,
                 device, inode, links, xattrs)


def decode_node(d: Decoder) -> tuple[str, tuple]:
    variant = d.uint("node", 32)
    if variant >= len(NODE_TYPES):
        d.fail("section 8", "node", f"variant {variant} is unknown")
    type = NODE_TYPES[variant]
    if type == "file":
        size = d.uint("size")
        content = d.uint("content", 32)
        if content > CHUNK_LIST:  # 1 is a chunk and 2 a chunk list, as in the kinds of objects
            d.fail("section 8", "content", f"variant {content} is unknown")
        if (content == 0) != (size == 0):
            d.fail("F-072", "content", f"variant {content} with a size of {size}")
        if content == CHUNK and size > MAX_OBJECT:
            d.fail("F-072", "size", f"{size} bytes in one chunk, which has at most {MAX_OBJECT}")
        if size >= 1 << 63:
            d.fail("F-062", "size", "2^63 or more")
        return type, (size, content, d.id("content") if content else None)
    if type == "dir":
        return type, (d.id("tree"),)
    if type == "symlink":
        target = d.bytes("target", MAX_TARGET)
        if not target or b"\0" in target:
            d.fail("section 8", "target", "empty, or with a NUL")
        return type, (target,)
    if type in ("block", "char"):
        return type, (d.uint("major", 32), d.uint("minor", 32))
    return type, ()


# Section 9

@dataclass(slots=True)
class Snapshot:
    time: tuple[int, int]
    host: str
    connector: str | None
    paths: list[bytes]
    tags: list[str]
    root: bytes
    parent: bytes | None
    program: str
    files: int
    dirs: int
    bytes: int
    changed_files: int
    read_bytes: int
    new_objects: int
    stored_bytes: int
    torn_count: int
    unreadable_count: int
    torn: list[bytes]
    unreadable: list[tuple[bytes, str]]


def decode_snapshot(plain: bytes, what: str = "snapshot") -> Snapshot:
    check_size(PAGE, len(plain), what)
    d = Decoder(plain, what)
    time = d.int("time seconds"), d.nanoseconds("time nanoseconds", "section 9")
    host = d.text("host", 1024)
    connector = d.text("connector", 256) if d.present("connector") else None
    paths = [d.bytes("paths") for _ in range(d.count("paths"))]
    tags: list[str] = []
    for _ in range(d.count("tags")):
        tag = d.text("tags")
        if tags and tag.encode() <= tags[-1].encode():
            d.fail("section 9", "tags", "not ascending")
        tags.append(tag)
    root = d.id("root")
    parent = d.id("parent") if d.present("parent") else None
    program = d.text("program")
    six = [d.uint(field) for field in ("files", "dirs", "bytes", "changed files", "read bytes",
                                       "new objects")]
    stored_bytes = int.from_bytes(d.raw(8, "stored bytes"), "little")
    torn_count, unreadable_count = d.uint("torn count"), d.uint("unreadable count")
    torn = [d.bytes("torn") for _ in range(d.count("torn", MAX_LISTED_PATHS))]
    unreadable = [(d.bytes("unreadable path"), d.text("unreadable reason"))
                  for _ in range(d.count("unreadable", MAX_LISTED_PATHS))]
    listed = (sum(map(len, torn)), sum(len(p) + len(r.encode()) for p, r in unreadable))
    if max(listed) > MAX_LISTED_BYTES:
        d.fail("F-100", "torn, unreadable", f"{max(listed)} bytes, at most {MAX_LISTED_BYTES} allowed")
    if len(torn) > torn_count or len(unreadable) > unreadable_count:
        d.fail("section 9", "torn count, unreadable count", "less than the paths listed")
    d.end()
    return Snapshot(time, host, connector, paths, tags, root, parent, program, *six, stored_bytes,
                    torn_count, unreadable_count, torn, unreadable)


@dataclass(slots=True)
class PageEntry:
    plain: bytes  # the snapshot
    snapshot: Snapshot
    times: list[tuple[int, int]]

    def moments(self):
        """Each time, and the id that the snapshot has as it was seen then."""
        state = snapshot_id(self.plain)
        for time in self.times:
            yield time, state if time == self.snapshot.time else tick_id(state, time)


@dataclass(slots=True)
class Page:
    entries: list[PageEntry]


def decode_page(plain: bytes, what: str = "page") -> Page:
    check_size(PAGE, len(plain), what)
    d = Decoder(plain, what)
    count = d.count("entries")
    if count == 0:
        d.fail("section 9", "entries", "none")
    entries: list[PageEntry] = []
    room = MAX_MOMENTS
    for _ in range(count):
        snapshot = d.bytes("snapshot")
        decoded = decode_snapshot(snapshot, f"{what}, snapshot")
        first = d.int("first seconds"), d.nanoseconds("first nanoseconds", "section 9")
        steps = [(d.int("change"), d.uint("count")) for _ in range(d.count("steps"))]
        # Before anything is made of it: a few bytes can claim any number.
        room -= 1 + sum(count for _, count in steps)
        if room < 0:
            d.fail("F-088", "steps", f"more than {MAX_MOMENTS} times")
        entries.append(PageEntry(snapshot, decoded, make_times(d, first, steps)))
    d.end()
    return Page(entries)


def make_times(d: Decoder, first: tuple[int, int], steps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    times = [first]
    at, step = first[0] * BILLION + first[1], 0
    for change, count in steps:
        for _ in range(count):
            step += change
            at += step
            if not 0 < step < 1 << 63:
                d.fail("F-083", "steps", f"a step of {step} ns")
            if at // BILLION >= 1 << 63:
                d.fail("F-083", "steps", "a time that cannot be written")
            times.append(divmod(at, BILLION))
    return times


@dataclass(slots=True)
class PageNote:
    id: bytes
    first: tuple[int, int]
    last: tuple[int, int]
    moments: int


@dataclass(slots=True)
class Series:
    host: str
    connector: str | None
    paths: list[bytes]
    newest: tuple[int, int]

    def key(self) -> tuple:
        return self.host, self.connector, tuple(self.paths)


@dataclass(slots=True)
class Contents:
    pages: list[PageNote]
    series: list[Series]


def decode_contents(plain: bytes, what: str = "contents") -> Contents:
    check_size(CONTENTS, len(plain), what)
    d = Decoder(plain, what)

    def time(field: str) -> tuple[int, int]:
        return d.int(f"{field} seconds"), d.nanoseconds(f"{field} nanoseconds", "section 9")
    pages: list[PageNote] = []
    for _ in range(d.count("pages")):
        note = PageNote(d.id("id"), time("first"), time("last"), d.uint("moments"))
        if note.moments > MAX_MOMENTS:
            d.fail("F-088", "pages", f"a page of {note.moments} moments")
        if note.moments == 0 or note.first > note.last:
            d.fail("section 9", "pages", "a page of no moments, or with its last before its first")
        if pages and note.first < pages[-1].last:
            d.fail("section 9", "pages", "a page begins before the one before it ends")
        pages.append(note)
    series = []
    for _ in range(d.count("series")):
        host = d.text("host", 1024)
        connector = d.text("connector", 256) if d.present("connector") else None
        series.append(Series(host, connector, [d.bytes("paths") for _ in range(d.count("paths"))],
                             time("newest")))
    d.end()
    return Contents(pages, series)


def check_chunk(plain: bytes, what: str = "chunk") -> bytes:
    check_size(CHUNK, len(plain), what)
    return plain


DECODE = {CHUNK: check_chunk, CHUNK_LIST: decode_chunk_list, TREE: decode_tree,
          PAGE: decode_page, CONTENTS: decode_contents}

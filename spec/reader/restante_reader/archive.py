"""Sections 2 and 3: an archive, and how its objects are found and read."""

import os
import re
import stat
import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import Callable, Iterator, TypeVar

from blake3 import blake3

from .codec import MAX_CHAIN, MAX_CHUNK, MAX_COPIES
from .errors import Damaged, NewerVersion, NotAnArchive
from .objects import (CHUNK, CHUNK_LIST, CONTENTS, DECODE, KIND_NAMES, PAGE, TREE, ChunkList, Contents,
                      Inner, Leaf, Page, Snapshot, check_size, object_id)
from .segment import KNOWN_INCOMPATIBLE, ObjectEntry, Segment, decode_zstd, read_at

CONFIG_MAGIC = b"\x89RSTC\r\n\x1a"
CONFIG_START = CONFIG_MAGIC + b"\1\0"  # with the version
CONFIG = struct.Struct("<8sHHIII16sqIIIIQQ32si28s32s")
CONFIG_CONTEXT = "restante 2026 config v1"
SEGMENT_NAME = re.compile(r"([0-9a-f]{64})\.rst")
CACHE_BYTES = 64 << 20
LISTINGS = 10  # how often what is gone is looked for again
Found = TypeVar("Found")

assert CONFIG.size == 176


def config_check(contents: bytes) -> bytes:
    return blake3(contents, derive_key_context=CONFIG_CONTEXT).digest()


def check_config(config: bytes) -> bytes:
    """Section 3, in the order of F-020; returns the archive's id."""
    def fail(requirement, offset, message):
        raise Damaged(requirement, f"config, byte {offset}", message)

    if CONFIG_MAGIC.startswith(config):
        fail("section 3", len(config), "nothing but the start of a config")
    if not config.startswith(CONFIG_START) and len(config) == CONFIG.size \
            and config_check(CONFIG_START + config[10:144]) == config[144:]:
        fail("section 3", 0, "the check is that of other first bytes")
    if config[:8] != CONFIG_MAGIC:
        raise NotAnArchive("config: the magic is wrong")
    if len(config) >= 10 and config[8:10] != b"\1\0":
        version = int.from_bytes(config[8:10], "little")
        if version == 0:
            fail("section 3", 8, "version 0")
        raise NewerVersion(f"config: version {version}")
    if len(config) != CONFIG.size:
        fail("F-002", len(config), f"its length is not {CONFIG.size}")
    (_, _, reserved_1, incompatible, _, body, archive_id, _, chunker, low, average, high,
     mask_s, mask_l, _, level, reserved_2, check) = CONFIG.unpack(config)
    if config_check(config[:144]) != check:
        fail("section 3", 144, "the check is wrong")
    if incompatible & ~KNOWN_INCOMPATIBLE:
        raise NewerVersion(f"config: incompatible flags {incompatible:#x}")
    if reserved_1:
        fail("F-004", 10, "reserved bytes are not zero")
    if body != 120:
        fail("section 3", 20, f"body length {body}")
    if not any(archive_id):
        fail("section 3", 24, "the archive's id is all zero")
    if chunker != 1:
        raise NewerVersion(f"config: chunker {chunker}")
    if low < 64 or low % 2:
        fail("section 3", 52, f"min {low}")
    if average < low or average % 2:
        fail("section 3", 56, f"avg {average}")
    if not average <= high <= MAX_CHUNK or high % 2:
        fail("section 3", 60, f"max {high}")
    for offset, mask in ((64, mask_s), (72, mask_l)):
        if mask == 0 or mask >> 63:
            fail("section 3", offset, f"mask {mask:#x}")
    if not -7 <= level <= 22:
        fail("section 3", 112, f"zstd level {level}")
    if any(reserved_2):
        fail("F-004", 116, "reserved bytes are not zero")
    return archive_id


class Cache:
    """The most recently used values, up to a number of plain bytes."""

    def __init__(self, limit: int):
        self.limit, self.used = limit, 0
        self.values: OrderedDict = OrderedDict()

    def get(self, key, make):
        """make: returns the value and its size."""
        if key in self.values:
            self.values.move_to_end(key)
            return self.values[key][0]
        value, size = make()
        self.values[key] = value, size
        self.used += size
        while self.used > self.limit and len(self.values) > 1:
            self.used -= self.values.popitem(last=False)[1][1]
        return value


class Reading:
    """The reading of one object: of its copies, and of those of its bases (F-039, F-043, F-044)."""

    def __init__(self, archive: "Archive"):
        self.archive = archive
        self.copies = MAX_COPIES  # that may still be tried
        self.path: set[bytes] = set()  # what is being looked for: nothing is made from itself
        self.bases = 0  # how many stand behind each other so far
        self.lost: set[bytes] = set()
        self.cuts = 0  # how often a way was given up that another object might be found on

    def object(self, id: bytes, kind: int) -> bytes:
        """From the first copy that is not damaged."""
        what = f"{KIND_NAMES[kind]} {id.hex()}"
        if id in self.lost:
            raise Damaged("F-081", what, "no good copy is in the archive")
        if id in self.path:
            self.cut("F-043", what, "it is among its own bases")
        damage, cuts = None, self.cuts
        self.path.add(id)
        try:
            for segment, entry in self.archive.find(id, kind):
                try:
                    return self.copy(segment, entry)
                except Damaged as error:
                    damage = damage or error
        finally:
            self.path.remove(id)
        if self.cuts == cuts:
            self.lost.add(id)
        raise damage

    def cut(self, requirement: str, what: str, message: str):
        self.cuts += 1
        raise Damaged(requirement, what, message)

    def copy(self, segment: Segment, entry: ObjectEntry) -> bytes:
        """One copy, checked against its id: that of a base too, though only the last one has to be."""
        what = f"{segment.label}, {KIND_NAMES[entry.kind]} {entry.id.hex()}"
        if self.copies == 0:
            self.cut("F-044", what, f"{MAX_COPIES} copies of it or its bases were tried")
        self.copies -= 1
        delta = segment.delta_of(entry)
        check_size(entry.kind, delta.plain if delta else entry.length, what)
        # First the base, then the block: a chain is decoded from its whole end on, and never held.
        base = self.base(entry, delta.base, what) if delta else None
        plain = self.archive.block(segment, entry.block)[entry.offset:entry.offset + entry.length]
        if delta:
            plain = decode_zstd(plain, delta.plain, what, base, "F-037")
        if object_id(entry.kind, plain) != entry.id:
            raise Damaged("F-040", what, "its bytes have another id")
        return plain

    def base(self, entry: ObjectEntry, id: bytes, what: str) -> bytes:
        if self.bases == MAX_CHAIN:
            self.cut("F-043", what, f"more than {MAX_CHAIN} bases behind each other")
        self.bases += 1
        try:
            return self.object(id, entry.kind)
        finally:
            self.bases -= 1


@dataclass(slots=True)
class Moment:
    """A snapshot as it was seen at a time: when it was taken, or later, as a tick."""
    time: tuple[int, int]
    id: bytes
    snapshot: Snapshot


class Archive:
    """An archive, opened: every segment's header, directory and trailer has been checked.

    A segment that is damaged costs its objects only (section 11); what was found wrong with it is
    in `problems`. Only the config makes the archive a newer one (F-014), or a segment by itself.
    """

    def __init__(self, path: str):
        self.problems: list[Damaged] = []
        self.segments: list[Segment] = []
        self.blocks = Cache(CACHE_BYTES)
        self.nodes = Cache(CACHE_BYTES // 4)
        self.bad_copies: set[tuple[bytes, bytes]] = set()  # seal and id; found by verify
        self.asked: set[bytes] = set()  # ids of all objects that were looked for, bases included
        self.root: str | None = None  # the folder, where it is one
        self.names: set[str] = set()  # the segments that were listed last
        self.refused: set[str] = set()  # those of them that are damaged
        self.lists: dict[bytes, tuple[int, int, bool]] = {}  # see walk.check_list
        if os.path.isfile(path):
            self.segments.append(Segment(path, os.path.basename(path), None))
        elif os.path.isdir(path):
            self.open_folder(path)
        else:
            raise NotAnArchive(f"{path}: neither a folder nor a file")

    def open_folder(self, path: str):
        config = os.path.join(path, "config")
        self.root = path
        if not os.path.isfile(config):
            if self.listed("segments", SEGMENT_NAME):
                raise Damaged("section 11", "config", "missing, though there are segments")
            raise NotAnArchive(f"{path}: has no config")
        self.id = check_config(read_at(config, 0, CONFIG.size + 1))
        self.look_again()

    def listed(self, folder: str, pattern: re.Pattern) -> set[str]:
        """The files of a folder that have such a name; others are not looked at (F-010)."""
        def is_file(name: str) -> bool:
            try:
                return stat.S_ISREG(os.stat(os.path.join(self.root, folder, name), follow_symlinks=False).st_mode)
            except FileNotFoundError:  # deleted since it was listed
                return False
        try:
            names = os.listdir(os.path.join(self.root, folder))
        except (FileNotFoundError, NotADirectoryError):
            return set()
        return {name for name in names if pattern.fullmatch(name) and is_file(name)}

    def look_again(self) -> bool:
        """Lists the segments and opens those that are new (F-016). True if there are others than before.

        One that is gone when it is opened was replaced since it was listed: then they are listed again.
        """
        if self.root is None:
            return False
        before = self.names
        for _ in range(LISTINGS):
            self.names = self.listed("segments", SEGMENT_NAME)
            known = [segment for segment in self.segments if os.path.basename(segment.path) in self.names]
            opened = {os.path.basename(segment.path) for segment in known} | self.refused
            new = [self.open_segment(name) for name in sorted(self.names - opened)]
            self.segments = known + [segment for segment in new if segment]
            if len(self.segments) == len(self.names - self.refused):
                break
        return self.names != before

    def open_segment(self, name: str) -> Segment | None:
        """None if it is damaged, or gone."""
        try:
            segment = Segment(os.path.join(self.root, "segments", name), f"segments/{name}", bytes.fromhex(name[:64]))
            if segment.archive_id != self.id:
                segment.fail("F-013", 24, "it belongs to another archive")
            return segment
        except FileNotFoundError:
            return None
        except Damaged as damage:
            self.problems.append(damage)
            self.refused.add(name)
            return None

    def settled(self, work: Callable[[], tuple[Found, list[Damaged]]]) -> tuple[Found, list[Damaged]]:
        """What `work` finds, and what it finds wrong: begun anew while segments come and go that could be why (F-016)."""
        for _ in range(LISTINGS):
            names = self.names
            found, problems = work()
            if not problems:
                break
            self.look_again()
            if self.names == names:
                break
        return found, problems

    def copies(self, id: bytes) -> list[tuple[Segment, ObjectEntry]]:
        return [(segment, entry) for segment in self.segments
                if (entry := segment.find(id)) and (segment.seal, id) not in self.bad_copies]

    def find(self, id: bytes, kind: int) -> list[tuple[Segment, ObjectEntry]]:
        """All copies of an object, those that are whole first (F-044); at least one."""
        what = f"{KIND_NAMES[kind]} {id.hex()}"
        self.asked.add(id)
        copies = self.copies(id)
        if not copies and self.look_again():
            copies = self.copies(id)
        if not copies:
            raise Damaged("F-081", what, "no good copy is in the archive")
        copies = [copy for copy in copies if copy[1].kind == kind]
        if not copies:
            raise Damaged("F-041", what, "is there as an object of another kind")
        return sorted(copies, key=lambda copy: copy[1].generation > 0)

    def block(self, segment: Segment, index: int) -> bytes:
        def make():
            plain = segment.read_block(index)
            return plain, len(plain)
        return self.blocks.get((segment.seal, index), make)

    def read_copy(self, segment: Segment, entry: ObjectEntry) -> bytes:
        """The plain bytes of one copy of an object, checked against its id (F-040)."""
        return Reading(self).copy(segment, entry)

    def read(self, id: bytes, kind: int) -> bytes:
        """The plain bytes of an object, from the first copy that is not damaged."""
        for _ in range(LISTINGS):
            names = self.names
            try:
                return Reading(self).object(id, kind)
            except Damaged:
                self.look_again()
                if self.names == names:
                    raise
        return Reading(self).object(id, kind)

    def lacks_a_base(self, base: bytes) -> bool:
        """Whether what has this base cannot be decoded since this, or one behind it, is in no segment (F-045)."""
        ahead, seen, is_missing = [base], set(), False
        while ahead:
            if (id := ahead.pop()) in seen:
                continue
            seen.add(id)
            copies = [(segment, entry) for segment in self.segments if (entry := segment.find(id))]
            deltas = [delta for segment, entry in copies if (delta := segment.delta_of(entry))]
            if len(deltas) < len(copies):
                return False
            is_missing |= not copies
            ahead += [delta.base for delta in deltas]
        return is_missing

    def decode(self, id: bytes, kind: int):
        self.asked.add(id)

        def make():
            plain = self.read(id, kind)
            return DECODE[kind](plain, f"{KIND_NAMES[kind]} {id.hex()}"), len(plain)
        return self.nodes.get((id, kind), make)

    def chunk(self, id: bytes) -> bytes:
        return self.read(id, CHUNK)

    def chunk_list(self, id: bytes) -> ChunkList:
        return self.decode(id, CHUNK_LIST)

    def tree(self, id: bytes) -> Leaf | Inner:
        return self.decode(id, TREE)

    def page(self, id: bytes) -> Page:
        return self.decode(id, PAGE)

    def entries(self) -> Iterator[tuple[Segment, ObjectEntry]]:
        for segment in self.segments:
            for index in range(segment.objects):
                yield segment, segment.object_entry(index)

    def catalogue(self) -> tuple[list[Moment], list[Damaged]]:
        """All moments, each once, by time and id (F-082), and what is wrong with pages and contents.

        This reader reads all pages, so it needs no contents; it checks them all the same.
        """
        return self.settled(self.look_through)

    def look_through(self) -> tuple[list[Moment], list[Damaged]]:
        moments: dict[tuple[tuple[int, int], bytes], Moment] = {}
        problems: list[Damaged] = []
        for segment in self.segments:
            objects = [segment.object_entry(index) for index in range(segment.objects)]
            pages: dict[bytes, Page] = {}
            for id in (entry.id for entry in objects if entry.kind == PAGE):
                try:
                    pages[id] = self.page(id)
                except Damaged as damage:
                    problems.append(damage)
            listed = sum(entry.kind == PAGE for entry in objects)
            all_contents = [entry.id for entry in objects if entry.kind == CONTENTS]
            if listed and all_contents:
                try:
                    self.check_contents(segment, all_contents, pages, listed, problems)
                except Damaged as damage:
                    problems.append(damage)
            for page in pages.values():
                for entry in page.entries:
                    for when, id in entry.moments():
                        moments[when, id] = Moment(when, id, entry.snapshot)
        return [moments[key] for key in sorted(moments)], problems

    def check_contents(self, segment: Segment, ids: list[bytes], pages: dict[bytes, Page], listed: int,
                       problems: list[Damaged]):
        """What contents say, against the pages. A page that is not as they say is left out (F-086)."""
        what = f"{segment.label}, contents"
        if len(ids) > 1:
            raise Damaged("F-085", what, f"{len(ids)} of them")
        contents: Contents = self.decode(ids[0], CONTENTS)
        told = {note.id for note in contents.pages}
        if len(told) != listed or not pages.keys() <= told:
            raise Damaged("F-085", what, "its pages are not those of the segment")
        newest: dict[tuple, tuple[int, int]] = {}
        is_whole = len(pages) == listed
        for note in contents.pages:
            page = pages.get(note.id)
            if page is None:
                continue
            times = [when for entry in page.entries for when in entry.times]
            if (min(times), max(times), len(times)) != (note.first, note.last, note.moments):
                problems.append(Damaged("F-086", f"page {note.id.hex()}", "not as the contents say"))
                del pages[note.id]
                is_whole = False
                continue
            for entry in page.entries:
                series = (entry.snapshot.host, entry.snapshot.connector, tuple(entry.snapshot.paths))
                newest[series] = max(newest.get(series, entry.times[-1]), entry.times[-1])
        series = sorted(((one.key(), one.newest) for one in contents.series), key=repr)
        if is_whole and series != sorted(newest.items(), key=repr):
            raise Damaged("F-087", what, "its series are not those of the pages")

    def moments(self) -> list[Moment]:
        return self.catalogue()[0]

    def moment(self, id: bytes) -> Moment:
        return next(moment for moment in self.moments() if moment.id == id)

    def snapshot(self, id: bytes) -> Snapshot:
        return self.moment(id).snapshot

    def snapshot_ids(self) -> list[bytes]:
        return sorted(moment.id for moment in self.moments())

"""Tests of the reader: python test_reader.py

The archives are made by a tiny encoder of their own, written from spec/FORMAT.md as well. It can
be told to write what no writer should.
"""

import json
import os
import random
import resource
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import zstandard
from blake3 import blake3

import check_vectors
from restante_reader import archive as archive_module
from restante_reader import cut, objects
from restante_reader.archive import Archive, check_config
from restante_reader.codec import Decoder
from restante_reader.errors import Damaged, NewerVersion, NotAnArchive, ReaderError
from restante_reader.objects import CHUNK, CHUNK_LIST, CONTENTS, PAGE, TREE
from restante_reader.restore import RestoreFailed, restore
from restante_reader.table import make_lines
from restante_reader.verify import verify
from restante_reader.walk import content, walk

HERE = Path(__file__).parent
ARCHIVE_ID = bytes(range(1, 17))
CONTEXTS = {CHUNK_LIST: "restante 2026 chunk list v1", TREE: "restante 2026 tree v1",
            PAGE: "restante 2026 page v1", CONTENTS: "restante 2026 contents v1"}


# The encoder

def derive(context, data):
    return blake3(data, derive_key_context=context).digest()


def uint(v, width=None):
    if width is None:
        width = 0 if v <= 250 else 2 if v < 1 << 16 else 4 if v < 1 << 32 else 8
    if width == 0:
        return bytes([v])
    return bytes([{2: 251, 4: 252, 8: 253}[width]]) + v.to_bytes(width, "little")


def sint(v):
    return uint(2 * v if v >= 0 else -2 * v - 1)


def data(b):
    return uint(len(b)) + b


def items(encoded):
    encoded = list(encoded)
    return uint(len(encoded)) + b"".join(encoded)


def option(b):
    return b"\0" if b is None else b"\1" + b


def file_node(size, kind=0, id=b""):
    return uint(0) + uint(size) + uint(kind) + id


def dir_node(tree):
    return uint(1) + tree


def link_node(target):
    return uint(2) + data(target)


FIFO, SOCKET = uint(5), uint(6)


def entry(name, node, flags=0, mode=None, owner=0, mtime=(1_700_000_000, 123_456_789),
          ctime=(1_700_000_001, 5), device=1, inode=2, links=1, xattrs=()):
    if mode is None:
        mode = 0o755 if node[:1] == b"\1" else 0o644
    return (data(name) + node + uint(flags) + uint(mode) + uint(owner) + sint(mtime[0])
            + uint(mtime[1]) + sint(ctime[0]) + uint(ctime[1]) + uint(device) + uint(inode)
            + uint(links) + items(data(k) + data(v) for k, v in xattrs))


def owner_of(uid=0, gid=0, user=b"root", group=b"root"):
    return uint(uid) + uint(gid) + data(user) + data(group)


def leaf(*entries, owners=(owner_of(),)):
    return uint(0) + items(owners) + items(entries)


def inner(level, *children):
    return uint(1) + bytes([level]) + items(data(first) + id for first, id in children)


def chunk_list(level, *parts):
    return bytes([level]) + items(uint(length) + option(id) for length, id in parts)


def snapshot_bytes(root, time=(1_700_000_000, 0), host=b"host", connector=None, paths=(b"/p",),
                   tags=(), parent=None, program=b"test 1", numbers=(1, 2, 3, 4, 5, 6), torn=(),
                   unreadable=(), counts=None):
    counts = counts or (len(torn), len(unreadable))
    return (sint(time[0]) + uint(time[1]) + data(host)
            + option(None if connector is None else data(connector)) + items(map(data, paths))
            + items(map(data, tags)) + root + option(parent) + data(program)
            + b"".join(map(uint, numbers)) + (77).to_bytes(8, "little") + uint(counts[0])
            + uint(counts[1]) + items(map(data, torn))
            + items(data(path) + data(reason) for path, reason in unreadable))


def page_bytes(*entries):
    """entries: (snapshot, first time, (change, count) …)"""
    return items(data(snapshot) + sint(first[0]) + uint(first[1])
                 + items(sint(change) + uint(count) for change, count in steps)
                 for snapshot, first, *steps in entries)


def contents_bytes(pages, series):
    """pages: (id, first, last, moments); series: (host, connector, paths, newest)"""
    def time(t):
        return sint(t[0]) + uint(t[1])
    return (items(id + time(first) + time(last) + uint(moments) for id, first, last, moments in pages)
            + items(data(host) + option(None if connector is None else data(connector))
                    + items(map(data, paths)) + time(newest)
                    for host, connector, paths, newest in series))


def state_id(plain):
    return derive("restante 2026 snapshot v1", plain)


def tick_id(state, seconds, nanoseconds=0):
    return derive("restante 2026 tick v1", state + struct.pack("<qI", seconds, nanoseconds))


def id_of(kind, plain):
    return blake3(plain).digest() if kind == CHUNK else derive(CONTEXTS[kind], plain)


def config(change=lambda c: None, archive_id=ARCHIVE_ID, check=True):
    c = bytearray(struct.pack("<8sHHIII16sqIIIIQQ32si28s", b"\x89RSTC\r\n\x1a", 1, 0, 0, 0, 120,
                              archive_id, 1_700_000_000, 1, 16384, 65536, 262144, 0xffff8000,
                              0xfffe0000, bytes(32), 3, bytes(28)))
    change(c)
    return bytes(c) + (derive("restante 2026 config v1", bytes(c)) if check else bytes(32))


def delta_frame(plain, base, **options):
    past = zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdCompressor(dict_data=past, **options).compress(plain)


class Builder:
    """Collects objects and writes them as one segment; each part can be spoilt on the way."""

    def __init__(self, method=0, per_block=1000):
        self.method, self.per_block, self.objects = method, per_block, {}
        self.deltas = {}  # id: frame, plain length, base's id, generation

    def add(self, kind, plain):
        id = id_of(kind, plain)
        self.objects[id] = kind, plain
        return id

    def delta(self, kind, plain, base, generation=1, frame=None, length=None, base_id=None):
        """Stores an object as a delta of other plain bytes, which are not added."""
        id = self.add(kind, plain)
        frame = delta_frame(plain, base) if frame is None else frame
        self.deltas[id] = (frame, len(plain) if length is None else length,
                           base_id or id_of(kind, base), generation)
        return id

    def without(self, *ids):
        """The same, but for some objects."""
        other = Builder(self.method, self.per_block)
        other.objects = {id: value for id, value in self.objects.items() if id not in ids}
        other.deltas = {id: delta for id, delta in self.deltas.items() if id not in ids}
        return other

    def chunk(self, plain):
        return self.add(CHUNK, plain)

    def list(self, *args):
        return self.add(CHUNK_LIST, chunk_list(*args))

    def leaf(self, *args, **named):
        return self.add(TREE, leaf(*args, **named))

    def inner(self, *args):
        return self.add(TREE, inner(*args))

    def snapshot(self, root, **named):
        """Adds the page of a snapshot; the snapshot's id."""
        plain = snapshot_bytes(root, **named)
        self.page((plain, named.get("time", (1_700_000_000, 0))))
        return state_id(plain)

    def page(self, *entries):
        return self.add(PAGE, page_bytes(*entries))

    def contents(self, pages, series):
        return self.add(CONTENTS, contents_bytes(pages, series))

    def segment(self, header=None, entries=None, directory=None, trailer=None, encode=None,
                gap=b"", seal=None):
        """header, directory, trailer: change the bytes; entries: changes the lists of fields
        of blocks, objects and deltas."""
        head = bytearray(struct.pack("<8sHHIII16s24s", b"\x89RSTS\r\n\x1a", 1, 0, 0, 0, 0,
                                     ARCHIVE_ID, bytes(24)))
        if header:
            header(head)
        encode = encode or (zstandard.ZstdCompressor().compress if self.method else bytes)
        body, blocks, table = b"", [], []
        all = list(self.objects.items())
        for start in range(0, len(all), self.per_block):
            plain = b""
            for id, (kind, value) in all[start:start + self.per_block]:
                generation = 0
                if id in self.deltas:
                    value, _, _, generation = self.deltas[id]
                table.append([id, len(blocks), len(plain), len(value), kind, 0, generation])
                plain += value
            stored = encode(plain)
            blocks.append([64 + len(body), len(stored), len(plain), self.method, bytes(7),
                           blake3(stored).digest()])
            body += stored
        table.sort()
        deltas = [[i, *self.deltas[entry[0]][1:3]] for i, entry in enumerate(table)
                  if entry[0] in self.deltas]
        if entries:
            entries(blocks, table, deltas)
        d = struct.pack("<IIII", len(blocks), len(table), len(deltas), 0)
        d += b"".join(struct.pack("<QIIB7s32s", *block) for block in blocks)
        d += b"".join(struct.pack("<32sIIIBBH", *object) for object in table)
        d += b"".join(struct.pack("<II32s", *delta) for delta in deltas)
        if directory:
            d = directory(d)
        at = 64 + len(body)
        body += gap
        tail = bytearray(struct.pack("<8sQQQQQ16s", b"\x89RSTT\r\n\x1a", at, len(d), at + len(d), 0,
                                     at + len(d) + 96, bytes(16)))
        if trailer:
            trailer(tail)
        seal = seal or derive("restante 2026 segment seal v1", bytes(head) + d + bytes(tail))
        return bytes(head) + body + d + bytes(tail) + seal


def put(offset, value):
    def change(b):
        b[offset:offset + len(value)] = value
    return change


def small(method=0, per_block=1000):
    """An archive with one of everything."""
    b = Builder(method, per_block)
    one, two = b.chunk(b"hello"), b.chunk(b"x" * 300)
    low = b.list(0, (5, one), (1000, None), (300, two))
    high = b.list(1, (1305, low), (1305, low))
    below = b.leaf(entry(b"deep", file_node(5, 1, one)))
    root = b.leaf(
        entry(b"chr", uint(4) + uint(1) + uint(3), mode=0o600),
        entry(b"dir", dir_node(below), mode=0o500),
        entry(b"empty", file_node(0), mode=0o4755),
        entry(b"fifo", FIFO, mode=0o620),
        entry(b"hard1", file_node(5, 1, one), links=2, inode=9),
        entry(b"hard2", file_node(5, 1, one), links=2, inode=9),
        entry(b"link", link_node(b"/nowhere"), mode=0o777),
        entry(b"list", file_node(1305, 2, low), xattrs=((b"user.a", b"1"), (b"user.b", b"\0"))),
        entry(b"list2", file_node(2610, 2, high)),
        entry(b"sock", SOCKET),
        entry(b"\xff%\n", file_node(5, 1, one), mtime=(-5, 1)),
    )
    snapshot = b.snapshot(root)
    return b, snapshot, root


def problems_of(path):
    """What is wrong with an archive: [] or the errors."""
    try:
        archive = Archive(str(path))
        return verify(archive)
    except ReaderError as error:
        return [error]


def contents(archive):
    """Everything that an archive tells; raises what the reader raises."""
    def fail(path, damage):
        raise damage
    told = {}
    for moment in archive.moments():
        for event, e, path in walk(archive, moment.snapshot.root, fail):
            if event == "leave":
                continue
            body = [(n, d) for n, d in content(archive, e)] if e.type == "file" else None
            told[moment.id, b"/".join(path)] = (e.type, e.node, e.mode, e.owner, e.mtime, e.xattrs, body)
    return told


def remove(path):
    """Also what is deep, or may not be written to."""
    subprocess.run(["chmod", "-R", "u+rwx", path], stderr=subprocess.DEVNULL)
    subprocess.run(["rm", "-rf", path], check=True)


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp())
        self.addCleanup(remove, self.dir)
        self.file = self.dir / "archive.rst"

    def write(self, segment):
        self.file.write_bytes(segment)
        return self.file

    def folder(self, *segments, config_bytes=None):
        folder = self.dir / "archive"
        remove(folder)
        (folder / "segments").mkdir(parents=True)
        (folder / "config").write_bytes(config() if config_bytes is None else config_bytes)
        for segment in segments:
            (folder / "segments" / f"{segment[-32:].hex()}.rst").write_bytes(segment)
        return folder

    def accepts(self, path):
        self.assertEqual(problems_of(path), [])

    def rejects(self, path, requirement, kind=Damaged):
        found = problems_of(path)
        self.assertTrue(found, "accepted")
        self.assertIs(type(found[0]), kind, found)
        if kind is Damaged:
            self.assertIn(requirement, [f.requirement for f in found], found)

    def decode_fails(self, kind, plain, requirement):
        with self.assertRaises(Damaged) as caught:
            objects.DECODE[kind](plain)
        self.assertEqual(caught.exception.requirement, requirement, caught.exception)

    def tree_of(self, *entries, **named):
        """An archive of one directory of the given entries."""
        b = Builder()
        b.snapshot(b.leaf(*entries, **named))
        return self.write(b.segment())


class TestCodec(Case):
    def test_integers(self):
        for value, encoded in ((0, "00"), (250, "fa"), (251, "fbfb00"), (65535, "fbffff"),
                               (65536, "fc00000100"), (2**32, "fd0000000001000000"),
                               (2**64 - 1, "fdffffffffffffffff")):
            self.assertEqual(Decoder(bytes.fromhex(encoded), "").uint(""), value)
            self.assertEqual(uint(value).hex(), encoded)
        for value in (0, -1, 1, -2, 2**63 - 1, -2**63):
            self.assertEqual(Decoder(sint(value), "").int(""), value)
        self.assertEqual(Decoder(uint(5, 4), "").uint("", 32), 5)  # F-001
        with self.assertRaises(Damaged):
            Decoder(uint(5, 8), "").uint("", 32)
        for encoded in ("fe", "ff", "fe" + "00" * 16, "fb", "fb00", "fc000000", "fd" + "00" * 7, ""):
            with self.assertRaises(Damaged):
                Decoder(bytes.fromhex(encoded), "").uint("")
        with self.assertRaises(Damaged):
            Decoder(uint(2**32), "").uint("", 32)

    def test_lengths_are_compared(self):
        huge = uint(2**64 - 1)
        for call in (lambda d: d.bytes(""), lambda d: d.text(""), lambda d: d.count("")):
            with self.assertRaises(Damaged):
                call(Decoder(huge + b"x", ""))
        with self.assertRaises(Damaged):
            Decoder(b"\2a", "").bytes("")
        with self.assertRaises(Damaged):
            Decoder(data(b"\xed\xa0\x80"), "").text("")
        with self.assertRaises(Damaged):
            Decoder(b"\2", "").present("")


class TestConfig(Case):
    def test_accept(self):
        self.accepts(self.folder())
        for change in (put(16, b"\xff\xff\xff\xff"), put(40, b"\xff" * 8), put(80, b"\xff" * 32),
                       put(112, struct.pack("<i", -7)), put(112, b"\x16\0\0\0"),
                       put(52, struct.pack("<III", 64, 64, 64))):
            self.accepts(self.folder(config_bytes=config(change)))

    def test_reject(self):
        u4 = lambda v: struct.pack("<I", v)
        for offset, value, requirement in (
                (10, b"\1", "F-004"), (20, u4(121), "section 3"), (24, bytes(16), "section 3"),
                (52, u4(62), "section 3"), (52, u4(16385), "section 3"),
                (56, u4(16382), "section 3"), (56, u4(65537), "section 3"),
                (60, u4(65534), "section 3"), (60, u4(262145), "section 3"),
                (60, u4((8 << 20) + 2), "section 3"), (64, bytes(8), "section 3"),
                (71, b"\x80", "section 3"), (72, bytes(8), "section 3"), (79, b"\x80", "section 3"),
                (112, struct.pack("<i", -8), "section 3"), (112, u4(23), "section 3"),
                (116, b"\1", "F-004"), (143, b"\1", "F-004")):
            with self.subTest(offset=offset, value=value):
                self.rejects(self.folder(config_bytes=config(put(offset, value))), requirement)
        for change in (put(8, b"\2"), put(8, b"\0\1"), put(12, b"\1"), put(15, b"\x80"),
                       put(48, b"\2")):
            self.rejects(self.folder(config_bytes=config(change)), "", NewerVersion)
        self.rejects(self.folder(config_bytes=config(put(8, b"\2"), check=False)), "", NewerVersion)
        # The check comes before the flags, the flags before the rest (F-020).
        self.rejects(self.folder(config_bytes=config(put(12, b"\1"), check=False)), "section 3")
        both = lambda c: (put(12, b"\1")(c), put(20, b"\0")(c))
        self.rejects(self.folder(config_bytes=config(both)), "", NewerVersion)
        self.rejects(self.folder(config_bytes=config(put(0, b"\x88"))), "", NotAnArchive)
        # What the check shows to have been a config of this version is damaged.
        for offset, value in ((0, b"\x88"), (8, b"\2"), (8, b"\0"), (3, bytes(7))):
            damaged = bytearray(config())
            put(offset, value)(damaged)
            self.rejects(self.folder(config_bytes=bytes(damaged)), "section 3")
        self.rejects(self.folder(config_bytes=config(put(8, b"\0"))), "section 3")
        for length in (0, 5, 8):
            self.rejects(self.folder(config_bytes=config()[:length]), "section 3")
        self.rejects(self.folder(config_bytes=config()[:-1]), "F-002")
        self.rejects(self.folder(config_bytes=config() + b"\0"), "F-002")
        self.rejects(self.folder(config_bytes=config()[:9]), "F-002")

    def test_flipped_bits(self):
        good = config()
        for i in range(len(good) * 8):
            bad = bytearray(good)
            bad[i // 8] ^= 1 << i % 8
            with self.assertRaises(ReaderError):
                check_config(bytes(bad))

    def test_not_an_archive(self):
        self.rejects(self.dir / "missing", "", NotAnArchive)
        self.rejects(self.dir, "", NotAnArchive)
        self.rejects(self.write(b""), "", NotAnArchive)
        self.rejects(self.write(b"hello" * 100), "", NotAnArchive)


class TestSegment(Case):
    def test_accept(self):
        for method in (0, 1):
            for per_block in (1, 3, 1000):
                b, _, _ = small(method, per_block)
                self.accepts(self.write(b.segment()))
                self.accepts(self.folder(b.segment()))
        self.accepts(self.write(Builder().segment()))
        self.accepts(self.write(b.segment(header=put(16, b"\xff" * 4))))  # compatible flags

    def test_header_and_trailer(self):
        b, _, _ = small()
        n = len(b.segment())
        u8 = lambda v: struct.pack("<Q", v)
        for offset, value, requirement in ((0, b"\x88", "section 4"), (10, b"\1", "F-004"),
                                           (20, b"\1", "F-004"), (40, b"\1", "F-004"),
                                           (63, b"\1", "F-004")):
            self.rejects(self.write(b.segment(header=put(offset, value))), requirement)
        self.rejects(self.write(b.segment(header=put(8, b"\2"))), "", NewerVersion)
        self.rejects(self.write(b.segment(header=put(8, b"\2"), seal=bytes(32))), "", NewerVersion)
        self.rejects(self.write(b.segment(header=put(8, b"\0"))), "F-014")
        self.rejects(self.write(b.segment(header=put(12, b"\1"))), "", NewerVersion)
        self.rejects(self.write(b.segment(header=put(12, b"\1"), seal=bytes(32))), "F-035")
        for offset, value, requirement in (
                (0, b"\x88", "section 4"), (8, u8(63), "F-030"), (8, u8(n), "F-030"),
                (8, u8(2**64 - 1), "F-030"), (16, u8(2**64 - 1), "F-100"),
                (16, u8((256 << 20) + 1), "F-100"), (16, u8(0), "F-035"), (24, u8(0), "F-030"),
                (32, u8(1), "F-030"), (40, u8(n + 1), "F-030"), (48, b"\1", "F-004"),
                (63, b"\1", "F-004")):
            with self.subTest(offset=offset, value=value):
                self.rejects(self.write(b.segment(trailer=put(offset, value))), requirement)
        self.rejects(self.write(b.segment(seal=bytes(32))), "F-035")
        self.rejects(self.write(b.segment()[:-1]), "section 4")
        self.rejects(self.write(b.segment() + b"\0"), "section 4")

    def test_directory(self):
        b, _, _ = small(0, 3)
        set_counts = lambda *v: (lambda d: struct.pack("<IIII", *v) + d[16:])
        blocks, count = struct.unpack_from("<II", b.segment(directory=lambda d: d)[
            struct.unpack("<Q", b.segment()[-88:-80])[0]:])
        for change, requirement in (
                (set_counts(blocks, count, 1, 0), "F-033"),
                (set_counts(blocks, count, 2**32 - 1, 0), "F-033"),
                (set_counts(blocks, count, 0, 1), "F-004"),
                (set_counts(blocks + 1, count, 0, 0), "F-033"),
                (set_counts(2**32 - 1, 2**32 - 1, 0, 0), "F-033"),
                (set_counts(blocks, count - 1, 0, 0), "F-033"),
                (lambda d: d + b"\0", "F-033"), (lambda d: d[:-1], "F-033"),
                (lambda d: d[:15], "F-033"), (lambda d: b"", "F-033")):
            self.rejects(self.write(b.segment(directory=change)), requirement)

        def block(i, field, value):
            def change(blocks, objects, deltas):
                blocks[i][field] = value
            return change

        def object(i, field, value):
            def change(blocks, objects, deltas):
                objects[i][field] = value
            return change

        def swap(blocks, objects, deltas):
            objects[0], objects[1] = objects[1], objects[0]

        def twice(blocks, objects, deltas):
            objects[1] = objects[0]

        def overlap(blocks, objects, deltas):
            blocks[1][0] -= 1

        for change, requirement in (
                (block(0, 0, 65), "F-030"), (overlap, "F-030"), (block(0, 1, 1), "F-034"),
                (block(0, 1, 0), "F-034"), (block(0, 2, 0), "F-034"),
                (block(0, 2, (16 << 20) + 1), "F-034"), (block(0, 2, 5), "F-034"),
                (block(0, 3, 2), "F-034"), (block(0, 4, b"\1" + bytes(6)), "F-004"),
                (block(0, 5, bytes(32)), "section 4"), (swap, "F-034"), (twice, "F-034"),
                (object(0, 1, blocks), "F-034"), (object(0, 2, 2**32 - 1), "F-034"),
                (object(0, 3, 0), "F-034"), (object(0, 3, 2**32 - 1), "F-034"),
                (object(0, 3, 100_000), "F-034"), (object(0, 4, 0), "F-034"),
                (object(0, 4, 6), "F-034"), (object(0, 5, 1), "F-004"),
                (object(0, 6, 1), "F-036")):
            with self.subTest(change=change, requirement=requirement):
                self.rejects(self.write(b.segment(entries=change)), requirement)
        self.rejects(self.write(b.segment(gap=b"\0")), "F-035")

        def gap(blocks, objects, deltas):
            blocks[-1][1] -= 1
            blocks[-1][2] -= 1
        self.rejects(self.write(b.segment(entries=gap)), "F-030")

        def wrong_offset(blocks, objects, deltas):  # another part of the block: another id
            next(o for o in objects if o[4] == CHUNK and o[3] == 5)[2] += 1
        self.rejects(self.write(b.segment(entries=wrong_offset)), "F-040")

    def test_large_limits(self):
        b = Builder(1)
        b.snapshot(b.leaf(entry(b"a", file_node(17 << 20, 1, b.chunk(bytes(17 << 20))))))
        self.rejects(self.write(b.segment()), "F-034")
        b = Builder(1)
        id = b.chunk(bytes(8 << 20))
        b.snapshot(b.leaf(entry(b"a", file_node(8 << 20, 1, id))))
        self.accepts(self.write(b.segment()))

    def test_zstd(self):
        b, _, _ = small(1)
        c = zstandard.ZstdCompressor

        def without_size(plain):
            o = c(write_content_size=False).compressobj()
            return o.compress(plain) + o.flush()
        self.accepts(self.write(b.segment(encode=without_size)))
        self.accepts(self.write(b.segment(encode=c(write_checksum=True).compress)))
        skippable = struct.pack("<II", 0x184D2A50, 4) + b"skip"
        for encode in (lambda p: c().compress(p) + c().compress(b""),
                       lambda p: c().compress(p) + skippable, lambda p: skippable + c().compress(p),
                       lambda p: c().compress(p) + b"\0", lambda p: c().compress(p)[:-1],
                       lambda p: c().compress(p + b"\0"), lambda p: c().compress(p[:-1]),
                       lambda p: without_size(p + b"\0"), lambda p: without_size(p[:-1]),
                       lambda p: without_size(p + bytes(1 << 26)),
                       lambda p: c().compress(b""), lambda p: skippable, lambda p: b"\x28\xb5",
                       lambda p: b"\x28\xb5\x2f\xfd", lambda p: p,
                       lambda p: c().compress(p + bytes(1 << 26)),
                       # says that it has 2^60 bytes
                       lambda p: bytes.fromhex("28b52ffd e0 0000000000000010 010000")):
            self.rejects(self.write(b.segment(encode=encode)), "F-031")

    def test_folder(self):
        b, _, _ = small()
        good = b.segment()
        folder = self.folder(good)
        (folder / "lock").write_bytes(b"")
        (folder / "tmp").mkdir()
        (folder / "tmp" / "x").write_bytes(b"x")
        (folder / "other").write_bytes(b"x")
        (folder / "segments" / "other.rst").write_bytes(b"x")
        (folder / "segments" / (good[-32:].hex().upper() + ".RST")).write_bytes(b"x")
        self.accepts(folder)
        shutil.copy(folder / "segments" / f"{good[-32:].hex()}.rst",
                    folder / "segments" / f"{'0' * 64}.rst")
        self.rejects(folder, "F-012")
        self.rejects(self.folder(b.segment(header=put(24, b"\xff"))), "F-013")
        (folder / "segments" / f"{'1' * 64}.rst").write_bytes(b"")
        self.rejects(folder, "section 4")
        (folder / "config").unlink()
        self.rejects(folder, "section 11")
        shutil.rmtree(folder / "segments")
        self.rejects(folder, "", NotAnArchive)

    def replaced(self):
        """An archive of three segments, and what a merge makes of it: puts one for all of them, and deletes them."""
        b, _, _ = small()
        kinds = (CHUNK,), (CHUNK_LIST, TREE), (PAGE,)
        parts = [b.without(*(id for id, (kind, _) in b.objects.items() if kind not in of)) for of in kinds]
        folder = self.folder(*(part.segment() for part in parts))
        old, merged = list((folder / "segments").iterdir()), b.segment()

        def merge(with_new=True):
            if with_new:
                (folder / "segments" / f"{merged[-32:].hex()}.rst").write_bytes(merged)
            for path in old:
                path.unlink(missing_ok=True)
        return folder, merge

    def test_replaced(self):
        """F-016: what is gone is looked for in the segments that there are then."""
        folder, merge = self.replaced()
        expected, known = contents(Archive(str(folder))), Archive(str(folder))
        others = [Archive(str(folder)) for _ in range(2)]
        merge()
        self.assertEqual(contents(known), expected)
        self.assertEqual(len(known.segments), 1)
        self.assertEqual(verify(others[0]), [])
        self.assertEqual(len(others[1].moments()), 1)
        # Between the list and the opening, and no more often than that is tried.
        real = archive_module.Segment
        for with_new in (True, False):
            folder, merge = self.replaced()
            opened = []

            def late(*arguments):
                opened.append(arguments)
                if len(opened) == 2:
                    merge(with_new)
                return real(*arguments)
            with mock.patch.object(archive_module, "Segment", late):
                archive = Archive(str(folder))
            self.assertEqual(archive.problems, [])
            self.assertLess(len(opened), 5)
            self.assertEqual(contents(archive), expected if with_new else {})
        # What is listed, and never there
        with mock.patch.object(Archive, "listed", lambda *_: {"0" * 64 + ".rst"}):
            self.assertEqual(Archive(str(folder)).segments, [])

    def test_lost(self):
        """F-016: what no other segment has is damage all the same."""
        folder, _ = self.replaced()
        archive = Archive(str(folder))
        self.assertEqual(len(archive.moments()), 1)
        for segment in archive.segments:
            if segment.find(archive.moments()[0].snapshot.root):
                os.unlink(segment.path)
        self.assertEqual({problem.requirement for problem in verify(archive)}, {"F-081"})

    def test_newer(self):
        """F-014: what is newer than the config is damaged."""
        b, _, _ = small()
        for change in (put(8, b"\2"), put(8, b"\0"), put(12, b"\1")):
            self.rejects(self.folder(b.segment(header=change)), "F-014")

    def test_copies(self):
        """A damaged copy costs nothing that has another one; verify tells it all the same."""
        b, _, _ = small()
        good = b.segment()
        c = Builder()
        c.chunk(b"hello")
        c.chunk(b"other")
        bad = c.segment(entries=lambda blocks, table, deltas: blocks[0].__setitem__(5, bytes(32)))
        for order in (good, bad), (bad, good):
            folder = self.folder(*order)
            self.rejects(folder, "section 4")
            self.assertEqual(contents(Archive(str(folder))), contents(Archive(str(self.write(good)))))
        # A broken segment costs its own objects only.
        folder = self.folder(good, bad)
        (folder / "segments" / f"{bad[-32:].hex()}.rst").write_bytes(bad[:-1])
        archive = Archive(str(folder))
        self.assertEqual(len(archive.problems), 1)
        self.assertEqual(contents(archive), contents(Archive(str(self.file))))

        # A copy that lies about its length
        def lie(blocks, table, deltas):
            table[0][3] -= 1
        c = Builder()
        c.chunk(b"hello")
        folder = self.folder(good, c.segment(entries=lie))
        self.rejects(folder, "F-040")
        self.assertEqual(contents(Archive(str(folder))), contents(Archive(str(self.file))))

    def test_missing(self):
        b, _, root = small()
        for id in list(b.objects):
            if b.objects[id][0] != PAGE:
                c = Builder()
                c.objects = {key: value for key, value in b.objects.items() if key != id}
                self.rejects(self.write(c.segment()), "F-081")


class TestDeltas(Case):
    OLD = b"".join(b"%06d REPL:EXCH1\r\n" % n for n in range(400))
    NEW = OLD[:3000] + b"changed" + OLD[3007:]

    def one(self, plain=NEW, base=OLD, with_base=True, **named):
        """An archive with a file whose only chunk is a delta."""
        b = Builder()
        if with_base:
            b.chunk(base)
        id = b.delta(CHUNK, plain, base, **named)
        b.snapshot(b.leaf(entry(b"a", file_node(len(plain), 1, id))))
        return b

    def chain(self, bases, **named):
        """A file whose chunk has so many bases behind it."""
        b = Builder(**named)
        plains = [b"version %d " % n + self.OLD for n in range(bases + 1)]
        id = b.chunk(plains[0])
        for n in range(1, bases + 1):
            id = b.delta(CHUNK, plains[n], plains[n - 1], generation=n)
        b.snapshot(b.leaf(entry(b"a", file_node(len(plains[-1]), 1, id))))
        return b

    def test_accept(self):
        for generation in (1, 7, 65535):
            b = self.one(generation=generation)
            self.accepts(self.write(b.segment()))
        found = contents(Archive(str(self.file)))
        self.assertEqual([f[-1] for f in found.values()], [[(len(self.NEW), self.NEW)]])
        # Of every kind that may be one, in compressed blocks, with bases in another segment.
        b, _, _ = small(1, 3)
        rest = Builder()
        bases = {CHUNK: b"base", CHUNK_LIST: chunk_list(0, (9, None)), TREE: leaf(entry(b"z", FIFO))}
        for kind, plain in list(b.objects.values()):
            if kind != PAGE:
                rest.add(kind, bases[kind])
                b.delta(kind, plain, bases[kind])
        self.accepts(self.folder(b.segment(), rest.segment()))
        # The plain bytes may be shorter or longer than the base, and longer than any window.
        self.accepts(self.write(self.one(plain=b"x").segment()))
        self.accepts(self.write(self.one(base=b"x").segment()))
        many = random.Random(1).randbytes(3 << 20)
        self.accepts(self.write(self.one(base=many, plain=many[1:] + b"x").segment()))

    def test_frames(self):
        for options in (dict(write_content_size=False), dict(write_checksum=True), dict(level=19)):
            frame = delta_frame(self.NEW, self.OLD, **options)
            self.accepts(self.write(self.one(frame=frame).segment()))
        # A base that looks like a dictionary of zstd is none.
        like = b"\x37\xa4\x30\xec" + self.OLD
        self.accepts(self.write(self.one(base=like, plain=like[:99] + like).segment()))
        # A frame that needs nothing of its base, and yet it must be there.
        own = zstandard.ZstdCompressor().compress(self.NEW)
        self.accepts(self.write(self.one(frame=own).segment()))
        self.rejects(self.write(self.one(frame=own, with_base=False).segment()), "F-081")
        good = delta_frame(self.NEW, self.OLD)
        named = bytearray(good)  # says that it is of a dictionary
        named[4] |= 1
        named[5:5] = b"\7"
        zero = bytes(named[:5]) + b"\0" + bytes(named[6:])
        self.accepts(self.write(self.one(frame=zero).segment()))
        skippable = struct.pack("<II", 0x184D2A50, 4) + b"skip"
        for frame in (bytes(named), good + good, good + b"\0", good[:-1], good + skippable,
                      skippable + good, skippable, self.NEW, b"\x28\xb5", own + own,
                      delta_frame(self.NEW + b"x", self.OLD), delta_frame(self.NEW[1:], self.OLD),
                      delta_frame(self.NEW + bytes(1 << 26), self.OLD),
                      delta_frame(self.NEW + bytes(1 << 26), self.OLD, write_content_size=False)):
            self.rejects(self.write(self.one(frame=frame).segment()), "F-037")
        # Decoded, but to something else: other bytes, or with the wrong base.
        other = self.NEW[:-1] + b"x"
        self.rejects(self.write(self.one(frame=delta_frame(other, self.OLD)).segment()), "F-040")
        wrong = b"y" * len(self.OLD)
        b = self.one(base_id=id_of(CHUNK, wrong))
        b.chunk(wrong)
        self.rejects(self.write(b.segment()), "F-040")
        for length in (1, len(self.NEW) - 1, len(self.NEW) + 1):
            self.rejects(self.write(self.one(length=length).segment()), "F-037")

    def test_window(self):
        """F-038: without a content size, the window is what the frame says."""
        plain = b"x" * 10
        for exponent, accepted in ((0, True), (17, True), (18, False), (21, False)):
            block = bytes([len(plain) << 3 & 0xff | 1, 0, 0])
            frame = b"\x28\xb5\x2f\xfd\0" + bytes([exponent << 3]) + block + plain
            path = self.write(self.one(plain=plain, frame=frame).segment())
            self.accepts(path) if accepted else self.rejects(path, "F-037")

    def test_directory(self):
        def delta(i, field, value):
            def change(blocks, objects, deltas):
                deltas[i][field] = value
            return change

        def both(change):
            return lambda blocks, objects, deltas: change(objects, deltas)

        b = self.chain(3)
        kinds = [b.objects[id][0] for id in sorted(b.objects)]
        page, tree = kinds.index(PAGE), kinds.index(TREE)
        deltas = [i for i, id in enumerate(sorted(b.objects)) if id in b.deltas]
        ids = sorted(b.objects)
        whole = next(i for i in range(len(ids)) if i not in deltas)
        for change, requirement in (
                (delta(0, 0, len(ids)), "F-034"), (delta(2, 0, 2**32 - 1), "F-034"),
                (delta(0, 0, deltas[1]), "F-034"), (delta(0, 1, 0), "F-034"),
                (delta(0, 1, (16 << 20) + 1), "F-034"), (delta(0, 2, ids[deltas[0]]), "F-034"),
                (both(lambda objects, deltas: deltas.reverse()), "F-034"),
                (both(lambda objects, deltas: deltas.append(deltas[-1])), "F-034"),
                (both(lambda objects, deltas: deltas.pop()), "F-036"),
                (both(lambda objects, deltas: deltas.clear()), "F-036"),
                (both(lambda objects, table: objects[deltas[0]].__setitem__(6, 0)), "F-036"),
                (both(lambda objects, table: objects[tree].__setitem__(6, 1)), "F-036"),
                (both(lambda objects, table: objects[page].__setitem__(6, 1)), "F-034"),
                (both(lambda objects, table: table.__setitem__(
                    slice(None), sorted(table + [[whole, 5, bytes(32)]]))), "F-036")):
            with self.subTest(requirement=requirement):
                self.rejects(self.write(b.segment(entries=change)), requirement)

    def test_chain(self):
        for per_block in (1, 1000):
            self.accepts(self.write(self.chain(64, per_block=per_block).segment()))
            self.rejects(self.write(self.chain(65, per_block=per_block).segment()), "F-043")
        # What stands whole somewhere ends the chain.
        b = self.chain(65)
        c = Builder()
        c.chunk(b"version 30 " + self.OLD)
        self.accepts(self.folder(b.segment(), c.segment()))

    def test_cycle(self):
        b = self.one(with_base=False)
        b.delta(CHUNK, self.OLD, self.NEW)
        self.rejects(self.write(b.segment()), "F-043")
        # Each way round in segments of their own, and both whole somewhere else.
        ids = [id_of(CHUNK, plain) for plain in (self.OLD, self.NEW)]
        c = Builder()
        c.chunk(self.OLD)
        self.accepts(self.folder(b.without(ids[0]).segment(), b.without(ids[1]).segment(), c.segment()))

    def test_base(self):
        self.rejects(self.write(self.one(with_base=False).segment()), "F-081")
        b = self.one(with_base=False)
        b.objects[id_of(CHUNK, self.OLD)] = CHUNK_LIST, self.OLD
        self.rejects(self.write(b.segment()), "F-041")
        # The chunk's id, told of the page
        b = self.one(with_base=False)
        b.deltas[id_of(CHUNK, self.NEW)] = (*b.deltas[id_of(CHUNK, self.NEW)][:2],
                                            id_of(PAGE, list(b.objects.values())[-1][1]), 1)
        self.rejects(self.write(b.segment()), "F-041")

    def test_baseless(self):
        """F-045: a delta that lacks a base, its own or one behind it, is damage only where a snapshot needs it."""
        b = self.chain(3)
        ids = list(b.objects)
        other = Builder()
        other.snapshot(other.leaf(entry(b"a", file_node(5, 1, other.chunk(b"needs")))))
        for missing in range(3):
            rest = b.without(ids[missing], *(id for id, (kind, _) in b.objects.items() if kind == PAGE))
            self.accepts(self.folder(rest.segment(), other.segment()))
            self.rejects(self.folder(b.without(ids[missing]).segment(), other.segment()), "F-081")
        # The same of a tree and of a list, which others name.
        for needed in (True, False):
            b, _, _ = small()
            for kind, plain in list(b.objects.values()):
                if kind in (CHUNK_LIST, TREE):
                    c = b.without()
                    c.delta(kind, plain, b"which is nowhere")
                    if needed:
                        self.rejects(self.write(c.segment()), "F-081")
                    else:
                        c = c.without(*(id for id, (kind, _) in c.objects.items() if kind == PAGE))
                        self.accepts(self.folder(c.segment(), other.segment()))
        # What else is wrong with one that nobody needs is damage.
        c = Builder()
        c.chunk(self.OLD)
        c.delta(CHUNK, self.NEW, self.OLD, frame=b"no frame")
        self.rejects(self.folder(c.segment(), other.segment()), "F-037")

    def test_copies(self):
        """F-044: a copy that lacks its base, or whose base is damaged, costs nothing that has another."""
        b = self.chain(3)
        ids = list(b.objects)
        expected = contents(Archive(str(self.write(b.segment()))))
        for spoilt in (None, 0, 1, 2):  # nothing, or a version that is missing in one of the segments
            c = b.without(ids[spoilt]) if spoilt is not None else b
            self.accepts(self.folder(b.segment(), c.segment()))

        def ruin(blocks, objects, deltas):
            blocks[0][5] = bytes(32)
        for spoilt in range(3):
            c = Builder(per_block=1)
            c.objects = {ids[spoilt]: b.objects[ids[spoilt]]}
            folder = self.folder(b.segment(), c.segment(entries=ruin))
            self.rejects(folder, "section 4")
            self.assertEqual(contents(Archive(str(folder))), expected)
            # The only copy, which costs all deltas of it.
            folder = self.folder(b.without(ids[spoilt]).segment(), c.segment(entries=ruin))
            self.rejects(folder, "F-081")
            with self.assertRaises(Damaged):
                contents(Archive(str(folder)))

    def test_ways(self):
        """F-044: many copies of many bases, none of which can be decoded: the ways are not counted out."""
        plains = [b"%d" % n for n in range(40)]
        folder = []
        for n in range(4):
            b = Builder()
            for i in range(1, 40):
                b.delta(CHUNK, plains[i], plains[i - 1], frame=b"%d" % n)
            b.snapshot(b.leaf(entry(b"a", file_node(2, 1, id_of(CHUNK, plains[39])))))
            folder.append(b.segment())
        self.rejects(self.folder(*folder), "F-081")
        folder = []
        for n in range(4):  # the base is there, and the only good copy is the last one tried
            b = Builder()
            b.chunk(plains[0])
            for i in range(1, 40):
                b.delta(CHUNK, plains[i], plains[i - 1], frame=b"%d" % n if n else None)
            b.snapshot(b.leaf(entry(b"a", file_node(2, 1, id_of(CHUNK, plains[39])))))
            folder.append(b.segment())
        self.rejects(self.folder(*folder), "F-037")

    def test_memory(self):
        """A chain of large bases is decoded two at a time."""
        b = Builder(1, 1)
        size = 8 << 20
        plains = [b"%02d" % n + bytes(size) for n in range(33)]
        id = b.chunk(plains[0])
        for n in range(1, 33):
            id = b.delta(CHUNK, plains[n], plains[n - 1])
        b.snapshot(b.leaf(entry(b"a", file_node(size + 2, 1, id))))
        self.write(b.segment())
        del b, plains
        run = ("import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (400 << 20,) * 2);"
               "from restante_reader.archive import Archive;"
               "a = Archive(sys.argv[1]); print(len(a.chunk(bytes.fromhex(sys.argv[2]))))")
        done = subprocess.run([sys.executable, "-c", run, self.file, id.hex()], cwd=HERE,
                              capture_output=True, text=True)
        self.assertEqual(done.stdout, f"{size + 2}\n", done.stderr)


class TestTables(Case):
    HEAD = struct.Struct("<8sHHIII16sII16s")

    def table(self, covered, change=lambda rows: None, line_count=1, archive_id=ARCHIVE_ID, version=1):
        """covered: (seal, length, ids); change: of the rows. Name and bytes."""
        covered = sorted(covered)
        rows = sorted((id, n, i) for n, (_, _, ids) in enumerate(covered) for i, id in enumerate(sorted(ids)))
        change(rows)
        front = self.HEAD.pack(b"\x89RSTI\r\n\x1a", version, 0, 0, 0, len(covered), archive_id, len(rows),
                               line_count, bytes(16))
        front += b"".join(struct.pack("<32sQII", seal, length, len(ids), 0) for seal, length, ids in covered)
        body = front + b"".join(struct.pack("<32sII", *row) for row in rows)
        body += bytes(-len(body) % 64)
        body += make_lines([id for id, _, _ in rows], line_count) if line_count else b""
        return (derive("restante 2026 index table v1", front).hex() + ".rsi",
                body + derive("restante 2026 index table check v1", body))

    def test_tables(self):
        """Section 16: tables are compared with the directories, and cost nothing."""
        b, _, _ = small()
        pages = [id for id, (kind, _) in b.objects.items() if kind == PAGE]
        data, page = b.without(*pages), b.without(*(id for id in b.objects if id not in pages))
        segments = [data.segment(), page.segment()]
        told = [(one[-32:], len(one), list(part.objects)) for one, part in zip(segments, (data, page))]
        absent = bytes(32), 500, [bytes(31) + b"\1", bytes(31) + b"\2"]
        expected = contents(Archive(str(self.folder(*segments))))

        def accepts(*tables):
            folder = self.folder(*segments)
            (folder / "index").mkdir()
            for name, table in tables:
                (folder / "index" / name).write_bytes(table)
            found = problems_of(folder)
            self.assertEqual(contents(Archive(str(folder))), expected)
            return [problem.requirement for problem in found]

        def swap(rows):
            rows[0], rows[1] = (*rows[0][:2], rows[1][2]), (*rows[1][:2], rows[0][2])
        name, good = self.table(told[:1])
        self.assertEqual(accepts((name, good), self.table([told[0], absent], line_count=5), ("x.rsi", b"x")), [])
        self.assertEqual(accepts(self.table([(told[0][0], 1, told[0][2])])), [])  # of another length
        for i in (0, 8, 10, 12, 20, 40, 44, 70, 100, 120, len(good) - 100, len(good) - 1):
            bad = bytearray(good)
            bad[i] ^= 1
            self.assertEqual(len(accepts((name, bad))), 1, i)
            self.assertEqual(len(accepts((name, good[:i]))), 1, i)
        self.assertEqual(accepts(("0" * 64 + ".rsi", good)), ["F-120"])
        self.assertEqual(accepts(self.table(told)), ["F-124"])
        self.assertEqual(accepts(self.table(told[:1], change=swap)), ["F-121"])
        self.assertEqual(accepts(self.table(told[:1], change=list.reverse)), ["F-121"])
        self.assertEqual(accepts(self.table([(*told[0][:2], told[0][2][1:])])), ["F-121"])
        self.assertEqual(accepts(self.table(told[:1], archive_id=bytes(16))), ["F-120"])
        self.assertEqual(accepts(self.table(told[:1], version=2)), ["F-120"])
        self.assertEqual(accepts(self.table(told[:1], line_count=0)), ["F-120"])


class TestDamage(Case):
    def check(self, path, expected):
        """Damage is noticed by verify, and reading tells the truth or raises."""
        problems = problems_of(path)
        self.assertTrue(problems)
        for problem in problems:
            self.assertIsInstance(problem, (Damaged, NewerVersion, NotAnArchive))
        try:
            archive = Archive(str(path))
            found = contents(archive)
        except ReaderError:
            return
        for key, value in found.items():
            self.assertEqual(expected[key], value)

    def test_every_byte(self):
        for method in (0, 1):
            b = Builder(method)
            one = b.chunk(b"hello")
            b.snapshot(b.leaf(entry(b"a", file_node(5, 1, one)),
                              entry(b"b", file_node(10, 2, b.list(0, (5, one), (5, None))))))
            good = b.segment()
            folder = self.folder(good)
            expected = contents(Archive(str(self.write(good))))
            inside = folder / "segments" / f"{good[-32:].hex()}.rst"
            for i in range(len(good)):
                for flip in (1, 0x80, 0xff):
                    bad = bytearray(good)
                    bad[i] ^= flip
                    self.check(self.write(bad), expected)
                    if flip == 1:
                        inside.write_bytes(bad)
                        self.check(folder, expected)
            for i in range(len(good)):
                self.check(self.write(good[:i]), expected)
            self.check(self.write(good + b"\0"), expected)
            self.check(self.write(b"\0" + good), expected)

    def test_changed_objects(self):
        """Objects spoilt before they got their id: whatever is accepted by the decoder is a tree,
        a list or a snapshot; nothing else than Damaged is ever raised."""
        source = random.Random(1)
        b, _, _ = small()
        plains = [(kind, plain) for kind, plain in b.objects.values() if kind != CHUNK]
        for _ in range(4000):
            kind, plain = source.choice(plains)
            plain = bytearray(plain)
            for _ in range(source.randint(1, 4)):
                at = source.randrange(len(plain))
                what = source.randrange(3)
                if what == 0:
                    plain[at] = source.choice((0, 1, 250, 251, 252, 253, 254, 255,
                                               source.randrange(256)))
                elif what == 1:
                    del plain[at:at + source.randint(1, 8)]
                else:
                    plain[at:at] = source.randbytes(source.randint(1, 8))
                if not plain:
                    plain = bytearray(b"\0")
            try:
                objects.DECODE[kind](bytes(plain))
            except Damaged:
                continue
            c = Builder()
            c.objects = dict(b.objects)
            id = c.add(kind, bytes(plain))
            if kind == TREE:
                c.snapshot(id)
            elif kind == CHUNK_LIST:
                c.snapshot(c.leaf(entry(b"f", file_node(1305, 2, id))))
            path = self.write(c.segment())
            problems_of(path)
            if not problems_of(path):
                archive = Archive(str(path))
                restore(archive, archive.snapshot(archive.snapshot_ids()[0]),
                        str(self.dir / "out"), lambda text, problem: None)
                remove(self.dir / "out")

    def test_spoilt_directories(self):
        """Directories with random entries and a good seal."""
        source = random.Random(2)
        b, _, _ = small(0, 3)
        expected = contents(Archive(str(self.write(b.segment()))))

        def spoil(d):
            d = bytearray(d)
            for _ in range(source.randint(1, 3)):
                d[source.randrange(len(d))] = source.choice((0, 1, 255, source.randrange(256)))
            return bytes(d)
        for _ in range(1500):
            path = self.write(b.segment(directory=spoil))
            try:
                problems_of(path)
                for key, value in contents(Archive(str(path))).items():
                    self.assertEqual(expected[key], value)
            except ReaderError:
                pass


class TestObjects(Case):
    id = bytes(32)

    def test_empty(self):
        for kind in (CHUNK, CHUNK_LIST, TREE, PAGE, CONTENTS):
            self.decode_fails(kind, b"", "F-042")

    def test_every_prefix(self):
        b, _, _ = small()
        for kind, plain in b.objects.values():
            if kind != CHUNK:
                for end in range(len(plain)):
                    with self.assertRaises(Damaged):
                        objects.DECODE[kind](plain[:end])
                self.decode_fails(kind, plain + b"\0", "F-002")

    def test_chunk_lists(self):
        x = self.id
        for good in (chunk_list(0, (1, x)), chunk_list(0, (1, None)), chunk_list(7, (1, x)),
                     chunk_list(0, (1, None), (1, x), (1, None)), chunk_list(0, (2**63 - 1, None))):
            objects.decode_chunk_list(good)
        for bad, requirement in (
                (chunk_list(8, (1, x)), "F-100"), (chunk_list(0), "section 7"),
                (chunk_list(0, (0, x)), "section 7"), (chunk_list(1, (1, None)), "section 7"),
                (chunk_list(0, (1, None), (1, None)), "F-063"),
                (chunk_list(0, (2**63, None)), "F-062"),
                (chunk_list(0, (2**63 - 1, None), (1, x)), "F-062"),
                (b"\0" + uint(65537) + bytes(65537 * 34), "F-100"),
                (b"\0" + uint(2**64 - 1), "F-100"), (b"\0" + uint(1) + b"\1\2" + x, "section 1")):
            self.decode_fails(CHUNK_LIST, bad, requirement)

    def test_chunk_lists_together(self):
        def archive(make, size):
            b = Builder()
            b.snapshot(b.leaf(entry(b"f", file_node(size, 2, make(b, b.chunk(b"hello"))))))
            return self.write(b.segment())
        for make, size, requirement in (
                (lambda b, c: b.list(0, (6, c)), 6, "F-060"),
                (lambda b, c: b.list(0, (5, c)), 6, "F-062"),
                (lambda b, c: b.list(1, (6, b.list(0, (5, c)))), 6, "F-061"),
                (lambda b, c: b.list(2, (5, b.list(0, (5, c)))), 5, "F-061"),
                (lambda b, c: b.list(2, (10, b.list(1, (5, b.list(0, (5, c))), (5, c)))), 10, "F-041"),
                (lambda b, c: b.list(1, (5, b.list(1, (5, b.list(0, (5, c)))))), 5, "F-061"),
                (lambda b, c: b.list(1, (5, c)), 5, "F-041"),
                (lambda b, c: b.list(0, (5, b.list(0, (5, c)))), 5, "F-041"),
                (lambda b, c: c, 5, "F-041")):
            self.rejects(archive(make, size), requirement)
        # A known node in a wrong place
        self.rejects(archive(lambda b, c: b.list(
            2, (5, b.list(1, (5, l := b.list(0, (5, c))))), (5, l)), 10), "F-061")
        for make, size in ((lambda b, c: b.list(0, (5, c)), 5),
                           (lambda b, c: b.list(0, (9, None)), 9),
                           (lambda b, c: b.list(1, (9, b.list(0, (9, None))), (5, b.list(0, (5, c)))), 14)):
            self.accepts(archive(make, size))

    def test_chunk_list_bomb(self):
        """Small nodes that name the next one often: every node is looked at once."""
        b = Builder()
        id, length = b.list(0, (1, None)), 1
        for level in range(1, 8):
            id, length = b.list(level, *[(length, id)] * 400), length * 400
        b.snapshot(b.leaf(entry(b"f", file_node(length, 2, id))))
        self.accepts(self.write(b.segment()))
        archive = Archive(str(self.file))
        (told,) = contents(archive).values()
        self.assertEqual(sum(n for n, _ in told[-1]), length)
        self.assertLess(len(told[-1]), 1000)

    def test_names(self):
        for name in (b"", b".", b"..", b"/", b"a/b", b"a\0", b"\0", b"../x", b"x" * 1025):
            self.rejects(self.tree_of(entry(name, FIFO)),
                         "F-100" if len(name) > 1024 else "section 8")
            self.decode_fails(TREE, inner(1, (name, self.id)),
                              "F-100" if len(name) > 1024 else "section 8")
        for name in (b"...", b"\xff", b"x" * 1024, b" ", b"\\", b"\n", b"C:"):
            self.accepts(self.tree_of(entry(name, FIFO)))
        self.rejects(self.tree_of(entry(b"b", FIFO), entry(b"a", FIFO)), "F-070")
        self.rejects(self.tree_of(entry(b"a", FIFO), entry(b"a", FIFO)), "F-070")

    def test_entries(self):
        for named, requirement in (
                (dict(flags=4), "F-004"), (dict(mode=0o10000), "section 8"),
                (dict(owner=1), "section 8"), (dict(mtime=(0, 10**9)), "section 8"),
                (dict(ctime=(0, 10**9)), "section 8"), (dict(links=2**32), "section 1"),
                (dict(mode=2**32), "section 1"), (dict(flags=2**32), "section 1"),
                (dict(xattrs=[(b"b", b""), (b"a", b"")]), "section 8"),
                (dict(xattrs=[(b"a", b""), (b"a", b"")]), "section 8"),
                (dict(xattrs=[(b"", b"")]), "section 8"), (dict(xattrs=[(b"a\0b", b"")]), "section 8"),
                (dict(xattrs=[(b"a", bytes(2 << 20))]), "F-100")):
            self.decode_fails(TREE, leaf(entry(b"a", FIFO, **named)), requirement)
        for named in (dict(flags=3), dict(mode=0o7777), dict(mtime=(-2**63, 10**9 - 1)),
                      dict(device=2**64 - 1, inode=2**64 - 1, links=2**32 - 1),
                      dict(xattrs=[(b"a", bytes((2 << 20) - 1))])):
            self.accepts(self.tree_of(entry(b"a", FIFO, **named)))
        self.decode_fails(TREE, leaf(entry(b"a", FIFO), owners=()), "section 8")
        self.decode_fails(TREE, leaf(owners=(owner_of(uid=2**32),)), "section 1")
        self.decode_fails(TREE, uint(2), "section 8")
        self.accepts(self.tree_of(owners=()))

    def test_nodes(self):
        x = self.id
        for node, requirement in (
                (uint(7), "section 8"), (file_node(1), "F-072"), (file_node(0, 1, x), "F-072"),
                (file_node(0, 2, x), "F-072"), (file_node(5, 3, x), "section 8"),
                (file_node((16 << 20) + 1, 1, x), "F-072"), (file_node(2**63, 2, x), "F-062"),
                (link_node(b""), "section 8"), (link_node(b"a\0"), "section 8"),
                (link_node(b"a" * 65537), "F-100"), (uint(3) + uint(2**32) + uint(0), "section 1"),
                (uint(4) + uint(0) + uint(2**32), "section 1")):
            self.decode_fails(TREE, leaf(entry(b"a", node)), requirement)
        for node in (link_node(b"a" * 65536), uint(3) + uint(2**32 - 1) * 2, uint(4) + uint(0) * 2,
                     FIFO, SOCKET, file_node(0)):
            self.accepts(self.tree_of(entry(b"a", node)))

    def test_kinds(self):
        b = Builder()
        c = b.chunk(b"hello")
        b.snapshot(b.leaf(entry(b"a", file_node(6, 1, c))))
        self.rejects(self.write(b.segment()), "F-072")
        for node in (dir_node(c), file_node(5, 2, c)):
            b = Builder()
            b.chunk(b"hello")
            b.snapshot(b.leaf(entry(b"a", node)))
            self.rejects(self.write(b.segment()), "F-041")
        b = Builder()
        b.snapshot(b.chunk(b"hello"))
        self.rejects(self.write(b.segment()), "F-041")

    def test_inner_nodes(self):
        def archive(make):
            b = Builder()
            names = [b.leaf(*[entry(n, FIFO) for n in part])
                     for part in ((b"a", b"b"), (b"c", b"d"), (b"d", b"e"), ())]
            b.snapshot(make(b, *names))
            return self.write(b.segment())
        for make in (lambda b, p, q, r, e: b.inner(1, (b"a", p), (b"c", q)),
                     lambda b, p, q, r, e: b.inner(1, (b"a", p)),
                     lambda b, p, q, r, e: b.inner(2, (b"a", b.inner(1, (b"a", p))),
                                                   (b"c", b.inner(1, (b"c", q)))),
                     lambda b, p, q, r, e: e):
            self.accepts(archive(make))
        for make, requirement in (
                (lambda b, p, q, r, e: b.inner(1, (b"c", q), (b"a", p)), "F-070"),
                (lambda b, p, q, r, e: b.inner(1, (b"a", p), (b"b", q)), "F-076"),
                (lambda b, p, q, r, e: b.inner(1, (b"c", q), (b"d", r)), "F-070"),
                (lambda b, p, q, r, e: b.inner(1, (b"a", p), (b"c", e)), "F-076"),
                (lambda b, p, q, r, e: b.inner(2, (b"a", p)), "section 8"),
                (lambda b, p, q, r, e: b.inner(1, (b"a", b.inner(1, (b"a", p)))), "section 8"),
                (lambda b, p, q, r, e: b.inner(0, (b"a", p)), "section 8"),
                (lambda b, p, q, r, e: b.inner(8, (b"a", p)), "section 8"),
                (lambda b, p, q, r, e: b.inner(1), "section 8"),
                (lambda b, p, q, r, e: b.inner(2, (b"b", b.inner(1, (b"a", p)))), "F-076"),
                (lambda b, p, q, r, e: b.inner(1, (b"a", bytes(32))), "F-081")):
            self.rejects(archive(make), requirement)
        self.decode_fails(TREE, uint(1) + b"\1" + uint(65537) + bytes(34 * 65537), "F-100")

    def test_snapshots(self):
        x = self.id
        for named, requirement in (
                (dict(time=(0, 10**9)), "section 9"), (dict(host=b"h" * 1025), "F-100"),
                (dict(host=b"\xff"), "section 1"), (dict(connector=b"c" * 257), "F-100"),
                (dict(tags=(b"b", b"a")), "section 9"), (dict(tags=(b"a", b"a")), "section 9"),
                (dict(torn=[b"x"] * 1001), "F-100"), (dict(torn=[bytes(1 << 20), b"x"]), "F-100"),
                (dict(torn=[b"x"], counts=(0, 1)), "section 9"),
                (dict(unreadable=[(b"x", b"y")] * 1001), "F-100"),
                (dict(unreadable=[(b"x", b"\xff")]), "section 1"),
                (dict(program=b"\xff"), "section 1")):
            self.decode_fails(PAGE, page_bytes((snapshot_bytes(x, **named), (0, 0))), requirement)
        for named in (dict(time=(-5, 10**9 - 1)), dict(host=b"h" * 1024),
                      dict(connector=b"c" * 256), dict(tags=(b"a", b"b")), dict(parent=x),
                      dict(torn=[b"x"] * 1000, unreadable=[(b"x", b"y")] * 1000), dict(paths=())):
            objects.decode_snapshot(snapshot_bytes(x, **named))
        b = Builder()
        b.snapshot(b.leaf(), parent=b"p" * 32)  # F-081: a parent may be gone
        self.accepts(self.write(b.segment()))

    def test_pages(self):
        x = snapshot_bytes(self.id)
        minute = 60 * 10**9
        self.assertEqual(
            objects.decode_page(page_bytes((x, (5, 7), (minute, 1), (0, 2), (-1, 1)))).entries[0].times,
            [(5, 7), (65, 7), (125, 7), (185, 7), (245, 6)])
        for entries in (((x, (0, 0), (1, 65535)),),
                        ((x, (0, 0), (1, 32767)), (x, (0, 0), (1, 32767))),
                        ((x, (-2**63, 0), (2**63 - 1, 1)),), ((x, (2**63 - 1, 10**9 - 2), (1, 1)),),
                        ((x, (0, 0), (5, 0), (1, 1)),), ((x, (0, 0)), (x, (0, 0)))):
            objects.decode_page(page_bytes(*entries))
        for entries, requirement in (
                ((), "section 9"), (((b"no snapshot", (0, 0)),), "F-002"),
                (((x, (0, 10**9)),), "section 9"), (((x, (0, 0), (1, 65536)),), "F-088"),
                (((x, (0, 0), (1, 2**64 - 1)),), "F-088"),
                (((x, (0, 0), (1, 32768)), (x, (0, 0), (1, 32767))), "F-088"),
                (((x, (0, 0), (0, 1)),), "F-083"), (((x, (0, 0), (-1, 1)),), "F-083"),
                (((x, (0, 0), (5, 1), (-5, 1)),), "F-083"),
                (((x, (0, 0), (2**63 - 1, 1), (1, 1)),), "F-083"),
                (((x, (2**63 - 1, 10**9 - 1), (1, 1)),), "F-083")):
            with self.subTest(entries=len(entries), requirement=requirement):
                self.decode_fails(PAGE, page_bytes(*entries), requirement)

    def test_contents(self):
        x, t = self.id, (5, 0)
        for pages, series in (([], []), ([(x, t, t, 1), (x, t, (6, 1), 65536)], []),
                              ([], [(b"h" * 1024, b"c" * 256, (b"", b"\xff"), t)] * 2)):
            objects.decode_contents(contents_bytes(pages, series))
        for pages, series, requirement in (
                ([(x, t, t, 65537)], [], "F-088"), ([(x, t, t, 2**64 - 1)], [], "F-088"),
                ([(x, t, t, 0)], [], "section 9"), ([(x, t, (4, 10**9 - 1), 1)], [], "section 9"),
                ([(x, t, (7, 0), 1), (x, (6, 0), (9, 0), 1)], [], "section 9"),
                ([(x, (0, 10**9), t, 1)], [], "section 9"), ([], [(b"\xff", None, (), t)], "section 1"),
                ([], [(b"h" * 1025, None, (), t)], "F-100"), ([], [(b"", b"c" * 257, (), t)], "F-100"),
                ([], [(b"", None, (), (0, 10**9))], "section 9")):
            with self.subTest(requirement=requirement):
                self.decode_fails(CONTENTS, contents_bytes(pages, series), requirement)

    def catalogue(self, change=lambda pages, series: None, more=()):
        """Two pages of two series, and contents that `change` may make a lie."""
        b = Builder()
        tree = b.leaf()
        one, two = (snapshot_bytes(tree, time=(n, 0), host=host) for n, host in ((10, b"a"), (15, b"b")))
        second = 10**9
        ids = [b.page((one, (10, 0), (10 * second, 1), (0, 1)), (two, (15, 0))),
               b.page((two, (30, 0), (second, 1)))]
        pages = [[ids[0], (10, 0), (30, 0), 4], [ids[1], (30, 0), (31, 0), 2]]
        series = [[b"a", None, (b"/p",), (30, 0)], [b"b", None, (b"/p",), (31, 0)]]
        change(pages, series)
        b.contents(pages, series)
        for plain in more:
            b.add(CONTENTS, plain)
        one, two = state_id(one), state_id(two)
        expected = [((10, 0), one), ((15, 0), two), ((20, 0), tick_id(one, 20)), ((30, 0), tick_id(one, 30)),
                    ((30, 0), tick_id(two, 30)), ((31, 0), tick_id(two, 31))]
        return self.write(b.segment()), sorted(expected)

    def test_moments(self):
        path, expected = self.catalogue()
        self.accepts(path)
        self.assertEqual([(moment.time, moment.id) for moment in Archive(str(path)).moments()], expected)
        for change, requirement in (
                (lambda pages, series: pages.pop(), "F-085"),
                (lambda pages, series: pages[0].__setitem__(0, bytes(32)), "F-085"),
                (lambda pages, series: pages.reverse(), "section 9"),
                (lambda pages, series: series.pop(), "F-087"),
                (lambda pages, series: series.append(series[0]), "F-087"),
                (lambda pages, series: series[0].__setitem__(3, (29, 0)), "F-087")):
            with self.subTest(requirement=requirement):
                path, expected = self.catalogue(change)
                self.rejects(path, requirement)
                # Nothing is lost by it.
                self.assertEqual([(m.time, m.id) for m in Archive(str(path)).moments()], expected)
        path, expected = self.catalogue(more=[contents_bytes([], [])])
        self.rejects(path, "F-085")
        for field, value in ((1, (9, 0)), (2, (29, 0)), (3, 5)):
            path, expected = self.catalogue(lambda pages, series: pages[0].__setitem__(field, value))
            self.rejects(path, "F-086")
            self.assertEqual([m.time for m in Archive(str(path)).moments()], [(30, 0), (31, 0)])

    def test_nesting(self):
        def chain(levels, last=()):
            b = Builder(1)
            tree = b.leaf(*last)
            for _ in range(levels):
                tree = b.leaf(entry(b"d", dir_node(tree)))
            b.snapshot(tree)
            return self.write(b.segment())
        self.accepts(chain(4095))
        self.accepts(chain(4095, (entry(b"f", FIFO),)))
        self.rejects(chain(4096), "F-077")
        self.rejects(chain(4096, (entry(b"f", FIFO),)), "F-077")
        # Known already from a higher place
        b = Builder(1)
        tree = b.leaf()
        for i in range(4095):
            tree = b.leaf(entry(b"d", dir_node(tree)))
        b.snapshot(b.leaf(entry(b"e", dir_node(b.leaf(entry(b"f", dir_node(tree)))))))
        b.snapshot(tree)
        self.rejects(self.write(b.segment()), "F-077")

    def test_tree_bomb(self):
        """2^200 paths, looked at in no time."""
        b = Builder()
        tree = b.leaf()
        for _ in range(200):
            tree = b.leaf(entry(b"a", dir_node(tree)), entry(b"b", dir_node(tree)))
        b.snapshot(tree)
        self.accepts(self.write(b.segment()))


class TestRestore(Case):
    def restore(self, path):
        archive = Archive(str(path))
        out = self.dir / "out"
        notes = []
        damage = restore(archive, archive.snapshot(archive.snapshot_ids()[0]), str(out),
                         lambda text, problem: notes.append((problem, text)))
        return out, notes, damage

    def test_everything(self):
        b, _, _ = small()
        out, notes, damage = self.restore(self.write(b.segment()))
        self.assertEqual(damage, [])
        root = os.geteuid() == 0
        expected = {b"dir", b"empty", b"fifo", b"hard1", b"hard2", b"link", b"list", b"list2",
                    b"\xff%\n"} | ({b"chr"} if root else set())
        self.assertEqual(set(os.listdir(bytes(out))), expected)
        if root:
            self.assertFalse([n for n in notes if n[0] and "xattr" not in n[1]], notes)
            self.assertEqual(os.stat(out / "chr").st_rdev, os.makedev(1, 3))
        status = lambda name: os.stat(out / name, follow_symlinks=False)
        self.assertTrue(stat.S_ISFIFO(status("fifo").st_mode))
        self.assertEqual(stat.S_IMODE(status("fifo").st_mode), 0o620)
        self.assertEqual(stat.S_IMODE(status("dir").st_mode), 0o500)
        self.assertEqual(stat.S_IMODE(status("empty").st_mode), 0o4755 if root else 0o755)
        self.assertEqual(os.readlink(out / "link"), "/nowhere")
        for name in expected - {b"\xff%\n"}:
            self.assertEqual(status(name.decode()).st_mtime_ns, 1_700_000_000_123_456_789)
        self.assertEqual(os.stat(bytes(out) + b"/\xff%\n").st_mtime_ns, -4_999_999_999)
        self.assertEqual(status("hard1").st_ino, status("hard2").st_ino)
        self.assertEqual(status("hard1").st_nlink, 2)
        part = b"hello" + bytes(1000) + b"x" * 300
        self.assertEqual((out / "list").read_bytes(), part)
        self.assertEqual((out / "list2").read_bytes(), part * 2)
        self.assertEqual((out / "dir" / "deep").read_bytes(), b"hello")
        try:
            self.assertEqual(os.getxattr(out / "list", "user.b"), b"\0")
        except OSError:
            pass
        with self.assertRaises(RestoreFailed):
            self.restore(self.file)  # not empty any more

    def test_holes(self):
        b = Builder()
        c = b.chunk(b"x" * 4096)
        list_ = b.list(0, (1 << 30, None), (4096, c), (1 << 30, None))
        b.snapshot(b.leaf(entry(b"f", file_node((2 << 30) + 4096, 2, list_)),
                          entry(b"g", file_node(2**62, 2, b.list(0, (2**62, None))))))
        out, _, _ = self.restore(self.write(b.segment()))
        status = os.stat(out / "f")
        self.assertEqual(status.st_size, (2 << 30) + 4096)
        self.assertLess(status.st_blocks * 512, 1 << 20)

    def test_deep(self):
        b = Builder(1)
        name = b"n" * 200
        shared = entry(b"z", FIFO, inode=7, links=2)
        tree = b.leaf(shared)
        for i in range(4094):
            tree = b.leaf(entry(name, dir_node(tree), mode=0o555))
        b.snapshot(b.leaf(entry(name, dir_node(tree)), shared))
        self.accepts(self.write(b.segment()))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        try:
            out, notes, damage = self.restore(self.file)
            self.assertEqual((notes, damage), ([], []))
            fd, depth = os.open(out, os.O_RDONLY), 0
            while (found := os.listdir(fd)) != ["z"]:
                deeper = os.open(found[0] if found[0] != "z" else found[1], os.O_RDONLY, dir_fd=fd)
                os.close(fd)
                fd, depth = deeper, depth + 1
            self.assertEqual(depth, 4095)
            self.assertEqual(os.stat("z", dir_fd=fd).st_nlink, 2)
            self.assertEqual(os.stat("z", dir_fd=fd).st_ino, os.stat(out / "z").st_ino)
            os.close(fd)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def test_hard_links(self):
        """F-075: agreeing in all fields but name and ctime; owners count by what they are."""
        b = Builder()
        c = b.chunk(b"hello")
        node = file_node(5, 1, c)
        other = b.leaf(entry(b"same", node, links=3, owner=1),
                       owners=(owner_of(5, 5), owner_of()))
        b.snapshot(b.leaf(entry(b"a", node, links=3), entry(b"b", node, links=3, ctime=(0, 0)),
                          entry(b"dir", dir_node(other), links=3),
                          entry(b"dir2", dir_node(other), links=3),
                          entry(b"one", node, links=1),
                          entry(b"other-time", node, links=3, mtime=(1, 1)),
                          entry(b"sym1", link_node(b"t"), links=3),
                          entry(b"sym2", link_node(b"t"), links=3)))
        out, notes, damage = self.restore(self.write(b.segment()))
        self.assertEqual((notes, damage), ([], []))
        inode = lambda name: os.lstat(out / name).st_ino
        self.assertEqual(len({inode(n) for n in ("a", "b", "dir/same", "dir2/same")}), 1)
        self.assertEqual(len({inode(n) for n in ("a", "one", "other-time", "sym1")}), 4)
        self.assertEqual(inode("sym1"), inode("sym2"))

    def test_synthetic(self):
        b = Builder()
        b.snapshot(b.leaf(entry(b"d", dir_node(b.leaf()), flags=2, mode=0, mtime=(0, 0))))
        out, _, _ = self.restore(self.write(b.segment()))
        self.assertNotEqual(stat.S_IMODE(os.stat(out / "d").st_mode), 0)
        self.assertNotEqual(os.stat(out / "d").st_mtime, 0)

    def test_what_the_system_refuses(self):
        """Things of the format that a file system may not take: told, and the rest is restored."""
        b = Builder()
        c = b.chunk(b"hello")
        b.snapshot(b.leaf(
            entry(b"a", file_node(5, 1, c), mtime=(2**63 - 1, 0)),
            entry(b"b", file_node(5, 1, c), xattrs=((b"alsonone", b""), (b"nons", b""))),
            entry(b"c", link_node(b"t" * 65536)),
            entry(b"d", uint(3) + uint(2**32 - 1) + uint(2**32 - 1)),
            entry(b"e" * 1024, dir_node(b.leaf(entry(b"x", dir_node(b.leaf())))), links=1),
            entry(b"f", FIFO, owner=1),
            entry(b"last", file_node(5, 1, c)),
            owners=(owner_of(), owner_of(2**32 - 1, 2**32 - 1))))
        out, notes, damage = self.restore(self.write(b.segment()))
        self.assertEqual(damage, [])
        self.assertGreaterEqual(sum(problem for problem, _ in notes), 5)
        self.assertEqual((out / "last").read_bytes(), b"hello")

    def test_damage_costs_its_own(self):
        b = Builder(per_block=1)
        good, bad = b.chunk(b"hello"), b.chunk(b"world")
        below = b.leaf(entry(b"x", file_node(5, 1, good)))
        b.snapshot(b.leaf(entry(b"a", file_node(5, 1, good)), entry(b"b", file_node(5, 1, bad)),
                          entry(b"c", dir_node(below)), entry(b"d", file_node(5, 1, good)),
                          entry(b"e", file_node(10, 2, b.list(0, (5, good), (5, bad)))),))
        segment = bytearray(b.segment())
        segment[segment.index(b"world")] ^= 1
        out, notes, damage = self.restore(self.write(segment))
        self.assertEqual(len(damage), 2)
        self.assertEqual(sorted(os.listdir(out)), ["a", "c", "d"])
        segment = bytearray(b.segment())
        segment[segment.index(leaf(entry(b"x", file_node(5, 1, good)))) + 1] ^= 1
        remove(out)
        out, notes, damage = self.restore(self.write(segment))
        self.assertEqual(len(damage), 1)
        self.assertEqual(sorted(os.listdir(out)), ["a", "b", "c", "d", "e"])
        self.assertEqual(os.listdir(out / "c"), [])


class TestCut(unittest.TestCase):
    def literal(self, data, p):
        """The pseudocode of section 6, line by line."""
        G, lengths = cut.gear_table(p.seed), []
        while data:
            n = len(data)
            if n > p.min:
                n = min(n, p.max)
                center, end, h = 2 * (min(p.avg, n) // 2), 2 * (n // 2), 0
                for i in range(p.min, end):
                    h = (2 * h + G[data[i]]) % 2**64
                    if h & (p.mask_s if i < center else p.mask_l) == 0:
                        n = i
                        break
            lengths.append(n)
            data = data[n:]
        return lengths

    def test_against_the_pseudocode(self):
        for seed in (bytes(32), b"s" * 32):
            p = cut.Parameters(64, 256, 1024, 0xff000000, 0x3f0000000, seed)
            for length in (0, 1, 63, 64, 65, 66, 255, 257, 1023, 1024, 1025, 40_001):
                data = blake3(b"x").digest(length=length)
                lengths = cut.chunk_lengths(data, p)
                self.assertEqual(lengths, self.literal(data, p))
                self.assertEqual(sum(lengths), length)
        self.assertEqual(cut.chunk_lengths(bytes(600_000), cut.DEFAULTS),
                         self.literal(bytes(600_000), cut.DEFAULTS))


class TestPrograms(Case):
    def run_reader(self, *arguments):
        return subprocess.run([sys.executable, "-m", "restante_reader", *map(str, arguments)],
                              cwd=HERE, capture_output=True)

    def test_commands(self):
        b, snapshot, _ = small(1)
        newer = b.snapshot(b.leaf(entry(b"only", FIFO)), time=(1_800_000_000, 0), tags=(b"t",))
        folder = self.folder(b.segment())
        for path in (folder, self.write(b.segment())):
            done = self.run_reader("snapshots", path)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual([line[:64].decode() for line in done.stdout.splitlines()],
                             [snapshot.hex(), newer.hex()])
            done = self.run_reader("ls", path, "latest")
            self.assertEqual((done.returncode, len(done.stdout.splitlines())), (0, 1))
            done = self.run_reader("ls", path, snapshot.hex()[:12])
            self.assertEqual((done.returncode, len(done.stdout.splitlines())), (0, 12))
            self.assertIn(b"%FF%25%0A", done.stdout)
            self.assertEqual(self.run_reader("verify", path).returncode, 0)
            self.assertEqual(self.run_reader("ls", path, "").returncode, 2)
            self.assertEqual(self.run_reader("ls", path, "zz").returncode, 2)
        self.assertEqual(self.run_reader("restore", folder, "latest", self.dir / "o").returncode, 0)
        bad = bytearray(self.file.read_bytes())
        bad[70] ^= 1
        done = self.run_reader("verify", self.write(bad))
        self.assertEqual(done.returncode, 4)
        self.assertIn(b"block 0 at byte 64", done.stdout)
        self.assertEqual(self.run_reader("snapshots", self.file).returncode, 4)
        self.assertEqual(self.run_reader("verify", self.write(b"no")).returncode, 1)
        self.assertEqual(self.run_reader("verify", self.dir / "none").returncode, 1)
        self.write(b.segment(header=put(8, b"\2")))
        self.assertEqual(self.run_reader("verify", self.file).returncode, 1)

    def test_vectors(self):
        v = self.dir / "vectors"
        v.mkdir()
        p = dict(min=64, avg=256, max=1024, mask_s=0xff000000, mask_l="0x3f0000000", seed="00" * 32)
        parameters = cut.Parameters(64, 256, 1024, 0xff000000, 0x3f0000000, bytes(32))
        inputs = (dict(kind="xof", text="t", length=9000), dict(kind="zeros", length=5000),
                  dict(kind="periodic", text="t", period=33, length=7000))
        chunking = [dict(name=i["kind"], input=i, params=p, lengths=cut.chunk_lengths(
            check_vectors.make_input(i), parameters)) for i in inputs]
        (v / "chunking.json").write_text(json.dumps(dict(vectors=chunking)))
        b, snapshot, root = small()
        names = {CHUNK: "chunk", CHUNK_LIST: "chunk-list", TREE: "tree", PAGE: "page"}
        vectors = [dict(name=str(i), kind=names[kind], plain=plain.hex(), id=id.hex(), accept=True,
                        decoded=check_vectors.render_object(kind, objects.DECODE[kind](plain)))
                   for i, (id, (kind, plain)) in enumerate(b.objects.items())]
        vectors.append(dict(name="bad", kind="tree", plain="", accept=False, why="F-042 empty"))
        (v / "objects.json").write_text(json.dumps(dict(vectors=vectors)))

        def case(name, segment, told):
            folder = v / "archives" / name
            folder.mkdir(parents=True)
            if isinstance(segment, Path):
                shutil.copytree(segment, folder / "archive")
            else:
                (folder / "archive.rst").write_bytes(segment)
            (folder / "case.json").write_text(json.dumps(told))
        part = b"hello" + bytes(1000) + b"x" * 300
        paths = {name: dict(type=type) for name, type in (
            ("chr", "char"), ("dir", "dir"), ("empty", "file"), ("fifo", "fifo"), ("sock", "socket"),
            ("hard1", "file"), ("hard2", "file"), ("list2", "file"), ("dir/deep", "file"),
            ("%FF%25%0A", "file"))}
        paths["list"] = dict(type="file", size=1305, blake3=blake3(part).hexdigest(),
                             holes=[[5, 1000]], xattrs={"user.a": "31", "user.b": "00"})
        paths["link"] = dict(type="symlink", target="/nowhere", mode=0o777, uid=0, user="root",
                             mtime=[1_700_000_000, 123_456_789])
        found = dict(snapshots={snapshot.hex(): paths}, moments=[[snapshot.hex(), 1_700_000_000, 0]])
        good = dict(what="x", accept=True, **found)
        case("good", b.segment(), good)
        case("folder", self.folder(b.segment()), good)
        case("bad", b.segment()[:-1], dict(accept=False, **{"class": "damaged"}, why="F-030 x"))
        c = Builder()
        c.chunk(b"hello")
        torn = c.segment(entries=lambda blocks, table, deltas: blocks[0].__setitem__(5, bytes(32)))
        case("bad-but-whole", self.folder(b.segment(), torn), dict(
            accept=False, **{"class": "damaged"}, why="section 4", **found))
        case("newer", b.segment(header=put(8, b"\2")),
             dict(accept=False, **{"class": "newer"}, why="section 4"))
        case("none", b"none", dict(accept=False, **{"class": "not-an-archive"}, why="F-020"))

        def run():
            return subprocess.run([sys.executable, HERE / "check_vectors.py", v],
                                  capture_output=True, text=True)
        done = run()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue(done.stdout.endswith(f"{3 + len(vectors) + 6} passed, 0 failed\n"))
        # Each of these must be noticed.
        chunking[0]["lengths"][0] += 1
        vectors[-1].update(accept=True, id="")
        vectors[2]["decoded"]["level"] = 1
        (v / "chunking.json").write_text(json.dumps(dict(vectors=chunking)))
        (v / "objects.json").write_text(json.dumps(dict(vectors=vectors)))
        paths["list"]["size"] = 1
        (v / "archives" / "good" / "case.json").write_text(json.dumps(good))
        bad = v / "archives" / "bad-but-whole" / "case.json"
        bad.write_text(json.dumps(json.loads(bad.read_text()) | dict(snapshots={})))
        (v / "archives" / "none" / "archive.rst").write_bytes(b.segment())
        done = run()
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stdout.endswith(", 6 failed\n"), done.stdout)


if __name__ == "__main__":
    unittest.main()

"""Section 16: tables of the index. Nothing is found through them here: `verify` compares them with the directories."""

import os
import re
import struct

from blake3 import blake3

from .archive import Archive
from .codec import MAX_SEGMENT
from .errors import Damaged
from .objects import CONTENTS, PAGE
from .segment import read_at

MAGIC = b"\x89RSTI\r\n\x1a"
HEAD = struct.Struct("<8sHHIII16sII16s")
COVERED = struct.Struct("<32sQII")
ROW = struct.Struct("<32sII")
LINE = 64
CHECK = 32
NAME = re.compile(r"[0-9a-f]{64}\.rsi")
NAME_CONTEXT = "restante 2026 index table v1"
CHECK_CONTEXT = "restante 2026 index table check v1"

assert (HEAD.size, COVERED.size, ROW.size) == (64, 48, 40)


def check_tables(archive: Archive) -> list[Damaged]:
    """What is wrong with tables. It costs nothing, and the segments tell everything without them (F-120)."""
    problems = []
    for name in sorted(archive.listed("index", NAME)) if archive.root else ():
        try:
            check_table(archive, name)
        except FileNotFoundError:  # merged meanwhile
            pass
        except Damaged as damage:
            problems.append(damage)
    return problems


def check_table(archive: Archive, name: str):
    def fail(requirement: str, message: str):
        raise Damaged(requirement, f"index/{name}", message)

    path = os.path.join(archive.root, "index", name)
    head = read_at(path, 0, HEAD.size)
    if len(head) != HEAD.size:
        fail("F-120", "too short for a table")
    (magic, version, reserved_1, incompatible, _, segment_count, archive_id, row_count, line_count,
     reserved_2) = HEAD.unpack(head)
    if (magic, version, incompatible) != (MAGIC, 1, 0):
        fail("F-120", "it is no table of this version")
    if reserved_1 or any(reserved_2):
        fail("F-004", "reserved bytes of the head are not zero")
    if archive_id != archive.id:
        fail("F-120", "it belongs to another archive")
    rows_at = HEAD.size + COVERED.size * segment_count
    rows_end = rows_at + ROW.size * row_count
    lines_at = -(-rows_end // LINE) * LINE
    lines_end = lines_at + LINE * line_count
    if line_count == 0 or os.stat(path).st_size != lines_end + CHECK:
        fail("F-120", "its counts do not fit its length")
    table = read_at(path, 0, lines_end + CHECK)
    if blake3(table[:rows_at], derive_key_context=NAME_CONTEXT).hexdigest() != name[:64]:
        fail("F-120", "its name is that of other segments")
    if blake3(table[:lines_end], derive_key_context=CHECK_CONTEXT).digest() != table[lines_end:]:
        fail("F-123", "its check is wrong")

    covered = list(COVERED.iter_unpack(table[HEAD.size:rows_at]))
    if any(a[0] >= b[0] for a, b in zip(covered, covered[1:])):
        fail("F-120", "its segments do not ascend")
    if any(length > MAX_SEGMENT or reserved for _, length, _, reserved in covered):
        fail("F-120", "a segment that there cannot be")
    if sum(objects for _, _, objects, _ in covered) != row_count:
        fail("F-120", "its segments have not as many objects as it has rows")

    rows = list(ROW.iter_unpack(table[rows_at:rows_end]))
    if any(a[:2] >= b[:2] for a, b in zip(rows, rows[1:])):
        fail("F-121", "its rows do not ascend")
    told: list[list[tuple[bytes, int]]] = [[] for _ in covered]
    for id, number, index in rows:
        if number >= segment_count:
            fail("F-121", f"a row of segment {number} of {segment_count}")
        told[number].append((id, index))
    there = {(segment.seal, segment.length): segment for segment in archive.segments}
    for (seal, length, objects, _), found in zip(covered, told):
        if len(found) != objects:
            fail("F-121", f"{len(found)} rows of a segment with {objects} objects")
        segment = there.get((seal, length))
        if segment is None:  # its rows lead nowhere (F-122)
            continue
        entries = [segment.object_entry(index) for index in range(segment.objects)]
        if any(entry.kind in (PAGE, CONTENTS) for entry in entries):
            fail("F-124", f"it covers {segment.label}, which has pages")
        if found != [(entry.id, index) for index, entry in enumerate(entries)]:
            fail("F-121", f"its rows are not what {segment.label} says")

    if any(table[rows_end:lines_at]):
        fail("F-004", "bytes before its lines are not zero")
    if table[lines_at:lines_end] != make_lines([id for id, _, _ in rows], line_count):
        fail("F-121", "its lines are not those of its rows")


def make_lines(ids: list[bytes], count: int) -> bytes:
    """The lines of these rows, which ascend."""
    filters = [bytearray(LINE - 4) for _ in range(count)]
    sizes = [0] * count
    for id in ids:
        line = int.from_bytes(id[:8], "big") * count >> 64
        sizes[line] += 1
        for i in range(5):
            bit = int.from_bytes(id[8 + 2 * i:10 + 2 * i], "little") * 480 >> 16
            filters[line][bit // 8] |= 1 << bit % 8
    lines, first = b"", 0
    for size, filter in zip(sizes, filters):
        lines += first.to_bytes(4, "little") + filter
        first += size
    return lines

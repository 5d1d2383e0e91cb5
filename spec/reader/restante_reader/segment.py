"""Section 4: one segment file."""

import errno
import os
import struct
from bisect import bisect_left
from typing import NamedTuple

import zstandard
from blake3 import blake3

from .codec import MAX_BLOCK, MAX_DIRECTORY, MAX_OBJECT, MAX_SEGMENT, MAX_WINDOW
from .errors import Damaged, NewerVersion, NotAnArchive
from .objects import CONTENTS, KIND_NAMES, PAGE

HEADER_MAGIC = b"\x89RSTS\r\n\x1a"
TRAILER_MAGIC = b"\x89RSTT\r\n\x1a"
HEADER = struct.Struct("<8sHHIII16s24s")
COUNTS = struct.Struct("<IIII")
BLOCK = struct.Struct("<QIIB7s32s")
OBJECT = struct.Struct("<32sIIIBBH")
DELTA = struct.Struct("<II32s")
TRAILER = struct.Struct("<8sQQQQQ16s32s")
SEAL_CONTEXT = "restante 2026 segment seal v1"
KNOWN_INCOMPATIBLE = 0
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

assert (HEADER.size, BLOCK.size, OBJECT.size, DELTA.size, TRAILER.size) == (64, 56, 48, 40, 96)


class BlockEntry(NamedTuple):
    offset: int
    stored: int
    plain: int
    method: int
    reserved: bytes
    check: bytes


class ObjectEntry(NamedTuple):
    id: bytes
    block: int
    offset: int
    length: int  # in the block: of the plain bytes, or of a delta's frame
    kind: int
    reserved: int
    generation: int  # not 0: a delta


class DeltaEntry(NamedTuple):
    object: int
    plain: int
    base: bytes


def read_at(path: str, offset: int, length: int) -> bytes:
    """Up to `length` bytes; the caller has compared `length` with a limit or the file's length."""
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(length)
    except OSError as error:
        if error.errno == errno.EIO:
            raise Damaged("section 11", f"{path}, byte {offset}", "cannot be read") from error
        raise


class Segment:
    """A segment whose header, directory and trailer have been checked in full.

    The directory is kept as the bytes that it is; its objects are found by binary search.
    """

    def __init__(self, path: str, label: str, name_seal: bytes | None):
        """name_seal: the seal that the file's name tells, None for a segment given by itself."""
        self.path = path
        self.label = label
        self.length = os.stat(path).st_size
        header = read_at(path, 0, HEADER.size)
        trailer = read_at(path, max(self.length - TRAILER.size, 0), TRAILER.size)

        # F-035: nothing but magic and version counts before the seal is verified.
        if header[:8] != HEADER_MAGIC:
            if name_seal is None and trailer[:8] != TRAILER_MAGIC:
                raise NotAnArchive(f"{label} is not a segment")
            self.fail("section 4", 0, "the header's magic is wrong")
        if len(header) >= 10 and header[8:10] != b"\1\0":
            version = int.from_bytes(header[8:10], "little")
            self.newer(name_seal, version > 0, 8, f"version {version}")
        if self.length < HEADER.size + COUNTS.size + TRAILER.size:
            self.fail("F-030", self.length, "too short for a segment")
        if self.length > MAX_SEGMENT:
            self.fail("F-100", 0, f"{self.length} bytes, at most {MAX_SEGMENT} allowed")
        end = self.length - TRAILER.size  # of the parity, where the trailer starts
        (magic, directory_offset, directory_length, parity_offset, parity_length, segment_length,
         reserved, self.seal) = TRAILER.unpack(trailer)
        if magic != TRAILER_MAGIC:
            self.fail("section 4", end, "the trailer's magic is wrong")
        if directory_length > MAX_DIRECTORY:
            self.fail("F-100", end + 16, f"a directory of {directory_length} bytes")
        if directory_offset < HEADER.size or directory_offset + directory_length > end:
            self.fail("F-030", end + 8, "the directory is not between header and trailer")
        self.directory = read_at(path, directory_offset, directory_length)
        if blake3(header + self.directory + trailer[:64],
                  derive_key_context=SEAL_CONTEXT).digest() != self.seal:
            self.fail("F-035", end + 64, "the seal is wrong")
        if name_seal is not None and name_seal != self.seal:
            self.fail("F-012", end + 64, "the seal is not the one in the file's name")

        _, _, reserved_1, incompatible, _, reserved_2, self.archive_id, reserved_3 = \
            HEADER.unpack(header)
        if incompatible & ~KNOWN_INCOMPATIBLE:
            self.newer(name_seal, True, 12, f"incompatible flags {incompatible:#x}")
        if reserved_1 or reserved_2 or any(reserved_3):
            self.fail("F-004", 0, "reserved bytes of the header are not zero")
        if any(reserved):
            self.fail("F-004", end + 48, "reserved bytes of the trailer are not zero")
        if parity_offset != directory_offset + directory_length:
            self.fail("F-030", end + 24, "the parity does not start where the directory ends")
        if parity_length:
            self.fail("F-030", end + 32, "parity, which this version has none of")
        if parity_offset != end:
            self.fail("F-030", end + 24, "the trailer does not start where the parity ends")
        if segment_length != self.length:
            self.fail("F-030", end + 40, f"{segment_length} in a file of {self.length} bytes")
        self.check_directory(directory_offset)

    def fail(self, requirement: str, offset: int, message: str):
        raise Damaged(requirement, f"{self.label}, byte {offset}", message)

    def newer(self, name_seal: bytes | None, may_be: bool, offset: int, message: str):
        """F-014: the config tells the newest version in an archive; what is newer still is damage."""
        if name_seal is None and may_be:
            raise NewerVersion(f"{self.label}: {message}")
        self.fail("F-014", offset, message)

    def check_directory(self, start: int):
        """F-033, F-034, F-036."""
        directory = self.directory
        if len(directory) < COUNTS.size:
            self.fail("F-033", start, f"a directory of {len(directory)} bytes")
        self.blocks, self.objects, self.deltas, reserved = COUNTS.unpack_from(directory)
        if reserved:
            self.fail("F-004", start + 12, "reserved bytes are not zero")
        self.objects_start = COUNTS.size + BLOCK.size * self.blocks
        self.deltas_start = self.objects_start + OBJECT.size * self.objects
        if len(directory) != self.deltas_start + DELTA.size * self.deltas:
            self.fail("F-033", start, f"{self.blocks} blocks, {self.objects} objects and "
                                      f"{self.deltas} deltas in {len(directory)} bytes")

        expected = HEADER.size
        for i in range(self.blocks):
            block, at = self.block_entry(i), start + COUNTS.size + BLOCK.size * i
            if block.offset != expected:
                self.fail("F-030", at, f"block {i} at {block.offset}, not at {expected}")
            if not 1 <= block.stored <= MAX_BLOCK:
                self.fail("F-034", at + 8, f"block {i} has {block.stored} stored bytes")
            if not 1 <= block.plain <= MAX_BLOCK:
                self.fail("F-034", at + 12, f"block {i} has {block.plain} plain bytes")
            if block.method > 1:
                self.fail("F-034", at + 16, f"block {i} has method {block.method}")
            if block.method == 0 and block.stored != block.plain:
                self.fail("F-034", at + 8, f"raw block {i} with two lengths")
            if any(block.reserved):
                self.fail("F-004", at + 17, f"reserved bytes of block {i} are not zero")
            expected = block.offset + block.stored
        if expected != start:
            self.fail("F-030", start, f"the last block ends at {expected}")

        before = b""
        for i in range(self.objects):
            entry, at = self.object_entry(i), start + self.objects_start + OBJECT.size * i
            if entry.id <= before:  # b"" is less than any id
                self.fail("F-034", at, f"object {i} is not after the one before")
            if entry.block >= self.blocks:
                self.fail("F-034", at + 32, f"object {i} in block {entry.block} of {self.blocks}")
            if not 1 <= entry.length <= MAX_OBJECT:
                self.fail("F-034", at + 40, f"object {i} has {entry.length} bytes")
            if entry.offset + entry.length > self.block_entry(entry.block).plain:
                self.fail("F-034", at + 36, f"object {i} goes beyond its block")
            if entry.kind not in KIND_NAMES:
                self.fail("F-034", at + 44, f"object {i} is of kind {entry.kind}")
            if entry.reserved:
                self.fail("F-004", at + 45, f"reserved byte of object {i} is not zero")
            if entry.generation and entry.kind in (PAGE, CONTENTS):
                self.fail("F-034", at + 46, f"object {i} is a page or contents, and a delta")
            before = entry.id
        self.check_deltas(start + self.deltas_start)

    def check_deltas(self, start: int):
        before = -1
        for i in range(self.deltas):
            delta, at = self.delta_entry(i), start + DELTA.size * i
            if not before < delta.object < self.objects:
                self.fail("F-034", at, f"delta {i} of object {delta.object}, after {before}")
            entry = self.object_entry(delta.object)
            if not entry.generation:
                self.fail("F-036", at, f"object {delta.object} is whole, and delta {i}")
            if not 1 <= delta.plain <= MAX_OBJECT:
                self.fail("F-034", at + 4, f"delta {i} has {delta.plain} plain bytes")
            if delta.base == entry.id:
                self.fail("F-034", at + 8, f"delta {i} is its own base")
            before = delta.object
        # Each of them belongs to another object, so that equal numbers leave none without.
        marked = sum(self.object_entry(i).generation > 0 for i in range(self.objects))
        if marked != self.deltas:
            self.fail("F-036", start, f"{marked} objects are deltas, {self.deltas} entries")

    def block_entry(self, index: int) -> BlockEntry:
        return BlockEntry._make(BLOCK.unpack_from(self.directory, COUNTS.size + BLOCK.size * index))

    def object_entry(self, index: int) -> ObjectEntry:
        return ObjectEntry._make(
            OBJECT.unpack_from(self.directory, self.objects_start + OBJECT.size * index))

    def delta_entry(self, index: int) -> DeltaEntry:
        return DeltaEntry._make(
            DELTA.unpack_from(self.directory, self.deltas_start + DELTA.size * index))

    def delta_of(self, entry: ObjectEntry) -> DeltaEntry | None:
        """What an object of this segment is made from; None if it is whole."""
        if not entry.generation:
            return None
        object = bisect_left(range(self.objects), entry.id, key=lambda i: self.object_entry(i).id)
        index = bisect_left(range(self.deltas), object, key=lambda i: self.delta_entry(i).object)
        return self.delta_entry(index)

    def plain_length(self, entry: ObjectEntry) -> int:
        delta = self.delta_of(entry)
        return delta.plain if delta else entry.length

    def find(self, id: bytes) -> ObjectEntry | None:
        index = bisect_left(range(self.objects), id, key=lambda i: self.object_entry(i).id)
        if index < self.objects:
            entry = self.object_entry(index)
            if entry.id == id:
                return entry
        return None

    def read_block(self, index: int) -> bytes:
        """The plain bytes of a block, checked."""
        block = self.block_entry(index)
        where = f"{self.label}, block {index} at byte {block.offset}"
        try:
            stored = read_at(self.path, block.offset, block.stored)
        except FileNotFoundError:  # the archive looks what stands for it now
            raise Damaged("F-016", self.label, "is gone since it was opened") from None
        if len(stored) != block.stored:
            raise Damaged("F-030", where, "the file ends within it")
        if blake3(stored).digest() != block.check:
            raise Damaged("section 4", where, "its check is wrong")
        return stored if block.method == 0 else decode_zstd(stored, block.plain, where)


def decode_zstd(stored: bytes, length: int, where: str, base: bytes | None = None,
                requirement: str = "F-031") -> bytes:
    """F-031, F-037: exactly one frame, exactly `length` bytes, never more room than that.

    base: the bytes that the frame takes as its past.
    """
    def fail(message: str):
        raise Damaged(requirement, where, message)

    if stored[:4] != ZSTD_MAGIC:
        fail("not a zstd frame")
    # Raw content, even where the bytes look like a dictionary.
    past = zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT) \
        if base else None
    try:
        frame = zstandard.get_frame_parameters(stored)
        if frame.dict_id:
            fail("wants a dictionary")
        if frame.content_size not in (length, zstandard.CONTENTSIZE_UNKNOWN):
            fail(f"a frame of {frame.content_size} bytes, not {length}")
        # Without a content size, the decoder keeps a window besides its output (F-038).
        plain = zstandard.ZstdDecompressor(dict_data=past, max_window_size=MAX_WINDOW).decompress(
            stored, max_output_size=length, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Damaged(requirement, where, str(error)) from error
    if len(plain) != length:
        fail(f"decodes to {len(plain)} bytes, not {length}")
    return plain

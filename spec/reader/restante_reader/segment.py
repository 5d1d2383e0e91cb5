"""Section 4: one segment file."""

import errno
import os
import struct
from bisect import bisect_left
from typing import NamedTuple

import zstandard
from blake3 import blake3

from .codec import MAX_BLOCK, MAX_DIRECTORY, MAX_OBJECT, MAX_SEGMENT
from .errors import Damaged, NewerVersion, NotAnArchive
from .objects import KIND_NAMES

HEADER_MAGIC = b"\x89RSTS\r\n\x1a"
TRAILER_MAGIC = b"\x89RSTT\r\n\x1a"
HEADER = struct.Struct("<8sHHIII16s24s")
COUNTS = struct.Struct("<IIII")
BLOCK = struct.Struct("<QIIB7s32s")
OBJECT = struct.Struct("<32sIIIB3s")
TRAILER = struct.Struct("<8sQQQQQ16s32s")
SEAL_CONTEXT = "restante 2026 segment seal v1"
KNOWN_INCOMPATIBLE = 0
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

assert (HEADER.size, BLOCK.size, OBJECT.size, TRAILER.size) == (64, 56, 48, 96)


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
    length: int
    kind: int
    reserved: bytes


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
        """F-033, F-034."""
        directory = self.directory
        if len(directory) < COUNTS.size:
            self.fail("F-033", start, f"a directory of {len(directory)} bytes")
        self.blocks, self.objects, deltas, reserved = COUNTS.unpack_from(directory)
        if deltas or reserved:
            self.fail("F-004", start + 8, "deltas or reserved bytes are not zero")
        self.objects_start = COUNTS.size + BLOCK.size * self.blocks
        if len(directory) != self.objects_start + OBJECT.size * self.objects:
            self.fail("F-033", start, f"{self.blocks} blocks and {self.objects} objects "
                                      f"in {len(directory)} bytes")

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
            if any(entry.reserved):
                self.fail("F-004", at + 45, f"reserved bytes of object {i} are not zero")
            before = entry.id

    def block_entry(self, index: int) -> BlockEntry:
        return BlockEntry._make(BLOCK.unpack_from(self.directory, COUNTS.size + BLOCK.size * index))

    def object_entry(self, index: int) -> ObjectEntry:
        return ObjectEntry._make(
            OBJECT.unpack_from(self.directory, self.objects_start + OBJECT.size * index))

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
        stored = read_at(self.path, block.offset, block.stored)
        if len(stored) != block.stored:
            raise Damaged("F-030", where, "the file ends within it")
        if blake3(stored).digest() != block.check:
            raise Damaged("section 4", where, "its check is wrong")
        return stored if block.method == 0 else decode_zstd(stored, block.plain, where)


def decode_zstd(stored: bytes, length: int, where: str) -> bytes:
    """F-031: exactly one frame, exactly `length` bytes, never more room than that."""
    if stored[:4] != ZSTD_MAGIC:
        raise Damaged("F-031", where, "not a zstd frame")
    try:
        frame = zstandard.get_frame_parameters(stored)
        if frame.dict_id:
            raise Damaged("F-031", where, "wants a dictionary")
        if frame.content_size not in (length, zstandard.CONTENTSIZE_UNKNOWN):
            raise Damaged("F-031", where, f"a frame of {frame.content_size} bytes, not {length}")
        # Without a content size, the decoder keeps a window besides its output; it refuses
        # windows above 128 MiB.
        plain = zstandard.ZstdDecompressor().decompress(
            stored, max_output_size=length, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Damaged("F-031", where, str(error)) from error
    if len(plain) != length:
        raise Damaged("F-031", where, f"decodes to {len(plain)} bytes, not {length}")
    return plain

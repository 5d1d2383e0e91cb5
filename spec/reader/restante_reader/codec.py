"""Section 1: the compact encoding, and the limits of section 13."""

from .errors import Damaged

MIB = 1 << 20
MAX_OBJECT = 16 * MIB
MAX_BLOCK = 16 * MIB
MAX_CHUNK = 8 * MIB
MAX_DIRECTORY = 256 * MIB
MAX_SEGMENT = 1 << 40
MAX_CHAIN = 64  # bases behind each other
MAX_WINDOW = 128 * MIB  # of a zstd frame
MAX_COPIES = 1000  # tried for one object (F-044)
MAX_NAME = 1024
MAX_NESTING = 4096
MAX_LEVEL = 7
MAX_ITEMS = 65536
MAX_TARGET = 65536
MAX_XATTRS = 2 * MIB
MAX_LISTED_PATHS = 1000
MAX_LISTED_BYTES = MIB
MAX_MOMENTS = 65536  # in a page

WIDTH_OF_MARKER = {251: 2, 252: 4, 253: 8}


class Decoder:
    """Reads compact encoding from the front of `data`.

    Nothing is allocated for a length before it is compared with the bytes that are there (F-003).
    """

    def __init__(self, data: bytes, what: str):
        self.data = data
        self.what = what
        self.pos = 0

    def fail(self, requirement: str, field: str, message: str):
        raise Damaged(requirement, f"{self.what}, byte {self.pos}, {field}", message)

    def raw(self, length: int, field: str) -> bytes:
        start, end = self.pos, self.pos + length
        if end > len(self.data):
            self.fail("F-002", field, f"{length} bytes wanted, {len(self.data) - start} left")
        self.pos = end
        return self.data[start:end]

    def u8(self, field: str) -> int:
        return self.raw(1, field)[0]

    def uint(self, field: str, bits: int = 64) -> int:
        value = self.u8(field)
        if value <= 250:
            return value
        if value not in WIDTH_OF_MARKER:
            self.fail("section 1", field, f"{value} is no marker of an integer")
        width = WIDTH_OF_MARKER[value]
        if width * 8 > bits:
            self.fail("section 1", field, f"{width} bytes for a field of {bits} bits")
        # F-001: forms that are longer than necessary are accepted.
        return int.from_bytes(self.raw(width, field), "little")

    def int(self, field: str) -> int:
        value = self.uint(field)
        return -(value >> 1) - 1 if value & 1 else value >> 1

    def nanoseconds(self, field: str, requirement: str = "section 8") -> int:
        value = self.uint(field, 32)
        if value >= 10**9:
            self.fail(requirement, field, f"{value} nanoseconds are a second or more")
        return value

    def bytes(self, field: str, limit: int = MAX_OBJECT) -> bytes:
        length = self.uint(field)
        if length > limit:
            self.fail("F-100", field, f"{length} bytes, at most {limit} allowed")
        return self.raw(length, field)

    def text(self, field: str, limit: int = MAX_OBJECT) -> str:
        value = self.bytes(field, limit)
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            self.fail("section 1", field, "not valid UTF-8")

    def id(self, field: str) -> bytes:
        return self.raw(32, field)

    def count(self, field: str, limit: int = MAX_OBJECT) -> int:
        """The number of items of a list; each item takes one byte at least."""
        number = self.uint(field)
        if number > limit:
            self.fail("F-100", field, f"{number} items, at most {limit} allowed")
        if number > len(self.data) - self.pos:
            self.fail("F-003", field, f"{number} items in {len(self.data) - self.pos} bytes")
        return number

    def present(self, field: str) -> bool:
        """The first byte of an option."""
        value = self.u8(field)
        if value > 1:
            self.fail("section 1", field, f"{value} where an option has 0 or 1")
        return value == 1

    def end(self):
        if self.pos != len(self.data):
            self.fail("F-002", "end", f"{len(self.data) - self.pos} bytes belong to nothing")

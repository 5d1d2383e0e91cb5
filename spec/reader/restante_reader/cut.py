"""Section 6: where files are cut into chunks. Readers do not need it."""

from typing import NamedTuple

from blake3 import blake3

GEAR_CONTEXT = "restante 2026 gear table v1"


class Parameters(NamedTuple):
    min: int
    avg: int
    max: int
    mask_s: int
    mask_l: int
    seed: bytes


DEFAULTS = Parameters(16 << 10, 64 << 10, 256 << 10, 0x00000000FFFF8000, 0x00000000FFFE0000,
                      bytes(32))


def gear_table(seed: bytes) -> list[int]:
    table = blake3(seed, derive_key_context=GEAR_CONTEXT).digest(length=2048)
    return [int.from_bytes(table[i:i + 8], "little") for i in range(0, 2048, 8)]


def cut(data: bytes, start: int, p: Parameters, gear: list[int]) -> int:
    """The length of the chunk that starts at `start` in a region."""
    n = len(data) - start
    if n <= p.min:
        return n
    n = min(n, p.max)
    center = 2 * (min(p.avg, n) // 2)
    end = 2 * (n // 2)
    h = 0
    for mask, i, stop in ((p.mask_s, p.min, center), (p.mask_l, center, end)):
        for byte in data[start + i:start + stop]:
            h = (2 * h + gear[byte]) & 0xFFFF_FFFF_FFFF_FFFF
            if not h & mask:
                return i
            i += 1
    return n


def chunk_lengths(data: bytes, p: Parameters) -> list[int]:
    """The lengths of the chunks of one region."""
    gear = gear_table(p.seed)
    lengths = []
    start = 0
    while start < len(data):
        length = cut(data, start, p, gear)
        lengths.append(length)
        start += length
    return lengths

"""Small files that unpack into large ones, made without making the large one."""

import struct
import zlib
from collections.abc import Iterator

_BLOCK = 1 << 20


def _zeros(first: bytes, size: int) -> Iterator[bytes]:
    """A raw deflate stream of `first` and then `size` zeros: after a full flush, one packed block can be repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    yield packer.compress(first) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(_BLOCK)) + packer.flush(zlib.Z_FULL_FLUSH)
    yield block * (size // _BLOCK)
    yield packer.compress(bytes(size % _BLOCK)) + packer.flush(zlib.Z_FINISH)


def zlib_of_zeros(first: bytes, size: int) -> bytes:
    """A zlib stream of `first` and `size` zeros."""
    a = 1 + sum(first)
    b = sum((len(first) - place) * value for place, value in enumerate(first)) + len(first) + size * a
    return b"\x78\xda" + b"".join(_zeros(first, size)) + struct.pack(">I", (b % 65521) << 16 | a % 65521)


def zip_of_zeros(name: str, first: bytes, size: int) -> bytes:
    """A zip file with one member of `first` and `size` zeros; of its checksum only the members' readers care."""
    packed, total = b"".join(_zeros(first, size)), len(first) + size
    large = struct.pack("<HHQQ", 1, 16, total, len(packed))
    common = struct.pack("<HHHHHIIIHH", 45, 0, 8, 0, 33, 0, 0xFFFFFFFF, 0xFFFFFFFF, len(name), len(large))
    local = b"PK\3\4" + common + name.encode() + large
    central = b"PK\1\2" + struct.pack("<H", 45) + common + bytes(14) + name.encode() + large
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local) + len(packed), 0)
    return local + packed + central + end

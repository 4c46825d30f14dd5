"""MATLAB files of version 5 to 7."""

import io
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import scipy.io
import scipy.sparse

from tests.hostile.bombs import zlib_of_zeros
from tests.hostile.case import EITHER, Case
from tests.hostile.commands import classify, file, reads
from tests.hostile.template import cube

_HEAD = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"


def mat(arrays: Mapping[str, Any], *, packed: bool = False, form: str = "5") -> bytes:
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, dict(arrays), do_compression=packed, format=form)
    return buffer.getvalue()


def element(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def matrix(
    shape: tuple[int, ...], content: bytes, *, size: int | None = None, name: bytes = b"data", kind: int = 9
) -> bytes:
    """The element of an array of uint8 with `content` and a size that need not be true."""
    parts = element(6, struct.pack("<II", kind, 0)) + element(5, struct.pack(f"<{len(shape)}i", *shape))
    parts += element(1, name) + struct.pack("<II", 2, len(content) if size is None else size) + content
    return struct.pack("<II", 14, len(parts) if size is None else len(parts) - len(content) + size) + parts


def cases() -> Iterator[Case]:
    for packed in (False, True):
        yield reads(f"version 5, packed {packed}", file("scene.mat", mat({"data": cube()}, packed=packed)), "scene.mat")
    beside = {"data": cube(), "wavelength": np.arange(6.0), "note": "text", "cell": np.array([1, "a"], object)}
    yield reads("other variables beside", file("scene.mat", mat(beside)), "scene.mat")
    yield reads("a key", file("scene.mat", mat({"a": cube(), "b": cube()[::-1]})), "scene.mat", "--key", "a")
    for packed in (False, True):
        whole = mat({"data": cube()}, packed=packed)
        for cut in (0, 4, 100, 127, 128, 132, 136, 150, 180, 200, len(whole) // 2, len(whole) - 1):
            yield _refused(f"packed {packed}, cut at {cut}", whole[:cut])
    flipped = bytearray(mat({"data": cube()}, packed=True))
    flipped[len(flipped) // 2] ^= 0xFF
    yield _refused("packed, a byte flipped", bytes(flipped))
    for name, arrays in {
        "a structure": {"data": {"cube": cube(), "more": 1}},
        "a cell array": {"data": np.array([cube(), "a"], object)},
        "text": {"data": "a long text"},
        "complex numbers": {"data": cube() + 1j},
        "sparse": {"data": scipy.sparse.csc_matrix(cube()[:, :, 0])},
        "a label map only": {"data": cube()[:, :, 0]},
        "four axes": {"data": cube()[..., None] * np.ones((1, 1, 1, 3))},
        "an axis of length 0": {"data": np.empty((0, 4, 3))},
        "two cubes": {"a": cube(), "b": cube()},
        "no variable": {},
        "a thousand variables": {f"v{number}": np.arange(3) for number in range(1000)},
        "NaN everywhere": {"data": np.full((4, 5, 6), np.nan)},
    }.items():
        yield _refused(name, lambda arrays=arrays: mat(arrays))  # type: ignore[misc]
    yield _refused("version 4, a flat array", lambda: mat({"data": cube()[:, :, 0]}, form="4"))
    yield _refused("a key that it does not hold", mat({"a": cube()}), "--key", "b", words="--key")
    yield _refused("a key of two axes", mat({"a": cube(), "b": cube()[:, :, 0]}), "--key", "b", words="--key")
    for name, head in {
        "text": b"nothing of MATLAB" * 20,
        "zeros": bytes(4096),
        "noise": np.random.default_rng(2).bytes(4096),
        "another version": _HEAD[:124] + b"\0\7IM" + bytes(500),
        "no byte order": _HEAD[:126] + b"XX" + bytes(500),
        "a version 7.3 that is no HDF5": _HEAD[:124] + b"\0\2IM" + bytes(500),
    }.items():
        yield _refused(f"a file of {name}", head)
    for name, body in {
        "negative axes": matrix((-4, 5, 6), bytes(120)),
        "axes of 2^31 - 1": matrix((2**31 - 1,) * 3, bytes(120)),
        "a huge array with no content": matrix((100_000, 100_000, 10), b""),
        "a size beyond the file": matrix((4, 5, 6), bytes(120), size=2**31),
        "a thousand axes": matrix((1,) * 1000, bytes(1)),
        "no axes": matrix((), bytes(1)),
        "one axis": matrix((120,), bytes(120)),
        "content too short": matrix((4, 5, 6), bytes(12)),
        "an unknown class": matrix((4, 5, 6), bytes(120), kind=77),
        "an opaque class": matrix((4, 5, 6), bytes(120), kind=17),
        "a function": matrix((4, 5, 6), bytes(120), kind=16),
        "an object": matrix((4, 5, 6), bytes(120), kind=3),
        "an unknown element": element(99, bytes(64)),
        "elements in elements": element(14, element(14, element(14, bytes(64)))),
        "no content at all": element(14, b""),
        "a name of control characters": matrix((4, 5), bytes(20), name=b"\x1b[31mred\x07"),
        "a name of no encoding": matrix((4, 5), bytes(20), name=b"\xff\xfe\x80"),
        "a name of 50,000 letters": matrix((4, 5), bytes(20), name=b"n" * 50_000),
    }.items():
        yield _refused(f"an array of {name}", _HEAD + body)
    yield classify(
        "a name that is empty", file("scene.mat", _HEAD + matrix((4, 5, 6), bytes(120), name=b"")), "scene.mat"
    )
    huge = 3_000_000_000
    stream = zlib_of_zeros(matrix((30_000, 10_000, 10), b"", size=huge), huge)
    yield _refused("a bomb of 3 GB", _HEAD + struct.pack("<II", 15, len(stream)) + stream, words="memory")
    stream = zlib_of_zeros(matrix((4, 5, 6), bytes(120)), 2_000_000_000)
    bomb = _HEAD + struct.pack("<II", 15, len(stream)) + stream
    yield classify("a bomb behind a small array", file("scene.mat", bomb), "scene.mat", codes=(2,))
    twice = _HEAD + 2 * mat({"data": cube()})[128:]
    yield classify("one name twice", file("scene.mat", twice), "scene.mat", codes=EITHER)


def _refused(name: str, content: bytes | Callable[[], bytes], *more: str, words: str = "") -> Case:
    def write(path: Any) -> None:
        path.write_bytes(content if isinstance(content, bytes) else content())

    return classify(name, file("scene.mat", write), "scene.mat", *more, words=words)

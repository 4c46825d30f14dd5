"""NumPy files: .npy and .npz."""

import io
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.hostile.bombs import zip_of_zeros
from tests.hostile.case import EITHER, Case
from tests.hostile.commands import classify, file, reads, several
from tests.hostile.template import BANDS, HEIGHT, WIDTH, cube

Array = npt.NDArray[Any]


class _Code:
    """Makes a file if it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return Path.touch, (Path("executed"),)  # type: ignore[return-value]


def npy(array: Array, *, version: tuple[int, int] | None = None, pickled: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asanyarray(array), version, allow_pickle=pickled)
    return buffer.getvalue()


def header(text: str | bytes, content: bytes = b"", version: bytes = b"\1\0") -> bytes:
    """An .npy file with any header."""
    raw = text.encode("latin-1", "replace") if isinstance(text, str) else text
    size = len(raw).to_bytes(2 if version == b"\1\0" else 4, "little")
    return b"\x93NUMPY" + version + size + raw + content


def described(shape: object, descr: str = "'<u2'", order: object = False) -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}\n"


def npz(members: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def cases() -> Iterator[Case]:
    yield from _legal()
    whole = npy(cube())
    for cut in (0, 1, 6, 9, 10, 60, 127, 128, 200, len(whole) // 2, len(whole) - 1):
        yield _npy(f"cut at {cut}", whole[:cut])
    for name, made in {
        "an object array": lambda: npy(np.array([[[_Code()]]], object), pickled=True),
        "a pickle alone": lambda: pickle.dumps(_Code()),
        "no axis": lambda: npy(np.array(3)),
        "one axis": lambda: npy(np.arange(100)),
        "two axes": lambda: npy(cube()[:, :, 0]),
        "four axes": lambda: npy(cube()[None]),
        "an axis of length 0": lambda: npy(np.empty((0, WIDTH, BANDS), np.uint16)),
        "complex numbers": lambda: npy(cube().astype(np.complex64)),
        "words": lambda: npy(cube().astype(str)),
        "bytes": lambda: npy(cube().astype(bytes)),
        "dates": lambda: npy(cube().astype("datetime64[s]")),
        "a structure": lambda: npy(np.zeros((HEIGHT, WIDTH, BANDS), [("a", "u2"), ("b", "f4")])),
        "nothing but void": lambda: npy(np.zeros((HEIGHT, WIDTH, BANDS), "V8")),
        "NaN everywhere": lambda: npy(np.full(cube().shape, np.nan, np.float32)),
        "infinity everywhere": lambda: npy(np.full(cube().shape, np.inf)),
        "one value everywhere": lambda: npy(np.full(cube().shape, 7, np.uint16)),
        "false everywhere": lambda: npy(np.zeros(cube().shape, bool)),
        "other bands": lambda: npy(cube()[:, :, :4].copy()),
        "ten thousand axes": lambda: header(described((1,) * 10_000), b"\0\0"),
    }.items():
        yield _npy(name, lambda path, made=made: path.write_bytes(made()))  # type: ignore[misc]
    size = f"({HEIGHT}, {WIDTH}, {BANDS})"
    for name, text in {
        "a negative shape": described("(-24, 20, 6)"),
        "two negative axes": described("(-24, -20, 6)"),
        "a shape of fractions": described("(24.0, 20, 6)"),
        "a shape of truth": described("(True, 20, 6)"),
        "a shape of words": described("('a', 20, 6)"),
        "a huge shape": described("(1000000, 1000000, 6)"),
        "a shape that overflows": described(f"({2**32}, {2**32}, 4)"),
        "a shape beyond 64 bits": described(f"({10**30}, 20, 6)"),
        "no shape": "{'descr': '<u2', 'fortran_order': False}\n",
        "another key": described(size)[:-2] + ", 'more': 1}\n",
        "an order of 2": described(size, order=2),
        "code for a header": "__import__('pathlib').Path('executed').touch()\n",
        "code for a shape": described("(__import__('pathlib').Path('executed').touch(), 20, 6)"),
        "an unknown type": described(size, "'<q9'"),
        "a type of no length": described(size, "'<V0'"),
        "a type of 2 GB": described(size, f"'<V{2**31 - 1}'"),
        "a type of objects": described(size, "'|O'"),
        "a nested type": described(size, "[('a', [('b', [('c', '|O')])])]"),
        "a type with control characters": described(size, r"'\x1b[31m<u2'"),
        "nothing": "",
        "deep nesting": "(" * 5000 + ")" * 5000 + "\n",
    }.items():
        yield _npy(f"header: {name}", header(text, cube().tobytes()))
    for version in (b"\0\0", b"\1\1", b"\4\0", b"\xff\xff"):
        yield _npy(f"version {version!r}", header(described(size), cube().tobytes(), version))
    long = header(described(size) + " " * 20_000_000, cube().tobytes(), b"\2\0")
    yield _npy("a header of 20 MB", lambda path: path.write_bytes(long))
    yield _npy("a length of 4 GB", b"\x93NUMPY\2\0\xff\xff\xff\xff{")
    yield from _archives()


def _npy(name: str, content: bytes | Callable[[Path], object]) -> Case:
    return classify(f".npy, {name}", file("scene.npy", content), "scene.npy")


def _npz(name: str, content: bytes | Callable[[Path], object], *more: str, words: str = "") -> Case:
    return classify(f".npz, {name}", file("scene.npz", content), "scene.npz", *more, words=words)


def _legal() -> Iterator[Case]:
    for name, array in {
        "Fortran order": np.asfortranarray(cube()),
        "big-endian": cube().astype(">u2"),
        "big-endian fractions": cube().astype(">f8"),
        "signed": cube().astype(np.int16),
        "half fractions": cube().astype(np.float16),
        "64 bits": cube().astype(np.uint64),
    }.items():
        yield reads(f".npy, {name}", file("scene.npy", npy(array)), "scene.npy")
    for version in ((1, 0), (2, 0), (3, 0)):
        yield reads(f".npy, version {version}", file("scene.npy", npy(cube(), version=version)), "scene.npy")
    yield reads(".npy, bytes after the end", file("scene.npy", npy(cube()) + bytes(99)), "scene.npy")
    yield reads(".NPY", file("scene.NPY", npy(cube())), "scene.NPY")
    turned = npy(cube().transpose(2, 0, 1))
    yield reads("bands first, and said", file("scene.npy", turned), "scene.npy", "--layout", "CHW")
    yield reads("bands first, unsaid", file("scene.npy", turned), "scene.npy")
    members = {"a.npy": npy(cube()), "b.npy": npy(np.arange(3))}
    for packing in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        yield reads(f".npz, packing {packing}", file("scene.npz", npz(members, packing)), "scene.npz")
    for packing in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):  # which NumPy reads and never writes
        packed = file("scene.npz", npz(members, packing))
        yield classify(f".npz, packing {packing}", packed, "scene.npz", codes=EITHER)
    beside = {**members, "c.npy": npy(np.array([_Code()], object), pickled=True)}
    yield classify(".npz, a pickle beside", file("scene.npz", npz(beside)), "scene.npz", codes=EITHER)
    two = file("scene.npz", npz({"a.npy": npy(cube()), "b.npy": npy(cube()[:, :, ::-1])}))
    yield reads(".npz, one of two by its name", two, "scene.npz", "--key", "a")
    nan = cube().astype(np.float32)
    nan[:, :, 2] = np.nan
    yield classify(".npy, a band of NaN", file("scene.npy", npy(nan)), "scene.npy")


def _archives() -> Iterator[Case]:
    good = npy(cube())
    whole = npz({"a.npy": good})
    for cut in (0, 4, 30, len(whole) // 2, len(whole) - 60, len(whole) - 1):
        yield _npz(f"cut at {cut}", whole[:cut])
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    yield _npz("a byte flipped", bytes(flipped))
    locked = bytearray(whole)
    locked[6] |= 1
    locked[whole.rindex(b"PK\1\2") + 8] |= 1
    yield _npz("with a password", bytes(locked))
    unknown = bytearray(whole)
    unknown[8] = unknown[whole.rindex(b"PK\1\2") + 10] = 97
    yield _npz("packed in an unknown way", bytes(unknown))
    for name, members in {
        "empty": {},
        "no array": {"readme.txt": b"text"},
        "a member that is no array": {"a.npy": b"text"},
        "a cut member": {"a.npy": good[:200]},
        "a pickle": {"a.npy": npy(np.array([[[_Code()]]], object), pickled=True)},
        "a flat array": {"a.npy": npy(np.arange(9))},
        "two cubes": {"a.npy": good, "b.npy": good},
        "a huge shape": {"a.npy": header(described("(1000000, 1000000, 6)"))},
        "a negative shape": {"a.npy": header(described("(-1, 20, 6)"), bytes(99))},
        "names that climb": {"../../a.npy": b"", "/etc/b.npy": good[:99]},
        "names with control characters": {"\x1b[31mred\x07.npy": npy(np.arange(4))},
        "a long name": {"n" * 60_000 + ".npy": npy(np.arange(4))},
        "ten thousand members": {f"{number}.npy": npy(np.arange(2)) for number in range(10_000)},
    }.items():
        yield _npz(name, npz(members, zipfile.ZIP_STORED))
    yield _npz("a name that it does not hold", whole, "--key", "z", words="--key")
    yield _npz("an empty name", whole, "--key", "", words="--key")
    twice = file("scene.npz", lambda path: _twice(path, good))
    yield classify(".npz, one name twice", several(twice), "scene.npz", codes=EITHER)
    first = header(described("(100000, 10000, 6)", "'|u1'"))
    yield _npz("a bomb of 6 GB", zip_of_zeros("a.npy", first, 6_000_000_000), words="memory")
    yield _npz("a bomb that says that it is small", zip_of_zeros("a.npy", header(described("(24, 20, 6)")), 4 << 30))


def _twice(path: Path, good: bytes) -> None:
    import warnings

    warnings.simplefilter("ignore")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", good)
        archive.writestr("a.npy", good)

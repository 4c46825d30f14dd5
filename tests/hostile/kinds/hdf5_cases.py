"""MATLAB files of version 7.3: HDF5."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.hostile.case import EITHER, Case, Make
from tests.hostile.commands import classify, reads, several
from tests.hostile.template import cube

Fill = Callable[[Any], object]


def hdf5(fill: Fill, **how: Any) -> Make:
    def make(folder: Path) -> None:
        with h5py.File(folder / "scene.mat", "w", userblock_size=512, **how) as file:
            fill(file)

    return make


def _data(file: Any, **how: Any) -> Any:
    return file.create_dataset("data", data=cube().T, **how)


def _cut(size: Callable[[int], int]) -> Make:
    def make(folder: Path) -> None:
        path = folder / "scene.mat"
        os.truncate(path, size(path.stat().st_size))

    return several(hdf5(_data), make)


def _changed(place: Callable[[bytes], int], value: int = 0xFF) -> Make:
    def make(folder: Path) -> None:
        path = folder / "scene.mat"
        content = bytearray(path.read_bytes())
        at = place(bytes(content))
        content[at : at + 8] = bytes([value]) * len(content[at : at + 8])
        path.write_bytes(content)

    return several(hdf5(lambda file: _data(file, chunks=(2, 5, 6), compression="gzip", fletcher32=True)), make)


def cases() -> Iterator[Case]:
    yield reads("as MATLAB writes it", hdf5(_data), "scene.mat")
    yield reads("packed", hdf5(lambda file: _data(file, compression="gzip", shuffle=True, chunks=True)), "scene.mat")
    yield reads("big-endian", hdf5(lambda f: f.create_dataset("data", data=cube().T.astype(">u2"))), "scene.mat")
    yield reads("half fractions", hdf5(lambda f: f.create_dataset("data", data=cube().T.astype("f2"))), "scene.mat")
    yield reads("the newest layout", hdf5(_data, libver="latest"), "scene.mat")
    yield reads("in a group", hdf5(lambda file: file.create_dataset("a/b/c", data=cube().T)), "scene.mat")
    for share in (0, 1, 20, 50, 80, 99):
        yield _refused(f"cut at {share} %", _cut(lambda size, share=share: 512 + (size - 512) * share // 100))  # type: ignore[misc]
    yield _refused("cut before its head", _cut(lambda _: 300))
    yield _refused("the superblock changed", _changed(lambda content: 512 + 16))
    tree = _changed(lambda content: content.index(b"TREE") + 8)
    yield classify("the tree changed", tree, "scene.mat", codes=EITHER)
    yield _refused("the heap changed", _changed(lambda content: content.index(b"HEAP") + 8))
    yield _refused("a chunk changed", _changed(lambda content: len(content) - 200))
    for name, dtype in {
        "words": h5py.string_dtype(),
        "words of a fixed length": "S8",
        "references": h5py.ref_dtype,
        "lists of any length": h5py.vlen_dtype(np.int32),
        "a structure": np.dtype([("a", "u2"), ("b", "f4")]),
        "complex numbers": np.complex64,
        "nothing but void": np.dtype("V8"),
        "arrays": np.dtype("(3,)f4"),
    }.items():
        yield _refused(f"of {name}", hdf5(lambda f, dtype=dtype: f.create_dataset("data", (6, 20, 24), dtype)))  # type: ignore[misc]
    for name, shape in {
        "no axis": (),
        "two axes": (20, 24),
        "four axes": (2, 6, 20, 24),
        "32 axes": (1,) * 32,
        "an axis of length 0": (6, 0, 24),
    }.items():
        yield _refused(f"with {name}", hdf5(lambda f, shape=shape: f.create_dataset("data", shape, "u2")))  # type: ignore[misc]
    for name, shape in {"terabytes": (6, 10**6, 10**6), "exabytes": (10**6, 10**7, 10**7)}.items():
        made = hdf5(lambda f, s=shape: f.create_dataset("data", s, "u2", chunks=(1, 10, 10)))  # type: ignore[misc]
        yield _refused(f"{name} that were never written", made, words="memory|too big")
    bomb = hdf5(lambda f: f.create_dataset("data", (6, 20_000, 20_000), "u2", chunks=(1, 1000, 1000)))
    yield _refused("4.8 GB that were never written", bomb, words="memory")
    yield from _elsewhere()
    for name, fill in {
        "two cubes": lambda f: (_data(f), f.create_dataset("more", data=cube().T)),
        "nothing": lambda f: None,
        "groups only": lambda f: [f.create_group(f"g{n}") for n in range(300)],
        "a group in itself": lambda f: f.create_group("a").__setitem__("b", f["a"]),
        "a link to nothing": lambda f: f.__setitem__("data", h5py.SoftLink("/nothing")),
        "a link to itself": lambda f: f.__setitem__("data", h5py.SoftLink("/data")),
        "a name of control characters": lambda f: f.create_dataset("\x1b[31mred\x07\n", data=np.arange(4)),
        "a name of 50,000 letters": lambda f: f.create_dataset("n" * 50_000, data=np.arange(4)),
        "a name of no encoding": lambda f: f.create_dataset(b"\xff\xfe", data=np.arange(4)),
        "NaN everywhere": lambda f: f.create_dataset("data", data=np.full((6, 20, 24), np.nan)),
    }.items():
        yield _refused(name, hdf5(fill))
    deep = hdf5(lambda file: file.create_dataset("/".join("g" * 1000), data=cube().T))
    yield classify("a thousand groups deep", deep, "scene.mat", codes=EITHER)
    yield _refused("a key that it does not hold", hdf5(_data), "--key", "more", words="--key")
    yield _refused("a key that climbs", hdf5(_data), "--key", "../../data", words="--key")
    unknown = _changed(lambda content: content.index(b"deflate") - 8, 0x7D)
    yield _refused("packed in an unknown way", unknown)


def _elsewhere() -> Iterator[Case]:
    """Values that lie in another file: whoever made the scene chooses what is read."""

    def secret(folder: Path) -> None:
        (folder / "secret.bin").write_bytes(cube().T.tobytes())

    def external(name: str) -> Make:
        raw = [(name, 0, h5py.h5f.UNLIMITED)]
        return several(secret, hdf5(lambda f: f.create_dataset("data", cube().T.shape, "u2", external=raw)))

    yield _refused("values in another file", external("secret.bin"), words="external|another file")
    yield _refused("values in a system file", external("/etc/passwd"), words="external|another file")
    yield _refused("values in a device", external("/dev/zero"), words="external|another file")

    def other(folder: Path) -> None:
        with h5py.File(folder / "other.h5", "w") as file:
            _data(file)

    def virtual(file: Any) -> None:
        layout = h5py.VirtualLayout(cube().T.shape, "u2")
        layout[:] = h5py.VirtualSource("other.h5", "data", cube().T.shape)
        file.create_virtual_dataset("data", layout)

    link = h5py.ExternalLink("other.h5", "data")
    yield _refused("a virtual dataset", several(other, hdf5(virtual)), words="virtual|external|another file")
    yield _refused("a link into another file", several(other, hdf5(lambda f: f.__setitem__("data", link))))
    key = hdf5(lambda f: f.__setitem__("data", link))
    yield _refused("a link into another file, by key", several(other, key), "--key", "data")
    link_to_folder = h5py.ExternalLink("/dev/stdin", "data")
    yield _refused("a link into the console", hdf5(lambda f: f.__setitem__("data", link_to_folder)))


def _refused(name: str, make: Make, *more: str, words: str = "") -> Case:
    return classify(name, make, "scene.mat", *more, words=words)

"""Label maps."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.io
from rasterio.transform import from_origin

from tests.hostile.case import EITHER, Case, Make
from tests.hostile.commands import estimated, file, several
from tests.hostile.kinds.envi_cases import text as envi_text
from tests.hostile.kinds.geotiff_cases import tif
from tests.hostile.kinds.numpy_cases import npy, npz
from tests.hostile.template import HEIGHT, WIDTH, cube, labels


def _changed(dtype: Any, value: Any, at: Any = (0, 0)) -> bytes:
    found = labels().astype(dtype)
    found[at] = value
    return npy(found)


def cases() -> Iterator[Case]:
    given = ("--labels", "map.npy")
    whole = labels()
    for name, content in {
        "uint64": npy(whole.astype(np.uint64)),
        "whole fractions": npy(whole.astype(np.float64)),
        "signed": npy(whole.astype(np.int64)),
        "big-endian": npy(whole.astype(">i4")),
        "Fortran order": npy(np.asfortranarray(whole)),
        "an axis of one": npy(whole[:, :, None]),
        "values to 10**6": _changed(np.int32, 10**6, slice(0, 4)),
        "values to 2**52": _changed(np.uint64, 2**52, slice(0, 4)),
    }.items():
        yield estimated(f"legal: {name}", file("map.npy", content), *given, codes=(0,))
    for name, content in {
        "2**64 - 1": _changed(np.uint64, 2**64 - 1, slice(0, 4)),
        "2**62": _changed(np.uint64, 2**62, slice(0, 4)),
        "2**63": _changed(np.uint64, 2**63, slice(0, 4)),
        "2**64 - 7 which wraps into the classes": _changed(np.uint64, 2**64 - 7, slice(0, 4)),
        "1e300": _changed(np.float64, 1e300, slice(0, 4)),
        "2.0**63 as a fraction": _changed(np.float64, 2.0**63, slice(0, 4)),
        "-1e19": _changed(np.float64, -1e19, slice(0, 4)),
        "half a class": _changed(np.float64, 2.5),
        "negative": _changed(np.int16, -1),
        "the least integer": _changed(np.int64, -(2**63)),
        "NaN everywhere": npy(np.full((HEIGHT, WIDTH), np.nan)),
        "infinity everywhere": npy(np.full((HEIGHT, WIDTH), np.inf)),
        "zero everywhere": npy(np.zeros((HEIGHT, WIDTH), np.uint8)),
        "one class": npy(np.ones((HEIGHT, WIDTH), np.uint8)),
        "a class in each pixel": npy(np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) + 1),
        "truth": npy(whole > 5),
        "words": npy(whole.astype(str)),
        "complex numbers": npy(whole.astype(complex)),
        "three axes": npy(cube()),
        "one layer a class": npy((whole[:, :, None] == np.array([2, 6, 9])).astype(np.uint8)),
        "one axis": npy(whole.ravel()),
        "no axis": npy(np.array(3)),
        "another size": npy(whole[:-1]),
        "another place of the axes": npy(whole.T.copy()),
        "no pixel": npy(whole[:0]),
        "a pickle": b"\x80\x04.",
        "nothing": b"",
    }.items():
        yield estimated(name, file("map.npy", content), *given)
    many = npy(np.arange(70_000).reshape(250, 280) + 1)
    big = npy(np.random.default_rng(0).integers(0, 99, (250, 280, 3)).astype(np.uint16))
    made = several(file("map.npy", many), file("big.npy", big))
    yield estimated("70,000 classes", made, "--dataset", "big.npy", *given, words="classes")
    noise = npy(np.random.default_rng(1).integers(1, 3000, (250, 280)))
    yield estimated(
        "3,000 classes", several(file("map.npy", noise), file("big.npy", big)), "--dataset", "big.npy", *given
    )
    few = np.zeros((HEIGHT, WIDTH), np.uint8)
    few[0, :2] = 1, 2
    yield estimated("one pixel a class", file("map.npy", npy(few)), *given)
    yield from _options(whole)
    yield from _places(whole)
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"a": whole, "b": whole[::-1]})
    yield estimated(
        "two maps in a file", file("map.mat", buffer.getvalue()), "--labels", "map.mat", words="--labels-key"
    )
    archive = npz({"a.npy": npy(whole), "b.npy": npy(whole)})
    yield estimated("no such map in a file", file("map.npz", archive), "--labels", "map.npz", "--labels-key", "c")
    yield estimated("a key of a map without", file("map.npy", npy(whole)), *given, "--labels-key", "c")
    for path in ("missing.npy", ".", "/dev/zero", "/dev/null", "", "bundle", "cube.npy"):
        yield estimated(f"the path {path!r}", file("map.npy", npy(whole)), "--labels", path)
    names = envi_text({"bands": "1", "data type": "1", "class names": "{a, \x1b[31mred\x07, c}", "classes": "3"})
    image = several(file("map.hdr", names), file("map.img", whole.tobytes()))
    yield estimated("class names of control characters", image, "--labels", "map.hdr", codes=EITHER)
    for name, how in {
        "train": ("--train-map", "map.npy"),
        "both, which overlap": ("--train-map", "map.npy", "--test-map", "map.npy"),
    }.items():
        yield estimated(
            f"protocol fixed: {name}",
            file("map.npy", npy(whole)),
            "--labels",
            "labels.npy",
            "--protocol",
            "fixed",
            *how,
        )
    for value in (2**64 - 7, -1, 77):
        made = file("map.npy", _changed(np.uint64 if value > 0 else np.int64, value, slice(0, 4)))
        fixed = ("--protocol", "fixed", "--train-map", "map.npy", "--test-map", "labels.npy")
        yield estimated(f"protocol fixed: a train map with {value}", made, "--labels", "labels.npy", *fixed)


def _options(whole: Any) -> Iterator[Case]:
    make: Make = file("map.npy", npy(whole))
    for name, arguments in {
        "all labels ignored": ("--ignore-labels", "2,6,9"),
        "two of three labels ignored": ("--ignore-labels", "2,6"),
        "labels ignored that are words": ("--ignore-labels", "a,b"),
        "no label ignored": ("--ignore-labels", ""),
        "a label ignored beyond 64 bits": ("--ignore-labels", str(10**30)),
        "background of words": ("--background", "black"),
        "background beyond 64 bits": ("--background", str(10**30)),
        "background of nan": ("--background", "nan"),
        "bands dropped that are not there": ("--drop-bands", "99"),
        "all bands dropped": ("--drop-bands", "1-6"),
        "band 0 dropped": ("--drop-bands", "0"),
        "bands dropped backwards": ("--drop-bands", "5-2"),
        "a million bands dropped": ("--drop-bands", "1-999999"),
        "nodata of words": ("--nodata", "black"),
        "nodata of infinity": ("--nodata", "inf"),
    }.items():
        yield estimated(f"option: {name}", make, "--labels", "map.npy", *arguments)
    zero = labels() - 2
    made = file("map.npy", npy(zero.astype(np.int16)))
    yield estimated(
        "0 among classes beside an ignored label",
        made,
        "--labels",
        "map.npy",
        "--ignore-labels",
        "7",
        words="background",
    )


def _places(whole: Any) -> Iterator[Case]:
    scene, given = tif(), ("--dataset", "scene.tif", "--labels", "map.tif")
    plane = whole[:, :, None]
    places: dict[str, dict[str, Any]] = {
        "960 m away": {"transform": from_origin(500_960, 4_000_000, 20, 20)},
        "in another zone": {"crs": "EPSG:32617"},
        "of half the pixels": {"transform": from_origin(500_000, 4_000_000, 10, 10)},
    }
    for name, how in places.items():
        yield estimated(f"labels {name}", several(scene, tif(array=plane, name="map.tif", **how)), *given)
    up = from_origin(500_000, 4_000_000 - 20 * HEIGHT, 20, -20)
    south = several(scene, tif(array=plane[::-1], name="map.tif", transform=up))
    yield estimated("labels south up, which are turned", south, *given, codes=(0,))
    nowhere = several(scene, tif(array=plane, name="map.tif", crs=None, transform=None))
    yield estimated("labels without a place", nowhere, *given, codes=(0,))

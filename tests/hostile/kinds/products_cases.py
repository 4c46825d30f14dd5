"""Products as delivered: HDF5 of known layouts, GeoTIFF beside XML, ENVI beside a lookup table."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.hostile.case import EITHER, Case, Make
from tests.hostile.commands import classify, several
from tests.scene.products import delivered

EMIT = "EMIT_L2A_RFL_001_20220815T042838_2222703_003.nc"
ENMAP = "ENMAP01-____L2A-DT0000001234_20220727T105635Z_001_V010106_20221107T105635Z-METADATA.XML"


def _harmed(make: Callable[[Path], Path], harm: Callable[[h5py.File], object]) -> Make:
    def harmed(folder: Path) -> None:
        with h5py.File(make(folder), "a") as file:
            harm(file)

    return harmed


def _cut(make: Callable[[Path], Path], share: int) -> Make:
    def cut(folder: Path) -> None:
        path = make(folder)
        os.truncate(path, path.stat().st_size * share // 100)

    return cut


def _replaced(name: str, values: Any) -> Callable[[h5py.File], object]:
    def replaced(file: h5py.File) -> None:
        del file[name]
        file[name] = values

    return replaced


def _attribute(name: str, value: Any) -> Callable[[h5py.File], object]:
    return lambda file: file.attrs.__setitem__(name, value)


def cases() -> Iterator[Case]:
    for share in (0, 10, 50, 90):
        yield classify(f"EMIT cut at {share} %", _cut(delivered.emit, share), EMIT)
    far = np.full((10, 11), 2**31 - 1, np.int32)
    for name, harm, words in (
        ("a lookup beyond the image", _replaced("location/glt_x", far), "must lead to its 9 x 8 pixels"),
        ("a lookup of NaN", _replaced("location/glt_y", np.full((10, 11), np.nan)), "must lead to its"),
        ("a lookup of another shape", _replaced("location/glt_y", far[:3]), "must lead to its"),
        ("a lookup to nowhere", _replaced("location/glt_y", 0 * far), "must lead to its"),
        ("wavelengths of words", _replaced("sensor_band_parameters/wavelengths", ["a"] * 7), "numbers along 1 axes"),
        ("NaN for wavelengths", _replaced("sensor_band_parameters/wavelengths", np.full(7, np.nan)), "wavelength"),
        ("two wavelengths", _replaced("sensor_band_parameters/wavelengths", np.ones(2)), "wavelength"),
        ("a cube of two axes", _replaced("reflectance", np.ones((9, 8))), "numbers along 3 axes"),
        ("a CRS that is none", _attribute("spatial_ref", "nonsense"), "coordinate reference system"),
    ):
        yield classify(f"EMIT with {name}", _harmed(delivered.emit, harm), EMIT, words=words)
    nowhere = _harmed(delivered.emit, _attribute("geotransform", [np.nan] * 6))
    yield classify("EMIT with NaN for a place", nowhere, EMIT, words="six numbers")

    def bomb(file: h5py.File) -> None:
        del file["reflectance"]
        file.create_dataset("reflectance", (20_000, 20_000, 7), "f4", chunks=(100, 100, 7))
        _replaced("location/glt_x", np.ones((2, 2), np.int32))(file)
        _replaced("location/glt_y", np.ones((2, 2), np.int32))(file)

    yield classify("EMIT of 11 GB that were never written", _harmed(delivered.emit, bomb), EMIT, words="memory|mask")

    def wide(file: h5py.File) -> None:
        for axis in "xy":
            del file[f"location/glt_{axis}"]
            file.create_dataset(f"location/glt_{axis}", (10**6, 10**5), "i4", chunks=(100, 100))

    yield classify("EMIT with a lookup of 400 GB", _harmed(delivered.emit, wide), EMIT, words="memory")
    mask = EMIT.replace("RFL", "MASK")
    other = several(delivered.emit, lambda folder: os.truncate(folder / mask, 300))
    yield classify("EMIT beside a mask that is cut", other, EMIT, words="whole HDF5")
    elsewhere = _harmed(delivered.emit, lambda file: file.__setitem__("a", h5py.ExternalLink("/etc/passwd", "/")))
    yield classify("EMIT that leads to another file", elsewhere, EMIT, words="another file")
    prisma = "PRS_L2D_STD_20201107101404_20201107101408_0001.he5"
    for name, harm, words in (
        ("an EPSG code that is none", _attribute("Epsg_Code", 2**31 - 1), "coordinate reference system"),
        ("wavelengths of words", _attribute("List_Cw_Vnir", "a b c"), ""),
        ("a corner of infinity", _attribute("Product_ULcorner_easting", np.inf), "must be a number"),
        ("no scale", lambda file: file.attrs.__delitem__("L2ScaleVnirMax"), "must have the attribute L2ScaleVnirMax"),
    ):
        yield classify(f"PRISMA with {name}", _harmed(delivered.prisma, harm), prisma, words=words)
    yield from _xml()
    table = "ang20220224t210144_rdn_v2aa1_glt"
    cut = several(delivered.aviris_ng, lambda folder: os.truncate(folder / table, 10))
    yield classify("a lookup table that is cut", cut, "ang20220224t210144_rdn_v2aa1_img", words="must hold")


def _xml() -> Iterator[Case]:
    laughs = '<!DOCTYPE a [<!ENTITY b "b"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;</a>'
    number = "<bandID><wavelengthCenterOfBand>{}</wavelengthCenterOfBand></bandID>"
    for name, text, words in (
        ("entities", laughs, "document type"),
        ("a file of this machine", '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "document type"),
        ("nothing", " ", "no XML"),
        ("nine megabytes", f"<a>{'b' * (9 << 20)}</a>", "at most"),
        ("a word for a wavelength", f"<a>{number.format('red')}</a>", "must be a number"),
        ("infinite wavelengths", f"<a>{number.format('1e999') * 5}</a>", "wavelength"),
    ):
        make = lambda folder, text=text: delivered.enmap(folder, xml=text)  # noqa: E731
        yield classify(f"EnMAP with {name}", make, ENMAP, words=words)
    deep = "<a>" * 200_000 + "</a>" * 200_000
    yield classify("EnMAP 200,000 elements deep", lambda folder: delivered.enmap(folder, xml=deep), ENMAP, codes=EITHER)

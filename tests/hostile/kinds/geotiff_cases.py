"""GeoTIFF, and what is called .tif."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.transform import from_origin

from tests.hostile.case import EITHER, Case, Make
from tests.hostile.commands import classify, file, reads, several
from tests.hostile.template import BANDS, HEIGHT, WIDTH, cube

Raster = Any


def tif(change: Callable[[Raster], object] = lambda raster: None, array: Any = None, **profile: Any) -> Make:
    """scene.tif of (H, W, C) values; `change` is called with the open dataset."""

    def make(folder: Path) -> None:
        values: npt.NDArray[Any] = (cube() if array is None else array).transpose(2, 0, 1)
        size = {"count": len(values), "height": values.shape[1], "width": values.shape[2], "dtype": values.dtype}
        place = {"crs": "EPSG:32616", "transform": from_origin(500_000, 4_000_000, 20, 20)}
        name = profile.pop("name", "scene.tif") if "name" in profile else "scene.tif"
        with rasterio.open(folder / name, "w", **({"driver": "GTiff"} | place | size | profile)) as raster:
            raster.write(values)
            change(raster)

    return make


def _changed(change: Callable[[bytes], bytes], **profile: Any) -> Make:
    def make(folder: Path) -> None:
        path = folder / "scene.tif"
        path.write_bytes(change(path.read_bytes()))

    return several(tif(**profile), make)


def _flipped(seed: int) -> Callable[[bytes], bytes]:
    """Eight bytes of the first 600, which hold the directory of most files, are set to chance."""

    def change(content: bytes) -> bytes:
        rng, found = np.random.default_rng(seed), bytearray(content)
        for place in rng.integers(4, min(len(found), 600), 8):
            found[place] = int(rng.integers(256))
        return bytes(found)

    return change


def cases() -> Iterator[Case]:
    yield from _legal()
    for share in (0, 1, 3, 10, 40, 70, 99):
        made = _changed(lambda content, share=share: content[: len(content) * share // 100])  # type: ignore[misc]
        yield _refused(f"cut at {share} %", made)
    made = _changed(lambda content: content[: len(content) * 6 // 10], compress="deflate")
    yield _refused("packed and cut", made)
    for seed in range(24):
        made = _changed(_flipped(seed))
        yield Case(
            f"eight bytes changed, {seed}",
            ("predict", "bundle", "scene.tif", "--out", "map.npy"),
            made,
            EITHER,
            writes=("map.npy",),
        )
    for name, content in {
        "empty": b"",
        "text": b"no image at all\n" * 99,
        "the magic alone": b"II*\0",
        "a directory beyond the file": b"II*\0\xff\xff\xff\x7f" + bytes(99),
        "a directory that is itself": b"II*\0\x08\0\0\0" + b"\0\0" + b"\x08\0\0\0" + bytes(99),
        "a directory of 65,535 entries": b"II*\0\x08\0\0\0\xff\xff" + bytes(999),
        "noise": b"II*\0" + np.random.default_rng(3).bytes(4000),
        "a large TIFF of noise": b"II+\0\x08\0\0\0" + np.random.default_rng(4).bytes(4000),
    }.items():
        yield _refused(f"a file of {name}", file("scene.tif", content))
    for driver in ("PNG", "JPEG", "GIF", "BMP", "NITF", "HFA", "PCIDSK"):
        few = cube()[:, :, : 1 if driver in ("GIF", "BMP") else 3].astype(np.uint8)
        yield _refused(f"{driver} with another name", tif(array=few, driver=driver, crs=None, transform=None))
    grid = "ncols 20\nnrows 24\nxllcorner 0\nyllcorner 0\ncellsize 1\n" + "1 " * 480
    yield _refused("an ASCII grid with another name", file("scene.tif", grid))
    yield _refused(
        "points as text with another name",
        file("scene.tif", "x,y,z\n" + "".join(f"{n % 20},{n // 20},1\n" for n in range(480))),
    )
    yield _refused("complex numbers", tif(array=cube().astype(np.complex64)), words="real")
    yield _refused("NaN everywhere", tif(array=np.full(cube().shape, np.nan, np.float32)))
    yield _refused("one value everywhere", tif(array=np.full(cube().shape, 7, np.uint16)))
    yield _refused("nodata everywhere", tif(array=np.full(cube().shape, 7, np.uint16), nodata=7))
    yield _refused("everything masked", tif(lambda r: r.write_mask(np.zeros((HEIGHT, WIDTH), bool))))
    yield _refused("other bands", tif(array=cube()[:, :, :4]))
    for name, (height, width) in {"gigabytes": (40_000, 40_000), "terabytes": (1_000_000, 1_000_000)}.items():
        yield _refused(f"{name} that were never written", _sparse(height, width), words="memory")
    bomb = tif(array=np.zeros((1, 1, BANDS), np.uint16), height=1, width=1)
    yield _refused("a single pixel", bomb)
    tags = tif(lambda r: [r.set_band_description(band + 1, "\x1b[31mred\x07" * 100) for band in range(BANDS)])
    yield reads("descriptions of control characters", tags, "scene.tif")
    many = tif(lambda r: r.update_tags(**{f"key{n}": "x" * 500 for n in range(2000)}))
    yield reads("a megabyte of tags", many, "scene.tif")
    for name, value in {
        "words": "red",
        "not a number": "nan",
        "infinity": "inf",
        "negative": "-5",
        "of 10**400": "1e400",
    }.items():
        waves = tif(lambda r, value=value: [r.update_tags(band + 1, wavelength=value) for band in range(BANDS)])  # type: ignore[misc]
        yield classify(f"wavelengths: {name}", waves, "scene.tif", codes=EITHER)


def _legal() -> Iterator[Case]:
    profiles: dict[str, dict[str, Any]] = {
        "plain": {},
        "bands by pixel": {"interleave": "pixel"},
        "tiles": {"tiled": True, "blockxsize": 16, "blockysize": 16},
        "deflate": {"compress": "deflate", "predictor": 2},
        "LZW": {"compress": "lzw"},
        "a large TIFF": {"bigtiff": "yes"},
        "big-endian": {"endianness": "big"},
        "no place": {"crs": None, "transform": None},
        "a nodata value that no pixel has": {"nodata": 65535},
    }
    for name, how in profiles.items():
        yield reads(name, tif(**how), "scene.tif")
    yield reads("fractions", tif(array=cube().astype(np.float32)), "scene.tif")
    yield reads("a nodata value of nan", tif(array=cube().astype(np.float32), nodata=np.nan), "scene.tif")
    yield reads("overviews", tif(lambda r: r.build_overviews([2, 4])), "scene.tif")
    yield reads("a mask that leaves all", tif(lambda r: r.write_mask(np.ones((HEIGHT, WIDTH), bool))), "scene.tif")

    def scaled(raster: Raster) -> None:
        raster.scales = (0.0001,) * BANDS

    yield reads("scales are said", tif(scaled), "scene.tif", told="scale")

    half = np.ones((HEIGHT, WIDTH), bool)
    half[: HEIGHT // 2] = False
    yield Case(
        "a mask leaves pixels out of the map",
        ("predict", "bundle", "scene.tif", "--out", "map.npy"),
        tif(lambda r: r.write_mask(half)),
        codes=(0,),
        writes=("map.npy",),
        check=lambda folder: (
            "" if ((np.load(folder / "map.npy") == 0) == ~half).all() else "masked pixels have classes"
        ),
    )
    yield reads("suffix of capitals", tif(name="scene.TIF"), "scene.TIF")
    south = tif(transform=from_origin(500_000, 4_000_000, 20, -20))
    yield reads("rows from the south", south, "scene.tif")


def _sparse(height: int, width: int) -> Make:
    def make(folder: Path) -> None:
        size = {"height": height, "width": width, "count": BANDS, "dtype": "uint16"}
        block = {"tiled": True, "blockxsize": 4096, "blockysize": 4096, "bigtiff": "yes"}
        if height > 100_000:
            block |= {"blockxsize": 65_536, "blockysize": 65_536}
        with rasterio.open(folder / "scene.tif", "w", driver="GTiff", sparse_ok="true", **size, **block):
            pass

    return make


def _refused(name: str, make: Make, *more: str, words: str = "") -> Case:
    return classify(name, make, "scene.tif", *more, words=words)

"""Predictions as files: picture, GeoTIFF, array, ENVI classification. Written whole or not at all."""

import re
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine

from hsiauto.errors import UserError
from hsiauto.files import atomic_path, writing
from hsiauto.models.predict import Prediction
from hsiauto.report.palette import class_colours
from hsiauto.scene.model import GeoReference

FORMATS = (".png", ".tif", ".npy", ".hdr")


def check_map_path(path: Path) -> None:
    """Raise UserError if `write_map` would not know the format of `path`; call it before a long prediction."""
    if Path(path).suffix.lower() not in FORMATS:
        raise UserError("a map ends in " + ", ".join(FORMATS), path, "Choose one of these endings.")


def write_map(
    prediction: Prediction, path: Path, geo: GeoReference | None = None, class_names: Sequence[str] = ()
) -> None:
    """Write `prediction` in the format of the path's ending.

    .png  classes in the colours of the palette, no data in black
    .tif  GeoTIFF, float32: band 1 the classes (0 = no data), band 2 the confidence; class names as tags
    .npy  classes (H, W), int16
    .hdr  ENVI classification with names and colours; the classes stand beside it in .img

    Raises UserError for another ending, and if the file cannot be written.
    """
    from matplotlib import image  # only whoever draws needs it

    path = Path(path)
    check_map_path(path)
    n_classes = max(len(class_names), int(prediction.classes.max(initial=0)))
    names = [*class_names, *(f"class {k}" for k in range(len(class_names) + 1, n_classes + 1))]
    match path.suffix.lower():
        case ".png":
            with atomic_path(path) as temporary:
                image.imsave(temporary, _colours(n_classes)[prediction.classes], format="png")
        case ".tif":
            _write_tif(prediction, path, geo, names)
        case ".npy":
            with atomic_path(path) as temporary:
                np.save(temporary, prediction.classes, allow_pickle=False)
        case ".hdr":
            _write_envi(prediction.classes, path, geo, names)


def _write_tif(prediction: Prediction, path: Path, geo: GeoReference | None, names: Sequence[str]) -> None:
    with atomic_path(path) as temporary:
        bands = np.stack([prediction.classes.astype(np.float32), prediction.confidence])
        tags = {f"CLASS_{k}": name for k, name in enumerate(names, start=1)}
        creation = {"driver": "GTiff", "nodata": 0, "compress": "deflate"}
        _write_raster(bands, temporary, geo, ("class", "confidence"), tags, creation)


def _write_envi(classes: npt.NDArray[np.int16], path: Path, geo: GeoReference | None, names: Sequence[str]) -> None:
    """GDAL writes data and geo reference; the lines that make it a classification are added to its header."""
    with writing(path), tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as folder:
        data = Path(folder) / "map.img"
        _write_raster(classes[None], data, geo, ("class",), {}, {"driver": "ENVI"})
        lookup = ", ".join(str(v) for v in _colours(len(names)).ravel())
        # A name may hold what delimits a list in this format.
        plain = [name.translate(str.maketrans(",{}\n", ";() ")) for name in ("no data", *names)]
        header = data.with_suffix(".hdr")
        text = re.sub(
            r"description = \{.*?\}", "description = {class map by hsiauto}", header.read_text(), flags=re.DOTALL
        )
        text = text.replace("file type = ENVI Standard", "file type = ENVI Classification")
        text += f"classes = {len(plain)}\nclass lookup = {{{lookup}}}\nclass names = {{{', '.join(plain)}}}\n"
        header.write_text(text)
        data.replace(path.with_suffix(".img"))
        header.replace(path)


def _write_raster(
    bands: npt.NDArray[Any],
    path: Path,
    geo: GeoReference | None,
    descriptions: Sequence[str],
    tags: dict[str, str],
    creation: dict[str, Any],
) -> None:
    """(bands, H, W) -> a raster file with the scene's geo reference, if it has one."""
    count, height, width = bands.shape
    creation = {**creation, "count": count, "height": height, "width": width, "dtype": bands.dtype}
    if geo is not None:
        creation["transform"] = Affine(*geo.transform)
        if geo.crs_wkt:
            creation["crs"] = CRS.from_wkt(geo.crs_wkt)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **creation) as raster:
            raster.write(bands)
            raster.descriptions = tuple(descriptions)
            if tags:
                raster.update_tags(**tags)


def _colours(n_classes: int) -> npt.NDArray[np.uint8]:
    """(n_classes + 1, 3): no data in black, then the classes."""
    return np.vstack([np.zeros((1, 3), np.uint8), class_colours(n_classes)])

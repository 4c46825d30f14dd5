"""Predictions as files: picture, GeoTIFF, array, ENVI. Written whole or not at all."""

import contextlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError, shown
from hsiauto.files import atomic_path, writing
from hsiauto.models.predict import Prediction
from hsiauto.report.geotiff import LARGEST_LISTED, categories_path, write_tif
from hsiauto.report.legend import Legend
from hsiauto.report.raster_file import compare, printable, write_raster
from hsiauto.scene.model import GeoReference

FORMATS = (".png", ".tif", ".npy", ".hdr")
Layer = Literal["class", "confidence", "probabilities", "dissimilarity"]
LAYERS: tuple[Layer, ...] = get_args(Layer)

_LARGEST = 2**32 - 1


def check_map(path: Path, legend: Legend, layers: Sequence[Layer] = ("class",)) -> None:
    """Raise UserError for what `write_map` could not write; call it before a long prediction."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise UserError("a map ends in " + ", ".join(FORMATS), path, "Choose one of these endings.")
    if strange := [layer for layer in layers if layer not in LAYERS]:
        raise UserError(f"`layers` are {', '.join(LAYERS)}", shown(strange[0]), "Name some of these.")
    if not layers:
        raise UserError("`layers` names one layer or more", "none", f"Name some of {', '.join(LAYERS)}.")
    if suffix == ".png" and tuple(layers) != ("class",):
        rule, remedy = "a picture shows classes alone", "Write .tif, .npy or .hdr, or only the layer class."
        raise UserError(rule, f"`layers` {','.join(layers)}", remedy)
    largest = LARGEST_LISTED if suffix == ".hdr" else _LARGEST
    if max(legend.values) > largest:
        remedy = "Write .tif, which holds larger ones." if suffix == ".hdr" else "Renumber the labels and train again."
        raise UserError(f"a {suffix} map holds label values up to {largest:,}", max(legend.values), remedy)


def layer_path(path: Path, layer: Layer) -> Path:
    """The file of a layer: `path` for the classes, `map-confidence.tif` beside map.tif for the confidence."""
    return path if layer == "class" else path.with_name(f"{path.stem}-{layer}{path.suffix}")


def map_files(path: Path, layers: Sequence[Layer] = ("class",)) -> Iterator[Path]:
    """Every file that `write_map` makes or replaces."""
    for layer in layers:
        file = layer_path(path, layer)
        yield file
        match file.suffix.lower():
            case ".hdr":
                yield file.with_suffix(".img")
            case ".tif" if layer == "class":
                yield categories_path(file)


def write_map(
    prediction: Prediction,
    path: Path,
    legend: Legend,
    geo: GeoReference | None = None,
    layers: Sequence[Layer] = ("class",),
) -> None:
    """Write each of `layers` of `prediction` to a file, in the format of the path's ending.

    class          the user's own label values, uint8 or uint16 (uint32 if a value needs it)
    confidence     (H, W), float32
    probabilities  float32, a band a class; in .npy (K, H, W)
    dissimilarity  (H, W), float32: at most 1 within the model's area of applicability, NaN without data

    .png  the classes in their colours, no data in black
    .tif  cloud-optimised GeoTIFF with colour table; names as tags CLASS_<value>, and as GDAL's categories and
          attribute table beside it
    .npy  (H, W)
    .hdr  ENVI with names and colours; the data stand beside it in .img

    A scene in the sensor's geometry comes onto the grid of its geometry lookup table. Raises UserError as `check_map`,
    and if a file cannot be written.
    """
    from matplotlib import image  # only whoever draws needs it

    path = Path(path)
    check_map(path, legend, layers)
    prediction = on_the_map(prediction, geo)
    for layer in layers:
        bands, names = _bands(prediction, layer, legend)
        file = layer_path(path, layer)
        with _whole(file):
            match path.suffix.lower():
                case ".png":
                    with atomic_path(file) as temporary:
                        image.imsave(temporary, legend.coloured(prediction.classes), format="png")
                case ".tif":
                    write_tif(bands, names, file, geo, legend if layer == "class" else None)
                case ".npy":
                    array = bands if layer == "probabilities" else bands[0]
                    with atomic_path(file) as temporary:
                        np.save(temporary, array, allow_pickle=False)
                        compare([np.load(temporary, mmap_mode="r")], [array])
                case ".hdr":
                    _write_envi(bands, names, file, geo, legend if layer == "class" else None)


def on_the_map(prediction: Prediction, geo: GeoReference | None) -> Prediction:
    """Of a scene in the sensor's geometry each cell of the map, with what was predicted at the pixel that it shows."""
    if geo is None or geo.lookup is None:
        return prediction
    to_map, every, apart = geo.lookup.to_map, prediction.probabilities, prediction.dissimilarity
    return Prediction(
        to_map(prediction.classes, 0),
        to_map(prediction.confidence, 0),
        None if every is None else to_map(every, 0),
        None if apart is None else to_map(apart, np.nan),
    )


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Turn what GDAL and NumPy say of a write that failed, which tells no cause, into a UserError."""
    try:
        yield
    except (OSError, SystemError, ValueError) as error:  # ValueError: NumPy, of a file that is too short to map
        if isinstance(error, UserError) or getattr(error, "errno", None) is not None:
            raise
        remedy = "Free some space, or name another folder."
        raise UserError(f"{path} must be written whole", " ".join(str(error).split()), remedy) from error


def _bands(prediction: Prediction, layer: Layer, legend: Legend) -> tuple[npt.NDArray[Any], Sequence[str]]:
    """(bands, H, W) of a layer, and what each band is called."""
    if layer == "class":
        return legend.valued(prediction.classes)[None], ("class",)
    if layer == "confidence":
        return prediction.confidence[None], ("confidence",)
    if layer == "dissimilarity":
        assert prediction.dissimilarity is not None, "spectra were not compared"
        return prediction.dissimilarity[None], ("dissimilarity",)
    assert prediction.probabilities is not None, "probabilities were not kept"
    return prediction.probabilities, legend.names


def _write_envi(
    bands: npt.NDArray[Any], names: Sequence[str], path: Path, geo: GeoReference | None, legend: Legend | None
) -> None:
    """GDAL writes data and geo reference; the lines that make it a classification are added to its header."""
    with writing(path), tempfile.TemporaryDirectory(prefix=".map-", dir=path.parent) as folder:
        data = Path(folder) / "map.img"
        write_raster(bands, data, geo, [_plain(name) for name in names], {"driver": "ENVI"}, legend)
        header = data.with_suffix(".hdr")
        text = header.read_text(encoding="utf-8")
        text = re.sub(r"description = \{.*?\}", "description = {map by hsiauto}", text, flags=re.DOTALL)
        text = re.sub(r"(classes|class lookup|class names) = (\{.*?\}|\S+)\n", "", text, flags=re.DOTALL)
        if legend is not None:
            text = text.replace("file type = ENVI Standard", "file type = ENVI Classification") + _class_lines(legend)
        header.write_text(text, encoding="utf-8")
        data.replace(path.with_suffix(".img"))
        header.replace(path)


def _class_lines(legend: Legend) -> str:
    """ENVI lists a class for every number from 0 on; those that are no label are called unused."""
    entries = {value: (name, colour) for value, name, colour in legend.entries}
    listed = [entries.get(value, ("unused", (0, 0, 0))) for value in range(max(entries) + 1)]
    lookup = ", ".join(str(part) for _, colour in listed for part in colour)
    names = ", ".join(_plain(name) for name, _ in listed)
    return f"classes = {len(listed)}\nclass lookup = {{{lookup}}}\nclass names = {{{names}}}\n"


def _plain(name: str) -> str:
    """`name` without what delimits a list in an ENVI header."""
    return printable(name.translate(str.maketrans(",{}\n", ";() ")))

"""EnMAP L2A and DESIS L2A: a GeoTIFF `...-SPECTRAL_IMAGE.TIF` whose bands `...-METADATA.XML` beside it describes.

EnMAP Product Specification (EN-PCV-ICD-2009-2) and DESIS Products (Alonso et al. 2019, doi.org/10.3390/s19204471).
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError, shown
from hsiauto.scene.readers.stored import Stored
from hsiauto.scene.readers.xml import parsed
from hsiauto.scene.wavelengths import to_nm

_METADATA, _IMAGE = "METADATA.XML", "SPECTRAL_IMAGE"
_IMAGES = (".TIF", ".TIFF", "_COG.TIF", "_COG.TIFF")
_HIDDEN = ("QL_QUALITY_CLOUD", "QL_QUALITY_CLOUDSHADOW", "QL_QUALITY_CIRRUS")
"""EnMAP's masks of pixels at which the ground was not seen: 0 where it was."""
_REMEDY = "Give the product as it was delivered, all its files in one folder"


def metadata_of(path: Path) -> Path | None:
    """The metadata of a product of which `path` is the metadata or the image; None for any other file."""
    name = path.name.upper()
    if name.endswith(_METADATA):
        return path
    stem, found, ending = path.name.upper().rpartition(_IMAGE)
    if not found or not name.endswith((".TIF", ".TIFF")) or ending not in _IMAGES:
        return None
    return next(_beside(path, len(stem), (_METADATA,)), None)


def images_of(metadata: Path) -> Iterator[Path]:
    """The image and the masks that are read with it."""
    stem = len(metadata.name) - len(_METADATA)
    yield from _beside(metadata, stem, [part + ending for part in (_IMAGE, *_HIDDEN) for ending in _IMAGES])


def read(metadata: Path) -> Stored:
    """The image (H, W, C) as stored, with what its metadata say. Raises UserError for a product that is not whole."""
    from hsiauto.scene.readers import raster

    images = [path for path in images_of(metadata) if _IMAGE in path.name.upper()]
    if len(images) != 1:
        received = ", ".join(path.name for path in images) or "none"
        raise UserError(f"{metadata} needs one {_IMAGE}{_IMAGES[0]} beside it", received, _REMEDY)
    root = parsed(metadata, lambda received: UserError(f"{metadata} must be metadata in XML", received, _REMEDY))
    stored = raster.read(images[0])
    bands = [band for band in root.iter() if band.find("wavelengthCenterOfBand") is not None]
    nm, note = to_nm(_numbers(bands, "wavelengthCenterOfBand", metadata), "nm")
    if nm is None or len(nm) != stored.array.shape[2]:
        received = note or f"{len(bands)} for the {stored.array.shape[2]} bands of {images[0].name}"
        raise UserError(f"{metadata} must give each band a wavelength", received, _REMEDY)
    mask, notes = _seen(metadata, stored)
    background = _numbers([root], ".//backgroundValue", metadata)
    gains = {gain for name in ("GainOfBand", "gainOfBand") for gain in _numbers(bands, name, metadata)} - {1.0}
    if gains:
        notes += (f"values are used as stored: times {min(gains):g}{' and others' * (len(gains) > 1)} is reflectance",)
    return replace(
        stored,
        nodata=background[0] if stored.nodata is None and background else stored.nodata,
        mask=mask,
        wavelengths_nm=nm,
        notes=(*stored.notes, *notes),
    )


def _beside(path: Path, stem: int, endings: tuple[str, ...] | list[str]) -> Iterator[Path]:
    """Files of the folder that have the first `stem` letters of the name, and one of `endings` in any case after."""
    wanted = [(path.name[:stem] + ending).upper() for ending in endings]
    there = {file.name.upper(): file for file in sorted(path.absolute().parent.iterdir()) if file.is_file()}
    yield from (there[name] for name in wanted if name in there)


def _numbers(elements: list[ElementTree.Element], name: str, metadata: Path) -> list[float]:
    found = [text for element in elements if (text := element.findtext(name)) is not None]
    try:
        return [float(text) for text in found]
    except ValueError as error:
        rule = f"{name.rpartition('/')[2]} in {metadata} must be a number"
        raise UserError(rule, shown(str(error).rpartition(":")[2].strip()), _REMEDY) from error


def _seen(metadata: Path, stored: Stored) -> tuple[npt.NDArray[np.bool_] | None, tuple[str, ...]]:
    """(where the image and its masks have the ground, what was done)."""
    from hsiauto.scene.readers import raster

    mask, used = stored.mask, []
    for path in images_of(metadata):
        if _IMAGE in path.name.upper():
            continue
        hidden = raster.read(path).array
        if hidden.shape != (*stored.array.shape[:2], 1):
            raise UserError(f"{path} must have the image's rows and columns", hidden.shape, _REMEDY)
        mask = (hidden[..., 0] == 0) if mask is None else mask & (hidden[..., 0] == 0)
        used.append(path.stem.upper().rpartition("QL_QUALITY_")[2].lower())
    if not used or mask is None:
        return mask, ("no mask of clouds was found beside it: clouds are not left out",)
    return mask, (f"{int((~mask).sum()):,} pixels without data by the product's masks: {', '.join(used)}",)

"""VRT files, GDAL's mosaics and stacks. They may name any file and any address, so they are not handed to GDAL: what is
known here is copied into a new one, whose parts are images of the same folder.

https://gdal.org/drivers/raster/vrt.html
"""

import re
from pathlib import Path
from xml.etree import ElementTree

from hsiauto.errors import UserError, shown
from hsiauto.files import regular_file
from hsiauto.scene.readers.beside import check_beside, is_tiff
from hsiauto.scene.readers.envi import header_of
from hsiauto.scene.readers.xml import parsed

_REMEDY = "Make an image of it where you trust it: gdal_translate IN.vrt OUT.tif."
_BAND_OF = ("SimpleSource", "ComplexSource")
_RECTANGLE = ("xOff", "yOff", "xSize", "ySize")
_COPIED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "VRTDataset": (
        ("rasterXSize", "rasterYSize"),
        ("SRS", "GeoTransform", "Metadata", "VRTRasterBand", "MaskBand"),
    ),
    "MaskBand": ((), ("VRTRasterBand",)),
    "VRTRasterBand": (
        ("dataType", "band"),
        ("Description", "NoDataValue", "HideNoDataValue", "ColorInterp", "Offset", "Scale", "Metadata", *_BAND_OF),
    ),
    "Metadata": (("domain",), ("MDI",)),
    "MDI": (("key",), ()),
    "SRS": (("dataAxisToSRSAxisMapping",), ()),
    "SrcRect": (_RECTANGLE, ()),
    "DstRect": (_RECTANGLE, ()),
} | dict.fromkeys(
    _BAND_OF,
    ((), ("SourceFilename", "SourceBand", "SrcRect", "DstRect", "NODATA", "ScaleOffset", "ScaleRatio", "UseMaskBand")),
)
"""Element -> the attributes and the elements that are copied with it; those without an entry hold text alone."""
_LEFT_OUT = {
    *("blockXSize", "blockYSize", "BlockXSize", "BlockYSize", "resampling", "coordinateEpoch", "SourceProperties"),
    *("OverviewList", "Histograms", "ColorTable", "CategoryNames", "UnitType", "GCPList", "GDALRasterAttributeTable"),
}
"""Attributes and elements that change no value that we read."""


def plain(path: Path) -> bytes:
    """The VRT at `path` made anew of its simple bands. Raises UserError for what it may not hold, by its name."""
    return bytes(ElementTree.tostring(_copy(_parse(path), path, {})))


def parts(path: Path) -> set[Path]:
    """The files that a VRT names. Raises UserError as `plain` does."""
    return {_part(element, path) for element in _parse(path).iter("SourceFilename")}


def _parse(path: Path) -> ElementTree.Element:
    root = parsed(path, lambda received: _refusal(path, received))
    if root.tag != "VRTDataset":
        raise _refusal(path, shown(root.tag))
    return root


def _copy(element: ElementTree.Element, path: Path, drivers: dict[Path, str]) -> ElementTree.Element:
    attributes, children = _COPIED.get(element.tag, ((), ()))
    if element.tag == "SourceFilename":
        attributes, driver = ("relativeToVRT", "shared"), _driver(part := _part(element, path), path, drivers)
    if strange := [name for name in element.attrib if name not in attributes and name not in _LEFT_OUT]:
        raise _refusal(path, f"{shown(strange[0])} of {element.tag}")
    if element.tag == "SourceFilename":
        copied = ElementTree.Element(element.tag, relativeToVRT="0")
        copied.text = f"vrt://{part}?if={driver}"
        return copied
    if element.tag == "SourceBand" and not re.fullmatch(r"\s*(mask,)?[0-9]{1,9}\s*", element.text or ""):
        raise _refusal(path, f"SourceBand {shown(element.text)}")
    copied = ElementTree.Element(
        element.tag, {name: element.attrib[name] for name in attributes if name in element.attrib}
    )
    copied.text = element.text
    for child in element:
        if child.tag in _LEFT_OUT or child.get("domain", "IMAGERY") != "IMAGERY":
            continue
        if child.tag not in children:
            raise _refusal(path, f"{shown(child.tag)} in {element.tag}")
        copied.append(_copy(child, path, drivers))
    if element.tag in _BAND_OF and not _of_one_size(element):
        raise _refusal(path, "a part at another resolution")
    return copied


def _part(element: ElementTree.Element, path: Path) -> Path:
    """The file that a SourceFilename means."""
    name = (element.text or "").strip()
    folder = path.resolve().parent
    found = (folder / name).resolve()
    relative = element.get("relativeToVRT") == "1" or Path(name).is_absolute()
    if not relative or "?" in name or not found.is_relative_to(folder) or not found.is_file():
        raise UserError("the parts of a VRT are files of its own folder", f"{shown(name)} in {path}", _REMEDY)
    return found


def _driver(part: Path, path: Path, drivers: dict[Path, str]) -> str:
    """The format of a part, looked at once."""
    if part not in drivers:
        check_beside(regular_file(part))
        header = None if is_tiff(part) else header_of(part)
        if header is None and not is_tiff(part):
            raise UserError("the parts of a VRT are GeoTIFF or ENVI files", f"{part} in {path}", _REMEDY)
        drivers[part] = "GTiff" if header is None else "ENVI"
    return drivers[part]


def _of_one_size(source: ElementTree.Element) -> bool:
    """Whether a source is copied pixel by pixel: overviews, in files of their own, serve other resolutions."""
    sizes = [
        [box.get(side) for side in ("xSize", "ySize")]
        for box in map(source.find, ("SrcRect", "DstRect"))
        if box is not None
    ]
    try:
        numbers = [[float(side or "nan") for side in size] for size in sizes]
    except ValueError:
        return False
    return not numbers or (len(numbers) == 2 and numbers[0] == numbers[1])


def _refusal(path: Path, received: str) -> UserError:
    return UserError(f"{path} must be a VRT of simple bands", received, _REMEDY)

"""Maps as cloud-optimised GeoTIFF: tiles and overviews, so that QGIS and a browser read what they show alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy.typing as npt

from hsiauto.files import atomic_path
from hsiauto.report.legend import Legend
from hsiauto.report.raster_file import printable, write_raster
from hsiauto.scene.model import GeoReference

LARGEST_LISTED = 4095
"""Largest label value of a list with an entry for each number from 0: ENVI's class names, GDAL's categories."""


def write_tif(
    bands: npt.NDArray[Any], names: Sequence[str], path: Path, geo: GeoReference | None, legend: Legend | None
) -> None:
    """Write (bands, H, W); of classes their names and colours too. Raises UserError if a file cannot be written."""
    with atomic_path(path) as temporary:
        # a class between two others is no mean of them
        creation = {"driver": "COG", "compress": "deflate", "overview_resampling": "nearest" if legend else "average"}
        write_raster(bands, temporary, geo, names, creation, legend)
    if legend is not None:
        with atomic_path(categories_path(path)) as temporary:
            temporary.write_bytes(_categories(legend))


def categories_path(path: Path) -> Path:
    """Where GDAL looks for the names of a map's classes."""
    return path.with_name(path.name + ".aux.xml")


def _categories(legend: Legend) -> bytes:
    """What GDAL keeps beside a GeoTIFF: category names by value, and an attribute table."""
    root = ElementTree.Element("PAMDataset")
    band = ElementTree.SubElement(root, "PAMRasterBand", band="1")
    named = {value: name for value, name, _ in legend.entries}
    if max(named) <= LARGEST_LISTED:
        categories = ElementTree.SubElement(band, "CategoryNames")
        for value in range(max(named) + 1):
            ElementTree.SubElement(categories, "Category").text = printable(named.get(value, ""))
    table = ElementTree.SubElement(band, "GDALRasterAttributeTable", tableType="thematic")
    columns = (("Value", 0, 5), ("Class", 2, 2), ("Red", 0, 6), ("Green", 0, 7), ("Blue", 0, 8))
    for index, (name, kind, usage) in enumerate(columns):
        field = ElementTree.SubElement(table, "FieldDefn", index=str(index))
        for tag, text in (("Name", name), ("Type", str(kind)), ("Usage", str(usage))):
            ElementTree.SubElement(field, tag).text = text
    for index, (value, name, colour) in enumerate(legend.entries):
        row = ElementTree.SubElement(table, "Row", index=str(index))
        for cell in (str(value), printable(name), *map(str, colour)):
            ElementTree.SubElement(row, "F").text = cell
    return bytes(ElementTree.tostring(root, encoding="utf-8"))

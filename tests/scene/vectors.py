"""Vector files of rectangles and points, given in columns and rows of `fabricate`'s grid."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyogrio

WEST, NORTH, SIDE = 500_000, 4_000_000, 20
UTM = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32616"}}

Feature = dict[str, Any]


def place(column: float, row: float) -> list[float]:
    return [WEST + SIDE * column, NORTH - SIDE * row]


def box(left: float, top: float, right: float, bottom: float, **properties: Any) -> Feature:
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return feature("Polygon", [[place(*corner) for corner in corners]], **properties)


def point(column: float, row: float, **properties: Any) -> Feature:
    return feature("Point", place(column, row), **properties)


def feature(kind: str, coordinates: Any, **properties: Any) -> Feature:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def geojson(path: Path, features: Sequence[Any], **members: Any) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": UTM, "features": list(features), **members}))
    return path


def with_gdal(path: Path, source: Path, *, crs: str | None = "EPSG:32616", layer: str | None = None) -> Path:
    """The features of a GeoJSON file as a layer of a GeoPackage or shapefile."""
    meta, _, geometry, values = pyogrio.raw.read(source)
    driver = {".gpkg": "GPKG", ".shp": "ESRI Shapefile"}[path.suffix]
    how = {"geometry_type": meta["geometry_type"], "crs": crs, "driver": driver, "layer": layer}
    pyogrio.raw.write(path, geometry, values, meta["fields"], append=path.exists(), **how)
    return path


def zipped(shape: Path) -> Path:
    """The files of a shapefile as an archive, with what the archiver of macOS adds."""
    path = shape.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(shape.parent.glob(f"{shape.stem}.*")):
            if file.suffix not in (".zip", ".geojson"):
                archive.write(file, file.name)
                archive.writestr(f"__MACOSX/._{file.name}", b"")
    return path

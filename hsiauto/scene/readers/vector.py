"""Polygons and points with a field: GeoJSON, and through GDAL (pyogrio) GeoPackage and shapefile, zipped or not.

GeoJSON is RFC 7946, whose places are degrees (WGS 84), or its older form with `crs`, which QGIS writes.
"""

import io
import json
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError, shown
from hsiauto.files import check_json, read_json, regular_file
from hsiauto.scene.readers.stored import unreadable
from hsiauto.scene.readers.zipped import shapefile

_SIGNATURES = {".gpkg": (68, (b"GPKG", b"GP10", b"GP11")), ".shp": (0, (b"\x00\x00\x27\x0a",))}
"""Where a file of each type has which bytes: GDAL is handed no other format, some of which name other files."""
_WRAPPED = {"Point": 3, "MultiPoint": 2, "Polygon": 1, "MultiPolygon": 0}
"""Lists to add around the coordinates to have parts of rings of places."""
_CRS_NAME = re.compile(r"(?:urn:(?:x-)?ogc:def:crs:)?(EPSG|OGC|ESRI):(?:[\w.]*:)?(\w+)", re.IGNORECASE)
_NO_CRS = "a layer of labels must name its coordinate reference system"

Places = npt.NDArray[np.float64]
"""(N, 2) x and y."""
Feature = dict[str, Any]
"""As in GeoJSON."""


@dataclass(frozen=True)
class Layer:
    """The features of a vector file."""

    name: str
    """As messages call it."""
    crs: str
    """As rasterio understands it."""
    points: bool
    """Whether the features are points; else all are polygons."""
    shapes: list[list[list[Places]]]
    """The parts of each feature; a part is the rings of a polygon, the outer one first, or one array of points."""
    fields: dict[str, list[Any]]
    """The values of each field that was asked for, by feature; none is null."""
    without: int
    """Features without a geometry, left out."""


def read(path: Path, layer: str | None, fields: Sequence[str]) -> Layer:
    """The polygons or the points of a file, with some `fields`.

    `layer` names one of a GeoPackage that has several. Raises UserError for a file of another kind, a layer or a field
    that it does not have, nulls in a field, no feature, other geometries or two kinds of them, and no CRS.
    """
    regular_file(path)
    if path.suffix.lower() == ".zip":
        with shapefile(path) as unpacked:
            inside = read(unpacked, layer, fields)
        return replace(inside, name=inside.name.replace(str(unpacked.parent), str(path)))
    read_features = _through_gdal if path.suffix.lower() in _SIGNATURES else _geojson
    name, crs, found = read_features(path, layer, fields)
    if not found:
        raise UserError("a layer of labels must have features", f"none in {name}", "Give the layer that has them")
    placed = [one for one in found if one.get("geometry") and one["geometry"].get("coordinates") != []]
    kinds = Counter(str(one["geometry"].get("type")) for one in placed)
    points = {kind.endswith("Point") for kind in kinds}
    if not kinds.keys() <= _WRAPPED.keys() or len(points) != 1:
        counted = ", ".join(f"{n:,} {shown(kind)[1:-1]}" for kind, n in kinds.most_common(5)) or "no geometry"
        raise UserError("labels are polygons alone, or points alone", f"{counted} in {name}", "Give each a layer")
    values = {field: _values(field, placed, name) for field in fields}
    shapes = [_parts(one["geometry"], name, number) for number, one in enumerate(placed, start=1)]
    return Layer(name, crs, points.pop(), shapes, values, len(found) - len(placed))


def _geojson(path: Path, layer: str | None, _: Sequence[str]) -> tuple[str, str, list[Feature]]:
    document = json.loads(read_json(path))
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or not all(map(_is_feature, features)):
        raise UserError(f"{path} must be a GeoJSON FeatureCollection", shown(document), "Export the layer as GeoJSON")
    if layer is not None and layer != document.get("name"):
        called = document.get("name")
        has = f"Leave it out: the layer of {path} " + ("has no name" if called is None else f"is {shown(called)}")
        raise UserError("`label_layer` must name a layer of the file", shown(layer), has)
    crs = document.get("crs", {"properties": {"name": "OGC:CRS84"}})
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = _CRS_NAME.fullmatch(str(properties.get("name"))) if isinstance(properties, dict) else None
    if name is None:
        raise UserError(_NO_CRS, f"`crs` {shown(crs)} in {path}", "Export it in WGS 84, or with a CRS of EPSG")
    return str(path), f"{name[1].upper()}:{name[2]}", features


def _is_feature(value: Any) -> bool:
    parts = [value.get("geometry"), value.get("properties")] if isinstance(value, dict) else [value]
    return all(isinstance(part, dict | None) for part in parts)


def _through_gdal(path: Path, layer: str | None, fields: Sequence[str]) -> tuple[str, str, list[Feature]]:
    """(name, CRS, features) of a GeoPackage or shapefile."""
    _check_format(path)
    try:
        import pyogrio
        from pyogrio import errors, raw
    except ImportError as error:
        remedy = "pip install 'hsiauto[vector]', or export the layer as GeoJSON"
        raise UserError(f"{path} is read by pyogrio", "none is installed", remedy) from error
    whole, written = path.absolute(), io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of GDAL, about columns that nobody asked for
            layers = [str(name) for name, kind in pyogrio.list_layers(whole) if kind is not None]
            if layer not in layers and (layer is not None or len(layers) != 1):
                received = "none" if layer is None else shown(layer)
                raise UserError(f"`label_layer` must name a layer of {path}", received, f"It has: {', '.join(layers)}")
            layer = layer or layers[0]
            for field in fields:
                _check_field(field, pyogrio.read_info(whole, layer=layer)["fields"], f"{path}, layer {layer}")
            meta, _, geometry, values = raw.read(whole, layer=layer, columns=list(fields), force_2d=True)
            if not meta["crs"]:
                remedy = "Export it with one; of a shapefile it stands in the .prj"
                raise UserError(_NO_CRS, f"none in {path}, layer {layer}", remedy)
            a_line_each = {"geometry_type": "Unknown", "driver": "GeoJSONSeq", "COORDINATE_PRECISION": 15}
            raw.write(written, geometry, values, meta["fields"], **a_line_each)  # with its CRS it would be in degrees
    except (errors.DataSourceError, errors.DataLayerError) as error:
        received = unreadable(path, "vector file", error)
        raise UserError("labels must be a whole GeoPackage or shapefile", received, "Export the layer again") from error
    lines = written.getvalue().splitlines()
    return f"{path}, layer {layer}", meta["crs"], [json.loads(check_json(line, str(path))) for line in lines]


def _check_format(path: Path) -> None:
    """Raises UserError for what GDAL would take for something else, or read in part."""
    place, signatures = _SIGNATURES[path.suffix.lower()]
    with path.open("rb") as file:
        begins = file.read(100)
    if begins[place : place + 4] not in signatures:
        raise UserError(f"{path} must be what its name says", "another format", "Export the layer again")
    if path.suffix.lower() == ".shp":
        needed, size = 2 * int.from_bytes(begins[24:28], "big"), path.stat().st_size
        if size < needed:
            raise UserError(f"{path} must hold the {needed:,} bytes of its header", f"{size:,}", "Copy it again")
        for suffix in (".shx", ".dbf"):
            regular_file(path.with_suffix(suffix))


def _check_field(field: str, known: Iterable[str], name: str) -> None:
    if field not in known:
        remedy = f"Its fields: {', '.join(sorted(known)) or 'none'}"
        rule = f"`label_field` and `group_field` name fields of {name}"
        raise UserError(rule, shown(field) if field else "no `label_field`", remedy)


def _values(field: str, features: list[Feature], name: str) -> list[Any]:
    """The value of `field` of each feature."""
    tables = [one.get("properties") or {} for one in features]
    _check_field(field, {key for table in tables for key in table}, name)
    values = [table.get(field) for table in tables]
    if empty := sum(value is None or not str(value).strip() for value in values):
        received = f"{empty:,} of {len(values):,} without one in {name}"
        raise UserError(f"every feature needs a value of {shown(field)}", received, "Fill it in, or delete them")
    return values


def _parts(geometry: dict[str, Any], name: str, number: int) -> list[list[Places]]:
    """Raises UserError for coordinates that are none."""
    found = geometry.get("coordinates")
    for _ in range(_WRAPPED[geometry["type"]]):
        found = [found]
    least = 1 if geometry["type"].endswith("Point") else 4
    try:
        parts = [[_places(ring, least) for ring in part] for part in found or ()]
        if parts and all(parts):
            return parts
        error: Exception = ValueError("a part without a ring")
    except (TypeError, ValueError, OverflowError) as caught:
        error = caught
    remedy = "Repair the geometries, or export the layer again"
    raise UserError(f"the coordinates of {name} must be numbers, x and y", f"feature {number}: {error}", remedy)


def _places(ring: Any, least: int) -> Places:
    places = np.array([place[:2] for place in ring], np.float64)
    if places.ndim != 2 or places.shape[1] != 2 or len(places) < least or not np.isfinite(places).all():
        raise ValueError(f"{shown(ring)} has not {least} of them")
    return places

"""Labels as polygons and points."""

import json
import sqlite3
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyogrio

from tests.hostile.bombs import zip_of_zeros
from tests.hostile.case import EITHER, Case, Make
from tests.hostile.commands import estimated, file, several
from tests.hostile.kinds.geotiff_cases import tif
from tests.hostile.template import HEIGHT, VALUES, WIDTH

_UTM: Any = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32616"}}
_WEST, _NORTH, _SIDE = 500_000, 4_000_000, 20
_LARGEST = 1.7e308


def _stripe(row: float, **properties: Any) -> dict[str, Any]:
    """A field of two rows, as the labels of the template have them."""
    corners = [(0, row), (WIDTH, row), (WIDTH, row + 2), (0, row + 2), (0, row)]
    return _feature("Polygon", [[[_WEST + _SIDE * c, _NORTH - _SIDE * r] for c, r in corners]], **properties)


def _feature(kind: Any, coordinates: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": {"type": kind, "coordinates": coordinates}}


def _stripes() -> list[dict[str, Any]]:
    return [_stripe(row, crop=VALUES[row // 2 % 3]) for row in range(0, HEIGHT, 2)]


def _text(features: Any, crs: Any = _UTM) -> str:
    return json.dumps({"type": "FeatureCollection", "crs": crs, "features": features})


def _packed(name: str, change: Any = None) -> Make:
    """The stripes as a GeoPackage or a shapefile, and what happens to it then."""

    def make(folder: Path) -> None:
        (folder / "in.geojson").write_text(_text(_stripes()))
        meta, _, geometry, values = pyogrio.raw.read(folder / "in.geojson")
        how = {"geometry_type": "Polygon", "crs": "EPSG:32616"}
        pyogrio.raw.write(folder / name, geometry, values, meta["fields"], **how)
        if change is not None:
            change(folder / name)

    return make


def _zip(path: Path, place: str = "") -> Path:
    packed = path.with_suffix(".zip")
    with zipfile.ZipFile(packed, "w") as archive:
        for suffix in (".shp", ".shx", ".dbf", ".prj"):
            archive.write(path.with_suffix(suffix), f"{place}fields{suffix}")
    return packed


def _without(suffix: str) -> Any:
    return lambda path: path.with_suffix(suffix).unlink()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _sql(statement: str) -> Any:
    def change(path: Path) -> None:
        with sqlite3.connect(path) as base:
            base.executescript(statement)

    return change


def cases() -> Iterator[Case]:
    scene = tif()
    given = ("--dataset", "scene.tif", "--label-field", "crop")
    drawn = (*given, "--labels", "fields.geojson")
    yield estimated("legal: stripes", several(scene, file("fields.geojson", _text(_stripes()))), *drawn, codes=(0,))
    whole = _stripes()
    for name, text in {
        "nothing": "",
        "a list": "[]",
        "a feature alone": json.dumps(whole[0]),
        "no feature": _text([]),
        "features that are an object": _text({"a": whole[0]}),
        "a feature that is a number": _text([1]),
        "features of features": _text([whole]),
        "geometries without features": json.dumps({"type": "GeometryCollection", "geometries": [whole[0]["geometry"]]}),
        "NaN": _text(whole).replace("500000", "NaN"),
        "1e999": _text(whole).replace("500000", "1e999"),
        "a number of 5,000 digits": _text(whole).replace("500000", "9" * 5000),
        "30 levels": _text([_feature("Polygon", json.loads("[" * 30 + "1" + "]" * 30), crop=2)]),
        "a line": _text([*whole, _feature("LineString", [[0, 0], [1, 1]], crop=2)]),
        "a collection": _text([*whole, {**whole[0], "geometry": {"type": "GeometryCollection", "geometries": []}}]),
        "a kind that is a list": _text([*whole, _feature(["Polygon"], [[[0, 0]]], crop=2)]),
        "points beside polygons": _text([*whole, _feature("Point", [_WEST, _NORTH], crop=2)]),
        "a place of one number": _text([*whole, _feature("Polygon", [[[1], [2], [3], [1]]], crop=2)]),
        "places that are words": _text([*whole, _feature("Polygon", [["ab", "cd", "ef", "ab"]], crop=2)]),
        "places that are objects": _text([*whole, _feature("Polygon", [[{"0": 1}] * 4], crop=2)]),
        "a ring of two places": _text([*whole, _feature("Polygon", [[[_WEST, _NORTH]] * 2], crop=2)]),
        "coordinates that are words": _text([*whole, _feature("MultiPolygon", "abc", crop=2)]),
        "a polygon without rings": _text([*whole, _feature("MultiPolygon", [[]], crop=2)]),
        "places beyond the Earth": _text(whole, crs=_UTM | {"properties": {"name": "EPSG:4326"}}),
        "the largest numbers": _text([_feature("Polygon", [[[_LARGEST, -_LARGEST]] * 4], crop=2)]),
        "a CRS of the network": _text(whole, crs={"properties": {"name": "http://127.0.0.1/crs"}}),
        "a CRS that is a file": _text(whole, crs={"properties": {"name": "/etc/passwd"}}),
        "a CRS that is a list": _text(whole, crs=[1]),
        "no CRS by name": _text(whole, crs=None),
        "a class that is null": _text([*whole, _stripe(0, crop=None)]),
        "a class that is a fraction": _text([*whole, _stripe(0, crop=0.5)]),
        "a class below 0": _text([*whole[1:], _stripe(0, crop=-1)]),
        "a class beyond 64 bits, which is a name": _text([_stripe(0, crop=10**30)]),
        "properties that are a list": _text([{**whole[0], "properties": [1]}]),
        "one class": _text(whole[::3]),
        "0 as a class": _text([*whole[1:], _stripe(0, crop=0)]),
    }.items():
        yield estimated(name, several(scene, file("fields.geojson", text)), *drawn)
    names = ["\x1b[31mred", "a\nb", "x" * 10_000]
    odd = [_stripe(2 * n, crop=name) for n, name in enumerate(names)]
    yield estimated("names that are no words", several(scene, file("fields.geojson", _text(odd))), *drawn, codes=EITHER)
    for name, arguments in {
        "no field": drawn[:2],
        "a field that is not there": (*drawn, "--group-field", "farm"),
        "an empty field": (*drawn[:2], "--label-field", ""),
        "a layer of GeoJSON": (*drawn, "--label-layer", "a"),
        "a key": (*drawn, "--labels-key", "a"),
        "a map of groups": (*drawn, "--groups", "labels.npy"),
        "a cube without a place": ("--dataset", "cube.npy", *drawn[2:]),
    }.items():
        made = several(scene, file("fields.geojson", _text(whole)))
        labels = () if "--labels" in arguments else ("--labels", "fields.geojson")
        yield estimated(f"option: {name}", made, *arguments, *labels)
    yield from _through_gdal(scene, given)


def _through_gdal(scene: Make, given: tuple[str, ...]) -> Iterator[Case]:
    for name, made in {"fields.gpkg": _packed("fields.gpkg"), "fields.shp": _packed("fields.shp")}.items():
        yield estimated(f"legal: {name}", several(scene, made), *given, "--labels", name, codes=(0,))
    yield estimated(
        "legal: fields.zip", several(scene, _packed("fields.shp", _zip)), *given, "--labels", "fields.zip", codes=(0,)
    )
    away = "UPDATE gpkg_geometry_columns SET table_name = 'none'"
    looped = "DROP TABLE fields; CREATE VIEW fields AS SELECT * FROM fields"
    vrt = '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer>'
    other = _sql("CREATE TABLE a (b)")
    for name, (path, made) in {
        "half a GeoPackage": ("fields.gpkg", _packed("fields.gpkg", _cut)),
        "a GeoPackage whose table is elsewhere": ("fields.gpkg", _packed("fields.gpkg", _sql(away))),
        "a GeoPackage whose table is a view of itself": ("fields.gpkg", _packed("fields.gpkg", _sql(looped))),
        "a GeoPackage that is another database": (
            "fields.gpkg",
            lambda folder: other(folder / "fields.gpkg"),
        ),
        "a GeoPackage that is JSON": ("fields.gpkg", file("fields.gpkg", _text(_stripes()))),
        "a shapefile that names other files": ("fields.shp", file("fields.shp", vrt)),
        "half a shapefile": ("fields.shp", _packed("fields.shp", _cut)),
        "a shapefile without an index": ("fields.shp", _packed("fields.shp", _without(".shx"))),
        "a shapefile without fields": ("fields.shp", _packed("fields.shp", _without(".dbf"))),
        "a shapefile without a CRS": ("fields.shp", _packed("fields.shp", _without(".prj"))),
        "a shapefile of a signature alone": ("fields.shp", file("fields.shp", struct.pack(">i", 9994))),
        "half an archive": ("fields.zip", _packed("fields.shp", lambda path: _cut(_zip(path)))),
        "an archive that unpacks to 20 GB": ("fields.zip", file("fields.zip", zip_of_zeros("a.shp", b"", 20 << 30))),
        "an archive of places elsewhere": ("fields.zip", _packed("fields.shp", lambda path: _zip(path, "../"))),
    }.items():
        yield estimated(name, several(scene, made), *given, "--labels", path)

"""The classes of a map as polygons, read back by the library that QGIS and geopandas use too."""

import sys
from pathlib import Path

import numpy as np
import pyogrio
import pytest
from pyogrio import raw

from hsiauto.errors import UserError
from hsiauto.models.predict import Prediction
from hsiauto.report.polygons import check_polygons, write_polygons
from hsiauto.scene.lookup import GeometryLookup
from hsiauto.scene.model import GeoReference
from tests.report.test_maps import LEGEND, UTM

CLASSES = np.array([[0, 1, 1, 1], [2, 1, 2, 1], [2, 1, 1, 1]], np.int16)


def _written(path: Path, geo: GeoReference | None, min_pixels: int = 1) -> dict[str, list[object]]:
    prediction = Prediction(CLASSES, np.ones(CLASSES.shape, np.float32))
    assert write_polygons(prediction, path, LEGEND, geo, min_pixels) == len(_read(path)["value"])
    return _read(path)


def _read(path: Path) -> dict[str, list[object]]:
    meta, _, _, columns = raw.read(path, layer="classes")
    return dict(zip(meta["fields"], (column.tolist() for column in columns), strict=True))


def test_each_patch_is_a_polygon_with_the_class_of_the_label_map(tmp_path: Path) -> None:
    found = _written(tmp_path / "map.gpkg", UTM)
    assert sorted(zip(found["value"], found["class"], found["pixels"], strict=True), key=str) == [
        (2, "corn, notill", 8),
        (6, "woods", 1),
        (6, "woods", 2),
    ]
    assert set(found["colour"]) == {f"#{bytes(colour).hex()}" for colour in LEGEND.colours}
    info = pyogrio.read_info(tmp_path / "map.gpkg", layer="classes")
    assert info["crs"] == "EPSG:32616"
    assert info["geometry_type"] == "Polygon"
    west, south, east, north = info["total_bounds"]
    assert (west, south, east, north) == (500_000, 4_480_000 - 60, 500_000 + 80, 4_480_000)


def test_small_patches_join_their_neighbour_and_no_data_none(tmp_path: Path) -> None:
    found = _written(tmp_path / "map.gpkg", UTM, min_pixels=2)
    assert sorted(found["pixels"], key=str) == [2, 9]


def test_without_a_place_polygons_lie_where_qgis_shows_the_picture(tmp_path: Path) -> None:
    _written(tmp_path / "map.gpkg", None)
    info = pyogrio.read_info(tmp_path / "map.gpkg", layer="classes")
    assert info["crs"] is None
    assert info["total_bounds"] == (0, -3, 4, 0)


def test_polygons_of_a_scene_in_the_sensors_geometry_lie_on_the_ground(tmp_path: Path) -> None:
    lookup = GeometryLookup((3, 4), np.arange(12).reshape(3, 4).T.copy())
    found = _written(tmp_path / "map.gpkg", GeoReference(UTM.crs_wkt, UTM.transform, lookup))
    assert sorted(found["pixels"], key=str) == [1, 2, 8]
    assert pyogrio.read_info(tmp_path / "map.gpkg", layer="classes")["total_bounds"][2] == 500_000 + 3 * 20


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyogrio", None)
    with pytest.raises(UserError, match=r"hsiauto\[vector\]"):
        check_polygons()


def test_a_polygon_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="writ"):
        _written(tmp_path / "missing" / "map.gpkg", UTM)
    assert list(tmp_path.iterdir()) == []

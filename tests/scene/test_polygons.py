"""Polygons and points with a class become the label map of a cube."""

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasterio.transform import Affine
from rasterio.warp import transform_geom

from hsiauto.errors import UserError
from hsiauto.scene import Scene, open_scene
from hsiauto.scene.source import SceneSource
from tests.hostile.bombs import zip_of_zeros
from tests.scene import fabricate as f
from tests.scene import vectors as v

CORN = v.box(0, 0, 6, 3, crop="corn", code=7, farm="b")
OATS = v.box(0, 4, 3, 7, crop="oats", code=3, farm="a")
EXPECTED = np.zeros((f.H, f.W), int)
EXPECTED[:3], EXPECTED[4:, :3] = 1, 2


def opened(tmp_path: Path, labels: Path, label_field: str | None = "crop", **settings: Any) -> Scene:
    cube = tmp_path / "cube.tif"
    if not cube.exists():
        f.tif(cube, f.cube())
    return open_scene(SceneSource(dataset=str(cube), labels=labels, label_field=label_field, **settings))


def drawn(tmp_path: Path, *features: Any, **settings: Any) -> Scene:
    return opened(tmp_path, v.geojson(tmp_path / "fields.geojson", features), **settings)


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".shp", ".zip"])
def test_classes_have_the_names_of_the_field_and_polygons_are_groups(tmp_path: Path, suffix: str) -> None:
    fields = v.geojson(tmp_path / "fields.geojson", [OATS, CORN])
    if suffix != ".geojson":
        fields = v.with_gdal(fields.with_suffix(".shp" if suffix == ".zip" else suffix), fields)
    if suffix == ".zip":
        fields = v.zipped(fields)
    scene = opened(tmp_path, fields)
    np.testing.assert_array_equal(scene.labels, EXPECTED)
    assert (scene.class_names, scene.label_values) == (("corn", "oats"), (1, 2))
    np.testing.assert_array_equal(scene.groups, np.select([EXPECTED == 1, EXPECTED == 2], [2, 1]))
    assert scene.notes == ("labels: polygons: 2",)


def test_a_pixel_belongs_to_the_polygon_that_holds_its_centre(tmp_path: Path) -> None:
    just, short = v.box(0.49, 0.49, 2.51, 1.51, crop="a"), v.box(3.51, 3.51, 5.49, 5.49, crop="b")
    centres, touched = drawn(tmp_path, just, short), drawn(tmp_path, just, short, all_touched=True)
    assert np.argwhere(centres.labels == 1).tolist() == [[r, c] for r in (0, 1) for c in (0, 1, 2)]
    assert np.argwhere(centres.labels == 2).tolist() == [[4, 4]]
    assert np.argwhere(touched.labels == 2).tolist() == [[r, c] for r in (3, 4, 5) for c in (3, 4, 5)]


def test_another_crs_is_reprojected_and_geojson_without_one_is_in_degrees(tmp_path: Path) -> None:
    features = [{**one, "geometry": transform_geom("EPSG:32616", "OGC:CRS84", one["geometry"])} for one in (CORN, OATS)]
    degrees = tmp_path / "degrees.geojson"
    degrees.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    np.testing.assert_array_equal(opened(tmp_path, degrees).labels, EXPECTED)
    packed = v.with_gdal(tmp_path / "degrees.gpkg", degrees, crs="EPSG:4326")
    np.testing.assert_array_equal(opened(tmp_path, packed).labels, EXPECTED)


@pytest.mark.parametrize("turned", [Affine.identity(), Affine.translation(6, 7) @ Affine.rotation(180)])
def test_a_cube_that_is_turned_takes_each_pixel_from_its_own_place(tmp_path: Path, turned: Affine) -> None:
    north_up = Affine(v.SIDE, 0, v.WEST, 0, -v.SIDE, v.NORTH)
    f.tif(tmp_path / "cube.tif", f.cube(), transform=north_up @ turned)
    expected = EXPECTED if turned.is_identity else EXPECTED[::-1, ::-1]
    np.testing.assert_array_equal(drawn(tmp_path, CORN, OATS).labels, expected)


def test_where_classes_meet_pixels_are_unlabelled_and_counted(tmp_path: Path) -> None:
    scene = drawn(tmp_path, CORN, v.box(0, 2, 3, 7, crop="oats"), v.box(4, 1, 6, 5, crop="corn"))
    assert (scene.labels[2] == [0, 0, 0, 1, 1, 1]).all()
    assert "labels: pixels in polygons of different classes, which makes them unlabelled: 3" in scene.notes
    assert scene.groups is not None
    assert set(np.unique(scene.groups[:3, 4:])) <= {1, 3}, "of one class: a pixel is of either"


def test_what_labels_nothing_is_counted(tmp_path: Path) -> None:
    away, tiny, nowhere = v.box(90, 0, 95, 5, crop="rye"), v.box(4.6, 5.6, 4.9, 5.9, crop="rye"), {**CORN}
    nowhere["geometry"] = None
    scene = drawn(tmp_path, CORN, OATS, away, tiny, nowhere)
    assert scene.class_names == ("corn", "oats")
    assert scene.notes == (
        "labels: polygons: 4",
        "labels: features without a geometry, left out: 1",
        "labels: polygons outside the cube: 1",
        "labels: polygons that label no pixel, as they hold no pixel's centre (see `all_touched`) or lie under others: "
        "1",
    )


def test_parts_and_holes_of_a_polygon_and_points(tmp_path: Path) -> None:
    ring, hole, other = (
        v.box(*corners)["geometry"]["coordinates"][0] for corners in ((0, 0, 4, 4), (1, 1, 3, 3), (5, 6, 6, 7))
    )
    scene = drawn(tmp_path, v.feature("MultiPolygon", [[ring, hole], [other]], crop="a"), v.box(1, 1, 3, 3, crop="b"))
    assert np.bincount(scene.labels.ravel()).tolist() == [f.H * f.W - 17, 13, 4]
    assert scene.labels[6, 5] == 1
    several = v.feature("MultiPoint", [v.place(0.2, 0.9), v.place(5.9, 6.9)], crop="a")
    scene = drawn(tmp_path, several, v.point(2.5, 3.5, crop="b"), v.point(-1, 3.5, crop="b"))
    assert np.argwhere(scene.labels).tolist() == [[0, 0], [3, 2], [6, 5]]
    assert scene.notes == ("labels: points: 3", "labels: points outside the cube: 1")


@pytest.mark.parametrize("values", [(7, 3), (7.0, 3.0), ("7", "3")])
def test_whole_numbers_are_labels_as_they_are(tmp_path: Path, values: tuple[Any, Any]) -> None:
    scene = drawn(tmp_path, v.box(0, 0, 6, 3, crop=values[0]), v.box(0, 4, 3, 7, crop=values[1]))
    assert (scene.class_names, scene.label_values) == (("class 3", "class 7"), (3, 7))
    assert scene.labels[0, 0] == 2


def test_text_that_only_looks_like_a_number_is_a_name(tmp_path: Path) -> None:
    scene = drawn(tmp_path, v.box(0, 0, 6, 3, crop="007"), v.box(0, 4, 3, 7, crop="7"))
    assert (scene.class_names, scene.label_values) == (("007", "7"), (1, 2))


def test_a_class_0_is_asked_about(tmp_path: Path) -> None:
    features = v.box(0, 0, 6, 3, crop=0), v.box(0, 4, 3, 7, crop=1), v.box(4, 4, 6, 7, crop=2)
    with pytest.raises(UserError, match="whether 0 is a class"):
        drawn(tmp_path, *features)
    whole = v.box(0, 0, 6, 3, crop=0), v.box(0, 3, 6, 5, crop=1), v.box(0, 5, 6, 7, crop=2)
    with pytest.raises(UserError, match="whether 0 is a class"):
        drawn(tmp_path, *whole)
    assert drawn(tmp_path, *whole, background="none").class_names == ("class 0", "class 1", "class 2")
    assert drawn(tmp_path, *features, background="none").label_values == (0, 1, 2)
    assert drawn(tmp_path, *features, background=0).label_values == (1, 2)


def test_a_group_field_joins_polygons(tmp_path: Path) -> None:
    farms = [
        v.box(n, row, n + 1, row + 1, crop=crop, farm=n % 2) for row, crop in ((0, "a"), (3, "b")) for n in range(6)
    ]
    scene = drawn(tmp_path, *farms, group_field="farm")
    assert scene.groups is not None
    np.testing.assert_array_equal(scene.groups[0], [1, 2] * 3)
    np.testing.assert_array_equal(scene.groups[3], scene.groups[0])
    assert scene.data_hash != drawn(tmp_path, *farms).data_hash


LINE = v.feature("LineString", [v.place(0, 0), v.place(1, 1)], crop="a")


@pytest.mark.parametrize(
    ("features", "settings", "words"),
    [
        ([CORN, OATS], {"label_field": None}, r"received no `label_field`.*Its fields: code, crop, farm"),
        ([CORN, OATS], {"label_field": "crops"}, r"'crops'.*Its fields: code, crop, farm"),
        ([CORN, OATS], {"group_field": "owner"}, r"'owner'.*Its fields: code, crop, farm"),
        ([CORN, OATS], {"label_layer": "b"}, r"`label_layer`.*'b'.*has no name"),
        ([], {}, r"must have features.*none in"),
        ([CORN, v.point(1, 1, crop="a")], {}, r"polygons alone, or points alone.*1 Polygon, 1 Point"),
        ([CORN, LINE], {}, r"polygons alone, or points alone.*1 LineString"),
        ([{**CORN, "geometry": None}], {}, r"polygons alone, or points alone.*no geometry"),
        ([CORN, v.box(0, 4, 3, 7, crop=None), v.box(3, 4, 5, 7)], {}, r"value of 'crop'.*2 of 3 without one"),
        ([CORN, v.box(0, 4, 3, 7, crop="  ")], {}, r"value of 'crop'.*1 of 2 without one"),
        ([CORN, v.box(0, 4, 3, 7, crop=1.5)], {}, r"text or whole numbers.*1\.5"),
        ([CORN, CORN], {}, r"two classes or more.*corn alone"),
        ([CORN, v.box(90, 0, 95, 5, crop="rye")], {}, r"two classes or more.*corn alone"),
        ([v.box(90, 0, 95, 5, crop="a"), v.box(80, 0, 85, 5, crop="b")], {}, r"must lie on the cube.*columns 80 to 95"),
        ([v.box(0.6, 0.6, 0.9, 0.9, crop="a")], {}, r"centres of pixels.*none that does"),
        ([v.feature("Polygon", [[v.place(0, 0)] * 3], crop="a")], {}, r"feature 1"),
        ([v.feature("Polygon", [[["a", "b"]] * 4], crop="a")], {}, r"feature 1"),
        ([v.feature("Polygon", None, crop="a")], {}, r"feature 1"),
        ([v.feature("MultiPolygon", [[]], crop="a")], {}, r"feature 1"),
        ([v.feature("Point", [10**400, 1], crop="a")], {}, r"feature 1"),
        ([3], {}, "GeoJSON FeatureCollection"),
    ],
)
def test_what_cannot_be_labels_is_refused_in_one_line(
    tmp_path: Path, features: list[Any], settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words) as refused:
        drawn(tmp_path, *features, **settings)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("crs", "words"),
    [
        (None, "must name its coordinate reference system"),
        ({"type": "name", "properties": {"name": "http://example.org/crs"}}, "must name its coordinate reference"),
        ({"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::99999999"}}, "must be those of EPSG:99999999"),
        ({"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}, "must be those of OGC:CRS84"),
    ],
)
def test_a_crs_that_is_missing_unknown_or_another_is_told(tmp_path: Path, crs: Any, words: str) -> None:
    fields = v.geojson(tmp_path / "fields.geojson", [CORN, OATS], crs=crs)
    with pytest.raises(UserError, match=words):
        opened(tmp_path, fields)


def test_a_cube_that_does_not_say_where_it_lies_takes_no_polygons(tmp_path: Path) -> None:
    fields = v.geojson(tmp_path / "fields.geojson", [CORN, OATS])
    for cube in (f.npy(tmp_path / "cube.npy", f.cube()), f.tif(tmp_path / "bare.tif", f.cube(), crs=None)):
        with pytest.raises(UserError, match="need a cube that says where on Earth it lies"):
            open_scene(SceneSource(dataset=str(cube), labels=fields, label_field="crop"))


def test_layers_and_fields_of_a_geopackage_are_named(tmp_path: Path) -> None:
    fields, packed = v.geojson(tmp_path / "fields.geojson", [CORN, OATS]), tmp_path / "fields.gpkg"
    v.with_gdal(packed, fields, layer="one")
    with pytest.raises(UserError, match=r"'none such'.*It has: one"):
        opened(tmp_path, packed, label_layer="none such")
    with pytest.raises(UserError, match=r"layer one; received 'kind'.*Its fields: code, crop, farm"):
        opened(tmp_path, packed, "kind")
    v.with_gdal(packed, fields, layer="two")
    with pytest.raises(UserError, match=r"received none.*It has: one, two"):
        opened(tmp_path, packed)
    assert opened(tmp_path, packed, label_layer="two").class_names == ("corn", "oats")


def test_vector_files_that_are_not_whole_are_refused(tmp_path: Path) -> None:
    fields = v.geojson(tmp_path / "fields.geojson", [CORN, OATS])
    shape = v.with_gdal(tmp_path / "fields.shp", fields, crs=None)
    with pytest.raises(UserError, match=r"must name its coordinate reference system.*\.prj"):
        opened(tmp_path, shape)
    packed = v.with_gdal(tmp_path / "fields.gpkg", fields)
    packed.write_bytes(packed.read_bytes()[:5000])
    with pytest.raises(UserError, match="whole GeoPackage or shapefile"):
        opened(tmp_path, packed)
    cut = v.with_gdal(tmp_path / "cut.shp", fields)
    cut.write_bytes(cut.read_bytes()[:200])
    with pytest.raises(UserError, match=r"must hold the .* bytes of its header; received 200"):
        opened(tmp_path, cut)
    shape.with_suffix(".dbf").unlink()
    with pytest.raises(UserError, match=r"fields\.dbf must be a file"):
        opened(tmp_path, shape)
    shape.write_bytes(b"<OGRVRTDataSource>" * 9)
    with pytest.raises(UserError, match="must be what its name says"):
        opened(tmp_path, shape)
    fields.write_text(fields.read_text()[:-9])
    with pytest.raises(UserError, match="strict JSON"):
        opened(tmp_path, fields)


BOX = {".shp": b"s", ".shx": b"x", ".dbf": b"d", ".prj": b"p"}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"a.shp": b"", "b.shp": b""}, "one shapefile"),
        ({"a.dbf": b""}, "one shapefile"),
        ({}, "received nothing"),
        ({f"maps/a{suffix}": text for suffix, text in BOX.items()}, "without their folder"),
        ({f"../a{suffix}": text for suffix, text in BOX.items()}, "one shapefile"),
        ({f"/tmp/a{suffix}": text for suffix, text in BOX.items()}, "one shapefile"),
        ({"a.shp": b"", "b.zip": b""}, "one shapefile"),
        ({"a.shp": b"", "a.SHX": b"", "a.shx": b""}, "one shapefile"),
        ({"a.shp": b"", "a.py": b""}, "one shapefile"),
        ({".shp": b""}, "one shapefile"),
        ({f"a{suffix}": text for suffix, text in BOX.items()}, "bad.zip/a.shp must be what its name says"),
        ({"a.shp": b"", **{f"a{n}.prj": b"" for n in range(60)}}, "and 56 more"),
    ],
)
def test_a_zip_holds_one_shapefile_and_no_place_on_this_machine(
    tmp_path: Path, members: dict[str, bytes], words: str
) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(UserError) as error:
        opened(tmp_path, tmp_path / "bad.zip")
    assert words in str(error.value)
    assert "hsiauto-labels-" not in str(error.value)


def test_a_zip_that_is_none_or_is_a_bomb_is_refused(tmp_path: Path) -> None:
    bad, field = tmp_path / "bad.zip", v.geojson(tmp_path / "a.geojson", [CORN])
    cut = v.zipped(v.with_gdal(tmp_path / "a.shp", field)).read_bytes()[:900]
    bomb = zip_of_zeros("a.shp", b"", 2**31)
    for content, words in ((b"PK", "whole"), (cut, "whole"), (bomb, "at most 1.1 GB; received 2.1 GB")):
        bad.write_bytes(content)
        with pytest.raises(UserError, match=words):
            opened(tmp_path, bad)
    fields = v.with_gdal(tmp_path / "b.shp", v.geojson(tmp_path / "b.geojson", [v.box(90, 90, 95, 95, crop="a")]))
    with pytest.raises(UserError, match="lie on the cube") as error:
        opened(tmp_path, v.zipped(fields))
    assert "hsiauto-labels-" not in str(error.value), "also what is found out later"


def test_without_pyogrio_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = v.with_gdal(tmp_path / "fields.gpkg", v.geojson(tmp_path / "fields.geojson", [CORN, OATS]))
    monkeypatch.setitem(sys.modules, "pyogrio", None)
    with pytest.raises(UserError, match=r"pip install 'hsiauto\[vector\]'"):
        opened(tmp_path, packed)


def test_settings_of_polygons_and_of_maps_are_not_mixed(tmp_path: Path) -> None:
    wrong: list[dict[str, Any]] = [
        {"label_field": "crop"},
        {"all_touched": True},
        {"labels": "a.tif", "group_field": "b"},
    ]
    for settings in wrong:
        with pytest.raises(UserError, match="belongs to labels that are polygons or points"):
            SceneSource(dataset="cube.tif", **settings)
    with pytest.raises(UserError, match="`groups` belongs to a label map"):
        SceneSource(dataset="cube.tif", labels=tmp_path / "fields.gpkg", label_field="crop", groups=tmp_path)

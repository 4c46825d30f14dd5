"""Products as delivered, on files made after their specifications."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import rasterio

from hsiauto.errors import UserError
from hsiauto.models.predict import Prediction
from hsiauto.report.legend import Legend
from hsiauto.report.maps import LAYERS, write_map
from hsiauto.report.palette import class_colours
from hsiauto.runs.map_target import claim
from hsiauto.scene import Scene, open_scene, readers
from hsiauto.scene.lookup import GeometryLookup
from hsiauto.scene.mosaic import mosaic
from hsiauto.scene.source import SceneSource
from tests.scene.products import delivered as d


def _scene(tmp_path: Path, dataset: Path, labels: d.Array | None = None) -> Scene:
    np.save(tmp_path / "gt.npy", d.labels() if labels is None else labels)
    return open_scene(SceneSource(dataset=str(dataset), labels=tmp_path / "gt.npy", on_nodata="drop"))


def _missing(scene: Scene) -> set[tuple[int, int]]:
    return {(int(row), int(column)) for row, column in np.argwhere(~scene.valid)}


def test_emit_stays_in_the_sensors_geometry_without_bad_bands_and_clouds(tmp_path: Path) -> None:
    scene = _scene(tmp_path, d.emit(tmp_path))
    assert scene.wavelengths_nm == (460, 550, 640, 800, 1600, 2200)
    assert _missing(scene) == {(1, 1), (2, 2)}, "fill and cloud; water is ground that was seen"
    expected = d.reflectance(7)[..., [0, 1, 2, 3, 5, 6]]
    np.testing.assert_array_equal(scene.cube[scene.valid], expected[scene.valid])
    assert any("Cloud flag, Cirrus flag, Spacecraft Flag, Dilated Cloud Flag" in note for note in scene.notes)


def test_emit_in_one_piece_stays_on_disk_and_packed_is_the_same(tmp_path: Path) -> None:
    plain = readers.read(d.emit(tmp_path), "cube").array
    assert isinstance(plain, np.memmap)
    ways: dict[str, dict[str, Any]] = {"packed": {"compression": "gzip"}, "in pieces": {"chunks": (4, 3, 2)}}
    for name, how in ways.items():
        (tmp_path / name).mkdir()
        packed = readers.read(d.emit(tmp_path / name, **how), "cube").array
        assert not isinstance(packed, np.memmap)
        np.testing.assert_array_equal(packed, plain)


def test_emit_without_its_mask_says_so(tmp_path: Path) -> None:
    scene = _scene(tmp_path, d.emit(tmp_path, mask=False))
    assert _missing(scene) == {(1, 1)}
    assert any("clouds are not left out" in note for note in scene.notes)


def test_labels_of_the_map_come_to_the_sensor_through_the_lookup(tmp_path: Path) -> None:
    on_map = np.zeros((d.W + 2, d.H + 2), np.uint8)
    on_map[1:-1, 1:-1] = d.labels().T
    scene = _scene(tmp_path, d.emit(tmp_path), on_map)
    expected = d.labels().copy()
    expected[1, 1] = expected[2, 2] = 0
    np.testing.assert_array_equal(scene.labels, expected)
    assert any("by the geometry lookup table" in note for note in scene.notes)
    drawn = tmp_path / "drawn.tif"
    place = rasterio.Affine.from_gdal(*d.EMIT_PLACE)
    shape = {"count": 1, "height": d.W + 2, "width": d.H + 2, "dtype": "uint8"}
    with rasterio.open(drawn, "w", driver="GTiff", crs="EPSG:4326", transform=place, **shape) as raster:
        raster.write(on_map, 1)
    source = SceneSource(dataset=str(tmp_path / d.emit(tmp_path).name), labels=drawn, on_nodata="drop")
    np.testing.assert_array_equal(open_scene(source).labels, expected)


def test_polygons_on_the_ground_come_to_the_sensor_with_their_groups(tmp_path: Path) -> None:
    x, dx, _, y, _, dy = d.EMIT_PLACE
    features = []
    for name, first, last in (("left", 1, 4), ("right", 5, 8)):  # rows of the map, which are columns of the sensor
        left, right, top, bottom = x + 2 * dx, x + (d.H + 1) * dx, y + first * dy, y + (last + 1) * dy
        ring = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
        features.append(
            {"type": "Feature", "properties": {"crop": name}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        )
    fields = tmp_path / "fields.geojson"
    fields.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    source = SceneSource(dataset=str(d.emit(tmp_path)), labels=fields, label_field="crop", on_nodata="drop")
    scene = open_scene(source)
    expected = d.labels().copy()
    expected[1, 1] = expected[2, 2] = 0
    np.testing.assert_array_equal(scene.labels, expected)
    assert scene.groups is not None
    np.testing.assert_array_equal(scene.groups, expected)
    assert not any("several labels" in note for note in scene.notes)


def test_a_pixel_that_two_classes_show_is_unlabelled() -> None:
    lookup = GeometryLookup((2, 2), np.array([[0, 0, 1], [2, -1, 3]]))
    labels, torn = lookup.to_sensor(np.array([[1, 2, 1], [2, 2, 0]]), 0)
    np.testing.assert_array_equal(labels, [[0, 1], [2, 0]])
    assert torn == 1
    np.testing.assert_array_equal(lookup.to_map(np.array([[5, 6], [7, 8]]), -1), [[5, 5, 6], [7, -1, 8]])


def test_scenes_in_the_sensors_geometry_overlap_where_their_maps_do(tmp_path: Path) -> None:
    cubes = []
    for name, shift in (("one", 0), ("edge", d.H + 1), ("far", 40)):  # a map is d.H + 2 columns wide
        (tmp_path / name).mkdir()
        cubes.append(tmp_path / name / f"{name}.nc")
        d.emit(tmp_path / name, mask=False).rename(cubes[-1])
        x, dx, *rest = d.EMIT_PLACE
        with h5py.File(cubes[-1], "a") as file:
            file.attrs["geotransform"] = (x + shift * dx, dx, *rest)
    scenes = [_scene(tmp_path, cube) for cube in cubes]
    notes = mosaic(scenes, "three").notes
    assert next(note for note in notes if "same ground" in note).endswith(": one and edge")


def test_maps_of_a_scene_in_the_sensors_geometry_lie_on_the_ground(tmp_path: Path) -> None:
    scene = _scene(tmp_path, d.emit(tmp_path))
    classes = d.labels().astype(np.int16)
    confidence = np.full((d.H, d.W), 0.5, np.float32)
    legend = Legend(("left", "right"), (1, 2), class_colours(2))
    every = np.stack([confidence, confidence])
    write_map(Prediction(classes, confidence, every, confidence), tmp_path / "map.tif", legend, scene.geo, LAYERS)
    with rasterio.open(tmp_path / "map.tif") as raster:
        np.testing.assert_array_equal(raster.read(1)[1:-1, 1:-1], d.labels().T)
        assert not raster.read(1)[0].any()
        assert raster.crs.to_epsg() == 4326
        assert raster.transform.to_gdal() == d.EMIT_PLACE
    with rasterio.open(tmp_path / "map-dissimilarity.tif") as raster:
        assert np.isnan(raster.read(1)[0]).all()
        assert (raster.read(1)[1:-1, 1:-1] == 0.5).all()


def test_prisma_joins_its_detectors_by_wavelength_without_their_overlap(tmp_path: Path) -> None:
    scene = _scene(tmp_path, d.prisma(tmp_path))
    assert scene.wavelengths_nm == (460, 550, 640, 940, 960, 1600, 2200)
    assert _missing(scene) == {(1, 1)}
    cube = scene.cube.astype(float)
    np.testing.assert_allclose(cube[0, 0, :4], d.reflectance(6).astype(float)[0, 0, [5, 4, 3, 2]], atol=1e-5)
    np.testing.assert_allclose(cube[5, 5, 4:], d.reflectance(4).astype(float)[5, 5, [2, 1, 0]], atol=1e-5)
    assert scene.geo is not None
    assert scene.geo.transform == (30, 0, 499_985, 0, -30, 5_000_015)


def test_prisma_whose_corners_are_edges(tmp_path: Path) -> None:
    with h5py.File(d.prisma(tmp_path), "a") as file:
        file.attrs["Product_LRcorner_easting"] = 500_000 + 30 * d.W
        file.attrs["Product_LRcorner_northing"] = 5_000_000 - 30 * d.H
    geo = readers.read(next(tmp_path.glob("*.he5")), "cube").geo
    assert geo is not None
    assert geo.transform == (30, 0, 500_000, 0, -30, 5_000_000)


@pytest.mark.parametrize("part", ["METADATA.XML", "SPECTRAL_IMAGE.TIF"])
def test_enmap_by_its_metadata_or_its_image(tmp_path: Path, part: str) -> None:
    path = d.enmap(tmp_path)
    scene = _scene(tmp_path, path.with_name(path.name.replace("METADATA.XML", part)))
    assert scene.wavelengths_nm == d.DLR_NM
    assert _missing(scene) == {(1, 1), (2, 2), (3, 3)}
    assert any("times 0.0001 is reflectance" in note for note in scene.notes)
    assert any("cloud, cloudshadow, cirrus" in note for note in scene.notes)
    assert scene.geo is not None
    assert scene.geo.transform == (30, 0, 500_000, 0, -30, 5_000_000)


def test_desis_takes_its_background_from_the_metadata(tmp_path: Path) -> None:
    scene = _scene(tmp_path, d.desis(tmp_path))
    assert scene.wavelengths_nm == d.DLR_NM
    assert _missing(scene) == {(1, 1)}


def test_aviris_3_lies_on_its_grid_without_water_vapour(tmp_path: Path) -> None:
    scene = _scene(tmp_path, d.aviris3(tmp_path))
    assert scene.wavelengths_nm == (460, 550, 640, 800, 2200)
    assert _missing(scene) == {(1, 1)}
    np.testing.assert_array_equal(scene.cube[scene.valid], d.reflectance(7)[..., [0, 1, 2, 3, 6]][scene.valid])
    assert scene.geo is not None
    assert scene.geo.transform == (10, 0, 500_000, 0, -10, 5_000_000)


@pytest.mark.parametrize("kind", ["GRIDS", "SWATHS"])
def test_tanager_with_its_masks(tmp_path: Path, kind: str) -> None:
    scene = _scene(tmp_path, d.tanager(tmp_path, kind))
    assert scene.wavelengths_nm == (460, 550, 640, 800)
    assert _missing(scene) == {(1, 1), (2, 2)}
    assert (scene.geo is None) == (kind == "SWATHS")
    if scene.geo is not None:
        assert scene.geo.transform == (30, 0, 500_000, 0, -30, 5_000_000)
        assert "32732" in scene.geo.crs_wkt


def test_aviris_ng_takes_its_place_from_the_lookup_table_beside_it(tmp_path: Path) -> None:
    scene = _scene(tmp_path, d.aviris_ng(tmp_path))
    assert scene.geo is not None
    assert scene.geo.lookup is not None
    np.testing.assert_array_equal(scene.geo.lookup.to_map(d.labels(), 0)[1:-1, 1:-1], d.labels().T)
    assert scene.geo.lookup.pixel[0, 0] == 0, "a neighbour stands in"
    assert isinstance(scene.cube, np.memmap)


def test_a_lookup_table_of_another_image_is_told_and_not_used(tmp_path: Path) -> None:
    scene = _scene(tmp_path, d.aviris_ng(tmp_path, place=False))
    assert scene.geo is None
    assert any("no lookup table with a place" in note for note in scene.notes)


@pytest.mark.parametrize("make", [d.emit, d.prisma, d.aviris3, d.tanager])
def test_a_truncated_product_is_one_line(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(UserError, match="must be a whole HDF5"):
        readers.read(path, "cube")


def test_an_array_in_another_file_is_refused(tmp_path: Path) -> None:
    path = d.emit(tmp_path)
    with h5py.File(path, "a") as file:
        file["location/elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(UserError, match="stored in another file"):
        readers.read(path, "cube")


@pytest.mark.parametrize(
    ("gone", "rule"),
    [
        ("location/glt_x", "must hold location/glt_x"),
        ("reflectance", "must hold reflectance"),
        ("sensor_band_parameters/wavelengths", "must be a product of a known layout"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, gone: str, rule: str) -> None:
    path = d.emit(tmp_path)
    with h5py.File(path, "a") as file:
        del file[gone]
    with pytest.raises(UserError, match=rule):
        readers.read(path, "cube")


@pytest.mark.parametrize(
    ("xml", "rule"),
    [
        ('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "document type declaration"),
        ("<level_X>", "no XML"),
        ("<level_X/>", "must give each band a wavelength"),
        (
            "<level_X><bandID><wavelengthCenterOfBand>red</wavelengthCenterOfBand></bandID></level_X>",
            "wavelengthCenterOfBand .* must be a number; received 'red'|must be a number",
        ),
    ],
)
def test_metadata_that_are_no_metadata(tmp_path: Path, xml: str, rule: str) -> None:
    with pytest.raises(UserError, match=rule):
        readers.read(d.enmap(tmp_path, xml=xml), "cube")


def test_metadata_without_an_image(tmp_path: Path) -> None:
    path = d.enmap(tmp_path)
    next(tmp_path.glob("*SPECTRAL_IMAGE.TIF")).unlink()
    with pytest.raises(UserError, match=r"needs one SPECTRAL_IMAGE\.TIF"):
        readers.read(path, "cube")


def test_a_map_does_not_replace_a_part_of_its_product(tmp_path: Path) -> None:
    metadata = d.enmap(tmp_path)
    image = next(tmp_path.glob("*SPECTRAL_IMAGE.TIF"))
    with pytest.raises(UserError, match="onto the scene"):
        claim([image], SceneSource(dataset=str(metadata)), overwrite=True)

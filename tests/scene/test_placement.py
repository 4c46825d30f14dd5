"""Labels and cubes that both know their place on the ground."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine, from_origin

from hsiauto.errors import UserError
from hsiauto.scene import Scene, open_scene, read_label_map
from hsiauto.scene.source import SceneSource
from tests.scene import fabricate as f

WEST, NORTH, SIDE = 500_000, 4_000_000, 20


def _scene(tmp_path: Path, labels: f.Array, **profile: Any) -> Scene:
    cube = f.tif(tmp_path / "cube.tif", f.cube())
    return open_scene(SceneSource(dataset=str(cube), labels=f.tif(tmp_path / "gt.tif", labels, **profile)))


def _expected() -> f.Array:
    return np.searchsorted((0, 3, 7), f.labels())


def test_labels_of_another_place_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"must cover the cube.*160"):
        _scene(tmp_path, f.labels(), transform=from_origin(WEST + 160, NORTH, SIDE, SIDE))
    with pytest.raises(UserError, match="must cover the cube"):
        _scene(tmp_path, f.labels(), transform=from_origin(WEST, NORTH + 2 * SIDE, SIDE, SIDE))
    with pytest.raises(UserError, match="must cover the cube"):
        _scene(tmp_path, f.labels()[:4], transform=from_origin(WEST, NORTH, SIDE, SIDE))


def test_labels_in_another_crs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"one coordinate reference system.*32617.*32616"):
        _scene(tmp_path, f.labels(), crs="EPSG:32617")
    with pytest.raises(UserError, match="one coordinate reference system"):
        _scene(tmp_path, f.labels(), crs="EPSG:4326")


def test_two_names_of_one_crs_are_one(tmp_path: Path) -> None:
    scene = _scene(tmp_path, f.labels(), crs="+proj=utm +zone=16 +datum=WGS84 +units=m")
    np.testing.assert_array_equal(scene.labels, _expected())
    assert scene.notes == ()


def test_labels_that_cover_more_are_cut_to_the_cube(tmp_path: Path) -> None:
    large = np.full((f.H + 9, f.W + 6), 7, np.uint8)
    large[4 : 4 + f.H, 2 : 2 + f.W] = f.labels()
    place = from_origin(WEST - 2 * SIDE, NORTH + 4 * SIDE, SIDE, SIDE)
    scene = _scene(tmp_path, large, transform=place)
    np.testing.assert_array_equal(scene.labels, _expected())
    assert any("16 x 12" in note for note in scene.notes)


def test_labels_on_a_larger_grid_of_the_same_shape_are_shifted_by_their_place(tmp_path: Path) -> None:
    moved = np.zeros_like(f.labels())
    moved[:, 1:] = f.labels()[:, :-1]
    scene = _scene(tmp_path, moved, transform=from_origin(WEST - SIDE, NORTH, SIDE, SIDE))
    np.testing.assert_array_equal(scene.labels[:, :-1], _expected()[:, :-1])
    assert any("shifted" in note for note in scene.notes)


def test_south_up_labels_are_flipped(tmp_path: Path) -> None:
    south_up = Affine(SIDE, 0, WEST, 0, SIDE, NORTH - f.H * SIDE)
    scene = _scene(tmp_path, f.labels()[::-1].copy(), transform=south_up)
    np.testing.assert_array_equal(scene.labels, _expected())
    assert [note for note in scene.notes if "flipped" in note] == list(scene.notes)


@pytest.mark.parametrize("times", [2, 5])
def test_a_finer_grid_is_resampled_to_the_nearest_label(tmp_path: Path, times: int) -> None:
    fine = f.labels().repeat(times, 0).repeat(times, 1)
    scene = _scene(tmp_path, fine, transform=from_origin(WEST, NORTH, SIDE / times, SIDE / times))
    np.testing.assert_array_equal(scene.labels, _expected())
    assert any("nearest" in note for note in scene.notes)


def test_a_coarser_grid_is_resampled_and_may_end_within_one_of_its_pixels(tmp_path: Path) -> None:
    coarse = np.array([[3, 0], [7, 7], [7, 7]], np.uint8)  # 3 x 3 pixels of the cube each; row 6 is partly covered
    scene = _scene(tmp_path, coarse, transform=from_origin(WEST, NORTH, 3 * SIDE, 3 * SIDE))
    np.testing.assert_array_equal(scene.labels, np.searchsorted((0, 3, 7), coarse.repeat(3, 0).repeat(3, 1)[: f.H]))


def test_what_the_labels_do_not_reach_is_no_class_even_if_zero_is_one(tmp_path: Path) -> None:
    cube = f.tif(tmp_path / "cube.tif", f.cube())
    gt = f.tif(tmp_path / "gt.tif", f.labels(), transform=from_origin(WEST - SIDE, NORTH, SIDE, SIDE))
    scene = open_scene(SceneSource(dataset=str(cube), labels=gt, background="none"))
    assert scene.label_values == (0, 3, 7)
    assert not scene.labels[:, -1].any()
    assert scene.labels[:, :-1].all()


def test_labels_on_a_turned_grid_are_resampled(tmp_path: Path) -> None:
    turned = Affine(0, -SIDE, WEST + f.W * SIDE, -SIDE, 0, NORTH)  # rows run west, columns south
    scene = _scene(tmp_path, np.ascontiguousarray(f.labels()[:, ::-1].T), transform=turned)
    np.testing.assert_array_equal(scene.labels, _expected())


def test_only_one_reference_is_said(tmp_path: Path) -> None:
    cube = f.tif(tmp_path / "cube.tif", f.cube())
    scene = open_scene(SceneSource(dataset=str(cube), labels=f.npy(tmp_path / "gt.npy", f.labels())))
    np.testing.assert_array_equal(scene.labels, _expected())
    assert any("places not compared" in note for note in scene.notes)


def test_the_maps_of_a_fixed_split_are_placed_too(tmp_path: Path) -> None:
    scene = _scene(tmp_path, f.labels())
    south_up = Affine(SIDE, 0, WEST, 0, SIDE, NORTH - f.H * SIDE)
    path = f.tif(tmp_path / "train.tif", f.labels()[::-1].copy(), transform=south_up)
    np.testing.assert_array_equal(read_label_map(path, like=scene), scene.labels)
    with pytest.raises(UserError, match="must cover the cube"):
        read_label_map(f.tif(tmp_path / "t.tif", f.labels(), transform=from_origin(0, 0, 20, 20)), like=scene)


@pytest.mark.parametrize(
    "numbers",
    [
        (0, 0, 5, 0, 0, 7),
        (1, 1, 0, 1, 1, 0),
        (1e300, 0, 5, 0, -1e300, 7),
        (np.nan, 0, 5, 0, -1, 7),
        (1e-300, 0, 5, 0, -1e-300, 7),
    ],
)
def test_a_geo_reference_that_is_no_grid_is_said_and_not_used(tmp_path: Path, numbers: tuple[float, ...]) -> None:
    cube, labels = f.tif(tmp_path / "cube.tif", f.cube()), f.tif(tmp_path / "labels.tif", f.labels())
    for broken in (cube, labels):
        with rasterio.open(broken, "r+") as raster:
            raster.transform = Affine(*numbers)
        scene = open_scene(SceneSource(dataset=str(cube), labels=labels))
        assert (scene.labels > 0).sum() == (f.labels() > 0).sum()
        assert any("is no grid and not used" in note for note in scene.notes)

"""Fill values, masks, and labelled pixels without data."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from hsiauto.errors import UserError
from hsiauto.scene import Scene, open_image, open_scene
from hsiauto.scene.bands import ModelBands
from hsiauto.scene.source import SceneSource
from tests.scene import fabricate as f

H, W, C = 30, 20, 12
LOWEST = float(np.finfo(np.float32).min)


def _cube() -> f.Array:
    return np.random.default_rng(0).uniform(0, 1, (H, W, C)).astype(np.float32)


def _labels() -> f.Array:
    labels = np.ones((H, W), np.uint8)
    labels[:, W // 2 :] = 2
    labels[0] = 0
    return labels


def _open(tmp_path: Path, cube: f.Array, labels: f.Array | None = None, **settings: Any) -> Scene:
    path = f.npy(tmp_path / "cube.npy", cube)
    gt = f.npy(tmp_path / "gt.npy", _labels() if labels is None else labels)
    return open_scene(SceneSource(dataset=str(path), labels=gt, **settings))


@pytest.mark.parametrize("fill", [LOWEST, 3.4e38, -9999.0, 0.0, -1e34])
def test_a_fill_value_without_a_tag_is_no_data(tmp_path: Path, fill: float) -> None:
    cube = _cube()
    cube[3:5, :9] = fill
    scene = _open(tmp_path, cube)
    expected = np.ones((H, W), bool)
    expected[3:5, :9] = False
    np.testing.assert_array_equal(scene.valid, expected)
    assert not scene.labels[~expected].any()
    assert any("18 pixels" in note and ("1e30" in note or f"{fill:g} in every band" in note) for note in scene.notes)
    assert any(note.startswith("18 of 580 labels dropped") for note in scene.notes)


def test_a_large_value_in_one_band_is_no_data_even_if_it_stands_once(tmp_path: Path) -> None:
    cube = _cube()
    cube[4, 4, 7] = LOWEST
    assert not _open(tmp_path, cube).valid[4, 4]


def test_fill_of_whole_numbers_under_bands_that_the_header_drops(tmp_path: Path) -> None:
    cube = (_cube() * 1000).astype(np.int16) + 1
    cube[3:5, :9] = -9999
    cube[..., 5] = 0
    bbl = ", ".join("0" if band == 5 else "1" for band in range(C))
    hdr = f.envi(tmp_path / "s.dat", cube, f"bbl = {{{bbl}}}\n")
    scene = open_scene(SceneSource(dataset=str(hdr), labels=f.npy(tmp_path / "gt.npy", _labels())))
    assert (~scene.valid).sum() == 18
    assert scene.n_bands == C - 1


def test_two_fill_values_in_one_scene(tmp_path: Path) -> None:
    cube = _cube()
    cube[3:5, :9], cube[20:22, 5:14] = 0, -9999
    assert (~_open(tmp_path, cube).valid).sum() == 36


def test_none_keeps_what_looks_like_fill(tmp_path: Path) -> None:
    cube = _cube()
    cube[3:5, :9] = 0
    scene = _open(tmp_path, cube, nodata="none")
    assert scene.valid.all()
    assert scene.notes == ()


def test_a_repeated_spectrum_that_is_not_flat_is_said(tmp_path: Path) -> None:
    cube = _cube()
    cube[3:5, :9] = np.arange(C) - 5
    scene = _open(tmp_path, cube)
    assert scene.valid.all()
    assert any("18 pixels hold one and the same spectrum, which begins with -5" in note for note in scene.notes)
    named = _open(tmp_path, cube, nodata=-5)
    assert (~named.valid).sum() == 18


def test_ordinary_scenes_have_no_fill(tmp_path: Path) -> None:
    assert _open(tmp_path, _cube()).notes == ()
    few = _cube()
    few[3, :3] = 0
    assert _open(tmp_path, few).valid.all()


@pytest.mark.parametrize("how", ["mask", "alpha"])
def test_geotiff_masks_and_alpha_are_no_data(tmp_path: Path, how: str) -> None:
    cube = (_cube() * 1000).astype(np.uint8 if how == "alpha" else np.uint16) + 1
    shown = np.full((H, W), 255, np.uint8)
    shown[3:5, :9] = 0
    stored = np.dstack([cube, shown]) if how == "alpha" else cube
    path = f.tif(tmp_path / "s.tif", stored)
    with rasterio.open(path, "r+") as raster:
        if how == "alpha":
            raster.colorinterp = [ColorInterp.undefined] * C + [ColorInterp.alpha]
        else:
            raster.write_mask(shown)
    scene = open_scene(SceneSource(dataset=str(path), labels=f.npy(tmp_path / "gt.npy", _labels())))
    np.testing.assert_array_equal(scene.cube, cube)
    np.testing.assert_array_equal(scene.valid, shown > 0)


def test_an_alpha_tag_on_a_band_of_data_is_said_and_kept(tmp_path: Path) -> None:
    cube = np.random.default_rng(0).integers(0, 255, (H, W, 4), np.uint8)
    path = f.tif(tmp_path / "s.tif", cube, photometric="RGB", alpha="YES")
    scene = open_scene(SceneSource(dataset=str(path), labels=f.npy(tmp_path / "gt.npy", _labels())))
    assert scene.n_bands == 4
    assert scene.valid.all()
    assert any("band 4 is tagged alpha" in note for note in scene.notes)


def test_masked_labels_are_unlabelled(tmp_path: Path) -> None:
    cube, gt = f.tif(tmp_path / "s.tif", _cube()), f.tif(tmp_path / "gt.tif", _labels())
    shown = np.full((H, W), 255, np.uint8)
    shown[3:5, :9] = 0
    with rasterio.open(gt, "r+") as raster:
        raster.write_mask(shown)
    with pytest.raises(UserError, match="`background`"):
        open_scene(SceneSource(dataset=str(cube), labels=gt))
    scene = open_scene(SceneSource(dataset=str(cube), labels=gt, background=0))
    np.testing.assert_array_equal(scene.labels, np.where(shown > 0, _labels(), 0))


def test_a_missing_column_costs_its_labels_and_a_missing_band_itself(tmp_path: Path) -> None:
    cube = _cube()
    cube[:, 4] = np.nan
    scene = _open(tmp_path, cube)
    assert scene.n_bands == C
    assert not scene.labels[:, 4].any()
    assert "29 of 580 labels dropped: their pixels have no data" in scene.notes
    cube[5:, :, 7] = np.nan
    scene = _open(tmp_path, cube)
    np.testing.assert_array_equal(scene.cube, np.delete(cube, 7, axis=2))
    assert (~scene.valid).sum() == H
    assert any(re.search(r"1 bands dropped.*band 8\)", note) for note in scene.notes)


def test_what_costs_more_than_a_tenth_is_asked_about(tmp_path: Path) -> None:
    cube = _cube()
    cube[:8, :, :5] = np.nan
    with pytest.raises(UserError, match=r"140 of 580 labelled pixels without data.*5 bands.*`on_nodata`"):
        _open(tmp_path, cube)
    assert (_open(tmp_path, cube, on_nodata="drop").labels > 0).sum() == 440
    scene = _open(tmp_path, cube, drop_bands="1-4,5")
    np.testing.assert_array_equal(scene.cube, cube[..., 5:])
    assert "5 bands dropped: asked for" in scene.notes
    few = _cube()
    few[4, 4, 4] = np.nan
    with pytest.raises(UserError, match="row 4, column 4"):
        _open(tmp_path, few, on_nodata="refuse")


def test_a_class_that_would_vanish_is_named(tmp_path: Path) -> None:
    cube, labels = _cube(), _labels()
    labels[20, 3:5] = 9
    cube[20] = np.nan
    with pytest.raises(UserError, match="class 9 without any"):
        _open(tmp_path, cube, labels)


def test_bands_dropped_in_training_are_left_out_of_an_image_to_predict_on(tmp_path: Path) -> None:
    scene = _open(tmp_path, _cube(), drop_bands="2,4")
    assert scene.dropped_bands == (1, 3)
    source = SceneSource(dataset=str(f.npy(tmp_path / "s.npy", _cube())), layout="HWC")
    image = open_image(source, ModelBands(C - 2, dropped=scene.dropped_bands))
    np.testing.assert_array_equal(image.cube, np.delete(_cube(), (1, 3), axis=2))
    with pytest.raises(UserError, match="the model's 10 bands"):
        open_image(source, ModelBands(C - 2))


@pytest.mark.parametrize("bands", ["0", "a", "", "3-", "13"])
def test_bands_that_are_none_are_refused(tmp_path: Path, bands: str) -> None:
    with pytest.raises(UserError, match="`drop_bands`"):
        _open(tmp_path, _cube(), drop_bands=bands)


@pytest.mark.parametrize("value", ["nan", "inf", "zero"])
def test_a_nodata_value_is_a_number_or_none(value: str) -> None:
    given: Any = value
    with pytest.raises(UserError, match="`nodata"):
        SceneSource(nodata=given)

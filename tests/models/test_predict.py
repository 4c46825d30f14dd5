"""Prediction in strips: what is cut must be what is whole."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from hsiauto.errors import UserError
from hsiauto.families.base import FamilyConfig
from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.families.forest import ForestConfig
from hsiauto.families.svm import SvmConfig
from hsiauto.models.fitted.torch import TorchFitted
from hsiauto.models.predict import predict_scene, strips
from hsiauto.models.preprocess import Projection
from tests.families.tile_family import PlaceConfig
from tests.small_scene import CLASSICAL, KINDS, fitted, small_data


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [1, 4, 7, 28])
def test_strips_equal_the_whole_scene(kind: str, rows: int) -> None:
    data = small_data()
    model = fitted(kind, data)
    pixels = np.flatnonzero(data.valid)
    p = model.probabilities(data.cube, data.valid, pixels)
    prediction = predict_scene(model, data.cube, data.valid, strip_rows=rows)
    assert np.array_equal(prediction.classes[data.valid], p.argmax(axis=1) + 1)
    if kind in CLASSICAL:
        assert np.array_equal(prediction.confidence[data.valid], p.max(axis=1))
    else:  # a batched convolution may round differently in a batch of another size
        np.testing.assert_allclose(prediction.confidence[data.valid], p.max(axis=1), rtol=1e-5)


@pytest.mark.parametrize("tile", [4, 7, 12, 29, 64])
@pytest.mark.parametrize("rows", [1, 4, 7, 28])
def test_strips_of_tiles_equal_the_whole_scene(tile: int, rows: int) -> None:
    """Though each pixel's logits depend on all of its tiles, and on its place in them."""
    data = small_data()
    projection = Projection.fit(data.cube, data.train_pixels, 0, True)
    torch.manual_seed(0)
    config = PlaceConfig(tile=tile)
    model = TorchFitted(config, projection, config.build(projection.n_channels, 3), 10, 3)
    p = model.probabilities(data.cube, data.valid, np.flatnonzero(data.valid))
    prediction = predict_scene(model, data.cube, data.valid, strip_rows=rows)
    assert np.array_equal(prediction.classes[data.valid], p.argmax(axis=1) + 1)
    np.testing.assert_allclose(prediction.confidence[data.valid], p.max(axis=1), rtol=1e-5)


def test_pixels_without_data_get_no_class() -> None:
    data = small_data()
    prediction = predict_scene(fitted("forest", data), data.cube, data.valid, strip_rows=4)
    assert prediction.classes.dtype == np.int16
    assert prediction.confidence.dtype == np.float32
    assert ((prediction.classes == 0) == ~data.valid).all()
    assert (prediction.confidence[~data.valid] == 0).all()
    nothing = predict_scene(fitted("forest", data), data.cube, np.zeros_like(data.valid))
    assert not nothing.classes.any()


@pytest.mark.parametrize("mode", ["r", "c"])
def test_a_mapped_file_is_read_as_the_array_and_unsaved_changes_survive(
    mode: Literal["r", "c"], tmp_path: Path
) -> None:
    data = small_data()
    model = fitted("forest_multiscale", data)
    np.save(tmp_path / "cube.npy", data.cube)
    mapped = np.load(tmp_path / "cube.npy", mmap_mode=mode)
    cube = data.cube.copy()
    if mode == "c":
        mapped[:9] = cube[:9] = cube[8:17]
    expected = predict_scene(model, cube, data.valid, strip_rows=5)
    prediction = predict_scene(model, mapped, data.valid, strip_rows=5)
    assert np.array_equal(prediction.confidence, expected.confidence)
    assert np.array_equal(np.asarray(mapped), cube, equal_nan=True)


def test_progress_counts_rows() -> None:
    data = small_data()
    seen: list[tuple[int, int]] = []
    predict_scene(fitted("svm", data), data.cube, data.valid, lambda *rows: seen.append(rows), strip_rows=10)
    assert seen == [(10, 29), (20, 29), (29, 29)]


@pytest.mark.parametrize("height", [1, 7, 50])
@pytest.mark.parametrize("rows", [1, 6, 100])
@pytest.mark.parametrize(
    ("config", "reach"),
    [
        (ForestConfig(), 0),
        (Cnn2dConfig(patch=7), 3),
        (SvmConfig(features="multiscale", sigma=10), 40),
        (PlaceConfig(tile=8), 0),
    ],
)
def test_strips_cover_every_row_once_with_what_it_needs(
    height: int, rows: int, config: FamilyConfig, reach: int
) -> None:
    cut = list(strips(height, rows, config))
    assert [row for s in cut for row in range(s.start, s.stop)] == list(range(height))
    for s in cut:
        assert 0 <= s.top <= max(0, s.start - reach)
        assert min(height, s.stop + reach) <= s.bottom <= height
        assert s.bottom - s.top >= min(height, 2 * reach + 1)


@pytest.mark.parametrize("height", [2000, 8000])
def test_a_strip_of_tiles_does_not_grow_with_the_scene(height: int) -> None:
    assert max(s.bottom - s.top for s in strips(height, 64, PlaceConfig(tile=32))) <= 64 + 2 * 32


def test_another_number_of_bands_is_refused() -> None:
    data = small_data()
    model = fitted("svm", data)
    with pytest.raises(UserError, match=r"10 bands.*received 9 bands"):
        predict_scene(model, data.cube[..., :9], data.valid)
    with pytest.raises(UserError, match="same size"):
        predict_scene(model, data.cube, data.valid[:-1])


def test_probabilities_are_kept_if_asked_for() -> None:
    data = small_data()
    model = fitted("forest", data)
    pixels = np.flatnonzero(data.valid)
    kept = predict_scene(model, data.cube, data.valid, strip_rows=4, keep_probabilities=True).probabilities
    assert kept is not None
    assert np.array_equal(kept.reshape(3, -1)[:, pixels].T, model.probabilities(data.cube, data.valid, pixels))
    assert not kept[:, ~data.valid].any()
    assert predict_scene(model, data.cube, data.valid).probabilities is None

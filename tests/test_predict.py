"""Prediction in strips: what is cut must be what is whole."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from hsiauto.errors import UserError
from hsiauto.predict import predict_scene, strips
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
@pytest.mark.parametrize("support", [0, 3, 40])
def test_strips_cover_every_row_once_with_its_support(height: int, rows: int, support: int) -> None:
    cut = list(strips(height, rows, support))
    assert [row for s in cut for row in range(s.start, s.stop)] == list(range(height))
    for s in cut:
        assert 0 <= s.top <= max(0, s.start - support)
        assert min(height, s.stop + support) <= s.bottom <= height
        assert s.bottom - s.top >= min(height, 2 * support + 1)


def test_another_number_of_bands_is_refused() -> None:
    data = small_data()
    model = fitted("svm", data)
    with pytest.raises(UserError, match=r"10 bands.*received 9 bands"):
        predict_scene(model, data.cube[..., :9], data.valid)
    with pytest.raises(UserError, match="same size"):
        predict_scene(model, data.cube, data.valid[:-1])

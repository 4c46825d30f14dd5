"""The features' promises: what they are fitted on, what they read, and that cutting the scene changes nothing."""

import dataclasses

import numpy as np
import pytest

from hsiauto.families.base import ClassicalConfig
from hsiauto.families.svm import SvmConfig
from hsiauto.models import features as module
from hsiauto.models.features import Features, radius
from tests.small_scene import small_data

SPECTRA = SvmConfig()
MULTISCALE = SvmConfig(features="multiscale", components=4, sigma=1.3)


@pytest.mark.parametrize("config", [SPECTRA, MULTISCALE])
def test_training_features_are_standardised(config: ClassicalConfig) -> None:
    data = small_data()
    features, x = Features.fit(config, data.cube, data.valid, data.train_pixels)
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(axis=0), 1, atol=1e-4)
    assert np.array_equal(x, features(data.cube, data.valid, data.train_pixels))


def test_a_smoothed_feature_is_a_weighted_mean_over_valid_pixels() -> None:
    """Against the definition, pixel by pixel, near an edge and near missing data."""
    data = small_data()
    features, _ = Features.fit(MULTISCALE, data.cube, data.valid, data.train_pixels)
    projected = features.projection.project_scene(data.cube, data.valid).astype(float)
    rows, columns = np.indices(data.valid.shape)
    for row, column in ((0, 0), (6, 6), (19, 16)):
        parts = []
        for sigma in features.sigmas:
            near = np.maximum(abs(rows - row), abs(columns - column)) <= radius(sigma)
            squared = (rows - row) ** 2 + (columns - column) ** 2
            weight = np.exp(-squared / (2 * max(sigma, 1e-9) ** 2)) * near * data.valid
            parts.append(np.tensordot(weight, projected, 2) / weight.sum())
        expected = (np.concatenate(parts) - features.centre) / features.scale
        pixel = np.array([row * data.valid.shape[1] + column])
        np.testing.assert_allclose(features(data.cube, data.valid, pixel)[0], expected, atol=1e-4)


def test_support_is_exact() -> None:
    data = small_data()
    features, _ = Features.fit(MULTISCALE, data.cube, data.valid, data.train_pixels)
    assert features.support == MULTISCALE.support == radius(1.3) == 6
    row, column = 12, 8
    pixel = np.array([row * data.valid.shape[1] + column])
    before = features(data.cube, data.valid, pixel)
    outside, edge = data.cube.copy(), data.cube.copy()
    rows, columns = np.indices(data.valid.shape)
    far = np.maximum(abs(rows - row), abs(columns - column)) > 6
    outside[far] += 100
    edge[row - 6, column] += 100
    assert np.array_equal(features(outside, data.valid, pixel), before)
    assert not np.array_equal(features(edge, data.valid, pixel), before)


def test_values_without_data_have_no_effect() -> None:
    data = small_data()
    pixels = np.flatnonzero(data.valid)
    features, _ = Features.fit(MULTISCALE, data.cube, data.valid, data.train_pixels)
    other = np.where(data.valid[..., None], data.cube, 1e30).astype(np.float32)
    assert np.array_equal(features(other, data.valid, pixels), features(data.cube, data.valid, pixels))
    assert np.isfinite(features(data.cube, data.valid, np.arange(data.valid.size))).all()


@pytest.mark.parametrize("values", [1, 300, 1 << 22])
def test_rows_do_not_depend_on_strips_or_on_other_pixels(values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_data()
    features, _ = Features.fit(MULTISCALE, data.cube, data.valid, data.train_pixels)
    whole = features(data.cube, data.valid, np.arange(data.valid.size))
    monkeypatch.setattr(module, "STRIP_VALUES", values)
    some = np.random.default_rng(0).permutation(data.valid.size)[:40]
    assert np.array_equal(features(data.cube, data.valid, some), whole[some])


def test_fitting_reads_training_pixels_and_their_support_alone() -> None:
    data = small_data()
    top = data.train_pixels[data.train_pixels < 10 * data.valid.shape[1]]
    other = data.cube.copy()
    other[10 + MULTISCALE.support :] = 7
    one, _ = Features.fit(MULTISCALE, data.cube, data.valid, top)
    two, _ = Features.fit(MULTISCALE, other, data.valid, top)
    for name, array in one.arrays().items():
        assert np.array_equal(array, two.arrays()[name])


def test_a_constant_component_keeps_its_scale() -> None:
    data = small_data()
    flat = dataclasses.replace(data, cube=np.ones_like(data.cube))
    _, x = Features.fit(MULTISCALE, flat.cube, flat.valid, flat.train_pixels)
    assert np.isfinite(x).all()

import dataclasses
from typing import Any

import numpy as np
import pytest

from hsiauto.families.base import ClassicalConfig, Seen
from hsiauto.families.lda import LdaConfig
from hsiauto.models.fitted import classical
from hsiauto.models.fitted.classical import fit_classical
from hsiauto.models.preprocess import Projection
from tests.small_scene import CLASSICAL, labels, small_data


@pytest.mark.parametrize("config", CLASSICAL.values(), ids=CLASSICAL)
def test_learns_and_gives_probabilities(config: ClassicalConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_data()
    fitted = fit_classical(config, data, seed=0)
    pixels = np.setdiff1d(np.flatnonzero(data.valid), data.train_pixels)
    p = fitted.probabilities(data.cube, data.valid, pixels)
    assert p.shape == (len(pixels), 3)
    assert p.dtype == np.float32
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    assert (p.argmax(axis=1) == labels().ravel()[pixels]).mean() > 0.8
    monkeypatch.setattr(classical, "PIXELS_AT_A_TIME", 13)
    assert np.array_equal(fitted.probabilities(data.cube, data.valid, pixels), p)


@pytest.mark.parametrize("config", CLASSICAL.values(), ids=CLASSICAL)
def test_a_class_without_a_training_pixel_gets_no_probability(config: ClassicalConfig) -> None:
    data = small_data()
    kept = data.train_labels != 1
    data = dataclasses.replace(data, train_pixels=data.train_pixels[kept], train_labels=data.train_labels[kept])
    p = fit_classical(config, data, seed=0).probabilities(data.cube, data.valid, data.train_pixels)
    assert p.shape == (kept.sum(), 3)
    assert (p[:, 1] == 0).all()
    assert (p.argmax(axis=1) == data.train_labels).mean() > 0.9


@pytest.mark.parametrize("config", CLASSICAL.values(), ids=CLASSICAL)
def test_a_class_with_a_single_pixel_is_no_obstacle(config: ClassicalConfig) -> None:
    data = small_data()
    kept = np.ones(len(data.train_labels), bool)
    kept[np.flatnonzero(data.train_labels == 2)[1:]] = False
    data = dataclasses.replace(data, train_pixels=data.train_pixels[kept], train_labels=data.train_labels[kept])
    p = fit_classical(config, data, seed=0).probabilities(data.cube, data.valid, data.train_pixels)
    assert (p[:, 2] > 0).any()


@pytest.mark.parametrize("fitted_on", ["training", "scene"])
@pytest.mark.parametrize("reduction", ["pca", "mnf"])
def test_components_and_guide_are_fitted_on_what_the_config_says(reduction: Any, fitted_on: Seen) -> None:
    data = small_data()
    seen, read = data.pixels_of(fitted_on), data.train_pixels[:, None] + [0, 1, data.valid.shape[1]]
    far = np.setdiff1d(np.flatnonzero(data.valid), read)[0]
    components: Any = {"features": "multiscale", "components": 4, "sigma": 1.0}
    config = LdaConfig(**components, reduction=reduction, fitted_on=fitted_on, smoothing="guided", smoothing_radius=1)
    fitted = fit_classical(config, data, seed=0)
    expected = Projection.fit(data.cube, seen, 4, True, reduction, data.valid)
    assert np.array_equal(fitted.features.projection.matrix, expected.matrix)
    assert fitted.guide is not None
    assert np.array_equal(fitted.guide.matrix, Projection.fit(data.cube, seen, 3, True).matrix)
    other = data.cube.copy()
    other.reshape(-1, 10)[far] += 50
    changed = fit_classical(config, dataclasses.replace(data, cube=other), seed=0)
    same = np.array_equal(changed.features.projection.matrix, fitted.features.projection.matrix)
    assert same == (fitted_on == "training")
    assert config.transductive == (fitted_on == "scene")

import dataclasses

import numpy as np
import pytest

from hsiauto.families.base import ClassicalConfig
from hsiauto.models.fitted import classical
from hsiauto.models.fitted.classical import fit_classical
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

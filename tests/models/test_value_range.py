"""A scene in another unit than the training is noticed, and the factor is named."""

import numpy as np
import pytest

from hsiauto.models.value_range import training_range, why_outside

CUBE = np.random.default_rng(0).uniform(200, 4000, (30, 40, 8))
ALL = np.ones((30, 40), bool)
TRAINED = training_range(CUBE, np.arange(0, 1200, 3))


def test_the_range_is_that_of_the_bands_without_outliers() -> None:
    cube = CUBE + 1000 * np.arange(8)
    cube[0, 0] = 1e9
    low, high = training_range(cube, np.arange(1200))
    np.testing.assert_allclose(low, 200 + 1000 * np.arange(8), atol=30)
    np.testing.assert_allclose(high, 4000 + 1000 * np.arange(8), atol=30)


def test_another_unit_is_noticed_within_a_range_that_begins_at_0() -> None:
    cube = CUBE - CUBE.min()
    trained = training_range(cube - cube.min() - 1, np.arange(1200))
    assert "Multiplied by 10000" in why_outside(trained, cube / 10_000, ALL)


@pytest.mark.parametrize("change", [1.0, 1.02, 0.97])
def test_a_scene_like_the_training_is_not_mentioned(change: float) -> None:
    assert why_outside(TRAINED, CUBE * change, ALL) == ""


@pytest.mark.parametrize(
    ("divisor", "factor"), [(10_000, "10000"), (0.01, "0.01"), (100, "100"), (255, "255"), (1e-4, "0.0001")]
)
def test_the_factor_is_named(divisor: float, factor: str) -> None:
    told = why_outside(TRAINED, CUBE / divisor, ALL)
    assert told.startswith("100% of the pixels lie outside")
    assert f"Multiplied by {factor} they lie inside" in told


def test_no_factor_is_named_if_none_explains_it() -> None:
    told = why_outside(TRAINED, CUBE + 50_000, ALL)
    assert "lie outside" in told
    assert "Multiplied" not in told


def test_pixels_without_data_and_some_strange_ones_do_not_count() -> None:
    cube, valid = CUBE.copy(), ALL.copy()
    valid[:20] = False
    cube[:20] = -9999
    cube[20:24] = 1e6
    assert why_outside(TRAINED, cube, valid) == ""
    assert why_outside(TRAINED, cube, np.zeros_like(valid)) == ""
    assert why_outside(((1.0,), (1.0,)), np.full((2, 2, 1), 5.0), np.ones((2, 2), bool)) == "", "a band without a range"

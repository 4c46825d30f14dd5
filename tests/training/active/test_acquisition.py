"""Which pixels a rule asks about first, worked out by hand."""

import numpy as np
import pytest

from hsiauto.training.active.acquisition import acquire, doubt
from hsiauto.training.active.recipe import ActiveLabels

PIXELS = np.array([10, 20, 30, 40], np.int64)
P = np.array(
    [
        [0.98, 0.01, 0.01],  # sure
        [0.50, 0.49, 0.01],  # torn between two
        [0.40, 0.20, 0.40],  # two at the top, the third near
        [0.60, 0.20, 0.20],
    ],
    np.float32,
)


@pytest.mark.parametrize(
    ("fields", "first"),
    [
        ({"margin_rank": 3}, [30, 40, 20, 10]),
        ({"margin_rank": 2}, [30, 20, 40, 10]),
        ({"acquisition": "entropy"}, [30, 40, 20, 10]),
    ],
)
def test_the_least_sure_come_first(fields: dict[str, object], first: list[int]) -> None:
    labels = ActiveLabels.model_validate(fields)
    for n in range(1, 5):
        chosen = acquire(labels, P, PIXELS, n, np.random.default_rng(0))
        assert chosen.tolist() == sorted(first[:n])


def test_entropy_is_that_of_nats_and_zero_where_sure() -> None:
    entropy = doubt(ActiveLabels(acquisition="entropy"), np.array([[1.0, 0.0], [0.5, 0.5]], np.float32))
    assert entropy.tolist() == pytest.approx([0.0, np.log(2)])


def test_ties_are_drawn_over_the_whole_pool() -> None:
    pixels, flat = np.arange(1000), np.full((1000, 3), 1 / 3, np.float32)
    chosen = acquire(ActiveLabels(), flat, pixels, 100, np.random.default_rng(0))
    assert len(np.unique(chosen)) == 100
    assert (chosen < 500).sum() in range(30, 70), "not the first rows of the scene"


def test_random_is_a_sample_that_its_generator_decides() -> None:
    labels, pixels = ActiveLabels(acquisition="random"), np.arange(100)
    once, again, other = (acquire(labels, None, pixels, 20, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    assert len(np.unique(once)) == 20

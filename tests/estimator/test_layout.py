"""Spectra on a grid: every one has a place, and a group trains or tests as a whole."""

from typing import Any

import numpy as np
import pytest

from hsiauto.errors import UserError
from hsiauto.estimator.layout import by_coordinates, by_groups
from hsiauto.split import Split, SplitSpec, make_split
from hsiauto.split.make import folds

N = 120
SPECTRA = np.arange(N * 3, dtype=np.float32).reshape(N, 3)
"""No two are alike."""
LABELS = np.repeat([1, 2, 3], 40)


def _which(cube: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """The spectra that stand at `pixels`."""
    return (cube.reshape(-1, 3)[pixels, 0] / 3).astype(int)


def _split(settings: dict[str, Any], labels: np.ndarray, seed: int = 0) -> Split:
    return make_split(labels, SplitSpec(protocol="groups", block_size=settings["block-size"], seed=seed))


@pytest.mark.parametrize("groups", [np.arange(N) // 4, np.random.default_rng(0).integers(0, 30, N).astype(str)])
def test_a_group_trains_validates_or_tests_as_a_whole(groups: np.ndarray) -> None:
    cube, labels, settings = by_groups(SPECTRA, LABELS, groups)
    standing = np.flatnonzero(labels)
    assert sorted(_which(cube, standing)) == list(range(N))
    np.testing.assert_array_equal(labels.ravel()[standing], LABELS[_which(cube, standing)])
    assert np.isnan(cube[labels == 0]).all()
    for seed in range(3):
        split = _split(settings, labels, seed)
        for fold in folds(split, labels, 3):
            sides = [set(groups[_which(cube, side)]) for side in (fold.train, fold.val, fold.test)]
            assert len(set().union(*sides)) == sum(map(len, sides))
        used = np.concatenate([split.train, split.val, split.test])
        assert sorted(_which(cube, used)) == list(range(N)), "no buffer takes any out"
        assert split.buffer == 0


def test_spectra_without_groups_are_drawn_within_each_class() -> None:
    n = 5000
    labels_N = np.repeat([1, 2, 3], [n - 60, 50, 10])
    _, labels, settings = by_groups(np.ones((n, 2), np.float32), labels_N, None)
    side = settings["block-size"]
    blocks = labels.reshape(labels.shape[0] // side, side, -1, side).swapaxes(1, 2).reshape(-1, side * side)
    assert all(len(set(block[block > 0])) <= 1 for block in blocks)
    assert labels.size < 3 * n, "little of the grid is empty"
    split = _split(settings, labels)
    tested = np.bincount(labels.ravel()[split.test], minlength=4)[1:] / np.bincount(labels_N)[1:]
    assert split.classes == (1, 2, 3)
    np.testing.assert_allclose(tested, 0.2, atol=0.15)


def test_coordinates_place_spectra_and_are_whole_and_each_once() -> None:
    places = np.stack([100 + np.arange(N) // 12, 7 + 2 * (np.arange(N) % 12)], axis=1)
    cube, _, settings = by_coordinates(SPECTRA, LABELS, places)
    assert cube.shape == (10, 23, 3)
    np.testing.assert_array_equal(cube[3, 2 * 5], SPECTRA[3 * 12 + 5])
    assert settings["protocol"] == "blocks"
    for wrong in (places + 0.5, places[:-1], places * np.nan, places[:, :1], places.astype(str)):
        with pytest.raises(UserError, match="a row and a column"):
            by_coordinates(SPECTRA, LABELS, wrong)
    with pytest.raises(UserError, match="twice"):
        by_coordinates(SPECTRA, LABELS, places // 2)


def test_groups_are_of_a_block_size_and_have_no_buffer() -> None:
    with pytest.raises(UserError, match="needs `block_size`"):
        SplitSpec(protocol="groups")
    assert SplitSpec(protocol="groups", block_size=3, buffer=9).squares == (3, 0)

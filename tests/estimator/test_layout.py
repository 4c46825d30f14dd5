"""Spectra on a grid: every one has a place, and a group trains or tests as a whole."""

import numpy as np
import pytest

from hsiauto.errors import UserError
from hsiauto.estimator.layout import LaidOut, by_coordinates, by_groups
from hsiauto.split import Split, SplitSpec, make_split
from hsiauto.split.make import folds

N = 120
SPECTRA = np.arange(N * 3, dtype=np.float32).reshape(N, 3)
"""No two are alike."""
LABELS = np.repeat([1, 2, 3], 40)


def _which(cube: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """The spectra that stand at `pixels`."""
    return (cube.reshape(-1, 3)[pixels, 0] / 3).astype(int)


def _split(laid_out: LaidOut, seed: int = 0) -> Split:
    spec = SplitSpec(protocol=laid_out.settings["protocol"], seed=seed)
    return make_split(laid_out.labels, spec, groups=laid_out.groups)


@pytest.mark.parametrize("groups", [np.arange(N) // 4, np.random.default_rng(0).integers(0, 30, N).astype(str)])
def test_a_group_trains_validates_or_tests_as_a_whole(groups: np.ndarray) -> None:
    laid_out = by_groups(SPECTRA, LABELS, groups)
    cube, labels = laid_out.cube, laid_out.labels
    standing = np.flatnonzero(labels)
    assert sorted(_which(cube, standing)) == list(range(N))
    np.testing.assert_array_equal(labels.ravel()[standing], LABELS[_which(cube, standing)])
    assert np.isnan(cube[labels == 0]).all()
    for seed in range(3):
        split = _split(laid_out, seed)
        for fold in folds(split, labels, 3, laid_out.groups):
            sides = [set(groups[_which(cube, side)]) for side in (fold.train, fold.val, fold.test)]
            assert len(set().union(*sides)) == sum(map(len, sides))
        used = np.concatenate([split.train, split.val, split.test])
        assert sorted(_which(cube, used)) == list(range(N)), "no buffer takes any out"
        assert split.buffer == 0


def test_spectra_without_groups_are_drawn_within_each_class() -> None:
    n = 5000
    labels_N = np.repeat([1, 2, 3], [n - 60, 50, 10])
    laid_out = by_groups(np.ones((n, 2), np.float32), labels_N, None)
    labels, groups = laid_out.labels.ravel(), laid_out.groups
    assert groups is not None
    pairs = np.stack([groups.ravel(), labels])[:, labels > 0]
    assert len(np.unique(pairs, axis=1).T) == groups.max(), "of one class each"
    split = _split(laid_out)
    tested = np.bincount(labels[split.test], minlength=4)[1:] / np.bincount(labels_N)[1:]
    assert split.classes == (1, 2, 3)
    np.testing.assert_allclose(tested, 0.2, atol=0.25)


def test_coordinates_place_spectra_and_are_whole_and_each_once() -> None:
    places = np.stack([100 + np.arange(N) // 12, 7 + 2 * (np.arange(N) % 12)], axis=1)
    cube, _, settings, _ = by_coordinates(SPECTRA, LABELS, places)
    assert cube.shape == (10, 23, 3)
    np.testing.assert_array_equal(cube[3, 2 * 5], SPECTRA[3 * 12 + 5])
    assert settings["protocol"] == "blocks"
    for wrong in (places + 0.5, places[:-1], places * np.nan, places[:, :1], places.astype(str)):
        with pytest.raises(UserError, match="a row and a column"):
            by_coordinates(SPECTRA, LABELS, wrong)
    with pytest.raises(UserError, match="twice"):
        by_coordinates(SPECTRA, LABELS, places // 2)

"""Splits that somebody else drew."""

import numpy as np
import pytest

from hsiauto.errors import UserError
from hsiauto.split import SplitSpec, make_split, overlap
from tests.split.maps import LabelMap, fields, real

FIXED = SplitSpec(protocol="fixed", buffer=1, block_size=8)


@pytest.fixture
def maps() -> tuple[LabelMap, LabelMap, LabelMap]:
    """Labels, and train and test maps: left and right half."""
    labels = fields(48, 64)
    train, test = labels.copy(), labels.copy()
    train[:, 32:] = test[:, :32] = 0
    return labels, train, test


def test_sides_are_as_mapped(maps: tuple[LabelMap, LabelMap, LabelMap]) -> None:
    labels, train, test = maps
    split = make_split(labels, FIXED, train, test)
    np.testing.assert_array_equal(split.pool, np.flatnonzero(train))
    np.testing.assert_array_equal(split.test, np.flatnonzero(test))
    assert len(split.val) > 0


def test_a_budget_limits_the_train_map(maps: tuple[LabelMap, LabelMap, LabelMap]) -> None:
    labels, train, test = maps
    split = make_split(labels, FIXED.model_copy(update={"train_per_class": 30}), train, test)
    assert np.bincount(labels.ravel()[split.pool])[1:].tolist() == [30] * 4
    np.testing.assert_array_equal(split.test, np.flatnonzero(test))


def test_conflicts_are_counted_or_dropped(maps: tuple[LabelMap, LabelMap, LabelMap]) -> None:
    labels, train, test = maps
    background = np.argwhere(labels == 0)[:3]
    train[tuple(background.T)] = 2
    (row, column) = np.argwhere((labels == 1) & (test > 0))[0]
    test[row, column] = 3
    both = tuple(np.argwhere((labels == 4) & (test > 0))[:2].T)
    train[both] = 4
    with pytest.raises(UserError) as caught:
        make_split(labels, FIXED, train, test)
    for part in (
        "train map: 3 pixels (class 2: 3) outside the ground truth",
        "test map: 1 pixels (class 3: 1) of another class",
        "2 pixels (class 4: 2) in both maps",
    ):
        assert part in str(caught.value)
    split = make_split(labels, FIXED.model_copy(update={"drop_conflicts": True}), train, test)
    wrong = np.ravel_multi_index((row, column), labels.shape)
    np.testing.assert_array_equal(split.test, np.setdiff1d(np.flatnonzero(test), wrong))
    np.testing.assert_array_equal(split.pool, np.flatnonzero((train > 0) & (labels > 0) & (test == 0)))


def test_missing_and_foreign_maps(maps: tuple[LabelMap, LabelMap, LabelMap]) -> None:
    labels, train, test = maps
    with pytest.raises(UserError, match="received no test map"):
        make_split(labels, FIXED, train, None)
    with pytest.raises(UserError, match="train map must have the size of the ground truth, 48 x 64; received 64 x 48"):
        make_split(labels, FIXED, train.T, test)


def test_pavia_university_contest_split() -> None:
    labels = real("ground_truth/PaviaU_gt.mat", "paviaU_gt")
    train, test = real("splits/TRpaviaU.mat", "TRpaviaU"), real("splits/TSpaviaU.mat", "TSpaviaU")
    split = make_split(labels, SplitSpec(protocol="fixed"), train, test)
    assert (len(split.pool), len(split.test), len(split.classes)) == (2_774, 40_002, 9)
    assert set(labels.ravel()[split.val]) == set(split.classes)
    assert 0.1 < overlap(split, 4).contains < 0.2  # disjoint pixels, patches that overlap all the same


def test_houston_contest_split() -> None:
    train, test = real("splits/TRLabel.mat", "TRLabel"), real("splits/TSLabel.mat", "TSLabel")
    split = make_split(np.maximum(train, test), SplitSpec(protocol="fixed"), train, test)
    assert (len(split.pool), len(split.test), len(split.classes)) == (2_832, 12_197, 15)


def test_indian_pines_map_that_contradicts_its_ground_truth() -> None:
    labels = real("indian_pines/Indian_pines_gt.mat", "indian_pines_gt")
    numbering = np.array([0, 2, 3, 5, 6, 8, 10, 11, 12, 14, 1, 4, 7, 9, 13, 15, 16], dtype=np.int16)
    train = numbering[real("splits/indianpines_disjoint_dset.mat", "indianpines_disjoint_dset")]
    test = np.where(train == 0, labels, 0).astype(np.int16)
    spec = SplitSpec(protocol="fixed")
    with pytest.raises(
        UserError, match=r"151 pixels .* outside the ground truth; .* 10 pixels \(class 11: 10\) of another"
    ):
        make_split(labels, spec, train, test)
    split = make_split(labels, spec.model_copy(update={"drop_conflicts": True}), train, test)
    assert len(split.pool) == 5_528

"""Label budgets and the random protocol."""

import numpy as np
import pytest

from hsiauto.errors import UserError
from hsiauto.split import SplitSpec, make_split
from tests.split.maps import LabelMap, fields, real

WHOLE = SplitSpec(block_size=16, buffer=5)


def per_class(labels: LabelMap, pixels: np.ndarray) -> list[int]:
    return np.bincount(labels.ravel()[pixels], minlength=labels.max() + 1)[1:].tolist()


def strip(*numbers: int) -> LabelMap:
    """One row with `numbers[k - 1]` pixels of class k."""
    return np.repeat(np.arange(1, len(numbers) + 1), numbers)[None, :].astype(np.int16)


def test_random_takes_a_fraction_of_each_class() -> None:
    labels = strip(200, 55, 4, 2)
    split = make_split(labels, SplitSpec(protocol="random"))
    assert per_class(labels, split.pool) == [20, 6, 1, 1]
    assert per_class(labels, split.test) == [180, 49, 3, 1]
    assert per_class(labels, split.val) == [5, 2, 0, 0]
    np.testing.assert_array_equal(np.union1d(split.train, split.val), split.pool)


def test_a_number_per_class_leaves_one_pixel_to_test() -> None:
    labels = strip(100, 10, 3)
    split = make_split(labels, SplitSpec(protocol="random", train_per_class=10))
    assert per_class(labels, split.pool) == [10, 9, 2]
    assert per_class(labels, split.test) == [90, 1, 1]


def test_a_class_of_one_pixel_is_left_out() -> None:
    split = make_split(strip(50, 50, 1), SplitSpec(protocol="random"))
    assert split.classes == (1, 2)
    assert split.left_out == ((3, "no training pixel: of 1 labelled, 1 test"),)
    assert 100 not in split.test


def test_a_class_without_pixels_is_left_out() -> None:
    labels = strip(50, 0, 50)
    assert make_split(labels, SplitSpec(protocol="random")).left_out == ((2, "no labelled pixel"),)


def test_budgets_are_nested() -> None:
    labels = fields(64, 64)
    pools = [set(make_split(labels, SplitSpec(protocol="random", train_fraction=f)).pool) for f in (0.05, 0.1, 0.3)]
    assert pools[0] < pools[1] < pools[2]


@pytest.mark.parametrize("budget", [{"train_per_class": 5}, {"train_fraction": 0.02}])
def test_a_budget_limits_blocks_without_touching_test(budget: dict[str, float]) -> None:
    labels = fields(160, 160, side=8)
    full = make_split(labels, WHOLE)
    few = make_split(labels, WHOLE.model_copy(update=budget))
    np.testing.assert_array_equal(few.test, full.test)
    assert set(few.pool) < set(full.pool)
    total = np.bincount(labels.ravel())[1:]
    expected = [5] * 4 if "train_per_class" in budget else np.floor(0.02 * total + 0.5).astype(int).tolist()
    assert per_class(labels, few.pool) == expected


def test_a_fraction_beyond_the_training_side_takes_all_of_it() -> None:
    labels = fields(160, 160, side=8)
    full, most = make_split(labels, WHOLE), make_split(labels, WHOLE.model_copy(update={"train_fraction": 0.99}))
    np.testing.assert_array_equal(full.pool, most.pool)


def test_indian_pines_ten_percent() -> None:
    labels = real("indian_pines/Indian_pines_gt.mat", "indian_pines_gt")
    split = make_split(labels, SplitSpec(protocol="random", train_fraction=0.10))
    assert len(split.pool) + len(split.test) == 10_249
    assert 1_020 <= len(split.pool) <= 1_030
    assert split.classes == tuple(range(1, 17))


@pytest.mark.parametrize(
    ("labels", "spec", "message"),
    [
        (strip(50), SplitSpec(), "two classes with labelled pixels; received 1"),
        (np.zeros((20, 20), dtype=np.int16), SplitSpec(), "two classes with labelled pixels; received 0"),
        (strip(50, 1), SplitSpec(protocol="random"), "two classes must be in both train and test.*class 2"),
        (strip(8, 8), WHOLE, "something to test"),
        (fields(64, 64), SplitSpec(block_size=16, buffer=60), "something to train"),
        (strip(2, 2), SplitSpec(protocol="random"), "something to validate"),
        (fields(64, 64), SplitSpec(train_fraction=0.1, train_per_class=5), "train_fraction 0.1 and train_per_class 5"),
    ],
)
def test_impossible_splits_say_why(labels: LabelMap, spec: SplitSpec, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        make_split(labels, spec)
    assert caught.value.remedy


def test_a_validation_that_cannot_be_buffered_says_so() -> None:
    labels = np.zeros((64, 64), dtype=np.int16)  # two blocks of both classes: one tests, the other cannot be cut
    labels[4:8, 4:8], labels[8:12, 4:8] = 1, 2
    labels[52:56, 52:56], labels[56:60, 52:56] = 1, 2
    with pytest.raises(UserError, match=r"something to validate.*random protocol"):
        make_split(labels, WHOLE)

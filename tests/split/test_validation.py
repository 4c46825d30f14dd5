"""Validation without a class: drawn so that it holds the class if it can, said, and refused if it tells nothing."""

import numpy as np
import pytest

from hsiauto.errors import UserError
from hsiauto.split import SplitSpec, make_split
from hsiauto.split.seal import TrialData
from hsiauto.split.validation import few_pixels, require_two_classes, validation_warnings

SPEC = SplitSpec(block_size=16, buffer=5)
NAMES = ("oats", "corn", "grass")


def of_counts(train: list[int], val: list[int]) -> TrialData:
    """Trial data with so many pixels of each class."""
    train_labels, val_labels = (np.repeat(np.arange(len(counts)), counts) for counts in (train, val))
    n, n_all = len(train_labels), len(train_labels) + len(val_labels)
    cube, valid, pixels = np.zeros((1, n_all, 2)), np.ones((1, n_all), dtype=bool), np.arange(n_all)
    return TrialData(cube, valid, len(train), pixels[:n], train_labels, pixels[n:], val_labels)


@pytest.mark.parametrize(("drawn", "block_size"), [(350, 5), (1628, 4), (2020, 5)])
def test_a_draw_that_loses_a_class_which_another_one_validates_is_not_taken(drawn: int, block_size: int) -> None:
    labels = np.random.default_rng(drawn).choice(4, p=(0.8, 0.1, 0.06, 0.04), size=(16, 16)).astype(np.int16)
    split = make_split(labels, SplitSpec(block_size=block_size, buffer=3))
    assert set(labels.ravel()[split.val]) == set(split.classes) == {1, 2, 3}


def test_lacking_and_rare_classes_are_named() -> None:
    assert validation_warnings(of_counts([90, 80, 70], [30, 20, 10]), NAMES) == []
    said = validation_warnings(of_counts([6, 80, 70], [0, 20, 9]), NAMES)
    assert len(said) == 2
    assert "validation holds no pixel of oats (6 in training)" in said[0]
    assert "over the other 2 classes" in said[0]
    assert "validation holds fewer than 10 pixels of grass (9):" in said[1]
    assert few_pixels("test", [("a", 10), ("a", 3)])[0].startswith("test holds fewer than 10 pixels of a (3):")


def test_validation_of_one_class_is_refused_with_what_was_found() -> None:
    require_two_classes(of_counts([90, 3, 3], [30, 1, 0]), NAMES, SPEC)
    with pytest.raises(UserError, match="validation must hold two classes") as refused:
        require_two_classes(of_counts([3, 4000, 5], [0, 1383, 0]), NAMES, SPEC)
    assert "1,383 pixels of corn alone" in str(refused.value)
    assert "none of oats (3 in training), grass (5 in training)" in str(refused.value)
    assert "block size below 16" in refused.value.remedy


def test_classes_of_one_name_are_two() -> None:
    require_two_classes(of_counts([9, 9], [3, 4]), ("field", "field"), SPEC)

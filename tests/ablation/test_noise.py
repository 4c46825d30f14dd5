"""Label noise: as many labels as asked for, always another class, training alone, the same draw for every share."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hsiauto.ablation.noise import noisy
from tests.small_scene import small_data

DATA = small_data(n_train=60)


@given(share=st.floats(0, 1), seed=st.integers(0, 1000))
def test_as_many_as_asked_for_and_each_to_another_class(share: float, seed: int) -> None:
    labels = noisy(DATA, share, seed).train_labels
    assert (labels != DATA.train_labels).sum() == round(share * len(labels))
    assert labels.min() >= 0
    assert labels.max() < DATA.n_classes


@given(seed=st.integers(0, 1000))
def test_a_larger_share_changes_the_same_labels_and_more(seed: int) -> None:
    few, many = (noisy(DATA, share, seed).train_labels for share in (0.2, 0.5))
    changed = few != DATA.train_labels
    assert np.array_equal(few[changed], many[changed])


def test_validation_keeps_its_labels_and_the_original_is_left_alone() -> None:
    before = DATA.train_labels.copy()
    data = replace(DATA, val_pixels=DATA.train_pixels[:9], val_labels=DATA.train_labels[:9].copy())
    made = noisy(data, 1.0, 0)
    assert np.array_equal(made.val_labels, before[:9])
    assert np.array_equal(made.train_pixels, DATA.train_pixels)
    assert np.array_equal(DATA.train_labels, before)
    assert made.cube is DATA.cube, "shared by all workers"


def test_seeds_draw_apart() -> None:
    assert not np.array_equal(noisy(DATA, 0.3, 0).train_labels, noisy(DATA, 0.3, 1).train_labels)

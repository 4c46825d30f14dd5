"""The rule of blocks: squares stay whole, rare classes are placed, the buffer is paid by training."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsiauto.errors import UserError
from hsiauto.split import SplitSpec, make_split
from hsiauto.split.regions import block_ids
from tests.split.maps import LabelMap, fields, label_maps, real


def test_blocks_are_whole_on_either_side() -> None:
    labels = fields(96, 96, side=8)
    split = make_split(labels, SplitSpec(block_size=16, buffer=0))
    ids = block_ids(split.shape, 16).ravel()
    assert not set(ids[split.test]) & set(ids[split.pool])
    assert not set(ids[split.train]) & set(ids[split.val])
    np.testing.assert_array_equal(np.union1d(split.train, split.val), split.pool)  # nothing to pay without a buffer


def test_share_of_test_and_validation_blocks() -> None:
    labels = fields(160, 160, side=8)
    split = make_split(labels, SplitSpec(test_fraction=0.2, val_fraction=0.25, block_size=16, buffer=0))
    ids = block_ids(split.shape, 16).ravel()
    assert len(set(ids[split.test])) == 20
    assert len(set(ids[split.val])) == 20  # of the 80 left


def test_a_remainder_under_half_a_block_joins_the_last() -> None:
    ids = block_ids((39, 40), 16)
    rows, columns = (np.unique(line, return_counts=True)[1].tolist() for line in (ids[:, 0], ids[0]))
    assert rows == [16, 23]
    assert columns == [16, 16, 8]


@settings(max_examples=150, deadline=None)
@given(labels=label_maps(), seed=st.integers(0, 20), block_size=st.integers(2, 12))
def test_a_class_in_several_blocks_is_never_lost_from_training(labels: LabelMap, seed: int, block_size: int) -> None:
    ids = block_ids((labels.shape[0], labels.shape[1]), block_size)
    several = {k for k in range(1, labels.max() + 1) if len(np.unique(ids[labels == k])) >= 2}
    try:
        split = make_split(labels, SplitSpec(seed=seed, block_size=block_size, buffer=0))
    except UserError:
        return
    lost = {k for k, reason in split.left_out if reason.startswith(("no training pixel", "no training or test"))}
    assert not lost & several


@pytest.mark.parametrize("seed", range(10))
def test_the_rarest_class_is_placed_on_both_sides(seed: int) -> None:
    labels = fields(128, 128, side=8, n_classes=3)
    labels[2:4, 2:4] = labels[100:102, 100:102] = 4  # 8 pixels in two far blocks of 64
    split = make_split(labels, SplitSpec(seed=seed, block_size=16, buffer=5))
    assert split.classes == (1, 2, 3, 4)


@pytest.mark.parametrize("seed", range(10))
def test_a_class_across_one_border_is_not_taken_whole(seed: int) -> None:
    labels = fields(128, 128, side=8, n_classes=3)
    labels[33:36, 45:51] = 4  # three columns in each of two neighbouring blocks
    split = make_split(labels, SplitSpec(seed=seed, test_fraction=0.7, block_size=16, buffer=0))
    assert split.classes == (1, 2, 3, 4)


def test_a_class_in_one_block_is_left_out_with_its_numbers() -> None:
    labels = fields(96, 96, side=8, n_classes=3)
    labels[2:5, 2:4] = 4
    split = make_split(labels, SplitSpec(block_size=16, buffer=0))
    ((k, reason),) = split.left_out
    assert k == 4
    assert "of 6 labelled" in reason
    assert not set(np.flatnonzero(labels == 4)) & {*split.train, *split.val, *split.pool, *split.test}


@pytest.mark.parametrize("seed", range(10))
def test_a_class_of_three_places_keeps_two_of_them_to_train_and_to_validate(seed: int) -> None:
    labels = fields(96, 96, side=8, n_classes=3)
    for corner in (0, 40, 80):
        labels[corner + 2 : corner + 6, 90:94] = 4
    labels[:, 84:90] = 0
    split = make_split(labels, SplitSpec(seed=seed, block_size=16, buffer=8))
    assert 4 in labels.ravel()[split.test]
    assert 4 in labels.ravel()[split.val]
    assert 4 in labels.ravel()[split.train]


@pytest.mark.parametrize("seed", range(5))
def test_indian_pines(seed: int) -> None:
    labels = real("indian_pines/Indian_pines_gt.mat", "indian_pines_gt")
    split = make_split(labels, SplitSpec(seed=seed))
    assert split.spec.squares == (16, 8)
    assert 1_600 <= len(split.test) <= 2_600
    assert len(split.pool) >= 3_800
    assert len(split.classes) >= 12
    assert len(np.unique(labels.ravel()[split.val])) >= 9


@pytest.mark.parametrize(
    ("scene", "key", "least"),
    [
        ("Salinas", "salinas_gt", 16),
        ("PaviaU", "paviaU_gt", 9),
        ("Pavia", "pavia_gt", 9),
        ("Botswana", "Botswana_gt", 14),
        ("KSC", "KSC_gt", 12),  # most of class 7 lies in one place
    ],
)
def test_real_geometry(scene: str, key: str, least: int) -> None:
    labels = real(f"ground_truth/{scene}_gt.mat", key)
    split = make_split(labels, SplitSpec())
    assert split.spec.squares == (32, 16)
    assert len(split.classes) >= least
    assert 0.1 < len(split.test) / np.count_nonzero(labels) < 0.3
    assert len(set(labels.ravel()[split.val])) >= 0.75 * len(split.classes)

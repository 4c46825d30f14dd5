"""What holds for every split of every map."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hsiauto.errors import UserError
from hsiauto.split import Split, SplitSpec, folds, make_split
from hsiauto.split.distance import distance_to
from hsiauto.split.make import split_hash
from hsiauto.split.regions import block_ids
from tests.split.maps import LabelMap, fields, label_maps

specs = st.builds(
    SplitSpec,
    protocol=st.sampled_from(["blocks", "random"]),
    seed=st.integers(0, 50),
    test_fraction=st.floats(0.05, 0.6),
    val_fraction=st.floats(0.05, 0.6),
    block_size=st.integers(2, 20),
    buffer=st.integers(0, 8),
    train_per_class=st.none() | st.integers(1, 20),
)


def divided(labels: LabelMap, spec: SplitSpec) -> Split:
    """The split; a map that cannot be split is no example."""
    try:
        return make_split(labels, spec)
    except UserError:
        assume(False)
        raise


def within(split: Split, pixels: np.ndarray, others: np.ndarray) -> int:
    """The least Chebyshev distance between two sets."""
    mask = np.zeros(split.shape, dtype=bool)
    mask.ravel()[others] = True
    return int(distance_to(mask).ravel()[pixels].min())


@settings(max_examples=150, deadline=None)
@given(labels=label_maps(), spec=specs)
def test_sets_are_disjoint_sorted_labelled_and_scored(labels: LabelMap, spec: SplitSpec) -> None:
    split = divided(labels, spec)
    flat = labels.ravel()
    for pixels in (split.train, split.val, split.pool, split.test):
        assert np.all(np.diff(pixels) > 0)
        assert np.isin(flat[pixels], split.classes).all()
    assert not set(split.train) & set(split.val)
    assert not set(split.pool) & set(split.test)
    assert set(split.train) | set(split.val) <= set(split.pool)
    assert len(split.val) > 0
    for pixels in (split.train, split.pool, split.test):
        assert set(flat[pixels]) == set(split.classes)
    assert {k for k, _ in split.left_out} == set(range(1, labels.max() + 1)) - set(split.classes)


@settings(max_examples=100, deadline=None)
@given(labels=label_maps(), spec=specs)
def test_buffer_is_respected_between_training_and_what_judges_it(labels: LabelMap, spec: SplitSpec) -> None:
    split = divided(labels, spec.model_copy(update={"protocol": "blocks"}))
    assert within(split, split.pool, split.test) > spec.squares.buffer
    assert within(split, split.train, split.val) > spec.squares.buffer


@settings(max_examples=100, deadline=None)
@given(labels=label_maps(), spec=specs, buffer=st.integers(0, 8), val_fraction=st.floats(0.1, 0.5))
def test_test_pixels_do_not_depend_on_buffer_budget_or_validation(
    labels: LabelMap, spec: SplitSpec, buffer: int, val_fraction: float
) -> None:
    spec = spec.model_copy(update={"protocol": "blocks"})
    one = divided(labels, spec)
    other = divided(
        labels, spec.model_copy(update={"buffer": buffer, "val_fraction": val_fraction, "train_per_class": None})
    )
    flat, both = labels.ravel(), set(one.classes) & set(other.classes)
    first, second = (pixels[np.isin(flat[pixels], list(both))] for pixels in (one.test, other.test))
    np.testing.assert_array_equal(first, second)


@settings(max_examples=100, deadline=None)
@given(labels=label_maps(), spec=specs, k=st.integers(1, 6))
def test_folds_are_disjoint_and_keep_pool_and_test(labels: LabelMap, spec: SplitSpec, k: int) -> None:
    split = divided(labels, spec)
    found = folds(split, labels, k)
    assert 1 <= len(found) <= k
    assert found[0] is split
    validated: set[int] = set()
    for fold in found:
        np.testing.assert_array_equal(fold.pool, split.pool)
        np.testing.assert_array_equal(fold.test, split.test)
        assert (fold.classes, fold.left_out, fold.spec) == (split.classes, split.left_out, split.spec)
        assert set(labels.ravel()[fold.train]) == set(split.classes)
        assert not set(fold.train) & set(fold.val)
        assert not validated & set(fold.val)
        validated |= set(fold.val)
        if spec.protocol == "blocks":
            assert within(fold, fold.train, fold.val) > spec.squares.buffer
    held = [len(set(labels.ravel()[fold.val])) for fold in found]
    assert all(n >= max(2, held[0] / 2) for n in held[1:])
    assert folds(split, labels, k) == found


@pytest.mark.parametrize("protocol", ["blocks", "random"])
def test_folds_are_blind_to_test_labels_and_cover_the_pool(protocol: str) -> None:
    labels = fields(96, 96, side=8)
    split = make_split(labels, SplitSpec.model_validate({"protocol": protocol, "block_size": 12, "buffer": 2}))
    poisoned = labels.copy()
    poisoned.ravel()[split.test] = 1
    found = folds(split, labels, 4)
    assert len({fold.hash for fold in found}) == 4
    assert folds(split, poisoned, 4) == found
    covered = np.concatenate([fold.val for fold in found])
    assert len(covered) > 0.95 * len(split.pool)
    np.testing.assert_array_equal(np.unique(covered), np.sort(covered))


def test_no_block_validates_twice() -> None:
    labels = fields(96, 96, side=8)
    split = make_split(labels, SplitSpec(block_size=12, buffer=2))
    ids = block_ids(split.shape, 12).ravel()
    held = [set(ids[fold.val].tolist()) for fold in folds(split, labels, 4)]
    assert sum(map(len, held)) == len(set.union(*held))


@settings(max_examples=50, deadline=None)
@given(labels=label_maps(), spec=specs)
def test_same_seed_gives_the_same_split(labels: LabelMap, spec: SplitSpec) -> None:
    assert divided(labels, spec) == divided(labels.copy(), spec)


@pytest.mark.parametrize("protocol", ["blocks", "random"])
def test_another_seed_gives_another_test_set(protocol: str) -> None:
    specs = [
        SplitSpec.model_validate({"protocol": protocol, "block_size": 16, "buffer": 2, "seed": seed})
        for seed in range(5)
    ]
    labels = fields(96, 96, side=8)
    assert len({make_split(labels, spec).test.tobytes() for spec in specs}) == 5


members = st.sets(st.integers(0, 6)).map(sorted).map(tuple)
hashed = st.tuples(*[members] * 5, st.sampled_from([(8, 2), (8, 3), (9, 2)]))


@given(one=hashed, other=hashed)
def test_hash_changes_exactly_with_the_sets_the_classes_and_the_squares(
    one: tuple[tuple[int, ...], ...], other: tuple[tuple[int, ...], ...]
) -> None:
    def of(sets: tuple[tuple[int, ...], ...]) -> str:
        train, val, pool, test = (np.array(pixels, dtype=np.int64) for pixels in sets[:4])
        spec = SplitSpec(block_size=sets[5][0], buffer=sets[5][1])
        return split_hash(spec, (9, 9), train, val, pool, test, classes=sets[4])

    assert (of(one) == of(other)) == (one == other)
    assert len(of(one)) == 16

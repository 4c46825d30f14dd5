"""The rule of groups: a field is never cut, neither between test and training nor between validation and training."""

from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hsiauto.errors import UserError
from hsiauto.scene.model import Scene
from hsiauto.split import Split, SplitSpec, choose, folds, load_split, make_split, save_split
from hsiauto.split.counts import class_counts
from hsiauto.split.distance import Distances, distance_to
from hsiauto.split.seal import TrialData, seal
from hsiauto.split.storage import load_alike
from tests.split.maps import LabelMap, fields, groups_of, label_maps


def divided(labels: LabelMap, groups: LabelMap | None = None, **spec: Any) -> Split:
    found = groups_of(labels) if groups is None else groups
    return make_split(labels, SplitSpec(protocol="groups", **spec), groups=found)


def within(split: Split, pixels: np.ndarray, others: np.ndarray) -> int:
    mask = np.zeros(split.shape, dtype=bool)
    mask.ravel()[others] = True
    return int(distance_to(mask).ravel()[pixels].min())


@settings(max_examples=30, deadline=None)
@given(labels=label_maps(), seed=st.integers(0, 20), buffer=st.integers(0, 8), share=st.floats(0.05, 0.6))
def test_no_group_stands_on_two_sides_nor_validates_twice(
    labels: LabelMap, seed: int, buffer: int, share: float
) -> None:
    groups = groups_of(labels)
    try:
        split = divided(labels, groups, seed=seed, buffer=buffer, test_fraction=share, val_fraction=share)
    except UserError:
        assume(False)
        raise
    flat, found = groups.ravel(), folds(split, labels, 4, groups)
    scored = np.flatnonzero(np.isin(labels, split.classes))
    test = set(flat[split.test])
    assert not test & set(flat[split.pool])
    np.testing.assert_array_equal(split.test, scored[np.isin(flat[scored], list(test))])
    assert within(split, split.pool, split.test) > buffer
    validated: set[int] = set()
    for fold in found:
        held = set(flat[fold.val])
        assert not held & (validated | set(flat[fold.train]))
        np.testing.assert_array_equal(fold.val, split.pool[np.isin(flat[split.pool], list(held))])
        assert within(fold, fold.train, fold.val) > buffer
        assert set(labels.ravel()[fold.train]) == set(split.classes)
        validated |= held
    assert divided(labels, groups, seed=seed, buffer=buffer, test_fraction=share, val_fraction=share) == split


@settings(max_examples=20, deadline=None)
@given(labels=label_maps(), seed=st.integers(0, 20), buffer=st.integers(0, 8))
def test_the_buffer_takes_from_training_alone(labels: LabelMap, seed: int, buffer: int) -> None:
    try:
        one, other = (divided(labels, seed=seed, buffer=n, train_per_class=b) for n, b in ((0, None), (buffer, 5)))
    except UserError:
        assume(False)
        raise
    both = list(set(one.classes) & set(other.classes))
    first, second = (split.test[np.isin(labels.ravel()[split.test], both)] for split in (one, other))
    np.testing.assert_array_equal(first, second)


def test_groups_that_hold_several_classes_stay_whole_too() -> None:
    labels = fields(96, 96, side=8)
    farms = np.kron(np.arange(36).reshape(6, 6), np.ones((16, 16), int)) + 1
    split = divided(labels, np.where(labels > 0, farms, 0).astype(np.int16), buffer=2)
    assert split.classes == (1, 2, 3, 4)
    assert len(set(farms.ravel()[split.test])) == 7, "a fifth of 36"
    assert not set(farms.ravel()[split.test]) & set(farms.ravel()[split.pool])


def test_a_class_of_one_group_is_left_out_with_the_reason() -> None:
    labels = fields(96, 96, n_classes=5, side=8)
    labels[labels == 5] = 0
    labels[40:46, 40:46] = 5
    split = divided(labels, buffer=1)
    assert split.classes == (1, 2, 3, 4)
    groups = groups_of(labels)
    assert len(np.unique(groups.ravel()[split.test])) == round(0.2 * len(np.unique(groups[labels % 5 > 0])))
    assert split.left_out == ((5, "all its 36 labelled pixels lie in one group, which cannot both train and test"),)


def test_fewer_than_two_groups_are_refused() -> None:
    labels = fields()
    with pytest.raises(UserError, match="needs labels with groups; received none"):
        make_split(labels, SplitSpec(protocol="groups"))
    for buffer in ("auto", 2):
        with pytest.raises(UserError, match="needs two groups or more; received 1"):
            divided(labels, (labels > 0).astype(np.int16), buffer=buffer)


def test_classes_of_one_group_each_are_refused() -> None:
    labels = np.zeros((40, 40), np.int16)
    labels[:8], labels[30:] = 1, 2
    with pytest.raises(UserError, match=r"two classes that stand in two groups or more; received 0 of 2.*an image may"):
        divided(labels, buffer=2)


def test_the_buffer_is_automatic_and_blocks_play_no_part(tmp_path: Any) -> None:
    labels = fields(160, 160, side=10)
    groups = groups_of(labels)
    spec = SplitSpec(protocol="groups")
    found = choose(labels, spec, groups=groups, every=True)
    assert found is not None
    assert [rung.squares for rung in found.rungs] == [(0, 16), (0, 12), (0, 8), (0, 5)]
    assert {rung.blocks for rung in found.rungs} == {len(np.unique(groups)) - 1}
    assert found.automatic == ("buffer",)
    assert f"{groups.max()} groups and a buffer of" in str(found)
    split = make_split(labels, spec, groups=groups)
    assert split.spec.squares == found.chosen.squares
    assert (split.spec.block_size, split.buffer) == ("auto", found.chosen.squares.buffer)
    assert choose(labels, SplitSpec(protocol="groups", buffer=3), groups=groups) is None
    path = tmp_path / "split.npz"
    save_split(split, path, groups)
    assert load_split(path) == split
    np.testing.assert_array_equal(load_alike(path, split), groups.ravel()[split.test])
    for wrong in (None, np.zeros(3, np.int64)):
        archive: dict[str, Any] = {name: array for name, array in np.load(path).items() if name != "test_groups"}
        np.savez(path, **archive | ({} if wrong is None else {"test_groups": wrong}))
        with pytest.raises(UserError, match="the group of each test pixel"):
            load_alike(path, split)


def test_groups_are_counted_by_class_and_side() -> None:
    labels = fields(96, 96, side=8)
    groups = groups_of(labels)
    split = divided(labels, groups, buffer=2)
    for one in class_counts(labels, [split], groups):
        of_class = labels == one.class_number
        assert one.labelled == len(np.unique(groups[of_class]))
        assert one.test == len(np.unique(groups.ravel()[np.intersect1d(split.test, np.flatnonzero(of_class))]))


def test_a_trial_learns_nothing_of_groups_and_the_seal_takes_a_group_as_alike() -> None:
    labels = fields(96, 96, side=8)
    split, groups = divided(labels, buffer=2), groups_of(labels).astype(np.int32)
    scene = Scene("s", np.ones((96, 96, 2)), labels, tuple("abcd"), (1, 2, 3, 4), labels >= 0, (0, 0, 1), groups=groups)
    data, test = seal(scene, split)
    other = seal(replace(scene, groups=groups[::-1].copy()), split)[0]
    for field in dataclass_fields(TrialData):
        np.testing.assert_array_equal(getattr(data, field.name), getattr(other, field.name))
    truth = np.searchsorted(split.classes, labels.ravel()[split.test])
    at_fault = np.unique(groups.ravel()[split.test])[:2]
    wrong = np.isin(groups.ravel()[split.test], at_fault)
    by_group = test.score("a", np.where(wrong, (truth + 1) % 4, truth), np.ones_like(truth)).by_distance[0].interval
    alone = replace(scene, groups=np.arange(groups.size, dtype=np.int32).reshape(groups.shape))
    by_pixel = (
        seal(alone, split)[1].score("a", np.where(wrong, (truth + 1) % 4, truth), np.ones_like(truth)).by_distance[0]
    )
    assert by_group.high - by_group.low > 2 * (by_pixel.interval.high - by_pixel.interval.low)


@settings(max_examples=20, deadline=None)
@given(labels=label_maps(), seed=st.integers(0, 20))
def test_spectra_that_lie_nowhere_are_divided_by_groups_without_a_distance(labels: LabelMap, seed: int) -> None:
    groups = groups_of(labels)
    spec = SplitSpec(protocol="spectra", seed=seed)
    try:
        split = make_split(labels, spec, groups=groups)
    except UserError:
        assume(False)
        raise
    flat = groups.ravel()
    assert not set(flat[split.test]) & set(flat[split.pool])
    assert not set(flat[split.val]) & set(flat[split.train])
    assert len(split.train) + len(split.val) == len(split.pool), "nothing is left out for a distance"
    assert split.buffer == 0
    distances = Distances.of(split, labels > 0)
    assert set(distances.known.values()) == {None}


def test_another_buffer_is_another_split() -> None:
    labels = fields()
    assert divided(labels, buffer=0).hash != divided(labels, buffer=1).hash

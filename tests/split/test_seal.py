"""What crosses the seal, and what does not."""

import copy
import pickle
from dataclasses import fields as dataclass_fields
from dataclasses import replace

import numpy as np
import pytest

from hsiauto.errors import UserError
from hsiauto.scene.model import Scene
from hsiauto.split import Split, SplitSpec, make_split
from hsiauto.split.seal import SealedTest, TrialData, seal, training_data
from tests.split.maps import fields


@pytest.fixture
def scene() -> Scene:
    """Class 2 stands on one pixel and is left out: 0-based classes are not labels minus one."""
    labels = fields(48, 40)
    labels[labels == 2] = 0
    labels[0, 1] = 2
    cube = np.random.default_rng(0).random((48, 40, 5), dtype=np.float32)
    return Scene("tiny", cube, labels, ("a", "b", "c", "d"), (1, 2, 3, 4), np.ones((48, 40), dtype=bool), (0, 1, 2))


@pytest.fixture
def split(scene: Scene) -> Split:
    return make_split(scene.labels, SplitSpec(buffer=1, block_size=8))


def truth(scene: Scene, split: Split) -> np.ndarray:
    return np.searchsorted(split.classes, scene.labels.ravel()[split.test])


def test_classes_are_numbered_by_their_place_in_the_split(scene: Scene, split: Split) -> None:
    data, sealed = seal(scene, split)
    assert split.classes == (1, 3, 4)
    assert data.n_classes == 3
    np.testing.assert_array_equal(data.train_pixels, split.train)
    np.testing.assert_array_equal(data.val_pixels, split.val)
    np.testing.assert_array_equal(sealed.pixels, split.test)
    classes = np.array(split.classes)
    for pixels, labels in ((data.train_pixels, data.train_labels), (data.val_pixels, data.val_labels)):
        np.testing.assert_array_equal(classes[labels], scene.labels.ravel()[pixels])
        assert labels.dtype == np.int64
    assert sealed.score("perfect", truth(scene, split)).oa == 1.0


def test_a_trial_gets_no_test_pixel_and_no_label_map(scene: Scene, split: Split) -> None:
    data, _ = seal(scene, split)
    for field in dataclass_fields(TrialData):
        value = getattr(data, field.name)
        if field.name.endswith("_pixels"):
            assert not np.isin(split.test, value).any()
        if field.name.endswith("_labels"):
            assert len(value) == len(getattr(data, field.name.replace("labels", "pixels")))
    assert not any(
        np.shares_memory(value, scene.labels) for value in vars(data).values() if isinstance(value, np.ndarray)
    )


def test_poisoned_test_labels_change_nothing_that_a_trial_gets(scene: Scene, split: Split) -> None:
    poisoned = replace(scene, labels=scene.labels.copy())
    turned = {1: 3, 3: 4, 4: 1}
    poisoned.labels.ravel()[split.test] = [turned[k] for k in scene.labels.ravel()[split.test].tolist()]
    (clean, clean_test), (same, other_test) = seal(scene, split), seal(poisoned, split)
    for one, other in ((clean, same), (training_data(scene, split), training_data(poisoned, split))):
        assert pickle.dumps(one) == pickle.dumps(other)
    predicted = truth(scene, split)
    assert (clean_test.score("a", predicted).oa, other_test.score("a", predicted).oa) == (1.0, 0.0)


def test_a_refit_trains_on_the_pool(scene: Scene, split: Split) -> None:
    data = training_data(scene, split)
    np.testing.assert_array_equal(data.train_pixels, split.pool)
    assert len(data.val_pixels) == len(data.val_labels) == 0


def test_pixels_of_training_and_of_the_scene(scene: Scene, split: Split) -> None:
    scene.valid[3, :7] = False
    data, _ = seal(scene, split)
    np.testing.assert_array_equal(data.pixels_of("training"), split.train)
    np.testing.assert_array_equal(replace(data, pool=split.pool).pixels_of("training"), split.pool)
    np.testing.assert_array_equal(data.pixels_of("scene"), np.flatnonzero(scene.valid))
    np.testing.assert_array_equal(
        np.flatnonzero(data.outside_training), np.setdiff1d(np.flatnonzero(scene.valid), split.train)
    )
    assert data.valid.ravel()[split.train].any()  # a copy


def test_a_key_is_scored_once(scene: Scene, split: Split) -> None:
    _, sealed = seal(scene, split)
    predicted = np.zeros(len(sealed.pixels), dtype=np.int64)
    with pytest.raises(ValueError, match="received"):
        sealed.score("winner seed 0", predicted[:-1])  # a refused prediction has read nothing
    first = sealed.score("winner seed 0", predicted)
    with pytest.raises(RuntimeError, match="winner seed 0 has been scored"):
        sealed.score("winner seed 0", predicted)
    assert sealed.score("winner seed 1", predicted).oa == first.oa
    sure = sealed.score("winner seed 2", predicted, confidence=np.full(len(predicted), 0.9, np.float32))
    assert np.isnan(first.ece)
    assert sure.ece == pytest.approx(0.9 - first.oa)


def test_scores_by_distance_are_those_of_each_bin(scene: Scene, split: Split) -> None:
    _, sealed = seal(scene, split)
    wrong = np.arange(len(sealed.pixels)) % 3 == 0
    predicted = np.where(wrong, (truth(scene, split) + 1) % 3, truth(scene, split))
    distance = np.resize([4, 5, 5, 40], len(sealed.pixels))
    found = sealed.score("a", predicted, distance)
    bins = found.by_distance
    assert found.oa == pytest.approx((~wrong).mean())
    assert [one.pixels for one in bins] == [(distance == 4).sum(), (distance == 5).sum(), 0, 0, (distance == 40).sum()]
    assert [bins[place].oa for place in (0, 1, 4)] == pytest.approx(
        [(~wrong[distance == d]).mean() for d in (4, 5, 40)]
    )
    assert np.isnan([bins[2].oa, *bins[2].interval]).all()
    assert all(one.interval.low < one.oa < one.interval.high for one in bins if one.pixels)
    with pytest.raises(RuntimeError, match="scored once"):
        sealed.score("a", predicted, distance)


def test_a_split_without_blocks_is_scored_by_distance_too(scene: Scene) -> None:
    random = make_split(scene.labels, SplitSpec(protocol="random"))
    _, sealed = seal(scene, random)
    predicted = truth(scene, random)
    predicted[::3] = (predicted[::3] + 1) % 3
    (near, *further) = sealed.score("a", predicted, np.ones_like(random.test)).by_distance
    assert near.interval.low < near.oa < near.interval.high
    assert {one.pixels for one in further} == {0}


def test_the_test_set_cannot_leave_its_process(scene: Scene, split: Split) -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    _, sealed = seal(scene, split)
    for leave in (pickle.dumps, cloudpickle.dumps, copy.copy, copy.deepcopy):
        for cargo in (sealed, {"data": [sealed]}, sealed.score):
            if leave is copy.copy and cargo is not sealed:
                continue  # a shallow copy of a container holds the same object
            with pytest.raises(TypeError, match="test labels"):
                leave(cargo)


def test_repr_tells_no_label() -> None:
    sealed = SealedTest(np.array([3, 5]), np.array([7_654, 7_654]), 8_000)
    assert "7654" not in repr(sealed)
    assert repr(sealed) == "SealedTest(2 pixels, scored 0 times)"


def test_a_split_of_another_scene(scene: Scene, split: Split) -> None:
    with pytest.raises(UserError, match="fits the grid it was drawn on, 48 x 40"):
        seal(replace(scene, labels=scene.labels.T), split)
    with pytest.raises(UserError, match="every pixel of a split has a class"):
        seal(replace(scene, labels=np.zeros_like(scene.labels)), split)

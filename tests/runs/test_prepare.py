"""What a run finds out about its split before anything is written."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hsiauto.config import RunConfig
from hsiauto.errors import UserError
from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.families.svm import SvmConfig
from hsiauto.runs.prepare import Prepared, feedable, prepare
from hsiauto.scene.source import SceneSource
from hsiauto.split import SplitSpec


def prepared(folder: Path, labels: np.ndarray, split: SplitSpec, **fields: Any) -> Prepared:
    cube = np.random.default_rng(0).normal(size=(*labels.shape, 4)).astype(np.float32)
    np.save(folder / "cube.npy", cube)
    np.save(folder / "labels.npy", labels)
    source = SceneSource(dataset=str(folder / "cube.npy"), labels=folder / "labels.npy")
    return prepare(RunConfig.model_validate({"scene": source, "split": split, "families": ("svm",), **fields}))


def lopsided() -> np.ndarray:
    """One class everywhere; three pixels of another in each of two far corners, of which one tests."""
    labels = np.ones((80, 80), dtype=np.int16)
    labels[2, 2:5] = labels[77, 75:78] = 2
    return labels


@pytest.mark.parametrize("objective", ["kappa", "aa", "oa"])
def test_a_search_that_could_only_optimise_a_constant_is_refused(tmp_path: Path, objective: str) -> None:
    with pytest.raises(UserError, match=r"no objective can tell models apart; received [\d,]+ pixels of class 1 alone"):
        prepared(tmp_path, lopsided(), SplitSpec(), objective=objective)


def test_what_does_not_validate_goes_on(tmp_path: Path) -> None:
    found = prepared(tmp_path, lopsided(), SplitSpec(), command="train")
    assert set(found.data.val_labels) == {0}


def test_maps_of_the_fixed_protocol_are_looked_at_too(tmp_path: Path) -> None:
    labels = lopsided()
    train, test = np.where(np.arange(80)[:, None] < 50, labels, 0), np.where(np.arange(80)[:, None] >= 50, labels, 0)
    np.save(tmp_path / "train.npy", train)
    np.save(tmp_path / "test.npy", test)
    spec = SplitSpec(protocol="fixed", train_map=tmp_path / "train.npy", test_map=tmp_path / "test.npy")
    with pytest.raises(UserError, match="validation must hold two classes"):
        prepared(tmp_path, labels, spec)


def test_random_pixels_of_one_label_a_class_are_looked_at_too(tmp_path: Path) -> None:
    labels = np.ones((20, 20), dtype=np.int16)
    labels[0, :4] = 2
    with pytest.raises(UserError, match="validation must hold two classes"):
        prepared(tmp_path, labels, SplitSpec(protocol="random"))  # a tenth of four: one to train on


def test_classes_that_validation_lacks_are_said_before_a_search(tmp_path: Path) -> None:
    labels = lopsided()
    labels[:, 40:] = np.where(labels[:, 40:] == 1, 3, labels[:, 40:])
    found = prepared(tmp_path, labels, SplitSpec())
    assert any(text.startswith("validation holds no pixel of class 2 (3 in training)") for text in found.warnings)
    of_train = prepared(tmp_path, labels, SplitSpec(), command="train").warnings
    assert of_train == found.warnings[:1], "what does not validate lacks nothing there"
    assert of_train[0].startswith("test holds fewer than 10 pixels of class 2 (3):")


def test_each_member_of_an_ensemble_is_fed_or_refused_by_its_own_name(tmp_path: Path) -> None:
    found = prepared(tmp_path, lopsided(), SplitSpec(), command="train")
    svm, net = SvmConfig(features="multiscale", components=30), Cnn2dConfig(components=0)
    config = EnsembleConfig(members=(svm, svm, net), smoothing="majority")
    fed, notes = feedable(found, config, explicit=("smoothing",))
    fewer = svm.bounded(4, 1000)
    assert fed == EnsembleConfig(members=(fewer, fewer, net), smoothing="majority")
    assert notes == ("components of svm is 4 instead of the preset's 30: the scene holds no more",)
    assert feedable(found, fed, None) == (fed, ())
    for explicit in (None, ("members",)):
        with pytest.raises(UserError, match="components of svm on cube is at most 4; received 30"):
            feedable(found, config, explicit)

"""What a run finds out about its split before anything is written."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hsiauto.config import RunConfig
from hsiauto.errors import UserError
from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.families.cnn3d import Cnn3dConfig
from hsiauto.families.cssmamba import MambaHsiConfig
from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.families.hybridsn import HybridsnConfig
from hsiauto.families.lda import LdaConfig
from hsiauto.families.svm import SvmConfig
from hsiauto.runs.prepare import Prepared, feedable, prepare, with_window_warning
from hsiauto.scene.source import SceneSource
from hsiauto.split import SplitSpec
from tests.split.maps import fields


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
    found = prepared(tmp_path, lopsided(), SplitSpec(protocol="random"), command="train")
    svm, net = SvmConfig(features="multiscale", components=30, sigma=1.0), Cnn2dConfig(components=0)
    config = EnsembleConfig(members=(svm, svm, net), smoothing="majority", smoothing_radius=1)
    fed, notes = feedable(found, config, explicit=("smoothing",))
    fewer = svm.bounded(4, 1000)
    assert fed == EnsembleConfig(members=(fewer, fewer, net), smoothing="majority", smoothing_radius=1)
    assert notes == ("components of svm is 4 instead of the preset's 30: the scene holds no more",)
    assert feedable(found, fed, None) == (fed, ())
    for explicit in (None, ("members",)):
        with pytest.raises(
            UserError, match="components of svm on cube is at most 4: the scene holds no more; received 30"
        ):
            feedable(found, config, explicit)


def test_an_ensemble_is_smoothed_within_what_its_members_leave_of_the_buffer(tmp_path: Path) -> None:
    found = of_train(tmp_path)
    config = EnsembleConfig(
        members=(SvmConfig(), Cnn2dConfig(components=0, patch=11)), smoothing="guided", smoothing_radius=4
    )
    fed, notes = feedable(found, config, explicit=())
    assert (fed.support, fed.active()["smoothing_radius"]) == (7, 1)
    assert notes == ("smoothing_radius of ensemble is 1 instead of the preset's 4: windows end at the buffer (8)",)
    with pytest.raises(UserError, match=r"smoothing_radius of ensemble .* is at most 1"):
        feedable(found, config, explicit=("smoothing_radius",))


def of_train(folder: Path, **split: Any) -> Prepared:
    return prepared(folder, fields(96, 96, side=8), SplitSpec(**split), command="train")


def test_a_preset_is_trained_within_the_buffer_and_a_window_that_was_asked_for_is_refused(tmp_path: Path) -> None:
    narrow = of_train(tmp_path)
    assert narrow.split.spec.squares == (16, 8)
    fed, notes = feedable(narrow, HybridsnConfig(patch=31, components=4), explicit=())
    assert (fed.support, notes) == (
        8,
        ("patch of hybridsn is 17 instead of the preset's 31: windows end at the buffer (8)",),
    )
    assert with_window_warning(narrow, fed) is narrow
    with pytest.raises(UserError, match=r"at most 17: windows end at the buffer \(8\)") as refused:
        feedable(narrow, HybridsnConfig(patch=31, components=4), explicit=("patch",))
    assert refused.value.remedy == "Set patch=17, or `buffer` to 15 or more."


def test_a_window_and_a_buffer_that_were_both_asked_for_stay_and_the_run_says_what_that_means(tmp_path: Path) -> None:
    given = of_train(tmp_path, buffer=5, block_size=16)
    asked = SvmConfig(features="multiscale", components=4, sigma=2.0)
    assert feedable(given, asked, explicit=("sigma", "features")) == (asked, ())
    assert feedable(given, asked, explicit=None) == (asked, ())
    (text,) = with_window_warning(given, asked).warnings
    assert text.startswith(
        "windows of svm read 8 pixels away, beyond the buffer of 5: around test pixels they may hold"
    )
    fed, notes = feedable(given, asked, explicit=("components",))
    assert (fed.support, notes) == (
        5,
        ("sigma of svm is 1.25 instead of the preset's 2.0: windows end at the buffer (5)",),
    )


def test_an_ensemble_and_a_buffer_that_were_both_asked_for_stay(tmp_path: Path) -> None:
    given = of_train(tmp_path, buffer=5, block_size=16)
    svm = SvmConfig(features="multiscale", components=4, sigma=2.0)
    wide = EnsembleConfig(members=(svm, SvmConfig()), smoothing="guided", smoothing_radius=4)
    assert feedable(given, wide, explicit=None) == (wide, ())


def test_a_run_without_unlabelled_pixels_trains_presets_on_training_pixels_and_refuses_what_was_set_by_hand(
    tmp_path: Path,
) -> None:
    spec = SplitSpec(protocol="random", train_fraction=0.2)
    blind = prepared(tmp_path, fields(48, 48, side=8), spec, command="train", unlabelled="none")
    tiles, lda = MambaHsiConfig(tile=16), LdaConfig(features="multiscale", components=4, fitted_on="scene")
    fed, notes = feedable(blind, EnsembleConfig(members=(tiles, lda)), explicit=())
    assert not fed.transductive
    assert notes == (
        "fitted_on of lda is training instead of the preset's scene: `unlabelled` is none",
        "context of mambahsi is training instead of the preset's scene: `unlabelled` is none",
    )
    for config, name in ((tiles, "context"), (lda, "fitted_on")):
        with pytest.raises(UserError, match=f"{name} of {config.family} on cube is training: `unlabelled` is none"):
            feedable(blind, config, explicit=(name,))
    allowed = prepared(tmp_path, fields(48, 48, side=8), spec, command="train")
    assert feedable(allowed, tiles, explicit=None) == (tiles, ())


def test_what_cannot_be_narrowed_is_refused_with_the_buffer_that_it_needs(tmp_path: Path) -> None:
    given = of_train(tmp_path, buffer=1, block_size=16)
    with pytest.raises(UserError, match="a buffer of 2 or more"):
        feedable(given, Cnn3dConfig(patch=5, depth=2, components=4), explicit=())


def test_a_search_says_what_the_buffer_keeps_out_of_its_space(tmp_path: Path) -> None:
    found = prepared(tmp_path, fields(160, 160, side=8), SplitSpec(buffer=6))
    assert found.notes[-1] == "windows end at the buffer (6), so svm searches sigma 1 to 1.5"
    assert any("a buffer of 6 (block size automatic)" in note for note in found.notes)


def test_further_folds_are_told_before_a_search(tmp_path: Path) -> None:
    labels = fields(96, 96, side=8, n_classes=3)
    labels[2:6, 2:6] = labels[60:64, 82:86] = labels[82:86, 2:6] = 4  # to test, to validate and to train
    spec = SplitSpec(block_size=16, buffer=5)
    told = prepared(tmp_path, labels, spec).warnings
    assert "further validation folds hold 4, 3 and 3 of 4 classes" in told
    assert not [text for text in prepared(tmp_path, labels, spec, command="train").warnings if "folds" in text]
    few = prepared(tmp_path, labels, spec, further_folds=20).warnings
    assert any(text.startswith("the training pool bears ") and "20 were asked for" in text for text in few)


def test_a_search_on_a_cube_that_stays_on_disk_sees_labelled_ground_through_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hsiauto.scene.on_disk.available", lambda: 1000)
    families = ("svm", "cnn2d", "mambahsi")
    with pytest.raises(UserError, match="Set `unlabelled` to none"):
        prepared(tmp_path, fields(80, 80), SplitSpec(), families=families)
    found = prepared(tmp_path, fields(80, 80), SplitSpec(), families=families, unlabelled="none")
    assert set(found.space.families) == {"svm", "cnn2d"}
    assert any("left out: mambahsi, whose tiles cover the scene" in note for note in found.notes)
    with pytest.raises(UserError, match="tiles cover a scene"):
        prepared(tmp_path, fields(80, 80), SplitSpec(), families=("mambahsi",), unlabelled="none")

"""The seal, over a whole study: poison every test label and nothing but the test columns changes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from hsiauto.runs import folder as folders
from hsiauto.runs.opened import new_run
from hsiauto.runs.prepare import Prepared, prepare
from hsiauto.runs.run import _drive
from hsiauto.runs.watch import Watch
from hsiauto.scene import Scene
from hsiauto.search.events import Refit, of
from hsiauto.search.journal import read
from hsiauto.split import SplitSpec
from tests.runs.test_search import source, tiny_study  # noqa: F401 - a fixture
from tests.told import without

_TIMES: tuple[str, ...] = ("at", "fit_seconds", "start_seconds", "started_at", "finished_at", "pid")
_TIMES += ("predict_pixels_per_second", "peak_memory_bytes")
_SCORES = ("test_oa", "test_aa", "test_kappa", "test_per_class", "test_ece", "test_pixels_per_class")
_TEST = (*_SCORES, "by_distance", "confused", "right")
_SCENE = {"components": 8, "reduction": "mnf", "fitted_on": "scene"}
_PINS = {"tokens": 8, "width": 8, "depth": 1, "heads": 2, **_SCENE}


@pytest.fixture
def prepared(ray_session: None, source: Any) -> Prepared:  # noqa: F811
    # a network alone, so that weights can be compared, on components of every pixel of the scene; few refits
    return prepare(
        tiny_study(
            source,
            families=("spectral_memory",),
            pins={f"spectral_memory.{name}": value for name, value in _PINS.items()},
            split=SplitSpec(protocol="random", train_fraction=0.2),
            budget=2,
            further_folds=1,
            winner_seeds=1,
            further_splits=0,
        )
    )


def poisoned(prepared: Prepared) -> Prepared:
    """The same study, split and trial data; each test pixel's label is another class."""
    labels = prepared.scene.labels.copy()
    flat = labels.reshape(-1)
    classes = np.array(prepared.split.classes, labels.dtype)
    position = np.searchsorted(classes, flat[prepared.split.test])
    flat[prepared.split.test] = classes[(position + 1) % len(classes)]
    return replace(prepared, scene=replace(prepared.scene, labels=labels))


def leaking(prepared: Prepared) -> Prepared:
    """The mutation: trials are handed the full map, test pixels among their training pixels."""
    scene, split = prepared.scene, prepared.split
    pixels = np.sort(np.concatenate([split.train, split.test]))
    labels = np.searchsorted(split.classes, scene.labels.reshape(-1)[pixels]).astype(np.int64)
    return replace(prepared, data=replace(prepared.data, train_pixels=pixels, train_labels=labels))


def run(prepared: Prepared, folder: Path) -> Path:
    with new_run(prepared, folder, Watch()) as opened:
        _drive(opened, None)
    return folder


def untimed(journal: Path, *but: str) -> list[str]:
    """Its events as text, without times and the fields `but`; sorted: re-evaluations come in order of cost."""
    return sorted(map(repr, without(read(journal), *_TIMES, *but)))


def test_poisoned_test_labels_change_test_columns_alone(prepared: Prepared, tmp_path: Path) -> None:
    clean, poison = run(prepared, tmp_path / "clean"), run(poisoned(prepared), tmp_path / "poison")
    for name in (folders.JOURNAL, folders.REFITS):
        first, second = (untimed(folder / name, *_TEST) for folder in (clean, poison))
        assert first == second
    scores = [[e.test_oa for e in of(Refit, read(folder / folders.REFITS))] for folder in (clean, poison)]
    assert scores[0] != scores[1], "poison that changes no score is no poison"
    weights = [load_file(folder / folders.BUNDLE / "weights.safetensors") for folder in (clean, poison)]
    assert weights[0].keys() == weights[1].keys()
    for name in weights[0]:
        np.testing.assert_array_equal(weights[0][name], weights[1][name])


def test_the_seal_test_notices_a_trial_that_gets_the_full_map(prepared: Prepared, tmp_path: Path) -> None:
    clean, poison = run(leaking(prepared), tmp_path / "clean"), run(leaking(poisoned(prepared)), tmp_path / "poison")
    first, second = (untimed(folder / folders.JOURNAL) for folder in (clean, poison))
    assert first != second


def test_what_is_sent_to_a_trial_holds_no_test_pixel(prepared: Prepared) -> None:
    data, split = prepared.data, prepared.split
    assert not np.isin(split.test, np.concatenate([data.train_pixels, data.val_pixels])).any()
    assert not hasattr(data, "labels")
    assert not any(isinstance(value, Scene) for value in vars(data).values())

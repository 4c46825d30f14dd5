"""The table of families: what trains in which order, and that a resume trains what was begun."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import families
from hsiauto.families import FAMILIES
from hsiauto.families.base import FamilyConfig

CNN = FAMILIES["cnn2d"].preset("paper")


def test_every_family_trains_once_before_any_trains_again() -> None:
    order = families._trainings(["svm", "claresnet"])
    assert order == [(0, "svm"), (0, "claresnet"), (1, "claresnet"), (2, "claresnet")]


@pytest.mark.parametrize("family", families._candidates())
def test_a_preset_is_small_where_the_family_has_it(family: str) -> None:
    config = families._preset(family)
    assert isinstance(config, FamilyConfig)
    assert config == FAMILIES[family].preset("small" if "small" in FAMILIES[family].presets else "paper")


@pytest.mark.parametrize(("cost", "n_epochs"), [(0.1, 60), (2.0, 10), (100.0, 1)])
def test_epochs_fill_the_cap_and_are_measured_once(
    cost: float, n_epochs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: Any = type("Prepared", (), {"scene": None, "split": None})
    monkeypatch.setattr(families, "training_data", lambda *_: None)
    monkeypatch.setattr(families, "_epoch_seconds", lambda *_: cost)
    times = tmp_path / families.TIMES
    assert families._epochs(CNN, prepared, times, 20) == n_epochs
    monkeypatch.setattr(families, "_epoch_seconds", lambda *_: pytest.fail("timed again"))
    assert families._epochs(CNN, prepared, times, 20) == n_epochs

"""A second objective: what samplers learn, what the mirror shows."""

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState as OptunaState

from hsiauto.config import SecondObjective
from hsiauto.errors import UserError
from hsiauto.families.base import FamilyConfig
from hsiauto.families.svm import SvmConfig
from hsiauto.search.engine import Engine
from hsiauto.search.journal import Journal
from hsiauto.search.mirror import Mirror
from hsiauto.search.samplers import Sampling
from hsiauto.search.screen import Cost
from hsiauto.search.trials import TrialState, trials
from tests import told
from tests.search import fakes


def _cost(config: FamilyConfig) -> Cost:
    """The better, the larger: so that every x is on the front. Above 0.8 size doubles for nothing."""
    assert isinstance(config, fakes.Quick | fakes.Late)
    size = round(1000 * config.x) * (2 if config.x > 0.8 else 1)
    return Cost(parameters=size, macs=size)


def _score(config: Any, epoch: int, max_epochs: int) -> float:
    return min(config.x, 0.8)


def _search(folder: Path, **changes: Any) -> list[TrialState]:
    run_config = fakes.run_config(**{"budget": 30, "second_objective": "parameters"} | changes)
    mirror = Mirror(folder / "optuna.log")
    with Journal(folder / "j") as journal:
        engine = Engine(journal, run_config, fakes.FakeSpace(("quick",)), _cost, fakes.parse, mirror=mirror)
        while (training := engine.next()) is not None:
            fakes.train(engine, training, run_config.max_epochs, _score)
        return list(trials(journal.events).values())


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
def test_samplers_weigh_both_and_the_mirror_shows_both(tmp_path: Path, sampler: str) -> None:
    found = _search(tmp_path, sampler=sampler)
    assert len({t.config_hash for t in found}) == 30
    completed = [t for t in found if t.state == "completed"]
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "optuna.log")))
    run_config = optuna.load_study(study_name="quick", storage=storage)
    assert [d.name for d in run_config.directions] == ["MAXIMIZE", "MINIMIZE"]
    shown = [t.values for t in run_config.trials if t.state == OptunaState.COMPLETE]
    assert shown == [[t.score("kappa"), t.parameters] for t in completed]
    if sampler == "tpe":
        wasteful = [t for t in found[12:] if t.config["x"] > 0.81]
        assert len(wasteful) < 0.25 * len(found[12:]), "larger and no better: off the front"


def _sampling(space: fakes.FakeSpace, second: SecondObjective) -> Sampling:
    return Sampling("tpe", 0, "kappa", 9, space, fakes.parse, second_objective=second)


def test_with_two_objectives_only_full_fidelity_teaches() -> None:
    sampling = _sampling(fakes.FakeSpace(("quick",)), "pixels_per_second")
    assert sampling.directions("quick") == ("maximize", "maximize")
    report = told.reported(epoch=9, pixels_per_second=70.0, decision="complete")
    trial = told.trial({}, params={"quick.x": 0.5, "quick.mode": "train"}, config={"family": "quick"})
    trial.reports = [report]
    assert sampling.frozen(trial).values == [0.5, 70.0]
    trial.reports = [told.reported(epoch=9, decision="complete")]
    assert sampling.frozen(trial).state == OptunaState.FAIL, "not measured"
    trial.state, trial.reports = "stopped", [report]
    frozen = sampling.frozen(trial)
    assert (frozen.state, frozen.intermediate_values) == (OptunaState.FAIL, {})


def test_a_family_without_parameters_has_one_objective() -> None:
    class Space(fakes.FakeSpace):
        def presets(self, family: str) -> tuple[FamilyConfig, ...]:
            return (SvmConfig(),)

    sampling = _sampling(Space(("quick",)), "parameters")
    assert sampling.directions("quick") == ("maximize",)


def test_rungs_allocation_and_best_use_the_first(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    alone = _search(one, sampler="random", second_objective=None)
    both = _search(two, sampler="random")
    assert [(t.config_hash, t.state, t.epochs) for t in alone] == [(t.config_hash, t.state, t.epochs) for t in both]


def test_what_cannot_be_weighed_is_refused() -> None:
    with pytest.raises(UserError, match="one objective"):
        fakes.run_config(second_objective="macs", sampler="cmaes")

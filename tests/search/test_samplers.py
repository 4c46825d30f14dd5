import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from hsiauto.errors import UserError
from hsiauto.search import trials as states
from hsiauto.search.events import Warned, of
from hsiauto.search.journal import Journal
from hsiauto.search.samplers import GP_FROM, Sampling, seed_for
from hsiauto.search.trials import TrialState, trials
from tests.search import fakes

SAMPLERS = ["auto", "tpe", "random", "gp", "cmaes", "qmc"]


def _sampling(**changes: Any) -> Sampling:
    fields: dict[str, Any] = {"sampler": "tpe", "seed": 0, "objective": "kappa", "max_epochs": 9}
    fields |= {"space": fakes.FakeSpace()}
    return Sampling(**fields | {"parse": fakes.parse} | changes)


def _settings(sampling: Sampling) -> dict[str, Any]:
    return {name: getattr(sampling, name) for name in ("sampler", "seed", "objective", "max_epochs", "space", "parse")}


def _curve(config: Any, epoch: int, max_epochs: int) -> float:
    return math.nan if config.mode == "nan" else fakes.score(config, epoch, max_epochs)


def _past(path: Path, n: int, **changes: Any) -> list[TrialState]:
    study = fakes.run_config(budget=n, scheduler="none", **changes)
    with Journal(path / "journal.jsonl") as journal:
        engine = fakes.engine(journal, study, fakes.FakeSpace(("quick",)), cost=fakes.cost_of_long_training)
        fakes.run(engine, study.max_epochs)
        return list(trials(journal.events).values())


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_proposal_is_a_function_of_the_journal_and_the_seed(tmp_path: Path, sampler: str) -> None:
    n = 5 if sampler == "gp" else 14  # a second an ask
    past = _past(tmp_path, n, sampler=sampler)
    assert len({trial.config_hash for trial in past}) == n
    first, again = (_sampling(sampler=sampler).propose("quick", past, ()) for _ in range(2))
    assert first is not None
    assert again is not None
    assert first.config == again.config
    json.dumps(first.sampler_state, allow_nan=False)
    if sampler not in ("auto", "gp"):  # which is sure of the optimum by now, whatever the seed
        other = _sampling(sampler=sampler, seed=1).propose("quick", past, ())
        assert other is not None
        assert other.config != first.config


@pytest.mark.parametrize(("sampler", "remembered"), [("tpe", 500), ("tpe", 6), ("random", 6), ("cmaes", 6), ("qmc", 6)])
def test_a_study_that_followed_the_journal_proposes_what_one_made_from_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampler: Any, remembered: int
) -> None:
    """With two trials at a time, failures, stops, and a space so small that draws are refused; and if only the later
    trials are followed."""
    monkeypatch.setattr(states, "RECENT", remembered)
    monkeypatch.setattr(states, "_STEP", remembered // 2)
    space = fakes.FakeSpace(("quick",), modes=("train", "nan"), x_step=1 / 16)
    study = fakes.run_config(budget=20, sampler=sampler, seed=3)
    following, refused = _sampling(sampler=sampler, space=space, seed=3), 0
    with Journal(tmp_path / "journal.jsonl") as journal:
        engine = fakes.engine(journal, study, space)
        waiting = [engine.next(), engine.next()]
        while (training := waiting.pop(0)) is not None:
            fakes.train(engine, training, study.max_epochs, _curve)
            past = list(engine.trials.values())
            taken = {trial.config_hash for trial in past}
            answers = [one.propose("quick", past, taken) for one in (following, _sampling(**_settings(following)))]
            assert answers[0] == answers[1]
            waiting.append(engine.next())
            if waiting[-1] is not None:
                assert answers[0] is not None
                assert waiting[-1].config == answers[0].config
            first = _sampling(**_settings(following)).propose("quick", past, ())
            refused += first is not None and first.config.hash() in taken
    assert refused
    assert {trial.state for trial in trials(journal.events).values()} >= {"completed", "failed"}


def test_samplers_that_keep_state_have_it_in_the_journal(tmp_path: Path) -> None:
    for sampler, scope in (("cmaes", "trial"), ("qmc", "study")):
        folder = tmp_path / sampler
        folder.mkdir()
        assert any(scope in trial.sampler_state for trial in _past(folder, 16, sampler=sampler))


def test_qmc_walks_one_sequence(tmp_path: Path) -> None:
    past = _past(tmp_path, 8, sampler="qmc")
    places = [v for trial in past for v in trial.sampler_state.get("study", {}).values()]
    assert places == list(range(len(places)))
    assert len(places) == 7


def test_tpe_goes_where_it_was_good(tmp_path: Path) -> None:
    later = [trial.config["x"] for trial in _past(tmp_path, 30, sampler="tpe")[20:]]
    assert sum(later) / len(later) > 0.8  # the score is x; random draws would give 0.5


def test_outcomes_become_optunas(tmp_path: Path) -> None:
    trial = _past(tmp_path, 1)[0]
    complete = _sampling().frozen(trial)
    assert (complete.state, complete.value, complete.intermediate_values) == (optuna.trial.TrialState.COMPLETE, 0.5, {})
    assert len(_sampling().frozen(trial, whole=True).intermediate_values) == 9
    trial.state, trial.reports = "stopped", trial.reports[:3]
    stopped = _sampling().frozen(trial)
    assert (stopped.state, stopped.value) == (optuna.trial.TrialState.PRUNED, None)
    assert stopped.intermediate_values == {1: 0.5, 2: 0.5, 3: 0.5}
    trial.reports = []
    assert _sampling().frozen(trial).state == optuna.trial.TrialState.FAIL
    for state, expected in (
        ("failed", "FAIL"),
        ("refused", "FAIL"),
        ("running", "RUNNING"),
        ("interrupted", "RUNNING"),
    ):
        trial.state = state  # type: ignore[assignment]
        assert _sampling().frozen(trial).state.name == expected


def test_nothing_runs_twice_and_an_exhausted_space_says_so(tmp_path: Path) -> None:
    space = fakes.FakeSpace(("quick",), x_step=0.25)  # five configs
    study = fakes.run_config(budget=9)
    with Journal(tmp_path / "journal.jsonl") as journal:
        fakes.run(fakes.engine(journal, study, space), study.max_epochs)
        found = trials(journal.events)
        assert sorted(trial.config["x"] for trial in found.values()) == [0.0, 0.25, 0.5, 0.75, 1.0]
        assert [e.families for e in of(Warned, journal.events)] == [("quick",)]


def test_a_foreign_optimiser_state_is_not_unpickled(tmp_path: Path) -> None:
    past = _past(tmp_path, 16, sampler="cmaes")
    owner = next(trial for trial in past if "cma:optimizer:0" in trial.sampler_state.get("trial", {}))
    owner.sampler_state["trial"] = {"cma:optimizer:0": b"cos\nsystem\n(S'true'\ntR.".hex()}
    with pytest.raises(UserError, match=r"os\.system"):
        _sampling(sampler="cmaes").propose("quick", past, ())


def test_seeds_depend_on_every_part() -> None:
    assert len({seed_for(0, "a", 1), seed_for(1, "a", 1), seed_for(0, "b", 1), seed_for(0, "a", 2)}) == 4
    assert seed_for(0, "a", 1) == seed_for(0, "a", 1)


def test_auto_asks_a_gaussian_process_once_a_family_has_enough_trials(tmp_path: Path) -> None:
    past = _past(tmp_path, 12, sampler="tpe")
    proposed = {
        (name, n): _sampling(sampler=name).propose("quick", past[:n], ())
        for name in ("auto", "tpe", "gp")
        for n in (GP_FROM - 1, GP_FROM)
    }
    assert proposed["auto", GP_FROM - 1] == proposed["tpe", GP_FROM - 1] != proposed["gp", GP_FROM - 1]
    assert proposed["auto", GP_FROM] == proposed["gp", GP_FROM] != proposed["tpe", GP_FROM]
    for epoch_macs in (None, 10**9):  # a classical family, or trainings shorter than what a draw takes is worth
        short = [replace(trial, epoch_macs=epoch_macs) for trial in past[:GP_FROM]]
        assert _sampling(sampler="auto").propose("quick", short, ()) == proposed["tpe", GP_FROM]


def test_a_gaussian_process_learns_where_stopped_trials_would_have_ended(tmp_path: Path) -> None:
    """Here all of them at their x, whatever they had scored when they were stopped."""
    past = [replace(trial, state="stopped") for trial in _past(tmp_path, 12, sampler="random")]
    ends = {trial.score("kappa"): trial.config["x"] for trial in past}
    up, down = (
        _sampling(sampler="auto", end=lambda trial, sign=sign: sign * ends[trial.score("kappa")]).propose(
            "quick", past, ()
        )
        for sign in (1, -1)
    )
    assert up is not None
    assert down is not None
    assert up.config.active()["x"] > 0.8
    assert down.config.active()["x"] < 0.2
    untold = _sampling(sampler="auto").propose("quick", past, ())
    assert untold == _sampling(sampler="tpe").propose("quick", past, ())

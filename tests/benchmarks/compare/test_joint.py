"""One study over the choice of family and all axes."""

from pathlib import Path

import optuna

from benchmarks.compare.joint import FAMILY, JOINT, JointProposals, JointSpace
from hsiauto.config import RunConfig
from hsiauto.search.engine import Engine
from hsiauto.search.journal import Journal
from hsiauto.search.trials import TrialState, trials
from tests.search import fakes

BUDGET = 24


def _score(config: fakes.Quick | fakes.Late, epoch: int, max_epochs: int) -> float:
    """quick is the better family, whatever x; late never comes to its worst."""
    return 0.5 * config.x + (0.5 if config.family == "quick" else 0.0)


def _engine(journal: Journal, run_config: RunConfig) -> Engine:
    space = JointSpace(fakes.FakeSpace())
    return Engine(journal, run_config, space, fakes.cost, fakes.parse, proposals=JointProposals)


def _search(path: Path, limits: tuple[int | None, ...] = (None,)) -> list[TrialState]:
    run_config = fakes.run_config(budget=BUDGET, scheduler="none")
    with Journal(path) as journal:
        for limit in limits:
            engine, done = _engine(journal, run_config), 0
            while (limit is None or done < limit) and (training := engine.next()) is not None:
                fakes.train(engine, training, run_config.max_epochs, _score)  # type: ignore[arg-type]
                done += 1
        return list(trials(journal.events).values())


def test_presets_first_then_the_study_chooses_the_family_and_goes_where_it_is_good(tmp_path: Path) -> None:
    found = _search(tmp_path / "j")
    assert [(t.family, t.origin) for t in found[:2]] == [("quick", "preset"), ("late", "preset")]
    assert {t.origin for t in found[2:]} == {"sampler"}
    assert all(t.params[FAMILY] == t.family == t.config["family"] for t in found)
    assert all({name.split(".")[0] for name in t.params} == {FAMILY, t.family} for t in found)
    later = [t.family for t in found[12:]]
    assert later.count("quick") > 0.8 * len(later)
    assert len({t.config_hash for t in found}) == BUDGET


def test_a_resume_proposes_the_same(tmp_path: Path) -> None:
    whole, cut = _search(tmp_path / "whole"), _search(tmp_path / "cut", (5, 9, None))
    assert [t.config_hash for t in whole] == [t.config_hash for t in cut]


def test_rungs_stay_per_family(tmp_path: Path) -> None:
    """late's scores are low until its end: one ladder for both would stop every trial of it at the first rung."""
    run_config = fakes.run_config(budget=30, sampler="random")
    with Journal(tmp_path / "j") as journal:
        fakes.run(_engine(journal, run_config), run_config.max_epochs)
        late = [t for t in trials(journal.events).values() if t.family == "late"]
    assert any(t.reports[0].decision == "continue" for t in late[1:])


def test_a_space_with_the_family_as_an_axis() -> None:
    space = JointSpace(fakes.FakeSpace())
    config = fakes.Late(x=0.3)
    assert space.params(config) == {FAMILY: "late", "late.mode": "train", "late.x": 0.3}
    assert list(space.distributions(config)) == list(space.params(config))
    asked = optuna.trial.FixedTrial(space.params(config))
    assert space.suggest(asked, JOINT) == config

"""Configs of earlier runs: which are taken, what becomes of them, and that their scores stay there."""

import json
from pathlib import Path

import pytest

from hsiauto.errors import UserError
from hsiauto.families.base import FamilyConfig
from hsiauto.search import warm_start
from hsiauto.search.events import Warned, of
from hsiauto.search.journal import Journal
from hsiauto.search.samplers import Proposal
from hsiauto.search.trials import TrialState, trials
from tests.search import fakes


class Space(fakes.FakeSpace):
    """Holds x up to `top`."""

    top = 1.0

    def nearest(self, config: FamilyConfig) -> FamilyConfig | None:
        assert isinstance(config, fakes.Quick | fakes.Late)
        return None if config.mode == "nan" else config.model_copy(update={"x": min(config.x, self.top)})


class Narrow(Space):
    top = 0.9


def _earlier(folder: Path, seed: int = 7) -> list[TrialState]:
    """An ended search in `folder`."""
    folder.mkdir()
    run_config = fakes.run_config(budget=20, seed=seed, scheduler="none")
    with Journal(folder / "journal.jsonl") as journal:
        fakes.run(fakes.engine(journal, run_config), run_config.max_epochs)
        return list(trials(journal.events).values())


def _best(found: list[TrialState], family: str) -> list[TrialState]:
    own = [t for t in found if t.family == family]
    return sorted(own, key=lambda t: -t.score("kappa"))[: warm_start.PER_FAMILY]


def test_the_best_of_each_family_follow_the_presets_and_bring_no_scores(tmp_path: Path) -> None:
    earlier = _earlier(tmp_path / "first")
    gathered = warm_start.gather([tmp_path / "first"], "kappa", Space(), fakes.parse)
    assert {known.found_by for known in gathered[0]} == {
        f"first/{t.trial_id}" for family in ("quick", "late") for t in _best(earlier, family)
    }
    run_config = fakes.run_config(budget=16)
    with Journal(tmp_path / "journal.jsonl") as journal:
        warm_start.record(gathered, journal)
        engine = fakes.engine(journal, run_config)
        assert not engine.trials
        fakes.run(engine, run_config.max_epochs)
        mine = list(trials(journal.events).values())
    assert len({t.config_hash for t in mine}) == 16
    for family in ("quick", "late"):
        own = [t for t in mine if t.family == family]
        origins = [t.origin for t in own]
        warm = [t for t in own if t.origin == "warm-start"]
        assert origins == ["preset"] + ["warm-start"] * len(warm) + ["sampler"] * (len(own) - len(warm) - 1)
        best = [t.trial_id for t in _best(earlier, family) if t.origin != "preset"]  # which has run by then
        assert best
        assert [t.found_by for t in warm] == [f"first/{trial_id}" for trial_id in best]
        assert all(t.found_by == "" for t in own if t.origin != "warm-start")


def test_a_journal_keeps_where_a_config_comes_from(tmp_path: Path) -> None:
    found = [
        Proposal(fakes.parse({"family": "quick", "x": 0.1}), "warm-start", found_by="first/t0001"),
        Proposal(fakes.parse({"family": "quick", "x": 0.2}), "portfolio"),
    ]
    with Journal(tmp_path / "journal.jsonl") as journal:
        warm_start.record((found, []), journal)
        engine = fakes.engine(journal, fakes.run_config(families=("quick",), budget=4), Space(("quick",)))
        fakes.run(engine, fakes.run_config().max_epochs)
    with Journal(tmp_path / "journal.jsonl") as again:
        told = [(t.origin, t.found_by) for t in trials(again.events).values()]
    assert told == [("preset", ""), ("warm-start", "first/t0001"), ("portfolio", ""), ("sampler", "")]


def test_a_config_is_brought_into_this_space_or_left_out_with_a_note(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    modes = fakes.FakeSpace(("quick",))
    run_config = fakes.run_config(budget=20, scheduler="none", seed=7)
    with Journal(run / "journal.jsonl") as journal:
        fakes.run(fakes.engine(journal, run_config, modes), run_config.max_epochs)
        assert max(t.config["x"] for t in trials(journal.events).values()) > 0.9
    found, _ = warm_start.gather([run], "kappa", Narrow(), fakes.parse)
    assert max(known.config.x for known in found) == 0.9  # type: ignore[attr-defined]
    assert len({known.config.hash() for known in found}) == len(found)
    lines = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    best = max((e for e in lines if e["event"] == "proposed"), key=lambda e: e["config"]["x"])
    for strange in ({"mode": "nan"}, {"colour": 3}):
        changed = [e | {"config": e["config"] | strange} if e == best else e
                   for e in lines if "trial_id" in e]  # fmt: skip
        other = tmp_path / next(iter(strange))
        other.mkdir()
        (other / "journal.jsonl").write_text("".join(json.dumps(e) + "\n" for e in changed))
        found, notes = warm_start.gather([other], "kappa", Narrow(), fakes.parse)
        assert all(not known.found_by.endswith(best["trial_id"]) for known in found)
        assert [best["trial_id"] in note for note in notes] == [True]
        with Journal(other / "mine.jsonl") as journal:
            warm_start.record((found, notes), journal)
            assert [e.text for e in of(Warned, journal.events)] == list(notes)


def test_runs_take_turns_and_the_same_config_is_tried_once(tmp_path: Path) -> None:
    _earlier(tmp_path / "a", seed=1)
    _earlier(tmp_path / "b", seed=2)
    found, _ = warm_start.gather([tmp_path / "a", tmp_path / "b", tmp_path / "a"], "kappa", Space(), fakes.parse)
    quick = [known.found_by.split("/")[0] for known in found if known.config.family == "quick"]
    assert quick[:2] == ["a", "b"]
    assert len({known.config.hash() for known in found}) == len(found)


def test_what_gives_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="journal"):
        warm_start.gather([tmp_path / "nowhere"], "kappa", Space(), fakes.parse)
    (tmp_path / "empty").mkdir()
    Journal(tmp_path / "empty" / "journal.jsonl").close()
    with pytest.raises(UserError, match="`warm_start`"):
        warm_start.gather([tmp_path / "empty"], "kappa", Space(), fakes.parse)
    _earlier(tmp_path / "run")
    with pytest.raises(UserError, match="has other"):
        warm_start.gather([tmp_path / "run"], "kappa", Space(("other",)), fakes.parse)


def test_a_resume_does_not_need_the_earlier_run(tmp_path: Path) -> None:
    _earlier(tmp_path / "first")
    run_config = fakes.run_config(budget=12)

    def table(path: Path, limits: list[int | None]) -> list[tuple[str, str]]:
        with Journal(path) as journal:
            if "whole" in path.name:
                warm_start.record(warm_start.gather([tmp_path / "first"], "kappa", Space(), fakes.parse), journal)
            for limit in limits:
                fakes.run(fakes.engine(journal, run_config), run_config.max_epochs, limit)
            return [(t.config_hash, t.found_by) for t in trials(journal.events).values()]

    undisturbed = table(tmp_path / "whole", [None])
    told = (tmp_path / "whole").read_text().splitlines(keepends=True)[0]
    (tmp_path / "cut").write_text(told)
    assert table(tmp_path / "cut", [3, 2, None]) == undisturbed

"""One worker and one seed: one journal, but for the times; and the same one where a driver ended in between."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hsiauto.config import RunConfig, SamplerName
from hsiauto.families import config_from
from hsiauto.search.engine import Engine
from hsiauto.search.events import Ended, Event, Proposed, Started, Warned, of
from hsiauto.search.journal import Journal
from hsiauto.search.screen import Cost
from hsiauto.split.seal import TrialData
from hsiauto.training.trial import Trial
from tests.search import fakes, real
from tests.told import without

_Pair = tuple[list[Event], list[Event]]
MEASURED = ("at", "fit_seconds", "peak_memory_bytes")


def _but_for_the_interruption(events: list[Event]) -> list[dict[str, Any]]:
    kept = [e for e in events if not isinstance(e, Started) and not (isinstance(e, Ended) and e.state == "interrupted")]
    return without(kept, *MEASURED, "attempt")


def _whole_and_in_pieces(tmp_path: Path, run_config: RunConfig, space: fakes.FakeSpace, *, limit: int) -> _Pair:
    """Events of one driver, and of drivers that each end after `limit` trials."""
    with Journal(tmp_path / "whole") as whole:
        fakes.run(fakes.engine(whole, run_config, space, cost=fakes.cost_of_long_training), run_config.max_epochs)
    for _ in range(run_config.budget // limit + 3):
        with Journal(tmp_path / "pieces") as pieces:
            engine = fakes.engine(pieces, run_config, space, cost=fakes.cost_of_long_training)
            fakes.run(engine, run_config.max_epochs, limit=limit)
    return whole.events, pieces.events


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "qmc"])
@pytest.mark.parametrize("x_step", [None, 0.25])
def test_a_resume_between_trials_leaves_no_trace(tmp_path: Path, sampler: SamplerName, x_step: float | None) -> None:
    """Also where the space runs out of configs (0.25), of which the journal warns once."""
    run_config, space = fakes.run_config(budget=16, sampler=sampler), fakes.FakeSpace(x_step=x_step)
    whole, pieces = _whole_and_in_pieces(tmp_path, run_config, space, limit=3)
    assert without(pieces, *MEASURED) == without(whole, *MEASURED)
    assert len(of(Warned, whole)) == (0 if x_step is None else 2)


def test_a_resume_leaves_no_trace_where_a_gaussian_process_draws(tmp_path: Path) -> None:
    """`auto` asks one from ten trials of a family on; what stopped trials teach it moves with each completion."""
    run_config, space = fakes.run_config(budget=16, sampler="auto"), fakes.FakeSpace(("quick",))
    whole, pieces = _whole_and_in_pieces(tmp_path, run_config, space, limit=6)
    assert without(pieces, *MEASURED) == without(whole, *MEASURED)
    assert any(event.state == "stopped" for event in of(Ended, whole))


def _search(folder: Path, data: TrialData, stop: Callable[[int], bool]) -> list[Event]:
    """Real trials in this process; the driver is gone where `stop` says so of the number of reports."""
    run_config, reports = fakes.run_config(budget=7, max_epochs=3), 0
    folder.mkdir(exist_ok=True)
    families = ("svm", "forest", "spectral_memory")
    with Journal(folder / "journal.jsonl") as journal:
        engine = Engine(journal, run_config, real.small_space(data, families), lambda _: Cost(1, 1), config_from)
        while (training := engine.next()) is not None:
            place = folder / training.trial_id
            trial = Trial(training.config, data, seed=0, max_epochs=3, folder=place, n_threads=1)
            engine.start(training.trial_id, training.attempt, "node", "cpu", 1)
            decision = "continue"
            while decision == "continue":
                decision = engine.report(training.trial_id, training.attempt, trial.step())
                trial.save()
                reports += 1
                if stop(reports):
                    return journal.events
        return journal.events


def test_real_families_repeat_themselves(tmp_path: Path, small_split: TrialData) -> None:
    first, again = (_search(tmp_path / name, small_split, lambda _: False) for name in ("first", "again"))
    assert without(first, *MEASURED) == without(again, *MEASURED)
    assert {event.family for event in of(Proposed, first)} == {"svm", "forest", "spectral_memory"}
    for _ in range(20):
        resumed = _search(tmp_path / "resumed", small_split, lambda reports: reports == 2)
    assert any(event.state == "interrupted" for event in of(Ended, resumed))
    assert _but_for_the_interruption(resumed) == _but_for_the_interruption(first)

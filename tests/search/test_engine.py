import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from hsiauto.search.engine import Engine
from hsiauto.search.events import Ended, Event, Reported, Started, Warned, of
from hsiauto.search.journal import Journal
from hsiauto.search.limits import TimeLimit
from hsiauto.search.mirror import Mirror
from hsiauto.search.trials import trials
from tests.search import fakes
from tests.told import without


def _table(events: list[Event]) -> list[tuple[Any, ...]]:
    return [
        (t.trial_id, t.config_hash, t.origin, t.state, t.error, t.epochs, t.score("kappa"), t.sampler_state)
        for t in trials(events).values()
    ]


def _search(path: Path, space: fakes.FakeSpace | None = None, **changes: Any) -> list[Event]:
    run_config = fakes.run_config(**changes)
    with Journal(path) as journal:
        fakes.run(fakes.engine(journal, run_config, space), run_config.max_epochs)
        return journal.events


def test_one_seed_gives_one_journal(tmp_path: Path) -> None:
    first, again = (_search(tmp_path / name, budget=20) for name in ("a", "b"))
    assert without(first, "at") == without(again, "at")
    assert _table(_search(tmp_path / "c", budget=20, seed=1)) != _table(first)


@pytest.mark.parametrize("sampler", ["tpe", "random", "cmaes", "qmc"])
def test_a_resume_at_any_line_ends_in_the_same_table(tmp_path: Path, sampler: str) -> None:
    run_config = fakes.run_config(budget=14, sampler=sampler)
    undisturbed = _search(tmp_path / "whole", budget=14, sampler=sampler)
    lines = (tmp_path / "whole").read_bytes().splitlines(keepends=True)
    for cut in range(0, len(lines), 13):
        path = tmp_path / f"cut-{cut}"
        path.write_bytes(b"".join(lines[:cut]) + b'{"event":"rep')
        with Journal(path) as journal:
            fakes.run(fakes.engine(journal, run_config), run_config.max_epochs)
            assert _table(journal.events) == _table(undisturbed), f"killed after line {cut}"
            ids = [(e.trial_id, e.epoch) for e in of(Reported, journal.events)]
            assert len(ids) == len(set(ids))


def test_each_family_with_four_trials_has_a_stop_and_only_its_own_scores_decide(tmp_path: Path) -> None:
    events = _search(tmp_path / "journal", budget=24)
    found = trials(events).values()
    for family in ("quick", "late"):
        mine = [trial for trial in found if trial.family == family]
        assert len(mine) >= 4
        assert any(trial.state == "stopped" for trial in mine), family

    def decisions(shift: float) -> list[list[str]]:
        """On each of the first four trials of `late`, where the scores of `quick` are moved. Proposals are random."""
        path, run_config = tmp_path / f"shift{shift}", fakes.run_config(budget=32, sampler="random")
        with Journal(path) as journal:
            engine = fakes.engine(journal, run_config)
            while (training := engine.next()) is not None:
                fakes.train(
                    engine, training, 9,
                    lambda c, e, n: max(-1.0, min(1.0, fakes.score(c, e, n) + (shift if c.family == "quick" else 0))),
                )  # fmt: skip
            late = [t for t in trials(journal.events).values() if t.family == "late"]
            return [[report.decision for report in trial.reports] for trial in late[:4]]

    assert any("stop" in trial for trial in decisions(0.0))
    assert decisions(0.0) == decisions(-5.0) == decisions(5.0)


def test_a_budget_can_be_extended(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    before = _table(_search(path, budget=8))
    after = _table(_search(path, budget=14))
    assert after[:8] == before
    assert len(after) == 14


def test_a_trial_that_is_nan_has_failed_with_its_reason(tmp_path: Path) -> None:
    run_config = fakes.run_config(budget=3)
    with Journal(tmp_path / "journal") as journal:
        engine = fakes.engine(journal, run_config)
        training = engine.next()
        assert training is not None
        engine.start(training.trial_id, 1, "n", "cpu", 1)
        assert engine.report(training.trial_id, 1, fakes.report(1, math.nan)) == "stop"
        trial = trials(journal.events)[training.trial_id]
        assert (trial.state, trial.error) == ("failed", "validation kappa is nan after epoch 1")
        fakes.run(engine, run_config.max_epochs)
    assert {t.state for t in trials(journal.events).values()} == {"failed", "completed"}


def test_a_wrong_metric_or_epoch_is_caught_at_the_first_report(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        engine = fakes.engine(journal, fakes.run_config())
        training = engine.next()
        assert training is not None
        engine.start(training.trial_id, 1, "n", "cpu", 1)
        right = fakes.report(1, 0.5)
        for wrong in ({"epoch": 10}, {"epoch": 1.5}, {"val_kappa": "0.5"}, {"val_kappa": None}):
            with pytest.raises(AssertionError):
                engine.report(training.trial_id, 1, replace(right, **wrong))


def test_all_trials_failed_is_a_search_that_ended(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        engine = fakes.engine(journal, fakes.run_config(budget=6))
        while (training := engine.next()) is not None:
            engine.fail(training.trial_id, training.attempt, "no such layer")
        states = [(t.state, t.error) for t in trials(journal.events).values()]
    assert states == [("failed", "no such layer")] * 6


def test_an_orphan_has_no_say(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        first = fakes.engine(journal, fakes.run_config())
        old = first.next()
        assert old is not None
        first.start(old.trial_id, 1, "n", "cpu", 1)
        first.report(old.trial_id, 1, fakes.report(1, 0.5))
    with Journal(path) as journal:
        engine = fakes.engine(journal, fakes.run_config())
        assert trials(journal.events)[old.trial_id].state == "interrupted"
        new = engine.next()
        assert new is not None
        assert (new.trial_id, new.attempt, new.epochs_known, new.config) == (old.trial_id, 2, 1, old.config)
        engine.start(new.trial_id, 2, "n", "cpu", 1)
        assert engine.report(old.trial_id, 1, fakes.report(2, 0.9)) == "stop"
        engine.fail(old.trial_id, 1, "the orphan died")
        assert trials(journal.events)[old.trial_id].epochs == 1
        assert engine.report(new.trial_id, 2, fakes.report(1, 0.5)) == "continue"  # trained again: no second line
        assert len(of(Reported, journal.events)) == 1


def test_a_driver_killed_between_report_and_end_leaves_no_trial_open(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    _search(path, budget=8)
    lines = path.read_bytes().splitlines(keepends=True)
    last = max(i for i, line in enumerate(lines) if b'"event":"ended"' in line)
    path.write_bytes(b"".join(lines[:last]))
    with Journal(path) as journal:
        engine = fakes.engine(journal, fakes.run_config(budget=8))
        assert engine.next() is None
        assert all(trial.ended for trial in trials(journal.events).values())


@pytest.mark.parametrize("pixels_per_second", [70.0, None])
@pytest.mark.parametrize("kappa", [0.5, math.inf])
def test_a_driver_killed_between_report_and_end_ends_the_trial_as_it_would_have(
    tmp_path: Path, kappa: float, pixels_per_second: float | None
) -> None:
    path, run_config = tmp_path / "journal", fakes.run_config(budget=1, min_pixels_per_second=100.0)

    def outcome(journal: Journal) -> tuple[str, str]:
        trial = trials(journal.events)["t0001"]
        return trial.state, trial.error

    with Journal(path) as journal:
        engine = fakes.engine(journal, run_config)
        assert engine.next() is not None
        engine.start("t0001", 1, "n", "cpu", 1)
        engine.report("t0001", 1, replace(fakes.report(9, kappa), pixels_per_second=pixels_per_second))
        undisturbed = outcome(journal)
    assert undisturbed[0] == ("refused" if kappa == 0.5 else "failed")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    with Journal(path) as journal:
        assert journal.events[-1].event == "report"
        fakes.engine(journal, run_config)
        assert outcome(journal) == undisturbed


@pytest.mark.parametrize("killed", ["not", "after the end", "before the end"])
def test_a_slow_model_ends_with_its_first_report_and_stops_no_other_one(tmp_path: Path, killed: str) -> None:
    path, run_config = tmp_path / "journal", fakes.run_config(min_pixels_per_second=100.0)

    def first_report(engine: Engine, kappa: float, pace: float) -> str:
        training = engine.next()
        assert training is not None
        engine.start(training.trial_id, 1, "n", "cpu", 1)
        return engine.report(training.trial_id, 1, replace(fakes.report(1, kappa), pixels_per_second=pace))

    with Journal(path) as journal:
        engine = fakes.engine(journal, run_config, fakes.FakeSpace(("quick",)))
        assert first_report(engine, 0.9, pace=99.0) == "stop"
        if killed == "not":
            assert first_report(engine, 0.4, pace=100.0) == "continue"
    if killed == "before the end":
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    with Journal(path) as journal:
        engine = fakes.engine(journal, run_config, fakes.FakeSpace(("quick",)))
        if killed != "not":
            assert first_report(engine, 0.4, pace=100.0) == "continue"
        slow, fast = engine.trials.values()
        assert (slow.state, slow.epochs, slow.pixels_per_second) == ("refused", 1, 99.0)
        assert slow.error == "predicts 99 pixels a second; `min_pixels_per_second` is 100"
        assert [trial.reports[0].rung for trial in (slow, fast)] == [None, 1]


def test_the_reason_to_stop_outlives_a_driver_killed_before_the_end(tmp_path: Path) -> None:
    path, clock = tmp_path / "journal", _Clock()
    with Journal(path) as journal:
        _timed(journal, clock, {"quick": 1.0, "late": 8.0}, deadline=150.0, budget=30)
        error = next(t.error for t in trials(journal.events).values() if "one trial may take" in t.error)
    lines = path.read_bytes().splitlines(keepends=True)
    cut = next(i for i, line in enumerate(lines) if b'"ended"' in line and b"one trial may take" in line)
    path.write_bytes(b"".join(lines[:cut]))
    with Journal(path) as journal:
        fakes.engine(journal, fakes.run_config(scheduler="none", max_epochs=10, budget=30), deadline=150.0, clock=clock)
        assert [t.error for t in trials(journal.events).values()][-1] == error


def test_a_trial_whose_worker_died_goes_on_once_even_as_the_last_one(tmp_path: Path) -> None:
    path, run_config = tmp_path / "journal", fakes.run_config(budget=2, scheduler="none")
    with Journal(path) as journal:
        engine = fakes.engine(journal, run_config)
        first, second = engine.next(), engine.next()
        assert first is not None
        assert second is not None
        engine.start(first.trial_id, 1, "n", "cpu", 1)
        engine.report(first.trial_id, 1, fakes.report(1, 0.5))
        assert engine.next() is None
        assert engine.waits
        engine.lose(first.trial_id, 1, "killed")
        engine.lose(first.trial_id, 1, "killed")  # told twice, as when a node goes
        engine.fail(first.trial_id, 1, "killed")
        assert engine.report(first.trial_id, 1, fakes.report(2, 0.5)) == "stop"
        again = engine.next()
        assert again is not None
        assert (again.trial_id, again.attempt, again.epochs_known) == (first.trial_id, 2, 1)
        engine.lose(second.trial_id, 1, "before it started")
        late = engine.next()
        assert late is not None
        assert (late.trial_id, late.attempt) == (second.trial_id, 2)
        engine.start(again.trial_id, 2, "n", "cpu", 2)
        engine.start(late.trial_id, 2, "n", "cpu", 3)
    with Journal(path) as journal:  # the driver dies too: the next death is still the second one
        engine = fakes.engine(journal, run_config)
        third = engine.next()
        assert third is not None
        assert (third.trial_id, third.attempt) == (first.trial_id, 3)
        engine.start(third.trial_id, 3, "n", "cpu", 4)
        engine.lose(third.trial_id, 3, "killed again")
        fakes.run(engine, run_config.max_epochs)
        assert not engine.waits
        dead, alive = trials(journal.events).values()
        ends = [(e.trial_id, e.attempt) for e in of(Ended, journal.events)]
    assert (dead.state, dead.error) == ("failed", "its worker died twice: killed again")
    assert dead.worker_deaths == ["its worker died: killed"]
    assert (alive.state, alive.attempt, alive.worker_deaths) == ("completed", 3, ["its worker died: before it started"])
    assert len(ends) == len(set(ends)) == 6


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _timed(journal: Journal, clock: _Clock, seconds: dict[str, float], deadline: float, **changes: Any) -> None:
    """A search in virtual time on one worker; `seconds` an epoch by family."""
    space = fakes.FakeSpace(tuple(seconds))
    run_config = fakes.run_config(scheduler="none", max_epochs=10, **changes)
    engine = fakes.engine(journal, run_config, space, deadline=deadline, clock=clock)
    while (training := engine.next()) is not None:
        engine.start(training.trial_id, training.attempt, "n", "cpu", 1)
        for epoch in range(training.epochs_known + 1, 11):
            clock.now += seconds[training.config.family]
            told = fakes.report(epoch, 0.5, fit_seconds=epoch * seconds[training.config.family])
            if engine.report(training.trial_id, training.attempt, told) != "continue":
                break


def test_a_slow_family_cannot_take_the_time_of_all(tmp_path: Path) -> None:
    clock = _Clock()
    with Journal(tmp_path / "journal") as journal:
        _timed(journal, clock, {"quick": 1.0, "late": 8.0}, deadline=150.0, budget=30)
        found = list(trials(journal.events).values())
    late = [trial for trial in found if trial.family == "late"]
    assert [trial.state for trial in late] == ["stopped"] * 3  # a smaller config might have fitted: three tries
    assert "one trial may take 50 s" in late[0].error
    assert {trial.epochs for trial in late[:2]} == {
        3
    }  # one slow epoch may be a hiccup, but near the end there is no time
    assert sum(trial.state == "completed" for trial in found) >= 7
    assert clock.now <= 150 + 8  # and an epoch of what runs


@pytest.mark.parametrize(("workers", "cap"), [(1, 40), (2, 60), (16, 60)])
def test_however_many_workers_a_trial_leaves_time_for_its_re_evaluation(workers: int, cap: float) -> None:
    assert TimeLimit.start(120.0, workers, 10, lambda: 0.0).longest_s == pytest.approx(cap)


def test_what_cannot_end_in_time_is_stopped_or_not_started(tmp_path: Path) -> None:
    clock = _Clock()
    with Journal(tmp_path / "journal") as journal:
        _timed(journal, clock, {"quick": 1.0, "late": 1.0}, deadline=35.0, budget=30)
        found = list(trials(journal.events).values())
    assert [trial.state for trial in found[:3]] == ["completed"] * 3
    assert all(trial.state == "stopped" and trial.epochs <= 2 for trial in found[3:])
    assert clock.now <= 35
    with Journal(tmp_path / "first") as journal:
        _timed(journal, _Clock(), {"quick": 5.0, "late": 5.0}, deadline=35.0, budget=1)
        alone = trials(journal.events)["t0001"]
    assert alone.state == "stopped"
    assert "after the time limit" in alone.error


def test_one_slow_epoch_stops_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        clock = _Clock()
        engine = fakes.engine(
            journal, fakes.run_config(scheduler="none", max_epochs=10, budget=1), deadline=60.0, clock=clock
        )
        training = engine.next()
        assert training is not None
        engine.start(training.trial_id, training.attempt, "n", "cpu", 1)
        for epoch in range(1, 11):
            clock.now += 9.0 if epoch <= 2 else 1.0
            decision = engine.report(training.trial_id, 1, fakes.report(epoch, 0.5, fit_seconds=clock.now))
        assert decision == "complete"


def test_nothing_else_could_use_the_time(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        _timed(journal, _Clock(), {"quick": 5.0, "late": 5.0}, deadline=80.0, budget=1)
        assert trials(journal.events)["t0001"].state == "completed"  # 50 of 80 s: more than a third


def test_an_overdue_trial_is_given_up(tmp_path: Path) -> None:
    clock = _Clock()
    with Journal(tmp_path / "journal") as journal:
        engine = fakes.engine(journal, fakes.run_config(), deadline=10.0, clock=clock)
        running, waiting = engine.next(), engine.next()
        assert running is not None
        assert waiting is not None
        engine.start(running.trial_id, 1, "n", "cpu", 1)
        clock.now = 14
        assert not engine.overdue(5.0)
        clock.now = 16
        assert engine.overdue(5.0)
        for training in (running, waiting):
            engine.expire(training.trial_id, 1)
        assert engine.next() is None
        states = [(t.state, t.error) for t in trials(journal.events).values()]
    assert states[0] == ("stopped", "time limit of the search reached after epoch 0 of 9")
    assert states[1] == ("refused", "time limit of the search reached before it started")


def test_what_a_time_limit_ended_goes_on_when_there_is_more_time(tmp_path: Path) -> None:
    clock = _Clock()
    with Journal(tmp_path / "journal") as journal:
        _timed(journal, clock, {"quick": 1.0, "late": 1.0}, deadline=35.0, budget=6)
        before = trials(journal.events)
        late = [trial for trial in before.values() if trial.state == "stopped"]
        assert late
        assert all(trial.by_limit for trial in late)
        _timed(journal, clock, {"quick": 1.0, "late": 1.0}, deadline=clock.now + 1.5, budget=6)
        assert trials(journal.events) == before  # no more than it had, and none of it is spent on them
        first = len(journal.events)
        _timed(journal, clock, {"quick": 1.0, "late": 1.0}, deadline=clock.now + 500.0, budget=6)
        after, again = trials(journal.events), of(Started, journal.events[first:])
    assert {trial.state for trial in after.values()} == {"completed"}
    assert {event.trial_id for event in again if event.attempt == 2} == {trial.trial_id for trial in late}
    for trial in after.values():
        assert [report.epoch for report in trial.reports] == list(range(1, 11))


def test_a_trial_that_goes_on_after_a_limit_may_be_killed_before_it_reports(tmp_path: Path) -> None:
    """What its last report says is of the attempt before."""
    clock = _Clock()
    with Journal(tmp_path / "journal") as journal:
        _timed(journal, clock, {"quick": 5.0}, deadline=35.0, budget=1)
        run_config = fakes.run_config(scheduler="none", max_epochs=10, budget=1)
        engine = fakes.engine(journal, run_config, fakes.FakeSpace(("quick",)))
        training = engine.next()
        assert training is not None
        engine.start(training.trial_id, training.attempt, "n", "cpu", 1)
        _timed(journal, clock, {"quick": 1.0}, deadline=clock.now + 500.0, budget=1)
        [trial] = trials(journal.events).values()
    assert (trial.state, trial.attempt) == ("completed", 3)


def test_a_trial_that_a_rung_stopped_as_well_does_not_go_on(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        run_config, space = fakes.run_config(reduction=2, max_gpu_hours=1.5 / 3600), fakes.FakeSpace(("quick",))
        engine = fakes.engine(journal, run_config, space, gpus=1.0)
        for training, score in ((engine.next(), 0.9), (engine.next(), 0.1)):
            assert training is not None
            engine.start(training.trial_id, 1, "n", "cuda", 1)
            engine.report(training.trial_id, 1, fakes.report(1, score, fit_seconds=1.0))
        found = trials(journal.events)["t0002"]
    assert (found.state, found.error, found.by_limit) == ("stopped", "", False)


def test_a_trial_is_not_stopped_while_its_familys_curves_are_still_on_the_ground(tmp_path: Path) -> None:
    """`late` has a quarter of its end after 6 of 9 epochs: at the first rung, after one, all its scores are alike."""
    found = trials(_search(tmp_path / "journal", budget=24, max_epochs=9, grace_epochs=1)).values()
    late, quick = ({trial.epochs for trial in found if trial.family == family} for family in ("late", "quick"))
    assert min(late) >= 6
    assert min(quick) == 1
    assert late != {9}


def test_skipped_families_are_named_once(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    for _ in range(2):
        events = _search(path, budget=1)
    warnings = of(Warned, events)
    assert [warning.families for warning in warnings] == [("late",)]
    assert "budget of 1" in warnings[0].text


def test_the_mirror_is_what_the_dashboard_reads_and_survives_damage(tmp_path: Path) -> None:
    journal_path, mirror_path = tmp_path / "journal", tmp_path / "optuna.log"
    for budget in (6, 10):  # the second driver finds the torn file of the first
        with Journal(journal_path) as journal:
            run_config = fakes.run_config(budget=budget)
            fakes.run(fakes.engine(journal, run_config, mirror=Mirror(mirror_path)), run_config.max_epochs)
        storage = JournalStorage(JournalFileBackend(str(mirror_path)))
        mirrored = {
            s.study_name: optuna.load_study(study_name=s.study_name, storage=storage) for s in storage.get_all_studies()
        }
        assert set(mirrored) == {"quick", "late"}
        for family, copy in mirrored.items():
            mine = [t for t in trials(journal.events).values() if t.family == family]
            completed = [t.score("kappa") for t in mine if t.state == "completed"]
            assert [t.value for t in copy.trials if t.state == optuna.trial.TrialState.COMPLETE] == completed
            assert len(copy.trials) == len(mine)
        mirror_path.write_bytes(mirror_path.read_bytes() + b'{"op_code": 4, "wor')

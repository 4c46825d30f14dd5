"""What may start, what must stop: predicted seconds, caps, GPU-hours, limits of time and of trials, in virtual time."""

import heapq
import itertools
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray.tune.schedulers import TrialScheduler

from hsiauto.errors import UserError
from hsiauto.families.base import FamilyConfig
from hsiauto.search.engine import Engine, Training
from hsiauto.search.events import Event, Warned, of
from hsiauto.search.journal import Journal
from hsiauto.search.screen import CPU_MACS_PER_SECOND, LONGEST_START_S, Cost, Speed
from hsiauto.search.trials import TrialState, trials
from hsiauto.search.workers.faults import Silence
from hsiauto.search.workers.nodes import Nodes
from hsiauto.search.workers.pulse import Pulse
from hsiauto.search.workers.resources import Machine, Resources
from hsiauto.search.workers.tune_adapters import EngineScheduler
from tests import told
from tests.search import fakes

EPOCHS = 9
BIG = 1000


def _cost(config: FamilyConfig) -> Cost:
    """`late` costs BIG multiply-adds x an epoch; `quick` a thousandth. x = 0.5 is the paper preset, 0.25 the small."""
    assert isinstance(config, fakes.Quick | fakes.Late)
    macs = round(BIG * config.x * (1 if config.family == "late" else 1e-3)) + 1
    return Cost(parameters=macs, macs=macs, epoch_macs=macs)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _engine(
    journal: Journal, clock: Clock, rate: float = 1.0, longest_start: float = math.inf, **options: Any
) -> Engine:
    fields = {"scheduler": "none", "max_epochs": EPOCHS, "sampler": "random"}
    fields |= {k: options.pop(k) for k in list(options) if k not in ("deadline", "workers", "gpus", "space", "cost")}
    space = options.pop("space", None) or fakes.FakeSpace()
    cost = options.pop("cost", _cost)
    run_config = fakes.run_config(**fields)
    return Engine(
        journal, run_config, space, cost, fakes.parse, clock=clock, speed=Speed(rate, longest_start), **options
    )


def _simulate(
    engine: Engine,
    clock: Clock,
    seconds: Callable[[FamilyConfig], float],
    workers: int = 1,
    score: Callable[[fakes.Quick | fakes.Late], float] = lambda config: config.x,
) -> list[tuple[float, float]]:
    """Run to the end; (began, reported) of each epoch. A free worker asks after each report."""
    busy: list[tuple[float, int, Training, int, float]] = []
    tie, epochs = itertools.count(), list[tuple[float, float]]()
    device = "cuda" if engine._gpus else "cpu"

    def occupy() -> None:
        while len(busy) < workers and (one := engine.next()) is not None:
            engine.start(one.trial_id, one.attempt, "n", device, 1)
            heapq.heappush(busy, (clock.now + seconds(one.config), next(tie), one, 1, clock.now))

    occupy()
    while busy:
        clock.now, _, one, epoch, began = heapq.heappop(busy)
        epochs.append((began, clock.now))
        assert isinstance(one.config, fakes.Quick | fakes.Late)
        told = fakes.report(epoch, score(one.config), fit_seconds=epoch * seconds(one.config))
        if engine.report(one.trial_id, one.attempt, told) == "continue":
            heapq.heappush(busy, (clock.now + seconds(one.config), next(tie), one, epoch + 1, clock.now))
        occupy()
    return epochs


def _warnings(journal: Journal) -> list[str]:
    return [event.text for event in of(Warned, journal.events)]


def _at_rate(rate: float) -> Callable[[FamilyConfig], float]:
    return lambda config: (_cost(config).epoch_macs or 0) / rate


def _found(journal: Journal) -> list[TrialState]:
    return list(trials(journal.events).values())


def test_a_family_starts_with_the_first_preset_that_can_end(tmp_path: Path) -> None:
    """Of late, 9 epochs take 4,509 s for the paper's preset and 2,259 s for the small one; one trial may take 3,000."""
    clock = Clock()
    with Journal(tmp_path / "j") as journal:
        _simulate(_engine(journal, clock, deadline=9000.0, budget=12), clock, _at_rate(1.0))
        presets = {t.family: t.config["x"] for t in _found(journal) if t.origin == "preset"}
        assert presets == {"quick": 0.5, "late": 0.25}
        told = [text for text in _warnings(journal) if text.startswith("late starts with a smaller preset")]
        assert len(told) == 1
        assert "would take 4509 s" in told[0]
        drawn = [t for t in _found(journal) if t.family == "late" and t.origin == "sampler"]
        assert drawn, "not all of the family is too dear"
        assert all(9 * (t.epoch_macs or 0) <= 3000 for t in drawn)


@pytest.mark.parametrize(("longest", "first"), [(9 * 501, 0.5), (9 * 501 - 1, 0.25), (1, 0.25)])
def test_without_a_limit_of_time_a_family_starts_with_what_is_in_proportion(
    tmp_path: Path, longest: float, first: float
) -> None:
    """The first preset within the longest start, else the cheapest one; of equals the first. It bounds the
    start alone; with a limit of time that one decides."""
    with Journal(tmp_path / "j") as journal:
        engine = _engine(journal, Clock(), rate=1e9, longest_start=longest, budget=12)
        fakes.run(engine, EPOCHS)
        presets = {t.family: t.config["x"] for t in _found(journal) if t.origin == "preset"}
        assert presets == {"quick": 0.5, "late": first}
        told = [text for text in _warnings(journal) if text.startswith("late starts with a smaller preset")]
        assert ["a family starts with at most 120 s" in text for text in told] == [True] * (first == 0.25)
        drawn = [t for t in _found(journal) if t.family == "late" and t.origin == "sampler"]
        assert any(9 * (t.epoch_macs or 0) > longest for t in drawn)
    with Journal(tmp_path / "limited") as journal:
        engine = _engine(journal, Clock(), rate=1e9, longest_start=longest, budget=12, deadline=9000.0)
        fakes.run(engine, EPOCHS)
        assert {t.config["x"] for t in _found(journal) if t.origin == "preset"} == {0.5}


def test_minimum_trials_take_half_of_the_time_as_they_take_half_of_the_trials(tmp_path: Path) -> None:
    """late's minimum trials alone would take 8 x 90 s of 600; quick is done at once and better."""
    clock = Clock()
    with Journal(tmp_path / "j") as journal:
        engine = _engine(journal, clock, rate=float("inf"), deadline=600.0, budget=1000)

        def seconds(config: FamilyConfig) -> float:
            return 10.0 if config.family == "late" else 1.0

        _simulate(engine, clock, seconds, score=lambda c: c.x * (0.1 if c.family == "late" else 1.0))
        found = _found(journal)
    late = [trial for trial in found if trial.family == "late"]
    assert 2 <= len(late) < 8
    assert len(found) - len(late) > 8


def test_near_the_deadline_nothing_starts_in_vain_and_no_rung_stops_what_can_still_end(tmp_path: Path) -> None:
    """One family, 9 s a training, 100 s: the last trial starts with 9 s left or more, and none is stopped after that
    because others did better at its rung."""
    clock, left = Clock(), dict[str, float]()
    with Journal(tmp_path / "j") as journal:
        engine = _engine(
            journal, clock, rate=float("inf"), deadline=100.0, budget=1000, scheduler="asha", reduction=4,
            space=fakes.FakeSpace(("late",)), cost=lambda config: Cost(1, 1, BIG),
        )  # fmt: skip
        next_one = engine.next

        def timed() -> Training | None:
            if (one := next_one()) is not None:
                left[one.trial_id] = 100.0 - clock.now
            return one

        engine.next = timed  # type: ignore[method-assign]
        _simulate(engine, clock, lambda config: 1.0, score=lambda config: config.x)
        found = _found(journal)
    assert min(left.values()) >= EPOCHS
    by_rung = [trial for trial in found if trial.state == "stopped" and not trial.error]
    assert by_rung
    assert all(left[trial.trial_id] - trial.epochs >= EPOCHS for trial in by_rung), "another one could end"
    late = [trial for trial in found if left[trial.trial_id] < EPOCHS + 1]
    assert late
    assert all(trial.state == "completed" or "family's curves" in trial.error for trial in late)


def test_a_family_that_is_done_at_once_does_not_spend_what_a_slow_one_may_need(tmp_path: Path) -> None:
    """late takes 100 times as long and is better by far; two workers are free while its minimum trials run."""
    clock = Clock()

    def seconds(config: FamilyConfig) -> float:
        return 100.0 if config.family == "late" else 1.0

    with Journal(tmp_path / "j") as journal:
        engine = _engine(journal, clock, rate=float("inf"), budget=60)
        _simulate(engine, clock, seconds, workers=10, score=lambda c: c.x if c.family == "late" else 0.1 + 0.01 * c.x)
        count = Counter(trial.family for trial in _found(journal))
        assert engine.finished
    minimum = 8
    assert count.total() == 60
    assert count["quick"] <= minimum + (60 - 2 * minimum) / 2
    assert count["late"] >= count["quick"]


def test_a_cap_over_every_preset_closes_no_family_and_repeats_no_config(tmp_path: Path) -> None:
    """One in ten draws of late is under it."""
    for seed in range(3):
        with Journal(tmp_path / f"j{seed}") as journal:
            engine = _engine(journal, Clock(), budget=40, max_parameters=100, seed=seed)
            fakes.run(engine, EPOCHS)
            found = _found(journal)
            assert _warnings(journal) == []
        late = [trial for trial in found if trial.family == "late"]
        assert len(found) == len({trial.config_hash for trial in found}) == 40
        assert len(late) >= 8
        assert all((trial.parameters or 0) <= 100 for trial in late)


def test_a_family_that_a_cap_leaves_nothing_of_says_so(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        fakes.run(_engine(journal, Clock(), budget=20, max_parameters=1), EPOCHS)
        late = [text for text in _warnings(journal) if text.startswith("late is left out: 64 configs were drawn")]
        assert len(late) == 1
        assert late[0].endswith("`max_parameters` is 1")


def test_a_family_without_an_affordable_preset_is_left_out_and_says_so_once(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        for _ in range(2):  # the second is a resume
            clock = Clock()
            _simulate(_engine(journal, clock, deadline=600.0, budget=8), clock, _at_rate(1.0))
        assert {t.family for t in _found(journal)} == {"quick"}
        assert len(_found(journal)) == 8
        assert [text.split(":")[0] for text in _warnings(journal)] == ["late is left out"]


def test_without_a_deadline_nothing_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        engine = _engine(journal, Clock(), rate=1e-9, budget=8)
        fakes.run(engine, EPOCHS)
        assert {t.family: t.config["x"] for t in _found(journal) if t.origin == "preset"} == {"quick": 0.5, "late": 0.5}
        assert not _warnings(journal)


def test_the_order_of_the_presets_is_that_of_what_will_be_started(tmp_path: Path) -> None:
    """quick's paper preset is the dearer one, but cannot start; its small preset is the cheaper one."""
    cost = {("quick", 0.5): 900, ("quick", 0.25): 10}

    def by_preset(config: FamilyConfig) -> Cost:
        assert isinstance(config, fakes.Quick | fakes.Late)
        macs = cost.get((config.family, config.x), 100)
        return Cost(1, macs, macs)

    for deadline, first in ((None, "late"), (9 * 900.0, "quick")):
        with Journal(tmp_path / f"{deadline}") as journal:
            engine = _engine(journal, Clock(), deadline=deadline, budget=8, cost=by_preset)
            training = engine.next()
            assert training is not None
            assert training.config.family == first


def _timed(family: str, macs: int, seconds: float, n: int = 1) -> list[TrialState]:
    ids = [f"{family}{i}" for i in range(n)]
    events: list[Event] = [told.proposed(trial_id, family=family, epoch_macs=macs) for trial_id in ids]
    events += [told.reported(i, epoch, fit_seconds=epoch * seconds) for i in ids for epoch in (1, 2, 3)]
    return list(trials(events).values())


def test_the_rate_errs_on_the_fast_side() -> None:
    speed = Speed(nominal=10.0)
    slow, fast = _timed("a", 10, 5.0, 3), _timed("b", 100, 5.0)
    assert speed.rates("c", []).of(1000) == 10
    assert speed.rates("c", slow).of(1000) == 10, "a family is not held to another one's slow trials"
    assert speed.rates("c", [*slow, *fast]).of(1000) == 20, "the best that was seen"
    assert speed.rates("a", [*slow, *fast]).of(10) == 2, "three own trials have shown what it can do"
    assert speed.rates("a", [*slow, *fast]).of(11) == 4, "a larger config may be twice as fast"
    assert Speed.of("cpu", 2) == Speed(2 * CPU_MACS_PER_SECOND, LONGEST_START_S * CPU_MACS_PER_SECOND)
    assert Speed.of("cuda", 2).nominal > Speed.of("cpu", 64).nominal


def test_a_family_that_turns_out_slower_than_it_looked_gets_smaller_configs(tmp_path: Path) -> None:
    """At a tenth of the nominal rate: what its first trials show bounds the later ones."""
    clock = Clock()
    with Journal(tmp_path / "j") as journal:
        engine = _engine(journal, clock, rate=10.0, deadline=30_000.0, budget=30, space=fakes.FakeSpace(("late",)))
        _simulate(engine, clock, _at_rate(1.0))
        later = _found(journal)[4:]
    assert later
    assert all(9 * (t.epoch_macs or 0) / 2 <= 10_000 for t in later)


def test_caps_hold_before_a_trial_starts(tmp_path: Path) -> None:
    for cap in ("max_parameters", "max_macs"):
        with Journal(tmp_path / cap) as journal:
            fakes.run(_engine(journal, Clock(), budget=16, **{cap: 300}), EPOCHS)
            found = _found(journal)
            assert len(found) == 16
            assert all((t.parameters or 0) <= 300 for t in found)
            assert {t.config["x"] for t in found if t.origin == "preset" and t.family == "late"} == {0.25}
            assert any("`max_" in text and "is 300" in text for text in _warnings(journal))


def test_a_family_with_presets_over_the_cap_begins_with_what_the_sampler_draws(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        fakes.run(_engine(journal, Clock(), budget=8, max_parameters=200), EPOCHS)
        late = [t for t in _found(journal) if t.family == "late"]
        assert late
        assert {t.origin for t in late} == {"sampler"}
    with Journal(tmp_path / "none") as journal:
        fakes.run(_engine(journal, Clock(), budget=8, max_parameters=1, space=fakes.FakeSpace(("late",))), EPOCHS)
        assert not _found(journal)
        assert ["late is left out" in text for text in _warnings(journal)] == [True]


def test_a_model_that_predicts_too_slowly_cannot_rank(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        engine = _engine(journal, Clock(), budget=8, min_pixels_per_second=100)
        for pace in (99.0, 100.0, None):
            training = engine.next()
            assert training is not None
            engine.start(training.trial_id, 1, "n", "cpu", 1)
            told = fakes.report(EPOCHS, 0.9)
            told = type(told)(**{**vars(told), "pixels_per_second": pace})
            assert engine.report(training.trial_id, 1, told) == "complete"
        found = _found(journal)
        assert [t.state for t in found] == ["refused", "completed", "refused"]
        assert "99 pixels a second; `min_pixels_per_second` is 100" in found[0].error
        assert [t.pixels_per_second for t in found] == [99.0, 100.0, None]
        assert engine.best(found[1].family, 3) == [found[1].trial_id]


@pytest.mark.parametrize("gpus", [1.0, 0.25])
def test_gpu_hours_are_kept_to_within_one_epoch_of_the_running_trials(tmp_path: Path, gpus: float) -> None:
    workers, epoch_s, limit_s = 4, 7.0, 1000.0
    clock = Clock()
    with Journal(tmp_path / "j") as journal:
        settings = {"budget": 10_000, "max_gpu_hours": limit_s / 3600, "workers": workers, "gpus": gpus}
        _simulate(_engine(journal, clock, rate=1e9, **settings), clock, lambda _: epoch_s, workers)
        used = sum(t.gpus * t.fit_seconds for t in _found(journal) if t.reports)
        assert limit_s <= used <= limit_s + workers * gpus * epoch_s
        stopped = [t for t in _found(journal) if t.state == "stopped"]
        assert len(stopped) <= workers
        assert all("GPU-hours of the search are spent" in t.error for t in stopped)
        assert all(t.ended for t in _found(journal))
        before = len(_found(journal))
        _simulate(_engine(journal, clock, rate=1e9, **settings), clock, lambda _: epoch_s, workers)
        assert len(_found(journal)) == before, "a resume counts what was spent"


def test_what_the_gpu_hours_left_cannot_train_is_not_started(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        engine = _engine(journal, Clock(), gpus=2.0, budget=20, max_gpu_hours=2 * 2300 / 3600)
        assignments = [engine.next() for _ in range(2)]
        assert [(a.config.family, a.config.x) for a in assignments if a] == [("quick", 0.5), ("late", 0.25)]  # type: ignore[attr-defined]


def test_gpu_hours_on_a_cpu_are_refused() -> None:
    run_config = fakes.run_config(max_gpu_hours=1.0)
    with pytest.raises(UserError, match="`time_limit`"):
        Resources.of(run_config, Machine(4))
    with pytest.raises(UserError, match="`max_gpu_hours`"):
        Resources.of(run_config.model_copy(update={"gpus_per_trial": 0.0}), Machine(4, (2**35,)))
    assert Resources.of(run_config, Machine(4, (2**35,))).gpus_per_trial > 0


@settings(max_examples=25, deadline=None)
@given(
    workers=st.integers(1, 5),
    budget=st.integers(1, 25),
    limit=st.one_of(st.none(), st.floats(20, 400)),
    seconds=st.tuples(st.floats(0.1, 9), st.floats(0.1, 9)),
    scheduler=st.sampled_from(["asha", "none"]),
)
def test_limits_hold_presets_come_first_and_nothing_runs_twice(
    tmp_path_factory: pytest.TempPathFactory,
    workers: int,
    budget: int,
    limit: float | None,
    seconds: tuple[float, float],
    scheduler: str,
) -> None:
    clock, epoch_s = Clock(), {"quick": seconds[0], "late": seconds[1]}
    with Journal(tmp_path_factory.mktemp("run") / "j") as journal:
        engine = _engine(
            journal, clock, rate=1e9, deadline=limit, workers=workers, budget=budget, scheduler=scheduler,
        )  # fmt: skip
        epochs = _simulate(engine, clock, lambda config: epoch_s[config.family], workers)
        found = _found(journal)
    assert len(found) <= budget
    assert limit is not None or len(found) == budget
    assert len({t.config_hash for t in found}) == len(found)
    assert all(t.ended for t in found)
    if limit is not None:
        assert all(began < limit for began, _ in epochs), "after the limit no epoch begins"
    for family in epoch_s:
        origins = [t.origin for t in found if t.family == family]
        assert origins[:1] in ([], ["preset"])
        assert origins[1:].count("preset") == 0


class _TuneTrial:
    config: ClassVar[dict[str, Any]] = {"trial_id": "t1", "attempt": 1}


def test_a_stopped_trial_frees_its_worker_at_once() -> None:
    """Tune is told STOP with the report itself; only a completed trial whose weights are kept is asked once more."""
    ended: list[str] = []

    def told(decision: str, worth_saving: bool) -> str:
        engine: Any = SimpleNamespace(report=lambda *_: decision)
        nodes = Nodes(dict)
        scheduler = EngineScheduler(engine, nodes, lambda _: worth_saving, ended.append, Silence(None), Pulse(None, {}))
        trial = _TuneTrial()
        return scheduler.on_trial_result(None, trial, {"message": "report", **vars(fakes.report(1, 0.5))})

    assert told("stop", True) == TrialScheduler.STOP
    assert told("complete", False) == TrialScheduler.STOP
    assert ended == ["t1", "t1"]
    assert told("complete", True) == TrialScheduler.CONTINUE
    assert told("continue", False) == TrialScheduler.CONTINUE
    assert len(ended) == 2

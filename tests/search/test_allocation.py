import itertools
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsiauto.search.allocation import FEWEST_TRIALS, LATER, Later, Plan, plan
from hsiauto.search.allocation import next_family as next_family_given
from hsiauto.search.learning_curves import Completed
from hsiauto.search.score_interval import score_intervals
from hsiauto.search.trials import TrialState
from tests import told

COST = {"svm": 0.0, "cnn": 5.0, "vit": 50.0, "mamba": 500.0}
FAMILIES = ("mamba", "vit", "cnn", "svm")
FINAL = {"svm": 0.80, "cnn": 0.85, "vit": 0.90, "mamba": 0.70}


def _add(states: dict[str, TrialState], family: str, state: str, value: float | None) -> None:
    trial = f"t{len(states) + 1:04d}"
    kappa = math.nan if value is None else value
    states[trial] = told.trial({1: kappa}, trial, state, family=family, number=len(states) + 1)


def next_family(plan: Plan, states: dict[str, TrialState], objective: str, **given: Any) -> str | Later | None:
    by_family: dict[str, list[TrialState]] = {}
    for trial in states.values():
        by_family.setdefault(trial.family, []).append(trial)
    return next_family_given(plan, by_family, objective, Completed(objective, states.values()), **given)


def _sequence(budget: int, states: tuple[str, ...] = ("completed",)) -> list[str]:
    done: dict[str, TrialState] = {}
    divided, order = plan(FAMILIES, COST, budget), itertools.cycle(states)
    while (family := next_family(divided, done, "kappa")) is not None:
        assert isinstance(family, str), "nothing is under way"
        _add(done, family, next(order), FINAL[family])
    return [trial.family for trial in done.values()]


def test_presets_come_first_and_cheapest_first() -> None:
    assert _sequence(40)[:4] == ["svm", "cnn", "vit", "mamba"]


def test_the_dearest_preset_may_open_the_search() -> None:
    done: dict[str, TrialState] = {}
    divided = plan(FAMILIES, COST, 40)
    assert next_family(divided, done, "kappa", dearest_opens=True, closed=["mamba"]) == "vit"
    for family in ("mamba", "svm", "cnn", "vit"):
        assert next_family(divided, done, "kappa", dearest_opens=True) == family
        _add(done, family, "running", None)


@pytest.mark.parametrize("budget", [8, 16, 40, 200])
def test_each_family_has_its_minimum_and_the_better_ones_get_the_rest(budget: int) -> None:
    order = _sequence(budget)
    minimum = plan(FAMILIES, COST, budget).minimum_trials
    assert len(order) == budget
    assert sorted(order[: 4 * minimum]) == sorted(FAMILIES * minimum)
    assert order.count("vit") == len(order) - 3 * minimum


@pytest.mark.parametrize("budget", [4, 5, 7])
def test_a_budget_without_minimum_trials_for_all_gives_every_family_its_preset(budget: int) -> None:
    divided = plan(FAMILIES, COST, budget)
    assert (divided.minimum_trials, divided.skipped) == (1, ())
    order = _sequence(budget)
    assert order[:4] == ["svm", "cnn", "vit", "mamba"]
    assert set(order[4:]) <= {"vit"}
    assert plan(FAMILIES, COST, 4 * FEWEST_TRIALS).minimum_trials == FEWEST_TRIALS


def test_a_budget_without_presets_for_all_names_the_dearest_families() -> None:
    divided = plan(FAMILIES, COST, 3)
    assert divided.families == ("svm", "cnn", "vit")
    assert divided.skipped == ("mamba",)
    assert _sequence(3) == ["svm", "cnn", "vit"]


def test_a_budget_of_one_runs_the_cheapest_preset() -> None:
    assert _sequence(1) == ["svm"]


def test_only_full_fidelity_counts() -> None:
    done: dict[str, TrialState] = {}
    divided = plan(("a", "b"), {"a": 0, "b": 1}, 40)
    for _ in range(divided.minimum_trials):
        _add(done, "a", "completed", 0.5)
        _add(done, "b", "stopped", 0.99)
    assert next_family(divided, done, "kappa") == "a"


def _spread(states: dict[str, TrialState], family: str, scores: Sequence[float]) -> None:
    for score in scores:
        _add(states, family, "completed", score)


CLOSE, FAR = (0.80, 0.84, 0.86, 0.88, 0.82, 0.85, 0.83, 0.87), (0.30, 0.34, 0.36, 0.38, 0.32, 0.35, 0.33, 0.37)


def test_a_family_that_may_still_win_is_tried_and_a_hopeless_one_is_not() -> None:
    done: dict[str, TrialState] = {}
    divided = plan(("a", "b", "c"), {"a": 0, "b": 1, "c": 2}, 200)
    _spread(done, "a", [score + 0.02 for score in CLOSE])
    _spread(done, "b", [CLOSE[0] - 0.1, *CLOSE[1:]])  # lower, but wider
    _spread(done, "c", FAR)
    counts = Counter[str]()
    while isinstance(family := next_family(divided, done, "kappa"), str):
        counts[family] += 1
        _add(done, family, "stopped", 0.1)
    assert counts["a"]
    assert counts["b"]
    assert counts["c"] == 0


def test_what_the_time_left_cannot_buy_lifts_no_family() -> None:
    done: dict[str, TrialState] = {}
    divided = plan(("a", "b"), {"a": 0, "b": 1}, 200)
    _spread(done, "a", [score + 0.02 for score in (*CLOSE, 0.85)])
    _spread(done, "b", [CLOSE[0] - 0.1, *CLOSE[1:]])
    assert next_family(divided, done, "kappa") == "b"
    assert next_family(divided, done, "kappa", affordable=lambda trials: 0.5 * (trials[0].family == "b")) == "a"


def test_a_slow_family_is_not_judged_before_a_trial_of_it_is_done() -> None:
    """And takes no more than its minimum meanwhile."""
    done: dict[str, TrialState] = {}
    divided = plan(("a", "slow"), {"a": 0, "slow": 9}, 200)
    _spread(done, "a", CLOSE)
    for _ in range(divided.minimum_trials - 1):
        _add(done, "slow", "stopped", 0.05)
    _add(done, "slow", "running", 0.2)
    assert next_family(divided, done, "kappa") == "a"
    seen = score_intervals(
        {"slow": [t for t in done.values() if t.family == "slow"]},
        "kappa",
        {"slow": 10.0},
        Completed("kappa", done.values()),
    )["slow"]
    assert (seen.lower, seen.upper, seen.is_finite) == (-math.inf, math.inf, False)


def test_families_that_are_done_at_once_leave_half_of_the_budget_to_a_slow_one() -> None:
    done: dict[str, TrialState] = {}
    divided = plan(("a", "b", "slow"), {"a": 0, "b": 1, "slow": 9}, 100)
    _spread(done, "a", CLOSE)
    _spread(done, "b", CLOSE)
    for _ in range(divided.minimum_trials):
        _add(done, "slow", "running", 0.2)
    while isinstance(family := next_family(divided, done, "kappa"), str):
        _add(done, family, "completed", 0.85)
    assert family is LATER
    assert divided.budget - len(done) == (divided.budget - 3 * divided.minimum_trials) / 2
    slow = [trial for trial in done.values() if trial.family == "slow"]
    slow[0].state, slow[0].reports = "completed", [told.reported(kappa=0.95)]
    assert next_family(divided, done, "kappa") == "slow"
    for trial in slow:
        trial.state = "failed"
    assert next_family(divided, done, "kappa") in ("a", "b")


def test_a_family_whose_every_trial_failed_gets_its_minimum_and_no_more() -> None:
    done: dict[str, TrialState] = {}
    divided = plan(("a", "broken"), {"a": 0, "broken": 9}, 60)
    while isinstance(family := next_family(divided, done, "kappa"), str):
        _add(done, family, *(("completed", 0.5) if family == "a" else ("failed", None)))
    assert Counter(trial.family for trial in done.values())["broken"] == divided.minimum_trials


def test_a_closed_family_gets_nothing_and_lifts_no_other() -> None:
    done: dict[str, TrialState] = {}
    divided = plan(FAMILIES, COST, 40)
    for family in FAMILIES * divided.minimum_trials:
        _add(done, family, "completed", FINAL[family])
    assert next_family(divided, done, "kappa", closed={"vit"}) == "cnn"
    assert next_family(divided, done, "kappa", closed={"vit", "cnn"}) == "svm"
    assert next_family(divided, done, "kappa", closed=set(FAMILIES)) is None


@settings(max_examples=30, deadline=None)
@given(budget=st.integers(1, 60), states=st.lists(st.sampled_from(["completed", "stopped", "failed"]), min_size=1))
def test_every_budget_is_spent_whatever_becomes_of_the_trials(budget: int, states: list[str]) -> None:
    assert len(_sequence(budget, tuple(states))) == budget

import itertools
import math

import numpy as np
import pytest

from hsiauto.search.learning_curves import Completed
from hsiauto.search.score_interval import CONFIDENCE, ScoreInterval, expected_maximum, widest
from hsiauto.search.score_interval import score_intervals as outlooks_given
from hsiauto.search.trials import TrialState
from tests import told

_ids = map(str, itertools.count())


def trial(scores: dict[int, float], state: str = "completed", family: str = "a") -> TrialState:
    return told.trial(scores, next(_ids), state, family=family)


def whole(final: float, family: str = "a") -> TrialState:
    return trial({1: 0.5 * final, 3: 0.8 * final, 9: final}, family=family)


def score_intervals(
    trials: dict[str, list[TrialState]], objective: str, further: dict[str, float]
) -> dict[str, ScoreInterval]:
    return outlooks_given(trials, objective, further, Completed(objective, (t for own in trials.values() for t in own)))


def test_the_yardstick_is_the_expected_maximum_of_normal_numbers() -> None:
    drawn = np.random.default_rng(0).normal(size=(20_000, 64))
    for n in (2, 8, 64):
        assert expected_maximum(n) == pytest.approx(drawn[:, :n].max(axis=1).mean(), abs=0.03)
    assert expected_maximum(1) == 0.0


@pytest.mark.parametrize("n", [4, 11, 60])
def test_the_spread_is_a_bound_that_holds_as_often_as_it_says(n: int) -> None:
    drawn = np.random.default_rng(0).normal(size=(20_000, n))
    held = [widest(float(spread), n) >= 1 for spread in drawn.std(axis=1)]
    assert np.mean(held) == pytest.approx(CONFIDENCE, abs=0.01)


def test_a_stopped_trial_counts_with_what_it_would_have_reached() -> None:
    finals = (0.9, 0.8, 0.7, 0.6)
    completed = score_intervals({"a": [whole(f) for f in finals]}, "kappa", {"a": 20.0})["a"]
    stopped = score_intervals(
        {"a": [whole(0.9), *(trial({1: 0.5 * f}, "stopped") for f in finals[1:])]}, "kappa", {"a": 20.0}
    )["a"]
    assert stopped.lower <= 0.9 < stopped.upper
    assert stopped.upper == pytest.approx(completed.upper)
    assert completed.upper > 0.9 + 0.1


def test_the_upper_end_falls_with_the_budget_and_with_the_trials_of_the_family() -> None:
    few, many = [whole(f) for f in (0.6, 0.7, 0.8)], [whole(f) for f in (0.6, 0.7, 0.8) * 4]
    ends = [score_intervals({"a": few}, "kappa", {"a": m})["a"].upper for m in (50.0, 10.0, 1.0, 0.0)]
    assert ends == sorted(ends, reverse=True)
    assert len(set(ends)) == 4
    assert score_intervals({"a": many}, "kappa", {"a": 10.0})["a"].upper < ends[1]


def test_few_trials_that_are_alike_borrow_the_spread_of_other_families() -> None:
    alike = [whole(0.8), whole(0.8)]
    alone = score_intervals({"a": alike}, "kappa", {"a": 20.0})["a"]
    beside = score_intervals(
        {"a": alike, "b": [whole(f, "b") for f in (0.5, 0.7, 0.9)]}, "kappa", {"a": 20.0, "b": 20.0}
    )["a"]
    assert beside.upper > alone.upper
    assert beside.lower == alone.lower


def test_a_family_without_a_completed_trial_is_unknown_while_one_is_under_way_and_out_when_none_is() -> None:
    seen = score_intervals(
        {"a": [trial({1: 0.9}, "running")], "b": [trial({1: 0.9}, "failed", "b")]}, "kappa", {"a": 9, "b": 9}
    )
    assert (seen["a"].upper, seen["b"].upper) == (math.inf, -math.inf)
    assert not seen["a"].is_finite
    assert not seen["b"].is_finite

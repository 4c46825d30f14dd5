import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from hsiauto.search.rungs import Rungs, _percentile


def test_the_rungs_are_those_of_the_scheduler() -> None:
    rungs = Rungs("asha", 60, 4, 3, latest=1)
    assert rungs.epochs == (4, 12, 36)
    assert (rungs.rung(4, 3), rungs.rung(5, 4), rungs.rung(40, 5)) == (4, None, 36)
    assert Rungs("asha", 36, 4, 3).epochs == (4, 12)  # the end is a completion, not a rung
    assert Rungs("none", 60, 4, 3).epochs == Rungs("asha", 4, 4, 3).epochs == ()
    stopped_at = [_stopped_at(Rungs("asha", 60, 4, 3, latest=1), fall) for fall in range(1, 60)]
    assert stopped_at == [4] * 4 + [12] * 8 + [36] * 24 + [None] * 23


def test_no_rung_lies_in_the_later_half_of_a_training() -> None:
    assert Rungs("asha", 60, 4, 3).epochs == (4, 12)
    assert Rungs("asha", 81, 1, 4).epochs == (1, 4, 16)
    assert Rungs("asha", 5, 4, 4).epochs == (4,), "the grace is the user's word"
    assert _stopped_at(Rungs("asha", 60, 4, 3), 13) is None
    assert _stopped_at(Rungs("asha", 60, 4, 3), 12) == 12


def _stopped_at(rungs: Rungs, fall: int) -> int | None:
    """Where a trial stops that is as good as the best up to epoch `fall`, and worst from it on."""
    for epoch in range(1, 60):
        assert rungs.goes_on("f", "best", epoch, 1.0)
    return next((e for e in range(1, 60) if not rungs.goes_on("f", "falls", e, 1.0 if e < fall else 0.0)), None)


def test_a_family_never_changes_another_ones_decisions() -> None:
    scores = {"t1": 0.5, "t2": 0.6, "t3": 0.4, "t4": 0.7, "t5": 0.1}

    def decisions(noise: float | None) -> list[bool]:
        rungs = Rungs("asha", 9, 1, 3)
        out = []
        for i, (trial, score) in enumerate(scores.items()):
            for epoch in range(1, 9):
                if noise is not None:
                    rungs.goes_on("other", f"o{i}", epoch, noise)
                out.append(rungs.goes_on("mine", trial, epoch, score))
        return out

    alone = decisions(None)
    assert not all(alone)
    assert decisions(0.0) == decisions(99.0) == alone


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_never_goes_on_and_is_not_compared(score: float) -> None:
    for scheduler in ("asha", "none"):
        assert not Rungs(scheduler, 9, 1, 3).goes_on("f", "t1", 2, score)
    rungs = Rungs("asha", 9, 1, 3)
    rungs.goes_on("f", "t1", 1, score)
    assert rungs.goes_on("f", "t2", 1, 0.0)  # the first real score of its rung


def test_trials_are_judged_from_the_first_rung_until_they_are_complete() -> None:
    rungs = Rungs("asha", max_epochs=27, grace_epochs=3, reduction=3)
    assert [epoch for epoch in range(1, 28) if rungs.judges(epoch)] == list(range(3, 27))
    assert not any(Rungs("none", 27, 3, 3).judges(epoch) for epoch in range(1, 28))


@given(
    st.integers(2, 40),
    st.integers(1, 5),
    st.integers(2, 5),
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3), st.floats(0, 1)), max_size=60),
)
def test_it_decides_as_rays_scheduler_does(
    max_epochs: int, grace: int, reduction: int, steps: list[tuple[int, int, float]]
) -> None:
    """`steps`: a trial, how many epochs it goes on, and its score then."""
    if grace >= max_epochs:
        return
    rungs = Rungs("asha", max_epochs, grace, reduction, latest=1)
    ray: Any = AsyncHyperBandScheduler("epoch", "score", "max", max_epochs, grace, reduction, brackets=1)
    epochs: dict[int, int] = {}
    for number, further, score in steps:
        trial = SimpleNamespace(trial_id=str(number))
        if number not in epochs:
            ray.on_trial_add(None, trial)
        epochs[number] = epochs.get(number, 0) + further
        if epochs[number] < max_epochs:
            said = ray.on_trial_result(None, trial, {"epoch": epochs[number], "score": score})
            assert rungs.goes_on("f", trial.trial_id, epochs[number], score) == (said != TrialScheduler.STOP)


@given(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.7]) | st.floats(0, 1), min_size=1), st.integers(2, 5))
def test_the_bar_is_numpys_percentile_to_the_last_bit(scores: list[float], reduction: int) -> None:
    percent = (1 - 1 / reduction) * 100
    assert _percentile(sorted(scores), percent) == np.percentile(scores, percent)

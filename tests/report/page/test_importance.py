"""The hyperparameter that makes the score is the one that is called important."""

import numpy as np
import pytest

from hsiauto.report.page import importance as page
from hsiauto.report.page.importance import FEWEST, MOST, importance
from hsiauto.search.trials import TrialState
from tests.report.page.made import completed


def _trials(n: int) -> list[TrialState]:
    rng = np.random.default_rng(0)
    return [
        completed(i, {"svm.C": float(c), "svm.gamma": float(g), "svm.features": f}, kappa=0.2 + 0.6 * c)
        for i, (c, g, f) in enumerate(
            zip(rng.random(n), rng.random(n), rng.choice(["spectra", "multiscale"], n), strict=True)
        )
    ]


def test_it_names_what_decides() -> None:
    shares = importance(_trials(40), "kappa")["svm"]
    assert next(iter(shares)) == "C"
    assert shares["C"] > 0.8
    assert set(shares) == {"C", "gamma", "features"}


def test_of_many_trials_an_even_part_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "_shares", lambda trials, objective: {"last": trials[-1].number, "n": len(trials)})
    for n, last, looked_at in (
        (MOST, MOST - 1, MOST),
        (MOST + 1, MOST, MOST // 2 + 1),
        (10 * MOST, 10 * MOST - 10, MOST),
    ):
        assert importance(_trials(n), "kappa")["svm"] == {"last": last, "n": looked_at}


def test_few_trials_say_nothing() -> None:
    assert importance(_trials(FEWEST - 1), "kappa") == {}


def test_a_hyperparameter_that_never_varied_is_left_out() -> None:
    trials = _trials(20)
    for trial in trials:
        trial.params["svm.gamma"] = 1.0
    assert set(importance(trials, "kappa")["svm"]) == {"C", "features"}

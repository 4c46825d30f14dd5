"""The hyperparameter that makes the score is the one that is called important."""

import numpy as np

from hsiauto.report.page.importance import FEWEST, importance
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


def test_few_trials_say_nothing() -> None:
    assert importance(_trials(FEWEST - 1), "kappa") == {}


def test_a_hyperparameter_that_never_varied_is_left_out() -> None:
    trials = _trials(20)
    for trial in trials:
        trial.params["svm.gamma"] = 1.0
    assert set(importance(trials, "kappa")["svm"]) == {"C", "features"}

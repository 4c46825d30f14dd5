import math

import numpy as np
import pytest

from hsiauto.search.learning_curves import Completed
from hsiauto.search.trials import TrialState, trials
from tests import told


def trial(family: str, scores: dict[int, float]) -> TrialState:
    return told.trial(scores, family=family)


def rising(family: str, final: float, tau: float, noise: float = 0.0, seed: int = 0) -> TrialState:
    rng = np.random.default_rng(seed)
    return trial(family, {e: final * (1 - math.exp(-e / tau)) + noise * rng.normal() for e in range(1, 61)})


def completed(*trials: TrialState) -> Completed:
    return Completed("kappa", trials)


def test_the_noise_is_that_of_the_scores_not_of_the_rise() -> None:
    assert completed(rising("a", 0.9, 6.0)).noise < 1e-3
    noisy = completed(*(rising("a", 0.9, 6.0, 0.01, seed) for seed in range(20)))
    assert noisy.noise == pytest.approx(0.01, rel=0.1)
    assert completed(trial("a", {30: 0.5, 60: 0.6})).noise == 0.0


def test_without_a_curve_of_its_family_nothing_is_said_of_a_trial() -> None:
    curves = completed(rising("fast", 0.9, 1.0))
    assert curves.end("slow", {4: 0.1}) is None
    assert curves.why_cannot_win("slow", {4: 0.1}) == ""
    assert completed().why_cannot_win("fast", {4: 0.1}) == ""
    assert completed(trial("a", {60: math.nan})).best == {}


def test_a_trial_ends_where_its_familys_curves_lead() -> None:
    """At epoch 4 a slow trial that will end at 0.95 scores 0.14, far below anything of the fast family."""
    curves = completed(rising("fast", 0.9, 1.0), rising("slow", 0.7, 25.0))
    score = 0.95 * (1 - math.exp(-4 / 25))
    assert curves.end("slow", {4: score}) == pytest.approx(0.95 * (1 - math.exp(-60 / 25)), abs=0.01)
    assert curves.why_cannot_win("slow", {4: score}) == ""
    assert curves.why_cannot_win("fast", {4: score}) != ""


def test_a_hopeless_trial_is_told_why_and_other_families_have_no_say() -> None:
    low = 0.6 * (1 - math.exp(-5))
    alone, beside = completed(rising("b", 0.8, 6.0)), completed(rising("b", 0.8, 6.0), rising("a", 0.99, 6.0))
    assert alone.why_cannot_win("b", {30: low}) == beside.why_cannot_win("b", {30: low})
    assert alone.why_cannot_win("b", {30: low}).startswith("would end at 0.600")
    assert alone.why_cannot_win("b", {30: low}).endswith("0.800")
    assert beside.why_cannot_win("b", {30: 0.81}) == ""
    assert beside.why_cannot_win("b", {30: 0.0}) == ""


def _ended_at(curves: Completed, other: TrialState) -> int:
    """The epoch after which `other` is told that it cannot win; the last one if it never is."""
    scores = {report.epoch: report.val_kappa for report in other.reports}
    judged = range(4, len(scores))
    return next((n for n in judged if curves.why_cannot_win("a", {e: scores[e] for e in range(1, n + 1)})), len(scores))


def test_a_fluke_of_one_score_does_not_end_a_trial_and_a_hopeless_one_ends_early() -> None:
    """Judged after each of 60 epochs, by scores whose noise is 0.01."""
    curves = completed(*(rising("a", 0.8, 6.0, 0.01, seed) for seed in range(5)))
    alike = [_ended_at(curves, rising("a", 0.82, 6.0, 0.01, seed)) for seed in range(100, 200)]
    hopeless = [_ended_at(curves, rising("a", 0.7, 6.0, 0.01, seed)) for seed in range(100, 200)]
    assert np.mean([epoch == 60 for epoch in alike]) > 0.9
    assert np.median(hopeless) < 20


def test_scores_order_trials_once_half_of_the_familys_curves_are_off_the_ground() -> None:
    """A network that guesses at first: 0 by kappa, whatever it will be."""
    late, early = trial("a", {1: 0.0, 2: -0.1, 3: 0.09, 4: 0.2, 5: 0.4}), trial("a", {1: 0.2, 2: 0.1, 5: 0.3})
    assert [completed(late).tells("a", epoch) for epoch in range(1, 6)] == [False] * 3 + [True] * 2
    assert completed(late).tells("b", 1)  # no curve of its own: rungs alone decide
    assert completed(early).tells("a", 1)
    assert [completed(late, early, early).tells("a", epoch) for epoch in (1, 2)] == [True, True]
    assert [completed(late, early, late).tells("a", epoch) for epoch in (3, 4)] == [False, True]


def test_a_training_that_learned_nothing_says_nothing_of_when_others_do() -> None:
    dead = trial("a", {1: -0.1, 2: 0.0, 3: 0.0})
    assert completed(dead).tells("a", 1)
    assert not completed(dead, trial("a", {1: 0.0, 2: 0.3, 3: 0.4})).tells("a", 1)


def test_off_the_ground_is_by_kappa_whatever_is_searched_for() -> None:
    """Half of the pixels right may be the share of one class."""
    reports = told.reported(epoch=1, kappa=0.0, val_oa=0.5), told.reported(epoch=2, kappa=0.6, val_oa=0.7)
    [one] = trials([told.proposed(), told.started(), *reports, told.ended()]).values()
    curves = Completed("oa", [one])
    assert [curves.tells(one.family, epoch) for epoch in (1, 2)] == [False, True]


def test_the_end_is_read_off_the_later_half_of_the_scores() -> None:
    curves = completed(trial("a", dict.fromkeys(range(1, 11), 0.5)))
    assert curves.end("a", {1: 0.9, 2: 0.1, 3: 0.2, 4: 0.4}) == pytest.approx(0.3)
    assert curves.end("a", {1: 0.2, 2: 0.3, 3: 0.4}) == pytest.approx(0.35)


def test_the_end_of_a_stopped_trial_follows_the_completions_of_its_family() -> None:
    """It is kept between two of them; that of a trial at work is not."""
    curves = completed(trial("a", {1: 0.5, 2: 0.6}))
    stopped, running = trial("a", {1: 0.4}), trial("a", {1: 0.4})
    stopped.state, running.state, running.trial_id = "stopped", "running", "r"
    assert curves.end_of(stopped) == curves.end_of(running) == pytest.approx(0.48)
    running.reports.append(told.reported(epoch=2, kappa=0.45))
    assert curves.end_of(running) == pytest.approx(0.45)
    curves.add(trial("b", {1: 0.5, 2: 1.0}))
    assert curves.end_of(stopped) == pytest.approx(0.48)
    curves.add(trial("a", {1: 0.5, 2: 0.8}))
    assert curves.end_of(stopped) == pytest.approx(0.56)

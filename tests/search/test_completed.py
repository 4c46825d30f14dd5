import math

import numpy as np
import pytest

from hsiauto.search.completed import Completed
from hsiauto.search.journal import TrialState


def trial(family: str, scores: dict[int, float | None]) -> TrialState:
    reports = [{"epoch": epoch, "val_kappa": score} for epoch, score in scores.items()]
    return TrialState("t", family, {}, {}, "", None, None, 1, "sampler", {}, "", state="completed", reports=reports)


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
    assert curves.end("slow", 4, 0.1) is None
    assert curves.cannot_win("slow", 4, 0.1) == ""
    assert completed().cannot_win("fast", 4, 0.1) == ""
    assert completed(trial("a", {60: None})).best == {}


def test_a_trial_ends_where_its_familys_curves_lead() -> None:
    """At epoch 4 a slow trial that will end at 0.95 scores 0.14, far below anything of the fast family."""
    curves = completed(rising("fast", 0.9, 1.0), rising("slow", 0.7, 25.0))
    score = 0.95 * (1 - math.exp(-4 / 25))
    assert curves.end("slow", 4, score) == pytest.approx(0.95 * (1 - math.exp(-60 / 25)), abs=0.01)
    assert curves.cannot_win("slow", 4, score) == ""
    assert curves.cannot_win("fast", 4, score) != ""


def test_a_hopeless_trial_is_told_why_and_other_families_have_no_say() -> None:
    low = 0.6 * (1 - math.exp(-5))
    alone, beside = completed(rising("b", 0.8, 6.0)), completed(rising("b", 0.8, 6.0), rising("a", 0.99, 6.0))
    assert alone.cannot_win("b", 30, low) == beside.cannot_win("b", 30, low)
    assert alone.cannot_win("b", 30, low).startswith("would end at 0.600")
    assert alone.cannot_win("b", 30, low).endswith("0.800")
    assert beside.cannot_win("b", 30, 0.81) == ""
    assert beside.cannot_win("b", 30, 0.0) == ""

"""The order: deciding folds decide, fairly where some are missing, and a preset yields only to more than noise."""

import itertools
import math

import pytest

from hsiauto.families.base import FamilyConfig
from hsiauto.refit import Ranking
from hsiauto.refit import rank as rank_given
from hsiauto.search.trials import TrialState
from tests import told
from tests.refit.fabricated import FOREST, PRESET, SVM, TUNED

OnFolds = dict[str, dict[int, float]]


def candidate(trial_id: str, config: FamilyConfig, search: float, preset: bool = False, number: int = 0) -> TrialState:
    origin = "preset" if preset else "sampler"
    state = "completed" if math.isfinite(search) else "stopped"
    return told.trial({1: search}, trial_id, state, of=config, number=number, origin=origin)


def rank(candidates: list[TrialState], on_folds: OnFolds, failed: dict[str, str]) -> Ranking:
    return rank_given(candidates, "kappa", on_folds, failed)


SVM_, FOREST_ = candidate("svm", SVM, 0.95), candidate("forest", FOREST, 0.90, number=1)


def test_deciding_folds_overrule_the_search() -> None:
    order = rank([SVM_, FOREST_], {"svm": {1: 0.5, 2: 0.6}, "forest": {1: 0.6, 2: 0.6}}, {})
    assert order.order == ("forest", "svm")
    assert "0.6000 mean over 2 folds" in order.reasons["forest"]


def test_the_search_breaks_ties_and_stands_in_for_nothing() -> None:
    assert rank([FOREST_, SVM_], {"svm": {1: 0.6}, "forest": {1: 0.6}}, {}).order == ("svm", "forest")
    assert rank([FOREST_, SVM_], {}, {}).order == ("svm", "forest")


def test_a_missing_hard_split_is_no_advantage() -> None:
    """Split 2 is 0.3 harder. The svm lacks it, so its plain mean (0.8) would beat the forest's (0.7)."""
    on_folds = {"forest": {1: 0.85, 2: 0.55}, "svm": {1: 0.80}}
    level = [candidate("svm", SVM, 0.90), FOREST_]
    order = rank(level, on_folds, {})
    assert order.order == ("forest", "svm")
    assert "1 of them predicted" in order.reasons["svm"]


def test_a_failure_stands_last_and_says_why() -> None:
    order = rank([SVM_, FOREST_], {"svm": {1: 0.9}, "forest": {1: 0.2, 2: 0.2}}, {"svm": "NaN"})
    assert order.order == ("forest", "svm")
    assert "NaN" in order.reasons["svm"]


def test_nothing_depends_on_the_order_in_which_candidates_come() -> None:
    """It is that of what their folds took, which is never the same twice."""
    given = [SVM_, FOREST_, candidate("a", PRESET, 0.5, number=2), candidate("b", TUNED, 0.5, number=3)]
    given += [candidate(name, TUNED, math.nan, number=number) for name, number in (("c", 4), ("d", 5))]
    on_folds, failed = {"svm": {1: 0.5}, "forest": {1: 0.6}}, {"a": "NaN", "b": "NaN"}
    first = rank(given, on_folds, failed)
    assert first.order == tuple(first.reasons)[:4] == ("forest", "svm", "a", "b")
    for order in itertools.permutations(given):
        again = rank(list(order), on_folds, failed)
        assert (again.order, list(again.reasons.items())) == (first.order, list(first.reasons.items()))


@pytest.mark.parametrize(
    ("tuned", "preset", "first"),
    [
        ({1: 0.90, 2: 0.90}, {1: 0.88, 2: 0.879}, "tuned"),  # +0.0205 +- 0.0005
        ({1: 0.90, 2: 0.90}, {1: 0.80, 2: 0.92}, "preset"),  # +0.04 +- 0.06
        ({1: 0.90, 2: 0.90}, {1: 0.91, 2: 0.92}, "preset"),
        ({1: 0.90}, {1: 0.89}, "tuned"),
        ({1: 0.90, 2: 0.90}, {1: 0.90, 2: 0.90}, "preset"),
    ],
)
def test_a_preset_yields_only_to_more_than_noise(tuned: dict[int, float], preset: dict[int, float], first: str) -> None:
    candidates = [candidate("tuned", TUNED, 0.9), candidate("preset", PRESET, 0.8, preset=True)]
    assert rank(candidates, {"tuned": tuned, "preset": preset}, {}).order[0] == first


def test_an_unproven_tuned_config_stands_just_below_its_preset() -> None:
    candidates = [candidate("tuned", TUNED, 0.9), SVM_, candidate("preset", PRESET, 0.8, preset=True), FOREST_]
    on_folds = {
        "tuned": {1: 0.90, 2: 0.90},
        "svm": {1: 0.88, 2: 0.88},
        "preset": {1: 0.80, 2: 0.92},
        "forest": {1: 0.10, 2: 0.10},
    }
    assert rank(candidates, on_folds, {}).order == ("svm", "preset", "tuned", "forest")


def test_a_preset_stopped_in_the_search_is_ranked_by_deciding_folds_alone() -> None:
    preset = candidate("preset", PRESET, math.nan, preset=True)
    tuned = candidate("tuned", TUNED, 0.9)
    assert rank([tuned, preset], {"tuned": {1: 0.7}, "preset": {1: 0.8}}, {}).order == ("preset", "tuned")
    assert rank([tuned, preset], {}, {}).order == ("tuned",), "no score at all: not ranked"


def test_of_two_presets_within_the_noise_the_better_one_stands_above() -> None:
    first, second = (candidate(name, TUNED, 0.8, preset=True, number=i) for i, name in enumerate(("first", "second")))
    on_folds = {"first": {2: 0.9, 3: 0.8}, "second": {2: 0.8, 3: 0.89}}
    assert rank([second, first], on_folds, {}).order == ("first", "second")

"""The config of an ensemble: canonical, within its bounds, as costly as its members together."""

import json
from typing import Any

import pytest

from hsiauto.errors import UserError
from hsiauto.families import config_from
from hsiauto.families.cnn1d import Cnn1dConfig
from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.families.costs import macs, parameters
from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.families.forest import ForestConfig
from hsiauto.families.svm import SvmConfig

SVM, FOREST = SvmConfig(C=7.0), ForestConfig(features="multiscale", components=20, sigma=2.0)
CNN1D, CNN2D = Cnn1dConfig(), Cnn2dConfig(patch=7, components=30)
MIXED = EnsembleConfig(members=(SVM, FOREST, CNN1D), smoothing="guided", smoothing_radius=3)


def test_it_survives_json_without_what_is_inactive() -> None:
    text = json.dumps(MIXED.active())
    again = config_from(json.loads(text))
    assert again == MIXED
    assert again.hash() == MIXED.hash()
    assert "sigma" not in json.loads(text)["members"][-1]


def test_the_same_members_are_one_config_in_any_order() -> None:
    assert EnsembleConfig(members=(CNN1D, SVM, SVM)).hash() == EnsembleConfig(members=(SVM, CNN1D, SVM)).hash()
    twice, once = EnsembleConfig(members=(CNN1D, SVM, SVM)), EnsembleConfig(members=(CNN1D, SVM))
    assert twice.hash() != once.hash()
    assert twice.counted == {CNN1D: 1, SVM: 2}
    assert twice.parts == once.parts == (CNN1D, SVM)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([SVM.active()], r"at least 2 items"),
        ([SVM.active(), {"family": "majority"}], r"members\.1: a member is a config of a torch or a classical family"),
        ([{"family": "ensemble", "members": [{}]}] * 2, r"members\.0: a member is .*; received ensemble"),
        ([{"family": "svm", "C": -1}, {"family": "lda"}], r"members\.0: svm\.C: .*greater than 0; received -1"),
        ([{"family": ["svm"]}, {}], r"members\.0: the family must be known; received \['svm'\]"),
        ([SVM.active(), 3], r"members\.1: .*received 3"),
        ("svm", r"members: .*received 'svm'"),
        ([SvmConfig(C=1 + i).active() for i in range(11)], r"at most 10 different members; received 11"),
        ([SVM.active()] * 101, r"at most 100 items"),
    ],
)
def test_other_members_are_refused_in_a_line(members: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        config_from({"family": "ensemble", "members": members})


def test_a_small_scene_bounds_every_member() -> None:
    bounded = EnsembleConfig(members=(SVM, FOREST, CNN2D, CNN2D), smoothing="majority").bounded(100, 13)
    assert bounded.counted == {SVM: 1, FOREST.bounded(100, 13): 1, CNN2D.bounded(100, 13): 2}
    assert bounded.smoothing == "majority"
    assert bounded.bounded(100, 13) is bounded


def test_it_reads_what_its_widest_member_reads_and_what_its_own_smoothing_adds() -> None:
    assert EnsembleConfig(members=(SVM, CNN2D)).support == 3
    smoothed = SvmConfig(smoothing="majority", smoothing_radius=5)
    assert EnsembleConfig(members=(smoothed, CNN2D)).support == 5
    assert MIXED.support == 8 + 2 * 3
    assert MIXED.reads == "features + pixel"


def test_its_costs_are_those_of_its_networks_together() -> None:
    both = EnsembleConfig(members=(CNN1D, CNN2D, CNN2D, SVM))
    for cost in (parameters, macs):
        assert cost(both, 50, 4) == (cost(CNN1D, 50, 4) or 0) + (cost(CNN2D, 50, 4) or 0)
        assert cost(EnsembleConfig(members=(SVM, FOREST)), 50, 4) is None

"""The smallest and the largest config: valid, acting, and what no draw undercuts or exceeds by much."""

import optuna
import pytest

from hsiauto.families.costs import macs
from hsiauto.space import Space
from hsiauto.space.corners import corners

optuna.logging.set_verbosity(optuna.logging.ERROR)

SCENE = (40, 300, 30, 30, 5)
NETWORKS = ["cnn1d", "cnn2d", "vit"]


@pytest.fixture(scope="module")
def unified() -> Space:
    return Space.load("unified").bind(*SCENE)


@pytest.mark.parametrize("family", NETWORKS)
def test_draws_lie_between_the_corners(unified: Space, family: str) -> None:
    """The corners move one hyperparameter at a time: a draw may pass them a little if several work together."""
    part = unified.parts[family]
    found = corners(part, SCENE[0], SCENE[4])
    smallest, largest = (macs(found[name], SCENE[0], SCENE[4]) or 0 for name in ("smallest", "largest"))
    assert smallest < largest
    run_config = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(4):
        cost = macs(part.suggest(run_config.ask()), SCENE[0], SCENE[4]) or 0
        assert 0.9 * smallest <= cost <= 1.1 * largest


@pytest.mark.parametrize("family", ["cnn2d", "svm", "forest"])
def test_corners_are_configs_of_the_space(unified: Space, family: str) -> None:
    part = unified.parts[family]
    for config in corners(part, SCENE[0], SCENE[4]).values():
        for name, value in part.params(config).items():
            assert value in part.ranges[name]


def test_pins_hold_in_the_corners() -> None:
    part = Space.load("unified", families=["cnn2d"], pins={"cnn2d.width": 32}).bind(*SCENE).parts["cnn2d"]
    assert {config.active()["width"] for config in corners(part, SCENE[0], SCENE[4]).values()} == {32}

"""The demo scene keeps its promise: beyond a narrow buffer positions teach little, spectra more, context most."""

import numpy as np
import pytest

from hsiauto.families import FAMILIES
from hsiauto.scene.simulator.simulate import demo
from hsiauto.split import SplitSpec, make_split
from hsiauto.split.seal import seal
from hsiauto.training.trial import Trial

SPLIT_SEEDS = range(3)
EPOCHS = 15
LADDER = ("majority", "coordinate_1nn", "svm", "forest", "cnn2d")


@pytest.fixture(scope="module")
def test_oa() -> dict[str, list[float]]:
    """Family -> test OA of its paper preset on each split, trained on train alone."""
    scene = demo()
    found: dict[str, list[float]] = {family: [] for family in LADDER}
    for seed in SPLIT_SEEDS:
        split = make_split(scene.labels, SplitSpec(seed=seed, block_size=16, buffer=5))
        data, test = seal(scene, split)
        for family in LADDER:
            config = FAMILIES[family].preset("paper").bounded(scene.n_bands, len(data.train_pixels))
            trial = Trial(config, data, seed=0, max_epochs=EPOCHS, n_threads=1)
            while not trial.done:
                trial.step()
            predicted = trial.fitted().probabilities(data.cube, data.valid, split.test).argmax(axis=1)
            found[family].append(test.score(family, predicted).oa)
    return found


def test_majority_canary_svm_and_winner_stand_in_this_order(test_oa: dict[str, list[float]]) -> None:
    mean = {family: float(np.mean(values)) for family, values in test_oa.items()}
    assert mean["majority"] < mean["coordinate_1nn"] < mean["svm"] <= max(mean["forest"], mean["cnn2d"])


def test_nothing_exceeds_97_percent(test_oa: dict[str, list[float]]) -> None:
    assert max(max(values) for values in test_oa.values()) <= 0.97

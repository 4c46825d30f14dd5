"""The scenes and splits of the experiment, and the configs that are chosen among."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import optuna
from scipy.ndimage import distance_transform_cdt

from hsiauto.families.base import FamilyConfig
from hsiauto.scene import open_scene
from hsiauto.scene.model import Scene
from hsiauto.scene.opening import read_label_map
from hsiauto.scene.simulator.simulate import simulate
from hsiauto.scene.source import SceneSource
from hsiauto.space import Space
from hsiauto.split.seal import TrialData

SIMULATED = {"salinas": "Salinas_gt", "pavia_university": "PaviaU_gt", "ksc": "KSC_gt"}
"""Real label maps, of which every second row and column is clothed in simulated spectra."""
SCENES = ("indian_pines", "indian_pines_8bit", *SIMULATED)
N_BANDS = 100
FOLDS = 5
MOST_TRAINING = 500
"""Pixels that a training gets: as many configs as possible in the time."""
DRAWS = {"svm": 8, "forest": 6, "lda": 9, "logistic": 5, "boosting": 0, "cnn2d": 1}
"""Random draws from the unified space beside each family's presets."""
CHEAP = {
    "forest.n_trees": 30,
    "boosting.rounds": 30,
    "boosting.max_leaves": 7,
    "cnn2d.width": 16,
    "cnn2d.depth": 2,
    "cnn2d.components": 15,
    "cnn2d.reduction": "mnf",
    "cnn2d.patch": 7,
}
MAX_EPOCHS = 4


def scene(name: str, data_dir: Path) -> Scene:
    if name in SIMULATED:
        path = data_dir / "ground_truth" / f"{SIMULATED[name]}.mat"
        labels = read_label_map(path)[::2, ::2]
        return simulate(labels, name=name, n_bands=N_BANDS)
    cube = data_dir / "indian_pines" / ("IP_200_M.mat" if name.endswith("8bit") else "Indian_pines_corrected.mat")
    return open_scene(SceneSource(dataset=str(cube), labels=data_dir / "indian_pines" / "Indian_pines_gt.mat"))


def configs(scene: Scene, buffer: int, n_classes: int) -> list[FamilyConfig]:
    """Presets, then random draws, whose windows the buffer holds; the same for each split of a scene."""
    space = Space.load("unified", tuple(DRAWS), CHEAP)
    space = space.bind(scene.n_bands, MOST_TRAINING, scene.height, scene.width, n_classes)
    optuna.logging.disable_default_handler()
    found: dict[str, FamilyConfig] = {}
    for family, n in DRAWS.items():
        sampler = optuna.samplers.RandomSampler(seed=len(found))
        study = optuna.create_study(sampler=sampler)
        presets = [one for one in space.presets(family) if one.support <= buffer]
        narrow = [
            type(one)(**{**one.active(), "sigma": buffer / 4.0})
            for one in space.presets(family)
            if one.support > buffer and "sigma" in one.active()
        ]
        wanted = {one.hash(): one for one in (*presets, *narrow)}
        target = len(wanted) + n
        while len(wanted) < target:
            drawn = space.suggest(study.ask(), family)
            if drawn.support <= buffer:
                wanted[drawn.hash()] = drawn
        found |= wanted
    return list(found.values())


def thinned(data: TrialData, rng: np.random.Generator) -> TrialData:
    """MOST_TRAINING of the training pixels, each class in proportion but never without a pixel."""
    labels = data.train_labels
    order = rng.permutation(len(labels))
    rank = np.empty(len(labels))
    for k in np.unique(labels):
        own = order[labels[order] == k]
        rank[own] = np.where(np.arange(len(own)) == 0, 0, (np.arange(len(own)) + 0.5) / len(own))
    kept = np.sort(np.argsort(rank, kind="stable")[:MOST_TRAINING])
    return replace(data, train_pixels=data.train_pixels[kept], train_labels=labels[kept])


def around(pixels: npt.NDArray[np.int64], scene: Scene, radius: int) -> npt.NDArray[np.int64]:
    """`pixels` and all with data at most `radius` away."""
    mask = np.zeros((scene.height, scene.width), bool)
    mask.ravel()[pixels] = True
    return np.flatnonzero((distance_transform_cdt(~mask, metric="chessboard") <= radius) & scene.valid)


def names(of: Sequence[FamilyConfig]) -> list[str]:
    return [f"{config.family}-{config.hash()}" for config in of]


def is_simulated(name: str) -> bool:
    return name in SIMULATED

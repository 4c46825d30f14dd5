"""Train every config on each fold and on the pool of each split, and keep its class probabilities.

    python -m benchmarks.selection.collect --data-dir DIR --out FOLDER [--splits 5]

One npz a scene and split; what is there is not done again.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks.selection import scenes
from hsiauto.families.base import FamilyConfig
from hsiauto.scene.model import Scene
from hsiauto.split import SplitSpec, make_split
from hsiauto.split.make import folds
from hsiauto.split.seal import TrialData, seal, training_data
from hsiauto.training.trial import Trial

REACHES = (0, 2, 4, 8)
"""Of the filters that are compared: none, majority 2, guided 2, guided 4. Where the buffer allows it a model is asked
around the scored pixels too."""


def collect(name: str, seed: int, scene: Scene, path: Path) -> None:
    split = make_split(scene.labels, SplitSpec(seed=seed))
    rng = np.random.default_rng([7, seed])
    buffer = split.spec.squares.buffer
    configs = scenes.configs(scene, buffer, len(split.classes))
    parts = [seal(scene, fold)[0] for fold in folds(split, scene.labels, scenes.FOLDS)] + [training_data(scene, split)]
    arrays = {"names": np.array(scenes.names(configs)), "supports": np.array([one.support for one in configs])}
    arrays |= {"buffer": np.array(buffer), "n_folds": np.array(len(parts) - 1)}
    arrays["active"] = np.array([one.model_dump_json() for one in configs])
    seconds = np.zeros((len(configs), len(parts)))
    for k, whole in enumerate(parts):
        scored = whole.val_pixels if len(whole.val_pixels) else split.test
        asked = scenes.around(scored, scene, REACHES[-1])
        data = scenes.thinned(whole, rng)
        arrays |= {f"pixels_{k}": asked, f"scored_{k}": scored, f"train_{k}": data.train_pixels}
        p = np.full((len(configs), len(asked), data.n_classes), np.nan, np.float16)
        for i, config in enumerate(configs):
            began = time.process_time()
            reach = max(r for r in REACHES if r == 0 or config.support + r <= buffer)
            own = scenes.around(scored, scene, reach)
            p[i, np.searchsorted(asked, own)] = train(config, data, own)
            seconds[i, k] = time.process_time() - began
        arrays[f"p_{k}"] = p
    arrays["seconds"] = seconds
    np.savez(path, **arrays)  # type: ignore[arg-type]  # numpy's stub takes any name for allow_pickle
    by_family = {f: seconds[[n.startswith(f) for n in arrays["names"]]].sum().round(1) for f in scenes.DRAWS}
    print(name, seed, f"{seconds.sum():.0f} s", by_family, flush=True)


def train(config: FamilyConfig, data: TrialData, asked: np.ndarray) -> np.ndarray:
    trial = Trial(
        config.bounded(data.cube.shape[2], len(data.train_pixels)), data, seed=0, max_epochs=scenes.MAX_EPOCHS
    )
    while not trial.done:
        trial.step()
    return trial.fitted().probabilities(data.cube, data.valid, asked).astype(np.float16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--scenes", default=",".join(scenes.SCENES))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    opened = {name: scenes.scene(name, given.data_dir) for name in given.scenes.split(",")}
    for seed in range(given.splits):
        for name, scene in opened.items():
            path = given.out / f"{name}-{seed}.npz"
            if not path.exists():
                collect(name, seed, scene, path)


if __name__ == "__main__":
    main()

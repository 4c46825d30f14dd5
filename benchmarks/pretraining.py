"""What a network gains on validation folds by reconstructing masked bands of unlabelled pixels before it is trained.

    python -m benchmarks.pretraining --data-dir DIR --scene indian_pines --family cnn1d --epochs 30 --steps 400

Each step hides bands of 128 pixels anywhere in the scene, and the network, with a linear layer to all bands instead of
its classifier, must tell them (mean squared error on what is hidden). Of `cnn1d` two runs of a quarter of the bands are
hidden, of `cnn2d` a random half of the components of the whole patch, of which it tells those of the centre. Then it
trains as without, from these weights and with a new classifier. A line a fold: kappa without and with it.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.selection import scenes
from hsiauto.families.base import TorchConfig
from hsiauto.families.cnn1d import Cnn1d, Cnn1dConfig
from hsiauto.families.cnn2d import Cnn2d, Cnn2dConfig
from hsiauto.models.batches import batches_for, cached_scene
from hsiauto.models.batches.patches import PatchBatches
from hsiauto.models.batches.spectra import SpectrumBatches
from hsiauto.split import SplitSpec, make_split
from hsiauto.split.make import folds
from hsiauto.split.seal import TrialData, seal
from hsiauto.training.trainer import Trainer

FOLDS, BATCH = 3, 128
CLASSIFIERS = ("classifier.", "head.3.")
CONFIGS: dict[str, TorchConfig] = {
    "cnn1d": Cnn1dConfig.model_validate(Cnn1dConfig.presets["paper"]),
    "cnn2d": Cnn2dConfig.model_validate({**Cnn2dConfig.presets["paper"], "fitted_on": "scene"}),
}


class Reconstruction(nn.Module):
    """A network that tells channels (B, C) instead of classes."""

    def __init__(self, network: Cnn1d | Cnn2d, n_channels: int) -> None:
        super().__init__()
        self.network = network
        last = network.head[-1] if isinstance(network, Cnn1d) else network.classifier
        assert isinstance(last, nn.Linear)
        self.told = nn.Linear(last.in_features, n_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if isinstance(self.network, Cnn2d):
            features = self.network.features(x).mean(dim=(2, 3))
        else:
            features = self.network.head[:-1](self.network.features(x[:, None]).flatten(1))
        told: torch.Tensor = self.told(features)
        return told


def hidden(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """(B, C) bool: the channels that are hidden of each spectrum or patch `x`."""
    n, n_channels = x.shape[:2]
    if x.ndim > 2:
        return torch.rand(n, n_channels, generator=generator) < 0.5
    length, place = n_channels // 4, torch.arange(n_channels)[None]
    first_2N1 = [torch.randint(n_channels - length + 1, (n, 1), generator=generator) for _ in range(2)]
    one, other = ((place >= first) & (place < first + length) for first in first_2N1)
    return one | other


def pretrained(config: TorchConfig, data: TrialData, seed: int, steps: int) -> dict[str, torch.Tensor]:
    """Weights, with a classifier that is drawn anew."""
    scene = cached_scene(config, data, torch.device("cpu"))
    batches, n_channels = batches_for(config, scene.cube), scene.projection.n_channels
    assert isinstance(batches, SpectrumBatches | PatchBatches)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = config.build(n_channels, data.n_classes)
    assert isinstance(network, Cnn1d | Cnn2d)
    module = Reconstruction(network, n_channels)
    optimizer = torch.optim.AdamW(module.parameters(), lr=config.learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=steps)
    valid = torch.from_numpy(np.flatnonzero(data.valid))
    for _ in range(steps):
        x = batches.gather(valid[torch.randint(len(valid), (BATCH,), generator=generator)])
        mask = hidden(x, generator)
        centre = x if x.ndim == 2 else x[:, :, x.shape[2] // 2, x.shape[3] // 2]
        shown = x * (~mask if x.ndim == 2 else ~mask[:, :, None, None])
        optimizer.zero_grad()
        (((module(shown) - centre)[mask] ** 2).mean() / (centre[mask] ** 2).mean()).backward()
        optimizer.step()
        schedule.step()
    anew = config.build(n_channels, data.n_classes).state_dict()
    own = {name: weight for name, weight in network.state_dict().items() if not name.startswith(CLASSIFIERS)}
    return anew | own


def thinned(data: TrialData, per_class: int, seed: int) -> TrialData:
    """At most `per_class` training pixels of each class."""
    rng = np.random.default_rng(seed)
    own = [rng.permutation(np.flatnonzero(data.train_labels == k))[:per_class] for k in np.unique(data.train_labels)]
    kept = np.sort(np.concatenate(own))
    return replace(data, train_pixels=data.train_pixels[kept], train_labels=data.train_labels[kept])


def measured(config: TorchConfig, name: str, given: argparse.Namespace, seed: int) -> Iterator[tuple[float, float]]:
    """kappa of each fold without and with it."""
    scene = scenes.scene(name, given.data_dir)
    split, weights = make_split(scene.labels, SplitSpec(seed=seed)), None
    for fold in folds(split, scene.labels, FOLDS):
        data = seal(scene, fold)[0]
        data = thinned(data, given.per_class, seed) if given.per_class else data
        if weights is None:
            weights = pretrained(config, data, seed, given.steps)
        kappas = []
        for start in (None, weights):
            trainer = Trainer(config, data, seed=seed, max_epochs=given.epochs, weights=start)
            *_, last = trainer.run(given.epochs)
            assert last.scores is not None
            kappas.append(last.scores.kappa)
        yield kappas[0], kappas[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--scene", choices=scenes.SCENES, default="indian_pines")
    parser.add_argument("--family", choices=tuple(CONFIGS), default="cnn1d")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--per-class", type=int, default=0, help="labels a class; 0: all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the split and the weights")
    given = parser.parse_args()
    for seed in given.seeds:
        for number, (without, with_it) in enumerate(measured(CONFIGS[given.family], given.scene, given, seed), 1):
            print(
                f"seed {seed} fold {number}: {without:.3f} {with_it:.3f} {100 * (with_it - without):+.1f}", flush=True
            )


if __name__ == "__main__":
    main()

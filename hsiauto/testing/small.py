"""Small configs of a torch family, their modules and batches, and a scene, for the conformance tests."""

from functools import cache
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from hsiauto.families.base import PatchConfig, PixelConfig, TileConfig, TorchConfig
from hsiauto.families.costs import macs
from hsiauto.split.seal import TrialData

Family = type[TorchConfig]
BANDS, CLASSES, SIDE = 12, 3, 14
SMALL_TILE = 8
"""A tile family is the same network at every tile; this one is cheap, and smaller than the scene."""
SMALL_PATCH = 5
"""Side of the patches here; a family whose layers need more gets more."""


def scene(singleton: bool = False, n_bands: int = BANDS) -> TrialData:
    """14 x 14 pixels, noisy bands, 3 classes in stripes, 40 training pixels; `singleton`: one pixel in class 2."""
    rng = np.random.default_rng(0)
    truth = np.arange(SIDE * SIDE) // SIDE // 3 % CLASSES
    spectra = rng.normal(size=(CLASSES, n_bands))
    cube = spectra[truth].reshape(SIDE, SIDE, n_bands) + 0.5 * rng.normal(size=(SIDE, SIDE, n_bands))
    pixels = rng.permutation(SIDE * SIDE)
    if singleton:
        rare = pixels[truth[pixels] == 2]
        pixels = np.concatenate([rare[:1], pixels[truth[pixels] != 2]])
    train, val = np.sort(pixels[:40]), np.sort(pixels[40:70])
    return TrialData(
        cube=cube.astype(np.float32),
        valid=np.ones((SIDE, SIDE), bool),
        n_classes=CLASSES,
        train_pixels=train,
        train_labels=truth[train],
        val_pixels=val,
        val_labels=truth[val],
    )


def preset_config(family: Family, preset: str, n_bands: int = BANDS) -> TorchConfig:
    """A preset on a scene with `n_bands`; of a tile family on a small tile."""
    config = family.preset(preset).bounded(n_bands, 1000)
    if isinstance(config, TileConfig):
        config = type(config)(**{**config.active(), "tile": SMALL_TILE})
    return config


def module_and_input(
    config: TorchConfig, n_bands: int = BANDS, n_classes: int = CLASSES, n_samples: int = 5
) -> tuple[nn.Module, Tensor]:
    """The untrained module from seed 0, in evaluation mode, and a batch for it."""
    n_channels = config.components or n_bands
    shape: tuple[int, ...] = (n_samples, n_channels)
    if isinstance(config, PatchConfig):
        shape += (config.patch, config.patch)
    elif isinstance(config, TileConfig):
        shape += (config.tile, config.tile)
    else:
        assert isinstance(config, PixelConfig)
    torch.manual_seed(0)
    module = config.build(n_channels, n_classes).eval()
    return module, torch.randn(shape)


def labels_like(config: TorchConfig, x: Tensor, n_classes: int = CLASSES) -> Tensor:
    shape = (len(x), *x.shape[2:]) if isinstance(config, TileConfig) else (len(x),)
    return torch.randint(n_classes, shape)


def step(module: nn.Module, config: TorchConfig, x: Tensor, y: Tensor) -> Tensor:
    """The loss that a training takes its gradient of."""
    criterion = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
    training_loss = getattr(module, "training_loss", None)
    loss: Tensor = training_loss(x, y, criterion) if training_loss is not None else criterion(module(x), y)
    return loss


def with_values(config: TorchConfig, **given: Any) -> TorchConfig:
    """`config` with other values, without the hyperparameters that they make inactive. Raises ValidationError."""
    values = {**config.active(), **given}
    return type(config)(**{name: value for name, value in values.items() if type(config).is_active(name, values)})


def is_valid(config: TorchConfig, **given: Any) -> bool:
    try:
        with_values(config, **given)
    except ValidationError:
        return False
    return True


@cache
def cheapest_preset(family: Family) -> str:
    return min(family.presets, key=lambda preset: macs(preset_config(family, preset), BANDS, CLASSES) or 0)


def cheapest(family: Family, n_bands: int = BANDS) -> TorchConfig:
    """The preset with the fewest multiply-adds, on the smallest patch or tile that suits it."""
    config = preset_config(family, cheapest_preset(family), n_bands)
    if isinstance(config, PatchConfig):
        sizes = range(min(SMALL_PATCH, config.patch), config.patch + 1)
        config = with_values(config, patch=next(patch for patch in sizes if is_valid(config, patch=patch)))
    return config


def small(family: Family, n_bands: int = BANDS, **fields: Any) -> TorchConfig:
    """The cheapest config, with the shared hyperparameters set so that each of them is active on 40 pixels."""
    tiles = issubclass(family, TileConfig)
    shared = {"weight_decay": 0.05, "batch_size": 32 if tiles else 8, "learning_rate": 5e-3}
    return with_values(cheapest(family), **{**shared, **fields}).bounded(n_bands, 40)

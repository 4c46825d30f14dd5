"""What a config costs, known before it trains: built on torch's meta device, which has shapes and no memory."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from hsiauto.families.base import FamilyConfig, PatchConfig, PixelConfig, TileConfig, TorchConfig


def parameters(config: FamilyConfig, n_bands: int, n_classes: int) -> int | None:
    """Trainable parameters; None for a family that is no network. `n_bands` counts the bands of the scene."""
    if not isinstance(config, TorchConfig):
        return None
    module = _on_meta(config, n_bands, n_classes)
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def macs(config: FamilyConfig, n_bands: int, n_classes: int) -> int | None:
    """Multiply-adds of one prediction (forward, one labelled pixel): matrix products, convolutions and attention, as
    torch's counter sees them. A tile's are divided by its pixels. None for a family that is no network.
    """
    if not isinstance(config, TorchConfig):
        return None
    module, n_channels = _on_meta(config, n_bands, n_classes).eval(), _channels(config, n_bands)
    shape, n_pixels = _input_shape(config, n_channels)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.empty(shape, device="meta"))
    return int(counter.get_total_flops()) // 2 // n_pixels


def _channels(config: TorchConfig, n_bands: int) -> int:
    """What the module sees of `n_bands`."""
    return config.components or n_bands


def _on_meta(config: TorchConfig, n_bands: int, n_classes: int) -> nn.Module:
    with torch.device("meta"):
        return config.build(_channels(config, n_bands), n_classes)


def _input_shape(config: TorchConfig, n_channels: int) -> tuple[tuple[int, ...], int]:
    """Of one sample, with the number of predictions that it gives."""
    if isinstance(config, PixelConfig):
        return (1, n_channels), 1
    if isinstance(config, PatchConfig):
        return (1, n_channels, config.patch, config.patch), 1
    assert isinstance(config, TileConfig), f"unknown input of {type(config).__name__}"
    return (1, n_channels, config.tile, config.tile), config.tile**2

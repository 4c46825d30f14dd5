"""A tile family whose logits of a pixel depend on its whole tile and on its place in it: the hardest to blend."""

from typing import Any, ClassVar, Literal

import torch
from torch import nn

from hsiauto.families.base import TileConfig


class PlaceConfig(TileConfig):
    family: Literal["place"] = "place"
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {}}

    def build(self, n_bands: int, n_classes: int) -> nn.Module:
        return Place(n_bands, n_classes)


class Place(nn.Module):
    """A linear map of each pixel, plus one of the mean of its tile, plus a ramp down the tile for the first class."""

    def __init__(self, n_bands: int, n_classes: int) -> None:
        super().__init__()
        self.pixel, self.tile = nn.Conv2d(n_bands, n_classes, 1), nn.Conv2d(n_bands, n_classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ramp = torch.zeros(self.pixel.out_channels, x.shape[2], 1)
        ramp[0, :, 0] = torch.linspace(-1, 1, x.shape[2])
        logits: torch.Tensor = self.pixel(x) + 5 * self.tile(x.mean(dim=(2, 3), keepdim=True)) + ramp
        return logits

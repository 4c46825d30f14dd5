"""Presence of a tile's pixels: it keeps unseen pixels out of the sequences and statistics of a tile family.

Training pixels are 0 in the tiles that score a pixel, in the context of training all others in those that train
(`hsiauto.models.batches.tiles`); pixels without data are 0 everywhere. Read as spectra, these zeros fill sequences,
states and normalisations in one of the two, and are gone in the other. Here they are absent instead [fill: the papers
train on whole images]: a pixel whose channels are all 0 is no token, enters no statistic, and says nothing to its
neighbours. Where every pixel is there, each function is the plain one: the published networks, fed as published, are
unchanged. Fewer tokens also cost less; how many there are is read back from the device in every step.

Measured with `mambahsi` small in the context of training (Indian Pines, 8-bit, random 10 %, 17 CPU seconds, seeds 0 and
1): OA on 258 held-out pixels 0.57 and 0.52 with zeros as spectra, 0.74 and 0.71 with them absent.

Shapes: B tiles, D features, H x W pixels, T the most pixels that a tile of the batch has, G groups of d features.
"""

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate


class Presence:
    """The pixels of B tiles that are there, and their order as tokens."""

    def __init__(self, there_B1HW: Tensor) -> None:
        """`there_B1HW`: bool."""
        self.there_B1HW = there_B1HW
        there_BL = there_B1HW.flatten(1)
        # On the meta device costs are counted and only shapes are known: every pixel is there.
        most = there_BL.shape[1] if there_BL.is_meta else max(1, int(there_BL.sum(dim=1).max()))
        order_BL = there_BL.logical_not().to(torch.uint8).argsort(dim=1, stable=True)
        self.place_BT = order_BL[:, :most]
        """Raster place of each token: those that are there first, in raster order."""
        self.there_BT = there_BL.gather(1, self.place_BT)
        """False in the slots left over if a tile has fewer than T."""

    @classmethod
    def of(cls, x_BCHW: Tensor) -> Self:
        """The presence of pixels in tiles as they are fed: not all channels are 0."""
        return cls((x_BCHW != 0).any(dim=1, keepdim=True))

    def tokens(self, x_BDHW: Tensor) -> Tensor:
        """The pixels that are there, in raster order, (B, T, D)."""
        x_BLD = x_BDHW.flatten(2).mT
        return x_BLD.gather(1, self.place_BT[..., None].expand(-1, -1, x_BLD.shape[2]))

    def image(self, x_BTD: Tensor) -> Tensor:
        """The inverse of `tokens`, (B, D, H, W), 0 for absent pixels."""
        B, _, D = x_BTD.shape
        H, W = self.there_B1HW.shape[2:]
        there_BTD = x_BTD * self.there_BT[..., None]
        x_BLD = x_BTD.new_zeros(B, H * W, D).scatter(1, self.place_BT[..., None].expand_as(x_BTD), there_BTD)
        return x_BLD.mT.reshape(B, D, H, W)

    def filled(self, x_BDHW: Tensor) -> Tensor:
        """Absent pixels take the mean of its 8 neighbours that are there: so a 3 x 3 convolution meets neighbours
        that resemble the pixel, as in a whole tile, not zeros."""
        there_B1HW = self.there_B1HW.to(x_BDHW.dtype)
        sum_BDHW, count_B1HW = (avg_pool2d(t, 3, stride=1, padding=1) for t in (x_BDHW * there_B1HW, there_B1HW))
        return x_BDHW.where(self.there_B1HW, sum_BDHW / count_B1HW.clamp(min=1 / 9))

    def halved(self, x_BDHW: Tensor) -> "tuple[Tensor, Presence]":
        """Means over 2 x 2 pixels, of those that are there; what is left of an odd border counts too."""
        there_B1HW = self.there_B1HW.to(x_BDHW.dtype)
        sum_BDhw, count_B1hw = (avg_pool2d(t, 2, ceil_mode=True) for t in (x_BDHW * there_B1HW, there_B1HW))
        return sum_BDhw / count_B1hw.clamp(min=1 / 4), Presence(count_B1hw > 0)

    def enlarged(self, x_BDHW: Tensor, height: int, width: int) -> Tensor:
        """(B, D, height, width): bilinear with aligned corners, between what is there."""
        there_B1HW = self.there_B1HW.to(x_BDHW.dtype)
        sum_BDhw, weight_B1hw = (
            interpolate(t, (height, width), mode="bilinear", align_corners=True)
            for t in (x_BDHW * there_B1HW, there_B1HW)
        )
        return sum_BDhw / weight_B1hw.clamp(min=torch.finfo(weight_B1hw.dtype).tiny)


class PresentNorm(nn.Module):
    """GroupNorm with its statistics over what is there; 0 elsewhere. (B, D, H, W) -> (B, D, H, W)."""

    EPS = 1e-5

    def __init__(self, groups: int, width: int) -> None:
        super().__init__()
        self.groups = groups
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x_BDHW: Tensor, presence: Presence) -> Tensor:
        x_BDHW = x_BDHW.to(torch.promote_types(x_BDHW.dtype, torch.float32))  # as GroupNorm under autocast
        x_BGdHW = x_BDHW.unflatten(1, (self.groups, -1))
        there_B11HW = presence.there_B1HW[:, None].to(x_BDHW.dtype)
        n_B1111 = there_B11HW.sum((2, 3, 4), keepdim=True).clamp(min=1) * x_BGdHW.shape[2]
        mean_BG111 = (x_BGdHW * there_B11HW).sum((2, 3, 4), keepdim=True) / n_B1111
        centred_BGdHW = (x_BGdHW - mean_BG111) * there_B11HW
        variance_BG111 = centred_BGdHW.square().sum((2, 3, 4), keepdim=True) / n_B1111
        normal_BDHW = (centred_BGdHW * (variance_BG111 + self.EPS).rsqrt()).flatten(1, 2)
        scaled_BDHW = torch.addcmul(self.bias[:, None, None], normal_BDHW, self.weight[:, None, None])
        return scaled_BDHW * presence.there_B1HW

"""mambahsi: a spatial and a spectral state space scan over a whole tile; cssmamba: the spatial scan guided by clusters.

Sources: MambaHSI, arXiv 2501.04944 (with its published code); CSSMamba, arXiv 2601.16098 (no public code).

Shapes: B tiles, C channels, H x W pixels, L = H W tokens in raster order, D width, T tokens of a clustered scan, K
classes.

    step of the paper                     here
    embedding                             embedding: conv1x1 C -> D, GroupNorm(4), SiLU
    learnable clustering, cluster loss    clustering.LearnableClustering
    attention-driven token selection      token_order.DualAttention, token_order.arrange
    CSpaMamba                             ClusteredSpatial: clustered scan, residual, raster scan, residual
    SpaMamba                              PlainSpatial: raster scan, GroupNorm, SiLU, residual
    SpeMamba                              Spectral: scan over 4 groups of a pixel's channels, GroupNorm, SiLU, residual
    BothMamba                             Block: x + w0 spatial + w1 spectral, w a softmax of two learned numbers

`mambahsi` halves the tile between blocks by average pooling; its logits are interpolated back, bilinear with aligned
corners, as published. At D = 128, 9 classes, 103 bands it has 412,239 parameters: embedding 13,568; three blocks of
126,914 (spatial scan 116,480 + norm 256, spectral scan 9,920 + norm 256, mixture 2); head 17,929 (conv1x1 D -> 128,
GroupNorm, SiLU, conv1x1). `cssmamba` keeps full resolution, and its head starts with a conv3x3 of width D.

Published, training sees the whole image: every pixel of the scene is a token, the loss is on labelled training pixels
alone. So `context` is the scene. For a map of another scene it is the training pixels: what a tile does not show is
absent then, not a zero spectrum (`presence`), and that costs. Scored pixels have no training pixels in their tiles;
in a map they have, which differs by a point or two at most ("in full" below). Indian Pines, 8-bit, `small`, 40 epochs,
OA on validation pixels, %:

    mambahsi, training on    random 10 %, split 0    blocks of 16, buffer 5, splits 0 and 1
    scene                    88.0                    51.0, 33.9
    scene, in full           88.0                    50.5, 33.1
    training                 74.4                    43.9, 26.4
    training, in full        74.4                    46.0, 27.8

Departures: every tile is a sequence of its own, where the published MambaHSI folds a batch into one. Pooling averages
what is left of an odd border, where it would drop it. A step trains on a few tiles (`batch_size`), not on the image:
an epoch of the image is one step. As published, 200 steps at a constant 3e-4 with a tile as large as the image, `small`
has 93.8 in 60 CPU seconds; on its tiles of 32, 100 epochs, 96.9 in 49 (validation as above). So tiles are the default;
`tile=256` and 200 epochs make the published training of a scene of that size. Its code stretches each band from its 2nd
to its 98th percentile; here bands are standardised. It keeps the weights of the epoch that validated best; here the
last are kept, as of every family.

Where CSSMamba is silent:
- Each block has its own clustering. The clustered scan reads the tokens after the clustering's RMSNorm, the raster scan
  has an RMSNorm and weights of its own, both add their outputs as they are.
- A hard order passes no gradient, so alpha, q and k would never learn. What the clustered scan adds to a token is
  therefore scaled by 2 r / (1 + r), r the token's score over its cluster's mean: 1 for a token of average importance,
  near 0 for one that could as well be dropped (a dropped one gets 0), at most 2.
- D 32, three blocks as in MambaHSI, momentum of the centres 0.9, temperature 0.1, weight of the cluster loss 0.1,
  keep ratio 0.8; no weight decay, a constant rate. Whether K counts the centres of a class: 27 at K = 3 and 9 classes
  say so.
- K itself is settled by nothing that was seen here: `small`, random 10 %, 40 epochs, seeds 0 and 1 of split and
  training, OA on 258 validation pixels: K = 1 75.6 and 81.4; 2 68.2 and 75.2; 3 75.6 and 74.0; 5 69.4 and 82.9; with
  seed 2 too, the mean is 78.8 for K = 1 and 73.6 for K = 3. In the context of training one block had 73 with 1 and 52
  with 3 centres (50 epochs, one seed): a cluster of a sparse tile holds few tokens. So `small` has 1.

Memory kept for the backward pass, counted: 37 KiB a pixel at either paper preset, so 150 MiB for a tile of 64 and
2.3 GiB for the 65,536 pixels that a step holds at most; it grows with width x blocks.
"""

from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from hsiauto.families.base import Criterion, TileConfig
from hsiauto.families.hyperparameters import hyperparameter
from hsiauto.families.layers.precision import without_autocast
from hsiauto.families.layers.state_space import StateSpace
from hsiauto.families.parts.clustering import LearnableClustering
from hsiauto.families.parts.presence import Presence, PresentNorm
from hsiauto.families.parts.token_order import DualAttention, Order, arrange

MAMBAHSI = "MambaHSI, arXiv 2501.04944"
CSSMAMBA = "CSSMamba, arXiv 2601.16098"
FILL = "hsiauto: the paper is silent"
GROUPS = 4
"""Groups of every GroupNorm, and of the channels that the spectral scan meets one after the other."""
PLAIN_HEAD_WIDTH = 128
"""Width of the head of `mambahsi`, at every D."""
SMALL = {"tile": 32, "scan": "ssd", "state": 8, "learning_rate": 3e-3, "schedule": "onecycle"}
"""Values that the presets for a CPU share: "ssd" takes half the time of "mamba1" there."""


class _MambaConfig(TileConfig):
    """Hyperparameters that `cssmamba` and `mambahsi` share."""

    learning_rate: float = hyperparameter(3e-4, "peak learning rate", source=MAMBAHSI, gt=0, le=1)
    weight_decay: float = hyperparameter(0.0, "decay of the weights", source=MAMBAHSI, ge=0, le=1)
    optimizer: Literal["adam", "adamw"] = hyperparameter(
        "adam", "Adam (L2 decay) or AdamW (decoupled)", source=MAMBAHSI
    )
    schedule: Literal["constant", "cosine", "onecycle"] = hyperparameter(
        "constant", "learning rate over the final epoch budget, set per step", source=MAMBAHSI
    )
    width: int = hyperparameter(128, "features of a pixel, D", source=MAMBAHSI, ge=4, le=512, multiple_of=GROUPS)
    blocks: int = hyperparameter(3, "spatial-spectral blocks", source=MAMBAHSI, ge=1, le=6)
    scan: Literal["mamba1", "ssd"] = hyperparameter(
        "mamba1",
        "state space layer: a decay per channel and state (Mamba), or one per head (Mamba-2, in matrix products)",
        source="arXiv 2312.00752; arXiv 2405.21060",
    )
    state: int = hyperparameter(16, "states of a channel, N", source=MAMBAHSI, ge=1, le=256)


class MambaHsiConfig(_MambaConfig):
    """Raster-order spatial Mamba and spectral Mamba, mixed by learned weights; no clustering."""

    family: Literal["mambahsi"] = "mambahsi"
    source: ClassVar[str] = MAMBAHSI
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "small": {"width": 32, **SMALL},
    }
    published_parameters: ClassVar[dict[tuple[int, int], int]] = {(103, 9): 412_239}

    def build(self, n_bands: int, n_classes: int) -> nn.Module:
        return MambaHsi(self, n_bands, n_classes)


class CssMambaConfig(_MambaConfig):
    """Mamba over tokens that learned clusters put in order, a raster-order Mamba, and a spectral Mamba."""

    family: Literal["cssmamba"] = "cssmamba"
    source: ClassVar[str] = CSSMAMBA
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "small": {"width": 32, "blocks": 1, "centres_per_class": 1, "keep_ratio": 1.0, **SMALL},
    }

    width: int = hyperparameter(32, "features of a pixel, D", source=FILL, ge=4, le=512, multiple_of=GROUPS)
    centres_per_class: int = hyperparameter(
        3, "cluster centres of a class", source=f"{CSSMAMBA}: 1 to 5, best 3 on Pavia University", ge=1, le=20
    )
    temperature: float = hyperparameter(0.1, "softness of the assignment to clusters", source=FILL, gt=0, le=10)
    centre_momentum: float = hyperparameter(
        0.9, "what a step leaves of a centre; the rest is its training pixels' mean", source=FILL, ge=0, lt=1
    )
    cluster_loss_weight: float = hyperparameter(
        0.1,
        "weight of the cluster loss, mean over the blocks; 0 = off",
        source=f"{CSSMAMBA}; weight: {FILL}",
        ge=0,
        le=10,
    )
    keep_ratio: float = hyperparameter(
        0.8, "part of a cluster that the clustered scan reads; others skip it", source=FILL, ge=0.1, le=1
    )
    token_order: Order = hyperparameter(
        "descending", "tokens of a cluster: important first, important last, or as in the image", source=CSSMAMBA
    )

    def build(self, n_bands: int, n_classes: int) -> nn.Module:
        return CssMamba(self, n_bands, n_classes)


class MambaHsi(nn.Module):
    """(B, C, H, W) -> logits (B, K, H, W); each block sees half the resolution of the one before."""

    def __init__(self, config: MambaHsiConfig, n_bands: int, n_classes: int) -> None:
        super().__init__()
        self.embedding = Embedding(n_bands, config.width)
        self.blocks = nn.ModuleList(Block(PlainSpatial(config), Spectral(config)) for _ in range(config.blocks))
        self.head = Head(config.width, PLAIN_HEAD_WIDTH, 1, n_classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        presence = Presence.of(x_BCHW)
        x_BDHW = self.embedding(x_BCHW, presence)
        for n, block in enumerate(self.blocks):
            if n:
                x_BDHW, presence = presence.halved(x_BDHW)
            x_BDHW = block(x_BDHW, presence)
        return presence.enlarged(self.head(x_BDHW, presence), *x_BCHW.shape[2:])


class CssMamba(nn.Module):
    """(B, C, H, W) -> logits (B, K, H, W), at full resolution throughout."""

    def __init__(self, config: CssMambaConfig, n_bands: int, n_classes: int) -> None:
        super().__init__()
        self.cluster_loss_weight = config.cluster_loss_weight
        self.embedding = Embedding(n_bands, config.width)
        self.blocks = nn.ModuleList(
            Block(ClusteredSpatial(config, n_classes), Spectral(config)) for _ in range(config.blocks)
        )
        self.head = Head(config.width, config.width, 3, n_classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        presence = Presence.of(x_BCHW)
        x_BDHW = self.embedding(x_BCHW, presence)
        for block in self.blocks:
            x_BDHW = block(x_BDHW, presence)
        return self.head(x_BDHW, presence)

    def training_loss(self, x_BCHW: Tensor, y_BHW: Tensor, criterion: Criterion) -> Tensor:
        """Cross-entropy + weight x mean cluster loss of the blocks. Moves the centres, by the labelled pixels alone.

        A label below 0 is none.
        """
        place_N, labels_N = _labelled(y_BHW)
        presence = Presence.of(x_BCHW)
        x_BDHW = self.embedding(x_BCHW, presence)
        cluster_losses = []
        for block, clustering in zip(self.blocks, self.clusterings(), strict=True):
            cluster_losses.append(clustering.learn(_tokens(x_BDHW).flatten(0, 1)[place_N], labels_N))
            x_BDHW = block(x_BDHW, presence)
        loss = criterion(self.head(x_BDHW, presence), y_BHW)
        return loss + self.cluster_loss_weight * torch.stack(cluster_losses).mean()

    @torch.no_grad()
    def warm_start(self, x: Tensor, y: Tensor) -> None:
        """Place every block's centres by k-means on the labelled pixels of tiles x (B, C, H, W), y (B, H, W).

        Draws its seed from torch's global generator.
        """
        rng = np.random.default_rng(int(torch.randint(2**31, ())))
        place_N, labels_N = _labelled(y)
        presence = [Presence.of(tile) for tile in x.split(1)]
        for before, clustering in zip([self.embedding, *self.blocks[:-1]], self.clusterings(), strict=True):
            x = torch.cat([before(tile, there) for tile, there in zip(x.split(1), presence, strict=True)])
            clustering.start(_tokens(x).flatten(0, 1)[place_N], labels_N, rng)

    def clusterings(self) -> list[LearnableClustering]:
        """One for each block, in their order."""
        return [part for part in self.modules() if isinstance(part, LearnableClustering)]


class Block(nn.Module):
    """x + w0 spatial(x) + w1 spectral(x), (w0, w1) = softmax(mixture). (B, D, H, W) -> (B, D, H, W)."""

    def __init__(self, spatial: nn.Module, spectral: nn.Module) -> None:
        super().__init__()
        self.spatial, self.spectral = spatial, spectral
        self.mixture = nn.Parameter(torch.full((2,), 0.5))

    def forward(self, x_BDHW: Tensor, presence: Presence) -> Tensor:
        spatial, spectral = self.mixture.softmax(dim=0)
        return x_BDHW + spatial * self.spatial(x_BDHW, presence) + spectral * self.spectral(x_BDHW, presence)


class PlainSpatial(nn.Module):
    """A scan over the pixels of a tile in raster order. (B, D, H, W) -> (B, D, H, W), residual included."""

    def __init__(self, config: _MambaConfig) -> None:
        super().__init__()
        self.scan = _scan(config, config.width)
        self.norm = PresentNorm(GROUPS, config.width)

    def forward(self, x_BDHW: Tensor, presence: Presence) -> Tensor:
        scanned_BDHW = presence.image(self.scan(presence.tokens(x_BDHW)))
        return x_BDHW + silu(self.norm(scanned_BDHW, presence))


class ClusteredSpatial(nn.Module):
    """A scan cluster by cluster, then one in raster order. (B, D, H, W) -> (B, D, H, W), residuals included."""

    def __init__(self, config: CssMambaConfig, n_classes: int) -> None:
        super().__init__()
        D = config.width
        self.keep_ratio, self.token_order = config.keep_ratio, config.token_order
        self.clustering = LearnableClustering(
            D, n_classes, config.centres_per_class, config.temperature, config.centre_momentum
        )
        self.attention = DualAttention(D)
        self.cluster_scan, self.raster_scan = _scan(config, D), _scan(config, D)
        self.raster_norm = nn.RMSNorm(D)

    def forward(self, x_BDHW: Tensor, presence: Presence) -> Tensor:
        x_BLD = presence.tokens(x_BDHW)
        x_BLD = x_BLD + self._clustered(x_BLD, presence.there_BT)
        x_BLD = x_BLD + self.raster_scan(self.raster_norm(x_BLD))
        return presence.image(x_BLD)

    def _clustered(self, x_BLD: Tensor, there_BL: Tensor) -> Tensor:
        """The clustered scan's addition to each token; 0 for the dropped ones."""
        n_clusters = len(self.clustering.centres_MF)
        with without_autocast(x_BLD.device):  # a hard order turns rounding into another sequence
            cluster_BL, weight_BL = self.clustering.assign(x_BLD.float())
            cluster_BL = cluster_BL.where(there_BL, n_clusters)
            tokens_BLD = self.clustering.norm(x_BLD.float())
            score_BL = self.attention(tokens_BLD, cluster_BL, weight_BL, n_clusters + 1)
        place_BT, starts_BT, kept_BT = arrange(cluster_BL, score_BL, n_clusters, self.keep_ratio, self.token_order)
        place_BTD = place_BT[..., None].expand(-1, -1, x_BLD.shape[2])
        scanned_BTD = self.cluster_scan(tokens_BLD.gather(1, place_BTD), starts_BT)
        score_BT = score_BL.gather(1, place_BT)
        gate_BT = kept_BT * 2 * score_BT / (1 + score_BT)
        added_BTD = (scanned_BTD * gate_BT[..., None]).to(x_BLD.dtype)
        return torch.zeros_like(x_BLD).scatter(1, place_BTD, added_BTD)


class Spectral(nn.Module):
    """A scan over 4 groups of a pixel's channels, its tokens. (B, D, H, W) -> (B, D, H, W), residual included."""

    def __init__(self, config: _MambaConfig) -> None:
        super().__init__()
        self.scan = _scan(config, config.width // GROUPS)
        self.norm = PresentNorm(GROUPS, config.width)

    def forward(self, x_BDHW: Tensor, presence: Presence) -> Tensor:
        x_BTD = presence.tokens(x_BDHW)
        scanned_NGd = self.scan(x_BTD.reshape(-1, GROUPS, x_BTD.shape[2] // GROUPS))
        scanned_BDHW = presence.image(scanned_NGd.reshape(x_BTD.shape))
        return x_BDHW + silu(self.norm(scanned_BDHW, presence))


def _scan(config: _MambaConfig, width: int) -> StateSpace:
    return StateSpace(width, form=config.scan, state=config.state)


class Embedding(nn.Module):
    """conv1x1 -> GroupNorm -> SiLU. (B, C, H, W) -> (B, D, H, W)."""

    def __init__(self, n_bands: int, width: int) -> None:
        super().__init__()
        self.lift, self.norm = nn.Conv2d(n_bands, width, 1), PresentNorm(GROUPS, width)

    def forward(self, x_BCHW: Tensor, presence: Presence) -> Tensor:
        return silu(self.norm(self.lift(x_BCHW), presence))


class Head(nn.Module):
    """Convolution -> GroupNorm -> SiLU -> conv1x1. (B, D, H, W) -> logits (B, K, H, W)."""

    def __init__(self, width: int, hidden: int, kernel: Literal[1, 3], n_classes: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(width, hidden, kernel, padding=kernel // 2)
        self.norm = PresentNorm(GROUPS, hidden)
        self.classify = nn.Conv2d(hidden, n_classes, 1)

    def forward(self, x_BDHW: Tensor, presence: Presence) -> Tensor:
        if self.mix.padding != (0, 0):
            x_BDHW = presence.filled(x_BDHW)
        return self.classify(silu(self.norm(self.mix(x_BDHW), presence)))


def _tokens(x_BDHW: Tensor) -> Tensor:
    """Pixels in raster order, (B, L, D)."""
    return x_BDHW.flatten(2).mT


def _labelled(y_BHW: Tensor) -> tuple[Tensor, Tensor]:
    """(places in the flattened tiles, labels) of the labelled pixels, (N,) each."""
    y = y_BHW.flatten()
    place_N = (y >= 0).nonzero().squeeze(1)
    return place_N, y[place_N]

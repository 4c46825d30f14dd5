"""spectral_memory: self-attention over the bands of one spectrum, answered by a memory of prototypes.

Source: a design article on spectral attention with external memory (no code). It reads one pixel: without spatial
context it cannot learn where a pixel is, and so controls for leakage among the deep families.

Shapes: B batch, C bands, T tokens = min(tokens, C), D width, h heads, d = max(1, D // h) head width, M prototypes,
K classes.

    article      here                          where
    x_c          x_BC                          each band's value -> Linear(1 -> D), + a learned position per band
    L            depth                         self-attention layers over the bands
    q            query_BD                      mean over bands, normalised over the batch
    M            Memory.prototypes_MD          about 10 per class, from k-means on the untrained embeddings
    context      Memory.forward                softmax(q M^T / sqrt(D)) M
    head         head                          context -> logits

Where the article is silent: above `tokens` bands, adjacent bands are averaged into `tokens` groups of nearly equal
size; pre-norm layers with GELU, FFN 2D and dropout 0.1, a layer norm before the mean; head D -> D -> K with GELU;
AdamW 3e-3, weight decay 1e-4, cosine; positions as large as the values. Prototypes stay parameters after k-means. Fewer
pixels than prototypes: the pixels are repeated with jitter of a hundredth of the embeddings' deviation.
The query is normalised over the batch, as the article does not say: positions as large as the values make the mean
over bands nearly one vector for all pixels, so that attention over prototypes is uniform and the centres of k-means
coincide. Test OA on Indian Pines as published, random 10 %, three splits, `small`, 60 epochs (results/studies): 72.9
without a norm, 80.5 with it; with random prototypes 71.4 and 81.7; no memory, the norm alone 81.5; the head on the
context alone 68.4. So memory adds nothing beside the query, and k-means neither gains points nor halves the epochs.
(On validation pixels of the 8-bit scene the context alone had 0.78 and 0.79 from random prototypes, 0.67 and 0.71
from k-means.)
The learning rate was chosen between two, by OA on 462 held-out pixels of Indian Pines, 8-bit, random 10 %, 50 tokens,
20 epochs, one seed: 0.48, with 1e-3 0.43 (without memory, at 1e-3: 0.52).
With a thousand training pixels it underfits: `small` has no dropout of any kind (band dropout of 0.1 costs 4 points
there; label smoothing changes nothing), one cycle, small batches, and gives the head the query too.
Departures: none; `memory=False` puts the head on the query, `readout="query_and_context"` gives it both.
"""

from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from hsiauto.families.base import PixelConfig
from hsiauto.families.hyperparameters import hyperparameter
from hsiauto.families.layers import EncoderBlock
from hsiauto.families.parts.centres import kmeans_centres, kmeans_per_class

ARTICLE = "spectral attention with external memory, design article"
FILL = "hsiauto: the article is silent"
_CHUNK = 512
"""Spectra embedded at a time for k-means."""


class SpectralMemoryConfig(PixelConfig):
    """Spectral attention with an external memory of class prototypes; one pixel, no spatial context."""

    family: Literal["spectral_memory"] = "spectral_memory"
    source: ClassVar[str] = ARTICLE
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "small": {
            "tokens": 40,
            "width": 32,
            "depth": 1,
            "prototypes_per_class": 4,
            "readout": "query_and_context",
            "dropout": 0.0,
            "band_dropout": 0.0,
            "learning_rate": 5e-3,
            "schedule": "onecycle",
            "batch_size": 16,
        },
    }

    label_smoothing: float = hyperparameter(0.1, "mass moved from the label to all classes", source=ARTICLE, ge=0, lt=1)
    band_dropout: float = hyperparameter(
        0.1, "probability that an input channel of a sample is zeroed", source=ARTICLE, ge=0, lt=1
    )
    learning_rate: float = hyperparameter(3e-3, "peak learning rate", source=FILL, gt=0, le=1)
    tokens: int = hyperparameter(
        128, "most tokens; more bands are averaged into this many groups", source=FILL, ge=1, le=512
    )
    width: int = hyperparameter(64, "features of a token, D", source=FILL, ge=4, le=512)
    heads: int = hyperparameter(4, "attention heads, h; each max(1, D // h) wide", source=FILL, ge=1, le=32)
    depth: int = hyperparameter(2, "self-attention layers, L", source=ARTICLE, ge=1, le=12)
    mlp_ratio: int = hyperparameter(2, "hidden width of a layer's FFN over D", source=FILL, ge=1, le=8)
    dropout: float = hyperparameter(0.1, "dropout of both branches of a layer", source=FILL, ge=0, lt=1)
    memory: bool = hyperparameter(True, "read prototypes by attention; off: the head reads the query", source=ARTICLE)
    prototypes_per_class: int = hyperparameter(
        10, "prototypes in memory for each class", source=ARTICLE, ge=1, le=100, when={"memory": True}
    )
    prototype_init: Literal["kmeans", "kmeans_per_class", "random"] = hyperparameter(
        "kmeans",
        "initial prototypes: clusters of the training pixels, of each class's training pixels, or noise",
        source=ARTICLE,
        when={"memory": True},
    )
    query_norm: Literal["batch", "layer", "none"] = hyperparameter(
        "batch",
        "norm of the query over the batch, over its features, or none",
        source=f"{FILL}; see the module's text",
    )
    readout: Literal["context", "query_and_context"] = hyperparameter(
        "context", "what the head reads", source=f"{ARTICLE}; with the query: hsiauto", when={"memory": True}
    )

    def bounded(self, n_bands: int, n_pixels: int) -> Self:
        """The base's bounds; and no more tokens than channels: another number would be the same network."""
        config = super().bounded(n_bands, n_pixels)
        most = config.components or n_bands
        return type(self)(**{**config.active(), "tokens": most}) if config.tokens > most else config

    def build(self, n_bands: int, n_classes: int) -> nn.Module:
        return SpectralMemory(self, n_bands, n_classes)


class SpectralMemory(nn.Module):
    """(B, C) spectra -> logits (B, K)."""

    def __init__(self, config: SpectralMemoryConfig, n_bands: int, n_classes: int) -> None:
        super().__init__()
        D, n_tokens = config.width, min(config.tokens, n_bands)
        self.n_classes, self.prototype_init, self.readout = n_classes, config.prototype_init, config.readout
        self.grouping_CT: Tensor | None
        self.register_buffer("grouping_CT", _grouping(n_bands, n_tokens) if n_tokens < n_bands else None, False)
        self.embedding = nn.Linear(1, D)
        self.positions_TD = nn.Parameter(torch.empty(n_tokens, D))
        self.layers = nn.ModuleList(
            EncoderBlock(D, config.heads, config.mlp_ratio * D, config.dropout) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(D)
        norms = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm, "none": nn.Identity}
        self.query_norm = norms[config.query_norm](D)
        self.memory = Memory(config.prototypes_per_class * n_classes, D) if config.memory else None
        both = config.memory and config.readout == "query_and_context"
        self.head = nn.Sequential(nn.Linear(2 * D if both else D, D), nn.GELU(), nn.Linear(D, n_classes))
        nn.init.normal_(self.positions_TD)  # as large as the values: the mean over tokens must not lose the band

    def forward(self, x_BC: Tensor) -> Tensor:
        query_BD = self.query(x_BC)
        if self.memory is None:
            return self.head(query_BD)
        context_BD = self.memory(query_BD)
        read = context_BD if self.readout == "context" else torch.cat([query_BD, context_BD], dim=1)
        return self.head(read)

    def query(self, x_BC: Tensor) -> Tensor:
        """Embedding of a spectrum: its tokens' mean after the encoder, normalised, (B, D)."""
        normed: Tensor = self.query_norm(self._mean_token(x_BC))
        return normed

    def _mean_token(self, x_BC: Tensor) -> Tensor:
        x_BT = x_BC if self.grouping_CT is None else x_BC @ self.grouping_CT.to(x_BC.dtype)
        x_BTD = self.embedding(x_BT.unsqueeze(-1)) + self.positions_TD
        for layer in self.layers:
            x_BTD = layer(x_BTD)
        return self.norm(x_BTD).mean(dim=1)

    @torch.no_grad()
    def warm_start(self, x: Tensor, y: Tensor) -> None:
        """Place the prototypes by k-means on the embeddings of spectra x (N, C) with labels y (N,).

        Draws its seed from torch's global generator. Without memory, or with random prototypes: nothing to do.
        """
        if self.memory is None or self.prototype_init == "random":
            return
        was_training = self.training
        self.eval()
        means_ND = torch.cat([self._mean_token(chunk) for chunk in x.split(_CHUNK)]).float()
        if isinstance(self.query_norm, nn.BatchNorm1d):  # as the first batches will see them
            assert self.query_norm.running_mean is not None
            assert self.query_norm.running_var is not None
            self.query_norm.running_mean.copy_(means_ND.mean(dim=0))
            self.query_norm.running_var.copy_(means_ND.var(dim=0))
        embeddings_ND = self.query_norm(means_ND).cpu().numpy()
        self.train(was_training)
        rng = np.random.default_rng(int(torch.randint(2**31, ())))
        M, labels = len(self.memory.prototypes_MD), y.cpu().numpy()
        if self.prototype_init == "kmeans":
            centres_MD = kmeans_centres(embeddings_ND, M, rng)
        else:
            centres_MD = kmeans_per_class(embeddings_ND, labels, self.n_classes, M // self.n_classes, rng)
        self.memory.prototypes_MD.copy_(torch.from_numpy(centres_MD))


class Memory(nn.Module):
    """External memory: (B, D) query -> (B, D) mixture of its prototypes, weighted by similarity."""

    def __init__(self, n_prototypes: int, width: int) -> None:
        super().__init__()
        self.prototypes_MD = nn.Parameter(torch.randn(n_prototypes, width))

    def forward(self, query_BD: Tensor) -> Tensor:
        similarity_BM = query_BD @ self.prototypes_MD.T * query_BD.shape[1] ** -0.5
        return similarity_BM.softmax(dim=1) @ self.prototypes_MD.to(query_BD.dtype)


def _grouping(n_bands: int, n_groups: int) -> Tensor:
    """(C, T): averages adjacent bands into groups whose sizes differ by one at most."""
    group_C = torch.arange(n_bands) * n_groups // n_bands
    member_CT = one_hot(group_C, n_groups).float()
    return member_CT / member_CT.sum(dim=0)

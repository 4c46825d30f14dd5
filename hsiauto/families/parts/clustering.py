"""Learnable clustering: K centres a class, moved by the training labels and frozen at inference (step 2 of `cssmamba`).

Source: CSSMamba, arXiv 2601.16098, learnable clustering module (no public code).

    paper             here                          what
    K                 per_class                     centres of a class; M = K x classes
    feature space     features                      RMSNorm, Linear D -> F = 2 D
    centres           centres_MF                    a buffer: no gradient, no optimizer
    assignment        assign                        softmax(cosine similarity / temperature); hard map = argmax
    centre update     learn                         c <- momentum c + (1 - momentum) mean of its training pixels
    cluster loss      learn                         mean squared distance to the centres + mean cosine between centres

Labels enter through `start` and `learn` alone, and both take labelled pixels only, never a map: what has no training
label cannot reach a centre.

Where the paper is silent: a training pixel belongs to the most similar centre of its own class; the distance is the
mean over F (it then means the same at every width); the cosine is the mean over pairs of different centres.
Departure: centres take no gradient, so the cosine between them, as printed, would be a constant. It is taken between
the centres as the step moves them, whose new share (1 - momentum) is a mean of features: the gradient goes there.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from hsiauto.families.layers.precision import without_autocast
from hsiauto.families.parts.centres import kmeans_per_class


class LearnableClustering(nn.Module):
    """Tokens (..., D) -> their assignment to M = n_classes * per_class centres; those of a class stand together."""

    def __init__(self, width: int, n_classes: int, per_class: int, temperature: float, momentum: float) -> None:
        super().__init__()
        self.n_classes, self.per_class = n_classes, per_class
        self.temperature, self.momentum = temperature, momentum
        self.norm = nn.RMSNorm(width)
        self.projection = nn.Linear(width, 2 * width)
        self.centres_MF: Tensor
        self.register_buffer("centres_MF", torch.randn(n_classes * per_class, 2 * width))

    def assign(self, tokens_BLD: Tensor) -> tuple[Tensor, Tensor]:
        """(hard map (B, L), largest weight (B, L)): a function of similarity alone."""
        similarity_BLM = _cosine(self.features(tokens_BLD), self.centres_MF)
        weight_BL, cluster_BL = (similarity_BLM / self.temperature).softmax(dim=-1).max(dim=-1)
        return cluster_BL, weight_BL

    def features(self, tokens: Tensor) -> Tensor:
        """(..., D) -> (..., F)."""
        return self.projection(self.norm(tokens))

    def learn(self, tokens_ND: Tensor, labels_N: Tensor) -> Tensor:
        """Move the centres towards the training pixels (N, D) with labels (N,); returns the cluster loss.

        A centre to which no pixel belongs stays as it is.
        """
        with without_autocast(tokens_ND.device):
            return self._learn(self.features(tokens_ND.float()), labels_N)

    def _learn(self, features_NF: Tensor, labels_N: Tensor) -> Tensor:
        centres_MF = self.centres_MF
        centre_N = self._centre_of(features_NF.detach(), labels_N)
        count_M = torch.zeros_like(centres_MF[:, 0]).index_add(0, centre_N, torch.ones_like(features_NF[:, 0]))
        sum_MF = torch.zeros_like(centres_MF).index_add(0, centre_N, features_NF)
        mean_MF = sum_MF / count_M.clamp(min=1)[:, None]
        moved_MF = torch.where(count_M[:, None] > 0, torch.lerp(mean_MF, centres_MF, self.momentum), centres_MF)
        compactness = (features_NF - centres_MF[centre_N]).square().mean()
        loss = compactness + _mean_cosine(moved_MF)
        centres_MF.copy_(moved_MF.detach())
        return loss

    @torch.no_grad()
    def start(self, tokens_ND: Tensor, labels_N: Tensor, rng: np.random.Generator) -> None:
        """Place the centres by k-means on the training pixels of each class."""
        features_NF = self.features(tokens_ND).cpu().numpy()
        centres = kmeans_per_class(features_NF, labels_N.cpu().numpy(), self.n_classes, self.per_class, rng)
        self.centres_MF.copy_(torch.from_numpy(centres))

    def _centre_of(self, features_NF: Tensor, labels_N: Tensor) -> Tensor:
        """The most similar centre of each pixel's own class, (N,)."""
        similarity_NcK = _cosine(features_NF, self.centres_MF).view(-1, self.n_classes, self.per_class)
        own_NK = similarity_NcK[torch.arange(len(labels_N), device=labels_N.device), labels_N]
        return labels_N * self.per_class + own_NK.argmax(dim=1)


def _cosine(features: Tensor, centres_MF: Tensor) -> Tensor:
    return normalize(features, dim=-1) @ normalize(centres_MF, dim=-1).T


def _mean_cosine(centres_MF: Tensor) -> Tensor:
    """Mean over all pairs of different centres."""
    cosine_MM, M = _cosine(centres_MF, centres_MF), len(centres_MF)
    return (cosine_MM.sum() - cosine_MM.diagonal().sum()) / max(1, M * (M - 1))

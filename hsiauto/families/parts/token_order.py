"""Dual attention token selection: which tokens of a cluster matter, and the one sequence in which a scan meets them.

Source: CSSMamba, arXiv 2601.16098, attention-driven token selection (no public code).

Shapes: B tiles, L tokens of a tile in raster order, D width, M clusters, T slots of the sequence, T <= L.

    paper      here                  what
    dynamic    query, key            scaled q . k of a token
    static     weight_BL             a token's largest assignment weight
    alpha      alpha                 score = g softmax(dynamic) + (1 - g) softmax(static), g = sigmoid(alpha)
    sorting    arrange               by (cluster, score); the top fraction of each cluster is kept

Where the paper is silent: both softmaxes run over the tokens of a cluster; q and k are linear, D -> D, without bias;
alpha starts at 0.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

Order = Literal["descending", "ascending", "raster"]


class DualAttention(nn.Module):
    """The importance of each token in its cluster."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.alpha = nn.Parameter(torch.zeros(()))

    def forward(self, tokens_BLD: Tensor, cluster_BL: Tensor, weight_BL: Tensor, n_clusters: int) -> Tensor:
        """Tokens, their clusters and largest assignment weights -> score x tokens of the cluster, (B, L).

        1 is the mean of every cluster, whatever its size.
        """
        dynamic_BL = (self.query(tokens_BLD) * self.key(tokens_BLD)).sum(dim=-1) * tokens_BLD.shape[-1] ** -0.5
        dynamic_BL = relative_softmax(dynamic_BL, cluster_BL, n_clusters)
        static_BL = relative_softmax(weight_BL, cluster_BL, n_clusters)
        return torch.lerp(static_BL, dynamic_BL, self.alpha.sigmoid())


def relative_softmax(score_BL: Tensor, cluster_BL: Tensor, n_clusters: int) -> Tensor:
    """Softmax over the tokens of each cluster, times their number."""
    top_BM = score_BL.new_full((len(score_BL), n_clusters), -torch.inf)
    top_BM = top_BM.scatter_reduce(1, cluster_BL, score_BL.detach(), "amax")
    exp_BL = (score_BL - top_BM.gather(1, cluster_BL)).exp()
    sum_BM = torch.zeros_like(top_BM).scatter_add(1, cluster_BL, exp_BL)
    sum_BM = sum_BM.clamp(min=1)  # at least the top token's 1; an empty cluster has 0
    return exp_BL * (counts(cluster_BL, n_clusters) / sum_BM).gather(1, cluster_BL)


def counts(cluster_BL: Tensor, n_clusters: int) -> Tensor:
    """Tokens of each cluster, (B, M)."""
    none_BM = torch.zeros(len(cluster_BL), n_clusters, dtype=torch.long, device=cluster_BL.device)
    return none_BM.scatter_add(1, cluster_BL, torch.ones_like(cluster_BL))


class Sequence(NamedTuple):
    """Origin of each slot of a scan, (B, T) each."""

    place: Tensor
    """Raster place of the slot's token; no place twice in a tile."""
    starts: Tensor
    """True at the first token of a cluster: the state is reset there."""
    kept: Tensor
    """False in the slots that are left over: their token was dropped, and ends the sequence only to fill it."""


def arrange(cluster_BL: Tensor, score_BL: Tensor, n_clusters: int, keep_ratio: float, order: Order) -> Sequence:
    """Tokens cluster by cluster, each cluster's best ceil(keep_ratio * size) in `order`. No sample sees another.

    A token of "cluster" `n_clusters` is none: it is never kept.
    T depends on L, M and `keep_ratio` alone, so that a sample has the same sequence in any batch.
    """
    L = cluster_BL.shape[1]
    size_BM = counts(cluster_BL, n_clusters + 1)
    by_score_BL = score_BL.argsort(dim=1, descending=True, stable=True)
    by_cluster_BL = cluster_BL.gather(1, by_score_BL).argsort(dim=1, stable=True)
    place_BL = by_score_BL.gather(1, by_cluster_BL)
    sorted_BL = cluster_BL.gather(1, place_BL)
    first_BM = size_BM.cumsum(dim=1) - size_BM
    rank_BL = torch.arange(L, device=cluster_BL.device) - first_BM.gather(1, sorted_BL)  # 0 = the cluster's best
    best_BL = rank_BL < (keep_ratio * size_BM).ceil().gather(1, sorted_BL)
    kept_BL = best_BL & (sorted_BL < n_clusters)
    segment_BL = torch.where(kept_BL, sorted_BL, n_clusters)
    within_BL = {"descending": rank_BL, "ascending": L - 1 - rank_BL, "raster": place_BL}[order]
    T = min(L, int(keep_ratio * L) + n_clusters)  # as many as the clusters can keep, rounded up one by one
    slot_BT = (segment_BL * L + within_BL).argsort(dim=1, stable=True)[:, :T]
    segment_BT = segment_BL.gather(1, slot_BT)
    starts_BT = torch.ones_like(segment_BT, dtype=torch.bool)
    starts_BT[:, 1:] = segment_BT[:, 1:] != segment_BT[:, :-1]
    return Sequence(place_BL.gather(1, slot_BT), starts_BT, segment_BT < n_clusters)

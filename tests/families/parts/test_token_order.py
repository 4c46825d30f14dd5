"""Dual attention token selection: importance within a cluster, and the sequence that a scan meets."""

import math
from typing import get_args

import pytest
import torch
from torch import Tensor

from hsiauto.families.parts.token_order import DualAttention, Order, arrange, relative_softmax

B, L, M = 3, 40, 5


def tokens(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Clusters (one of the M is empty) and scores."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(M - 1, (B, L), generator=generator), torch.randn(B, L, generator=generator)


def expected(clusters: list[int], scores: list[float], keep_ratio: float, order: str) -> list[list[int]]:
    """The same sequence, cluster by cluster."""
    sequence = []
    for cluster in sorted(set(clusters)):
        members = sorted((i for i, c in enumerate(clusters) if c == cluster), key=lambda i: -scores[i])
        best = members[: math.ceil(keep_ratio * len(members))]
        sequence.append({"descending": best, "ascending": best[::-1], "raster": sorted(best)}[order])
    return sequence


@pytest.mark.parametrize("order", get_args(Order))
@pytest.mark.parametrize("keep_ratio", [1.0, 0.75, 0.5])
def test_the_sequence_is_that_of_sorting_each_cluster(order: Order, keep_ratio: float) -> None:
    cluster_BL, score_BL = tokens()
    sequence = arrange(cluster_BL, score_BL, M, keep_ratio, order)
    for b in range(B):
        by_cluster = expected(cluster_BL[b].tolist(), score_BL[b].tolist(), keep_ratio, order)
        kept = sequence.kept[b]
        assert sequence.place[b, kept].tolist() == [place for part in by_cluster for place in part]
        starts = [n == 0 for part in by_cluster for n in range(len(part))]
        assert sequence.starts[b, kept].tolist() == starts
        assert len(sequence.place[b].unique()) == sequence.place.shape[1]


def test_slots_left_over_come_last_and_start_anew() -> None:
    sequence = arrange(*tokens(), M, 0.5, "descending")
    n_kept = sequence.kept.sum(dim=1)
    assert sequence.kept.shape == (B, L // 2 + M)
    assert (n_kept < L // 2 + M).all()
    for b in range(B):
        assert not sequence.kept[b, n_kept[b] :].any()
        assert sequence.starts[b, n_kept[b]]


def test_equal_scores_keep_raster_order() -> None:
    sequence = arrange(torch.zeros(1, L, dtype=torch.long), torch.ones(1, L), 1, 1.0, "descending")
    assert sequence.place[0].tolist() == list(range(L))
    assert sequence.starts[0].tolist() == [True] + [False] * (L - 1)


def test_a_sample_has_the_same_sequence_in_any_batch() -> None:
    cluster_BL, score_BL = tokens()
    together = arrange(cluster_BL, score_BL, M, 0.6, "descending")
    for b in range(B):
        alone = arrange(cluster_BL[b : b + 1], score_BL[b : b + 1], M, 0.6, "descending")
        assert all(torch.equal(a[0], t[b]) for a, t in zip(alone, together, strict=True))


def test_softmax_in_a_cluster_is_relative_to_its_mean() -> None:
    cluster_BL, score_BL = tokens()
    relative_BL = relative_softmax(100 * score_BL, cluster_BL, M)  # exp(100 * 4) overflows without the maximum
    assert relative_BL.isfinite().all()
    relative_BL = relative_softmax(score_BL, cluster_BL, M)
    for b in range(B):
        for cluster in cluster_BL[b].unique():
            members = cluster_BL[b] == cluster
            wanted = score_BL[b, members].softmax(dim=0) * members.sum()
            torch.testing.assert_close(relative_BL[b, members], wanted)


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
def test_the_gradient_passes_an_empty_cluster() -> None:
    cluster_BL, score_BL = tokens()
    score_BL.requires_grad_()
    with torch.autograd.detect_anomaly(check_nan=True):
        relative_softmax(score_BL, cluster_BL, M).square().sum().backward()
    assert score_BL.grad is not None
    assert score_BL.grad.isfinite().all()


@pytest.mark.parametrize(("alpha", "dominant"), [(30.0, "dynamic"), (-30.0, "static")])
def test_alpha_weighs_dynamic_against_static(alpha: float, dominant: str) -> None:
    torch.manual_seed(0)
    attention, tokens_BLD = DualAttention(8), torch.randn(B, L, 8)
    cluster_BL, weight_BL = tokens()
    with torch.no_grad():
        attention.alpha.fill_(alpha)
        score_BL = attention(tokens_BLD, cluster_BL, weight_BL, M)
        dynamic_BL = (attention.query(tokens_BLD) * attention.key(tokens_BLD)).sum(-1) / 8**0.5
    wanted = relative_softmax(dynamic_BL if dominant == "dynamic" else weight_BL, cluster_BL, M)
    torch.testing.assert_close(score_BL, wanted)

"""Learnable clustering: where centres start, what moves them, and what cannot."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from hsiauto.families.parts.clustering import LearnableClustering

WIDTH, CLASSES = 4, 3


def clustering(per_class: int = 2, temperature: float = 0.1, momentum: float = 0.9) -> LearnableClustering:
    torch.manual_seed(0)
    return LearnableClustering(WIDTH, CLASSES, per_class, temperature, momentum)


def pixels(n: int = 30, classes: int = CLASSES) -> tuple[Tensor, Tensor]:
    """Each class around its own direction."""
    generator = torch.Generator().manual_seed(1)
    labels_N = torch.arange(n) % classes
    directions = torch.randn(classes, WIDTH, generator=generator)
    return directions[labels_N] + 0.2 * torch.randn(n, WIDTH, generator=generator), labels_N


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_centres_are_state_and_no_parameter() -> None:
    module = clustering()
    assert "centres_MF" in module.state_dict()
    assert "centres_MF" not in dict(module.named_parameters())
    assert module.centres_MF.shape == (CLASSES * 2, 2 * WIDTH)


def test_a_centre_moves_by_a_tenth_of_the_way_to_the_mean_of_its_class() -> None:
    module, (x, y) = clustering(per_class=1), pixels()
    before = module.centres_MF.clone()
    with torch.no_grad():
        features = module.features(x)
    means = torch.stack([features[y == c].mean(dim=0) for c in range(CLASSES)])
    module.learn(x, y)
    torch.testing.assert_close(module.centres_MF, 0.9 * before + 0.1 * means)


def test_a_pixel_moves_the_most_similar_centre_of_its_class_alone() -> None:
    module, (x, y) = clustering(per_class=2), pixels()
    before = module.centres_MF.clone()
    module.learn(x[:1], y[:1])
    with torch.no_grad():
        similarity = cosine_similarity(module.features(x[:1]), before[:2])
    moved = (module.centres_MF != before).any(dim=1)
    assert moved.nonzero().flatten().tolist() == [int(similarity.argmax())]


def test_the_centres_of_a_class_without_pixels_stay() -> None:
    module, (x, y) = clustering(), pixels(classes=1)
    before = module.centres_MF.clone()
    module.learn(x, y)
    assert torch.equal(module.centres_MF[2:], before[2:])  # classes 1 and 2 are empty


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_momentum_is_what_stays(momentum: float) -> None:
    module, (x, y) = clustering(per_class=1, momentum=momentum), pixels(classes=1)
    before = module.centres_MF.clone()
    module.learn(x, y)
    with torch.no_grad():
        mean = module.features(x).mean(dim=0)
    torch.testing.assert_close(module.centres_MF[0], momentum * before[0] + (1 - momentum) * mean)


def test_the_loss_is_distance_and_mean_cosine() -> None:
    module, (x, y) = clustering(per_class=1), pixels()
    before = module.centres_MF.clone()
    with torch.no_grad():
        distance = (module.features(x) - before[y]).square().mean()
    loss = module.learn(x, y)
    after = module.centres_MF
    pairs = [(0, 1), (0, 2), (1, 2)]
    cosine = torch.stack([cosine_similarity(after[i], after[j], dim=0) for i, j in pairs]).mean()
    torch.testing.assert_close(loss.detach(), distance + cosine)


def test_the_loss_pulls_features_to_their_centres_and_classes_apart() -> None:
    """Gradient descent on the loss alone, centres moving along."""
    module, (x, y) = clustering(per_class=1), pixels()
    module.start(x, y, rng())
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    losses = []
    for _ in range(60):
        loss = module.learn(x, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.1
    assert not module.centres_MF.requires_grad


def test_assignment_is_by_similarity_alone() -> None:
    module, (x, _) = clustering(), pixels()
    with torch.no_grad():
        cluster_BL, weight_BL = module.assign(x[None])
        features = module.features(x)
        similarity = cosine_similarity(features[:, None], module.centres_MF[None], dim=-1)
        scaled_BL = module.assign(x[None])[0]
        module.centres_MF.mul_(7)
        assert torch.equal(module.assign(x[None])[0], scaled_BL)
    assert torch.equal(cluster_BL[0], similarity.argmax(dim=1))
    torch.testing.assert_close(weight_BL[0], (similarity / 0.1).softmax(dim=1).amax(dim=1))


def test_centres_start_among_the_features_of_their_class_in_order() -> None:
    module, (x, y) = clustering(per_class=2), pixels()
    module.start(x, y, rng())
    with torch.no_grad():
        nearest = torch.cdist(module.centres_MF, module.features(x)).argmin(dim=1)
    assert y[nearest].tolist() == [0, 0, 1, 1, 2, 2]
    assert len(module.centres_MF.unique(dim=0)) == 6


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_start_from_too_few_pixels_is_finite(n: int) -> None:
    module, (x, y) = clustering(per_class=5), pixels(n)
    module.start(x, y, rng())
    assert module.centres_MF.isfinite().all()
    assert module.learn(x, y).isfinite()

"""cssmamba and mambahsi: published sizes, any tile, samples and clusters that do not mix, labels that move centres."""

from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from hsiauto.families.base import TileConfig
from hsiauto.families.costs import macs
from hsiauto.families.cssmamba import ClusteredSpatial, CssMamba, CssMambaConfig, MambaHsi, MambaHsiConfig
from hsiauto.families.parts.token_order import Order

BANDS, CLASSES, IGNORED = 6, 3, -100
SMALL: dict[str, Any] = {"width": 8, "blocks": 2, "state": 4}
CONFIGS = [CssMambaConfig(**SMALL), MambaHsiConfig(**SMALL)]


def network(config: TileConfig) -> Any:
    torch.manual_seed(0)
    return config.build(BANDS, CLASSES).eval()


def clustered(**values: Any) -> CssMamba:
    module = network(CssMambaConfig(**{**SMALL, **values}))
    assert isinstance(module, CssMamba)
    return module


def tiles(n: int = 2, height: int = 8, width: int = 8) -> tuple[Tensor, Tensor]:
    """Random tiles, one pixel in four labelled."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n, BANDS, height, width, generator=generator)
    y = torch.randint(CLASSES, (n, height, width), generator=generator)
    return x, y.where(torch.rand(y.shape, generator=generator) < 0.25, IGNORED)


def centres(module: CssMamba) -> list[Tensor]:
    return [clustering.centres_MF.clone() for clustering in module.clusterings()]


def test_mambahsi_follows_its_paper() -> None:
    config = MambaHsiConfig.preset("paper")
    assert (config.width, config.blocks, config.optimizer, config.learning_rate) == (128, 3, "adam", 3e-4)


def test_cssmamba_follows_its_paper() -> None:
    config = CssMambaConfig.preset("paper")
    assert (config.width, config.centres_per_class, config.centre_momentum) == (32, 3, 0.9)
    module = config.build(103, 9)
    assert isinstance(module, CssMamba)
    assert [c.shape for c in centres(module)] == [(27, 64)] * 3


def test_mambahsi_has_no_axis_of_clustering() -> None:
    own = set(CssMambaConfig.model_fields) - set(MambaHsiConfig.model_fields)
    assert own >= {"centres_per_class", "temperature", "centre_momentum", "cluster_loss_weight", "keep_ratio"}
    assert not hasattr(network(CONFIGS[1]), "training_loss")


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.family)
def test_multiply_adds_are_known_before_it_is_built(config: TileConfig) -> None:
    assert (macs(config, BANDS, CLASSES) or 0) > SMALL["width"] * BANDS


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.family)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5), (3, 2), (7, 5), (9, 16)])
def test_every_pixel_of_any_tile_has_its_logits(config: TileConfig, height: int, width: int) -> None:
    module, (x, _) = network(config), tiles(2, height, width)
    with torch.no_grad():
        logits = module(x)
    assert logits.shape == (2, CLASSES, height, width)
    assert logits.isfinite().all()


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.family)
def test_samples_of_a_batch_never_mix(config: TileConfig) -> None:
    module, (x, _) = network(config), tiles()
    other = torch.cat([x[:1], 5 * x[1:] + 1])
    for training in (False, True):
        module.train(training)
        with torch.no_grad():
            assert torch.equal(module(x)[0], module(other)[0])


def test_a_tile_moves_centres_by_its_labelled_pixels_alone() -> None:
    """The centres are the one thing that the tiles of a step share; a tile without labels gives them nothing."""
    x, y = tiles()
    y[1] = IGNORED
    moved = []
    for second in (x[1:], 5 * x[1:] + 1):
        module = clustered()
        before = centres(module)
        module.train().training_loss(torch.cat([x[:1], second]), y, nn.CrossEntropyLoss())
        moved.append(centres(module))
        assert not any(torch.equal(a, b) for a, b in zip(moved[-1], before, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(*moved, strict=True))


def test_a_warm_start_places_the_centres_of_every_block() -> None:
    (x, y), started = tiles(), []
    for seed in (3, 3, 4):
        module = clustered()
        before = centres(module)
        torch.manual_seed(seed)
        module.warm_start(x, y)
        started.append(centres(module))
        assert not any(torch.equal(a, b) for a, b in zip(started[-1], before, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(started[0], started[1], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(started[0], started[2], strict=True))


def test_a_label_below_0_is_none() -> None:
    x, y = tiles()
    started = []
    for ignored in (IGNORED, -1):
        module = clustered()
        torch.manual_seed(0)
        module.warm_start(x, y.where(y >= 0, ignored))
        started.append(centres(module))
    assert all(torch.equal(a, b) for a, b in zip(*started, strict=True))


@pytest.mark.parametrize("order", get_args(Order))
@pytest.mark.parametrize("keep_ratio", [0.5, 1.0])
def test_every_parameter_learns_without_the_cluster_loss(order: Order, keep_ratio: float) -> None:
    """alpha, q, k and the clustering act through a hard order, and through what scales the scan's output."""
    module, (x, y) = clustered(token_order=order, keep_ratio=keep_ratio, cluster_loss_weight=0.0), tiles()
    module.warm_start(x, y)
    module.train().training_loss(x, y, nn.CrossEntropyLoss()).backward()
    assert all(p.grad is not None and p.grad.any() for p in module.parameters())


def test_the_cluster_loss_counts_by_its_weight() -> None:
    x, y = tiles()
    plain, half, full = (
        clustered(cluster_loss_weight=w).training_loss(x, y, nn.CrossEntropyLoss()).item() for w in (0.0, 0.5, 1.0)
    )
    assert half - plain == pytest.approx(full - half, rel=1e-4)
    assert abs(half - plain) > 1e-3


def test_no_python_loop_runs_over_the_clusters() -> None:
    module, calls = clustered(centres_per_class=5), []
    for part in module.modules():
        if isinstance(part, ClusteredSpatial):
            part.cluster_scan.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        module(tiles()[0])
    assert len(calls) == SMALL["blocks"]


def spatial(**values: Any) -> ClusteredSpatial:
    torch.manual_seed(0)
    return ClusteredSpatial(CssMambaConfig(**{**SMALL, **values}), CLASSES)


def test_a_cluster_does_not_see_another() -> None:
    module, x_BLD = spatial(), torch.randn(1, 64, 8, generator=torch.Generator().manual_seed(2))
    all_BL = torch.ones(1, 64, dtype=torch.bool)
    with torch.no_grad():
        cluster_L = module.clustering.assign(x_BLD)[0][0]
        largest = cluster_L.mode().values
        # A small turn keeps a token in its cluster.
        other = torch.where((cluster_L == largest)[None, :, None], x_BLD + 0.01 * x_BLD.roll(1, dims=2), x_BLD)
        assert torch.equal(module.clustering.assign(other)[0][0], cluster_L)
        added, changed = module._clustered(x_BLD, all_BL)[0], module._clustered(other, all_BL)[0]
    assert len(cluster_L.unique()) > 2
    assert not torch.equal(added[cluster_L == largest], changed[cluster_L == largest])
    torch.testing.assert_close(added[cluster_L != largest], changed[cluster_L != largest])


def test_dropped_tokens_keep_their_residual() -> None:
    module, x_BLD = spatial(keep_ratio=0.5), torch.randn(2, 64, 8, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        cluster_BL = module.clustering.assign(x_BLD)[0]
        added_BL = module._clustered(x_BLD, torch.ones_like(cluster_BL, dtype=torch.bool)).ne(0).any(dim=2)
    for cluster_L, added_L in zip(cluster_BL, added_BL, strict=True):
        for cluster in cluster_L.unique():
            members = cluster_L == cluster
            assert added_L[members].sum() == (members.sum() + 1) // 2


@pytest.mark.filterwarnings("ignore:Mismatch dtype")
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.family)
def test_half_precision_projections_are_accepted(config: TileConfig) -> None:
    """As under autocast on CUDA."""
    module, (x, y) = network(config), tiles()
    with torch.autocast("cpu", torch.bfloat16):
        criterion = nn.CrossEntropyLoss()
        loss = module.training_loss(x, y, criterion) if isinstance(module, CssMamba) else criterion(module(x), y)
    loss.backward()
    assert isinstance(module, CssMamba | MambaHsi)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())

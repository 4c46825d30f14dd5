"""hybridsn: the published parameter counts, shapes beyond the paper's, and one pass over a scene."""

import pytest
import torch

from hsiauto.families.costs import macs, parameters
from hsiauto.families.hybridsn import HybridsnConfig
from hsiauto.models.batches import patches
from hsiauto.models.batches.patches import PatchBatches


@pytest.mark.parametrize(
    ("components", "n_classes", "published"), [(30, 16, 5_122_176), (15, 16, 4_845_696), (15, 9, 4_844_793)]
)
def test_the_published_parameters(components: int, n_classes: int, published: int) -> None:
    config = HybridsnConfig.preset().model_copy(update={"components": components})
    assert parameters(config, 200, n_classes) == published


def test_the_small_preset_is_for_cpus() -> None:
    """A hundredth of the paper's multiply-adds."""
    small, paper = (macs(HybridsnConfig.preset(name), 200, 16) for name in ("small", "paper"))
    assert small is not None
    assert paper is not None
    assert small < paper / 100


@pytest.mark.parametrize(("n_bands", "patch"), [(1, 1), (4, 4), (11, 8), (13, 9)])
def test_kernels_are_cut_to_what_is_left(n_bands: int, patch: int) -> None:
    module = HybridsnConfig(patch=patch, width=2, hidden=8).build(n_bands, 3)
    assert module(torch.randn(2, n_bands, patch, patch)).shape == (2, 3)


@pytest.mark.parametrize("patch", [7, 9, 10, 12])
def test_dense_equals_patch_by_patch(patch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    module = HybridsnConfig(patch=patch, width=2, hidden=16).build(14, 5).eval()
    batches = PatchBatches(torch.randn(13, 15, 14), patch)
    pixels = torch.arange(13 * 15)
    with torch.no_grad():
        dense = batches.logits(module, pixels)
        monkeypatch.setattr(patches, "DENSE_FROM", 2.0)
        each = batches.logits(module, pixels)
    torch.testing.assert_close(dense, each, rtol=1e-4, atol=1e-5)
    assert each.std() > 0.01

"""A family that labels all patches of a scene in one pass gives what `forward` gives patch by patch."""

import pytest
import torch

from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.models.batches import patches
from hsiauto.models.batches.patches import PatchBatches


@pytest.mark.parametrize(("patch", "depth"), [(5, 1), (7, 3), (6, 2), (9, 2)])
def test_dense_equals_patch_by_patch(patch: int, depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    module = Cnn2dConfig(patch=patch, depth=depth, width=8).build(4, 5)
    for _ in range(3):  # running statistics that differ from their start
        module(torch.randn(16, 4, patch, patch))
    module.eval()
    batches = PatchBatches(torch.randn(12, 15, 4), patch)
    pixels = torch.arange(12 * 15)
    with torch.no_grad():
        dense = batches.logits(module, pixels)
        monkeypatch.setattr(patches, "DENSE_FROM", 2.0)
        each = batches.logits(module, pixels)
    torch.testing.assert_close(dense, each, rtol=1e-4, atol=1e-5)
    assert each.std() > 0.01

import pytest
import torch
from torch import nn

from hsiauto.models.batches import spectra


def test_logits_are_those_of_all_spectra_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    batches, module, passed = spectra.SpectrumBatches(torch.randn(5, 4, 3)), nn.Linear(3, 2), []
    module.register_forward_hook(lambda module, inputs, output: passed.append(len(output)))
    pixels = torch.tensor([19, 3, 3, 0, 7, 12, 1, 8, 16])
    monkeypatch.setattr(spectra, "_INFERENCE_BATCH", {"cpu": 4})
    logits = batches.logits(module, pixels)
    assert passed == [4, 4, 1]
    torch.testing.assert_close(logits, module(batches.gather(pixels)))

"""Predicted memory against what the CPU's allocator saw, multiply-adds against torch's own counter."""

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from hsiauto.families import FAMILIES
from hsiauto.families.base import PatchConfig, TorchConfig
from hsiauto.families.costs import macs, training_bytes

BANDS, CLASSES, SAMPLES = 40, 5, 8
NETWORKS = [name for name, c in FAMILIES.items() if issubclass(c, TorchConfig) and c.input in ("pixel", "patch")]


def allocated_bytes(config: TorchConfig) -> int:
    """Peak over forward and backward, plus weights and two moments: from the allocator's own events."""
    channels = config.components or BANDS
    module = config.build(channels, CLASSES).train()
    side = (config.patch, config.patch) if isinstance(config, PatchConfig) else ()
    x, y = torch.randn(SAMPLES, channels, *side), torch.randint(CLASSES, (SAMPLES,))
    criterion, training_loss = nn.CrossEntropyLoss(), getattr(module, "training_loss", None)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        (training_loss(x, y, criterion) if training_loss else criterion(module(x), y)).backward()
    assert profiler.profiler is not None
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    now = peak = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    weights = sum(p.nbytes for p in module.parameters())
    return peak + 3 * weights + sum(b.nbytes for b in module.buffers()) + x.nbytes + y.nbytes


@pytest.mark.parametrize("family", NETWORKS)
def test_predicted_memory_is_near_what_the_allocator_gave(family: str) -> None:
    """Within a factor: attention is counted unfused, the workspace of a convolution is not counted."""
    presets = FAMILIES[family].presets
    config = FAMILIES[family].preset("small" if "small" in presets else "paper").bounded(BANDS, 1000)
    assert isinstance(config, TorchConfig)
    predicted = training_bytes(config, BANDS, CLASSES, SAMPLES)
    assert predicted is not None
    assert 0.4 < predicted / allocated_bytes(config) < 2.5


@pytest.mark.parametrize("family", NETWORKS)
def test_multiply_adds_are_those_that_torch_counts(family: str) -> None:
    """Which takes operators apart, time step by time step."""
    config = FAMILIES[family].preset("small" if "small" in FAMILIES[family].presets else "paper").bounded(BANDS, 1000)
    assert isinstance(config, TorchConfig)
    channels = config.components or BANDS
    with torch.device("meta"):
        module = config.build(channels, CLASSES).eval().requires_grad_(False)
        x = torch.empty(1, channels, *((config.patch, config.patch) if isinstance(config, PatchConfig) else ()))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(x)
    assert macs(config, BANDS, CLASSES) == counter.get_total_flops() // 2 > 0


def test_a_batch_of_one_has_its_memory() -> None:
    """One sample whose convolutions leave one pixel: nothing to take statistics over."""
    config = FAMILIES["ssftt"].preset("paper").model_copy(update={"patch": 5, "batch_size": 1})
    assert (training_bytes(config, 200, 9) or 0) > 0


def test_memory_grows_with_the_batch_and_a_forest_is_no_network() -> None:
    config = FAMILIES["cnn2d"].preset("paper")
    small, large = (training_bytes(config, 200, 9, n) or 0 for n in (8, 64))
    assert 4 < (large - 2**20) / (small - 2**20) < 9
    assert training_bytes(FAMILIES["forest"].preset("paper"), 200, 9) is None

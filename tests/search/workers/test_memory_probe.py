"""The memory probe: which preset is tried, what is read off the device, and what stands in for it."""

from dataclasses import dataclass, field

import pytest
import torch

from hsiauto.families.base import FamilyConfig, TorchConfig
from hsiauto.families.spectral_memory import SpectralMemoryConfig
from hsiauto.search.workers import memory_probe
from hsiauto.search.workers.memory_probe import gpu_memory
from hsiauto.search.workers.resources import Machine
from hsiauto.split.seal import TrialData
from hsiauto.training.gpu_memory import CONTEXT_BYTES, GpuMemory, probe
from tests.search import fakes
from tests.small_scene import CLASSICAL
from tests.training.test_out_of_memory import GreedyConfig
from tests.training.test_trainer import CNN, DATA

GIB = 1 << 30
SMALL, LARGE = SpectralMemoryConfig(width=8, heads=2, depth=1), CNN.model_copy(update={"width": 512, "batch_size": 512})
CONFIGS: list[FamilyConfig] = [SMALL, LARGE, CLASSICAL["svm"]]
GPU = Machine(4, (16 * GIB, 12 * GIB))


@dataclass
class FakeGpu:
    device: str = "cpu"
    asked: list[str] = field(default_factory=list)

    def free_bytes(self) -> int:
        self.asked.append("free")
        return 10 * GIB

    def peak_bytes(self) -> int:
        self.asked.append("peak")
        return 2 * GIB


def test_the_probe_trains_and_reads_the_peak_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu, step = FakeGpu(), torch.optim.AdamW.step

    def noted(optimizer: torch.optim.AdamW) -> None:
        gpu.asked.append("step")
        step(optimizer)

    monkeypatch.setattr(torch.optim.AdamW, "step", noted)
    assert probe(CNN, DATA, gpu) == GpuMemory(10 * GIB, 2 * GIB + CONTEXT_BYTES)
    assert gpu.asked == ["free", "step", "step", "step", "peak"]


def test_what_does_not_fit_takes_the_whole_gpu_and_other_errors_are_errors() -> None:
    greedy = GreedyConfig(most=1)
    assert probe(greedy, DATA, FakeGpu()) == GpuMemory(10 * GIB, 10 * GIB)
    with pytest.raises(RuntimeError, match="mat1"):
        probe(greedy.model_copy(update={"error": "other"}), DATA, FakeGpu())


def test_the_largest_network_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[TorchConfig] = []

    def tries(config: TorchConfig, data: TrialData) -> GpuMemory:
        tried.append(config)
        return GpuMemory(9, 3)

    monkeypatch.setattr(memory_probe, "_in_own_process", tries)
    assert gpu_memory(fakes.run_config(), GPU, CONFIGS, DATA) == GpuMemory(9, 3)
    assert tried == [LARGE]


@pytest.mark.parametrize(
    ("machine", "gpus", "configs"),
    [(Machine(4), None, CONFIGS), (GPU, 0.5, CONFIGS), (GPU, None, [CLASSICAL["svm"]])],
    ids=["no GPU", "the study says", "no network"],
)
def test_nothing_is_tried_where_it_does_not_matter(
    machine: Machine, gpus: float | None, configs: list[FamilyConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_probe, "_in_own_process", _fails)
    assert gpu_memory(fakes.run_config(gpus_per_trial=gpus), machine, configs, DATA) is None


def test_a_prediction_stands_in_on_a_cluster_and_where_the_probe_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(memory_probe, "_in_own_process", _fails)
    predicted = gpu_memory(fakes.run_config(), GPU, CONFIGS, DATA)
    assert predicted is not None
    assert predicted.free_bytes == 12 * GIB
    assert CONTEXT_BYTES < predicted.trial_bytes < CONTEXT_BYTES + GIB
    assert "its memory is predicted" in caplog.text
    caplog.clear()
    assert gpu_memory(fakes.run_config(), Machine(4, GPU.gpu_bytes, (2, 2)), CONFIGS, DATA) == predicted
    assert caplog.text == ""


def _fails(config: TorchConfig, data: TrialData) -> GpuMemory:
    raise RuntimeError("no GPU here")

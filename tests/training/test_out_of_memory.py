"""A trial for which the memory does not suffice: one more try in micro-batches, and what is recorded."""

from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import nn

from hsiauto.families.base import PixelConfig
from hsiauto.training.memory import OutOfMemory, Peak, ran_out_of_memory
from hsiauto.training.trial import Report, Trial
from tests.training.test_trainer import DATA, same


class GreedyConfig(PixelConfig):
    """Finds no memory for more than `most` samples at once, from its step `first` on."""

    family: Literal["greedy"] = "greedy"
    most: int = 1 << 30
    first: int = 0
    error: Literal["torch", "python", "allocator", "other"] = "torch"

    def build(self, n_bands: int, n_classes: int) -> nn.Module:
        return Greedy(self, n_bands, n_classes)


class Greedy(nn.Linear):
    def __init__(self, config: GreedyConfig, n_bands: int, n_classes: int) -> None:
        super().__init__(n_bands, n_classes)
        self.config, self.steps = config, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.steps += self.training
        if self.training and len(x) > self.config.most and self.steps > self.config.first:
            raise ERRORS[self.config.error]
        return super().forward(x)


ERRORS: dict[str, Exception] = {
    "torch": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
    "python": MemoryError(),
    "allocator": RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
    "other": RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
}


def trial(config: PixelConfig, folder: Path | None = None) -> Trial:
    return Trial(config, DATA, seed=0, max_epochs=4, folder=folder)


def finish(t: Trial) -> list[Report]:
    reports = []
    while not t.done:
        reports.append(t.step())
    return reports


def test_what_counts_as_out_of_memory() -> None:
    assert [kind for kind, error in ERRORS.items() if ran_out_of_memory(error)] == ["torch", "python", "allocator"]
    assert ran_out_of_memory(RuntimeError("CUDA error: out of memory"))


@pytest.mark.parametrize("error", ["torch", "python", "allocator"])
def test_it_trains_in_micro_batches_with_the_effective_batch(error: Literal["torch", "python", "allocator"]) -> None:
    whole = trial(GreedyConfig(batch_size=32))
    greedy = trial(GreedyConfig(batch_size=32, most=9, error=error))
    assert [report.micro_batch for report in finish(whole)] == [None] * 4
    reports = finish(greedy)
    assert [(report.epoch, report.micro_batch) for report in reports] == [(1, 8), (2, 8), (3, 8), (4, 8)]
    expected, weights = (t.fitted().weights() for t in (whole, greedy))  # type: ignore[attr-defined]
    for name in expected:  # no dropout, no BatchNorm: the same training but for rounding
        torch.testing.assert_close(weights[name], expected[name], rtol=0, atol=1e-4)


def test_the_peak_is_that_of_the_try_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter([7 << 30, 5 << 30, 5 << 30, 5 << 30, 5 << 30])
    monkeypatch.setattr(Peak, "bytes", property(lambda _: next(seen)))
    reports = finish(trial(GreedyConfig(batch_size=32, most=9)))
    assert [report.peak_memory_bytes for report in reports] == [7 << 30] * 4


def test_a_second_lack_of_memory_ends_the_trial_with_its_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter([7 << 30, 5 << 30])
    monkeypatch.setattr(Peak, "bytes", property(lambda _: next(seen)))
    with pytest.raises(OutOfMemory, match=r"out of memory with 8 samples at once, at 7\.00 GiB") as raised:
        trial(GreedyConfig(batch_size=32, most=3)).step()
    assert raised.value.peak_memory_bytes == 7 << 30


def test_what_cannot_be_made_smaller_is_not_tried_again() -> None:
    with pytest.raises(OutOfMemory, match="with 2 samples at once"):
        trial(GreedyConfig(batch_size=2, most=1)).step()


def test_another_error_is_not_swallowed() -> None:
    with pytest.raises(RuntimeError, match="mat1"):
        trial(GreedyConfig(batch_size=32, most=9, error="other")).step()


def test_memory_that_runs_out_later_costs_no_epoch_of_the_record() -> None:
    """Three steps an epoch: it fails in the third epoch, trains again from the start, and reports the third."""
    reports = finish(trial(GreedyConfig(batch_size=30, most=9, first=7)))
    assert [(report.epoch, report.micro_batch) for report in reports] == [(1, None), (2, None), (3, 7), (4, 7)]
    seconds = [report.fit_seconds for report in reports]
    assert seconds == sorted(seconds)


def test_a_resumed_trial_keeps_its_micro_batch(tmp_path: Path) -> None:
    config = GreedyConfig(batch_size=32, most=9)
    whole, first = trial(config), trial(config, tmp_path)
    finish(whole)
    first.step()
    first.save()
    second = trial(config, tmp_path)
    assert [report.micro_batch for report in finish(second)] == [8, 8, 8]
    assert same(whole.fitted().weights(), second.fitted().weights())  # type: ignore[attr-defined]

"""Seconds of an act, and the share of them in which the device is busy."""

import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.bench import NO_CUDA, Missing

WARM_UP = 3
_PROFILED_S, _PROFILED_MOST = 0.2, 100
_SAMPLED_EVERY_S = 0.05

Act = Callable[[], object]


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def mean_seconds(act: Act, device: str, at_least_s: float) -> float:
    """Of one act, over as many as take `at_least_s`. The device is waited for once, at the end, as in an epoch."""
    for _ in range(WARM_UP):
        act()
    synchronize(device)
    n, began = 0, time.perf_counter()
    while not n or time.perf_counter() - began < at_least_s:
        act()
        n += 1
    synchronize(device)
    return (time.perf_counter() - began) / n


def busy_share(act: Act, device: str, act_s: float) -> float | Missing:
    """Time in which kernels run over that of as many acts, `act_s` each without the profiler, which slows the host."""
    if device != "cuda":
        return NO_CUDA
    n = max(WARM_UP, min(_PROFILED_MOST, int(_PROFILED_S / act_s)))
    with profile(activities=[ProfilerActivity.CUDA]) as found:
        for _ in range(n):
            act()
        synchronize(device)
    kernels: Any = [event for event in found.events() or [] if event.device_type == DeviceType.CUDA]
    spans = [(event.time_range.start, event.time_range.end) for event in kernels if not event.is_user_annotation]
    return covered(spans) * 1e-6 / (n * act_s) if spans else Missing("the profiler saw no kernel")


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Length of the union of spans (start, end)."""
    total, until = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


class Nvml:
    """Within: samples the card's utilization, in a thread."""

    def __init__(self, device: str) -> None:
        self.share: float | Missing = NO_CUDA
        self._device, self._samples, self._stop = device, list[int](), threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        if self._device == "cuda":
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._device == "cuda":
            self._stop.set()
            self._thread.join()

    def _sample(self) -> None:
        try:
            while not self._stop.wait(_SAMPLED_EVERY_S):
                self._samples.append(torch.cuda.utilization())
                self.share = sum(self._samples) / len(self._samples) / 100
        except Exception as error:  # noqa: BLE001 - NVML's own classes are known only if nvidia-ml-py is there
            self.share = Missing(f"{type(error).__name__}: {error}")

"""One training on several devices of a machine: a `Trainer` here, which is rank 0, and a process for each other rank.

This process reports, validates and holds the state, as if it were alone. Others start from its state and train the
same epochs, each with its share of every batch (`hsiauto.training.ranks`); they come with the first epoch, and leave
with the last one, an error, or this object. A process leads one such training at a time.

Whatever a rank raises ends the training here: a process that leaves breaks the connection on which others wait. On
GPUs, where NCCL may not notice, and for a process that hangs, TIMEOUT_S ends the wait.
"""

import multiprocessing
import os
import signal
import tempfile
import threading
import time
import traceback
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from hsiauto.families.base import TorchConfig
from hsiauto.models.fitted.torch import TorchFitted
from hsiauto.split.seal import TrialData
from hsiauto.training.memory import ran_out_of_memory
from hsiauto.training.ranks import Ranks
from hsiauto.training.threads import use_threads
from hsiauto.training.trainer import Diverged, Epoch, Trainer

TIMEOUT_S = 300.0
"""A rank waits this long for another in a step: no step takes minutes."""
START_S = 300.0
"""A process may take this long to import torch and to preprocess the scene."""
_FAULT_S = 1.0
"""The error of a rank that broke a connection may take this long to arrive: it is sent first."""
_LEAVE_S = 5.0
PRELOADED = (__name__, "hsiauto.families", "torch._dynamo")
"""Imported once for all ranks that a process ever starts: with what a first optimiser imports."""
_START, _MEETING = "start.pt", "meeting"


class RankFault(RuntimeError):  # noqa: N818 - what befell another process, not one kind of error
    """What ended another rank of the training, in its own words."""


@dataclass(frozen=True)
class _Words:
    """What a rank says when it leaves on an error."""

    text: str
    memory: bool
    """It had none left."""
    at: float
    """`time.monotonic()`, of all processes of a machine the same."""

    def error(self) -> RuntimeError:
        return torch.OutOfMemoryError(self.text) if self.memory else RankFault(self.text)


class ParallelTrainer:
    """`Trainer` on `n_devices` devices: the same calls, reports, state and model.

    n_threads: torch's threads in each process; None leaves them as they are. timeout_s: of a wait for another rank.
    `run` raises what `Trainer.run` raises, and RankFault.
    """

    def __init__(
        self,
        config: TorchConfig,
        data: TrialData,
        *,
        seed: int,
        max_epochs: int,
        device: torch.device | str,
        n_devices: int,
        weights: Mapping[str, torch.Tensor] | None = None,
        micro_batch: int | None = None,
        n_threads: int | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.max_epochs = max_epochs
        self._make: dict[str, Any] = {"config": config, "data": data, "seed": seed, "max_epochs": max_epochs}
        self._weights = None if weights is None else dict(weights)
        self._device, self._n_devices = torch.device(device), n_devices
        self._n_threads, self._timeout_s = n_threads, timeout_s
        self._ranks = Ranks(0, n_devices)
        self._lead = Trainer(
            **self._make, device=self._device, weights=weights, micro_batch=micro_batch, ranks=self._ranks
        )
        self._team: _Team | None = None
        self._finalizer: Any = None

    @property
    def epoch(self) -> int:
        return self._lead.epoch

    @property
    def least_samples(self) -> int:
        return self._lead.least_samples

    @property
    def most_samples(self) -> int:
        return self._lead.most_samples

    @property
    def micro_batch(self) -> int | None:
        """Samples of a micro-batch on each device."""
        return self._lead.micro_batch

    def run(self, until_epoch: int) -> Iterator[Epoch]:
        while self.epoch < min(until_epoch, self.max_epochs):
            epoch = self._one_epoch()
            if self.epoch == self.max_epochs:
                self._dismiss(in_order=True)
            yield epoch

    def fitted(self) -> TorchFitted:
        return self._lead.fitted()

    def state(self) -> dict[str, Any]:
        return self._lead.state()

    def load(self, state: dict[str, Any]) -> None:
        self._dismiss(in_order=True)
        self._lead.load(state)

    def _one_epoch(self) -> Epoch:
        team = self._team or self._assemble()
        try:
            team.train()
            return next(self._lead.run(self.epoch + 1))
        except Diverged:  # as all ranks find at once
            self._dismiss(in_order=False)
            raise
        except Exception as error:
            fault = team.fault()
            self._dismiss(in_order=False)
            if fault is None:
                raise
            raise fault from error

    def _assemble(self) -> "_Team":
        start = {"state": self.state(), "weights": self._weights, "micro_batch": self.micro_batch}
        place = _Place(0, self._n_devices, str(self._device), self._n_threads, self._timeout_s)
        self._team = _Team(self._make, start, place, self._ranks)
        self._finalizer = weakref.finalize(self, self._team.end)
        try:
            self._team.meet()
        except BaseException:
            self._dismiss(in_order=False)
            raise
        return self._team

    def _dismiss(self, in_order: bool) -> None:
        if self._team is not None:
            self._finalizer.detach()
            self._team.end(in_order)
            self._team = None


@dataclass(frozen=True)
class _Place:
    """Where a rank stands."""

    rank: int
    world: int
    device: str
    n_threads: int | None
    timeout_s: float


class _Team:
    """The other ranks' processes, and a line to each."""

    def __init__(self, make: dict[str, Any], start: dict[str, Any], place: _Place, ranks: Ranks) -> None:
        self._ranks, self._place, self._met = ranks, place, False
        self._folder = tempfile.TemporaryDirectory(prefix="hsiauto-ranks-")
        self._meeting = Path(self._folder.name) / _MEETING
        torch.save(start, Path(self._folder.name) / _START)
        context = multiprocessing.get_context("forkserver")  # imports torch once, touches no GPU
        context.set_forkserver_preload(list(PRELOADED))
        self._members: list[tuple[BaseProcess, Connection[Any, Any]]] = []
        for rank in range(1, place.world):
            device = f"cuda:{rank}" if place.device.startswith("cuda") else place.device
            here, there = context.Pipe()
            own = replace(place, rank=rank, device=device)
            process = context.Process(
                target=_follow, args=(own, make, self._folder.name, there), name=f"rank {rank}", daemon=True
            )
            process.start()
            there.close()
            self._members.append((process, here))

    def meet(self) -> None:
        """Wait until all ranks have the state of this one. Raises what ended one of them."""
        self._hear()
        self._ranks.join(self._meeting, torch.device(self._place.device), self._place.timeout_s)
        self._met = True
        self._hear()

    def train(self) -> None:
        """Let all train an epoch."""
        for _, line in self._members:
            line.send(None)

    def fault(self) -> RuntimeError | None:
        """What ended another rank; the first one, for it may have taken others with it."""
        said = []
        for process, line in self._members:
            try:
                said += [line.recv()] if line.poll(_FAULT_S) else []
            except (EOFError, ConnectionError):
                process.join(_FAULT_S)
                return RankFault(f"{process.name} of the training died (exit code {process.exitcode})")
        return min(said, key=lambda words: words.at).error() if said else None

    def end(self, in_order: bool = True) -> None:
        for process, line in self._members:
            if not in_order:
                process.kill()
            line.close()
        if self._met:
            self._ranks.leave(in_order)
        for process, _ in self._members:
            process.join(_LEAVE_S)
            process.kill()
            process.join()
        self._folder.cleanup()

    def _hear(self) -> None:
        """A word of each rank that it is there."""
        for process, line in self._members:
            if not line.poll(START_S):
                raise RankFault(f"{process.name} of the training did not start within {START_S:.0f} s")
            try:
                word = line.recv()
            except (EOFError, ConnectionError) as gone:
                process.join(_FAULT_S)
                raise RankFault(f"{process.name} of the training died (exit code {process.exitcode})") from gone
            if isinstance(word, _Words):
                raise word.error()


def _follow(place: _Place, make: dict[str, Any], folder: str, line: "Connection[Any, Any]") -> None:
    """A rank's process, from its start to its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that leads
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _train(place, make, Path(folder), line)
    except BaseException as error:  # noqa: BLE001 - said to the process that leads, whatever it is
        where = traceback.extract_tb(error.__traceback__)[-1]
        words = "".join(traceback.format_exception_only(error)).strip()
        text = f"rank {place.rank}: {Path(where.filename).name}:{where.lineno}: {words}"
        line.send(_Words(text, ran_out_of_memory(error), time.monotonic()))
        line.close()
        os._exit(1)  # at once: others wait for this rank, and its farewell would wait for them


def _train(place: _Place, make: dict[str, Any], folder: Path, line: "Connection[Any, Any]") -> None:
    device = torch.device(place.device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if place.n_threads is not None:
        use_threads(place.n_threads)
    start = torch.load(folder / _START, map_location="cpu", weights_only=True)
    line.send(None)
    ranks = Ranks(place.rank, place.world)
    ranks.join(folder / _MEETING, device, place.timeout_s)
    trainer = Trainer(**make, device=device, weights=start["weights"], micro_batch=start["micro_batch"], ranks=ranks)
    trainer.load(start["state"])
    line.send(None)
    while _told(line):
        trainer.train()
    ranks.leave(in_order=True)


def _told(line: "Connection[Any, Any]") -> bool:
    """Wait for the word to train an epoch; False when the line is closed."""
    try:
        line.recv()
    except EOFError:
        return False
    return True


def _end_with_parent() -> None:
    """A process that leads and is killed says nothing."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)

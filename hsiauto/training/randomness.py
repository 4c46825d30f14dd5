"""The random state of one training: explicit for order and augmentation, lent to torch's global one for dropout."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


class Randomness:
    """All that a training draws from, as a function of one seed. Leaves the caller's random state untouched."""

    def __init__(self, seed: int, device: torch.device) -> None:
        explicit, global_ = (int(s) >> 1 for s in np.random.SeedSequence(seed).generate_state(2, np.uint64))
        self.generator = torch.Generator(device).manual_seed(explicit)
        """On the training's device."""
        self._device = device
        with self._forked():
            torch.manual_seed(global_)
            self._keep()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Within: torch's global generators (initialisation, dropout) are this training's."""
        with self._forked():
            torch.set_rng_state(self._cpu)
            if self._cuda is not None:
                torch.cuda.set_rng_state(self._cuda, self._device)
            try:
                yield
            finally:
                self._keep()

    def state(self) -> dict[str, torch.Tensor]:
        state = {"generator": self.generator.get_state(), "cpu": self._cpu.clone()}
        return state if self._cuda is None else {**state, "cuda": self._cuda.clone()}

    def load(self, state: dict[str, torch.Tensor]) -> None:
        """Any device's generator takes its state from the CPU."""
        self.generator.set_state(state["generator"].cpu())
        self._cpu, self._cuda = state["cpu"].cpu().clone(), state["cuda"].cpu().clone() if "cuda" in state else None
        torch.Generator().set_state(self._cpu)  # refuses what is no state

    @contextmanager
    def _forked(self) -> Iterator[None]:
        devices = [self._device] if self._device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            yield

    def _keep(self) -> None:
        self._cpu = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state(self._device) if self._device.type == "cuda" else None

"""What would stall a GPU, seen on a CPU: operators whose result the host waits for, and numbers of double length."""

import itertools
from collections import Counter
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hsiauto.families import FAMILIES
from hsiauto.families.base import TileConfig, TorchConfig
from hsiauto.testing.small import scene, small
from hsiauto.training.trainer import Trainer

WAITS = {"aten._local_scalar_dense.default", "aten.nonzero.default", "aten.unique_dim.default", "aten.equal.default"}
NETWORKS = {name: family for name, family in FAMILIES.items() if issubclass(family, TorchConfig)}


class Watched(TorchDispatchMode):
    """Counts operators that wait, and those that give float64."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if str(func) in WAITS:
            self.seen[str(func)] += 1
        if any(isinstance(t, torch.Tensor) and t.dtype == torch.float64 for t in tree_leaves(out)):
            self.seen[f"float64 from {func}"] += 1
        return out


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_waits_for_nothing(name: str) -> None:
    """But a tile family's, which counts the pixels that its tiles show (`hsiauto.families.parts.presence`)."""
    trainer = Trainer(small(NETWORKS[name]), scene(), seed=0, max_epochs=2)
    list(trainer.steps())  # the optimiser's state is made in the first
    with Watched() as watched:
        n_steps = len(list(itertools.islice(trainer.steps(), 2)))
    if isinstance(trainer.config, TileConfig):
        assert set(watched.seen) <= WAITS
        return
    assert n_steps == 2
    assert not watched.seen

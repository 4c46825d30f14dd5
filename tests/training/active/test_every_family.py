"""Over the registry: a new family learns from asked labels with no new test code."""

import numpy as np
import pytest
import torch

from hsiauto.families import FAMILIES
from hsiauto.models.fitted.torch import TorchFitted
from hsiauto.training.active.learn import ActiveTrial
from hsiauto.training.active.recipe import ActiveLabels
from tests.families.registry import TORCH, cheapest, scene

TWICE = ActiveLabels(initial=0.4, acquire=0.2, cycles=1, acquisition="entropy")


@pytest.mark.parametrize("family", FAMILIES)
def test_it_asks_counts_and_goes_on(family: str) -> None:
    data = scene()
    config = cheapest(family) if family in TORCH else FAMILIES[family].preset("paper").bounded(12, 40)
    trial = ActiveTrial(config, data, TWICE, seed=0, max_epochs=1)
    trial.step()
    start = trial.cycles[0].acquired
    assert len(start) == 16
    if family in TORCH:  # the second training has not moved yet
        before = trial.fitted()
        assert isinstance(before, TorchFitted)
        first = {name: value.clone() for name, value in before.weights().items()}
    report = trial.step()
    assert trial.done
    assert np.isfinite(report.val_oa)
    assert [cycle.labels for cycle in trial.cycles] == list(TWICE.plan(40, 3))
    assert not np.intersect1d(start, trial.cycles[1].acquired).size
    if family in TORCH:
        after = trial.fitted()
        assert isinstance(after, TorchFitted)
        assert any(not torch.equal(first[name], value) for name, value in after.weights().items()), "it trains on"

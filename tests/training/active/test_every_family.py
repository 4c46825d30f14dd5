"""Over the registry: a new family learns from asked labels with no new test code."""

import numpy as np
import pytest
import torch

from hsiauto.families import FAMILIES
from hsiauto.families.base import FamilyConfig, TorchConfig
from hsiauto.models.fitted.torch import TorchFitted
from hsiauto.testing.small import cheapest, scene
from hsiauto.training.active.learn import ActiveTrial
from hsiauto.training.active.recipe import ActiveLabels

TWICE = ActiveLabels(initial=0.4, acquire=0.2, cycles=1, acquisition="entropy")


@pytest.mark.parametrize(
    "family", (config for config in FAMILIES.values() if config.kind != "ensemble"), ids=lambda c: c.__name__
)
def test_it_asks_counts_and_goes_on(family: type[FamilyConfig]) -> None:
    data, torch_family = scene(), issubclass(family, TorchConfig)
    config = cheapest(family) if issubclass(family, TorchConfig) else family.preset("paper").bounded(12, 40)
    trial = ActiveTrial(config, data, TWICE, seed=0, max_epochs=1)
    trial.step()
    start = trial.cycles[0].acquired
    assert len(start) == 16
    if torch_family:  # the second training has not moved yet
        before = trial.fitted()
        assert isinstance(before, TorchFitted)
        first = {name: value.clone() for name, value in before.weights().items()}
    report = trial.step()
    assert trial.done
    assert np.isfinite(report.val_oa)
    assert [cycle.labels for cycle in trial.cycles] == list(TWICE.plan(40, 3))
    assert not np.intersect1d(start, trial.cycles[1].acquired).size
    if torch_family:
        after = trial.fitted()
        assert isinstance(after, TorchFitted)
        assert any(not torch.equal(first[name], value) for name, value in after.weights().items()), "it trains on"

"""The corners of a family's space: what a search may come to cost at least and at most."""

from collections.abc import Callable
from typing import Any

from hsiauto.families.base import FamilyConfig, TorchConfig
from hsiauto.families.costs import macs, parameters
from hsiauto.space.family import FamilySpace

Cost = tuple[int, int]
_Pick = Callable[..., FamilyConfig]
_RECIPE = (TorchConfig.model_fields.keys() | {"augmentation"}) - {"components"}
"""Hyperparameters of the training alone: they change neither multiply-adds nor parameters."""


def corners(part: FamilySpace, n_bands: int, n_classes: int) -> dict[str, FamilyConfig]:
    """`smallest` and `largest`, by multiply-adds of a prediction, then by parameters: from the preset, each
    hyperparameter in turn moves to its cheaper or dearer end. Hyperparameters that change neither stay.

    The cost of a classical family is no function of its config: `low ends` and `high ends` of its ranges stand in.
    """
    if not issubclass(part.config, TorchConfig):
        return {"low ends": _ends(part, 0), "high ends": _ends(part, -1)}
    known: dict[str, Cost] = {}

    def cost(config: FamilyConfig) -> Cost:
        key = config.hash()
        if key not in known:
            known[key] = macs(config, n_bands, n_classes) or 0, parameters(config, n_bands, n_classes) or 0
        return known[key]

    return {"smallest": _extreme(part, min, cost), "largest": _extreme(part, max, cost)}


def _extreme(part: FamilySpace, pick: _Pick, cost: Callable[[FamilyConfig], Cost]) -> FamilyConfig:
    values, here = dict(part.fixed), part.preset()
    for name in part.searched:
        if not part.config.is_active(name, values):
            continue
        if name not in _RECIPE:
            here = pick([here, *_moves(part, values, name)], key=cost)  # the first of equals: where it stands
        values[name] = here.active()[name]
    return here


def _moves(part: FamilySpace, values: dict[str, Any], name: str) -> list[FamilyConfig]:
    """A valid config for each choice of a hyperparameter; of an interval for the outermost value on either side."""
    probes = part.ranges[name].probes
    found = (part.witness({**values, name: value}) for value in probes)
    valid = [config for config in found if config is not None]
    return valid if len(probes) <= 4 else [valid[0], valid[-1]]


def _ends(part: FamilySpace, end: int) -> FamilyConfig:
    values, here = dict(part.fixed), part.preset()
    for name in part.searched:
        if part.config.is_active(name, values):
            here = _moves(part, values, name)[end]
            values[name] = here.active()[name]
    return here

"""The portfolio: configs that did best over recorded runs, which a search of the unified space tries early."""

from importlib import resources
from typing import Any

from hsiauto.families import config_from
from hsiauto.families.base import FamilyConfig
from hsiauto.files import parse_yaml
from hsiauto.space.model import Space

_FOLDER, _FILE = "portfolio", "unified.yaml"


def shipped() -> dict[str, list[dict[str, Any]]]:
    """Family -> hyperparameters of its configs, the best first, as `python -m benchmarks.portfolio` chose them."""
    text = (resources.files("hsiauto.search_spaces") / _FOLDER / _FILE).read_text(encoding="utf-8")
    blocks: dict[str, list[dict[str, Any]]] = parse_yaml(text, _FILE)
    return blocks


def portfolio(space: Space) -> list[FamilyConfig]:
    """The configs of `space`, bound to a scene, that are nearest to the shipped ones: the first of each family first.

    Those that a search begins with anyway, and equal ones, are left out.
    """
    found: dict[str, FamilyConfig] = {}
    placed = [(place, family, values) for family, all_of in shipped().items() for place, values in enumerate(all_of)]
    for _, family, values in sorted(placed, key=lambda one: one[0]):
        near = space.nearest(config_from({**values, "family": family})) if family in space.families else None
        if near is not None and near != space.preset(family):
            found.setdefault(near.hash(), near)
    return list(found.values())

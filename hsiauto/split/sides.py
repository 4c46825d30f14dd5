"""Sides: what a strategy hands over before classes are checked and validation is carved."""

from dataclasses import dataclass

from hsiauto.split.model import Mask


@dataclass(frozen=True)
class Sides:
    """Labelled pixels that may train and those that test, disjoint."""

    pool: Mask
    test: Mask
    rest: str
    """What happened to labelled pixels on neither side, in words that follow their number."""

"""References: what a split gives away without any spectrum. On every leaderboard, never searched, never exported.

`coordinate_1nn` knows only the position of a pixel. If it scores like the winner, the split measures position, not
spectral skill. `majority` knows only how frequent the classes are.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier

from hsiauto.families.base import Input, ReferenceConfig

Classifier: TypeAlias = KNeighborsClassifier | DummyClassifier
Coordinates = npt.NDArray[np.float64]
"""(N, 2): row and column of each pixel."""


class Coordinate1NNConfig(ReferenceConfig):
    """The class of the nearest training pixel on the grid (Euclidean)."""

    family: Literal["coordinate_1nn"] = "coordinate_1nn"
    input: ClassVar[Input] = "coordinates"
    source: ClassVar[str] = "hsiauto: the leakage canary, 1-nearest-neighbour on (row, column)"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {}}

    def fit(self, coordinates: Coordinates, labels: npt.NDArray[np.int64]) -> KNeighborsClassifier:
        return KNeighborsClassifier(n_neighbors=1, algorithm="kd_tree").fit(coordinates, labels)


class MajorityConfig(ReferenceConfig):
    """The most frequent class of the training pixels everywhere; its probabilities are the class frequencies."""

    family: Literal["majority"] = "majority"
    input: ClassVar[Input] = "coordinates"
    source: ClassVar[str] = "hsiauto: the floor, the most frequent training class"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {}}

    def fit(self, coordinates: Coordinates, labels: npt.NDArray[np.int64]) -> DummyClassifier:
        return DummyClassifier(strategy="prior").fit(coordinates, labels)

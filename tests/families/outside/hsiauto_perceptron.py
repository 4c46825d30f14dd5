"""A whole package that brings a family; docs/adding-a-family.md explains it."""

from typing import Any, ClassVar, Literal

from torch import nn

from hsiauto.families.base import PixelConfig
from hsiauto.families.hyperparameters import hyperparameter


class PerceptronConfig(PixelConfig):
    """One hidden layer over the bands of a pixel."""

    family: Literal["perceptron"] = "perceptron"
    source: ClassVar[str] = "Rumelhart et al., Nature 323, 1986"
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {}}
    search_space: ClassVar[dict[str, dict[str, Any]]] = {
        "hidden": {"low": 8, "high": 128, "log": True},
        "learning_rate": {"low": 1e-3, "high": 1e-2, "log": True},
        "batch_size": {"choices": [16, 32, 64]},
    }

    hidden: int = hyperparameter(32, "hidden units", source="hsiauto-perceptron", ge=1, le=1024)

    def build(self, n_bands: int, n_classes: int) -> nn.Module:
        return nn.Sequential(nn.Linear(n_bands, self.hidden), nn.ReLU(), nn.Linear(self.hidden, n_classes))

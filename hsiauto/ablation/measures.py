"""The measures that a study can take of a training: name, title, unit, and how each is computed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hsiauto.search.events import Refit


@dataclass(frozen=True)
class Measure:
    """One number that a training yields."""

    title: str
    unit: str
    scale: float = 1.0
    """Stored value -> value in `unit`."""
    digits: int = 2
    of_curve: bool = False
    """Computed from losses on the validation part, which then does not train."""
    counted: bool = False
    """Known without training: differences are not random, and get no interval and no p."""

    @property
    def label(self) -> str:
        return f"{self.title} ({self.unit})" if self.unit else self.title


MEASURES: Mapping[str, Measure] = {
    "test_oa": Measure("test OA", "%", 100.0),
    "test_aa": Measure("test AA", "%", 100.0),
    "test_kappa": Measure("test kappa", "x 100", 100.0),
    "fit_seconds": Measure("training", "s", digits=1),
    "predict_pixels_per_second": Measure("prediction", "pixels / s", digits=0),
    "peak_memory_bytes": Measure("peak memory", "MiB", 2.0**-20, digits=0),
    "parameters": Measure("parameters", "", digits=0, counted=True),
    "macs": Measure("multiply-adds", "M", 1e-6, counted=True),
    "labels_train": Measure("labels used", "", digits=0, counted=True),
    "val_loss": Measure("validation loss", "nats", digits=4, of_curve=True),
    "epochs_to_val_loss": Measure("epochs to the loss", "", digits=1, of_curve=True),
}
"""Name -> measure. All but the last are columns of the leaderboard."""


def column(name: str, event: Refit) -> float:
    """The measure `name` of a `refit` event; NaN if the training did not reach it."""
    value = getattr(event, name) if event.state == "completed" else None
    return math.nan if value is None else float(value)


def epochs_to(val_losses: Sequence[float], nats: float) -> float:
    """The first epoch, counted from 1, whose validation loss is at most `nats`; NaN if there is none."""
    return next((float(i) for i, loss in enumerate(val_losses, 1) if loss <= nats), math.nan)


def loss_to_reach(reference: Sequence[float], margin: float) -> float:
    """The reference's lowest validation loss in nats plus the share `margin` of it; NaN without one.

    The margin excludes the last, tiny improvements.
    """
    return min((loss for loss in reference if math.isfinite(loss)), default=math.nan) * (1.0 + margin)

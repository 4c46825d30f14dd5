"""Where a scene comes from, as a user names it."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict


class SceneSource(BaseModel):
    """Where a scene comes from: a registry name, `simulated:PATH`, or a file with its labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    data_dir: Path | None = None
    labels: Path | None = None
    key: str | None = None
    labels_key: str | None = None
    ignore_labels: tuple[int, ...] = ()
    layout: Literal["HWC", "CHW"] | None = None
    """Axis order of the cube; None: recognised from the labels' shape, asked about when ambiguous."""
    seed: int = 0
    """Of the simulator."""

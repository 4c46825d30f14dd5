"""The definition of a study: one question, the axes of its grid, and the cell that all others are compared with.

    question: Does masking chosen by attention beat masking at random?
    source: CPDGAL, ablation of static masking
    claim: Botswana, OA of static 0.2 / 0.4 / 0.6 / 0.8 is 97.64 / 98.02 / 98.42 / 97.05, of dynamic 98.94
    family: cpdgal
    axes:
      masking: [dynamic, static]
      mask_probability: [0.2, 0.4, 0.6, 0.8]
    reference: {masking: dynamic}
    measures: [test_oa, fit_seconds]

`axes` names hyperparameters of the family, or settings of the training (`RUN_AXES`, `labels.<field>`). Axes that change
together share a line: `width, heads: [[8, 16], [32, 8]]`. `sweep: grid` crosses all axes; `one_at_a_time` changes one
after the other from the preset, which is then the reference.
"""

import math
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hsiauto.ablation.measures import MEASURES
from hsiauto.errors import UserError, did_you_mean, refusal, shown
from hsiauto.files import parse_yaml, read_yaml
from hsiauto.settings import Epochs, typed_path

Scalar = bool | int | float | str

RUN_AXES = ("family", "max_epochs", "label_noise")
"""Axes of the training. `label_noise` is the share of training labels that are set to another class."""
MOST_CELLS = 1000
LABELS = "labels."
"""Prefix of the axes of an active-learning recipe."""


class Definition(BaseModel):
    """A study as its YAML file defines it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str = Field(min_length=1)
    source: str = Field(min_length=1)
    """Paper and section."""
    claim: str = Field(min_length=1)
    """What the source says, in its own numbers."""
    family: str
    preset: str = "paper"
    pins: dict[str, Any] = {}
    """`family.hyperparameter` -> value, for every cell."""
    labels: dict[str, Any] | None = None
    """An active-learning recipe for every cell; None: all labels of the pool at once."""
    max_epochs: Epochs | None = None
    """Epochs of a training; None: the run's."""
    sweep: Literal["grid", "one_at_a_time"] = "grid"
    axes: dict[str, tuple[Any, ...]] = Field(min_length=1)
    reference: dict[str, Scalar] = {}
    """Values that single out one cell of the grid."""
    measures: tuple[str, ...] = ("test_oa",)
    x: str | None = None
    """A numeric axis, active in every cell: the x axis of the figure, with a line for each setting of the others."""
    loss_margin: float = Field(0.1, ge=0, le=100)
    """`epochs_to_val_loss` counts to the reference's lowest validation loss plus this share of it."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = self.axis_names
        if len(set(names)) < len(names):
            raise ValueError("an axis is named once")
        for line, values in self.axes.items():
            width = line.count(",") + 1
            if not values:
                raise ValueError(f"{line}: list at least one value")
            if width > 1 and not all(isinstance(value, list | tuple) and len(value) == width for value in values):
                raise ValueError(f"{line}: each entry holds {width} values, one for each axis of the line")
            if len({repr(value) for value in values}) < len(values):
                raise ValueError(f"{line}: values must differ")
        lengths = [len(values) for values in self.axes.values()]
        n_cells = math.prod(lengths) if self.sweep == "grid" else 1 + sum(lengths)
        if n_cells > MOST_CELLS:
            raise ValueError(f"a study has at most {MOST_CELLS:,} cells; its axes make {n_cells:,}")
        if self.sweep == "one_at_a_time" and (self.reference or "family" in names):
            raise ValueError("one_at_a_time starts from the preset of one family, which is the reference")
        if self.sweep == "grid" and not self.reference:
            raise ValueError("a grid needs its reference, values that single out one cell")
        for name in (*self.reference, *([self.x] if self.x else [])):
            if name not in names:
                raise ValueError(f"{name} is not an axis of this study: {', '.join(names)}")
        if self.x:
            along = [values[self.x] for values in self.settings() if self.x in values]
            if self.sweep == "one_at_a_time" or not all(type(value) in (int, float) for value in along):
                raise ValueError("x is an axis of numbers, in a grid")
        for name in self.measures:
            if name not in MEASURES:
                raise ValueError(f"{name} is not a measure: {', '.join(MEASURES)}")
        if self.labels is not None and self.validates:
            raise ValueError("a validation curve needs one training; with `labels` there are several")
        if self.labels is None and any(name.startswith(LABELS) for name in names):
            raise ValueError(f"axes {LABELS}... need `labels`, the recipe that they change")
        return self

    @property
    def axis_names(self) -> tuple[str, ...]:
        return tuple(name for line in self.axes for name in _names(line))

    @property
    def families(self) -> tuple[str, ...]:
        """The families of the cells, the base's first."""
        return tuple(dict.fromkeys((self.family, *(str(value) for value in self.axes.get("family", ())))))

    @property
    def validates(self) -> bool:
        """Whether trainings leave the validation part out, to measure a curve on it."""
        return any(MEASURES[name].of_curve for name in self.measures)

    def settings(self) -> Iterator[Mapping[str, Any]]:
        """Axis -> value of every combination, the last axis fastest; with one_at_a_time the base, {}, comes first."""
        lines = [[dict(zip(_names(line), _tuple(value), strict=True)) for value in v] for line, v in self.axes.items()]
        if self.sweep == "one_at_a_time":
            yield {}
            for line in lines:
                yield from line
            return
        combinations: list[dict[str, Any]] = [{}]
        for line in lines:
            combinations = [{**combination, **values} for combination in combinations for values in line]
        yield from combinations


def _names(line: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in line.split(","))


def _tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def setting(values: Mapping[str, Any]) -> str:
    """`{"cbam": True, "depth": 2}` as tables and figures spell it: `cbam=true, depth=2`."""
    return ", ".join(f"{axis}={spelt(value)}" for axis, value in values.items())


def spelt(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


_SHIPPED = resources.files("hsiauto.search_spaces") / "studies"


def shipped() -> tuple[str, ...]:
    """Names of the studies that come with hsiauto."""
    return tuple(sorted(f.name.removesuffix(".yaml") for f in _SHIPPED.iterdir() if f.name.endswith(".yaml")))


def load(name_or_path: str) -> tuple[str, Definition]:
    """The name and definition of a shipped study or a YAML file. Raises UserError; `cells.grid` checks the cells."""
    if name_or_path in shipped():
        name = name_or_path
        fields = parse_yaml((_SHIPPED / f"{name}.yaml").read_text(encoding="utf-8"), f"study {name}")
    else:
        path = typed_path(name_or_path)
        if not path.exists():
            remedy = did_you_mean(name_or_path, shipped(), "`hsiauto study` lists those that ship.")
            raise UserError("a study is one that ships with hsiauto, or a YAML file", shown(name_or_path), remedy)
        name, fields = path.stem, read_yaml(path)
    try:
        return name, Definition.model_validate(fields)
    except ValidationError as invalid:
        raise refusal(invalid, f"study {name}: ", "Correct the file.") from invalid

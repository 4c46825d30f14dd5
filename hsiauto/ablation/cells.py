"""The cells of a study's grid on a scene, each trained once.

An axis is active in some cells only (the probability of a random mask, if masking is random), and a scene clips values
(more components than bands). Combinations that train the same thing are one cell, and `Grid.notes` says so.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hsiauto.ablation.definition import LABELS, RUN_AXES, Definition, setting, spelt
from hsiauto.errors import UserError
from hsiauto.families import FAMILIES, config_from
from hsiauto.families.base import SEARCHED, FamilyConfig
from hsiauto.space import SceneSize
from hsiauto.training.active.recipe import ActiveLabels

BASE = "base"
"""Name of the reference of a one_at_a_time study."""


@dataclass(frozen=True)
class Cell:
    """One setting of a study."""

    values: Mapping[str, Any]
    """Axis -> value of the axes that are active in this cell."""
    config: FamilyConfig
    max_epochs: int
    label_noise: float = 0.0
    labels: ActiveLabels | None = None

    @property
    def name(self) -> str:
        return setting(self.values) or BASE

    @property
    def key(self) -> str:
        """Two cells with the same key train the same thing and are one."""
        parts = [f"{self.config.family}-{self.config.hash()}", f"epochs-{self.max_epochs}"]
        if self.label_noise:
            parts.append(f"noise-{self.label_noise:g}")
        if self.labels is not None:
            parts.append(f"labels-{hashlib.sha256(self.labels.model_dump_json().encode()).hexdigest()[:8]}")
        return "/".join(parts)


@dataclass(frozen=True)
class Grid:
    """The cells of a study, in the order of its file."""

    cells: tuple[Cell, ...]
    reference: Cell
    notes: tuple[str, ...] = ()
    """Combinations that are one cell, and values that the scene changed, in words."""

    def only(self, wanted: Sequence[Mapping[str, Any]]) -> "Grid":
        """The reference and the cells with all values of an entry of `wanted`. Raises UserError if one has none."""
        kept = {self.reference.key}
        for values in wanted:
            found = {cell.key for cell in self.cells if _has(cell.values, values)}
            if not found:
                raise UserError("`cells` names cells of the study", setting(values), f"Cells: {_names(self.cells)}.")
            kept |= found
        return Grid(tuple(cell for cell in self.cells if cell.key in kept), self.reference, self.notes)


def grid(definition: Definition, max_epochs: int, scene: SceneSize | None = None) -> Grid:
    """Return every cell of a study, clipped to `scene` (None: unclipped).

    `max_epochs` is the length of a training, unless it is an axis of the study.
    Raises UserError for an unknown family, preset, axis or value, a reference that is not exactly one cell, an `x`
    that is inactive in a cell, a study of fewer than two cells and, without a scene, an axis or pin that is active in
    no cell.
    """
    _check_names(definition)
    cells: dict[str, Cell] = {}
    stands_for: Counter[str] = Counter()
    references: dict[str, Cell] = {}
    clipped: dict[str, None] = {}
    for settings in definition.settings():
        cell = _cell(definition, settings, max_epochs, scene)
        if scene is not None:
            asked = _config(definition, cell.config.family, settings, None).active()
            clipped |= {
                f"{name} is {spelt(value)} instead of {spelt(asked[name])}: {scene.why_changed(name)}": None
                for name, value in cell.config.active().items()
                if value != asked.get(name, value)
            }
        cell = cells.setdefault(cell.key, cell)
        stands_for[cell.key] += 1
        is_base = definition.sweep == "one_at_a_time" and not settings
        if is_base or (definition.reference and _has(settings, definition.reference)):
            references[cell.key] = cell
    if scene is None:
        _check_all_active(definition, list(cells.values()))
    if without := [cell.name for cell in cells.values() if definition.x and definition.x not in cell.values]:
        raise UserError(f"x: {definition.x} must be active in every cell", without[0], "Leave x out.")
    if len(references) != 1:
        raise UserError(
            "the reference of a study is one cell",
            f"{len(references)} cells with {definition.reference}",
            f"Cells: {_names(cells.values())}.",
        )
    if len(cells) < 2:
        raise UserError("a study compares two cells or more", "one", "On this scene its axes have one value each.")
    (reference,) = references.values()
    shared = {key: n for key, n in stands_for.items() if n > 1} if definition.sweep == "grid" else {}
    notes = [*clipped, *(_collapsed(definition, cells[key], n) for key, n in shared.items())]
    return Grid(tuple(cells.values()), reference, tuple(notes))


def _cell(definition: Definition, settings: Mapping[str, Any], max_epochs: int, scene: SceneSize | None) -> Cell:
    """The cell that `settings` train, without settings that are inactive in it."""
    family = str(settings.get("family", definition.family))
    config = _config(definition, family, settings, scene)
    active = config.active()
    labels = _labels(definition, settings)
    run: dict[str, Any] = {"max_epochs": max_epochs, **{name: settings[name] for name in RUN_AXES if name in settings}}
    noise = float(run.get("label_noise", 0.0))
    if not 0 <= noise <= 1:
        raise UserError("label_noise is a share of the training labels, from 0 to 1", noise)
    if not (isinstance(run["max_epochs"], int) and run["max_epochs"] >= 1):
        raise UserError("max_epochs is a whole number from 1", run["max_epochs"])
    values = {
        axis: active.get(axis, asked)
        for axis, asked in settings.items()
        if axis in active or axis in RUN_AXES or axis.startswith(LABELS)
    }
    return Cell(values, config, run["max_epochs"], noise, labels)


def _config(definition: Definition, family: str, settings: Mapping[str, Any], scene: SceneSize | None) -> FamilyConfig:
    """The preset, changed by the pins, the settings and the limits of the scene, without inactive hyperparameters."""
    kind = FAMILIES[family]
    asked = {axis: value for axis, value in settings.items() if axis in kind.model_fields and axis != "family"}
    values = {**dict(kind.preset(definition.preset)), **_pins(definition, family), **asked}
    config = _active(kind, values)
    if scene is None or scene.fits(config):
        return config
    before = config.active()
    nearest = scene.nearest(config)
    clipped = {axis: nearest[axis] for axis, value in before.items() if nearest.get(axis, value) != value}
    return _active(kind, {**values, **clipped})  # clipping may activate others


def _active(kind: type[FamilyConfig], values: Mapping[str, Any]) -> FamilyConfig:
    return config_from({name: values[name] for name in kind.model_fields if kind.is_active(name, values)})


def _pins(definition: Definition, family: str) -> dict[str, Any]:
    return {pin.partition(".")[2]: v for pin, v in definition.pins.items() if pin.partition(".")[0] == family}


def _labels(definition: Definition, settings: Mapping[str, Any]) -> ActiveLabels | None:
    if definition.labels is None:
        return None
    changed = {name.removeprefix(LABELS): value for name, value in settings.items() if name.startswith(LABELS)}
    try:
        return ActiveLabels(**{**definition.labels, **changed})
    except UserError as error:
        rule = f"labels.{error.rule.replace('`', '')}"
        raise UserError(rule, error.received, error.remedy or "Change the recipe.") from error


def _check_names(definition: Definition) -> None:
    """Raise UserError for a family, preset, axis or pin that does not exist."""
    for family in definition.families:
        if family not in FAMILIES or FAMILIES[family].kind not in SEARCHED:
            known = ", ".join(name for name, config in FAMILIES.items() if config.kind in SEARCHED)
            raise UserError("a study compares families that can be searched", repr(family), f"Choose from {known}.")
        presets = FAMILIES[family].presets
        if definition.preset not in presets:
            raise UserError(f"unknown preset of {family}", repr(definition.preset), f"Known: {', '.join(presets)}.")
    for axis in definition.axis_names:
        of_run = axis in RUN_AXES or axis.startswith(LABELS)
        if not of_run and not any(axis in FAMILIES[family].model_fields for family in definition.families):
            raise UserError(
                f"an axis is a hyperparameter of {' or '.join(definition.families)}, or of the training", axis
            )
    for pin in definition.pins:
        family, _, axis = pin.partition(".")
        if family not in definition.families or axis not in FAMILIES[family].model_fields or axis == "family":
            raise UserError(
                "a pin is family.hyperparameter of the study", pin, f"Families: {', '.join(definition.families)}."
            )
        if axis in definition.axis_names:
            raise UserError("an axis of the study is not pinned", pin, "Choose cells with `cells` instead.")


def _check_all_active(definition: Definition, cells: Collection[Cell]) -> None:
    for axis in definition.axis_names:
        if not any(axis in cell.values for cell in cells):
            raise UserError(f"{axis} must be active in a cell", "inactive in all", "Pin what it depends on.")
    for pin in definition.pins:
        family, _, axis = pin.partition(".")
        if not any(cell.config.family == family and axis in cell.config.active() for cell in cells):
            raise UserError(f"{pin} must be active in a cell", "inactive in all", "Pin what it depends on.")


def _collapsed(definition: Definition, cell: Cell, n: int) -> str:
    inactive = [axis for axis in definition.axis_names if axis not in cell.values]
    why = f"{', '.join(inactive)} is inactive there" if inactive else "the scene holds no more"
    return f"{cell.name} stands for {n} combinations and is trained once: {why}"


def _has(values: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(axis in values and values[axis] == value for axis, value in wanted.items())


def _names(cells: Collection[Cell]) -> str:
    return "; ".join(cell.name for cell in cells)

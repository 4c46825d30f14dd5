"""Space: the families and ranges of a search."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from optuna.distributions import BaseDistribution
from optuna.trial import BaseTrial
from pydantic import ValidationError

from hsiauto.errors import UserError, refusal
from hsiauto.families import FAMILIES
from hsiauto.families.base import SEARCHED, SEES_UNLABELLED, FamilyConfig
from hsiauto.settings import scalar
from hsiauto.space import load
from hsiauto.space.changes import changes
from hsiauto.space.family import FamilySpace
from hsiauto.space.scene_size import SceneSize

UNIFIED = "unified"
"""The space that ships with hsiauto and that families of other packages join."""


@dataclass(frozen=True)
class Space:
    """A typed, conditional space: one FamilySpace per family, in the order of the file."""

    parts: Mapping[str, FamilySpace]
    notes: tuple[str, ...] = ()
    """What a scene changed: families that start smaller, are searched less far or are left out, and why."""

    @classmethod
    def load(
        cls, name_or_path: str, families: Sequence[str] | None = None, pins: Mapping[str, Any] | None = None
    ) -> "Space":
        """Read a space that ships with hsiauto (by name) or a YAML file, keep `families`, apply `pins`.

        `pins` maps "<family>.<hyperparameter>" to a value, or to its text. Raises UserError for a bad file, an unknown
        family or hyperparameter, a value out of bounds, a pin that is inactive in every config.
        """
        file, blocks = load.read(name_or_path)
        candidates = {name: c for name, c in FAMILIES.items() if c.kind in SEARCHED}
        for name in blocks:
            if name not in candidates:
                raise UserError(f"{file}: must be a family", name, f"Known: {', '.join(candidates)}.")
        files = dict.fromkeys(blocks, file)
        if name_or_path == UNIFIED:
            blocks |= {name: dict(config.search_space) for name, config in FAMILIES.outside.items()}
            files |= {name: f"{config.__qualname__}.search_space" for name, config in FAMILIES.outside.items()}
        parts = {name: load.family_space(files[name], name, block, candidates[name]) for name, block in blocks.items()}
        chosen = tuple(families) if families is not None else tuple(parts)
        for name in chosen:
            if name not in parts:
                raise UserError(f"families: must be in the space {file}", name, f"Known: {', '.join(parts)}.")
        if not chosen:
            raise UserError("families: must name at least one", "none", f"Known: {', '.join(parts)}.")
        parts = {name: load.checked(files[name], part) for name, part in parts.items() if name in chosen}
        for pin, value in (pins or {}).items():
            family, part = _pinned(pin, value, parts)
            parts[family] = part
        for part in parts.values():
            _check_pins(part)
        return cls({name: part.without_inactive() if part.pins else part for name, part in parts.items()})

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(self.parts)

    def bind(
        self,
        n_bands: int,
        n_pixels: int,
        height: int,
        width: int,
        n_classes: int,
        buffer: int | None = None,
        unlabelled: Literal["scene", "none"] = "scene",
    ) -> "Space":
        """This space for a scene: what it cannot feed is clipped or left out, and `notes` says what; and what sees
        unlabelled pixels if `unlabelled` is none.

        components <= min(n_bands, n_pixels - 1) for `n_pixels` training pixels; patch <= min(height, width); no window
        reaches over `buffer`. Raises UserError for a pin that the scene cannot feed, and if the buffer leaves no
        family. `n_classes` bounds nothing yet.
        """
        scene = SceneSize(n_bands, n_pixels, height, width, buffer, unlabelled)
        for part in self.parts.values():
            seen = [f"{part.name}.{name}" for name in SEES_UNLABELLED if part.pins.get(name) == "scene"]
            if seen and unlabelled == "none":
                raise UserError(
                    "`set`: `unlabelled` is none, so no config sees the scene", f"{seen[0]}=scene", "Leave one out."
                )
        parts = {name: part.restricted(scene) for name, part in self.parts.items()}
        narrow = {name for name, part in parts.items() if _too_wide(self.parts[name], part)}
        kept = {name: part for name, part in parts.items() if name not in narrow}
        if not kept:
            wide = ", ".join(f"{name} (radius {self.parts[name].preset().support})" for name in sorted(narrow))
            raise UserError(
                f"a window must end at the buffer, {buffer} pixels away", f"none of {wide} can", "Widen the `buffer`."
            )
        return replace(self, parts=kept, notes=(*self.notes, *changes(self.parts, kept, scene, narrow)))

    def of_spectra(self) -> "Space":
        """The families that read one spectrum; `notes` says which are left out. Raises UserError if none does."""
        rule, remedy = "a spectrum without a place has no neighbours", "Take families of one pixel, or classical ones."
        why = "which read neighbours, and a spectrum without a place has none"
        return self._that_read(("pixel", "features"), rule, remedy, why)

    def of_windows(self) -> "Space":
        """The families that read windows or less, none of them a whole scene; like `of_spectra`."""
        rule, remedy = "tiles cover a scene, which memory must hold", "Take families that read windows, or spectra."
        why = "whose tiles cover the scene, which is larger than memory"
        return self._that_read(("pixel", "features", "patch"), rule, remedy, why)

    def _that_read(self, inputs: Collection[str], rule: str, remedy: str, why: str) -> "Space":
        kept = {name: part for name, part in self.parts.items() if part.config.input in inputs}
        left_out = ", ".join(sorted(self.parts.keys() - kept.keys()))
        if not kept:
            raise UserError(rule, left_out, remedy)
        return replace(
            self, parts=kept, notes=(*self.notes, f"left out: {left_out}, {why}") if left_out else self.notes
        )

    def suggest(self, trial: BaseTrial, family: str) -> FamilyConfig:
        """A config of `family` from Optuna's `trial`, define-by-run: inactive hyperparameters are never suggested."""
        return self.parts[family].suggest(trial)

    def preset(self, family: str) -> FamilyConfig:
        """The family's paper preset under pins and bounds: its first trial."""
        return self.parts[family].preset()

    def presets(self, family: str) -> tuple[FamilyConfig, ...]:
        """The paper preset, then the family's others, each the nearest that this space holds; equal ones once."""
        return self.parts[family].presets()

    def nearest(self, config: FamilyConfig) -> FamilyConfig | None:
        """The config of this space that is nearest to `config`, which may be of another space and scene; None if none
        was found."""
        return self.parts[config.family].nearest(config)

    def params(self, config: FamilyConfig) -> dict[str, Any]:
        """{"<family>.<hyperparameter>": value} of those searched and active in `config`, in the order of suggestion."""
        return {f"{config.family}.{name}": value for name, value in self.parts[config.family].params(config).items()}

    def distributions(self, config: FamilyConfig) -> dict[str, BaseDistribution]:
        """{"<family>.<hyperparameter>": distribution} for `params(config)`, as `suggest` would have used."""
        return self.parts[config.family].distributions(config)


def _too_wide(asked: FamilySpace, bound: FamilySpace) -> bool:
    """Whether the buffer leaves no config of a family. Raises UserError if the rest does, or a pin is too wide."""
    if bound.exists or bound.scene is None or bound.scene.buffer is None:
        bound.preset()  # raises unless it exists
        return False
    if not replace(asked, scene=None).restricted(replace(bound.scene, buffer=None)).exists:
        bound.preset()
    if asked.pins:
        raise UserError(
            f"a window must end at the buffer, {bound.scene.buffer} pixels away",
            f"{asked.name} with {', '.join(f'{name}={value}' for name, value in asked.pins.items())}",
            f"Set `buffer` to {asked.preset().support} or more, or pin less.",
        )
    return True


def _pinned(pin: str, value: Any, parts: Mapping[str, FamilySpace]) -> tuple[str, FamilySpace]:
    family, _, name = pin.partition(".")
    if family not in parts:
        raise UserError(
            "`set` must name a family of this search as family.hyperparameter", pin, f"Families: {', '.join(parts)}."
        )
    part = parts[family]
    names = [name for name in part.config.model_fields if name != "family"]
    if name not in names:
        raise UserError(
            f"`set` must name a hyperparameter of {family}", pin, f"Its hyperparameters: {', '.join(names)}."
        )
    if isinstance(value, str):
        value = scalar(value)
    try:
        typed = load.parse_value(part.config, name, value)
    except ValidationError as error:
        raise refusal(error, f"`set` {pin}", "Change the value.") from error
    return family, replace(part, pins={**part.pins, name: typed})


def _check_pins(part: FamilySpace) -> None:
    """Checks that each pin is active in some config of the space, and that the pins go together."""
    for name in part.pins:
        try:
            part.context(name)
        except UserError as error:
            raise UserError(
                f"`set`: {part.name}.{name} must be active in some config",
                f"a space in which it never is (it needs {dict(part.config.when(name))})",
                "Leave it out, or pin what it depends on.",
            ) from error
    if part.pins:
        part.preset()

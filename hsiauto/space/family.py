"""FamilySpace: the searched axes of one family, and the rules that tie them to each other and to a scene.

Which axes act comes from the config's `when`. Which values go together comes from the config too: a value is valid
where building the config succeeds. A space never asks for an invalid combination, by induction: each axis is offered
only the values for which a *witness* exists, a valid setting of the axes that are still to come; and the witness of an
answer is one for the next question.

An interval is offered whole where both its ends have a witness: a rule between axes must hold between two values where
it holds at both (a bound does; divisibility does not and wants choices). Axes of choices are asked before intervals
(parents before children all the same), because Optuna lets an interval narrow from trial to trial but not a set of
choices.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import BaseTrial
from pydantic import ValidationError

from hsiauto.errors import UserError
from hsiauto.families.base import FamilyConfig
from hsiauto.space.ranges import Choices, Range, Scalar
from hsiauto.space.scene_size import SceneSize

Values = dict[str, Any]


@dataclass(frozen=True)
class FamilySpace:
    """One family's part of a space. Values outside `ranges` and `pins` are those of the paper preset."""

    config: type[FamilyConfig]
    ranges: Mapping[str, Range]
    pins: Mapping[str, Any] = field(default_factory=dict)
    scene: SceneSize | None = None

    @property
    def name(self) -> str:
        return str(self.config.model_fields["family"].default)

    @cached_property
    def searched(self) -> tuple[str, ...]:
        """The axes to ask for, in that order: choices first, an axis never before its parents."""
        open_axes = [axis for axis in self.config.model_fields if axis in self.ranges and axis not in self.pins]
        late: set[str] = set()
        for axis in open_axes:  # parents are declared before their children
            if not isinstance(self.ranges[axis], Choices) or late & set(self.config.when(axis)):
                late.add(axis)
        return tuple(sorted(open_axes, key=lambda axis: axis in late))

    @cached_property
    def start(self) -> Values:
        """The paper preset's acting values, moved into the scene and the ranges, under the pins."""
        preset = self.config.preset("paper")
        values = self.scene.nearest(preset) if self.scene else preset.active()
        near = {axis: self.ranges[axis].nearest(value) for axis, value in values.items() if axis in self.ranges}
        return {**values, **near, **self.pins}

    @cached_property
    def fixed(self) -> Values:
        """Values that no trial moves: the pins, and the preset's on axes that are not searched."""
        return {axis: value for axis, value in self.start.items() if axis not in self.searched}

    def suggest(self, trial: BaseTrial) -> FamilyConfig:
        """Ask `trial` for each axis that acts, parents first; every answer is valid with those before it."""
        values, witness = dict(self.fixed), self.preset().active()
        for axis in self.searched:
            if self.config.acts(axis, values):
                offered, witness = self._offered(axis, values, witness)
                values[axis] = self._ask(trial, axis, offered)
        return self.build(values)

    def distributions(self, config: FamilyConfig) -> dict[str, BaseDistribution]:
        """What `suggest` asked on the way to `config`: `<family>.<axis>` -> distribution."""
        values, witness, asked = dict(self.fixed), self.preset().active(), {}
        for axis, value in self.params(config).items():
            offered, witness = self._offered(axis, values, witness)
            if value not in offered:  # the space or the scene has changed since
                offered = self.ranges[axis] if value in self.ranges[axis] else self.ranges[axis].only(value)
            asked[f"{self.name}.{axis}"] = offered.distribution
            values[axis] = value
        return asked

    def params(self, config: FamilyConfig) -> Values:
        """The searched axes that act in `config`, in the order of asking."""
        active = config.active()
        return {axis: active[axis] for axis in self.searched if axis in active}

    def preset(self) -> FamilyConfig:
        """The paper preset under the pins, at the values of the space that are nearest to it."""
        if self._preset is None:
            raise UserError(
                f"space: a config of {self.name} must satisfy the rules between its axes and fit the scene",
                self._complaint(),
                "Change the pins or the ranges.",
            )
        return self._preset

    def presets(self) -> tuple[FamilyConfig, ...]:
        """The paper preset, then the family's others in their order, each as `nearest`; equal ones once."""
        found = {self.preset().hash(): self.preset()}
        for name in self.config.presets:
            config = self.nearest(self.config.preset(name))
            if config is not None:
                found.setdefault(config.hash(), config)
        return tuple(found.values())

    def nearest(self, config: FamilyConfig) -> FamilyConfig | None:
        """The config of this space and scene that is nearest to `config` axis by axis, within the rules between them;
        axes that are not searched keep the space's values. None if none was found.
        """
        values = self.scene.nearest(config) if self.scene else config.active()
        near = {axis: self.ranges[axis].nearest(value) for axis, value in values.items() if axis in self.searched}
        return self._witness(self.fixed, {**self.start, **near}, thorough=True)

    def witness(self, values: Mapping[str, Any]) -> FamilyConfig | None:
        """A valid config with `values` and some setting of the other searched axes; None if none was found."""
        return self._witness({**self.fixed, **values}, self.start)

    def without_idle(self) -> "FamilySpace":
        """This space without the axes that its pins keep from ever acting."""
        idle = {axis for axis in self.searched if self.acting_context(axis) is None}
        return replace(self, ranges={axis: found for axis, found in self.ranges.items() if axis not in idle})

    def restricted(self, scene: SceneSize) -> "FamilySpace":
        """This space without the values that the scene cannot feed. An axis left empty keeps the nearest value, and one
        that can no longer act is gone."""
        clipped = replace(self, scene=scene, ranges={axis: self._clipped(axis, scene) for axis in self.ranges})
        kept = dict(clipped.ranges)
        for axis in clipped.searched:  # then what no other axis can make up for, e.g. a depth beyond every patch
            context = clipped.acting_context(axis)
            if context is None:
                del kept[axis]
                continue
            valid = [v for v in kept[axis].probes if clipped.witness({**context, axis: v})]
            kept[axis] = kept[axis].narrowed(valid) or kept[axis]
        return replace(clipped, ranges=kept)

    def _clipped(self, axis: str, scene: SceneSize) -> Range:
        if axis not in self.searched:
            return self.ranges[axis]
        context = self.context(axis)
        configs = {v: self.witness({**context, axis: v}) for v in self.ranges[axis].probes}
        nearest = {v: scene.nearest(config).get(axis) for v, config in configs.items() if config}
        acting = [near for near in nearest.values() if near is not None]
        if not acting:  # clipping a parent has made it idle: `restricted` asks again, within the scene
            return self.ranges[axis]
        narrowed = self.ranges[axis].narrowed(v for v, near in nearest.items() if near == v)
        return narrowed or self.ranges[axis].only(acting[0])

    def context(self, axis: str) -> Values:
        """Values of the axis' parents under which it acts. Raises UserError when the space holds none."""
        found = self.acting_context(axis)
        if found is None:
            needs = " and ".join(f"{parent} {wanted}" for parent, wanted in self.config.when(axis).items())
            raise UserError(
                f"space: {self.name}.{axis} must be able to act",
                f"a space in which it never does (it needs {needs})",
                "Leave it out, or let what it depends on take a value with which it acts.",
            )
        return found

    def acting_context(self, axis: str) -> Values | None:
        """As `context`; None when the space holds none."""
        parents = self._ancestors(axis)
        for setting in itertools.product(*(self._options(parent) for parent in parents)):
            values = dict(zip(parents, setting, strict=True))
            if self.config.acts(axis, {**self.fixed, **values}):
                return values
        return None

    def build(self, values: Mapping[str, Any]) -> FamilyConfig:
        """The config of `values`, without those that cannot act in it. Raises pydantic's ValidationError."""
        kept: Values = {}
        for axis in self.config.model_fields:
            if axis in values and (axis not in self._conditional or self.config.acts(axis, kept)):
                kept[axis] = values[axis]
        return self.config(**kept)

    @cached_property
    def _preset(self) -> FamilyConfig | None:
        return self._witness(self.pins, self.start, thorough=True)

    @cached_property
    def _conditional(self) -> frozenset[str]:
        return frozenset(axis for axis in self.config.model_fields if self.config.when(axis))

    def _offered(self, axis: str, values: Values, witness: Values) -> tuple[Range, Values]:
        """The part of the range that is valid given the values asked before, and the witness that shows that it is not
        empty, as its acting values. `witness` was one of some of those values."""
        found = self._witness(values, witness) or self._witness(values, witness, thorough=True)
        assert found is not None, "the induction: values that were offered have a witness"
        start = found.active()
        offered = self.ranges[axis].around(start[axis], lambda v: self._witness({**values, axis: v}, start) is not None)
        if isinstance(offered, Choices) and offered != self.ranges[axis]:
            raise UserError(
                f"space: {self.name}.{axis} must go with every setting of the axes asked before it",
                f"{self.ranges[axis]} with {values}",
                "Give it low and high, which can be narrowed, or leave out the choices that clash.",
            )
        return offered, start

    def _witness(
        self, values: Mapping[str, Any], start: Mapping[str, Any], thorough: bool = False
    ) -> FamilyConfig | None:
        """A valid config that holds `values`: elsewhere at `start`, else with one axis moved, else with all at one end.

        An interval moves to its ends, when `thorough` to each of its probes, the nearest first.
        """
        for rest in self._settings(values, start, thorough):
            try:
                config = self.build({**rest, **values})
            except ValidationError:
                continue
            if self.scene is None or self.scene.fits(config):
                return config
        return None

    def _settings(
        self, values: Mapping[str, Any], start: Mapping[str, Any], thorough: bool
    ) -> Iterator[Mapping[str, Any]]:
        yield start
        free = {axis: self.ranges[axis].probes for axis in self.searched if axis not in values}
        for axis, probes in free.items():
            every = thorough or isinstance(self.ranges[axis], Choices)
            moves = sorted(probes, key=partial(_distance, start.get(axis))) if every else (probes[0], probes[-1])
            yield from ({**start, axis: value} for value in moves)
        yield {**start, **{axis: probes[0] for axis, probes in free.items()}}
        yield {**start, **{axis: probes[-1] for axis, probes in free.items()}}

    def _options(self, axis: str) -> tuple[Any, ...]:
        if axis in self.searched:
            return self.ranges[axis].probes
        return (self.fixed.get(axis, self.config.model_fields[axis].default),)

    def _ancestors(self, axis: str) -> list[str]:
        found: list[str] = []
        for parent in self.config.when(axis):
            found += [name for name in (*self._ancestors(parent), parent) if name not in found]
        return found

    def _complaint(self) -> str:
        try:
            return str(self.build(self.start).active())
        except ValidationError as error:
            return f"{self.start}: {error.errors()[0]['msg']}"

    def _ask(self, trial: BaseTrial, axis: str, offered: Range) -> Scalar:
        name = f"{self.name}.{axis}"
        if isinstance(offered, Choices):
            return trial.suggest_categorical(name, offered.values)  # type: ignore[return-value]
        if offered.integer:
            low, high, step = int(offered.low), int(offered.high), int(offered.step or 1)
            return trial.suggest_int(name, low, high, step=step, log=offered.log)
        return trial.suggest_float(name, offered.low, offered.high, step=offered.step, log=offered.log)


def _distance(value: Any, other: Any) -> float:
    """For sorting probes by their nearness to a value."""
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (value, other))
    return abs(value - other) if numbers else float(value != other)

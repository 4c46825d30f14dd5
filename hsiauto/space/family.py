"""FamilySpace: the searched hyperparameters of one family, and the rules that tie them to each other and to a scene.

Which hyperparameters are active comes from the config's `when`. Which values go together comes from the config too: a
value is valid if building the config succeeds. A space never suggests an invalid combination, by induction: each
hyperparameter is offered only the values for which a *witness* exists, a valid setting of the hyperparameters that are
still to come; and the witness of a value is one for the next hyperparameter.

An interval is offered whole if both its ends have a witness: a rule between hyperparameters must hold between two
values if it holds at both (a bound does; divisibility does not and wants choices). Choices are suggested before
intervals (parents before children all the same), because Optuna lets an interval narrow from trial to trial but not a
set of choices.
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
from hsiauto.space.ranges import Choices, Interval, Range, Scalar
from hsiauto.space.scene_size import WINDOW, SceneSize

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
        """The hyperparameters to suggest, in order: choices first, none before its parents."""
        free = [name for name in self.config.model_fields if name in self.ranges and name not in self.pins]
        late: set[str] = set()
        for name in free:  # parents are declared before their children
            if not isinstance(self.ranges[name], Choices) or late & set(self.config.when(name)):
                late.add(name)
        return tuple(sorted(free, key=lambda name: name in late))

    @cached_property
    def start(self) -> Values:
        """The paper preset's active values, moved into the scene and the ranges, under the pins."""
        preset = self.config.preset("paper")
        values = self.scene.nearest(preset) if self.scene else preset.active()
        near = {name: self.ranges[name].nearest(value) for name, value in values.items() if name in self.ranges}
        return {**values, **near, **self.pins}

    @cached_property
    def fixed(self) -> Values:
        """Values that no trial moves: the pins, and the preset's on hyperparameters that are not searched."""
        return {name: value for name, value in self.start.items() if name not in self.searched}

    def suggest(self, trial: BaseTrial) -> FamilyConfig:
        """Suggest each active hyperparameter, parents first; every value is valid with those before it."""
        values, witness = dict(self.fixed), self.preset().active()
        for name in self.searched:
            if self.config.is_active(name, values):
                offered, witness = self._offered(name, values, witness)
                values[name] = self._suggest(trial, name, offered)
        return self.build(values)

    def distributions(self, config: FamilyConfig) -> dict[str, BaseDistribution]:
        """`<family>.<hyperparameter>` -> the distribution that `suggest` used on the way to `config`."""
        values, witness, found = dict(self.fixed), self.preset().active(), {}
        for name, value in self.params(config).items():
            offered, witness = self._offered(name, values, witness)
            if value not in offered:  # the space or the scene has changed since
                offered = self.ranges[name] if value in self.ranges[name] else self.ranges[name].only(value)
            found[f"{self.name}.{name}"] = offered.distribution
            values[name] = value
        return found

    def params(self, config: FamilyConfig) -> Values:
        """The searched hyperparameters that are active in `config`, in the order of suggestion."""
        active = config.active()
        return {name: active[name] for name in self.searched if name in active}

    def preset(self) -> FamilyConfig:
        """The paper preset under the pins, at the values of the space that are nearest to it."""
        if self._preset is None:
            raise UserError(
                f"space: a config of {self.name} must satisfy the rules between its hyperparameters and fit the scene",
                self.why_invalid(),
                "Change the pins or the ranges.",
            )
        return self._preset

    @property
    def exists(self) -> bool:
        """Whether a config fits the ranges, the pins and the scene."""
        return self._preset is not None

    def presets(self) -> tuple[FamilyConfig, ...]:
        """The paper preset, then the family's others in their order, each as `nearest`; equal ones once."""
        found = {self.preset().hash(): self.preset()}
        for name in self.config.presets:
            config = self.nearest(self.config.preset(name))
            if config is not None:
                found.setdefault(config.hash(), config)
        return tuple(found.values())

    def nearest(self, config: FamilyConfig) -> FamilyConfig | None:
        """The config of this space and scene that is nearest to `config`, value by value, within the rules between
        hyperparameters; those that are not searched keep the space's values. None if none was found.
        """
        values = self.scene.nearest(config) if self.scene else config.active()
        near = {name: self.ranges[name].nearest(value) for name, value in values.items() if name in self.searched}
        return self._witness(self.fixed, {**self.start, **near}, thorough=True)

    def witness(self, values: Mapping[str, Any]) -> FamilyConfig | None:
        """A valid config with `values` and some setting of the other hyperparameters; None if none was found."""
        return self._witness({**self.fixed, **values}, self.start)

    def without_inactive(self) -> "FamilySpace":
        """This space without the hyperparameters that its pins make inactive in every config."""
        inactive = {name for name in self.searched if self.active_context(name) is None}
        return replace(self, ranges={name: found for name, found in self.ranges.items() if name not in inactive})

    def restricted(self, scene: SceneSize) -> "FamilySpace":
        """This space without the values that the scene cannot feed. A hyperparameter that is left without a value keeps
        the nearest one; a hyperparameter that can no longer be active is dropped."""
        clipped = replace(self, scene=scene, ranges={name: self._clipped(name, scene) for name in self.ranges})
        kept = dict(clipped.ranges)
        for name in clipped.searched:  # then what no other hyperparameter can offset, e.g. a depth beyond every patch
            context = clipped.active_context(name)
            if context is None:
                del kept[name]
                continue
            valid = [v for v in kept[name].probes if clipped.witness({**context, name: v})]
            kept[name] = kept[name].narrowed(valid) or kept[name]
        return replace(clipped, ranges=kept)._without_clashes()

    def _without_clashes(self) -> "FamilySpace":
        """This space without the choices of a window that leave a choice of another no room within the buffer: of
        smoothing, which is declared first, rather than of what the model itself reads."""
        kept = dict(self.ranges)
        windows = [name for name in self.searched if name in WINDOW and isinstance(kept[name], Choices)]
        for name, other in itertools.combinations(windows, 2):
            ways = kept[other].probes
            valid = [v for v in kept[name].probes if all(self.witness({name: v, other: way}) for way in ways)]
            kept[name] = kept[name].narrowed(valid) or kept[name]
        return replace(self, ranges=kept)

    def _clipped(self, name: str, scene: SceneSize) -> Range:
        if name not in self.searched:
            return self.ranges[name]
        context = self.context(name)
        configs = {v: self.witness({**context, name: v}) for v in self.ranges[name].probes}
        nearest = {v: scene.nearest(config).get(name) for v, config in configs.items() if config}
        active = [near for near in nearest.values() if near is not None]
        if not active:  # clipping a parent made it inactive: `restricted` checks again, within the scene
            return self.ranges[name]
        found = self.ranges[name]
        if isinstance(found, Interval) and not found.step and not found.integer:  # its probes are its ends alone
            inside = [near for near in active if near in found]
            return replace(found, low=min(inside), high=max(inside)) if inside else found.only(active[0])
        return found.narrowed(v for v, near in nearest.items() if near == v) or found.only(active[0])

    def context(self, name: str) -> Values:
        """Values of its parents that make the hyperparameter active. Raises UserError when the space holds none."""
        found = self.active_context(name)
        if found is None:
            needs = " and ".join(f"{parent} {wanted}" for parent, wanted in self.config.when(name).items())
            raise UserError(
                f"space: {self.name}.{name} must be active in some config",
                f"a space in which it never is (it needs {needs})",
                "Leave it out, or let what it depends on take a value that makes it active.",
            )
        return found

    def active_context(self, name: str) -> Values | None:
        """The values of `context`; None when the space holds none."""
        parents = self._ancestors(name)
        for setting in itertools.product(*(self._options(parent) for parent in parents)):
            values = dict(zip(parents, setting, strict=True))
            if self.config.is_active(name, {**self.fixed, **values}):
                return values
        return None

    def build(self, values: Mapping[str, Any]) -> FamilyConfig:
        """The config of `values`, without those that are inactive in it. Raises pydantic's ValidationError."""
        kept: Values = {}
        for name in self.config.model_fields:
            if name in values and (name not in self._conditional or self.config.is_active(name, kept)):
                kept[name] = values[name]
        return self.config(**kept)

    @cached_property
    def _preset(self) -> FamilyConfig | None:
        return self._witness(self.pins, self.start, thorough=True)

    @cached_property
    def _conditional(self) -> frozenset[str]:
        return frozenset(name for name in self.config.model_fields if self.config.when(name))

    def _offered(self, name: str, values: Values, witness: Values) -> tuple[Range, Values]:
        """The part of the range that is valid given the values suggested before, and the active values of a witness,
        which shows that it is not empty. `witness` was one for some of those values."""
        found = self._witness(values, witness) or self._witness(values, witness, thorough=True)
        assert found is not None, "the induction: values that were offered have a witness"
        start = found.active()
        offered = self.ranges[name].around(start[name], lambda v: self._witness({**values, name: v}, start) is not None)
        if isinstance(offered, Choices) and offered != self.ranges[name]:
            raise UserError(
                f"space: {self.name}.{name} must go with every setting of the hyperparameters before it",
                f"{self.ranges[name]} with {values}",
                "Give it low and high, which can be narrowed, or leave out the choices that clash.",
            )
        return offered, start

    def _witness(
        self, values: Mapping[str, Any], start: Mapping[str, Any], thorough: bool = False
    ) -> FamilyConfig | None:
        """A valid config with `values`, elsewhere at `start`, else with one value moved, else with all at one end.

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
        free = {name: self.ranges[name].probes for name in self.searched if name not in values}
        for name, probes in free.items():
            every = thorough or isinstance(self.ranges[name], Choices)
            moves = sorted(probes, key=partial(_distance, start.get(name))) if every else (probes[0], probes[-1])
            yield from ({**start, name: value} for value in moves)
        yield {**start, **{name: probes[0] for name, probes in free.items()}}
        yield {**start, **{name: probes[-1] for name, probes in free.items()}}

    def _options(self, name: str) -> tuple[Any, ...]:
        if name in self.searched:
            return self.ranges[name].probes
        return (self.fixed.get(name, self.config.model_fields[name].default),)

    def _ancestors(self, name: str) -> list[str]:
        found: list[str] = []
        for parent in self.config.when(name):
            found += [name for name in (*self._ancestors(parent), parent) if name not in found]
        return found

    def why_invalid(self) -> str:
        try:
            return str(self.build(self.start).active())
        except ValidationError as error:
            return f"{self.start}: {error.errors()[0]['msg']}"

    def _suggest(self, trial: BaseTrial, hyperparameter: str, offered: Range) -> Scalar:
        name = f"{self.name}.{hyperparameter}"
        if isinstance(offered, Choices):
            return trial.suggest_categorical(name, offered.values)  # type: ignore[return-value]
        if offered.integer:
            low, high, step = int(offered.low), int(offered.high), int(offered.step or 1)
            return trial.suggest_int(name, low, high, step=step, log=offered.log)
        return trial.suggest_float(name, offered.low, offered.high, step=offered.step, log=offered.log)


def _distance(value: Any, other: Any) -> float:
    """Distance of a probe from a value, for sorting."""
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (value, other))
    return abs(value - other) if numbers else float(value != other)

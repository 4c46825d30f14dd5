"""Range: the values that a search may give to one hyperparameter, as Optuna's distribution and in words."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

Scalar = bool | int | float | str

MOST_PROBED = 64
"""An interval with no more values than this is probed value by value, a larger one at its ends."""


@dataclass(frozen=True)
class Interval:
    """Numbers from `low` to `high`, both included; integers when `integer`."""

    low: int | float
    high: int | float
    integer: bool
    log: bool = False
    step: int | float | None = None

    @property
    def distribution(self) -> BaseDistribution:
        if self.integer:
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=int(self.step or 1))
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    @property
    def probes(self) -> tuple[Scalar, ...]:
        """The values at which the range is checked, in order: all of a small grid, else the two ends."""
        step = self.step or (1 if self.integer else 0)
        if step and (count := math.floor((self.high - self.low) / step + 1e-9) + 1) <= MOST_PROBED:
            return tuple(self.low + k * step for k in range(count))
        return (self.low, self.high)

    def nearest(self, value: Scalar) -> Scalar:
        """The value of this range that is nearest to `value`; the clip is the same in a logarithmic interval."""
        assert not isinstance(value, str)
        clipped = min(max(value, self.low), self.high)
        if not self.step:
            return clipped
        steps = min(round((clipped - self.low) / self.step), math.floor((self.high - self.low) / self.step + 1e-9))
        return self.low + steps * self.step

    def narrowed(self, valid: Iterable[Scalar]) -> "Interval | None":
        """The longest run of neighbouring probes that are all valid; None without one."""
        valid = set(valid)
        best: list[Scalar] = []
        run: list[Scalar] = []
        for probe in self.probes:
            run = [*run, probe] if probe in valid else []
            best = run if len(run) > len(best) else best
        if not best:
            return None
        low, high = best[0], best[-1]
        assert not isinstance(low, str)
        assert not isinstance(high, str)
        return Interval(low, high, self.integer, self.log, self.step)

    def around(self, value: Scalar, valid: Callable[[Scalar], bool]) -> "Interval":
        """The run of valid values around `value`, which is one. A valid end stands for all between it and `value`."""
        ends: list[Scalar] = []
        for end, way in ((self.low, -1), (self.high, 1)):
            if valid(end):
                ends.append(end)
                continue
            reached = value
            for probe in self.probes[::way]:
                if (probe - value) * way > 0:  # type: ignore[operator]
                    if not valid(probe):
                        break
                    reached = probe
            ends.append(reached)
        low, high = ends
        assert not isinstance(low, str)
        assert not isinstance(high, str)
        return Interval(low, high, self.integer, self.log, self.step)

    def only(self, value: Scalar) -> "Interval":
        """The interval of this one value."""
        assert not isinstance(value, str)
        return Interval(value, value, self.integer, self.log, self.step)

    def __contains__(self, value: object) -> bool:
        if isinstance(value, bool | str) or not isinstance(value, int | float):
            return False
        distribution = self.distribution
        return bool(distribution._contains(distribution.to_internal_repr(value)))

    def __str__(self) -> str:
        extra = ", log" if self.log else f", step {self.step:g}" if self.step else ""
        return f"{self.low:g} to {self.high:g}{extra}"


@dataclass(frozen=True)
class Choices:
    """A set of values, unordered for the sampler."""

    values: tuple[Scalar, ...]

    @property
    def distribution(self) -> BaseDistribution:
        return CategoricalDistribution(self.values)

    @property
    def probes(self) -> tuple[Scalar, ...]:
        return self.values

    def nearest(self, value: Scalar) -> Scalar:
        """`value` itself, else the choice at the smallest distance (numbers), else the first."""
        if value in self or isinstance(value, str | bool):
            return value if value in self else self.values[0]
        numbers = [v for v in self.values if not isinstance(v, str | bool)]
        return min(numbers, key=lambda v: abs(v - value)) if numbers else self.values[0]

    def narrowed(self, valid: Iterable[Scalar]) -> "Choices | None":
        kept = set(valid)
        values = tuple(v for v in self.values if v in kept)
        return Choices(values) if values else None

    def around(self, value: Scalar, valid: Callable[[Scalar], bool]) -> "Choices":
        """The valid choices."""
        return Choices(tuple(v for v in self.values if v == value or valid(v)))

    def only(self, value: Scalar) -> "Choices":
        return Choices((value,))

    def __contains__(self, value: object) -> bool:
        return any(type(v) is type(value) and v == value for v in self.values)

    def __str__(self) -> str:
        return ", ".join(str(v) for v in self.values)


Range = Interval | Choices

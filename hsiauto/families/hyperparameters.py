"""A hyperparameter of a family: its default, bounds, meaning and source, and the conditions that make it active."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field


def hyperparameter(
    default: Any,
    meaning: str,
    *,
    source: str,
    unit: str = "",
    when: Mapping[str, object] | None = None,
    **bounds: Any,
) -> Any:
    """A config field: its default, meaning, unit, source and pydantic bounds (ge, gt, le, lt, multiple_of).

    `when` names the fields, declared before it, that make this one active: {"dgfr": True}, {"components": AtLeast(1)},
    {"components": Between(1, 31)}, or a tuple of several of these.
    An inactive field is absent from `active()`, from the space and from the hash, and may not be set.
    """
    extra: Any = {"unit": unit, "source": source, "when": dict(when or {})}
    return Field(default, description=meaning, json_schema_extra=extra, validate_default=True, **bounds)


@dataclass(frozen=True, repr=False)
class AtLeast:
    """A condition for `when`: the parent's value is this or more."""

    minimum: float

    def __repr__(self) -> str:
        return f">= {self.minimum:g}"


@dataclass(frozen=True, repr=False)
class Above:
    """A condition for `when`: the parent's value is more than this."""

    bound: float

    def __repr__(self) -> str:
        return f"> {self.bound:g}"


@dataclass(frozen=True, repr=False)
class Between:
    """A condition for `when`: the parent's value is one of these or between them."""

    minimum: float
    maximum: float

    def __repr__(self) -> str:
        return f"{self.minimum:g} to {self.maximum:g}"


def allows(wanted: object, value: Any) -> bool:
    """Whether a parent's `value` meets the condition `wanted`."""
    if isinstance(wanted, tuple):
        return any(allows(one, value) for one in wanted)
    if isinstance(wanted, AtLeast):
        return bool(value >= wanted.minimum)
    if isinstance(wanted, Above):
        return bool(value > wanted.bound)
    if isinstance(wanted, Between):
        return bool(wanted.minimum <= value <= wanted.maximum)
    return bool(value == wanted)


def in_words(condition: Mapping[str, object]) -> str:
    """`attention = msla and components = 0 or >= 67`."""
    return " and ".join(
        f"{field} {' or '.join(_word(one) for one in (wanted if isinstance(wanted, tuple) else (wanted,)))}"
        for field, wanted in condition.items()
    )


def _word(wanted: object) -> str:
    return str(wanted) if isinstance(wanted, AtLeast | Above | Between) else f"= {wanted}"

"""A search space file -> FamilySpaces, every mistake named by file, family and hyperparameter.

    cnn2d:
      depth: {low: 1, high: 4}
      learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}
      optimizer: {choices: [adam, adamw]}

YAML holds ranges only; what a hyperparameter means, when it is active and what bounds it is said by the config.
"""

import itertools
import math
from collections.abc import Mapping
from importlib import resources
from typing import Annotated, Any, NoReturn

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
)

from hsiauto.errors import UserError, shown
from hsiauto.families.base import FamilyConfig
from hsiauto.files import parse_yaml, read_yaml
from hsiauto.settings import typed_path
from hsiauto.space.family import FamilySpace
from hsiauto.space.ranges import Choices, Interval, Range


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


_Number = Annotated[StrictInt | StrictFloat, AfterValidator(_finite)]
_Choice = Annotated[StrictBool | StrictInt | StrictFloat | StrictStr, AfterValidator(_finite)]
_MOST_CHOICES, _MOST_STEPS = 100, 1_000_000
"""Choices are checked in pairs."""


class _IntervalText(BaseModel):
    model_config = ConfigDict(extra="forbid")
    low: _Number
    high: _Number
    log: StrictBool = False
    step: _Number | None = None


class _ChoicesText(BaseModel):
    model_config = ConfigDict(extra="forbid")
    choices: tuple[_Choice, ...]


def shipped() -> tuple[str, ...]:
    """Names of the spaces that come with hsiauto."""
    folder = resources.files("hsiauto.search_spaces")
    return tuple(sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")))


def read(name_or_path: str) -> tuple[str, dict[str, Any]]:
    """(file name for messages, its blocks) of a shipped space or a YAML file."""
    if name_or_path in shipped():
        file = f"{name_or_path}.yaml"
        blocks = parse_yaml((resources.files("hsiauto.search_spaces") / file).read_text(encoding="utf-8"), file)
    else:
        path = typed_path(name_or_path)
        if not path.exists():
            raise UserError(
                "space: must be a YAML file or one of " + ", ".join(shipped()),
                name_or_path,
                "Check the name or the path.",
            )
        file, blocks = str(path), read_yaml(path)
    if not blocks:
        raise UserError(f"{file}: must hold one block of hyperparameters for each family", "none", "Correct the file.")
    return file, blocks


def family_space(file: str, family: str, block: object, config: type[FamilyConfig]) -> FamilySpace:
    """The block of one family, its hyperparameters and ranges checked one by one. `checked` checks them together."""
    if not isinstance(block, dict):
        raise UserError(
            f"{file}: {family}: must be a block of `hyperparameter: range`",
            shown(block),
            "Write {} for no hyperparameter.",
        )
    return FamilySpace(
        config, {str(name): _range(Place(file, family, str(name)), r, config) for name, r in block.items()}
    )


def checked(file: str, space: FamilySpace) -> FamilySpace:
    """`space`, once each probed value was built into a config in which the hyperparameter is active."""
    preset = space.config.preset("paper").active()
    for name in space.searched:
        place = Place(file, space.name, name)
        if name in preset and preset[name] not in space.ranges[name]:
            place.fail(
                "must hold the paper preset's value", f"{space.ranges[name]}, without {preset[name]}", "Widen it."
            )
        context = space.context(name)
        for value in space.ranges[name].probes:
            if space.witness({**context, name: value}) is None:
                place.fail(_why(space, {**context, name: value}), value, "Change this end or choice.")
    choices = [name for name in space.searched if isinstance(space.ranges[name], Choices)]
    for a, b in itertools.combinations(choices, 2):
        for va, vb in itertools.product(space.ranges[a].probes, space.ranges[b].probes):
            if space.witness({**space.context(a), **space.context(b), a: va, b: vb}) is None:
                Place(file, space.name, b).fail(
                    f"each choice must go with each choice of {a}",
                    f"{vb} with {a} = {va}",
                    "Write one of the two as low and high, which narrow by themselves, or drop a choice.",
                )
    return space


class Place:
    """The place of a mistake in a space."""

    def __init__(self, file: str, family: str, name: str) -> None:
        self.file, self.family, self.name = file, family, name

    def fail(self, rule: str, received: object, remedy: str) -> NoReturn:
        raise UserError(f"{self.file}: {self.family}.{self.name}: {rule}", received, remedy)


def _range(place: Place, text: object, config: type[FamilyConfig]) -> Range:
    if place.name not in config.model_fields or place.name == "family":
        known = ", ".join(name for name in config.model_fields if name != "family")
        place.fail("must be a hyperparameter of the family", place.name, f"Its hyperparameters: {known}.")
    if not isinstance(text, dict) or ("choices" in text) == ("low" in text or "high" in text):
        place.fail("must be {low, high} with log or step, or {choices: [...]}", shown(text), "Write one of the two.")
    try:
        if "choices" in text:
            return _choices(place, _ChoicesText.model_validate({**text, "choices": _sequence(text["choices"])}), config)
        return _interval(place, _IntervalText.model_validate(text), config)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][:1])
        if isinstance(first["input"], str):
            place.fail(f"{where} must be a number", shown(first["input"]), f"{_number_hint(first['input'])}")
        place.fail(
            f"{where}: {first['msg'].removeprefix('Value error, ')}", shown(first["input"]), "Correct the range."
        )


def _sequence(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _interval(place: Place, text: _IntervalText, config: type[FamilyConfig]) -> Interval:
    types = {type(_typed(place, value, config)) for value in (text.low, text.high)}
    if types - {int, float}:
        place.fail(
            "low and high need a hyperparameter of numbers", f"{text.low}, {text.high}", "Write {choices: [...]}."
        )
    if not text.low < text.high:
        place.fail("low must be below high", f"{text.low} and {text.high}", "Swap or widen them.")
    if text.log and (text.step is not None or text.low <= 0):
        place.fail(
            "a log hyperparameter has no step and starts above 0",
            f"low {text.low}, step {text.step}",
            "Drop log or step.",
        )
    if text.step is not None and not text.high - text.low >= text.step > 0:
        place.fail("the step of low and high must be above 0 and at most their distance", text.step, "Change it.")
    if text.step is not None and text.high - text.low > _MOST_STEPS * text.step:
        place.fail(f"a range must have at most {_MOST_STEPS:,} steps", text.step, "Drop it or raise it.")
    integer = types == {int}
    if integer and text.step is not None and int(text.step) != text.step:
        place.fail("the step of an integer hyperparameter must be an integer", text.step, "Round it.")
    low, high, step = (text.low, text.high, text.step) if not integer else (int(text.low), int(text.high), text.step)
    if step is not None and abs((high - low) / step - round((high - low) / step)) > 1e-9:
        place.fail(
            "high must be a whole number of steps above low", f"{low} to {high}, step {step}", "Move one of them."
        )
    return Interval(low, high, integer, text.log, step)


def _choices(place: Place, text: _ChoicesText, config: type[FamilyConfig]) -> Choices:
    if not text.choices:
        place.fail("choices must not be empty", "[]", "List at least one value.")
    if len(text.choices) > _MOST_CHOICES:
        place.fail(f"at most {_MOST_CHOICES} choices", len(text.choices), "Write low and high.")
    values = tuple(_typed(place, value, config) for value in text.choices)
    if len(set(values)) < len(values):
        place.fail("choices must differ", list(text.choices), "Drop the repeated one.")
    return Choices(values)


def _typed(place: Place, value: Any, config: type[FamilyConfig]) -> Any:
    """`value` as the config's field takes it. Rules between hyperparameters come later, in `checked`."""
    try:
        typed = parse_value(config, place.name, value)
    except ValidationError as error:
        place.fail(
            error.errors()[0]["msg"], shown(value), _number_hint(value) if isinstance(value, str) else "Change it."
        )
    if isinstance(value, str) and not isinstance(typed, str):
        place.fail("must be a number", shown(value), _number_hint(value))
    if isinstance(typed, int | float) and isinstance(value, bool) != isinstance(typed, bool):
        place.fail("must not mix numbers with true and false", shown(value), "Change it.")
    return typed


def parse_value(config: type[FamilyConfig], name: str, value: Any) -> Any:
    """`value` parsed and bounded by one field of a config alone. Raises pydantic's ValidationError."""
    field = config.model_fields[name]
    bounded: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    return TypeAdapter(bounded).validate_python(value)


def _number_hint(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return "Write a value that the hyperparameter takes."
    mantissa, _, exponent = text.lower().partition("e")
    return (
        f"Write {mantissa}.0e{exponent}: YAML reads {text} as text."
        if exponent and "." not in mantissa
        else (f"Write {number:g} without quotes.")
    )


def _why(space: FamilySpace, values: Mapping[str, Any]) -> str:
    try:
        space.build({**space.start, **space.fixed, **values})
    except ValidationError as error:
        return error.errors()[0]["msg"].removeprefix("Value error, ")
    return "must fit the scene"

"""Every number has a lower and an upper bound; one that lies outside is one line and exit code 2."""

import math
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

import annotated_types
import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hsiauto import ablation, runs
from hsiauto.ablation.definition import Definition
from hsiauto.ablation.record import Asked
from hsiauto.cli import estimate
from hsiauto.cli.app import make_app
from hsiauto.config import RunConfig, declared
from hsiauto.families import FAMILIES
from hsiauto.models.bundle.content import Card
from hsiauto.scene.source import SceneSource
from hsiauto.service import run as service
from hsiauto.split.model import SplitSpec
from hsiauto.training.active.recipe import ActiveLabels
from tests.cli.conftest import Run

MODELS: tuple[type[BaseModel], ...] = (RunConfig, SceneSource, SplitSpec, ActiveLabels, Asked, Definition, Card)


def numbers(hint: Any, metadata: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The metadata of each number in a type, its unions and tuples; a mapping's values belong to another config."""
    if get_origin(hint) is Annotated:
        yield from numbers(get_args(hint)[0], (*metadata, *get_args(hint)[1:]))
    elif hint in (int, float):
        yield metadata
    elif get_origin(hint) is not dict:
        for part in get_args(hint):
            yield from numbers(part, metadata)


def bounded(metadata: tuple[Any, ...]) -> bool:
    marks = [m for one in metadata for m in (one.metadata if isinstance(one, FieldInfo) else [one])]
    low, high = _bounds(marks, "ge", "gt"), _bounds(marks, "le", "lt")
    finite = any(getattr(m, "allow_inf_nan", None) is False for m in marks)  # as far as floats reach
    return finite or (bool(low and high) and all(map(math.isfinite, (*low, *high))))


def _bounds(marks: list[Any], *names: str) -> list[float]:
    return [value for m in marks for name in names if (value := getattr(m, name, None)) is not None]


@pytest.mark.parametrize("model", [*MODELS, *FAMILIES.values()], ids=lambda model: model.__name__)
def test_every_number_of_a_config_is_bounded(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        for metadata in numbers(field.annotation, tuple(field.metadata)):
            assert bounded(metadata), f"{model.__name__}.{name}: declare ge and le"


def test_the_walk_sees_what_has_no_bounds() -> None:
    class Loose(BaseModel):
        one: int = 1
        half: Annotated[float | None, annotated_types.Ge(0)] = None
        several: tuple[Annotated[int, annotated_types.Le(3)], ...] = ()
        nested: Annotated[float, annotated_types.Ge(0), annotated_types.Le(math.inf)] | str = 1.0

    for field in Loose.model_fields.values():
        assert not any(bounded(metadata) for metadata in numbers(field.annotation, tuple(field.metadata)))


COMMANDS = (
    "search",
    "train",
    "refit",
    "study",
    "submit",
    "predict",
    "estimate",
    "split",
    "leaderboard",
    "show",
    "families",
    "serve",
)
NEEDED = {
    "train": ("svm",),
    "refit": ("run", "--split-seed", "1"),
    "study": ("cpdgal_size",),
    "predict": ("bundle", "demo", "--out", "m.png"),
    "serve": ("--root", "served"),
}
"""What a command cannot do without."""


def numeric_options() -> Iterator[tuple[str, str]]:
    """(command, option) of every number, each at its first command."""
    seen = set()
    for command in COMMANDS:
        for argument in make_app()[command].assemble_argument_collection():
            name, of = argument.names[0], declared().get(argument.names[0].removeprefix("--"))
            hint = of.info.annotation if of is not None and command in of.setting.commands else argument.hint
            if name not in seen and any(True for _ in numbers(hint)):
                seen.add(name)
                yield command, name


OPTIONS = list(numeric_options())
WRONG = ("1" + "0" * 30, "-1" + "0" * 30, "nan", "inf", "1e400", "", "\uff11\uff12")
FILL_VALUES = WRONG[:2]


def test_the_options_that_are_numbers_are_found() -> None:
    found = {name for _, name in OPTIONS}
    assert len(OPTIONS) > 35
    assert found > {"--seeds", "--top", "--split-seed", "--time-limit", "--ignore-labels", "--drop-bands", "--nodata"}


@pytest.mark.parametrize("value", ["9" * 5000, "\u00b2", "\u0661", "1\0", " ", "0x10", "1__0", "5\n5"])
@pytest.mark.parametrize("option", ["--budget", "--time-limit", "--seed", "--min-pixels-per-second", "--ignore-labels"])
def test_a_number_in_other_letters(run: Run, monkeypatch: pytest.MonkeyPatch, option: str, value: str) -> None:
    refused(run, monkeypatch, "search", option, value)


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_a_number_out_of_bounds(run: Run, monkeypatch: pytest.MonkeyPatch, command: str, option: str) -> None:
    for value in WRONG:
        if option != "--nodata" or value not in FILL_VALUES:
            refused(run, monkeypatch, command, option, value)


def refused(run: Run, monkeypatch: pytest.MonkeyPatch, command: str, option: str, value: str) -> None:
    """Checks that the option is refused in a line that names it, before the command goes on."""

    def reached(*_: object, **__: object) -> None:
        raise AssertionError(f"{command} went on with {option} {value!r}")

    for where, name in ((runs, "search"), (runs, "train"), (runs, "refit"), (runs, "predict"), (ablation, "run")):
        monkeypatch.setattr(where, name, reached)
    monkeypatch.setattr(estimate, "_estimate", reached)
    monkeypatch.setattr(service, "serve", reached)
    code, out, error = run(command, *NEEDED.get(command, ()), option, value)
    assert (code, out) == (2, "")
    assert error.startswith("error: ")
    assert option in error
    assert len(error) < 400
    assert len(error.splitlines()) == 1

"""The options of a command: those that RunConfig declares, beside the command's own; and what was given of them."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from cyclopts import Group, Parameter
from cyclopts.token import Token
from pydantic import TypeAdapter, ValidationError

from hsiauto.cli.console import with_options
from hsiauto.config import Command, Declared, declared, run_config_from
from hsiauto.errors import UserError, refusal, shown
from hsiauto.settings import Pixels, Port, Repeats, Requests, Seed, TypedPath

_ORDER = (
    *("What is trained", "Cells", "Scene", "Evaluation protocol", "Budget", "Search", "Search, advanced", "Refit"),
    *("Labels (active learning)", "Machine", "Run folder"),
)
GROUPS: Mapping[str, Group] = {name: Group(name, sort_key=place) for place, name in enumerate(_ORDER)}
_RUN = GROUPS["Run folder"]


def _read_as(kind: Any) -> Callable[[Any, Sequence[Token]], Any]:
    """A converter that reads an option of a command as RunConfig reads its own: same spellings, same bounds."""

    def convert(_: Any, tokens: Sequence[Token]) -> Any:
        try:
            return TypeAdapter(kind).validate_python(tokens[0].value)
        except ValidationError as invalid:
            broken = refusal(invalid)
            raise UserError(broken.rule, broken.received or shown(tokens[0].value), broken.remedy) from invalid

    return convert


SomeRuns = Annotated[int, Parameter(converter=_read_as(Repeats), allow_leading_hyphen=True)]
SomePixels = Annotated[int, Parameter(converter=_read_as(Pixels), allow_leading_hyphen=True)]
SomeRequests = Annotated[int, Parameter(converter=_read_as(Requests), allow_leading_hyphen=True)]
PortNumber = Annotated[int, Parameter(converter=_read_as(Port), allow_leading_hyphen=True)]
SeedNumber = Annotated[int, Parameter(converter=_read_as(Seed), allow_leading_hyphen=True)]
PathName = Annotated[Path, Parameter(converter=_read_as(TypedPath))]
Out = Annotated[PathName | None, Parameter(group=_RUN, help="New or empty. [default: runs/<dataset>-<time>]")]
Resume = Annotated[
    PathName | None,
    Parameter(group=_RUN, help="Go on with this run, with its own settings; a larger --budget extends it."),
]
Config = Annotated[
    PathName | None,
    Parameter(
        group=_RUN,
        help="YAML file of options without their dashes, such as budget: 200; the command line wins. Each run folder "
        "has its own, run.yaml, which makes the same run again.",
    ),
]
Set = Annotated[
    list[str] | None,
    Parameter(
        name="--set",
        group=GROUPS["What is trained"],
        negative="",
        metavar="NAME=VALUE",
        help="Change a hyperparameter, e.g. depth=6, in a study cpdgal.depth=6; may be given again.",
    ),
]
Json = Annotated[bool, Parameter(negative="", show_default=False, help="One JSON object a line.")]


@dataclass(frozen=True)
class Given:
    """What was given, on the command line or in the file of --config."""

    settings: Mapping[str, Any]
    """{name: value}, of those that RunConfig declares."""
    names: tuple[str, ...]
    """All of them, without dashes."""

    def refuse_all_but(self, allowed: tuple[str, ...], rule: str, remedy: str) -> None:
        """Raises UserError for whatever else was given."""
        if strange := [f"--{name}" for name in self.names if name not in allowed]:
            raise UserError(rule, " ".join(strange), remedy)

    def changes_of_resume(self, command: Command, *more: str) -> dict[str, Any]:
        """{field: value} of what a resumed run takes anew. Raises UserError for whatever else was given."""
        allowed = {name: one for name, one in declared(command).items() if one.setting.on_resume}
        listed = ", ".join(f"--{name}" for name in (*allowed, *more))
        rule = f"--resume goes on with the run's own settings; only {listed} go with it"
        self.refuse_all_but(("resume", *allowed, *more), rule, "Leave it out, or start a new run.")
        made = run_config_from(command, self.settings)
        return {allowed[name].field: allowed[name].value_in(made) for name in self.settings}


def with_settings(command: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a function the options that RunConfig declares for `command`. Its first parameter is what was given.

    The values stay the text that was typed: RunConfig reads them, as it reads those of a file.
    """
    settings = {one.name.replace("-", "_"): one for one in declared(command).values()}

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        own = list(inspect.signature(function).parameters.values())[1:]
        made = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=parameter(one))
            for name, one in settings.items()
        ]

        def call(*positional: Any, **typed: Any) -> Any:
            names = [name.strip("_") for name in typed]
            names += [p.name for p, _ in zip(own, positional, strict=False)]
            values = {settings[name].name: typed.pop(name) for name in list(typed) if name in settings}
            given = Given(values, tuple(name.replace("_", "-") for name in names))
            return function(given, *positional, **typed)

        call.__name__, call.__doc__, call.__module__ = function.__name__, function.__doc__, function.__module__
        call.__signature__ = inspect.Signature([*own, *made])  # type: ignore[attr-defined]
        return call

    return decorate


def parameter(one: Declared) -> Any:
    """The type of an option, and how it is printed."""
    hint, choices = kind(one)
    setting, default = one.setting, one.info.default
    plain = isinstance(default, str | int | float) and hint is not bool
    told = setting.default or (str(default) if plain else "")
    about = Parameter(
        name=f"--{one.name}",
        group=GROUPS[setting.group],
        help=with_options(" ".join((one.info.description or "").split())),
        show_default=(lambda _: told) if told else False,
        negative=f"--no-{one.name}" if hint is bool else "",
        allow_leading_hyphen=hint in (int, float),
        choices=choices or None,
        metavar=setting.metavar
        or ("CHOICE" if choices else {int: "INT", float: "FLOAT", Path: "PATH"}.get(hint, "STR")),
    )
    if hint is bool:
        return Annotated[bool | None, about]
    return Annotated[list[str] | None, about] if setting.repeated else Annotated[str | None, about]


def kind(one: Declared) -> tuple[type, tuple[str, ...]]:
    """The plain type of a setting, of several the first but None, and its choices."""
    hint: Any = one.info.annotation
    while get_origin(hint) in (Annotated, Union, UnionType):
        hint = next(part for part in get_args(hint) if part is not type(None))
    choices = get_args(hint) if get_origin(hint) is Literal and not one.setting.metavar else ()
    return (hint if isinstance(hint, type) else str), choices

"""Errors that a user can act on: the rule, the value received, the remedy."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 80
_LONGEST_RULE, _LONGEST_RECEIVED, _LONGEST_REMEDY = 500, 600, 2000
"""Characters of a message's parts: a path and a reason; where to get a scene, with checksums."""
_LONGEST_NAME = 100
"""Characters of a name to which a nearest one is looked for, in quadratic time."""


class UserError(ValueError):
    """Bad input. The command line prints it as one line and exits with code 2.

    `rule` says what must hold, `received` what came instead, `remedy` what to do about it. Settings stand in backticks.
    However long a value is that one of them quotes, and however many lines another library's message has: the error
    has one line, of limited length.
    """

    def __init__(self, rule: str, received: object = None, remedy: str = "") -> None:
        self.rule, self.received, self.remedy = rule, received, remedy
        parts = [one_line(rule, _LONGEST_RULE).rstrip(".")]
        if received is not None:
            parts.append(f"received {one_line(received, _LONGEST_RECEIVED)}")
        message = "; ".join(parts)
        super().__init__(f"{message}. {one_line(remedy, _LONGEST_REMEDY)}".rstrip() if remedy else message)

    def __reduce__(self) -> tuple[type[UserError], tuple[str, object, str]]:
        return type(self), (self.rule, self.received, self.remedy)  # survives the way back from a worker


class RayLost(RuntimeError):  # noqa: N818 - as in "Ray was lost"
    """Ray did not start, or ended during a run. What was done is kept, and a resume goes on."""


def one_line(text: object, longest: int = _LONGEST_RECEIVED) -> str:
    """`str` of something, its lines joined, without its middle if it has more than `longest` characters."""
    try:
        whole = str(text)
    except ValueError:  # Python prints no int of more than 4,300 digits
        whole = "a number of too many digits"
    if len(whole) > longest:
        whole = f"{whole[: longest * 2 // 3]} ... {whole[-longest // 4 :]}"
    return " ".join(line for part in whole.splitlines() if (line := part.strip()))


def shown(value: object) -> str:
    """`repr` of a value that somebody else wrote, cut to the length of a line."""
    try:
        return _SHOWN.repr(value)
    except ValueError:  # as above
        return "a number of too many digits"


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """The remedy for a name that is unknown: the nearest known one, else `otherwise`."""
    close = get_close_matches(name[:_LONGEST_NAME], list(known), 1)
    return f"Did you mean {close[0]}?" if close else otherwise


def refusal(
    invalid: ValidationError, where: str = "", remedy: str = "", names: Mapping[str, str] | None = None
) -> UserError:
    """The first rule that pydantic found broken. `where` precedes the field's name: "study mine: ", "svm."; `names` are
    other names of fields.

    A rule over several fields names them itself, so no value is quoted.
    """
    first = invalid.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    if names and path:
        path = [f"`{names.get(path[0], path[0])}`"]  # what follows is which member of a union was tried
    cause = first.get("ctx", {}).get("error")
    named = where + ".".join(path) if path else where.rstrip(":. ")
    prefix = f"{named}: " if named else ""
    if isinstance(cause, UserError):
        return UserError(f"{prefix}{cause.rule}", cause.received, cause.remedy or remedy)
    rule = first["msg"].removeprefix("Value error, ")
    return UserError(f"{prefix}{rule}", shown(first["input"]) if path else None, remedy)

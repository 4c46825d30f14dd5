"""A case: files, a command line, and what must come of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

Make = Callable[[Path], object]
"""Writes the files of a case into its folder, which already holds those of the template."""
Check = Callable[[Path], str]
"""What is wrong with what an accepted case wrote; empty: nothing."""

REFUSED, ACCEPTED = (2,), (0,)
EITHER = (0, 2)
"""The format leaves it open; if it is accepted, the result must be right."""


@dataclass(frozen=True)
class Case:
    """One hostile input."""

    name: str
    argv: tuple[str, ...]
    make: Make | None = None
    codes: tuple[int, ...] = REFUSED
    words: str = ""
    """A regular expression that is found in the error."""
    told: str = ""
    """A regular expression that is found in the output of an accepted case."""
    check: Check | None = None
    writes: tuple[str, ...] = ()
    """Patterns of files that may be new or changed if it is accepted."""
    makes: tuple[str, ...] = ()
    """The same if it is refused."""
    unprivileged: bool = False
    """Run as another user if the tests run as root, who may read and write everything."""
    quick: bool = False
    """Whether CI runs it."""
    kind: str = ""


def of_kind(kind: str, cases: Iterable[Case], quick: int = 4) -> list[Case]:
    """The cases of a kind, `quick` of them, evenly spread, marked as such unless some already are."""
    found = [replace(case, kind=kind) for case in cases]
    assert len({case.name for case in found}) == len(found), f"two cases of {kind} have one name"
    if not any(case.quick for case in found):
        step = -(-len(found) // quick)
        found = [replace(case, quick=place % step == 0) for place, case in enumerate(found)]
    return found

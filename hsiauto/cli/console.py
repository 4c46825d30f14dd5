"""What the command line writes to: two consoles, and messages in which settings have the names of options."""

import re
import sys
from functools import cache

from rich.console import Console

_OWN = ("out", "layers", "overwrite", "config", "resume", "recipe", "preset", "seeds", "splits", "cells", "top")
"""Options that commands have beside those of RunConfig."""
_QUOTED = re.compile(r"`([a-z][a-z_.]*)`")


ENOUGH = 10_000
"""Columns in which every table fits."""


def output(*, wide: bool = False) -> Console:
    """The console of results; lines of a pipe, or if `wide`, are as long as they must be."""
    return Console(highlight=False, width=ENOUGH if wide or not Console().is_terminal else None)


def errors() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str, console: Console, *, style: str | None = None, whole: bool = False) -> None:
    """Print text that is no markup; settings become options. Lines wrap at words unless they stay `whole`, as paths."""
    console.print(with_options(text), markup=False, highlight=False, soft_wrap=whole or None, style=style)


def with_options(text: str) -> str:
    """ "`block_size` belongs to ..." -> "--block-size belongs to ..."; other words in backticks stay."""
    return _QUOTED.sub(lambda found: _options().get(found[1], found[0]), text)


@cache
def _options() -> dict[str, str]:
    from hsiauto.config import declared

    names = {name: f"--{name}" for name in _OWN}
    for one in declared().values():
        dotted = f"{one.part}.{one.field}" if one.part else one.field
        names |= {dotted: f"--{one.name}", one.name.replace("-", "_"): f"--{one.name}"}
        names.setdefault(one.field, f"--{one.name}")
    return names


def write_anywhere() -> None:
    """Let a console that has no "±" print "?" instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")

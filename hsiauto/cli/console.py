"""What the command line writes to: two consoles, and messages in which settings have the names of options.

Names of classes, descriptions of files, reasons in a journal: what is printed was often written by somebody else. These
consoles print all of it as text.
"""

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

_OWN = (
    *("out", "layers", "overwrite", "vectorize", "min_pixels", "config", "resume", "recipe", "preset"),
    *("seeds", "splits", "cells", "top"),
)
"""Options that commands have beside those of RunConfig."""
_QUOTED = re.compile(r"`([a-z][a-z_.]*)`")
_OBEYED = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e007f]"
)
"""Characters that a terminal obeys or hides: escape codes, returns, those that turn the direction of a line."""


_STDERR = 2
ENOUGH = 10_000
"""Columns in which every table fits."""


class PlainConsole(Console):
    """A console to which every string is text: no markup, no emoji, nothing that a terminal obeys."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(printable(text), **how)


def printable(text: str) -> str:
    """`text` with `\\x1b` instead of an escape, and so on; lines and tabs stay."""
    return _OBEYED.sub(lambda found: ascii(found[0])[1:-1], text)


def output(*, wide: bool = False) -> Console:
    """The console of results; lines of a pipe, or if `wide`, are as long as they must be."""
    found = Console()
    return PlainConsole(width=ENOUGH if wide or not (found.is_terminal or found.is_jupyter) else None)


def errors() -> Console:
    return PlainConsole(stderr=True, soft_wrap=True)


def say(text: str, console: Console, *, style: str | None = None, whole: bool = False) -> None:
    """Print text; settings become options. Lines wrap at words unless they stay `whole`, as paths."""
    console.print(with_options(text), soft_wrap=whole or None, style=style)


def with_options(text: str) -> str:
    """ "`block_size` belongs to ..." -> "--block-size belongs to ..."; other words in backticks stay."""
    return _QUOTED.sub(lambda found: _options().get(found[1], found[0]), text)


@cache
def _options() -> dict[str, str]:
    from hsiauto.config import declared

    names = {name: f"--{name.replace('_', '-')}" for name in _OWN}
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


def keep_streams() -> None:
    """Let no console end a command: one that is closed is /dev/null, and one whose reader has gone becomes that.

    A closed one would else be the number of the next file that is opened: a journal, into which libraries print.
    """
    while (handle := os.open(os.devnull, os.O_RDWR)) <= _STDERR:  # the lowest one that is free
        os.set_inheritable(handle, True)
    os.close(handle)
    for handle, name in enumerate(("stdout", "stderr"), start=1):
        stream = getattr(sys, name) or open(handle, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        setattr(sys, name, _Kept(stream))


class _Kept:
    """A stream that nobody may read any more: the reader of a pipe has ended, the terminal was closed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._left():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._left():
            self._stream.flush()

    @contextmanager
    def _left(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

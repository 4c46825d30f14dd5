"""How a command that computes ends: what it has to say, the run folder, the exit code."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import typer
from rich.console import Console


class Ended(Protocol):
    """What is left of a run."""

    @property
    def folder(self) -> Path: ...
    @property
    def messages(self) -> Sequence[str]: ...
    @property
    def exit_code(self) -> int: ...


def end(run: Ended, console: Console) -> None:
    """Print the messages and the folder. Raises typer.Exit for an exit code that is not 0."""
    for line in run.messages:
        console.print(line, markup=False, highlight=False)
    console.print(f"\nrun folder: {run.folder}", markup=False, highlight=False, soft_wrap=True)
    if run.exit_code:
        raise typer.Exit(run.exit_code)

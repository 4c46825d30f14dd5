"""How a command that computes ends: what it has to say, the run folder, the exit code."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from hsiauto.cli.console import output, say

if TYPE_CHECKING:
    from hsiauto import ablation, runs


class Ended(Protocol):
    """What is left of a run."""

    @property
    def folder(self) -> Path: ...
    @property
    def exit_code(self) -> int: ...


def run_messages(result: "runs.Result", goes_on: str | None) -> list[str]:
    """What a reader of the leaderboard must be told. goes_on: the command that goes on; None: there is none."""
    lines = [*(f"note: {note}" for note in result.notes), *(f"warning: {text}" for text in result.warnings)]
    lines += result.statements
    if result.map_left_out:
        lines.append("the time left could not hold the map of the whole scene; `hsiauto predict` draws one")
    if result.skipped_refits:
        lines.append(
            f"the time limit left out {result.skipped_refits} refits; `{goes_on}` finishes the search first if it is "
            "not done, then trains them, with the same time limit counted anew unless another is given"
        )
    if result.interrupted:
        ended = result.lost or "interrupted"
        lines.append(f"{ended}; `{goes_on}` goes on" if goes_on else f"{ended}; what was scored is in the table")
    return lines


def study_messages(result: "ablation.Result") -> list[str]:
    """What a reader of a study's table must be told."""
    goes_on = f"hsiauto study --resume {result.folder}"
    lines = [*result.statements]
    if result.skipped:
        lines.append(f"the time limit left out {result.skipped} trainings; `{goes_on}` trains them")
    if result.interrupted:
        lines.append(f"{result.lost or 'interrupted'}; `{goes_on}` goes on")
    return lines


def end_run(result: "runs.Result", goes_on: str | None = None) -> int:
    """Print the leaderboard of a run and what must be said of it; the exit code. goes_on: as in `run_messages`."""
    from hsiauto.cli.leaderboard_table import print_leaderboard

    print_leaderboard(result.table, output())
    return end(result, run_messages(result, goes_on))


def end(run: Ended, messages: Iterable[str]) -> int:
    """Print the messages and the folder; the exit code."""
    console = output()
    for line in messages:
        say(line, console)
    say(f"\nrun folder: {run.folder}", console, whole=True)
    return run.exit_code

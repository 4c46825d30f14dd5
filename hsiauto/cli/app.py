"""The application: all commands, and what an error looks like."""

import errno
import re
import warnings
from typing import Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from hsiauto.cli import datasets, estimate, inspect, run, study, submit
from hsiauto.errors import UserError

BAD_INPUT, INTERRUPTED = 2, 130
_REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS)


def as_options(text: str) -> str:
    """`text` with settings as options: `block_size` is --block-size here."""
    return re.sub(r"`([a-z_]+)`", lambda name: "--" + name[1].replace("_", "-"), text)


class _Commands(TyperGroup):
    """Every expected failure is one line and an exit code; anything else is a bug and keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        errors = Console(stderr=True, highlight=False, soft_wrap=True)
        try:
            return super().invoke(ctx)
        except UserError as error:
            errors.print(f"error: {as_options(str(error))}", markup=False)
            raise typer.Exit(BAD_INPUT) from error
        except KeyboardInterrupt as interrupt:
            errors.print("interrupted")
            raise typer.Exit(INTERRUPTED) from interrupt
        except OSError as error:
            if error.errno not in _REFUSED:
                raise
            place = error.filename or "a file"
            errors.print(f"error: cannot write {place}: {error.strerror}. What was done before is kept", markup=False)
            raise typer.Exit(BAD_INPUT) from error


app = typer.Typer(
    name="hsiauto",
    cls=_Commands,
    help="AutoML for hyperspectral images that its users can believe.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command()(run.search)
app.command()(run.train)
app.command()(run.refit)
app.command("study")(study.command)
app.command("submit", context_settings=submit.CONTEXT)(submit.command)
app.command()(run.predict)
app.command("estimate")(estimate.command)
app.command()(inspect.leaderboard)
app.command()(inspect.show)
app.command()(inspect.families)
app.add_typer(datasets.app, name="datasets")


def main() -> None:
    """Run the command line."""
    warnings.filterwarnings("ignore", category=FutureWarning)  # of dependencies, to developers; the tests see them
    app()

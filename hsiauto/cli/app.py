"""The application: all commands, and what an error looks like."""

import errno
import os
import sys
import warnings

import click
import typer
from rich.console import Console

from hsiauto.cli import datasets, inspect, run
from hsiauto.errors import UserError

app = typer.Typer(
    name="hsiauto",
    help="AutoML for hyperspectral images that its users can believe.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command()(run.search)
app.command()(run.train)
app.command()(run.refit)
app.command()(run.predict)
app.command()(inspect.leaderboard)
app.command()(inspect.show)
app.command()(inspect.families)
app.add_typer(datasets.app, name="datasets")


def main() -> None:
    """Run the command line; every expected failure is one line and an exit code."""
    warnings.filterwarnings("ignore", category=FutureWarning)  # of dependencies, to developers; CI's tests see them
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        code = app(standalone_mode=False)
    except UserError as error:
        errors.print(f"error: {error}", markup=False)
        code = 2
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.exceptions.Exit as error:
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        errors.print("interrupted")
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `hsiauto ... | head` is no failure
        code = 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT):
            raise
        errors.print(
            f"error: cannot write {error.filename or 'a file'}: {error.strerror}. Free some space or "
            "choose another folder; what was done before is kept",
            markup=False,
        )
        code = 2
    sys.exit(code if isinstance(code, int) else 0)

"""The application: all commands, and what an error looks like.

A command is imported when it is called, and imports what it computes with when it runs: `--help` costs no torch.
"""

import errno
import os
import sys
import warnings
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from hsiauto.cli.config_file import read_config_file
from hsiauto.cli.console import PlainConsole, errors, say, with_options, write_anywhere
from hsiauto.cli.signals import exit_code
from hsiauto.errors import UserError

BAD_INPUT, INTERRUPTED = 2, 130
_BROKEN = (errno.EIO, errno.ESTALE)
"""A disk that fails, or a network's that has gone."""
_REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, *_BROKEN)

_ESTIMATE = """Parameters, multiply-adds, memory and seconds of configs on this machine, before anything is searched.

First every family's preset, then the smallest and the largest config of its space, each with the CPUs that a trial of \
a search has. Some seconds for each of them; what was timed, and what follows from it, is said. Nothing is written."""
_COMMANDS = {
    "search": (
        "run:search",
        "Search the best classifier for a scene, retrain it over several seeds, export it, write the leaderboard.",
    ),
    "train": ("run:train", "Train one config without a search: the same rows, the same sealed test, the same bundle."),
    "refit": (
        "run:refit",
        "Repeat the refit on a split: ranked configs, the best classical one, baselines, references.",
    ),
    "study": ("study:study", "Train the grid of an ablation over several seeds; print its table, draw its figure."),
    "submit": (
        "submit:submit",
        "Hand a command to a Ray cluster as a job, and follow its log to the end; the exit code is the job's.",
    ),
    "serve": ("serve:app", "The search as a service: an API and a page for people who share this machine; tokens."),
    "remote": ("remote:app", "Runs on a service: log in, upload, run, follow, stop, resume, download."),
    "predict": ("run:predict", "Classify a scene with an exported model."),
    "bundle": ("bundle:app", "Exported models: show what one is, verify its files."),
    "export": ("export:export", "Write an exported model as ONNX or torch.export, for programs without hsiauto."),
    "estimate": ("estimate:estimate", _ESTIMATE),
    "split": ("split:split", "Show who would train, validate and test on a scene, how far apart, before a search."),
    "leaderboard": ("inspect:leaderboard", "Print the leaderboard of a run."),
    "compare": ("compare:compare", "Compare the winners of runs of one split on their test pixels."),
    "report": ("inspect:report", "Write a run as one page that needs no network."),
    "show": ("inspect:show", "What a trial was, what became of it, and why."),
    "families": ("families:families", "List the architecture families, or the hyperparameters of one."),
    "datasets": ("datasets:app", "Known scenes: list, fetch, verify."),
}
"""Name -> where it is defined, and its line in the list of commands."""


def make_app(*, reads_config: bool = True) -> App:
    """The application; without `reads_config` it leaves the file of --config alone, which may be another machine's."""
    app = App(
        name="hsiauto",
        help="AutoML for hyperspectral images that its users can believe.",
        help_epilogue="Exit codes: 0 done, 1 nothing was trained, 2 bad input, 3 Ray was lost; interrupted: "
        "129 by SIGHUP, 130 by Ctrl-C, 143 by SIGTERM.",
        help_format="plaintext",
        version_flags=(),
        config=read_config_file if reads_config else (),
        suppress_keyboard_interrupt=False,
        result_action="return_value",
        default_parameter=Parameter(allow_repeating=True),  # of an option given twice the last one holds
    )
    for place, (name, (home, summary)) in enumerate(_COMMANDS.items()):
        app.command(f"hsiauto.cli.{home}", name=name, help=summary, sort_key=place)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    warnings.filterwarnings("ignore", category=FutureWarning)  # of dependencies, to developers; the tests see them
    write_anywhere()
    code = run(sys.argv[1:] if arguments is None else arguments)
    sys.exit(exit_code(code) if code == INTERRUPTED else code)


def run(arguments: Sequence[str]) -> int:
    """Every expected failure is one line and an exit code; anything else is a bug and keeps its traceback."""
    try:
        return call(arguments)
    except UserError as error:
        say(f"error: {error}", errors())
    except KeyboardInterrupt:
        say("interrupted", errors())
        return INTERRUPTED
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        say(f"error: {_cannot(error)}: {error.strerror}. What was done before is kept", errors())
    return BAD_INPUT


def _cannot(error: OSError) -> str:
    """What the operating system refused; its error says of which file, but not whether it was read or written."""
    place = error.filename
    if error.errno == errno.ENAMETOOLONG:
        return f"cannot open {str(place)[:40]}..."
    if error.errno in _BROKEN:
        return f"cannot read or write {place or 'a file'}"
    if isinstance(place, str | os.PathLike):
        hidden = not os.access(os.path.dirname(os.path.abspath(place)), os.X_OK)
        if hidden or (os.path.exists(place) and not os.access(place, os.R_OK)):
            return f"cannot read {place}"
    return f"cannot write {place or 'a file'}"


def call(arguments: Sequence[str]) -> int:
    """Call a command; its exit code. Raises UserError, in the names of options, also for what cannot be parsed."""
    try:
        code = make_app()(
            arguments, console=PlainConsole(), error_console=errors(), exit_on_error=False, print_error=False
        )
    except CycloptsError as error:
        text = " ".join(str(error).split())
        command = " ".join(("hsiauto", *(error.command_chain or ())))
        raise UserError(text, None, "" if "Did you mean" in text else f"See `{command} --help`.") from error
    except UserError as error:
        raise UserError(with_options(error.rule), error.received, with_options(error.remedy)) from error
    return code if isinstance(code, int) else 0

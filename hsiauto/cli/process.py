"""The process of a command: what whoever starts it hands down (signals, streams, variables) is met before anything."""

import getpass
import os
import sys
import tempfile
import time

from hsiauto.cli.app import BAD_INPUT
from hsiauto.cli.app import main as call
from hsiauto.cli.console import errors, keep_streams, say
from hsiauto.cli.signals import take_as_ctrl_c
from hsiauto.errors import UserError

_HELP = {"--help", "-h"}
_LONGEST_START_S = 600.0
_OF_A_NOTEBOOK = ("MPLBACKEND",)
"""Variables that choose what a command never uses, and that end it if what they name is not there."""
_COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_imported_at = time.monotonic()
_began: float | None = None


def began() -> float | None:
    """When this process was started, if it is a command's, as a `time.monotonic()` value."""
    return _began


def main() -> None:
    """Run the command line in this process, which is its own, and exit with its code."""
    global _began
    _speak_utf8()
    keep_streams()
    take_as_ctrl_c()
    _began = _started_at()
    for name in _OF_A_NOTEBOOK:
        os.environ.pop(name, None)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as of workers, and read when torch is imported
    try:
        getpass.getuser()
    except (KeyError, OSError):  # in a container; torch would ask, too
        os.environ["USER"] = f"uid-{os.getuid()}"
    try:
        if not _HELP.intersection(sys.argv):
            _check_environment()
    except UserError as error:
        say(f"error: {error}", errors())
        sys.exit(BAD_INPUT)
    call(sys.argv[1:])


def _speak_utf8() -> None:
    """Start again in UTF-8 mode if the locale has another encoding: libraries in C take a path as UTF-8, and could open
    none with an umlaut. The console keeps its own; workers have the mode from the environment."""
    if sys.getfilesystemencoding() == "utf-8":
        return
    os.environ["PYTHONUTF8"] = "1"
    if sys.stdout is not None:
        os.environ.setdefault("PYTHONIOENCODING", f"{sys.stdout.encoding}:replace")
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _check_environment() -> None:
    """Raise UserError for what would end a command late, or as a traceback of a library."""
    try:
        os.getcwd()
    except OSError as error:
        raise UserError(
            "a command runs in a folder", f"one that has been deleted: {error.strerror}", "Change to another."
        ) from error
    if os.path.expanduser("~") == "~":
        what = f"no HOME, and a user id without a name ({os.getuid()})"
        raise UserError("a command needs a home folder", what, "Set HOME to a folder that you may write to.")
    try:
        tempfile.gettempdir()
    except OSError as error:
        remedy = "Set TMPDIR to a folder that you may write to."
        raise UserError("a command needs a folder for temporary files", error.strerror, remedy) from error
    for name in _COUNTS:
        value = os.environ.get(name, "").strip()
        if value and not all(part.strip().isdecimal() and int(part) > 0 for part in value.split(",")):
            raise UserError(f"{name} must be a number of threads", value, f"Unset {name}, or set it to 1 or more.")


def _started_at() -> float:
    """The start of the process, before Python was there. A clock that was set since then is not believed."""
    import psutil

    age = time.time() - psutil.Process().create_time()
    return time.monotonic() - age if 0 <= age < _LONGEST_START_S else _imported_at

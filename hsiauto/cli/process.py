"""The process of a command: what it is given by whoever starts it, met before anything else."""

import sys
import time

from hsiauto.cli.app import main as call
from hsiauto.cli.signals import take_as_ctrl_c

_LONGEST_START_S = 600.0
_imported_at = time.monotonic()
_began: float | None = None


def began() -> float | None:
    """When this process was started, if it is a command's, as a `time.monotonic()` value."""
    return _began


def main() -> None:
    """Run the command line in this process, which is its own, and exit with its code."""
    global _began
    take_as_ctrl_c()
    _began = _started_at()
    call(sys.argv[1:])


def _started_at() -> float:
    """The start of the process, before Python was there. A clock that was set since then is not believed."""
    import psutil

    age = time.time() - psutil.Process().create_time()
    return time.monotonic() - age if 0 <= age < _LONGEST_START_S else _imported_at

"""What happens in the fork of a case: limits, no network, no process, no Ray; then the command line."""

import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

MEMORY, FILE, CPU_SECONDS = 1 << 30, 64 << 20, 20
"""Bytes that a case may take beyond what the fork has, bytes of a file that it writes, seconds of a core."""
NOBODY = 65534


def forked(work: Callable[[], int | None]) -> int:
    """The id of a process that does `work` and exits with what it returns; 70 and a traceback if it raises."""
    if child := os.fork():
        return child
    code = 70
    try:
        code = work() or 0
    except BaseException:  # noqa: BLE001 - whatever it is: the process ends here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run_command(argv: Sequence[str], folder: Path, told: Path, unprivileged: bool) -> int:
    """Call the command line in `folder`; console and what it must not do go to files in `told`."""
    os.setsid()
    os.chdir(folder)
    _console(told)
    _limit()
    _watch(told / "forbidden")
    scratch = folder.parent / "scratch"
    os.environ |= {"HOME": str(folder), "TMPDIR": str(scratch), "HSIAUTO_DATA": str(folder / "no-data")}
    os.environ |= {"COLUMNS": "200", "TERM": "dumb"}
    tempfile.tempdir = None
    if unprivileged and os.getuid() == 0:
        os.setresuid(NOBODY, NOBODY, NOBODY)
    from hsiauto.cli import main

    sys.argv = ["hsiauto", *argv]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def _console(told: Path) -> None:
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        with open(told / name, "wb") as file:
            os.dup2(file.fileno(), number)
        setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115 - to the end


def _limit() -> None:
    status = Path("/proc/self/status").read_text().splitlines()
    taken = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (taken + MEMORY, taken + MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE, FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _watch(forbidden: Path) -> None:
    """Write to a file what a command that only reads must not do, and refuse it."""
    import ray

    from hsiauto.search import fork_server

    report = os.open(forbidden, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def refuse(what: str) -> Callable[..., Any]:
        def refused(*arguments: Any, **_: Any) -> NoReturn:
            os.write(report, f"{what} {arguments[1:2] if what != 'Ray was started' else ''}\n".encode())
            raise RuntimeError(what)

        return refused

    ray.init = refuse("Ray was started")
    socket.socket.connect = refuse("the network was used")  # type: ignore[method-assign]
    start, not_ours = subprocess.Popen.__init__, refuse("a process was started")

    def start_ours(*arguments: Any, **how: Any) -> None:
        """git, and what imports ahead while a command finds out whether there is anything to run."""
        ours = arguments[1][0] == "git" or fork_server.__file__ in arguments[1]
        (start if ours else not_ours)(*arguments, **how)

    subprocess.Popen.__init__ = start_ours  # type: ignore[method-assign]

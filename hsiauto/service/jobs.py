"""Jobs: one process of hsiauto each, in a session of its own; found again by whoever starts the service anew.

A job writes its exit code into a file when it ends. One that is gone without it was killed.
"""

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_MARK = "HSIAUTO_JOB"
"""The variable by which the processes of a job are known: its value is where the exit code will be."""
_LONGEST_CODE = 8
_TAIL = 64 * 1024


@dataclass(frozen=True)
class Process:
    """A process, told from a later one of the same number by its start."""

    pid: int
    started: float

    @property
    def lives(self) -> bool:
        return self._found() is not None

    def signal(self, number: int) -> None:
        """Send a signal, unless the process is gone."""
        if self._found() is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _found(self) -> psutil.Process | None:
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 0.1
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def kill(job: Process | None, exit_file: Path) -> None:
    """Kill what is left of a job: the processes that carry its mark, of its session or of one that lost its leader.

    Both are looked at: numbers of sessions are used again; and the watcher of a job's own Ray, which leads a session of
    its own, is to clean up behind it. job: None if the service ended before it could note which process it is.
    """
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):  # it ended meanwhile, or is another user's
            session = os.getsid(process.pid)
            of_job = (job is not None and session == job.pid) or _is_gone(session)
            if of_job and process.environ().get(_MARK) == str(exit_file):
                process.kill()


def _is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Jobs:
    """Starts processes, and finds those that an earlier service started."""

    def __init__(self, runner: Sequence[str]) -> None:
        self._runner = tuple(runner)
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, exit_file: Path, log: Path, arguments: Sequence[str]) -> Process:
        """Start `hsiauto` with `arguments`; what it prints is added to `log`, its exit code will be in `exit_file`.

        No shell sees the arguments. Raises OSError if no process can be started.
        """
        exit_file.unlink(missing_ok=True)
        with log.open("ab") as output:
            child = subprocess.Popen(
                [*self._runner, str(exit_file), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=exit_file.parent,
                env={**os.environ, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "160", _MARK: str(exit_file)},
                start_new_session=True,
            )
        self._children[child.pid] = child
        return Process(child.pid, psutil.Process(child.pid).create_time())

    def reap(self) -> None:
        """Collect children that ended."""
        self._children = {pid: child for pid, child in self._children.items() if child.poll() is None}


def find(exit_file: Path) -> Process | None:
    """The process whose exit code is going to be in `exit_file`; None: there is none."""
    for process in psutil.process_iter(["cmdline", "create_time", "status"]):
        about = process.info
        if str(exit_file) in (about["cmdline"] or ()) and about["status"] != psutil.STATUS_ZOMBIE:
            return Process(process.pid, about["create_time"])
    return None


def exit_code(exit_file: Path) -> int | None:
    """What a job left; None: nothing, so it was killed."""
    try:
        return int(exit_file.read_text()[:_LONGEST_CODE])
    except (FileNotFoundError, ValueError):
        return None


def last_words(log: Path) -> str:
    """The last error that a log tells, else its last line."""
    if not log.is_file():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        lines = [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error: ")]
    return (errors or lines or [""])[-1].removeprefix("error: ").strip()

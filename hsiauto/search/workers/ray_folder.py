"""The folder of a local Ray: nobody else may enter it, and it goes with the run, however that ends.

Run as a script, this file is the process that sees to it. It imports nothing of hsiauto: it must be small.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

_PREFIX = "hsiauto-ray-"
_LONGEST_PARENT = 107 - len(f"/{_PREFIX}12345678/r/session_2026-11-28_06-29-20_017084_4194304/sockets/plasma_store")
"""Characters of a path below which Ray's Unix sockets have names that Linux takes."""
_END_S = 30.0
"""For this time it is tried to end what Ray left, and to remove the folder."""


@contextmanager
def ray_folder() -> Iterator[Path]:
    """A name for Ray's `_temp_dir`, which Ray opens to everybody, in a new folder that only this user may enter.

    When the context or this process ends, even killed, what Ray left running there is killed and the folder removed.
    Raises OSError if no folder can be made.
    """
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_parent())).resolve()
    lock = _locked(folder)  # held by both: a run whose watcher was killed is alive
    watcher = subprocess.Popen(
        [sys.executable, "-P", __file__, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[lock] if lock is not None else [],
        start_new_session=True,  # Ctrl-C in a terminal and signals to a process group do not reach it
    )
    assert watcher.stdin is not None
    try:
        yield folder / "r"
    finally:
        watcher.stdin.close()
        watcher.wait()  # after a Ctrl-C here it goes on by itself
        shutil.rmtree(folder, ignore_errors=True)  # it may have been killed
        if lock is not None:
            os.close(lock)


def _parent() -> str:
    """Where temporary files go, or /tmp if that path is too long."""
    wanted = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    return wanted if len(os.fsencode(wanted)) <= _LONGEST_PARENT else "/tmp"


def _locked(folder: Path) -> int | None:
    """A descriptor of `folder`, which is locked as long as any process has it open; None if another one has."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _watch(folder: Path) -> None:
    """Wait for the end of the process that started this one, or of its run; then clear up."""
    owner = os.getppid()
    sweep(folder.parent)
    sys.stdin.buffer.read()  # nothing is ever written: it returns when the other end is closed
    _end(folder, owner)


def sweep(parent: Path) -> None:
    """Clear up after earlier runs whose watcher was killed too: folders of this user that nobody locks."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            state = folder.lstat()
            new = time.time() - state.st_mtime < 60  # made, and perhaps not locked yet
            if folder.is_symlink() or state.st_uid != os.getuid() or new or (lock := _locked(folder)) is None:
                continue
            _end(folder, os.getpid())
            os.close(lock)


def _end(folder: Path, owner: int) -> None:
    """Kill the processes that have files open in `folder`, but not `owner`, and remove the folder."""
    spared, end = (owner, os.getpid()), time.monotonic() + _END_S
    while folder.exists() and time.monotonic() < end:
        left = [process for process in psutil.process_iter() if process.pid not in spared and _is_in(process, folder)]
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=1)
        shutil.rmtree(folder, ignore_errors=True)


def _is_in(process: psutil.Process, folder: Path) -> bool:
    """Whether it is one of Ray's with a file open in `folder`; a fork of the driver may have inherited one."""
    try:
        rays = process.name().startswith("ray") or str(folder) in " ".join(process.cmdline())
        return rays and any(Path(file.path).is_relative_to(folder) for file in process.open_files())
    except (psutil.Error, OSError):  # of another user, or gone
        return False


if __name__ == "__main__":
    _watch(Path(sys.argv[1]))

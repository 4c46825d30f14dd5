"""A command of hsiauto whose answer is waited for, in a process of its own."""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Sequence
from pathlib import Path

from hsiauto.errors import UserError
from hsiauto.service.names import without

_LONGEST_S = 600


def told(arguments: Sequence[str], root: Path) -> bytes:
    """What `hsiauto` with `arguments` prints. Raises UserError with its sentence, without folders of the service."""
    try:
        done = subprocess.run(_command(arguments), capture_output=True, timeout=_LONGEST_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise UserError("an answer is there in time", f"none in {_LONGEST_S} s", "Ask for less.") from error
    if done.returncode:
        raise _refusal(root, done.stderr)
    return done.stdout


def lines(arguments: Sequence[str], root: Path, until: float) -> Generator[bytes, None, None]:
    """What it prints, line by line, until it ends, nobody asks for another one, or time.monotonic() is `until`.

    Raises UserError with its sentence, without folders of the service.
    """
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(_command(arguments), stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        late = threading.Timer(max(0.0, until - time.monotonic()), process.kill)
        late.start()
        try:
            assert process.stdout is not None
            yield from (line for line in process.stdout if line.endswith(b"\n"))
            if process.wait() and time.monotonic() < until:
                errors.seek(0)
                raise _refusal(root, errors.read())
        finally:
            late.cancel()
            process.kill()


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "hsiauto", *arguments]


def _refusal(root: Path, errors: bytes) -> UserError:
    said = errors.decode(errors="replace").strip().splitlines() or ["no word"]
    return UserError(without(root, said[-1].removeprefix("error: ")))

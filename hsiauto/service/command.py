"""A command of hsiauto whose answer is waited for, in a process of its own."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hsiauto.errors import UserError
from hsiauto.service.names import without

_LONGEST_S = 600


def told(arguments: Sequence[str], root: Path) -> bytes:
    """What `hsiauto` with `arguments` prints. Raises UserError with its sentence, without folders of the service."""
    command = [sys.executable, "-m", "hsiauto", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_LONGEST_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise UserError("an answer is there in time", f"none in {_LONGEST_S} s", "Ask for less.") from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no word"]
        raise UserError(without(root, lines[-1].removeprefix("error: ")))
    return done.stdout

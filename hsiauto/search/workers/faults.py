"""Why Tune gave up a trial's worker: what ran on it raised, or the process died (killed, out of memory, node lost)."""

import textwrap
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray import cloudpickle
from ray.exceptions import OutOfMemoryError, RayActorError, RayTaskError, WorkerCrashedError

LONGEST_WORDS = 400
"""Characters of a reason, which is a cell of the leaderboard."""
_OF_NO_USE = ("class_name:", "actor_id:", "name:", "namespace:")
"""Lines of Ray's text that name what the journal names better."""

WORKER_LOST = (RayActorError, OutOfMemoryError, WorkerCrashedError)
"""What Ray raises for a call to a worker whose process is gone; the second where its memory monitor ended it."""


@dataclass(frozen=True)
class WorkerEnd:
    raised: bool
    """By code on the worker, which would raise again. Otherwise the process was lost."""
    words: str
    """One line, for the trial's row."""


def end_of(trial: Any) -> WorkerEnd:
    """Of Tune's `trial`, at the time of its `on_trial_error`.

    Tune writes the error into a folder of this machine; its own accessors look where that folder is copied to later.
    """
    pickled, text = trial.pickled_error_file, trial.error_file
    if pickled and Path(pickled).exists():
        return end_by(cloudpickle.loads(Path(pickled).read_bytes()))
    lines = Path(text).read_text().strip().splitlines() if text and Path(text).exists() else []
    return WorkerEnd(False, _short(lines[-1]) if lines else "Ray gave no reason")


def end_by(error: BaseException) -> WorkerEnd:
    """By the error that Ray raises for a call to the worker."""
    if isinstance(error, RayTaskError):
        cause = error.cause if isinstance(error.cause, BaseException) else error  # the error itself prints its trace
        return WorkerEnd(True, _short(traceback.format_exception_only(cause)[-1]))
    if isinstance(error, RayActorError):
        lines = [line.strip() for line in str(error).splitlines()][1:]  # the first says that it died
        told = [line for line in lines if line and not line.startswith(_OF_NO_USE)]
        return WorkerEnd(error.actor_init_failed, _short(", ".join(told) or str(error)))
    return WorkerEnd(False, _short(f"{type(error).__name__}: {error}"))


def _short(words: str) -> str:
    return textwrap.shorten(words.strip(), LONGEST_WORDS, placeholder=" ...")

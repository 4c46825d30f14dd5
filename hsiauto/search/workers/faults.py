"""Why a worker was given up: its code raised, its process died (killed, out of memory, node lost), or it hangs."""

import re
import textwrap
import time
import traceback
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ray import cloudpickle
from ray.exceptions import OutOfMemoryError, RayActorError, RayTaskError, WorkerCrashedError

from hsiauto.errors import UserError
from hsiauto.files import FULL
from hsiauto.training.memory import OutOfMemory
from hsiauto.training.trainer import Diverged

LONGEST_WORDS = 400
"""Characters of a reason, which is a cell of the leaderboard."""
_OF_NO_USE = ("class_name:", "actor_id:", "name:", "namespace:")
"""Lines of Ray's text that say what the journal says better."""

WORKER_LOST = (RayActorError, OutOfMemoryError, WorkerCrashedError)
"""What Ray raises for a call to a worker whose process is gone; the second one if its memory monitor ended it."""


@dataclass(frozen=True)
class WorkerEnd:
    raised: bool
    """Code on the worker raised, and would raise again. Otherwise the process was lost."""
    words: str
    """One line, for the trial's row."""
    address: str = ""
    """IP address of its node, if Ray says it."""


def end_of(trial: Any) -> WorkerEnd:
    """How the worker of Tune's `trial` ended, at the time of its `on_trial_error`.

    Tune writes the error into a folder of this machine; its own accessors look where that folder is copied to later.
    """
    pickled, text = trial.pickled_error_file, trial.error_file
    if pickled and Path(pickled).exists():
        return end_by(cloudpickle.loads(Path(pickled).read_bytes()))
    lines = Path(text).read_text().strip().splitlines() if text and Path(text).exists() else []
    return WorkerEnd(False, _short(lines[-1]) if lines else "Ray gave no reason")


def end_by(error: BaseException) -> WorkerEnd:
    """How a worker ended, by the error that Ray raises for a call to it."""
    if isinstance(error, RayTaskError):
        cause = error.cause if isinstance(error.cause, BaseException) else error  # the error itself prints its trace
        return WorkerEnd(True, _short(traceback.format_exception_only(cause)[-1]), _address(error))
    if isinstance(error, RayActorError):
        lines = [line.strip() for line in str(error).splitlines()][1:]  # the first says that it died
        told = [line for line in lines if line and not line.startswith(_OF_NO_USE)]
        return WorkerEnd(error.actor_init_failed, _short(", ".join(told) or str(error)), _address(error))
    return WorkerEnd(False, _short(f"{type(error).__name__}: {error}"))


def _address(error: BaseException) -> str:
    found = re.search(r"\bip(?:=|: )([0-9a-fA-F.:]+)", str(error))
    return found[1] if found else ""


def _short(words: str) -> str:
    return textwrap.shorten(words.strip(), LONGEST_WORDS, placeholder=" ...")


def no_space(error: BaseException | None) -> bool:
    """Whether a full disk, or a quota, is behind `error`."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def is_own_fault(error: Exception) -> bool:
    """Whether `error` is of a config on its data, and says nothing of the machine."""
    return isinstance(error, Diverged | OutOfMemory | UserError) and not isinstance(error.__cause__, OSError)


@dataclass
class Silence:
    """When each trial was last heard of. limit_s: seconds that a trial may be silent; None: no limit."""

    limit_s: float | None
    clock: Callable[[], float] = time.monotonic
    _heard: dict[Any, float] = field(default_factory=dict)

    def heard(self, trial: Hashable) -> None:
        """A message came."""
        self._heard[trial] = self.clock()

    def hung(self, running: Collection[Any]) -> list[Any]:
        """Those of `running` (all that run now) that have been silent for too long since they first ran."""
        if self.limit_s is None:
            return []
        now = self.clock()
        self._heard = {trial: self._heard.get(trial, now) for trial in running}
        return [trial for trial, at in self._heard.items() if now - at > self.limit_s]

    @property
    def reason(self) -> str:
        """The error in the row of a hung trial."""
        assert self.limit_s is not None
        return f"no report for {self.limit_s:g} s (`trial_timeout`)"

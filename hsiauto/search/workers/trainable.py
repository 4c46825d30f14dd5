"""What runs on a worker: one actor that trains one trial after another, a message an epoch.

A conversation, one `step` of Tune each: `here` (on which node), `started` (the trial is built), then a `report` an
epoch, or `failed`, or `unsaved` if the place of checkpoints fails; after the last report of a trial worth keeping,
`saved`. An epoch is saved when the next one is asked for, never before: then the journal has it, and no checkpoint is
ahead of the journal.
"""

import gc
import os
import platform
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from ray import tune

from hsiauto.errors import UserError
from hsiauto.families.base import FamilyConfig
from hsiauto.models.predict import seconds_a_pixel
from hsiauto.search.workers.faults import is_own_fault, no_space
from hsiauto.search.workers.placement import node_of_this_process
from hsiauto.search.workers.storage import Storage
from hsiauto.search.workers.trial_log import TrialLog
from hsiauto.split.seal import TrialData
from hsiauto.training.memory import ran_out_of_memory
from hsiauto.training.trial import CHECKPOINT, Diverged, OutOfMemory, Trial

SAVING_SHARE = 1 / 20
"""Share of a worker's time that checkpoints may take."""
ERROR_LINES = 3

TrialType = Callable[..., Any]
"""`Trial`, or what a test puts in its place."""


@dataclass(frozen=True)
class Setting:
    """What all trials of a search share. Sent to a worker once."""

    data: TrialData
    storage: Storage
    seed: int
    max_epochs: int
    device: str
    n_devices: int
    """GPUs of a trial that share its batches."""
    threads: int
    save_always: bool
    times_inference: bool
    """Whether a trial's model is timed on a part of the scene."""
    parse: Callable[[dict[str, Any]], FamilyConfig]
    trial_type: TrialType = Trial


class _NotSavedError(Exception):
    """A checkpoint could not be kept, because of its cause."""


class TrialWorker(tune.Trainable):
    """Tune's class API over `Trial`; the actor and its imports outlive a trial."""

    def setup(self, config: dict[str, Any], setting: Setting | None = None) -> None:
        assert setting is not None
        self._setting = setting
        self._assign(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._release()
        self._assign(new_config)
        return True

    def step(self) -> dict[str, Any]:
        try:
            return self._answer()
        except Exception as error:
            self._note(traceback.format_exc())
            if _device_is_lost(error):
                raise  # Tune gives the next trial a new process
            return self._failed(error)

    def cleanup(self) -> None:
        self._release()

    def _assign(self, config: dict[str, Any]) -> None:
        """Nothing that can fail: a worker that says where it is comes before that."""
        self._job, self._is_here = config, False
        self._log: TrialLog | None = None
        self._trial: Trial | None = None
        self._unsaved = self._has_reported = False
        self._seconds_a_pixel: float | None = None
        self._saved_at, self._save_seconds = time.monotonic(), 0.0

    def _release(self) -> None:
        self._trial = None
        if self._log is not None:
            self._log.close()
            self._setting.storage.end(self._job["trial_id"], self._job["attempt"], self._log.folder)
        gc.collect()
        gc.freeze()  # what stays, most of it imported by the first trial: later collections need not walk it
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()

    def _answer(self) -> dict[str, Any]:
        if not self._is_here:
            self._is_here = True
            return {"message": "here", "node_id": node_of_this_process()}
        if self._trial is None or self._log is None:
            self._log = TrialLog(self._setting.storage.begin(self._job["trial_id"], self._job["attempt"]))
            self._trial = self._build(self._log.folder)
            return {"message": "started", **self._place(), "note": self._trial.note}
        if self._trial.done:
            self._save(self._trial)
            return {"message": "saved"}
        self._save_if_due(self._trial)
        report = self._trial.step()
        if self._setting.times_inference:
            report = replace(report, pixels_per_second=self._pixels_per_second(self._trial))
        self._unsaved = self._has_reported = True
        self._log.report(report)
        return {"message": "report", **asdict(report)}

    def _build(self, folder: Path) -> Trial:
        s = self._setting
        config = s.parse(self._job["config"])
        self._note(f"{self._job['trial_id']}, attempt {self._job['attempt']}, on {platform.node()}: {config!r}")

        def build() -> Trial:
            return s.trial_type(
                config,
                s.data,
                seed=s.seed,
                max_epochs=s.max_epochs,
                folder=folder,
                device=s.device,
                n_threads=s.threads,
                **({"n_devices": s.n_devices} if s.n_devices > 1 else {}),
            )

        trial = build()
        if trial.epoch > self._job["epochs_known"]:  # a power cut can take the end of the journal, not a checkpoint
            (folder / CHECKPOINT).unlink()
            trial = build()
        if trial.epoch:
            self._note(f"goes on from epoch {trial.epoch}")
        return trial

    def _pixels_per_second(self, trial: Trial) -> float | None:
        """Pace of a map. Measured with the attempt's first report, so that a slow model costs only an epoch: how long
        a prediction takes hardly depends on the weights."""
        if self._seconds_a_pixel is None:
            self._seconds_a_pixel = seconds_a_pixel(trial.fitted(), self._setting.data)
        return 1 / self._seconds_a_pixel if self._seconds_a_pixel > 0 else None

    def _save_if_due(self, trial: Trial) -> None:
        started = time.monotonic()
        due = self._setting.save_always or started - self._saved_at >= self._save_seconds / SAVING_SHARE
        if self._unsaved and due:
            self._save(trial)
            self._unsaved = False
            self._saved_at = time.monotonic()
            self._save_seconds = self._saved_at - started

    def _save(self, trial: Trial) -> None:
        assert self._log is not None
        try:
            trial.save()
            if (self._log.folder / CHECKPOINT).exists():  # one-step families have none
                self._setting.storage.put(self._job["trial_id"], self._job["attempt"], self._log.folder)
        except (OSError, UserError) as error:
            raise _NotSavedError from error

    def _note(self, text: str) -> None:
        """Into the log, if there is one."""
        if self._log is not None:
            self._log.write(text)

    def _failed(self, error: Exception) -> dict[str, Any]:
        self._trial = None
        full = no_space(error) and self._setting.storage.is_folder  # and with it the place of all checkpoints
        if full or isinstance(error, _NotSavedError) or (no_space(error) and self._has_reported):
            why = str(error.__cause__ if isinstance(error, _NotSavedError) else error)
            return {"message": "unsaved", "error": why, "is_full": full, "node": platform.node()}
        words = f"diverged: {error}" if isinstance(error, Diverged) else str(error)
        return {
            "message": "failed",
            "error": words if isinstance(error, Diverged | OutOfMemory) else _last_lines(error),
            "is_own": is_own_fault(error),
            "peak_memory_bytes": error.peak_memory_bytes if isinstance(error, OutOfMemory) else None,
            **self._place(),
            "note": "",
        }

    def _place(self) -> dict[str, Any]:
        return {"node": platform.node(), "device": self._setting.device, "pid": os.getpid()}


def _last_lines(error: Exception) -> str:
    """What the user reads on the leaderboard: where it was raised, and the message. The log has all of it."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}: " if frames else ""
    lines = "".join(traceback.format_exception_only(error)).strip().splitlines()
    return where + "\n".join(lines[-ERROR_LINES:])


def _device_is_lost(error: Exception) -> bool:
    """After a fault on the GPU, other than a lack of memory, every later call in this process fails too."""
    return (
        isinstance(error, RuntimeError)
        and not ran_out_of_memory(error)
        and torch.cuda.is_initialized()
        and "CUDA error" in str(error)
    )

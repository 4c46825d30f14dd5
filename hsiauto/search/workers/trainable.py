"""What runs on a worker: one actor that trains one trial after another, a message an epoch.

A conversation, one `step` of Tune each: `started` (the trial is built), then a `report` an epoch, or `failed`; after
the last report of a trial worth keeping, `saved`. An epoch is saved when the next one is asked for, never before: then
the journal has it, and no checkpoint is ahead of the journal.
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

from hsiauto.families.base import FamilyConfig
from hsiauto.models.predict import seconds_a_pixel
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


class TrialWorker(tune.Trainable):
    """Tune's class API over `Trial`; the actor and its imports outlive a trial."""

    def setup(self, config: dict[str, Any], setting: Setting | None = None) -> None:
        assert setting is not None
        self._setting = setting
        gc.collect()
        gc.freeze()  # the imports stay: later collections need not walk them
        self._assign(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._release()
        self._assign(new_config)
        return True

    def step(self) -> dict[str, Any]:
        try:
            return self._answer()
        except Diverged as divergence:
            return self._failed(f"diverged: {divergence}")
        except OutOfMemory as lack:
            self._log.write(traceback.format_exc())
            return self._failed(str(lack), lack.peak_memory_bytes)
        except Exception as error:
            if _device_is_lost(error):
                self._log.write(traceback.format_exc())
                raise  # Tune gives the next trial a new process
            self._log.write(traceback.format_exc())
            return self._failed(_last_lines(error))

    def cleanup(self) -> None:
        self._release()

    def _assign(self, config: dict[str, Any]) -> None:
        self._job = config
        self._folder = self._setting.storage.begin(config["trial_id"], config["attempt"])
        self._log = TrialLog(self._folder)
        self._trial: Trial | None = None
        self._unsaved = False
        self._seconds_a_pixel: float | None = None
        self._saved_at, self._save_seconds = time.monotonic(), 0.0

    def _release(self) -> None:
        self._trial = None
        self._log.close()
        self._setting.storage.end(self._job["trial_id"], self._job["attempt"], self._folder)
        gc.collect()
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()

    def _answer(self) -> dict[str, Any]:
        if self._trial is None:
            self._trial = self._build()
            return {"message": "started", **self._place(), "note": self._trial.note}
        if self._trial.done:
            self._save(self._trial)
            return {"message": "saved"}
        self._save_if_due(self._trial)
        report = self._trial.step()
        if self._setting.times_inference:
            report = replace(report, pixels_per_second=self._pixels_per_second(self._trial))
        self._unsaved = True
        self._log.report(report)
        return {"message": "report", **asdict(report)}

    def _build(self) -> Trial:
        s = self._setting
        config = s.parse(self._job["config"])
        self._log.write(f"{self._job['trial_id']}, attempt {self._job['attempt']}, on {platform.node()}: {config!r}")

        def build() -> Trial:
            return s.trial_type(
                config,
                s.data,
                seed=s.seed,
                max_epochs=s.max_epochs,
                folder=self._folder,
                device=s.device,
                n_threads=s.threads,
                **({"n_devices": s.n_devices} if s.n_devices > 1 else {}),
            )

        trial = build()
        if trial.epoch > self._job["epochs_known"]:  # a power cut can take the end of the journal, not a checkpoint
            (self._folder / CHECKPOINT).unlink()
            trial = build()
        if trial.epoch:
            self._log.write(f"goes on from epoch {trial.epoch}")
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
        trial.save()
        if (self._folder / CHECKPOINT).exists():  # one-step families have none
            self._setting.storage.put(self._job["trial_id"], self._job["attempt"], self._folder)

    def _failed(self, error: str, peak_memory_bytes: int | None = None) -> dict[str, Any]:
        self._log.write(f"failed: {error}")
        self._trial = None
        return {
            "message": "failed",
            "error": error,
            "peak_memory_bytes": peak_memory_bytes,
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

"""What runs on a worker of the pool: one actor that trains one job after another."""

import math
import platform
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import ray
import torch

from hsiauto.models.bundle import model_files
from hsiauto.models.fitted.base import Fitted, scored
from hsiauto.models.predict import seconds_a_pixel
from hsiauto.search.events import now
from hsiauto.search.workers.faults import is_own_fault
from hsiauto.search.workers.jobs import Job, JobResult
from hsiauto.search.workers.placement import node_of_this_process
from hsiauto.split.seal import TrialData
from hsiauto.training.active.learn import ActiveTrial
from hsiauto.training.ensemble import begun
from hsiauto.training.trial import Report

JUDGED_FROM = 4
"""Epochs after which a job is judged by its own pace: the first one carries the warm-up, one alone may be a hiccup."""
OUT_OF_TIME = "time limit reached"

TrialType = Callable[..., Any]
"""`Trial`, or what a test puts in its place."""


@dataclass(frozen=True)
class StoredData:
    """TrialData whose cube lies in Ray's object store, or stays in its file."""

    data: TrialData
    cube: Any
    """Its reference; None: `data` has it."""


class JobWorker:
    """One process of the pool."""

    def __init__(self, device: str, n_devices: int, threads: int, trial_type: TrialType) -> None:
        self._device, self._n_devices, self._threads, self._trial_type = device, n_devices, threads, trial_type
        self._data: tuple[str, TrialData] | None = None
        """The data of the last job: jobs on the same data share its preprocessing."""
        self._epochs = 0

    def node(self) -> str:
        """The id of its node."""
        return node_of_this_process()

    def epochs(self) -> int:
        """How many epochs this process has trained so far, over all its jobs."""
        return self._epochs

    def run(self, job: Job, stored: StoredData, seconds_left: float | None) -> JobResult:
        """Train `job`, predict, save. Whatever that raises becomes a failed result."""
        deadline = math.inf if seconds_left is None else time.monotonic() + seconds_left
        started, epochs_before = now(), self._epochs
        place: dict[str, Any] = {"device": self._device, "node": platform.node(), "started_at": started}
        try:
            return self._trained(job, self._fetch(job.data, stored), deadline, place)
        except Exception as error:  # noqa: BLE001 - a family may raise anything; the run reports it
            frames = traceback.extract_tb(error.__traceback__)
            message = "".join(traceback.format_exception_only(error)).strip()
            where = f"{frames[-1].name}, line {frames[-1].lineno}: " if frames else ""
            may_be_machine = self._epochs == epochs_before and not is_own_fault(error)
            return JobResult(
                job.key, "failed", where + message, finished_at=now(), may_be_machine=may_be_machine, **place
            )
        finally:
            if torch.cuda.is_initialized():
                torch.cuda.empty_cache()

    def _fetch(self, name: str, stored: StoredData) -> TrialData:
        if self._data is None or self._data[0] != name:
            data = stored.data if stored.cube is None else replace(stored.data, cube=ray.get(stored.cube))
            self._data = (name, data)
        return self._data[1]

    def _trained(self, job: Job, data: TrialData, deadline: float, place: dict[str, Any]) -> JobResult:
        started = time.monotonic()
        trial = self._trial(job, data)
        reports: list[Report] = []
        warm = started
        while not trial.done:
            reports.append(report := trial.step())
            self._epochs += 1
            clock = time.monotonic()
            warm = clock if report.epoch == 1 else warm
            to_come = (clock - warm) / max(1, report.epoch - 1) * (trial.max_epochs - report.epoch)
            hopeless = report.epoch >= JUDGED_FROM and clock + to_come > deadline
            if not trial.done and (hopeless or clock > deadline):
                error = f"{OUT_OF_TIME}: {report.epoch} of {trial.max_epochs} epochs took {clock - started:.0f} s"
                return JobResult(job.key, "skipped", error, reports=tuple(reports), finished_at=now(), **place)
        fitted = trial.fitted()
        whole = replace(
            _told(job, fitted, data, reports, place),
            cycles=tuple(trial.cycles) if job.labels is not None else (),
        )
        members = []
        for member in job.members:
            i = job.config.parts.index(member.config)
            members.append(_told(member, fitted.members[i], data, trial.curves[i], {**place, "started_at": now()}))
        return replace(whole, members=tuple(members))

    def _trial(self, job: Job, data: TrialData) -> Any:
        common: dict[str, Any] = {
            "seed": job.seed,
            "max_epochs": job.max_epochs,
            "device": self._device,
            "n_threads": self._threads,
            **({"n_devices": self._n_devices} if self._n_devices > 1 else {}),
        }
        if job.labels is None:
            return begun(job.config, data, self._trial_type, **common)
        return ActiveTrial(job.config, data, job.labels, predict=job.predict, trial_type=self._trial_type, **common)


def _told(job: Job, fitted: Fitted, data: TrialData, reports: Sequence[Report], place: Mapping[str, Any]) -> JobResult:
    """What `job` is answered with, once `fitted` is trained."""
    predicted, confidence, seconds, half_NK = None, None, math.nan, None
    if job.predict is not None:
        p_NK = scored(fitted, data, job.predict)
        predicted, confidence = p_NK.argmax(axis=1), p_NK.max(axis=1)
        seconds = seconds_a_pixel(fitted, data) * len(job.predict)
    if job.probabilities_at is not None:
        half_NK = scored(fitted, data, job.probabilities_at).astype(np.float16)
    return JobResult(
        job.key,
        "completed",
        reports=tuple(reports),
        predicted=predicted,
        confidence=confidence,
        probabilities=half_NK,
        predict_seconds=seconds,
        finished_at=now(),
        model=None if job.save_to is None else model_files(fitted),
        **place,
    )

"""run_jobs: full trainings that are no trials (re-evaluations, refits, further splits) on a pool of Ray actors."""

import math
import platform
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import ray
import torch

from hsiauto.config import RunConfig
from hsiauto.models.bundle import model_files, save_files
from hsiauto.models.predict import seconds_a_pixel
from hsiauto.search.events import JobState, now
from hsiauto.search.workers.cluster import look
from hsiauto.search.workers.faults import WORKER_LOST, Silence, end_by
from hsiauto.search.workers.jobs import Job, JobResult
from hsiauto.search.workers.local_ray import start_ray
from hsiauto.search.workers.memory_probe import resources_for
from hsiauto.search.workers.pulse import Pulse
from hsiauto.search.workers.resources import Machine, Resources
from hsiauto.split.seal import TrialData
from hsiauto.training.active.learn import ActiveTrial
from hsiauto.training.trial import Report, Trial

OVERDUE_S = 5.0
"""For this time after the deadline a job may go on before its worker is stopped."""
JUDGED_FROM = 4
"""Epochs after which a job is judged by its own pace: the first one carries the warm-up, one alone may be a hiccup."""
OUT_OF_TIME = "time limit reached"
LISTEN_S = 1.0
"""How often workers are asked how many epochs they have trained, if a silent one is ended, and the caller whether to
stop, and Ray whether it is there."""

TrialType = Callable[..., Any]
"""`Trial`, or what a test puts in its place."""


def run_jobs(
    jobs: Sequence[Job],
    datasets: Mapping[str, TrialData],
    run_config: RunConfig,
    deadline: float | None = None,
    *,
    machine: Machine | None = None,
    stop: Callable[[], bool] | None = None,
    trial_type: TrialType = Trial,
) -> Iterator[JobResult]:
    """Train every job, in the order given, and yield results as they finish: one for each job.

    datasets: what `job.data` names; placed once, shared by all workers. deadline: a `time.monotonic()` value; a job
    that by its predicted_seconds or by its own pace cannot end before it is skipped. machine: None: it is looked at
    here. stop: asked every second whether to end the jobs. A job whose worker dies is tried once more; one that trains
    no epoch for `trial_timeout_s` has failed. Closing the iterator stops the workers.
    Call it within `ray_for_a_run`: a generator ends when it is collected, which may be late. Raises KeyboardInterrupt
    after `stop`, and RayLost if Ray ends.
    """
    if deadline is not None and deadline <= time.monotonic():  # for this no worker is started
        yield from (_without_result(job, "skipped", f"{OUT_OF_TIME}: no time is left") for job in jobs)
        return
    if not jobs:
        return
    machine = machine or look(run_config.address)
    of_one_scene = datasets[jobs[0].data]
    resources = resources_for(run_config, machine, [job.config for job in jobs], of_one_scene)
    start_ray(machine, resources, data_bytes=max(data.cube.nbytes for data in datasets.values()))
    pool = _Pool(resources, datasets, trial_type, deadline, Silence(run_config.trial_timeout_s), Pulse.of(stop))
    waiting = deque(jobs)
    try:
        while waiting or pool.running:
            yield from (*pool.fill(waiting), *pool.finished(waiting))
    finally:
        pool.end()


@dataclass(frozen=True)
class StoredData:
    """TrialData whose cube lies in Ray's object store."""

    data: TrialData
    cube: Any
    """Its reference."""


@dataclass
class _Pool:
    resources: Resources
    datasets: Mapping[str, TrialData]
    trial_type: TrialType
    deadline: float | None
    silence: Silence
    stop: Pulse
    running: dict[Any, tuple[Job, Any]] = field(default_factory=dict)
    """Future -> the job and its actor."""
    idle: list[Any] = field(default_factory=list)
    stored: dict[str, "StoredData"] = field(default_factory=dict)
    cubes: dict[int, Any] = field(default_factory=dict)
    """id of a cube -> where it lies in the object store."""
    tried: set[str] = field(default_factory=set)
    """Keys of jobs whose worker died once."""
    pulses: dict[Any, tuple[Any, int]] = field(default_factory=dict)
    """Future of a job -> the unanswered question how many epochs its worker has trained, and the last answer."""

    @property
    def left(self) -> float:
        return math.inf if self.deadline is None else self.deadline - time.monotonic()

    def fill(self, waiting: deque[Job]) -> list[JobResult]:
        """Start jobs while there are places; the results of those that are not worth starting."""
        skipped = []
        while waiting and len(self.running) < self.resources.concurrency:
            job = waiting.popleft()
            needed = job.predicted_seconds or 0.0
            if self.left <= needed:
                reason = f"{OUT_OF_TIME}: it would take {needed:.0f} s, {max(0.0, self.left):.0f} s are left"
                skipped.append(_without_result(job, "skipped", reason))
                continue
            actor = self._worker(job)
            left = None if self.deadline is None else self.left
            self.running[actor.run.remote(job, self._store(job.data), left)] = (job, actor)
        return skipped

    def finished(self, waiting: deque[Job]) -> list[JobResult]:
        """Wait for the next result. Jobs that overran the deadline are given up."""
        if self.stop():
            raise KeyboardInterrupt
        if not self.running:
            return []
        patience = None if self.deadline is None else max(0.0, self.left + OVERDUE_S)
        patience = LISTEN_S if patience is None else min(LISTEN_S, patience)
        ready, _ = ray.wait(list(self.running), num_returns=1, timeout=patience)
        if not ready and self.left > -OVERDUE_S:
            return self._hung()
        if not ready:
            overdue = [job for job, _ in self.running.values()]
            self.end()
            return [_without_result(job, "skipped", f"{OUT_OF_TIME} while it trained") for job in overdue]
        job, actor = self.running.pop(ready[0])
        try:
            result: JobResult = ray.get(ready[0])
        except WORKER_LOST as death:
            self.stop.check()  # with Ray every worker ends
            if job.key not in self.tried:
                self.tried.add(job.key)
                waiting.appendleft(job)
                return []
            return [_without_result(job, "failed", f"its worker died twice: {end_by(death).words}")]
        if job.own_worker or not waiting:  # an idle one would hold the CPUs that a job given back may need
            ray.kill(actor)
        else:
            self.idle.append(actor)
        if job.save_to is not None and result.model is not None:  # the worker may be on another machine
            save_files(result.model, job.save_to)
            result = replace(result, model=None)
        return [result]

    def _hung(self) -> list[JobResult]:
        """Listen to the workers; end those that have been silent for too long."""
        if self.silence.limit_s is None:
            return []
        for future, (_, actor) in self.running.items():
            question, known = self.pulses.get(future) or (actor.epochs.remote(), -1)
            if ray.wait([question], timeout=0)[0]:
                question, known, before = actor.epochs.remote(), _answer(question), known
                if known != before:
                    self.silence.heard(future)
            self.pulses[future] = (question, known)
        results = []
        at_work = [future for future, (_, known) in self.pulses.items() if known >= 0]  # their process has started
        for future in self.silence.hung(at_work):
            job, actor = self.running.pop(future)
            ray.kill(actor)
            results.append(_without_result(job, "failed", self.silence.reason))
        self.pulses = {future: pulse for future, pulse in self.pulses.items() if future in self.running}
        return results

    def end(self) -> None:
        """Stop every worker."""
        if not self.stop.lost:
            for actor in (*self.idle, *(actor for _, actor in self.running.values())):
                ray.kill(actor)
        self.idle.clear()
        self.running.clear()

    def _store(self, name: str) -> "StoredData":
        """Put a dataset into the object store; splits of one scene share its cube."""
        if name not in self.stored:
            data = self.datasets[name]
            if id(data.cube) not in self.cubes:
                self.cubes[id(data.cube)] = ray.put(np.asarray(data.cube))
            no_cube = np.empty((0, 0, data.cube.shape[2]), data.cube.dtype)
            self.stored[name] = StoredData(replace(data, cube=no_cube), self.cubes[id(data.cube)])
        return self.stored[name]

    def _worker(self, job: Job) -> Any:
        """An idle worker; a fresh one if there is none, or in place of an idle one if the job wants its own."""
        if self.idle:
            idle = self.idle.pop()
            if not job.own_worker:
                return idle
            ray.kill(idle)
        return self._actor()

    def _actor(self) -> Any:
        request = self.resources.request
        # A second thread answers while the first one trains.
        threads = 1 if self.silence.limit_s is None else 2
        worker = ray.remote(num_cpus=request["cpu"], num_gpus=request["gpu"], max_restarts=0)(JobWorker)
        start = worker.options(max_concurrency=threads)
        resources = self.resources
        return start.remote(resources.device, resources.n_devices, resources.threads, self.trial_type)


class JobWorker:
    """One process of the pool."""

    def __init__(self, device: str, n_devices: int, threads: int, trial_type: TrialType) -> None:
        self._device, self._n_devices, self._threads, self._trial_type = device, n_devices, threads, trial_type
        self._data: tuple[str, TrialData] | None = None
        """The data of the last job: jobs on the same data share its preprocessing."""
        self._epochs = 0

    def epochs(self) -> int:
        """How many epochs this process has trained so far, over all its jobs."""
        return self._epochs

    def run(self, job: Job, stored: StoredData, seconds_left: float | None) -> JobResult:
        """Train `job`, predict, save. Whatever that raises becomes a failed result."""
        deadline = math.inf if seconds_left is None else time.monotonic() + seconds_left
        started = now()
        place: dict[str, Any] = {"device": self._device, "node": platform.node(), "started_at": started}
        try:
            return self._trained(job, self._fetch(job.data, stored), deadline, place)
        except Exception as error:  # noqa: BLE001 - a family may raise anything; the run reports it
            frames = traceback.extract_tb(error.__traceback__)
            message = "".join(traceback.format_exception_only(error)).strip()
            where = f"{frames[-1].name}, line {frames[-1].lineno}: " if frames else ""
            return JobResult(job.key, "failed", where + message, finished_at=now(), **place)
        finally:
            if torch.cuda.is_initialized():
                torch.cuda.empty_cache()

    def _fetch(self, name: str, stored: StoredData) -> TrialData:
        if self._data is None or self._data[0] != name:
            self._data = (name, replace(stored.data, cube=ray.get(stored.cube)))
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
        predicted, seconds = None, math.nan
        if job.predict is not None:
            predicted = fitted.probabilities(data.cube, data.valid, job.predict).argmax(axis=1)
            seconds = seconds_a_pixel(fitted, data) * len(job.predict)
        return JobResult(
            job.key,
            "completed",
            reports=tuple(reports),
            predicted=predicted,
            predict_seconds=seconds,
            finished_at=now(),
            model=None if job.save_to is None else model_files(fitted),
            cycles=tuple(trial.cycles) if job.labels is not None else (),
            **place,
        )

    def _trial(self, job: Job, data: TrialData) -> Any:
        common: dict[str, Any] = {
            "seed": job.seed,
            "max_epochs": job.max_epochs,
            "device": self._device,
            "n_threads": self._threads,
            **({"n_devices": self._n_devices} if self._n_devices > 1 else {}),
        }
        if job.labels is None:
            return self._trial_type(job.config, data, **common)
        return ActiveTrial(job.config, data, job.labels, predict=job.predict, trial_type=self._trial_type, **common)


def _answer(question: Any) -> int:
    """The epochs of a worker; -1 if it is dead: its job's own future tells what happened."""
    try:
        epochs: int = ray.get(question)
    except WORKER_LOST:
        return -1
    return epochs


def _without_result(job: Job, state: JobState, reason: str) -> JobResult:
    return JobResult(job.key, state, reason, finished_at=now())

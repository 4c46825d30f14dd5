"""run_jobs: full trainings that are no trials (re-evaluations, refits, further splits) on a pool of Ray actors."""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import ray

from hsiauto.config import RunConfig
from hsiauto.models.bundle import save_files
from hsiauto.scene.on_disk import shared_bytes, stays_on_disk
from hsiauto.search.events import JobState, now
from hsiauto.search.workers.cluster import look
from hsiauto.search.workers.faults import WORKER_LOST, Silence, end_by
from hsiauto.search.workers.job_worker import OUT_OF_TIME, JobWorker, StoredData, TrialType
from hsiauto.search.workers.jobs import Job, JobResult
from hsiauto.search.workers.local_ray import start_ray
from hsiauto.search.workers.memory_probe import resources_for
from hsiauto.search.workers.nodes import Nodes
from hsiauto.search.workers.placement import able, away_from
from hsiauto.search.workers.pulse import Pulse
from hsiauto.search.workers.resources import Machine, Resources
from hsiauto.split.seal import TrialData
from hsiauto.training.trial import Trial

_log = logging.getLogger(__name__)
OVERDUE_S = 5.0
"""For this time after the deadline a job may go on before its worker is stopped."""
LISTEN_S = 1.0
"""How often workers are asked how many epochs they have trained, if a silent one is ended, and the caller whether to
stop, and Ray whether it is there."""


def run_jobs(
    jobs: Sequence[Job],
    datasets: Mapping[str, TrialData],
    run_config: RunConfig,
    deadline: float | None = None,
    kept_free: Callable[[Job], float] = lambda job: 0.0,
    *,
    machine: Machine | None = None,
    stop: Callable[[], bool] | None = None,
    trial_type: TrialType = Trial,
) -> Iterator[JobResult]:
    """Train every job, in the order given, and yield results as they finish: one for each job.

    datasets: what `job.data` names; placed once, shared by all workers. deadline: a `time.monotonic()` value; a job
    that by its predicted_seconds or by its own pace cannot end before it is skipped. kept_free: seconds before it, as
    they are known when a job is started, that this job may not use. machine: None: it is looked at
    here. stop: asked every second whether to end the jobs. A job whose worker dies is tried once more, and so is one
    that fails before its first epoch (`Nodes`); one that trains no epoch for `trial_timeout_s` has failed. Closing the
    iterator stops the workers.
    Call it within `ray_for_a_run`: a generator ends when it is collected, which may be late. Raises KeyboardInterrupt
    after `stop`, RayLost if Ray ends, and UserError if all jobs fail before their first epoch, on every node.
    """
    if deadline is not None and deadline <= time.monotonic():  # for this no worker is started
        yield from (_without_result(job, "skipped", f"{OUT_OF_TIME}: no time is left") for job in jobs)
        return
    if not jobs:
        return
    machine = machine or look(run_config.address)
    of_one_scene = datasets[jobs[0].data]
    resources = resources_for(run_config, machine, [job.config for job in jobs], of_one_scene)
    start_ray(machine, resources, data_bytes=max(shared_bytes(data.cube) for data in datasets.values()))
    nodes, pulse = Nodes(partial(able, resources)), Pulse.of(stop)
    silence = Silence(run_config.trial_timeout_s)
    pool = _Pool(resources, datasets, trial_type, deadline, kept_free, nodes, silence, pulse)
    waiting = deque(jobs)
    try:
        while waiting or pool.running:
            yield from (*pool.fill(waiting), *pool.finished(waiting))
    finally:
        pool.end()


@dataclass
class _Pool:
    resources: Resources
    datasets: Mapping[str, TrialData]
    trial_type: TrialType
    deadline: float | None
    kept_free: Callable[[Job], float]
    nodes: Nodes
    silence: Silence
    stop: Pulse
    running: dict[Any, tuple[Job, Any]] = field(default_factory=dict)
    """Future -> the job and its actor."""
    idle: list[Any] = field(default_factory=list)
    places: dict[Any, Any] = field(default_factory=dict)
    """Actor -> the answer to the question on which node it runs."""
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
            job = next((one for one in waiting if self.nodes.may_go_on(one.key)), None)
            if job is None:
                if self.running:  # which may show that a node works
                    break
                if (none_left := self.nodes.none_left()) is not None:
                    raise none_left
                job = waiting[0]
            waiting.remove(job)
            kept = self.kept_free(job)
            if why := job.why_too_late(self.left, kept):
                skipped.append(_without_result(job, "skipped", f"{OUT_OF_TIME}: {why}"))
                continue
            actor = self._worker(job)
            until = None if self.deadline is None else self.left - kept
            self.running[actor.run.remote(job, self._store(job.data), until)] = (job, actor)
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
            if not self._is_own(job, actor, end_by(death).words) or job.key not in self.tried:
                self.tried.add(job.key)
                waiting.appendleft(job)
                return []
            return [_without_result(job, "failed", f"its worker died twice: {end_by(death).words}")]
        if result.may_be_machine:
            ray.kill(actor)  # whatever broke, another process may be spared
            if not self._is_own(job, actor, f"{result.node}: {result.error}"):
                waiting.appendleft(job)
                return []
            return [result]
        if result.reports or result.state == "completed":
            self.nodes.began(job.key, self._node(actor))
            self.nodes.trained(job.key)
        if job.own_worker or not waiting:  # an idle one would hold the CPUs that a job given back may need
            ray.kill(actor)
        else:
            self.idle.append(actor)
        return [replace(_saved(job, result), members=tuple(map(_saved, job.members, result.members)))]

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

    def _is_own(self, job: Job, actor: Any, error: str) -> bool:
        """Whether its failure is the job's own, not the machine's."""
        self.nodes.began(job.key, self._node(actor))
        is_own = self.nodes.failed(job.key, error)
        for _, text in self.nodes.news():
            _log.warning("%s", text)
        return is_own

    def _node(self, actor: Any) -> str:
        """The id of the actor's node; empty if it died before it said it."""
        try:
            node: str = ray.get(self.places[actor])
        except WORKER_LOST:
            return ""
        return node

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
            if stays_on_disk(data.cube):
                self.stored[name] = StoredData(data, None)
                return self.stored[name]
            if id(data.cube) not in self.cubes:
                self.cubes[id(data.cube)] = ray.put(np.asarray(data.cube))
            no_cube = np.empty((0, 0, data.cube.shape[2]), data.cube.dtype)
            self.stored[name] = StoredData(replace(data, cube=no_cube), self.cubes[id(data.cube)])
        return self.stored[name]

    def _worker(self, job: Job) -> Any:
        """An idle worker; a fresh one if there is none, or in place of an idle one if the job wants its own or another
        node."""
        avoided = self.nodes.avoided(job.key)
        if self.idle:
            idle = self.idle.pop()
            if not job.own_worker and self._node(idle) not in avoided:
                return idle
            ray.kill(idle)
        return self._actor(avoided)

    def _actor(self, avoided: Collection[str]) -> Any:
        request = self.resources.request
        # A second thread answers while the first one trains.
        threads = 1 if self.silence.limit_s is None else 2
        worker = ray.remote(num_cpus=request["cpu"], num_gpus=request["gpu"], max_restarts=0)(JobWorker)
        start = worker.options(max_concurrency=threads, label_selector=away_from(avoided))
        resources = self.resources
        actor: Any = start.remote(resources.device, resources.n_devices, resources.threads, self.trial_type)
        self.places[actor] = actor.node.remote()
        return actor


def _answer(question: Any) -> int:
    """The epochs of a worker; -1 if it is dead: its job's own future tells what happened."""
    try:
        epochs: int = ray.get(question)
    except WORKER_LOST:
        return -1
    return epochs


def _saved(job: Job, result: JobResult) -> JobResult:
    """`result`, its model in its place: the worker may be on another machine."""
    if job.save_to is None or result.model is None:
        return result
    save_files(result.model, job.save_to)
    return replace(result, model=None)


def _without_result(job: Job, state: JobState, reason: str) -> JobResult:
    return JobResult(job.key, state, reason, finished_at=now())

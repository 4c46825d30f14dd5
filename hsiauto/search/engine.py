"""The search itself: what to run next, and whether a trial goes on. Ray only carries messages to and from it.

Every answer is written to the journal before it is given, and is a function of the journal (and, with a deadline, of
the clock). So a resume is an Engine made on the same journal, and a simulation in virtual time uses this very object.
"""

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from optuna.exceptions import OptunaError

from hsiauto.config import RunConfig
from hsiauto.families.base import FamilyConfig
from hsiauto.search import warm_start
from hsiauto.search.allocation import Later
from hsiauto.search.events import Decision, Ended, EndState, Event, Proposed, Reported, Started, Warned, of
from hsiauto.search.joint import JOINT, JointSpace
from hsiauto.search.journal import Journal
from hsiauto.search.learning_curves import Completed, curve
from hsiauto.search.limits import GpuHours, Pace
from hsiauto.search.mirror import Mirror
from hsiauto.search.proposals import Proposals
from hsiauto.search.rungs import Rungs
from hsiauto.search.samplers import Proposal, Sampling, SearchSpace
from hsiauto.search.screen import Cost, Screen, Speed
from hsiauto.search.trials import TrialState, fold, trials
from hsiauto.training.trial import Report

OnEvent = Callable[[Event], None]


@dataclass(frozen=True)
class Assignment:
    """A trial to train now."""

    trial_id: str
    attempt: int
    config: FamilyConfig
    epochs_known: int
    """Epochs that the journal has from earlier attempts."""


class Engine:
    """One search over one journal.

    cost: of a config on this scene. parse: a journalled config -> the config. clock: seconds, like `deadline`. gpus: of
    each trial. speed: of a worker, for what may be started with a deadline.
    Raises UserError where the journal cannot be written.
    """

    def __init__(
        self,
        journal: Journal,
        run_config: RunConfig,
        space: SearchSpace,
        cost: Callable[[FamilyConfig], Cost],
        parse: Callable[[dict[str, Any]], FamilyConfig],
        *,
        workers: int = 1,
        gpus: float = 0.0,
        speed: Speed = Speed(),
        deadline: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        on_event: OnEvent | None = None,
        mirror: Mirror | None = None,
    ) -> None:
        if run_config.allocation == "joint":
            space = JointSpace(space)
        self._journal, self._run_config, self._space, self._parse = journal, run_config, space, parse
        self._cost = _remembered(cost)
        self._gpus, self._gpu_hours, self._speed = gpus, GpuHours(run_config.max_gpu_hours), speed
        self._on_event, self._mirror = on_event, mirror
        self._pace = Pace.start(deadline, workers, run_config.max_epochs, clock)
        self._rungs = Rungs(run_config.scheduler, run_config.max_epochs, run_config.grace_epochs, run_config.reduction)
        self.finished = False
        """Nothing new to start; set by `next`."""
        self.trials: dict[str, TrialState] = trials(journal.events)
        self._completed = Completed(run_config.objective, self.trials.values())
        self._sampling = Sampling(
            sampler=run_config.sampler,
            seed=run_config.seed,
            objective=run_config.objective,
            max_epochs=run_config.max_epochs,
            space=space,
            parse=parse,
            second_objective=run_config.second_objective,
            end=self._completed.end_of,
        )
        self._waiting: list[TrialState] = []
        """Trials of an earlier driver, or of a worker that died: they go on before anything new."""
        self._at_work: dict[str, int] = {}
        """Trial -> its attempt that was handed out and has not ended. No other attempt has a say."""
        known = warm_start.known(journal.events, parse)
        self._proposals = Proposals(
            run_config, space, self._sampling, self._screen, known, self._pace, self._completed, self.trials, self._warn
        )
        self._replay()
        self._waiting = [trial for trial in self.trials.values() if not trial.ended]

    def next(self) -> Assignment | None:
        """A trial to start now; None when there is none. While it `waits` there may be one later."""
        if self._pace.left > 0 and not self._gpu_hours.verdict(self.trials.values()):
            if self._waiting:
                trial = self._waiting.pop(0)
                config = self._parse(trial.config)
                return self._handed_out(Assignment(trial.trial_id, trial.attempt + 1, config, trial.epochs))
            new = None if self.finished else self._proposals.next(self.trials)
            if isinstance(new, Later):
                return None
            if new is not None:
                return self._handed_out(self._journalled(new))
        self.finished = True
        return None

    @property
    def waits(self) -> bool:
        """Whether there may be a trial after `next` has said None: one that a dying worker gives back, or the turn of a
        family that is decided by what is at work."""
        return bool(self._at_work)

    def start(self, trial_id: str, attempt: int, node: str, device: str, pid: int) -> None:
        """A worker has taken the trial."""
        self._write(Started(trial_id=trial_id, attempt=attempt, node=node, device=device, pid=pid, gpus=self._gpus))

    def report(self, trial_id: str, attempt: int, report: Report) -> Decision:
        """Take the report of an epoch, in order, and say whether the trial goes on."""
        if self._at_work.get(trial_id) != attempt:
            return "stop"  # an orphan of an earlier driver, or of a node that was given up
        trial = self.trials[trial_id]
        if report.epoch <= trial.epochs:
            return "continue"  # trained again after a crash; the journal has it
        score = self._checked_score(trial, report)
        told = Reported(trial_id=trial_id, attempt=attempt, decision="continue", **asdict(report))
        tentative = replace(trial, reports=[*trial.reports, told])
        slow = self._too_slow_to_predict(told)
        # A trial that may not rank must not stop others: the rungs do not see it.
        rung = None if slow else self._rungs.rung(report.epoch, trial.epochs)
        goes_on = math.isfinite(score) if slow else self._rungs.goes_on(trial.family, trial_id, report.epoch, score)
        goes_on |= math.isfinite(score) and self._pace.last_chance(tentative)
        complete = report.epoch >= self._run_config.max_epochs
        no_use = "" if complete else slow or self._limit(tentative)
        if goes_on and not no_use and self._rungs.judges(report.epoch):
            no_use = self._completed.cannot_win(trial.family, curve(tentative, self._run_config.objective))
        decision: Decision = "stop" if not goes_on or no_use else "complete" if complete else "continue"
        reason = no_use if goes_on else ""
        self._write(told.model_copy(update={"decision": decision, "rung": rung, "reason": reason}))
        self._warn_of_micro_batches(trial)
        self._end_by_its_report(trial)
        return decision

    def fail(self, trial_id: str, attempt: int, error: str, peak_memory_bytes: int | None = None) -> None:
        """The trial raised, or hangs. The search goes on. peak_memory_bytes: if it ran out of memory."""
        if self._at_work.get(trial_id) == attempt:
            self._end(self.trials[trial_id], "failed", error, attempt, peak_memory_bytes)

    def lose(self, trial_id: str, attempt: int, error: str) -> None:
        """The trial's worker died, which may not be its fault: it goes on from its checkpoint on another one, once."""
        if self._at_work.get(trial_id) != attempt:
            return
        trial = self.trials[trial_id]
        if trial.worker_deaths:
            self._end(trial, "failed", f"its worker died twice: {error}", attempt)
        else:
            self._end(trial, "interrupted", f"its worker died: {error}", attempt, worker_died=True)
            self._waiting.append(trial)

    def overdue(self, grace_s: float) -> bool:
        """Whether the deadline passed so long ago that trials without a report must not be waited for."""
        return self._pace.left < -grace_s

    def expire(self, trial_id: str, attempt: int) -> None:
        """Give up a trial that is overdue."""
        trial = self.trials[trial_id]
        if self._at_work.get(trial_id) == attempt:
            reached = "time limit of the search reached"
            if trial.attempt:
                after = f"after epoch {trial.epochs} of {self._run_config.max_epochs}"
                self._end(trial, "stopped", f"{reached} {after}", attempt)
            else:
                self._end(trial, "refused", f"{reached} before it started", attempt)

    def interrupt(self) -> None:
        """Close the books on Ctrl-C: what runs is interrupted, and goes on at a resume."""
        for trial in self.trials.values():
            if trial.state == "running":
                self._end(trial, "interrupted", "interrupted by the user")

    @property
    def any_running(self) -> bool:
        return any(trial.state == "running" for trial in self.trials.values())

    def best(self, family: str, k: int) -> list[str]:
        """Ids of the k completed trials of `family` with the best objective, best first."""
        done = [t for t in self.trials.values() if t.family == family and t.state == "completed"]
        return [t.trial_id for t in sorted(done, key=lambda t: (-t.score(self._run_config.objective), t.number))[:k]]

    def _journalled(self, proposal: Proposal) -> Assignment:
        number, config, cost = len(self.trials) + 1, proposal.config, self._cost(proposal.config)
        trial_id = f"t{number:04d}"
        self._write(
            Proposed(
                trial_id=trial_id,
                number=number,
                family=config.family,
                input=config.input,
                params=self._space.params(config),
                config=config.active(),
                config_hash=config.hash(),
                support=config.support,
                **asdict(cost),
                origin=proposal.origin,
                found_by=proposal.found_by,
                sampler_state=proposal.sampler_state,
            )
        )
        return Assignment(trial_id, 1, config, 0)

    def _handed_out(self, assignment: Assignment) -> Assignment:
        self._at_work[assignment.trial_id] = assignment.attempt
        return assignment

    def _checked_score(self, trial: TrialState, report: Report) -> float:
        """The objective. Without these checks a misnamed metric or epoch would switch early stopping off in silence."""
        score = getattr(report, f"val_{self._run_config.objective}")
        assert isinstance(score, float), f"validation {self._run_config.objective} is a float, not {score!r}"
        assert isinstance(report.epoch, int), f"epochs are counted, not {report.epoch!r}"
        assert trial.epochs < report.epoch <= self._run_config.max_epochs, f"epoch {report.epoch} after {trial.epochs}"
        return score

    def _screen(self) -> Screen:
        """What may start now."""
        room = self._pace.room(others_wait=bool(self._waiting) or len(self.trials) + 1 < self._run_config.budget)
        if self._gpus:
            room = min(room, self._gpu_hours.left_s(self.trials.values()) / self._gpus)
        return Screen(self._run_config, self._cost, room, self._speed, self.trials.values())

    def _limit(self, trial: TrialState) -> str:
        """The limit for which `trial`, which has just reported, must stop; empty where it may go on."""
        others = (other for other in self.trials.values() if other.trial_id != trial.trial_id)
        late = self._pace.verdict(trial, others_wait=self._others_wait())
        return late or self._gpu_hours.verdict(itertools.chain(others, [trial]))

    def _end_by_its_report(self, trial: TrialState) -> bool:
        """End `trial` where its last report, as journalled, says so; whether it did."""
        if trial.decision not in ("stop", "complete"):
            return False
        last, objective = trial.reports[-1], self._run_config.objective
        if not math.isfinite(score := last.score(objective)):
            self._end(trial, "failed", f"validation {objective} is {score} after epoch {trial.epochs}")
        elif slow := self._too_slow_to_predict(last):
            self._end(trial, "refused", slow)
        elif trial.decision == "stop":
            self._end(trial, "stopped", last.reason)
        else:
            self._end(trial, "completed", "")
        return True

    def _too_slow_to_predict(self, report: Reported) -> str:
        """Why a trial with `report` may not rank; empty: it may."""
        least, measured = self._run_config.min_pixels_per_second, report.pixels_per_second
        if least is None or (measured or 0) >= least:
            return ""
        return f"predicts {measured or 0:.0f} pixels a second; `min_pixels_per_second` is {least:g}"

    def _others_wait(self) -> bool:
        """Whether the time of a trial could go to another one."""
        return bool(self._waiting) or (not self.finished and len(self.trials) < self._run_config.budget)

    def _end(
        self,
        trial: TrialState,
        state: EndState,
        error: str,
        attempt: int | None = None,
        peak_memory_bytes: int | None = None,
        worker_died: bool = False,
    ) -> None:
        self._at_work.pop(trial.trial_id, None)
        self._write(
            Ended(
                trial_id=trial.trial_id,
                attempt=trial.attempt if attempt is None else attempt,
                state=state,
                error=error,
                peak_memory_bytes=peak_memory_bytes,
                worker_died=worker_died,
            )
        )
        if state == "completed":
            self._completed.add(trial)
        if trial.ended:
            self._copy(trial)

    def _warn_of_micro_batches(self, trial: TrialState) -> None:
        """With the first report after memory ran out."""
        *before, now = [report.micro_batch for report in trial.reports[-2:]]
        if now is None or before == [now]:
            return
        peak = trial.reports[-1].peak_memory_bytes / 2**30
        text = (
            f"{trial.trial_id}, {trial.family}: out of memory at {peak:.2f} GiB; it goes on with {now} samples at once "
            "and the same effective batch"
        )
        self._warn(f"memory of {trial.trial_id}", text, [trial.family])

    def _write(self, event: Event) -> None:
        written = self._journal.append(event)
        fold(self.trials, written)
        if self._on_event is not None:
            self._on_event(written)

    def _warn(self, about: str, text: str, families: Sequence[str]) -> None:
        """Write a warning once in a journal for each subject and its families."""
        told = of(Warned, self._journal.events)
        if not any((event.about, event.families) == (about, tuple(families)) for event in told):
            self._write(Warned(about=about, text=text, families=tuple(families)))

    def _replay(self) -> None:
        """Bring rungs, mirror and outcomes to where the journal stands."""
        shown: dict[str, int] = {}
        for report in of(Reported, self._journal.events):
            if report.epoch > shown.get(report.trial_id, 0):
                shown[report.trial_id] = report.epoch
                if not self._too_slow_to_predict(report):
                    family, score = self.trials[report.trial_id].family, report.score(self._run_config.objective)
                    self._rungs.goes_on(family, report.trial_id, report.epoch, score)
        for trial in self.trials.values():
            if trial.ended:
                self._copy(trial)
            elif not self._end_by_its_report(trial) and trial.state == "running":  # killed between the two lines
                self._end(trial, "interrupted", "the driver ended before the trial")

    def _copy(self, trial: TrialState) -> None:
        """Show an ended trial in the mirror."""
        if self._mirror is not None:
            run_config = JOINT if self._run_config.allocation == "joint" else trial.family
            frozen = self._sampling.frozen(trial, whole=True)
            try:
                self._mirror.add(run_config, frozen, self._sampling.directions(run_config), trial)
            except (KeyError, OptunaError, OSError) as error:  # a study deleted in the dashboard; a full disk
                self._mirror = None
                self._warn("mirror", f"optuna.log is no longer written: {type(error).__name__}: {error}", [])


def _remembered(cost: Callable[[FamilyConfig], Cost]) -> Callable[[FamilyConfig], Cost]:
    """`cost`, which builds a network and runs it without data, once a config."""
    known: dict[str, Cost] = {}

    def remembered(config: FamilyConfig) -> Cost:
        if config.hash() not in known:
            known[config.hash()] = cost(config)
        return known[config.hash()]

    return remembered

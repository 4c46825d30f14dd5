"""The search itself: what to run next, and whether a trial goes on. Ray only carries messages to and from it.

Every answer is written to the journal before it is given, and is a function of the journal (and, with a deadline, of
the clock). So a resume is an Engine made on the same journal, and a simulation in virtual time uses this very object.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from optuna.exceptions import OptunaError

from hsiauto.config import RunConfig
from hsiauto.families.base import FamilyConfig
from hsiauto.search import warm_start
from hsiauto.search.allocation import Later
from hsiauto.search.events import Decision, Ended, EndState, Proposed, Reported, Started, of
from hsiauto.search.journal import Journal
from hsiauto.search.judge import Judge
from hsiauto.search.learning_curves import Completed
from hsiauto.search.ledger import Ledger, OnEvent
from hsiauto.search.limits import GpuHours, TimeLimit
from hsiauto.search.mirror import Mirror
from hsiauto.search.proposals import Proposals
from hsiauto.search.samplers import Proposal, Sampling, SearchSpace
from hsiauto.search.screen import Cost, Screen, Speed, remembered
from hsiauto.search.trials import TrialState
from hsiauto.training.trial import Report


@dataclass(frozen=True)
class Training:
    """A trial to train now."""

    trial_id: str
    attempt: int
    config: FamilyConfig
    epochs_known: int
    """Epochs that the journal has from earlier attempts."""


class Engine:
    """One search over one journal.

    cost: of a config on this scene. parse: a journalled config -> the config. clock: seconds, like `deadline`. gpus: of
    each trial. speed: of a worker, for what may be started with a deadline. proposals: how what runs next is chosen.
    may_go_on: whether a trial that waits may be started now, as long as there is something else to do.
    Raises UserError if the journal cannot be written.
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
        proposals: type[Proposals] = Proposals,
        may_go_on: Callable[[str], bool] = lambda trial_id: True,
    ) -> None:
        self._run_config, self._space, self._parse, self._mirror = run_config, space, parse, mirror
        self._cost, self._gpus, self._speed, self._may_go_on = remembered(cost), gpus, speed, may_go_on
        self._ledger = Ledger(journal, on_event)
        self._time_limit = TimeLimit.start(deadline, workers, run_config.max_epochs, clock)
        self._gpu_hours = GpuHours(run_config.max_gpu_hours)
        ended = (self.trials[event.trial_id] for event in of(Ended, journal.events) if event.state == "completed")
        self._completed = Completed(run_config.objective, ended)
        self._judge = Judge(run_config, self._completed, self._time_limit, self._gpu_hours)
        self.finished = False
        """Nothing new to start; set by `next`."""
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
        self._proposals = proposals(
            run_config,
            space,
            self._sampling,
            self._screen,
            warm_start.proposals(journal.events, parse),
            self._time_limit,
            self._completed,
            self._ledger,
        )
        self._replay()
        self._waiting = [trial for trial in self.trials.values() if not trial.ended]

    @property
    def trials(self) -> dict[str, TrialState]:
        """By id, in the order of their proposals."""
        return self._ledger.trials

    def of_family(self, family: str) -> Sequence[TrialState]:
        """The trials of a family, in the order of their proposals."""
        return self._ledger.of_family[family]

    def next(self) -> Training | None:
        """A trial to start now; None when there is none. While it `waits` there may be one later."""
        if self._time_limit.left_s > 0 and not self._gpu_hours.why_stop(self.trials.values()):
            for trial in self._waiting:
                if self._may_go_on(trial.trial_id):
                    return self._handed_out(self._next_attempt(trial))
            proposal = None if self.finished else self._proposals.next()
            if isinstance(proposal, Proposal):
                return self._handed_out(self._journalled(proposal))
            if self._waiting and not self._at_work:  # nothing else is left to do
                return self._handed_out(self._next_attempt(self._waiting[0]))
            if isinstance(proposal, Later):
                return None
        self.finished = True
        return None

    @property
    def waits(self) -> bool:
        """Whether there may be a trial after `next` has said None: one that a dying worker gives back, or the turn of a
        family that is decided by what is at work."""
        return bool(self._at_work)

    def is_at_work(self, trial_id: str, attempt: int) -> bool:
        """Whether the trial was handed out, and this attempt is the last one, which has not ended."""
        return self._at_work.get(trial_id) == attempt

    def start(self, trial_id: str, attempt: int, node: str, device: str, pid: int, note: str = "") -> None:
        """A worker has taken the trial. note: `Trial.note`."""
        self._ledger.write(
            Started(trial_id=trial_id, attempt=attempt, node=node, device=device, pid=pid, gpus=self._gpus, note=note)
        )

    def report(self, trial_id: str, attempt: int, report: Report) -> Decision:
        """Take the report of an epoch, in order, and say whether the trial goes on."""
        if not self.is_at_work(trial_id, attempt):
            return "stop"  # an orphan of an earlier driver, or of a node that was given up
        trial = self.trials[trial_id]
        if report.epoch <= trial.epochs:
            return "continue"  # trained again after a crash; the journal has it
        self._check(trial, report)
        told = Reported(trial_id=trial_id, attempt=attempt, decision="continue", **asdict(report))
        told, by_limit = self._judge.judged(told, trial, self.trials.values(), self._others_wait())
        self._ledger.write(told)
        self._warn_of_micro_batches(trial)
        self._end_by_its_report(trial, by_limit)
        return told.decision

    def fail(self, trial_id: str, attempt: int, error: str, peak_memory_bytes: int | None = None) -> None:
        """The trial raised, or hangs. The search goes on. peak_memory_bytes: if it ran out of memory."""
        if self.is_at_work(trial_id, attempt):
            self._end(self.trials[trial_id], "failed", error, attempt, peak_memory_bytes)

    def lose(self, trial_id: str, attempt: int, error: str) -> None:
        """The trial's worker died, which may not be its fault: it goes on from its checkpoint on another one, once."""
        if not self.is_at_work(trial_id, attempt):
            return
        if self.trials[trial_id].worker_deaths:
            self._end(self.trials[trial_id], "failed", f"its worker died twice: {error}", attempt)
        else:
            self.give_back(trial_id, attempt, f"its worker died: {error}")

    def give_back(self, trial_id: str, attempt: int, error: str) -> None:
        """What ended the trial may not be its fault: it goes on on another worker."""
        if self.is_at_work(trial_id, attempt):
            self._end(self.trials[trial_id], "interrupted", error, attempt, worker_died=True)
            self._waiting.append(self.trials[trial_id])

    def put_back(self, trial_id: str, attempt: int) -> None:
        """The trial has not begun where it was handed out, and is not to: it waits to be handed out again."""
        if self.is_at_work(trial_id, attempt):
            del self._at_work[trial_id]
            self._waiting.append(self.trials[trial_id])

    def set_aside(self, trial_id: str, attempt: int, error: str) -> None:
        """The trial cannot go on here and now; it does at a resume."""
        if self.is_at_work(trial_id, attempt):
            self._end(self.trials[trial_id], "interrupted", error, attempt)

    def warn(self, about: str, text: str) -> None:
        """Tell whoever reads the results; once for each subject."""
        self._ledger.warn(about, text)

    def overdue(self, grace_s: float) -> bool:
        """Whether the deadline passed more than `grace_s` ago, so that trials without a report are not waited for."""
        return self._time_limit.left_s < -grace_s

    def expire(self, trial_id: str, attempt: int) -> None:
        """Give up a trial that is overdue."""
        trial = self.trials[trial_id]
        if self.is_at_work(trial_id, attempt):
            reached = "time limit of the search reached"
            if trial.attempt:
                after = f"after epoch {trial.epochs} of {self._run_config.max_epochs}"
                self._end(trial, "stopped", f"{reached} {after}", attempt, by_limit=True)
            else:
                self._end(trial, "refused", f"{reached} before it started", attempt, by_limit=True)

    def interrupt(self, why: str = "") -> None:
        """Close the books on Ctrl-C, or for another reason: what runs is interrupted, and goes on at a resume."""
        for trial in self.trials.values():
            if trial.state == "running":
                self._end(trial, "interrupted", why or "interrupted by the user")

    @property
    def any_running(self) -> bool:
        return any(trial.state == "running" for trial in self.trials.values())

    def best(self, family: str, k: int) -> list[str]:
        """Ids of the k completed trials of `family` with the best objective, best first."""
        done = [t for t in self.of_family(family) if t.state == "completed"]
        return [t.trial_id for t in sorted(done, key=lambda t: (-t.score(self._run_config.objective), t.number))[:k]]

    def _journalled(self, proposal: Proposal) -> Training:
        number, config = len(self.trials) + 1, proposal.config
        event = Proposed(
            trial_id=f"t{number:04d}",
            number=number,
            family=config.family,
            input=config.input,
            params=self._space.params(config),
            config=config.active(),
            config_hash=config.hash(),
            support=config.support,
            **asdict(self._cost(config)),
            origin=proposal.origin,
            found_by=proposal.found_by,
            sampler_state=proposal.sampler_state,
        )
        self._ledger.write(event)
        return Training(event.trial_id, 1, config, 0)

    def _next_attempt(self, trial: TrialState) -> Training:
        self._waiting.remove(trial)
        return Training(trial.trial_id, trial.attempt + 1, self._parse(trial.config), trial.epochs)

    def _handed_out(self, training: Training) -> Training:
        self._at_work[training.trial_id] = training.attempt
        return training

    def _check(self, trial: TrialState, report: Report) -> None:
        """Without these checks a misnamed metric or epoch would switch early stopping off in silence."""
        score = getattr(report, f"val_{self._run_config.objective}")
        assert isinstance(score, float), f"validation {self._run_config.objective} is a float, not {score!r}"
        assert isinstance(report.epoch, int), f"epochs are counted, not {report.epoch!r}"
        assert trial.epochs < report.epoch <= self._run_config.max_epochs, f"epoch {report.epoch} after {trial.epochs}"

    def _screen(self) -> Screen:
        """What may start now."""
        others_wait = bool(self._waiting) or len(self.trials) + 1 < self._run_config.budget
        longest_s = self._time_limit.trial_s(others_wait)
        if self._gpus:
            longest_s = min(longest_s, self._gpu_hours.left_s(self.trials.values()) / self._gpus)
        return Screen(self._run_config, self._cost, longest_s, self._speed, self._ledger.recent)

    def _others_wait(self) -> bool:
        """Whether the time of a trial could go to another one."""
        return bool(self._waiting) or (not self.finished and len(self.trials) < self._run_config.budget)

    def _end_by_its_report(self, trial: TrialState, by_limit: bool = False) -> bool:
        """End `trial` if its last report, as journalled, says so; whether it did."""
        if trial.decision not in ("stop", "complete") or trial.reports[-1].attempt < trial.attempt:  # it went on
            return False
        last, objective = trial.reports[-1], self._run_config.objective
        if not math.isfinite(score := last.score(objective)):
            self._end(trial, "failed", f"validation {objective} is {score} after epoch {trial.epochs}")
        elif slow := self._judge.why_too_slow(last):
            self._end(trial, "refused", slow)
        elif trial.decision == "stop":
            self._end(trial, "stopped", last.reason, by_limit=by_limit)
        else:
            self._end(trial, "completed")
        return True

    def _end(
        self,
        trial: TrialState,
        state: EndState,
        error: str = "",
        attempt: int | None = None,
        peak_memory_bytes: int | None = None,
        worker_died: bool = False,
        by_limit: bool = False,
    ) -> None:
        self._at_work.pop(trial.trial_id, None)
        self._ledger.write(
            Ended(
                trial_id=trial.trial_id,
                attempt=trial.attempt if attempt is None else attempt,
                state=state,
                error=error,
                peak_memory_bytes=peak_memory_bytes,
                worker_died=worker_died,
                by_limit=by_limit,
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
        self._ledger.warn(f"memory of {trial.trial_id}", text, [trial.family])

    def _replay(self) -> None:
        """Bring rungs, mirror and outcomes to where the journal stands."""
        shown: dict[str, int] = {}
        for report in of(Reported, self._ledger.events):
            if report.epoch > shown.get(report.trial_id, 0):
                shown[report.trial_id] = report.epoch
                if not self._judge.why_too_slow(report):
                    self._judge.show(self.trials[report.trial_id].family, report)
        for trial in self.trials.values():
            if trial.by_limit and not self._judge.why_over_limit(trial, self.trials.values(), self._others_wait()):
                trial.state = "interrupted"  # this call has more time, or GPU-hours
            elif trial.ended:
                self._copy(trial)
            elif not self._end_by_its_report(trial) and trial.state == "running":  # killed between the two lines
                self._end(trial, "interrupted", "the driver ended before the trial")

    def _copy(self, trial: TrialState) -> None:
        """Show an ended trial in the mirror."""
        if self._mirror is not None:
            frozen = self._sampling.frozen(trial, whole=True)
            try:
                self._mirror.add(trial.family, frozen, self._sampling.directions(trial.family), trial)
            except (KeyError, OptunaError, OSError) as error:  # a study deleted in the dashboard; a full disk
                self._mirror = None
                self._ledger.warn("mirror", f"optuna.log is no longer written: {type(error).__name__}: {error}")

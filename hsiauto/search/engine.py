"""The search itself: what to run next, and whether a trial goes on. Ray only carries messages to and from it.

Every answer is written to the journal before it is given, and is a function of the journal (and, with a deadline, of
the clock). So a resume is an Engine made on the same journal, and a simulation in virtual time uses this very object.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from hsiauto.config import StudyConfig
from hsiauto.families.base import FamilyConfig
from hsiauto.search import allocation
from hsiauto.search.journal import Event, Journal, TrialState, fold, trials
from hsiauto.search.mirror import Mirror
from hsiauto.search.pacing import Pace
from hsiauto.search.rungs import Rungs
from hsiauto.search.samplers import Proposal, Sampling, SearchSpace
from hsiauto.trial import Report

Decision = Literal["continue", "stop", "complete"]
OnEvent = Callable[[Event], None]


@dataclass(frozen=True)
class Cost:
    """Of one config, predicted."""

    parameters: int | None
    macs: int | None
    """Multiply-adds of one prediction; None for a family that is no network."""


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

    cost: of a config on this scene. parse: a journalled config -> the config. clock: seconds, like `deadline`.
    Raises UserError where the journal cannot be written.
    """

    def __init__(
        self,
        journal: Journal,
        study: StudyConfig,
        space: SearchSpace,
        cost: Callable[[FamilyConfig], Cost],
        parse: Callable[[dict[str, Any]], FamilyConfig],
        *,
        workers: int = 1,
        deadline: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        on_event: OnEvent | None = None,
        mirror: Mirror | None = None,
    ) -> None:
        self._journal, self._study, self._space, self._cost, self._parse = journal, study, space, cost, parse
        self._on_event, self._mirror = on_event, mirror
        self._sampling = Sampling(study.sampler, study.seed, study.objective, space, parse)
        self._pace = Pace.start(deadline, workers, study.max_epochs, clock)
        self._rungs = Rungs(study.scheduler, study.max_epochs, study.grace_epochs, study.reduction)
        self._exhausted: set[str] = set()
        self.finished = False
        """Nothing more to start; set by `next`."""
        self.trials: dict[str, TrialState] = trials(journal.events)
        preset_costs = {family: cost(space.preset(family)).macs or 0 for family in space.families}
        self._plan = allocation.plan(space.families, preset_costs, study.budget)
        self._warn_of_skipped()
        self._replay()
        self._waiting = [trial for trial in self.trials.values() if not trial.ended]
        """Trials of an earlier driver that go on before anything new."""

    def next(self) -> Assignment | None:
        """A trial to start now; None when there is none, now or later."""
        if not self.finished and self._pace.left > 0:
            if self._waiting:
                trial = self._waiting.pop(0)
                return Assignment(trial.trial_id, trial.attempt + 1, self._parse(trial.config), trial.epochs)
            if (new := self._propose()) is not None:
                return new
        self.finished = True
        return None

    def start(self, trial_id: str, attempt: int, node: str, device: str, pid: int) -> None:
        """A worker has taken the trial."""
        self._write("started", trial_id=trial_id, attempt=attempt, node=node, device=device, pid=pid)

    def report(self, trial_id: str, attempt: int, report: Report) -> Decision:
        """Take the report of an epoch, in order, and say whether the trial goes on."""
        trial = self.trials[trial_id]
        if trial.ended or attempt != trial.attempt:
            return "stop"  # an orphan of an earlier driver
        if report.epoch <= trial.epochs:
            return "continue"  # trained again after a crash; the journal has it
        score = self._checked_score(trial, report)
        rung = self._rungs.rung(report.epoch, trial.epochs)
        goes_on = self._rungs.goes_on(trial.family, trial_id, report.epoch, score)
        complete = report.epoch >= self._study.max_epochs
        tentative = TrialState(**{**vars(trial), "reports": [*trial.reports, {**asdict(report), "decision": ""}]})
        out_of_time = "" if complete else self._pace.verdict(tentative, others_wait=self._others_wait())
        decision: Decision = "stop" if not goes_on or out_of_time else "complete" if complete else "continue"
        self._write("report", trial_id=trial_id, attempt=attempt, **asdict(report), decision=decision, rung=rung)
        if not math.isfinite(score):
            self._end(trial, "failed", f"validation {self._study.objective} is {score} after epoch {report.epoch}")
        elif decision == "complete":
            self._end(trial, "completed", "")
        elif decision == "stop":
            self._end(trial, "stopped", out_of_time if goes_on else "")
        return decision

    def fail(self, trial_id: str, attempt: int, error: str) -> None:
        """The trial raised, or its worker died. The search goes on."""
        trial = self.trials[trial_id]
        if not trial.ended and attempt >= trial.attempt:
            self._end(trial, "failed", error, attempt)

    def overdue(self, grace_s: float) -> bool:
        """Whether the deadline passed so long ago that trials without a report must not be waited for."""
        return self._pace.left < -grace_s

    def expire(self, trial_id: str, attempt: int) -> None:
        """Give up a trial that is overdue."""
        trial = self.trials[trial_id]
        if not trial.ended:
            done = f"after epoch {trial.epochs} of {self._study.max_epochs}" if trial.attempt else "before it started"
            state = "stopped" if trial.attempt else "refused"
            self._end(trial, state, f"time limit of the search reached {done}", attempt)

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
        return [t.trial_id for t in sorted(done, key=lambda t: (-t.score(self._study.objective), t.number))[:k]]

    def _propose(self) -> Assignment | None:
        while True:
            closed = self._exhausted | self._pace.too_slow(self.trials.values())
            family = allocation.next_family(
                self._plan, self.trials, self._study.objective, closed, self._pace.affordable
            )
            if family is None:
                return None
            past = [trial for trial in self.trials.values() if trial.family == family]
            taken = {trial.config_hash for trial in past}
            proposal = self._sampling.propose(family, past, taken)
            if proposal is not None:
                return self._journalled(family, proposal)
            self._exhausted.add(family)
            self._write("warning", text=f"{family}: every config that the sampler draws has run", families=[family])

    def _journalled(self, family: str, proposal: Proposal) -> Assignment:
        number, config, cost = len(self.trials) + 1, proposal.config, self._cost(proposal.config)
        trial_id = f"t{number:04d}"
        self._write(
            "proposed",
            trial_id=trial_id,
            family=family,
            axes=self._space.params(config),
            config=config.active(),
            config_hash=config.hash(),
            **asdict(cost),
            number=number,
            origin=proposal.origin,
            sampler_state=proposal.sampler_state,
        )
        return Assignment(trial_id, 1, config, 0)

    def _checked_score(self, trial: TrialState, report: Report) -> float:
        """The objective. Without these checks a misnamed metric or epoch would switch early stopping off in silence."""
        score = getattr(report, f"val_{self._study.objective}")
        assert isinstance(score, float), f"validation {self._study.objective} is a float, not {score!r}"
        assert isinstance(report.epoch, int), f"epochs are counted, not {report.epoch!r}"
        assert trial.epochs < report.epoch <= self._study.max_epochs, f"epoch {report.epoch} after {trial.epochs}"
        return score

    def _others_wait(self) -> bool:
        """Whether the time of a trial could go to another one."""
        return bool(self._waiting) or (not self.finished and len(self.trials) < self._study.budget)

    def _end(self, trial: TrialState, state: str, error: str, attempt: int | None = None) -> None:
        attempt = trial.attempt if attempt is None else attempt
        self._write("ended", trial_id=trial.trial_id, attempt=attempt, state=state, error=error or None)
        if self._mirror is not None and trial.ended:
            self._mirror.add(trial.family, self._sampling.frozen(trial, whole=True))

    def _write(self, event: str, **fields: Any) -> None:
        record = self._journal.append(event, **fields)
        fold(self.trials, record)
        if self._on_event is not None:
            self._on_event(record)

    def _warn_of_skipped(self) -> None:
        skipped = list(self._plan.skipped)
        if not skipped or any(e["event"] == "warning" and e["families"] == skipped for e in self._journal.events):
            return
        text = (
            f"a budget of {self._study.budget} cannot give each of {len(self._space.families)} families "
            f"{allocation.LOWEST_FLOOR} trials; left out: {', '.join(skipped)}"
        )
        self._write("warning", text=text, families=skipped)

    def _replay(self) -> None:
        """Bring rungs, mirror and outcomes to where the journal stands."""
        objective = f"val_{self._study.objective}"
        shown: dict[str, int] = {}
        for event in list(self._journal.events):
            if event["event"] == "report" and event["epoch"] > shown.get(event["trial_id"], 0):
                shown[event["trial_id"]] = event["epoch"]
                score = math.nan if event[objective] is None else event[objective]
                family = self.trials[event["trial_id"]].family
                self._rungs.goes_on(family, event["trial_id"], event["epoch"], score)
        for trial in self.trials.values():
            if trial.ended and self._mirror is not None:
                self._mirror.add(trial.family, self._sampling.frozen(trial, whole=True))
            elif not trial.ended and trial.decision in ("stop", "complete"):  # killed between the two lines
                scored = math.isfinite(trial.score(self._study.objective))
                state = "failed" if not scored else "completed" if trial.decision == "complete" else "stopped"
                self._end(trial, state, "" if scored else f"validation {self._study.objective} is not finite")
            elif trial.state == "running":
                self._end(trial, "interrupted", "the driver ended before the trial")

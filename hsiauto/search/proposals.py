"""What to try next: whose turn it is, and a config of it that may start.

A family begins with its paper preset, or with another one if that is too large to start with; then comes what an
earlier run found (`warm_start`), then what the sampler draws. A draw that may not start is drawn again.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from hsiauto.config import RunConfig
from hsiauto.families.base import FamilyConfig
from hsiauto.search import allocation
from hsiauto.search.allocation import Later
from hsiauto.search.learning_curves import Completed
from hsiauto.search.ledger import Ledger
from hsiauto.search.limits import TimeLimit
from hsiauto.search.samplers import Proposal, Sampling, SearchSpace
from hsiauto.search.screen import Screen
from hsiauto.search.trials import TrialState

MOST_REFUSED = 64
"""Draws that may be weighed for one proposal. A cap may leave one in twenty of a family's configs; weighing takes
milliseconds, of a large network about a second."""


class Proposals:
    """Proposes for one search. Every answer is a function of the trials and, with a limit of time, of the clock."""

    def __init__(
        self,
        run_config: RunConfig,
        space: SearchSpace,
        sampling: Sampling,
        screen: Callable[[], Screen],
        warm: Sequence[Proposal],
        time_limit: TimeLimit,
        completed: Completed,
        ledger: Ledger,
    ) -> None:
        """screen: what may start now. warm: proposals of a warm start, the best first."""
        self._run_config, self._space, self._sampling, self._screen = run_config, space, sampling, screen
        self._warm, self._time_limit, self._completed, self._ledger = warm, time_limit, completed, ledger
        self._closed: set[str] = set()
        """Families that have nothing more to propose."""
        self._plan = allocation.plan(space.families, self._weights(), run_config.budget)
        if skipped := self._plan.skipped:
            text = (
                f"a budget of {run_config.budget} cannot give each of {len(space.families)} families a trial; "
                f"left out: {', '.join(skipped)}"
            )
            ledger.warn("budget", text, skipped)

    def next(self) -> Proposal | Later | None:
        """The next config to run; None when the budget is spent or nothing may start."""
        while len(self._ledger.trials) < self._run_config.budget:
            closed = self._closed | self._time_limit.too_slow(self._ledger.recent)
            turn = self._turn(closed)
            if turn is None or isinstance(turn, Later):
                return turn
            if (proposal := self._proposal(turn)) is not None:
                return proposal
            self._closed.add(turn)
        return None

    def _turn(self, closed: Collection[str]) -> str | Later | None:
        """The family of the next trial."""
        plan = self._plan
        if self._time_limit.half_gone:  # minimum trials take half of the time too
            plan = replace(plan, minimum_trials=min(plan.minimum_trials, allocation.FEWEST_TRIALS))
        return allocation.next_family(
            plan,
            self._ledger.of_family,
            self._run_config.objective,
            self._completed,
            closed,
            self._time_limit.affordable,
            dearest_opens=self._has_no_limit and self._time_limit.workers > 1,
        )

    @property
    def _has_no_limit(self) -> bool:
        """Whether the budget alone ends the search: under a limit the cheap presets tell whether a dear one fits."""
        return self._time_limit.deadline is None and self._run_config.max_gpu_hours is None

    def _proposal(self, family: str) -> Proposal | None:
        past, screen = self._ledger.of_family[family], self._screen()
        if not past:
            preset, out = self._preset(family, screen)
            if preset is not None or out:
                return preset
        taken = self._ledger.taken[family]
        for warm in self._warm:
            if warm.config.family == family and warm.config.hash() not in taken and screen.allows(warm.config):
                return warm
        return self._drawn(family, past, screen)

    def _drawn(self, family: str, past: Sequence[TrialState], screen: Screen) -> Proposal | None:
        """What the sampler draws, given the family's trials."""
        capped: list[str] = []
        late: list[str] = []

        def allowed(config: FamilyConfig) -> bool:
            if len(capped) + len(late) == MOST_REFUSED:
                return False
            if why := screen.why_over_cap(config):
                capped.append(why)
            elif why := screen.why_too_long(config):
                late.append(why)
            return not why

        proposal = self._sampling.propose(family, past, self._ledger.taken[family], allowed)
        if proposal is None and not capped and not late:
            self._ledger.warn("exhausted", f"{family}: every config that the sampler draws has run", [family])
        elif proposal is None and (capped or not past):  # near a deadline every family comes to this in time
            out, every = "gets no more trials" if past else "is left out", [*late, *capped]
            text = f"{family} {out}: {len(every)} configs were drawn, and the last {every[-1]}"
            self._ledger.warn("refused", text, [family])
        return proposal

    def _preset(self, family: str, screen: Screen) -> tuple[Proposal | None, bool]:
        """The preset to begin with; without one, whether the family is out.

        If caps alone are in the way, the sampler may draw something smaller.
        """
        paper, *others = self._space.presets(family)
        starts = self._starts(family, screen)
        if starts:
            if starts[0] != paper:
                why = screen.why_over_cap(paper) or screen.why_too_long(paper) or screen.why_long_start(paper)
                text = f"{family} starts with a smaller preset: that of the paper {why}"
                self._ledger.warn("preset", text, [family])
            return Proposal(starts[0], "preset"), False
        late = [screen.why_too_long(preset) for preset in (paper, *others) if not screen.why_over_cap(preset)]
        if late:
            self._ledger.warn("time", f"{family} is left out: its smallest preset {late[-1]}", [family])
        return None, bool(late)

    def _starts(self, family: str, screen: Screen) -> list[FamilyConfig]:
        """The presets that may start, in order of preference: the family's own, then the long ones,
        cheapest first."""
        allowed = [preset for preset in self._space.presets(family) if screen.allows(preset)]
        return sorted(allowed, key=lambda preset: screen.cost(preset).weight if screen.why_long_start(preset) else 0)

    def _weights(self) -> dict[str, int]:
        """Predicted cost of the preset that each family began or will begin with."""
        screen, trials = self._screen(), self._ledger.trials.values()
        begun = {trial.family: trial for trial in reversed(trials) if trial.origin == "preset"}
        weights: dict[str, int] = {}
        for family in self._space.families:
            if family in begun:
                weights[family] = begun[family].epoch_macs or begun[family].macs or 0
                continue
            starts = self._starts(family, screen) or self._space.presets(family)
            weights[family] = screen.cost(starts[0]).weight
        return weights

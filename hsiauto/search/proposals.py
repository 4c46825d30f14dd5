"""What to try next: whose turn it is, and a config of it that may start.

A family begins with its paper preset, or the first of its other presets that may start; then comes what an earlier run
found (`--warm-start`), then what the sampler draws. A draw that may not start is drawn again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from hsiauto.config import RunConfig
from hsiauto.families.base import FamilyConfig
from hsiauto.search import allocation
from hsiauto.search.allocation import Later
from hsiauto.search.joint import JOINT
from hsiauto.search.learning_curves import Completed
from hsiauto.search.limits import Pace
from hsiauto.search.samplers import Proposal, Sampling, SearchSpace
from hsiauto.search.screen import Screen
from hsiauto.search.trials import TrialState
from hsiauto.search.warm_start import Known

Warn = Callable[[str, str, Sequence[str]], None]
"""(what about, text, families): journalled once."""
Trials = Mapping[str, TrialState]

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
        known: Sequence[Known],
        pace: Pace,
        completed: Completed,
        trials: Trials,
        warn: Warn,
    ) -> None:
        self._run_config, self._space, self._sampling, self._screen = run_config, space, sampling, screen
        self._known, self._pace, self._completed, self._warn = known, pace, completed, warn
        self._closed: set[str] = set()
        """Families, and in a joint search the one study, that have nothing more to propose."""
        self._unset: set[str] = set()
        """In a joint search: families of which no preset may start, but perhaps what is drawn."""
        weights = self._weights(trials)
        budget = max(run_config.budget, allocation.LOWEST_FLOOR * len(weights)) if self._joint else run_config.budget
        self._plan = allocation.plan(space.families, weights, budget)
        if self._plan.skipped:
            skipped = self._plan.skipped
            text = (
                f"a budget of {run_config.budget} cannot give each of {len(space.families)} families "
                f"{allocation.LOWEST_FLOOR} trials; left out: {', '.join(skipped)}"
            )
            warn("budget", text, skipped)

    def next(self, trials: Trials) -> Proposal | Later | None:
        """The next config to run; None when the budget is spent or nothing may start."""
        while len(trials) < self._run_config.budget:
            closed = self._closed | self._pace.too_slow(trials.values())
            turn = self._turn(trials, closed)
            if turn is None or isinstance(turn, Later):
                return turn
            screen = self._screen()
            proposal = self._proposal(turn, trials, closed, screen)
            if proposal is not None:
                return proposal
            if turn not in self._unset:
                self._closed.add(turn)
        return None

    def _turn(self, trials: Trials, closed: Collection[str]) -> str | Later | None:
        """A family; in a joint search JOINT, once every family has had its preset."""
        if not self._joint:
            plan, objective, affordable = self._plan, self._run_config.objective, self._pace.affordable
            if self._pace.half_gone:  # floors take half of the time too
                plan = replace(plan, floor=min(plan.floor, allocation.LOWEST_FLOOR))
            return allocation.next_family(plan, trials, objective, self._completed, closed, affordable)
        begun = {trial.family for trial in trials.values()}
        fresh = [family for family in self._plan.families if family not in begun | self._unset | set(closed)]
        return fresh[0] if fresh else None if JOINT in closed else JOINT

    def _proposal(self, turn: str, trials: Trials, closed: Collection[str], screen: Screen) -> Proposal | None:
        past = [trial for trial in trials.values() if turn in (trial.family, JOINT)]
        if not past:
            preset, closes = self._preset(turn, screen)
            if preset is not None or closes:
                return preset
            if self._joint and turn != JOINT:
                self._unset.add(turn)
                return None
        taken = {trial.config_hash for trial in past}
        for known in self._known:
            of_turn = turn in (known.config.family, JOINT) and known.config.family not in closed
            if of_turn and known.config.hash() not in taken and screen.allows(known.config):
                return Proposal(known.config, "warm-start", found_by=known.found_by)
        capped: list[str] = []
        late: list[str] = []

        def allowed(config: FamilyConfig) -> bool:
            if config.family in closed or len(capped) + len(late) == MOST_REFUSED:
                return False
            if why := screen.over_cap(config):
                capped.append(why)
            elif why := screen.too_long(config):
                late.append(why)
            return not why

        proposal = self._sampling.propose(turn, past, taken, allowed)
        if proposal is None and not capped and not late:
            self._warn("exhausted", f"{turn}: every config that the sampler draws has run", [turn])
        elif proposal is None and (capped or not past):  # near a deadline every family comes to this in time
            out, every = "gets no more trials" if past else "is left out", [*late, *capped]
            self._warn("refused", f"{turn} {out}: {len(every)} configs were drawn, and the last {every[-1]}", [turn])
        return proposal

    def _preset(self, family: str, screen: Screen) -> tuple[Proposal | None, bool]:
        """The preset to begin with, and whether the family is out where there is none.

        Where caps alone are in the way, the sampler may draw something smaller.
        """
        first = late = ""
        for preset in self._space.presets(family):
            over = screen.over_cap(preset)
            late = late if over else screen.too_long(preset)
            if not over and not late:
                if first:
                    text = f"{family} starts with a smaller preset: that of the paper {first}"
                    self._warn("preset", text, [family])
                return Proposal(preset, "preset"), False
            first = first or over or late
        if late:
            self._warn("time", f"{family} is left out: its smallest preset {late}", [family])
        return None, bool(late)

    def _weights(self, trials: Trials) -> dict[str, int]:
        """Predicted cost of the preset that each family began or will begin with."""
        screen = self._screen()
        begun = {t.family: t for t in reversed(list(trials.values())) if t.origin == "preset"}
        weights: dict[str, int] = {}
        for family in self._space.families:
            if family in begun:
                weights[family] = begun[family].epoch_macs or begun[family].macs or 0
                continue
            presets = self._space.presets(family)
            start = next((preset for preset in presets if screen.allows(preset)), presets[0])
            weights[family] = screen.cost(start).weight
        return weights

    @property
    def _joint(self) -> bool:
        return self._run_config.allocation == "joint"

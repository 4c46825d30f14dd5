"""Which family gets the next trial: an explicit rule over what the journal says. No clock, no randomness.

1. Each family's paper preset, cheapest predicted cost first.
2. A floor of trials for each family, fewest first: no family is judged on its preset alone.
3. The rest by successive elimination. With F families there are ceil(log2 F) rounds of equal length; in round r only
   the best ceil(F / 2^r) families take part, by their best objective at full fidelity. Learning curves of families
   cross, so a score at a lower rung never counts here. Within a round the family with the fewest trials is next.

Ties go to the cheaper family, then to the order of the space.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from hsiauto.search.journal import TrialState

LOWEST_FLOOR, HIGHEST_FLOOR = 2, 4
"""Floors take half of the budget, within these. A family for which there is no lowest floor is left out."""


@dataclass(frozen=True)
class Plan:
    """How a budget divides: fixed for a budget, a space and a scene."""

    families: tuple[str, ...]
    """That take part, cheapest first."""
    skipped: tuple[str, ...]
    """For which the budget has no floor: the dearest ones."""
    floor: int
    budget: int


def plan(families: Sequence[str], cost: Mapping[str, float], budget: int) -> Plan:
    """`cost`: predicted cost of each family's preset (multiply-adds x pixels x epochs; 0 for a classical family)."""
    by_cost = sorted(families, key=lambda family: (cost[family], families.index(family)))
    kept = tuple(by_cost[: max(1, budget // LOWEST_FLOOR)])
    floor = min(HIGHEST_FLOOR, max(LOWEST_FLOOR, budget // (2 * len(kept))))
    return Plan(kept, tuple(by_cost[len(kept) :]), min(floor, budget), budget)


def next_family(
    plan: Plan, trials: Mapping[str, TrialState], objective: str, closed: Collection[str] = ()
) -> str | None:
    """The family of the next trial; None when the budget is spent or no family is open.

    `closed` families have nothing left to propose, or nothing that fits the time left.
    """
    if len(trials) >= plan.budget:
        return None
    count = dict.fromkeys(plan.families, 0)
    best = dict.fromkeys(plan.families, -math.inf)
    for trial in trials.values():
        if trial.family in count:
            count[trial.family] += 1
            if trial.state == "completed":
                best[trial.family] = max(best[trial.family], trial.score(objective))
    candidates = [family for family in plan.families if family not in closed]
    wanting = [family for family in candidates if count[family] < plan.floor]
    if not wanting:
        # `closed` families stand in the ranking: a family that runs out must not lift a worse one over the line.
        ranked = sorted(plan.families, key=lambda family: (-best[family], plan.families.index(family)))
        inside = set(ranked[: _survivors(plan, len(trials))])
        wanting = [family for family in candidates if family in inside] or candidates
    return min(wanting, key=lambda family: (count[family], plan.families.index(family)), default=None)


def _survivors(plan: Plan, proposed: int) -> int:
    n = len(plan.families)
    rounds = max(1, math.ceil(math.log2(n)))
    floors = n * plan.floor
    done = (proposed - floors) / max(1, plan.budget - floors)
    return math.ceil(n / 2 ** min(rounds, 1 + math.floor(rounds * max(0.0, done))))

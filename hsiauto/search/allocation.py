"""Which family gets the next trial: an explicit rule over what the journal says. See docs/allocation.md.

1. Each family's preset, cheapest predicted cost first. The dearest one opens a search that has no limit and several
   workers: begun last, it would be trained while they wait.
2. Minimum trials for each family, fewest first: no family is judged on its preset alone, unless the budget cannot give
   each a second trial. When half of a time limit is over, FEWEST_TRIALS.
3. The rest by successive elimination on interval estimates of what a refit would reach (`score_interval.py`). A family
   is out while even the whole rest of the budget would not be expected to lift it to another one's score. Of those
   that remain the leader (highest lower end) and its strongest rival (highest upper end) are compared, as in LUCB
   (Kalyanakrishnan et al., ICML 2012): of the two, the one with fewer trials is next.
4. A family whose first training still runs cannot be compared yet. Meanwhile the others get half of what the minimum
   trials leave of the budget; then workers wait for it.

Ties go to the cheaper family, then to the order of the space.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hsiauto.search.learning_curves import Completed
from hsiauto.search.score_interval import score_intervals
from hsiauto.search.trials import TrialState, recent

FEWEST_TRIALS, MOST_TRIALS = 2, 8
"""Minimum trials of a family: together half of the budget, within these. A budget that cannot give each family the
fewest gives each its preset; a family for which not even that is left is left out."""

UNCOMPARED = 1 / 2
"""Share of what the minimum trials leave of the budget that may go to families that were compared with each other while
another one has no trial at full fidelity, but one under way."""


class Later:
    """Whose turn the next trial is cannot be said before one that runs has reported."""


LATER: Final = Later()


@dataclass(frozen=True)
class Plan:
    """How a budget divides over families; fixed for a budget, a space and a scene."""

    families: tuple[str, ...]
    """Those that take part, cheapest first."""
    skipped: tuple[str, ...]
    """The dearest ones, for which the budget has no trial."""
    minimum_trials: int
    """Trials that each family gets before it is judged."""
    budget: int


def plan(families: Sequence[str], cost: Mapping[str, float], budget: int) -> Plan:
    """`cost`: predicted cost of each family's preset (multiply-adds x pixels x epochs; 0 for a classical family)."""
    by_cost = sorted(families, key=lambda family: (cost[family], families.index(family)))
    kept = tuple(by_cost[:budget])
    minimum = min(MOST_TRIALS, max(FEWEST_TRIALS, budget // (2 * len(kept))))
    return Plan(kept, tuple(by_cost[len(kept) :]), min(minimum, budget // len(kept)), budget)


def next_family(
    plan: Plan,
    trials: Mapping[str, Sequence[TrialState]],
    objective: str,
    completed: Completed,
    closed: Collection[str] = (),
    affordable: Callable[[Sequence[TrialState]], float] = lambda _: math.inf,
    *,
    dearest_opens: bool = False,
) -> str | Later | None:
    """The family of the next trial; None when the budget is spent or no family is open.

    LATER only while a trial is under way.

    trials: by family. completed: the completed ones of them. `closed` families have nothing left to propose, or nothing
    that fits the time left. affordable: how many more trials like these the time left would buy. dearest_opens: whether
    the first trial is the dearest family's.
    """
    left = plan.budget - sum(map(len, trials.values()))
    if left <= 0:
        return None
    members = {family: trials.get(family, ()) for family in plan.families}
    candidates = [family for family in plan.families if family not in closed]
    below_minimum = [family for family in candidates if len(members[family]) < plan.minimum_trials]
    if dearest_opens and candidates and not any(members.values()):
        return candidates[-1]
    if below_minimum or not candidates:
        return min(below_minimum, key=lambda family: (len(members[family]), plan.families.index(family)), default=None)
    further = {family: min(left, affordable(recent(own))) for family, own in members.items()}
    seen = score_intervals(members, objective, further, completed)
    # `closed` families stand in the comparison: a family that runs out must not lift a worse one over the line.
    reached = max(one.lower for one in seen.values())
    inside = [family for family in candidates if seen[family].upper >= reached] or candidates
    comparable = [family for family in inside if seen[family].is_finite] or inside
    if any(seen[family].upper == math.inf for family in inside):
        beyond = sum(max(0, len(own) - plan.minimum_trials) for own in members.values())
        if beyond >= UNCOMPARED * (plan.budget - plan.minimum_trials * len(plan.families)):
            return LATER
    leader = max(comparable, key=lambda f: (seen[f].lower, -plan.families.index(f)))
    rivals = [f for f in comparable if f != leader]
    if not rivals:
        return leader
    rival = max(rivals, key=lambda f: (seen[f].upper, -len(members[f]), -plan.families.index(f)))
    return min((leader, rival), key=lambda f: len(members[f]))

"""The best configs of earlier runs are tried early in this one (`warm_start`). Their scores stay there.

They are written into this run's journal before the search begins, so that a resume does not need the earlier runs. A
config is brought into this search's space and scene first: if it does not fit, its nearest one is tried.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from hsiauto.config import Objective
from hsiauto.errors import UserError
from hsiauto.families.base import FamilyConfig
from hsiauto.search.events import Event, FoundConfig, WarmStart, Warned, of
from hsiauto.search.journal import Journal, read
from hsiauto.search.samplers import Proposal
from hsiauto.search.trials import TrialState, trials

PER_FAMILY = 3
"""Configs of each family and run: the fewest trials that a family may get leave room for no more."""


class Nearest(Protocol):
    """What is needed of a space (`hsiauto.space.Space`, bound to a scene)."""

    @property
    def families(self) -> tuple[str, ...]: ...
    def nearest(self, config: FamilyConfig) -> FamilyConfig | None: ...


Gathered = tuple[list[Proposal], list[str]]
"""Proposals; and what is left out, and why."""


def gather(
    runs: Sequence[Path], objective: Objective, space: Nearest, parse: Callable[[dict[str, Any]], FamilyConfig]
) -> Gathered:
    """The PER_FAMILY best completed trials of each family of `space` in each run.

    The best of each family and run come first. Raises UserError for a folder without a journal, or with nothing to
    start from.
    """
    found: list[tuple[int, Proposal]] = []
    notes: list[str] = []
    for run in runs:
        before = len(found)
        for place, trial in _best(trials(read(run / "journal.jsonl")).values(), objective, space.families):
            name = f"{run.resolve().name}/{trial.trial_id}"
            try:
                config = space.nearest(parse(trial.config))
            except (ValidationError, UserError) as error:
                notes.append(f"warm start: {name} is no config of this version: {str(error).splitlines()[0]}")
                continue
            if config is None:
                notes.append(f"warm start: nothing in this space and scene is near {name}")
                continue
            found.append((place, Proposal(config, "warm-start", found_by=name)))
        if len(found) == before:
            raise UserError(
                "`warm_start` takes runs with completed trials of this search's families",
                run,
                f"This search has {', '.join(space.families)}. Leave the run out.",
            )
    unique: dict[str, Proposal] = {}
    for _, proposal in sorted(found, key=lambda ranked: ranked[0]):  # stable: runs in the order given
        unique.setdefault(proposal.config.hash(), proposal)
    return list(unique.values()), notes


def record(gathered: Gathered, journal: Journal) -> None:
    """Write what `gather` or the portfolio gave into the journal of a search that begins."""
    found, notes = gathered
    configs = tuple(FoundConfig(config=one.config.active(), found_by=one.found_by, origin=one.origin) for one in found)
    journal.append(WarmStart(configs=configs))
    for note in notes:
        journal.append(Warned(about="warm start", text=note))


def proposals(events: Iterable[Event], parse: Callable[[dict[str, Any]], FamilyConfig]) -> list[Proposal]:
    """The configs that a journal has of earlier runs."""
    found = [one for event in of(WarmStart, events) for one in event.configs]
    return [Proposal(parse(one.config), one.origin, found_by=one.found_by) for one in found]


def _best(found: Iterable[TrialState], objective: Objective, families: Sequence[str]) -> list[tuple[int, TrialState]]:
    """(place within its family, trial)."""
    completed = [trial for trial in found if trial.state == "completed" and math.isfinite(trial.score(objective))]
    ranked: list[tuple[int, TrialState]] = []
    for family in families:
        own = [trial for trial in completed if trial.family == family]
        own.sort(key=lambda trial: (-trial.score(objective), trial.number))
        ranked += list(enumerate(own[:PER_FAMILY]))
    return ranked

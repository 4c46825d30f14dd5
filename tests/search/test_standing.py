"""How far a run is, told by its two journals in any order."""

from collections.abc import Iterable
from itertools import count

from hsiauto.search.events import Event, Ranked, Reevaluated, Resumed
from hsiauto.search.standing import Standing
from tests import told


def _at(events: Iterable[Event]) -> list[Event]:
    """A second after each other."""
    clock = count()
    return [event.model_copy(update={"at": f"2026-01-01T00:00:{next(clock):02d}.000+00:00"}) for event in events]


SEARCH: tuple[Event, ...] = (
    told.opened(config={"scene": {}, "command": "search", "budget": 3, "objective": "oa"}),
    told.proposed("t1", family="svm"),
    told.started("t1"),
    told.reported("t1", 1, 0.9),
    told.reported("t1", 2, 0.6, decision="complete"),
    told.ended("t1"),
    told.ended("t1", state="failed"),
    told.proposed("t2", family="forest"),
    told.started("t2"),
    told.ended("t2", state="interrupted"),
    told.started("t2", attempt=2),
    told.proposed("t3", family="svm"),
    told.reported("t3", 1, 0.7, decision="complete"),
    told.ended("t3"),
)
AFTER: tuple[Event, ...] = (
    Reevaluated(trial_id="t1", fold=2, state="completed"),
    Reevaluated(trial_id="t3", fold=2, state="skipped"),
    Ranked(order=(told.placed("t1"),), unplaced={}),
)


def standing(*events: Event) -> Standing:
    found = Standing()
    for event in events:
        found.tell(event)
    return found


def test_an_end_stands_and_only_full_trainings_compare() -> None:
    found = standing(*_at(SEARCH))
    assert (found.phase, found.trials, found.budget, found.seconds) == ("search", 2, 3, 13.0)
    assert found.counts() == {"completed": 2, "running": 1}
    assert found.running() == ["t2"]
    assert {family: (best.score, best.trial_id) for family, best in found.best.items()} == {"svm": (0.7, "t3")}


def test_what_comes_after_the_search_is_counted() -> None:
    found = standing(*_at((*SEARCH, *AFTER, told.refit("a"), told.refit("b", state="skipped"), told.refit("c"))))
    assert (found.phase, found.reevaluations, found.refits) == ("refit", 1, 2)


def test_a_run_that_is_extended_searches_again_whichever_file_comes_last() -> None:
    events = _at((*SEARCH, *AFTER, told.refit("a"), Resumed(budget=9), told.started("t2", attempt=3)))
    refits = [event for event in events if event.event == "refit"]
    found = standing(*(event for event in events if event not in refits), *refits)
    assert (found.phase, found.budget, found.refits, found.latest) == ("search", 9, 1, events[-1].at)


def test_a_training_has_no_trials() -> None:
    config = {"scene": {}, "command": "train", "budget": 5}
    found = standing(told.opened(config=config), told.refit("a"))
    assert (found.phase, found.budget, found.refits) == ("refit", None, 1)

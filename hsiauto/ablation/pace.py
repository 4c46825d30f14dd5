"""How far a study is, and how long what is left of it will take. References take no time and are not counted."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from statistics import fmean

from hsiauto.ablation.plan import Training
from hsiauto.search.events import Event, Refit, of
from hsiauto.search.events.transient import Forecast


def forecast(trainings: Sequence[Training], events: Iterable[Event], workers: int) -> Forecast:
    """From the `refit` events so far. A cell takes as long as its own trainings took, on average; one that has none, as
    long as the others took an epoch. `workers`: trainings at a time."""
    planned = {training.key: training for training in trainings if training.kind != "baseline"}
    ended = {e.key: e for e in of(Refit, events) if e.key in planned and e.state != "skipped"}
    of_cell: dict[str, list[float]] = defaultdict(list)
    an_epoch: list[float] = []
    for key, event in ended.items():
        if event.state == "completed" and event.started_at:
            seconds, cell = _seconds(event), planned[key].cell
            of_cell[cell.key].append(seconds)
            an_epoch.append(seconds / cell.max_epochs)
    left = [training.cell for key, training in planned.items() if key not in ended]
    if not an_epoch:
        return Forecast(len(ended), len(planned), None)
    seconds = sum(fmean(of_cell.get(cell.key) or [fmean(an_epoch) * cell.max_epochs]) for cell in left)
    return Forecast(len(ended), len(planned), seconds / max(1, min(workers, len(left))))


def _seconds(event: Refit) -> float:
    started, finished = (datetime.fromisoformat(at) for at in (event.started_at, event.finished_at))
    return (finished - started).total_seconds()

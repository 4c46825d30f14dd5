"""Work: what the phases after the search share."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from hsiauto.config import RunConfig
from hsiauto.families.base import FamilyConfig
from hsiauto.refit.pace import Extent, Pace
from hsiauto.scene.model import Scene
from hsiauto.search.events import Event, Refit, of
from hsiauto.search.events.transient import OnEvent
from hsiauto.search.journal import Journal
from hsiauto.search.trials import TrialState, trials
from hsiauto.search.workers.jobs import Job, JobResult
from hsiauto.split.model import Split
from hsiauto.split.seal import TrialData


class RunJobs(Protocol):
    """The worker pool: full trainings, as they end. Jobs start in the order given."""

    def __call__(
        self,
        jobs: Sequence[Job],
        datasets: Mapping[str, TrialData],
        run_config: RunConfig,
        deadline: float | None = None,
        kept_free: Callable[[Job], float] = ...,
    ) -> Iterator[JobResult]: ...


@dataclass(frozen=True)
class Work:
    """One run after its search: the scene with all labels, its split, its journal, and a pool to train on."""

    run_config: RunConfig
    scene: Scene
    split: Split
    journal: Journal
    run_jobs: RunJobs
    on_event: OnEvent = lambda event: None
    measure: Callable[[FamilyConfig], float | None] = lambda config: None
    """Seconds of a full training on the search's training pixels, from a short try on this machine."""

    @property
    def trials(self) -> dict[str, TrialState]:
        return trials(self.journal.events)

    def record(self, journal: Journal, event: Event) -> None:
        self.on_event(journal.append(event))

    def train(
        self,
        jobs: Sequence[Job],
        datasets: Mapping[str, TrialData],
        deadline: float | None,
        kept_free: Callable[[Job], float] = lambda job: 0.0,
    ) -> Iterator[JobResult]:
        """Results of `jobs`. What failed when its time was up counts as skipped: that says nothing of a config."""
        for result in self.run_jobs(jobs, datasets, self.run_config, deadline, kept_free):
            late = deadline is not None and time.monotonic() >= deadline
            yield replace(result, state="skipped") if late and result.state == "failed" else result

    def pace(self, refits: Iterable[Event] = (), *, measures: bool = False) -> Pace:
        """What trainings take, as the search and `refits` have timed it. measures: try what nothing tells of."""
        height, width = self.scene.labels.shape
        return Pace.of(
            Extent(height * width, self.scene.n_bands, len(self.split.classes)),
            self.run_config.max_epochs,
            self.trials.values(),
            len(self.split.train),
            of(Refit, refits),
            **({"measure": self.measure} if measures else {}),
        )

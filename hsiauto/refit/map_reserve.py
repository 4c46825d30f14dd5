"""Time of the refits that is kept for the map of the winner."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from hsiauto.refit.plan import Training
from hsiauto.refit.work import Work
from hsiauto.search.events import Refit, of
from hsiauto.search.journal import Journal
from hsiauto.search.workers.jobs import Job

BESIDE_S = 10.0
"""What the end of a run takes beside the classification of the scene: the last worker, table, export, drawing."""
LARGEST_SHARE = 1 / 2
"""Of the time of the refits. A map that takes longer is left to a resume."""


@dataclass(frozen=True)
class MapReserve:
    """Seconds to keep free of refits, at the pace that the winner's refits had over their test pixels."""

    refits: Journal
    winner_hash: str
    spared: frozenset[str]
    """Keys of the refits that come before the map."""
    n_pixels: int
    """Of the scene, those that the map shows."""
    kept_s: float
    """Seconds that are kept for the end of the run anyway."""
    most_s: float

    @classmethod
    def of(
        cls, work: Work, refits: Journal, first: Sequence[Training], deadline: float | None, end: float | None
    ) -> Self:
        """first: the refits that come before the map, the winner's among them. deadline, end: of the refits and of the
        run (time.monotonic); None: nothing is kept."""
        kept_s = most_s = 0.0
        if deadline is not None and end is not None:
            kept_s, most_s = end - deadline, LARGEST_SHARE * max(0.0, deadline - time.monotonic())
        winner_hash = next((training.config.hash() for training in first if training.rank == 1), "")
        spared = frozenset(training.key for training in first)
        return cls(refits, winner_hash, spared, int(work.scene.valid.sum()), kept_s, most_s)

    def seconds(self, job: Job) -> float:
        """What `job` may not use; 0 before the winner's first refit."""
        own = (event for event in of(Refit, self.refits.events) if event.config_hash == self.winner_hash)
        paces = [pace for event in own if (pace := event.predict_pixels_per_second)]
        if job.key in self.spared or not paces:
            return 0.0
        needed = self.n_pixels / max(paces) + BESIDE_S - self.kept_s
        return min(self.most_s, max(0.0, needed))

"""The completed learning curves of a search: how high families came, how noisy a score is, where a trial will end.

Grows with every completion; each question is answered from what it holds, not from the journal.
"""

import math
from collections.abc import Iterable, Mapping
from statistics import median

from hsiauto.search.journal import TrialState

Curve = Mapping[int, float]
"""Epoch -> score."""

DOUBT = 1 / 4
"""Of the rise that is still predicted for a trial, by which the prediction may be wrong: curves of a family differ in
shape, and the more so the earlier they are judged."""


class Completed:
    """Curves at full fidelity, by family, of those of `trials` that completed and of what is added."""

    def __init__(self, objective: str, trials: Iterable[TrialState] = ()) -> None:
        self._objective = objective
        self.curves: dict[str, list[Curve]] = {}
        self.best: dict[str, float] = {}
        """The best score at full fidelity of each family that has one."""
        self._squares, self._n_squares = 0.0, 0
        self._ratios: dict[str, dict[int, float | None]] = {}
        """By family, and epoch that was asked for; until the family's next completion."""
        for trial in trials:
            if trial.state == "completed":
                self.add(trial)

    def add(self, trial: TrialState) -> None:
        """A trial that completed. One without a finite score is left out."""
        whole = curve(trial, self._objective)
        if not whole:
            return
        self.curves.setdefault(trial.family, []).append(whole)
        self._ratios.pop(trial.family, None)
        self.best[trial.family] = max(self.best.get(trial.family, -math.inf), whole[max(whole)])
        late = list(whole.values())[len(whole) // 2 :]
        self._squares += sum((late[i] - 2 * late[i + 1] + late[i + 2]) ** 2 / 6 for i in range(len(late) - 2))
        self._n_squares += max(0, len(late) - 2)

    @property
    def noise(self) -> float:
        """Standard deviation of a validation score: from the second differences over the later half of the curves.

        There a curve is nearly straight, and second differences of noise have six times its variance. 0 where no curve
        has three scores in its later half.
        """
        return math.sqrt(self._squares / self._n_squares) if self._n_squares else 0.0

    def end(self, family: str, epoch: int, score: float) -> float | None:
        """Where a trial with `score` after `epoch` ends if it goes on in proportion to its family's completed curves.

        At most 1; None where there is no telling.
        """
        known = self._ratios.setdefault(family, {})
        if epoch not in known:
            wholes = [whole for whole in self.curves.get(family, ()) if whole.get(epoch, 0.0) > 0]
            known[epoch] = median(whole[max(whole)] / whole[epoch] for whole in wholes) if wholes else None
        ratio = known[epoch]
        return None if ratio is None else min(1.0, score * ratio)

    def cannot_win(self, family: str, epoch: int, score: float) -> str:
        """Why a trial with `score` after `epoch` will not come to its family's best, less the noise; empty if it may.

        A doubt about the shape of its curve and the noise of the score, both scaled to the end, speak for the trial.
        """
        end = self.end(family, epoch, score)
        if end is None or score <= 0 or end < score:
            return ""
        reached, highest = self.best[family] - self.noise, end + DOUBT * (end - score) + self.noise * end / score
        if highest >= reached:
            return ""
        return f"would end at {end:.3f}, at most {highest:.3f}, by its family's curves, which reached {reached:.3f}"


def curve(trial: TrialState, objective: str) -> dict[int, float]:
    """The trial's finite scores by epoch."""
    name = f"val_{objective}"
    return {r["epoch"]: r[name] for r in trial.reports if r[name] is not None}

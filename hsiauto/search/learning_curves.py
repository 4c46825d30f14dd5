"""The completed learning curves of a search: how high families came, when and how noisily, where a trial will end.

Grows with every completion; each question is answered from what it holds, not from the journal.
"""

import math
from collections import deque
from collections.abc import Iterable, Mapping
from statistics import fmean, median
from typing import Final

from hsiauto.search.trials import RECENT, TrialState

Curve = Mapping[int, float]
"""Epoch -> score."""

OFF_THE_GROUND: Final = 1 / 4
"""Share of its end that a curve must have reached before scores order trials: see docs/allocation.md."""


class Completed:
    """The curves of those of `trials` that completed, and of what is added, by family."""

    def __init__(self, objective: str, trials: Iterable[TrialState] = ()) -> None:
        self._objective = objective
        self.curves: dict[str, list[Curve]] = {}
        self.best: dict[str, float] = {}
        """The best score at full fidelity of each family that has one."""
        self._risen: dict[str, deque[int]] = {}
        """The epochs after which the family's last completed trials were off the ground."""
        self._squares, self._n_squares = 0.0, 0
        self._ratios: dict[str, dict[int, float | None]] = {}
        """By family and epoch; kept until the family's next completion."""
        self._ends: dict[str, dict[str, float | None]] = {}
        """By family and trial that has ended; likewise."""
        for trial in trials:
            if trial.state == "completed":
                self.add(trial)

    def add(self, trial: TrialState) -> None:
        """Add a trial that completed, in their order. One without a finite score is left out."""
        whole = curve(trial, self._objective)
        if not whole:
            return
        self.curves.setdefault(trial.family, []).append(whole)
        self._ratios.pop(trial.family, None)
        self._ends.pop(trial.family, None)
        self.best[trial.family] = max(self.best.get(trial.family, -math.inf), whole[max(whole)])
        kappas = curve(trial, "kappa")  # whatever is searched for: kappa alone is 0 by chance
        if kappas and (end := kappas[max(kappas)]) > 0:
            first = min(epoch for epoch, kappa in kappas.items() if kappa >= OFF_THE_GROUND * end)
            self._risen.setdefault(trial.family, deque(maxlen=RECENT)).append(first)
        late = list(whole.values())[len(whole) // 2 :]
        self._squares += sum((late[i] - 2 * late[i + 1] + late[i + 2]) ** 2 / 6 for i in range(len(late) - 2))
        self._n_squares += max(0, len(late) - 2)

    @property
    def noise(self) -> float:
        """Standard deviation of a validation score: from the second differences over the later half of the curves.

        There a curve is nearly straight, and second differences of noise have six times its variance. 0 if no curve has
        three scores in its later half.
        """
        return math.sqrt(self._squares / self._n_squares) if self._n_squares else 0.0

    def tells(self, family: str, epoch: int) -> bool:
        """Whether scores after `epoch` order trials of `family`: half of those that completed were off the ground.

        Earlier ones are those of a guess, also of trials that end far ahead. True of a family without a curve.
        """
        return family not in self._risen or epoch >= median(self._risen[family])

    def end(self, family: str, curve: Curve) -> float | None:
        """Where a trial with `curve` so far ends if it goes on in proportion to its family's completed curves.

        From the later half of `curve`, each of whose scores leads to an end: one score alone may be a fluke. At most 1;
        None if it cannot be told.
        """
        late = sorted(curve)[len(curve) // 2 :]
        ends = [curve[epoch] * ratio for epoch in late if (ratio := self._ratio(family, epoch)) is not None]
        return min(1.0, fmean(ends)) if ends else None

    def end_of(self, trial: TrialState) -> float | None:
        """`end` of a trial. For one that has ended it is computed once between two completions of its family."""
        known = self._ends.setdefault(trial.family, {}) if trial.ended else {}
        if trial.trial_id not in known:
            known[trial.trial_id] = self.end(trial.family, curve(trial, self._objective))
        return known[trial.trial_id]

    def why_cannot_win(self, family: str, curve: Curve) -> str:
        """Why a trial with `curve` so far will not reach its family's best, less the noise; empty: it may."""
        end = self.end(family, curve)
        if end is None or end <= 0 or end >= (reached := self.best[family] - self.noise):
            return ""
        return f"would end at {end:.3f} by its family's curves, which reached {reached:.3f}"

    def _ratio(self, family: str, epoch: int) -> float | None:
        """Score at the end over score after `epoch`, in the median over the family's last completed curves."""
        known = self._ratios.setdefault(family, {})
        if epoch not in known:
            wholes = [whole for whole in self.curves.get(family, [])[-RECENT:] if whole.get(epoch, 0.0) > 0]
            known[epoch] = median(whole[max(whole)] / whole[epoch] for whole in wholes) if wholes else None
        return known[epoch]


def curve(trial: TrialState, objective: str) -> dict[int, float]:
    """The trial's finite scores by epoch."""
    scores = ((report.epoch, report.score(objective)) for report in trial.reports)
    return {epoch: score for epoch, score in scores if math.isfinite(score)}

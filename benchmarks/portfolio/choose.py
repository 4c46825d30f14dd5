"""Greedy portfolios over a table of scores, and what they are worth on ground that they have not seen.

Greedy as in Feurer et al. (auto-sklearn 2.0, JMLR 2022) and the zero-shot configs of Salinas and Erickson (TabRepo,
AutoML 2024): each next config is the one with which the best so far comes closest to the best of all, on average.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
SMALLEST_GAIN = 0.002
"""A config that brings less on average is left out: validation scores are not known better."""


@dataclass(frozen=True)
class Scores:
    """Scores of the configs of one family on tasks."""

    table: Matrix
    """(tasks, configs): kappa on validation; NaN: not tried."""
    grounds: Sequence[str]
    """Of each task: what was imaged, once or more often."""
    preset: int
    """Column of the config that a search tries first."""

    @property
    def regret(self) -> Matrix:
        """How far each config is behind the best on the task; a config that was not tried, as far as the worst."""
        best, worst = np.nanmax(self.table, axis=1), np.nanmin(self.table, axis=1)
        return best[:, None] - np.where(np.isfinite(self.table), self.table, worst[:, None])

    @property
    def weights(self) -> Matrix:
        """Of each task: every ground counts once."""
        counts = np.array([list(self.grounds).count(one) for one in self.grounds], np.float64)
        return 1 / counts / len(set(self.grounds))

    def of(self, tasks: npt.NDArray[np.bool_]) -> "Scores":
        kept = [ground for ground, is_kept in zip(self.grounds, tasks, strict=True) if is_kept]
        return Scores(self.table[tasks], kept, self.preset)


def greedy(scores: Scores, most: int) -> list[int]:
    """Columns of at most `most` configs to try after the preset, the best first."""
    regret, weights = scores.regret, scores.weights
    chosen, left = list[int](), regret[:, scores.preset]
    while len(chosen) < most:
        mean = weights @ np.minimum(left[:, None], regret)
        best = int(np.argmin(mean))
        if weights @ left - mean[best] < SMALLEST_GAIN:
            break
        chosen.append(best)
        left = np.minimum(left, regret[:, best])
    return chosen


@dataclass(frozen=True)
class LeftOut:
    """Mean regret on the tasks of a ground, in kappa, after so many configs (the preset is the first)."""

    ground: str
    n_chosen: int
    preset: float
    portfolio: float
    """After the preset and the configs chosen on the others."""
    random: float
    """After the preset and as many random ones of the recorded configs: the expected value."""


def leave_one_out(scores: Scores, most: int, rng: np.random.Generator, draws: int = 1000) -> list[LeftOut]:
    """What a portfolio of all other grounds is worth on each."""
    found = []
    for ground in dict.fromkeys(scores.grounds):
        held = np.array([one == ground for one in scores.grounds])
        chosen = greedy(scores.of(~held), most)
        regret = scores.regret[held]
        first = regret[:, scores.preset]
        others = np.delete(regret, scores.preset, axis=1)
        columns = np.array([rng.permutation(others.shape[1])[: len(chosen)] for _ in range(draws)])
        at_random = np.minimum(first, others[:, columns].min(axis=2, initial=np.inf).T) if chosen else first[None]
        portfolio = np.minimum(first, regret[:, chosen].min(axis=1, initial=np.inf))
        means = (float(one.mean()) for one in (first, portfolio, at_random))
        found.append(LeftOut(ground, len(chosen), *means))
    return found

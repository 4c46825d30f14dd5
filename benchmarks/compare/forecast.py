"""`python -m benchmarks.compare.forecast TABLE`: early stopping by predicted ends, on recorded curves of networks.

First, the error of the prediction (`Completed.end`): root mean square, after so many epochs and with so many completed
curves of the family. Beside it those of the plainest one, the mean end of those curves; of one that adds what they
gained from there on, where ours goes on in proportion; and with `--learned-on` of a regression (gradient boosting on
all three and on what the curve has shown) fitted to the curves of another table. Then the rule that stops trials
(`Completed.why_cannot_win` alone, judging from epoch `--from` on): the configs of a family in a random order, the share
of their epochs that were trained, and how far the best that was completed stays below the family's best; beside it what
as much work gives without a rule, on a share of the configs. All are within families, as in a search.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from benchmarks.compare.recorded import Recorded
from hsiauto.config import RunConfig
from hsiauto.search.events import Ended, Proposed, Reported
from hsiauto.search.learning_curves import Completed, Curve
from hsiauto.search.trials import TrialState, trials

FEWEST = 9
"""Curves of a family that takes part."""
KNOWN = (1, 2, 4, 8)
SHARES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


def curves(problem: Recorded) -> dict[str, list[Curve]]:
    """Of the families that report after each epoch."""
    found: dict[str, list[Curve]] = {}
    for one in problem.curves.values():
        if len(one.scores) == problem.max_epochs:
            found.setdefault(one.config["family"], []).append(dict(one.scores))
    return {family: own for family, own in found.items() if len(own) >= FEWEST}


@dataclass(frozen=True)
class Question:
    """Where does a curve of which the first epochs are known end, when some others of its family are known whole?"""

    proportion: float
    """As `Completed.end` has it; the mean end of the others where it does not say."""
    mean_end: float
    """Of the others."""
    gain: float
    """What the later half of `shown` leads to if each of its scores gains as those of the others did."""
    shown: Curve
    end: float
    """The answer."""

    @property
    def features(self) -> list[float]:
        scores = list(self.shown.values())
        shown = len(scores), scores[-1], max(scores), fmean(scores[len(scores) // 2 :])
        return [self.proportion, self.mean_end, self.gain, *shown]


def question(own: Sequence[Curve], known: int, epochs: int, rng: np.random.Generator) -> Question:
    """One curve, with `known` others."""
    *before, one = (own[i] for i in rng.permutation(len(own))[: known + 1])
    mean_end, shown = fmean(_ends(before)), _first(one, epochs)
    late = sorted(shown)[len(shown) // 2 :]
    gain = fmean(shown[e] + median(other[max(other)] - other[e] for other in before) for e in late)
    predicted = _completed(before).end("family", shown)
    return Question(mean_end if predicted is None else predicted, mean_end, gain, shown, one[max(one)])


def learned(problem: Recorded, repeats: int, rng: np.random.Generator) -> HistGradientBoostingRegressor:
    """A regression on questions about the curves of `problem`."""
    of_families, epochs = curves(problem).values(), _epochs(problem)
    asked = [
        question(own, known, n, rng) for own in of_families for n in epochs for known in KNOWN for _ in range(repeats)
    ]
    model = HistGradientBoostingRegressor(max_leaf_nodes=15, learning_rate=0.05, random_state=0)
    return model.fit([one.features for one in asked], [one.end for one in asked])


def stopping(own: Sequence[Curve], first: int, rng: np.random.Generator) -> tuple[float, float]:
    """Share of the epochs that the rule leaves, and how far it stays below the best."""
    done, trained = _completed([]), 0
    for i in rng.permutation(len(own)):
        last = max(own[i])
        stopped = next((n for n in range(first, last) if done.why_cannot_win("family", _first(own[i], n))), None)
        trained += stopped or last
        if stopped is None:
            done.add(_trial(own[i]))
    return trained / sum(map(len, own)), max(_ends(own)) - done.best["family"]


def _completed(known: Sequence[Curve]) -> Completed:
    return Completed("kappa", map(_trial, known))


def _trial(curve: Curve) -> TrialState:
    proposed = Proposed(
        trial_id="t", number=1, family="family", input="pixel", params={}, config={}, config_hash="", support=0,
        parameters=None, macs=None, origin="sampler", sampler_state={},
    )  # fmt: skip
    rest: dict[str, Any] = {"train_loss": 0.0, "val_loss": 0.0, "val_oa": 0.0, "val_aa": 0.0, "fit_seconds": 0.0}
    reports = [
        Reported(
            trial_id="t", attempt=1, epoch=epoch, val_kappa=score, peak_memory_bytes=0, decision="continue", **rest
        )
        for epoch, score in curve.items()
    ]
    ended = Ended(trial_id="t", attempt=1, state="completed")
    return trials([proposed, *reports, ended])["t"]


def _epochs(problem: Recorded) -> list[int]:
    """After how many of them is asked."""
    return sorted({1, 2, 4, 7, problem.max_epochs // 2, 3 * problem.max_epochs // 4})


def _first(curve: Curve, epochs: int) -> Curve:
    return {epoch: curve[epoch] for epoch in sorted(curve)[:epochs]}


def _ends(own: Sequence[Curve]) -> list[float]:
    return [curve[max(curve)] for curve in own]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--repeats", type=int, default=40, help="random orders of each family's configs")
    parser.add_argument("--from", dest="first", type=int, default=RunConfig.model_fields["grace_epochs"].default)
    parser.add_argument("--learned-on", type=Path, help="another table, whose curves a regression learns from")
    given = parser.parse_args()
    problem, rng = Recorded.load(given.table), np.random.default_rng(0)
    families = curves(problem)
    print(f"{sum(map(len, families.values()))} curves of {len(families)} families, {problem.max_epochs} epochs; kappa")
    model = given.learned_on and learned(Recorded.load(given.learned_on), given.repeats, np.random.default_rng(1))
    beside = " / of the regression" if model else ""
    print(f"error of the predicted end / of the mean end / of the gain{beside}, by completed curves:", *KNOWN)
    for epochs in _epochs(problem):
        row = []
        for known in KNOWN:
            asked = [question(own, known, epochs, rng) for own in families.values() for _ in range(given.repeats)]
            said = [[getattr(one, name) for one in asked] for name in ("proportion", "mean_end", "gain")]
            if model:
                said.append(model.predict([one.features for one in asked]))
            errors = np.array(said) - [one.end for one in asked]
            row.append(" / ".join(f"{error:.3f}" for error in np.sqrt(np.mean(errors**2, axis=1))))
        print(f"  after {epochs:2d} epochs  ", "   ".join(row))
    found = [stopping(own, given.first, rng) for own in families.values() for _ in range(given.repeats)]
    work, loss = np.mean(found, axis=0)
    print(f"the rule: {work:.1%} of the epochs, {loss:.4f} below the best")
    ends = [np.array(_ends(own)) for own in families.values()]
    for share in SHARES:
        losses = [
            one.max() - rng.permutation(one)[: round(share * len(one))].max()
            for one in ends
            for _ in range(given.repeats)
        ]
        print(f"no rule, {share:.0%} of the configs: {np.mean(losses):.4f} below the best")


if __name__ == "__main__":
    main()

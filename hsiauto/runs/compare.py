"""Runs of one split side by side: their winners on the same test pixels."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hsiauto import leaderboard as boards
from hsiauto.errors import UserError
from hsiauto.leaderboard.summary import SummaryRow, own_split
from hsiauto.metrics import McNemar, Paired, mcnemar, paired, paired_by_cluster
from hsiauto.runs import folder as folders
from hsiauto.search.events import Opened, Refit, of
from hsiauto.search.events.right import unpacked
from hsiauto.search.journal import read
from hsiauto.settings import typed_path
from hsiauto.split import Split
from hsiauto.split.storage import load_alike, load_split


@dataclass(frozen=True)
class Contender:
    """A run's winner on the run's own split. Accuracies are fractions; NaN: not known."""

    run: str
    family: str
    config_hash: str
    seeds: int
    test_oa: float
    """Mean over the seeds, as are the next four."""
    test_oa_std: float
    test_aa: float
    test_kappa: float
    map_oa: float
    """What the map of the scene may expect."""
    fit_seconds: float
    trials: int
    """Trials of the search."""


@dataclass(frozen=True)
class Pair:
    """`first` against `second`, which have the same test pixels; differences of test OA, first - second."""

    first: str
    second: str
    over_seeds: Paired | None
    """Paired over the seeds that both have, which is chance of training; None: they have none in common."""
    by_block: Paired
    """Paired over the blocks or groups of the split, whose pixels are alike, each model's mean over its seeds: chance
    of where the test pixels lie. `n` counts them."""
    adjusted_p: float
    """`by_block.p` after Holm, for as many pairs as are compared."""
    mcnemar: McNemar
    """Of the first seed of each, as if test pixels were independent."""

    @property
    def verdict(self) -> str:
        """What the blocks allow to say."""
        return "within chance" if not self.adjusted_p < _LEVEL else "more than chance"


_LEVEL = 0.05


@dataclass(frozen=True)
class Comparison:
    """Winners of several runs, best test OA first, and every two of them."""

    split_hash: str
    test_pixels: int
    contenders: tuple[Contender, ...]
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON has; None for a number that is not known."""
        found = asdict(self)
        pairs = zip(found["pairs"], self.pairs, strict=True)
        for plain, pair in pairs:
            plain |= {
                name: None if test is None else test._asdict()
                for name, test in (("over_seeds", pair.over_seeds), ("by_block", pair.by_block))
            }
            plain |= {"mcnemar": pair.mcnemar._asdict(), "verdict": pair.verdict}
        plain_values: dict[str, Any] = _finite(found)
        return plain_values


class _Run(NamedTuple):
    """What is read of a run."""

    opened: Opened
    split: Split
    contender: Contender
    oa: dict[int, float]
    """Seed -> test OA."""
    right: dict[int, npt.NDArray[np.bool_]]
    """Seed -> (N,) test pixels that are right."""
    pixels_by_class: tuple[tuple[str, int], ...]


def compare(runs: Sequence[str | Path]) -> Comparison:
    """Compare the winners of `runs`, folders of searches or trainings, on the test pixels that they share.

    Nothing is trained, and no label is read: each refit has journalled which test pixels it has right. Raises UserError
    for fewer than two runs, for one without a refitted winner, and for runs whose splits differ.
    """
    folders_ = [typed_path(run) for run in runs]
    names = _names(folders_)
    found = [_read(folder, name) for folder, name in zip(folders_, names, strict=True)]
    _refuse_other_splits(found)
    blocks = load_alike(folders_[0] / folders.SPLIT, found[0].split)
    tests = [_tests(first, second, blocks) for first, second in itertools.combinations(found, 2)]
    adjusted = _holm([by_block.p for _, by_block, _ in tests])
    pairs = tuple(
        Pair(first.contender.run, second.contender.run, over_seeds, by_block, p, of_pixels)
        for (first, second), (over_seeds, by_block, of_pixels), p in zip(
            itertools.combinations(found, 2), tests, adjusted, strict=True
        )
    )
    contenders = sorted((run.contender for run in found), key=lambda one: -one.test_oa)
    return Comparison(found[0].split.hash, len(blocks), tuple(contenders), pairs, tuple(_notes(found)))


def _names(found: Sequence[Path]) -> list[str]:
    """What the runs are called: their folders' names, if these tell them apart."""
    places = [folder.resolve() for folder in found]
    if len(set(places)) < len(places) or len(places) < 2:
        received = ", ".join(map(str, found)) or "none"
        raise UserError("a comparison needs two runs, each named once", received, "Name their folders.")
    names = [place.name for place in places]
    return names if len(set(names)) == len(names) else [str(place) for place in places]


def _read(folder: Path, name: str) -> _Run:
    events = folders.read_journal(folder)
    (opened, *_) = of(Opened, events)
    table, split = boards.read(folder / folders.LEADERBOARD), load_split(folder / folders.SPLIT)
    winner = next((line for line in boards.summary(table) if line.rank == 1 and line.n_seeds), None)
    if winner is None:
        raise UserError("a run that is compared has a refitted winner", folder, "Resume it, or leave it out.")
    path = folder / folders.REFITS
    scored = [
        event
        for event in of(Refit, read(path))
        if (event.config_hash, event.split_hash, event.state) == (winner.config_hash, split.hash, "completed")
        and event.right is not None
        and event.acquisition == winner.acquisition
    ]
    if not scored:
        raise UserError(f"{path} says which test pixels its refits have right", "no such line", "Search anew.")
    rows = [row for row in own_split(table.to_pylist()) if row["rank"] == 1]
    return _Run(
        opened,
        split,
        _contender(name, winner, rows, table["kind"].to_pylist().count("trial")),
        {event.seed: event.test_oa for event in scored if event.test_oa is not None},
        {event.seed: unpacked(event.right, len(split.test)) for event in scored if event.right is not None},
        tuple((scored[0].test_pixels_per_class or {}).items()),
    )


def _contender(name: str, winner: SummaryRow, rows: Sequence[dict[str, Any]], trials: int) -> Contender:
    expected = [row["map_oa"] for row in rows if row["map_oa"] is not None]
    return Contender(
        name,
        winner.family,
        winner.config_hash,
        winner.n_seeds,
        winner.test_oa.mean,
        winner.test_oa.std,
        winner.test_aa.mean,
        winner.test_kappa.mean,
        float(np.mean(expected)) if expected else math.nan,
        winner.fit_seconds,
        trials,
    )


def _refuse_other_splits(found: Sequence[_Run]) -> None:
    """Raise UserError unless all have the test pixels of the first, with the same classes."""
    first = found[0]
    for other in found[1:]:
        if (other.split.hash, other.pixels_by_class) == (first.split.hash, first.pixels_by_class):
            continue
        raise UserError(
            "runs are compared on the same training and test pixels",
            f"{_split_in_words(first)}, and {_split_in_words(other)}",
            "Search both with the same scene, labels, protocol and split seed.",
        )


def _split_in_words(run: _Run) -> str:
    spec = run.split.spec
    squares = f" of {spec.squares.block_size}, buffer {spec.squares.buffer}" if spec.protocol == "blocks" else ""
    where = f"{run.opened.scene}, {spec.protocol}{squares}, seed {spec.seed}"
    return f"{run.contender.run} with split {run.split.hash} ({where}, {len(run.split.test):,} test pixels)"


def _tests(first: _Run, second: _Run, blocks: npt.NDArray[np.int64]) -> tuple[Paired | None, Paired, McNemar]:
    seeds = sorted(first.oa.keys() & second.oa.keys())
    over_seeds = paired([first.oa[s] for s in seeds], [second.oa[s] for s in seeds]) if seeds else None
    mean_first, mean_second = (np.mean(list(run.right.values()), axis=0) for run in (first, second))
    one, other = (run.right[min(run.right)] for run in (first, second))
    return over_seeds, paired_by_cluster(mean_first - mean_second, blocks), mcnemar(one, other)


def _holm(p: Sequence[float]) -> list[float]:
    """p of several tests, so that one of them all errs as seldom as a single one (Scand. J. Statist. 6 (1979), 65-70);
    NaN stays, and counts."""
    order = sorted(range(len(p)), key=lambda i: (math.isnan(p[i]), p[i]))
    adjusted, least = [math.nan] * len(p), 0.0
    for place, i in enumerate(order):
        if not math.isnan(p[i]):
            least = max(least, min(1.0, (len(p) - place) * p[i]))
            adjusted[i] = least
    return adjusted


def _notes(found: Sequence[_Run]) -> list[str]:
    notes = []
    if len({run.opened.data_hash for run in found}) > 1:
        notes.append("the runs read different data: the difference is that of their cubes too")
    notes.append(
        "who picks the best of these runs has chosen on test pixels: score it on another split before it is reported "
        "(`hsiauto refit RUN --split-seed S`)"
    )
    return notes


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

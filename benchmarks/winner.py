"""A search's winner against configs that anybody would set by hand: test accuracy, paired over splits of one scene.

    python -m benchmarks.winner RUN [TRAINED ...]

RUN is the folder of a search; `hsiauto refit RUN --split-seed S --top 1` adds the winner, the best classical config and
the presets of cnn2d and forest on split S. Each TRAINED is a folder of `hsiauto train --split-seed S`, of any other
config, or another folder of a search for the refits that it holds. Nothing is trained here: journals are read.

A config's accuracy on a split is its mean over seeds. Intervals are Student's t over the splits, which share pixels, so
they are narrower than they ought to be. At a distance a split counts if so many of its test pixels lie there.
"""

import argparse
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.table import Table

from hsiauto.metrics import Paired, paired
from hsiauto.runs.folder import REFITS
from hsiauto.search.events import Refit, of
from hsiauto.search.journal import read
from hsiauto.split.distance import BINS

LEAST_PIXELS = 100
"""Test pixels of a bin of distances below which its accuracy is not compared."""

OfSplits = Mapping[int, float]
"""Split seed -> test OA, the mean over seeds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("trained", type=Path, nargs="*")
    asked = parser.parse_args()
    own = list(refits(asked.run))
    scored = [*own, *(refit for folder in asked.trained for refit in refits(folder))]
    winner = next(refit for refit in own if refit.rank == 1)
    names = {refit.config_hash: name(refit) for refit in reversed(scored)}
    means = {key: oa(scored, key) for key in names}
    splits = sorted(means[winner.config_hash])
    bins = [i for i in range(len(BINS)) if oa(scored, winner.config_hash, i)]
    table = Table(*["config", *map(str, splits), "mean", "winner - it", *(BINS[i] for i in bins)], box=None)
    for key in sorted(names, key=lambda key: -fmean(means[key].values())):
        row = [f"{100 * means[key][seed]:.2f}" if seed in means[key] else "" for seed in splits]
        row += [f"{100 * fmean(means[key].values()):.2f}", difference(means[winner.config_hash], means[key])]
        row += [difference(oa(scored, winner.config_hash, i), oa(scored, key, i)) for i in bins]
        table.add_row(names[key] + (" (winner)" if key == winner.config_hash else ""), *row)
    Console(width=200).print(table)


def refits(folder: Path) -> Iterator[Refit]:
    """Those that were scored, on all splits."""
    for path in sorted(folder.glob(f"{Path(REFITS).stem}*.jsonl")):
        yield from (refit for refit in of(Refit, read(path)) if refit.state == "completed")


def name(refit: Refit) -> str:
    """Family and the start of the config's hash; a reference has one config."""
    return refit.family if refit.input == "coordinates" else f"{refit.family} {refit.config_hash[:6]}"


def oa(scored: list[Refit], config_hash: str, place: int | None = None) -> OfSplits:
    """Of a config; at the distance of bin `place`, if splits have pixels enough there."""
    found = defaultdict[int, list[float]](list)
    for refit in scored:
        if refit.config_hash != config_hash:
            continue
        score = refit.test_oa
        if place is not None:
            of_bin = refit.by_distance[place] if refit.by_distance else None
            score = of_bin.test_oa if of_bin and of_bin.test_pixels >= LEAST_PIXELS else None
        if score is not None:
            found[refit.split_seed].append(score)
    return {seed: fmean(scores) for seed, scores in found.items()}


def difference(winner: OfSplits, other: OfSplits) -> str:
    """In points, with the interval, over the splits that both have."""
    both = sorted(winner.keys() & other.keys())
    if not both:
        return ""
    found = paired([winner[seed] for seed in both], [other[seed] for seed in both])
    return told(found)


def told(found: Paired) -> str:
    interval = "" if math.isnan(found.low) else f" ({100 * found.low:+.1f} to {100 * found.high:+.1f})"
    return f"{100 * found.mean:+.1f}{interval}"


if __name__ == "__main__":
    main()

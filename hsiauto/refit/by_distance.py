"""Accuracy against distance: what a refit's journal holds of test and map at each distance from training."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hsiauto.search.events.refits import DistanceBin
from hsiauto.split.distance import BINS, Distances, bin_of
from hsiauto.split.seal import BinScore


def by_distance(distances: Distances, scored: Sequence[BinScore] | None = None) -> tuple[DistanceBin, ...]:
    """A `DistanceBin` for each of `BINS`; `scored`: what the seal said of each, None before that."""
    beyond = distances.map[distances.map > distances.test_range[1]]
    counts = (np.bincount(bin_of(d), minlength=len(BINS)).tolist() for d in (distances.test, distances.map, beyond))
    bins = []
    for place, (n_test, n_map, n_beyond) in enumerate(zip(*counts, strict=True)):
        scores: dict[str, Any] = {}
        if scored is not None and n_test:
            scores = {"test_oa": scored[place].oa, "interval": tuple(scored[place].interval)}
        bins.append(DistanceBin(test_pixels=n_test, map_pixels=n_map, map_beyond=n_beyond, **scores))
    return tuple(bins)

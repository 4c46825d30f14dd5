"""Expected accuracy of the map: accuracy by distance, weighted by the distances that the map itself has.

Nearest-neighbour distance matching turned round. Mila et al. (Methods Ecol. Evol. 13, 2022) and Linnenbrink et al.
(kNNDM, Geosci. Model Dev. 17, 2024; R package CAST) draw folds whose distances to training are those of the map; here
the split is given, and its accuracy in each bin of distances counts as much as the map has pixels there. So one split
serves every scene, and what was not tested shows.

* A pixel of the map takes the accuracy of its bin, or of the next one further away that was tested: what lies nearer
  than any test pixel is not taken for better.
* What lies further away than any test pixel is left out, and `share_beyond` says how much that is.
* The bins are not independent, since a test block reaches over several of them, so the ends are the weighted means of
  the bins' ends: as if all of them erred to the same side.
"""

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from hsiauto.search.events.refits import DistanceBin, Refit
from hsiauto.split.distance import BINS


class MapAccuracy(NamedTuple):
    """What may be expected of the map of the scene that a model was trained on, if it holds its classes alone."""

    oa: float
    """NaN if nothing was scored."""
    low: float
    high: float
    """Ends of its 95 % interval."""
    share_beyond: float
    """Share of the map that lies further away from training than any test pixel."""

    @classmethod
    def of(cls, bins: Sequence[DistanceBin]) -> Self:
        """From a refit's `by_distance`."""
        whole, within = sum(one.map_pixels for one in bins), 0
        totals = [0.0, 0.0, 0.0]
        tested = math.nan, math.nan, math.nan
        for one in reversed(bins):
            if one.test_oa is not None and one.interval is not None:
                tested = one.test_oa, *one.interval
            if weight := one.map_pixels - one.map_beyond:
                within += weight
                totals = [total + weight * value for total, value in zip(totals, tested, strict=True)]
        oa, low, high = (total / within if within else math.nan for total in totals)
        return cls(oa, low, high, 1 - within / whole if whole else math.nan)


def distance_columns(event: Refit) -> dict[str, Any]:
    """What a leaderboard has of a refit's distances; empty if its split could not be drawn."""
    if not event.by_distance:
        return {}
    expected = MapAccuracy.of(event.by_distance)
    return {
        "test_oa_by_distance": _by_bin([one.test_oa for one in event.by_distance]),
        "test_interval_by_distance": _by_bin([one.interval for one in event.by_distance]),
        "test_pixels_by_distance": _by_bin([one.test_pixels for one in event.by_distance]),
        "map_pixels_by_distance": _by_bin([one.map_pixels for one in event.by_distance]),
        "map_oa": expected.oa,
        "map_oa_low": expected.low,
        "map_oa_high": expected.high,
        "map_share_beyond": expected.share_beyond,
    }


def _by_bin(values: Sequence[Any]) -> str:
    return json.dumps(dict(zip(BINS, values, strict=True)))

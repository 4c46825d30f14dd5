"""Label budgets: how many pixels of each class may be labelled for training, and which."""

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.split.model import Mask, SplitSpec

Labels = npt.NDArray[np.integer]
"""(H, W): 0 = unlabelled, k = class k."""


def quota(labels: Labels, spec: SplitSpec, default_fraction: float | None) -> npt.NDArray[np.int64]:
    """(K + 1,) pixels of each class that may be labelled for training; index 0 is no class and gets 0.

    A fraction counts all labelled pixels of the class, rounded to the nearest, at least one. No quota takes the last
    pixel of a class: it is left for test. `default_fraction` None: no limit but that.
    """
    if spec.train_fraction is not None and spec.train_per_class is not None:
        raise UserError(
            "a label budget is a fraction or a number per class",
            f"train_fraction {spec.train_fraction:g} and train_per_class {spec.train_per_class}",
            "Give one of the two.",
        )
    totals = np.bincount(labels.ravel())
    fraction = default_fraction if spec.train_fraction is None else spec.train_fraction
    if spec.train_per_class is not None:
        wanted = np.full_like(totals, spec.train_per_class)
    elif fraction is not None:
        wanted = np.maximum(1, np.floor(fraction * totals + 0.5).astype(totals.dtype))
    else:
        wanted = totals
    allowed = np.clip(wanted, 0, np.maximum(totals - 1, 0))
    allowed[0] = 0
    return allowed


def choose(labels: Labels, numbers: npt.NDArray[np.int64], rng: np.random.Generator) -> Mask:
    """(H, W) random pixels of the labelled ones in `labels`: `numbers[k]` of class k, or all if it has fewer.

    The same generator state with larger numbers gives a superset, so budgets are nested.
    """
    flat = labels.ravel()
    labelled = np.flatnonzero(flat)
    classes = flat[labelled]
    chosen = np.zeros(flat.shape, dtype=bool)
    chosen[labelled[rank_in_class(classes, rng.permutation(len(labelled))) < numbers[classes]]] = True
    return chosen.reshape(labels.shape)


def rank_in_class(classes: npt.NDArray[np.integer], order: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """(N,) place of each sample among those of its class in `order`, a permutation: 0 for the first of every class."""
    by_class = order[np.argsort(classes[order], kind="stable")]
    ordered = classes[by_class]
    rank = np.empty(len(order), dtype=np.int64)
    rank[by_class] = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return rank

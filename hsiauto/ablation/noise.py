"""Label noise: a share of the training labels set to another class. Validation and test keep theirs."""

from dataclasses import replace

import numpy as np

from hsiauto.split.seal import TrialData


def noisy(data: TrialData, share: float, seed: int) -> TrialData:
    """Return `data` with round(`share` * N) of its N training labels changed, each to another class drawn uniformly.

    Labels and their new classes are drawn from `seed` alone: a larger share changes the labels of a smaller one too, so
    shares are compared on the same draw.
    """
    rng = np.random.default_rng(seed)
    n = len(data.train_labels)
    order = rng.permutation(n)
    steps = rng.integers(1, data.n_classes, size=n)
    hit = order[: round(share * n)]
    labels = data.train_labels.copy()
    labels[hit] = (labels[hit] + steps[hit]) % data.n_classes
    return replace(data, train_labels=labels)

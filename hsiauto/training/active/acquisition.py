"""Which pixels to ask about: the ones that the model is least sure of, or random ones.

margin   U = P(top) - P(k-th), the smallest first. CPDGAL has k = 3; k = 2 is margin sampling as it is commonly known.
entropy  -sum p log p, the largest first.
random   the control: what any number of labels gives without choosing.
"""

import numpy as np
import numpy.typing as npt

from hsiauto.split.model import Pixels
from hsiauto.training.active.recipe import ActiveLabels


def acquire(
    labels: ActiveLabels, p_NK: npt.NDArray[np.float32] | None, pixels: Pixels, n: int, rng: np.random.Generator
) -> Pixels:
    """The `n` of `pixels` (N,) to ask about, sorted, by their class probabilities (None for `random`).

    Pixels that are equally unsure are drawn at random: in their own order the first rows of the scene would be asked
    about first, and a model with few distinct probabilities (a forest, a saturated softmax) has many such ties.
    """
    order = rng.permutation(len(pixels))
    if p_NK is not None:
        order = order[np.argsort(-doubt(labels, p_NK)[order], kind="stable")]
    return np.sort(pixels[order[:n]])


def doubt(labels: ActiveLabels, probabilities_NK: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """(N,) the larger, the less sure."""
    p_NK = probabilities_NK.astype(np.float64)
    if labels.acquisition == "entropy":
        entropy: npt.NDArray[np.float64] = -(p_NK * np.log(p_NK, out=np.zeros_like(p_NK), where=p_NK > 0)).sum(axis=1)
        return entropy
    assert labels.acquisition == "margin"
    ascending: npt.NDArray[np.float64] = np.sort(p_NK, axis=1)
    return ascending[:, -labels.margin_rank] - ascending[:, -1]

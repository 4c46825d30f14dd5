"""Smoothing: a model's class probabilities, filtered over space after the model has made them.

Every family that is searched has it as a hyperparameter, off while it is searched: what filters gain is seen after
training, on validation folds (`hsiauto.refit.decide`). A neighbour's label is a good guess if classes lie in fields, so
smoothing trades on position as patches do. What it reads counts: `config.support` grows by
`config.smoothing_reach`, and with it the leakage columns, an automatic buffer and the margins of a prediction.

* majority: the share of votes in the window, one vote a pixel. The mean probability of the window counts as one vote
  more: it settles ties, and leaves no class at 0 that a pixel of the window holds possible.
* guided: the guided filter of He, Sun and Tang (TPAMI 35(6), 2013), with principal components as the guide, after Kang,
  Li and Benediktsson (TGRS 52(5), 2014): edges in the guide stay edges. They scale the guide to [0, 1], epsilon 0.01;
  here its components have unit variance on the pixels of `fitted_on`, and epsilon is a share of that. The result, which
  may leave [0, 1] by a little, is clipped and scaled to sum 1.

Pixels without data neither vote nor guide. A prediction of a few pixels costs those around them too: all within reach
are asked of the model, in validation as in a map, so that both see the same filter. Regions that lie further apart are
filtered one by one: scattered pixels of a large scene cost no more than what is around them.

| symbol | meaning |
|---|---|
| H, W | rows and columns of the part of the scene that is filtered |
| N, K, G | pixels asked for, classes, components of the guide |
| r | `smoothing_radius`: a window has (2 r + 1)^2 pixels |
| I, p, q | guide, one class's probability, filtered probability |
| a, b | q = a I + b within a window, by ridge regression of p on I; a pixel takes the mean of its windows |
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d, find_objects, label, maximum_filter

from hsiauto.families.base import SmoothedConfig
from hsiauto.models.preprocess import Projection
from hsiauto.split.model import Pixels

GUIDES = 3
"""Components of the guide, if the scene has as many bands."""
EPSILON = 0.1
"""Ridge of the guided filter: if the guide varies less than this within a window, the window is averaged."""

Array = npt.NDArray[np.float64]
Probabilities = Callable[[Pixels], npt.NDArray[np.float32]]
"""Flat indices (N,) -> (N, K): what the model itself says."""


def guide_for(config: SmoothedConfig, cube: npt.NDArray[np.generic], pixels: Pixels) -> Projection | None:
    """The projection of `cube` (H, W, C) onto the guide, fitted on `pixels`; None if none is needed."""
    if config.smoothing != "guided":
        return None
    return Projection.fit(cube, pixels, components=min(GUIDES, cube.shape[2], len(pixels) - 1), whiten=True)


def guide_arrays(guide: Projection | None) -> dict[str, npt.NDArray[np.float32]]:
    """The arrays to save beside a model's own."""
    return {} if guide is None else {f"guide_{name}": array for name, array in guide.arrays().items()}


def guide_from_arrays(config: SmoothedConfig, arrays: Mapping[str, npt.NDArray[np.float32]]) -> Projection | None:
    """The inverse of `guide_arrays`. Raises KeyError if `config` needs a guide that is not there."""
    if config.smoothing != "guided":
        return None
    return Projection.from_arrays({name: arrays[f"guide_{name}"] for name in ("mean", "matrix")})


def smooth(
    config: SmoothedConfig,
    guide: Projection | None,
    model: Probabilities,
    cube: npt.NDArray[np.generic],
    valid: npt.NDArray[np.bool_],
    pixels: Pixels,
) -> npt.NDArray[np.float32]:
    """Class probabilities (N, K) at `pixels` of `cube` (H, W, C): the model's own, or filtered as `config` asks."""
    if config.smoothing == "none" or len(pixels) == 0:
        return model(pixels)
    height, width = valid.shape
    reach = config.smoothing_reach
    top, bottom = max(0, int(pixels.min()) // width - reach), min(height, int(pixels.max()) // width + reach + 1)
    places, present = pixels - top * width, valid[top:bottom]
    asked = np.zeros(present.shape, bool)
    asked.reshape(-1)[places] = True
    needed = asked | (maximum_filter(asked, size=2 * reach + 1, mode="constant") & present)
    own = model(np.flatnonzero(needed) + top * width)
    p_HWK = np.zeros((*present.shape, own.shape[1]), np.float32)
    p_HWK[needed] = own
    present = present & needed
    guide_HWG = None if guide is None else _guide(guide, cube[top:bottom], present)
    region_HW, _ = label(needed, np.ones((3, 3)))
    for number, part in enumerate(find_objects(region_HW), start=1):
        # a pixel without data has no place among its neighbours, and keeps what the model says
        filled = asked[part] & present[part] & (region_HW[part] == number)
        if config.smoothing == "majority":
            filtered = _majority(p_HWK[part], present[part], config.smoothing_radius)
        else:
            assert guide_HWG is not None, "a guided filter has its guide"
            filtered = _guided(p_HWK[part], present[part], guide_HWG[part], config.smoothing_radius)
        q_NK = np.stack([q_HW[filled] for q_HW in filtered], axis=1).clip(0, None)
        p_HWK[part][filled] = q_NK / q_NK.sum(axis=1, keepdims=True)
    return p_HWK.reshape(-1, own.shape[1])[places]


def _majority(p_HWK: npt.NDArray[np.float32], present: npt.NDArray[np.bool_], radius: int) -> Iterator[Array]:
    """q (H, W), not yet of sum 1, class by class."""
    winner_HW = p_HWK.argmax(axis=2)
    n_HW = np.maximum(_box(present, radius), 1)
    for k in range(p_HWK.shape[2]):
        votes_HW = _box(present & (winner_HW == k), radius)
        yield votes_HW + _box(np.where(present, p_HWK[..., k], 0), radius) / n_HW


def _guided(
    p_HWK: npt.NDArray[np.float32], present: npt.NDArray[np.bool_], guide_HWG: Array, radius: int
) -> Iterator[Array]:
    """q (H, W) class by class; exact for pixels 2 radius from the edge, whose windows' windows are whole."""
    n_HW = np.maximum(_box(present, radius), 1)

    def mean(x: Array) -> Array:
        """Mean over the pixels with data of each window. (H, W, ...) -> (H, W, ...)."""
        shape = (...,) + (None,) * (x.ndim - 2)
        averaged: Array = _box(x * present[shape], radius) / n_HW[shape]
        return averaged

    mean_HWG = mean(guide_HWG)
    outer_HWGG = mean(guide_HWG[..., :, None] * guide_HWG[..., None, :])
    covariance_HWGG = outer_HWGG - mean_HWG[..., :, None] * mean_HWG[..., None, :]
    inverse_HWGG = np.linalg.inv(covariance_HWGG + EPSILON * np.eye(guide_HWG.shape[2]))
    for k in range(p_HWK.shape[2]):
        p_HW = p_HWK[..., k].astype(np.float64)
        mean_HW = mean(p_HW)
        covariance_HWG = mean(guide_HWG * p_HW[..., None]) - mean_HWG * mean_HW[..., None]
        a_HWG = (inverse_HWGG @ covariance_HWG[..., None])[..., 0]
        b_HW = mean_HW - (a_HWG * mean_HWG).sum(axis=-1)
        yield (mean(a_HWG) * guide_HWG).sum(axis=-1) + mean(b_HW)


def _guide(projection: Projection, cube: npt.NDArray[np.generic], present: npt.NDArray[np.bool_]) -> Array:
    """I (H, W, G), 0 without data. Row by row: no matrix product may depend on how the scene is cut."""
    with np.errstate(invalid="ignore", over="ignore"):  # a pixel without data may hold anything
        guide_HWG = np.stack([projection(row) for row in cube]).astype(np.float64)
    guide_HWG[~present] = 0
    return guide_HWG


def _box(x: npt.NDArray[np.generic], radius: int) -> Array:
    """Sums over windows of the first two axes, nothing beyond the edge. Each is summed by itself and not by a running
    total, so that it is the same however the scene is cut."""
    summed = x.astype(np.float64)
    for over in (0, 1):
        summed = correlate1d(summed, np.ones(2 * radius + 1), axis=over, mode="constant")
    return summed

"""The random walker on class probabilities (Grady, TPAMI 28(11), 2006, with priors), within a window.

It minimises sum_ij w_ij (x_i - x_j)^2 + GAMMA sum_i (x_i - p_i)^2 for each class over pixels that touch, with
w_ij = exp(-|g_i - g_j|^2 / mean): one sparse system, (L + GAMMA I) x = GAMMA p. Every pixel depends on every other one;
here only the pixels that are given take part, those within the buffer, as a map in strips would have to do it.
"""

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import splu

from hsiauto.models.preprocess import Projection

GAMMA = 0.1


def walk(
    cube: npt.NDArray[np.generic],
    train: npt.NDArray[np.int64],
    pixels: npt.NDArray[np.int64],
    p_NK: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """x (N, K) at `pixels` (flat, sorted) of `cube` (H, W, C); the guide is fitted on `train`."""
    height, width, _ = cube.shape
    guide = Projection.fit(cube, train, components=3, whiten=True)
    g_NG = guide(cube.reshape(height * width, -1)[pixels])
    place = np.full(height * width, -1)
    place[pixels] = np.arange(len(pixels))
    pairs = []
    for step, inside in ((1, pixels % width < width - 1), (width, pixels // width < height - 1)):
        first = np.flatnonzero(inside)
        second = place[pixels[first] + step]
        pairs.append(np.stack([first[second >= 0], second[second >= 0]]))
    i, j = np.concatenate(pairs, axis=1)
    distance = ((g_NG[i] - g_NG[j]) ** 2).sum(axis=1)
    weight = np.exp(-distance / distance.mean()).astype(np.float64)
    n = len(pixels)
    w = coo_matrix((np.r_[weight, weight], (np.r_[i, j], np.r_[j, i])), shape=(n, n)).tocsr()
    system = diags(np.asarray(w.sum(axis=1)).ravel() + GAMMA) - w
    return splu(system.tocsc()).solve(GAMMA * p_NK.astype(np.float64)).astype(np.float32)

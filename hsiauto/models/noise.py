"""The noise of a scene, for the minimum noise fraction: components with most signal against their noise.

Source: Green et al., IEEE TGRS 26(1), 1988. The noise is what differs between neighbouring pixels; its covariance is
whitened, then the principal components of the whitened spectra are taken, most signal first.

Shapes: N pixels, C bands.
"""

import numpy as np
import numpy.typing as npt
from sklearn.covariance import ledoit_wolf

from hsiauto.split.model import Pixels

MOST_PIXELS = 50_000
"""A covariance of a few hundred bands gains nothing from more; they are taken evenly from those given."""


def with_neighbours(
    cube: npt.NDArray[np.generic], pixels: Pixels, valid: npt.NDArray[np.bool_] | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(spectra of `pixels` and of their right and lower neighbours, differences between the two), float64.

    Neighbours without data, or beyond the border of `cube` (H, W, C), are left out.
    """
    pixels = pixels[:: -(-len(pixels) // MOST_PIXELS)]
    rows, columns = np.divmod(pixels, cube.shape[1])
    spectra = cube[rows, columns].astype(np.float64)
    seen, differences = [spectra], []
    for down, right in ((0, 1), (1, 0)):
        inside = (rows + down < cube.shape[0]) & (columns + right < cube.shape[1])
        if valid is not None:
            inside[inside] = valid[rows[inside] + down, columns[inside] + right]
        neighbours = cube[rows[inside] + down, columns[inside] + right].astype(np.float64)
        seen.append(neighbours)
        differences.append(spectra[inside] - neighbours)
    return np.concatenate(seen), np.concatenate(differences)


def whitening(differences: npt.NDArray[np.float64], scale: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(C, C): spectra times it have noise of unit variance in every direction.

    `scale` (C,), the deviations of the noise, makes the bands alike before the covariance is shrunk by Ledoit and
    Wolf's formula: a few hundred differences do not fill it.
    """
    covariance, _ = ledoit_wolf(differences / scale / np.sqrt(2), assume_centered=True)
    variances, axes = np.linalg.eigh(covariance)
    matrix: npt.NDArray[np.float64] = axes / np.sqrt(np.maximum(variances, 1e-10 * variances[-1])) / scale[:, None]
    return matrix

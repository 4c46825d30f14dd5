"""Principal components and minimum noise fractions of spectra, all of them, kept from one training of a process to the
next: a search tries many numbers of components on the same few pixels.

What is kept is found again by the spectra themselves, and their places, so a cube that was changed in the meantime, or
the training pixels of another fold, never meet it. On Indian Pines decomposing is 40 % of the time of a random search's
trials of svm or logistic and half of lda's; 20 such trials of svm take 1.26 times as long without this, of lda 1.75
times (`benchmarks/shared_features.py`). Smoothing is 5 to 15 %, with a width of its own each. A process needs the four
decompositions of a scene once, about a second altogether: files between processes would save no more.

Shapes: N pixels, C bands, K = min(C, pixels looked at) components.
"""

import hashlib
from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt

from hsiauto.families.base import Reduction
from hsiauto.models import noise
from hsiauto.split.model import Pixels

_KEPT_BYTES = 1 << 26
"""Most that is kept: two hundred decompositions of 200 bands, two of 2,000."""


@dataclass(frozen=True)
class Components:
    """Components, the first ones first. Shared: not to be written to."""

    mean: npt.NDArray[np.float64]
    """(C,)"""
    directions: npt.NDArray[np.float64]
    """(C, K): (x - mean) @ directions are the components of spectra x (..., C)."""
    deviations: npt.NDArray[np.float64]
    """(K,) standard deviations of the components."""

    @property
    def nbytes(self) -> int:
        return self.mean.nbytes + self.directions.nbytes + self.deviations.nbytes


_kept: dict[bytes, Components] = {}
"""By key, the one that was asked for last at the end."""
_lock = Lock()


def components_of(
    cube: npt.NDArray[np.generic],
    pixels: Pixels,
    reduction: Reduction,
    valid: npt.NDArray[np.bool_] | None = None,
) -> Components:
    """The components of the spectra of `cube` (H, W, C) at `pixels` (flat indices), computed or found again.

    pca: principal components. mnf: those of the minimum noise fraction, of the neighbours' spectra too. `valid` (H, W):
    the neighbours that hold data; None: all of them.
    """
    key = _key(cube, pixels, reduction, valid)
    with _lock:
        found = _kept.pop(key, None)
    if found is None:
        found = _decomposed(cube, pixels, reduction, valid)
    with _lock:
        _kept[key] = found
        while len(_kept) > 1 and sum(one.nbytes for one in _kept.values()) > _KEPT_BYTES:
            del _kept[next(iter(_kept))]
    return found


def positive(deviations: npt.NDArray[np.float64], instead: float) -> npt.NDArray[np.float64]:
    """Deviations, with `instead` in place of those that are 0 but for rounding."""
    floor = 1e-7 * max(float(deviations.max(initial=0.0)), np.finfo(np.float64).tiny)
    return np.where(deviations > floor, deviations, instead)


def _key(
    cube: npt.NDArray[np.generic], pixels: Pixels, reduction: Reduction, valid: npt.NDArray[np.bool_] | None
) -> bytes:
    """A hash of all that `_decomposed` reads."""
    height, width, n_bands = cube.shape
    read = [pixels]
    if reduction == "mnf":
        read += [others for _, others in noise.neighbours((height, width), pixels, valid)]
    found = hashlib.blake2b(repr((reduction, width, n_bands, cube.dtype.str, [len(some) for some in read])).encode())
    for some in read:
        found.update(np.ascontiguousarray(some).data)
        found.update(np.ascontiguousarray(cube[np.divmod(some, width)]).data)
    return found.digest()


def _decomposed(
    cube: npt.NDArray[np.generic], pixels: Pixels, reduction: Reduction, valid: npt.NDArray[np.bool_] | None
) -> Components:
    turned = None
    if reduction == "mnf":
        spectra, differences = noise.with_neighbours(cube, pixels, valid)
        if len(differences):
            scale = positive(np.sqrt(np.square(differences).mean(axis=0) / 2), instead=1.0)
            turned = noise.whitening(differences, scale)
    else:
        spectra = cube[np.divmod(pixels, cube.shape[1])].astype(np.float64)
    mean: npt.NDArray[np.float64] = spectra.mean(axis=0)
    spectra -= mean
    return Components(mean, *_principal(spectra, turned))


def _principal(
    centred: npt.NDArray[np.float64], turned: npt.NDArray[np.float64] | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Principal directions of `centred`, or of `centred @ turned`, in the bands of `centred`: (C, K) as columns, and
    standard deviations (K,), largest first, K = min(N, C).

    The SVD of R in X = QR has the singular values and right vectors of X, without the N x C left vectors. Signs: the
    largest loading of a direction is positive.
    """
    triangle = np.linalg.qr(centred if turned is None else centred @ turned, mode="r")
    _, singular, rows = np.linalg.svd(triangle, full_matrices=False)
    directions = rows.T if turned is None else turned @ rows.T
    largest = np.abs(directions).argmax(axis=0)
    return directions * np.sign(directions[largest, np.arange(directions.shape[1])]), singular / np.sqrt(len(centred))

"""A file is compared with the model that it was made of, before it gets its name."""

import copy
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.models.bundle import Bundle
from hsiauto.models.export.windows import Window
from hsiauto.models.fitted import EnsembleFitted, Fitted
from hsiauto.split.model import Pixels

TOLERANCE = 1e-4
"""The largest difference of a probability."""
MOST_DIFFERENT = 0.05
"""Share of the pixels that may differ by more: a tree turns where a feature lies within rounding of its threshold."""
_PIXELS, _BYTES = 1000, 64 << 20

Arrays = Sequence[npt.NDArray[np.float32]]


def check(run: Callable[[Arrays], npt.NDArray[np.float32]], inputs: Sequence[Window], bundle: Bundle) -> str:
    """Compare `run`, inputs -> probabilities (N, K), with the bundle's model on a made-up scene; a line about it.

    The scene has values within the training range, edges, and pixels without data. Raises UserError if they differ.
    """
    cube, valid = _scene(bundle, max(window.side for window in inputs))
    n_pixels = min(_PIXELS, max(2, _BYTES // sum(4 * window.side**2 * cube.shape[2] for window in inputs)))
    pixels = np.sort(np.random.default_rng(1).permutation(valid.size)[:n_pixels])
    found = run([window.gather(cube, valid, pixels) for window in inputs])
    apart_N = np.abs(found - unsmoothed(bundle.fitted, cube, valid, pixels)).max(axis=1)
    n_different = int((~(apart_N <= TOLERANCE)).sum())
    if n_different > MOST_DIFFERENT * len(pixels):
        received = f"{n_different} of {len(pixels)} pixels further apart than {TOLERANCE:g}"
        raise UserError("a written model must answer as the bundle does", received, "Please report it.")
    turned = f"; {n_different} of them by more than {TOLERANCE:g}" if n_different else ""
    return f"compared with the bundle on {len(pixels)} made-up pixels: at most {apart_N.max():.1g} apart{turned}"


def unsmoothed(
    fitted: Fitted, cube: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_], pixels: Pixels
) -> npt.NDArray[np.float32]:
    """`fitted.probabilities`, without its filter over space or its members'."""
    if isinstance(fitted, EnsembleFitted):
        counts = list(fitted.config.counted.values())
        answers = [unsmoothed(member, cube, valid, pixels) for member in fitted.members]
        return np.average(answers, axis=0, weights=counts).astype(np.float32)
    plain = copy.copy(fitted)
    object.__setattr__(plain, "config", fitted.config.unsmoothed())
    return plain.probabilities(cube, valid, pixels)


def _scene(bundle: Bundle, side: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """(H, W, C) and (H, W)."""
    size = max(32, side)
    rng = np.random.default_rng(0)
    low, high = bundle.provenance.value_range or (0.0, 1.0)
    share = rng.random((size, size, 1)) * 0.5 + rng.random((size, size, bundle.fitted.n_bands)) * 0.5
    cube = (np.asarray(low) + (np.asarray(high) - np.asarray(low)) * share).astype(np.float32)
    return cube, rng.random((size, size)) > 0.05

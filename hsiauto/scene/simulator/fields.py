"""Spatial layout: parcels of land, the fields of a label map, maps that vary smoothly over space."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Ids = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]


def parcels(height: int, width: int, side: float, rng: np.random.Generator) -> Ids:
    """Parcel number of each pixel, (H, W), 0-based: land divided by inheritance, about `side` x `side` pixels each.

    Recursive cuts across the longer extent, in axes turned by one angle for the whole scene, each cut a little
    askew.
    """
    rows, columns = np.divmod(np.arange(height * width), width)
    angle = rng.uniform(0.15, 0.35)
    along = np.cos(angle) * columns + np.sin(angle) * rows
    across = np.cos(angle) * rows - np.sin(angle) * columns
    ids = np.zeros(height * width, dtype=np.int32)
    pending, n_parcels = [np.arange(height * width)], 0
    while pending:
        pixels = pending.pop()
        u, v = along[pixels], across[pixels]
        extent_u, extent_v = np.ptp(u) + 1, np.ptp(v) + 1
        longest = max(extent_u, extent_v)
        # the second limit keeps slivers at the scene's edge from being cut into ribbons
        if longest < 1.45 * side or pixels.size < 1.5 * side**2:
            ids[pixels] = n_parcels
            n_parcels += 1
            continue
        position = u if extent_u >= extent_v else v
        sideways = v if extent_u >= extent_v else u
        position = position + rng.uniform(-0.15, 0.15) * sideways
        first = position < np.quantile(position, rng.uniform(0.38, 0.62))
        pending += [pixels[first], pixels[~first]]
    return ids.reshape(height, width)


def tracks(parcel: Ids, share: float, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Pixels (H, W) on a one-pixel track between two parcels; `share` of the parcels have one along their edges."""
    has_track = rng.random(int(parcel.max()) + 1) < share
    edge = np.zeros(parcel.shape, dtype=bool)
    edge[:-1] |= parcel[:-1] != parcel[1:]
    edge[:, :-1] |= parcel[:, :-1] != parcel[:, 1:]
    return edge & has_track[parcel]


def fields(labels: npt.NDArray[np.int16], rng: np.random.Generator, side: float = 24.0) -> tuple[Ids, Ids]:
    """The fields of a label map: (field number of each pixel (H, W), class of each field (F,)), both 0-based.

    A field is a connected component of one class (edges or corners touching). Unlabelled land has class -1 and is
    divided into parcels of about `side` pixels.
    """
    height, width = labels.shape
    field = parcels(height, width, side, rng)
    kinds = [np.full(int(field.max()) + 1, -1, dtype=np.int32)]
    n_fields = kinds[0].size
    for k in range(1, int(labels.max()) + 1):
        component, n_components = ndimage.label(labels == k, structure=np.ones((3, 3)))
        inside = component > 0
        field[inside] = component[inside] - 1 + n_fields
        kinds.append(np.full(n_components, k - 1, dtype=np.int32))
        n_fields += n_components
    return field, np.concatenate(kinds)


def smooth_map(height: int, width: int, sigma: float, rng: np.random.Generator) -> Floats:
    """Gaussian random field (H, W) of mean 0 and variance 1, correlated over about `sigma` pixels."""
    noise = rng.standard_normal((height, width), dtype=np.float32)
    smoothed = ndimage.gaussian_filter(noise, sigma, mode="wrap")
    smoothed -= smoothed.mean(dtype=np.float64)
    return smoothed / max(float(smoothed.std(dtype=np.float64)), 1e-6)  # a map far smaller than sigma is flat


def farmland(height: int, width: int, shares: tuple[float, ...], rng: np.random.Generator) -> npt.NDArray[np.int16]:
    """Label map (H, W) of irregular parcels with tracks between some of them.

    Class k + 1 covers about `shares[k]` of the land; the rest is unlabelled. Parcels are about as large as a block of
    the default split, so that every class has several and reaches both sides.
    """
    parcel = parcels(height, width, 13.0, rng)
    area = np.bincount(parcel.ravel())
    touching = _touching(parcel)
    label = np.zeros(area.size, dtype=np.int16)
    for k in np.argsort(shares, kind="stable"):  # rare classes first, in the small parcels
        mine = np.zeros(area.size, dtype=bool)
        while area[mine].sum() < (shares[k] * parcel.size) or mine.sum() < 3:
            free = np.flatnonzero((label == 0) & (area >= 40) & ~touching[mine].any(0))
            if not free.size:
                break
            free = free[np.argsort(area[free], kind="stable")]
            chosen = rng.choice(free[: max(3, free.size // 3)])
            label[chosen], mine[chosen] = k + 1, True
    return np.where(tracks(parcel, 0.5, rng), 0, label[parcel]).astype(np.int16)


def _touching(parcel: Ids) -> npt.NDArray[np.bool_]:
    """(N, N) True for two parcels that share an edge or a corner."""
    n_parcels = int(parcel.max()) + 1
    touching = np.zeros((n_parcels, n_parcels), dtype=bool)
    for one, other in (
        (parcel[1:], parcel[:-1]),
        (parcel[:, 1:], parcel[:, :-1]),
        (parcel[1:, 1:], parcel[:-1, :-1]),
        (parcel[1:, :-1], parcel[:-1, 1:]),
    ):
        touching[one, other] = True
    return touching | touching.T

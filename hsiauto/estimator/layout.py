"""Loose spectra laid out as a scene: what stands beside each other there tells nothing, unless coordinates say so."""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.scene.groups import drawn_groups
from hsiauto.scene.memory import require


class LaidOut(NamedTuple):
    """Spectra on a grid; between them there is no data and no label."""

    cube: npt.NDArray[np.floating]
    """(H, W, C); NaN where no spectrum stands."""
    labels: npt.NDArray[np.int64]
    """(H, W); 0 where none stands."""
    settings: dict[str, Any]
    """How such a scene is split, by the names that run.yaml has."""
    groups: npt.NDArray[np.int64] | None = None
    """(H, W) from 1; None: places divide them."""


def by_groups(
    spectra_NC: npt.NDArray[Any], labels_N: npt.NDArray[np.int64], groups_N: npt.NDArray[Any] | None, seed: int = 0
) -> LaidOut:
    """The spectra row by row, group after group: one trains, validates or tests as a whole.

    labels_N: from 1. groups_N: None: spectra are drawn at random within each class, a few at a time.
    """
    if groups_N is None:
        groups_N = drawn_groups(labels_N, seed)
    member_N = np.unique(groups_N, return_inverse=True)[1] + 1
    place_N = np.argsort(np.argsort(member_N, kind="stable"))
    across = max(2, math.isqrt(len(member_N)))
    rows_N, columns_N = np.divmod(place_N, across)
    shape = (max(2, int(rows_N.max()) + 1), across)
    settings = {"protocol": "spectra", "unlabelled": "none"}
    laid_out = _scattered(spectra_NC, labels_N, rows_N, columns_N, shape, settings)
    groups = np.zeros(shape, np.int64)
    groups[rows_N, columns_N] = member_N
    return laid_out._replace(groups=groups)


def by_coordinates(
    spectra_NC: npt.NDArray[Any], labels_N: npt.NDArray[np.int64], coordinates_N2: npt.NDArray[Any]
) -> LaidOut:
    """Each spectrum at its (row, column); blocks of the ground train, validate or test as a whole. No model reads its
    neighbours, so that blocks need no buffer.

    Raises UserError for coordinates that are not two whole numbers a spectrum, each place once.
    """
    places_N2 = np.asarray(coordinates_N2)
    whole = places_N2.shape == (len(spectra_NC), 2) and np.issubdtype(places_N2.dtype, np.number)
    if not whole or not np.isfinite(places_N2).all() or (places_N2 != np.floor(places_N2)).any():
        received = f"{places_N2.dtype} of shape {places_N2.shape}"
        rule = f"coordinates are a row and a column of pixels for each of {len(spectra_NC)} spectra"
        raise UserError(rule, received, "Divide coordinates on the ground by the size of a pixel, and round.")
    if len(np.unique(places_N2, axis=0)) < len(places_N2):
        raise UserError(
            "each spectrum has a place of its own", "a (row, column) twice", "Give mean spectra of a pixel."
        )
    rows_N, columns_N = (places_N2 - places_N2.min(axis=0)).astype(np.int64).T
    shape = (int(rows_N.max()) + 1, int(columns_N.max()) + 1)
    settings = {"protocol": "blocks", "buffer": 0, "unlabelled": "none"}
    return _scattered(spectra_NC, labels_N, rows_N, columns_N, shape, settings)


def _scattered(
    spectra_NC: npt.NDArray[Any],
    labels_N: npt.NDArray[np.int64],
    rows_N: npt.NDArray[np.int64],
    columns_N: npt.NDArray[np.int64],
    shape: tuple[int, int],
    settings: dict[str, Any],
) -> LaidOut:
    dtype = np.result_type(spectra_NC.dtype, np.float32)
    require(math.prod(shape) * spectra_NC.shape[1] * dtype.itemsize, "the grid that spectra are laid out on")
    cube = np.full((*shape, spectra_NC.shape[1]), np.nan, dtype)
    labels = np.zeros(shape, np.int64)
    cube[rows_N, columns_N], labels[rows_N, columns_N] = spectra_NC, labels_N
    return LaidOut(cube, labels, {**settings, "nodata": "none"})  # what was given is data, whatever its value

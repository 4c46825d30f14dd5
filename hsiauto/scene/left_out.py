"""Labelled pixels without data in some bands: what to leave out, the labels or the bands."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError

OnNodata = Literal["drop", "refuse"]
_MOST = 0.1
"""Share of the labelled pixels or of the bands that is dropped unasked."""


@dataclass(frozen=True)
class LeftOut:
    """What labelled pixels without data cost."""

    pixels: npt.NDArray[np.int64]
    """(n, 2): row and column of the labels that are dropped."""
    bands: tuple[int, ...] = ()
    """0-based."""
    notes: tuple[str, ...] = ()


def leave_out(
    at: npt.NDArray[np.int64], lost_NC: npt.NDArray[np.bool_], n_labelled: int, n_bands: int, policy: OnNodata | None
) -> LeftOut:
    """Choose for the labelled pixels `at`, whose missing bands are `lost_NC` (none: the pixel itself is).

    Pixels that miss half of the bands are dropped; of the others, pixels or bands, whichever is the smaller share.
    Raises UserError if `policy` refuses, or is None and more than 10 % would go.
    """
    if not len(at):
        return LeftOut(at)
    lost_NC = lost_NC | ~lost_NC.any(axis=1, keepdims=True)
    pixels = lost_NC.sum(axis=1) >= n_bands / 2
    bands = np.flatnonzero(lost_NC[~pixels].any(axis=0))
    if (~pixels).sum() / n_labelled <= len(bands) / n_bands:
        pixels, bands = np.ones(len(at), np.bool_), bands[:0]
    loss = max(pixels.sum() / n_labelled, len(bands) / n_bands)
    if policy == "refuse" or (policy is None and loss > _MOST):
        affected = lost_NC.any(axis=0).sum()
        raise UserError(
            "a labelled pixel needs data in every band",
            f"{len(at):,} of {n_labelled:,} labelled pixels without data in some of {affected} bands (nodata, NaN or a "
            f"fill value), the first at row {at[0, 0]}, column {at[0, 1]}",
            "Set `on_nodata` to drop, name bands in `drop_bands`, or correct `nodata`",
        )
    notes = []
    if pixels.any():
        notes.append(f"{pixels.sum():,} of {n_labelled:,} labels dropped: their pixels have no data")
    if len(bands):
        listed = ", ".join(str(band + 1) for band in bands[:10]) + (", ..." if len(bands) > 10 else "")
        notes.append(f"{len(bands)} bands dropped: no data at {(~pixels).sum():,} labelled pixels (band {listed})")
    return LeftOut(at[pixels], tuple(bands.tolist()), tuple(notes))

"""The order of a cube's axes: recognised from the labels, or asked about, never guessed."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError

Layout = Literal["HWC", "CHW"]


def to_hwc(
    cube: npt.NDArray[np.generic],
    layout: Layout | None,
    grid: tuple[int, int] | None = None,
    n_bands: int | None = None,
) -> npt.NDArray[np.generic]:
    """A view (H, W, C) of a cube stored as HWC or CHW.

    `layout` says which; None takes the one order that agrees with `grid`, the labels' (H, W), or with `n_bands`.
    Raises UserError if both do or none does.
    """
    views: dict[Layout, npt.NDArray[np.generic]] = {"HWC": cube, "CHW": cube.transpose(1, 2, 0)}
    agree = [
        name
        for name, view in views.items()
        if (grid is None or view.shape[:2] == grid) and (n_bands is None or view.shape[2] == n_bands)
    ]
    if layout is not None:
        if layout not in agree:
            raise _disagreement(cube.shape, grid, n_bands, f" read as {layout}")
        return views[layout]
    if not agree:
        raise _disagreement(cube.shape, grid, n_bands, "")
    if len(agree) == 2:
        raise UserError(
            "the order of the cube's axes must be clear",
            f"{_x(cube.shape)}, which fits as rows x columns x bands and as bands x rows x columns",
            "Set `layout` to HWC or CHW",
        )
    return views[agree[0]]


def _disagreement(shape: tuple[int, ...], grid: tuple[int, int] | None, n_bands: int | None, how: str) -> UserError:
    if grid is None:
        return UserError(f"the cube must have {n_bands} bands", f"{_x(shape)}{how}", "Give the scene that fits")
    remedy = "Give the label map of this cube"
    if shape[:2] == grid[::-1] or shape[1:] == grid[::-1]:
        remedy = "One of the two is transposed: save them in the same order of rows and columns"
    return UserError("cube and labels must have the same rows and columns", f"{_x(shape)}{how} and {_x(grid)}", remedy)


def _x(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)

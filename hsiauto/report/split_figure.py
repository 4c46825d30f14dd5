"""A split as a picture: the classes, who trains, validates and tests, and how far test and map lie from training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hsiauto.report.figure import figure_file
from hsiauto.report.palette import class_colours
from hsiauto.scene.model import Scene
from hsiauto.scene.mosaic import picture
from hsiauto.split.distance import BINS, Distances, bin_of
from hsiauto.split.model import Split

_FOLDS = ("#0072B2", "#56B4E9", "#009E73", "#CC79A7")
TEST, _POOL, UNUSED = "#E69F00", "#F0E442", "#BBBBBB"
"""Of the palette of Okabe and Ito, which colour-blind readers tell apart; folds beyond the fourth begin anew."""


def draw_split(scene: Scene, folds: Sequence[Split], path: Path) -> None:
    """Draw the split `folds[0]` of `scene`, with its further validation folds, into a PNG."""
    from matplotlib.patches import Patch

    split = folds[0]
    side = 4.2
    labels = picture(scene.labels, scene.parts)
    tall = min(2.5, max(0.6, labels.shape[0] / labels.shape[1]))
    with figure_file(path, 3 * side + 2, side * tall + 1.6) as figure:
        classes, sides, shares = figure.subplots(1, 3)
        classes.imshow(_coloured(labels, class_colours(scene.n_classes) / 255), interpolation="nearest")
        classes.set_title("labels")
        uses = {"test": (split.test, TEST), "train only": (split.pool, _POOL)}
        uses |= {
            f"validation fold {n}": (fold.val, _FOLDS[(n - 1) % len(_FOLDS)]) for n, fold in enumerate(folds, start=1)
        }
        uses = {"not used": (np.flatnonzero(scene.labels), UNUSED), **uses}
        sides.imshow(areas(scene, [pixels for pixels, _ in uses.values()], [c for _, c in uses.values()]))
        sides.set_title(f"{split.spec.protocol} split {split.hash}", fontsize=10)
        for axes in (classes, sides):
            axes.set_xticks([])
            axes.set_yticks([])
        entries = [Patch(color=colour, label=name) for name, (_, colour) in uses.items()]
        sides.legend(handles=entries, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2, fontsize=8, frameon=False)
        found = Distances.of(split, scene.valid)
        for offset, distance, colour, label in (
            (-0.2, found.test, TEST, "test pixels"),
            (0.2, found.map, _FOLDS[1], "pixels of the map"),
        ):
            share = 100 * np.bincount(bin_of(distance), minlength=len(BINS)) / len(distance)
            shares.bar(np.arange(len(BINS)) + offset, share, 0.38, color=colour, label=label)
        shares.set_xticks(range(len(BINS)), [*BINS[:-1], BINS[-1] + ("\nor another scene" if scene.parts else "")])
        shares.set_xlabel("pixels to the nearest training pixel")
        shares.set_ylabel("share (%)")
        shares.legend(fontsize=8)
        figure.suptitle(f"{scene.name}: {found.statement}", fontsize=10)


def _coloured(values: npt.NDArray[np.integer], colours: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(H, W) numbers, 0 = none -> (H, W, 3), none in white."""
    return np.vstack([np.ones((1, 3)), colours])[values]


def areas(scene: Scene, pixels: Sequence[npt.NDArray[np.int64]], colours: Sequence[str]) -> npt.NDArray[np.float64]:
    """(H, W, 3) of 0 to 1: white, and each of `pixels` (flat indices) in its colour, the last ones on top."""
    from matplotlib.colors import to_rgb

    numbers = np.zeros(scene.labels.size, np.int64)
    for number, area in enumerate(pixels, start=1):
        numbers[area] = number
    laid = picture(numbers.reshape(scene.labels.shape), scene.parts)
    return _coloured(laid, np.array([to_rgb(colour) for colour in colours]))

"""map.png: the scene, its labels, the split, the prediction and its confidence, side by side."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from hsiauto.models.predict import Prediction
from hsiauto.report.false_colour import false_colour
from hsiauto.report.figure import figure_file
from hsiauto.report.palette import class_colours
from hsiauto.report.split_figure import TEST, UNUSED, areas
from hsiauto.scene.model import Scene
from hsiauto.scene.mosaic import corners, picture
from hsiauto.split.model import Split

_MAY_TRAIN = "#0072B2"
"""Of the palette of Okabe and Ito, as are the others."""
_CHECKS, _SQUARES = (0.82, 0.94), 80
"""Greys of the board that stands for pixels without data, as editors of pictures show what is transparent; its squares
along the longer side."""
_MOST_NAMED = 12
"""Of more scenes than this a picture shows no names."""


def draw_map(scene: Scene, split: Split, prediction: Prediction, title: str, path: Path) -> None:
    """False colour, ground truth, split, prediction, confidence; class names in the legend. Pixels without data are a
    board of greys, which no picture of a scene and no class looks like."""
    from matplotlib.patches import Patch

    colours = false_colour(scene)
    ratio = colours.shape[0] / colours.shape[1]
    height = min((2.6 if ratio > 1.2 else 3.2) * ratio, 12.0)
    width = 5 * height / ratio + 2.4
    with figure_file(path, max(width, 13.0), max(height + 1.4, 4.2)) as figure:
        axes = figure.subplots(1, 5)
        for a in axes:
            a.imshow(_board(scene))
            a.set_xticks([])
            a.set_yticks([])
        valid, labels = picture(scene.valid, scene.parts), picture(scene.labels, scene.parts)
        predicted = picture(prediction.classes, scene.parts)
        axes[0].imshow(_where(valid, colours))
        for part, (top, left) in corners(scene.parts).items() if len(scene.parts) <= _MOST_NAMED else ():
            axes[0].text(left, top, part.name, fontsize=7, va="top", color="white", backgroundcolor="#00000080")
        axes[0].set_title("false colour")
        axes[1].imshow(_where(valid, _coloured(labels, scene.n_classes)), interpolation="nearest")
        axes[1].set_title("ground truth")
        uses = {"may train": (split.pool, _MAY_TRAIN), "test": (split.test, TEST)}
        uses = {"not used": (np.flatnonzero(scene.labels), UNUSED), **uses}
        sides = areas(scene, [pixels for pixels, _ in uses.values()], [colour for _, colour in uses.values()])
        axes[2].imshow(_where(valid, np.round(255 * sides).astype(np.uint8)), interpolation="nearest")
        axes[2].set_title("split of the ground truth")
        entries = [Patch(facecolor=colour, label=name) for name, (_, colour) in uses.items()]
        axes[2].legend(handles=entries, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=3, fontsize=8, frameon=False)
        axes[3].imshow(_where(predicted > 0, _coloured(predicted, scene.n_classes)), interpolation="nearest")
        axes[3].set_title("prediction")
        shown = np.where(predicted > 0, picture(prediction.confidence, scene.parts), np.nan)
        confidence = axes[4].imshow(shown, vmin=0, vmax=1, cmap="viridis", interpolation="nearest")
        axes[4].set_title("confidence")
        figure.colorbar(confidence, ax=axes[4], shrink=0.6)
        figure.suptitle(title, fontsize=10)
        of_classes = class_colours(scene.n_classes) / 255.0
        entries = [Patch(color=of_classes[k], label=name) for k, name in enumerate(scene.class_names)]
        if not picture(scene.valid, scene.parts, True).all():
            light, dark = (str(grey) for grey in reversed(_CHECKS))
            entries.append(Patch(facecolor=light, edgecolor=dark, hatch="xxxx", label="no data"))
        columns = min(6, len(entries))
        figure.legend(handles=entries, loc="outside lower center", ncols=columns, fontsize=9, frameon=False)


def _coloured(classes: npt.NDArray[np.int16], n_classes: int) -> npt.NDArray[np.uint8]:
    """(H, W) classes, 0 = none -> (H, W, 3), none in white."""
    colours = np.vstack([np.full((1, 3), 255, np.uint8), class_colours(n_classes).astype(np.uint8)])
    return np.asarray(colours[classes])


def _where(shown: npt.NDArray[np.bool_], colours: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """(H, W, 3) -> (H, W, 4): transparent where nothing is shown."""
    return np.dstack([colours, np.where(shown, 255, 0).astype(np.uint8)])


def _board(scene: Scene) -> npt.NDArray[np.float64]:
    """(H, W, 3): what lies under transparent pixels."""
    square = max(1, max(scene.height, scene.width) // _SQUARES)
    rows, columns = np.indices((scene.height, scene.width)) // square
    return picture(np.repeat(np.array(_CHECKS)[(rows + columns) % 2][..., None], 3, axis=2), scene.parts, 1)

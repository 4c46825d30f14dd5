"""map.png: the scene, the split, the prediction and its confidence, side by side."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from hsiauto.models.predict import Prediction
from hsiauto.report.figure import figure_file
from hsiauto.report.palette import class_colours
from hsiauto.scene.model import Scene
from hsiauto.split.model import Split

_PALE, _PALEST = 0.55, 0.88
"""How far the colour of a test pixel and of an unused labelled pixel is moved towards white."""


def draw_map(scene: Scene, split: Split, prediction: Prediction, title: str, path: Path) -> None:
    """False colour, ground truth with the split drawn in, prediction, confidence; class names in the legend."""
    from matplotlib.patches import Patch

    tall = scene.height > 1.2 * scene.width
    panel = (3.0, 3.0 * scene.height / scene.width) if tall else (4.0, 4.0 * scene.height / scene.width)
    height = min(panel[1], 12.0)
    width = 4 * height * scene.width / scene.height + 3.2
    with figure_file(path, max(width, 12.0), max(height + 1.0, 4.5)) as figure:
        axes = figure.subplots(1, 4)
        axes[0].imshow(false_colour(scene))
        axes[0].set_title("false colour")
        axes[1].imshow(_split_picture(scene, split))
        axes[1].set_title("ground truth and split")
        axes[1].set_xlabel("full colour: training pool; pale: test;\nnearly white: labelled, not used", fontsize=8)
        axes[2].imshow(_coloured(prediction.classes, scene.n_classes))
        axes[2].set_title("prediction")
        shown = np.where(scene.valid, prediction.confidence, np.nan)
        confidence = axes[3].imshow(shown, vmin=0, vmax=1, cmap="viridis", interpolation="nearest")
        axes[3].set_title("confidence")
        figure.colorbar(confidence, ax=axes[3], shrink=0.6)
        for a in axes:
            a.set_xticks([])
            a.set_yticks([])
        figure.suptitle(title, fontsize=10)
        colours = class_colours(scene.n_classes) / 255.0
        entries = [Patch(color=colours[k], label=name) for k, name in enumerate(scene.class_names)]
        columns = min(6, len(entries))
        figure.legend(handles=entries, loc="outside lower center", ncols=columns, fontsize=8, frameon=False)


def false_colour(scene: Scene) -> npt.NDArray[np.uint8]:
    """(H, W, 3): the scene's red, green and blue bands, each stretched from its 2nd to its 98th percentile."""
    picture = np.zeros((scene.height, scene.width, 3), np.float32)
    for channel, band in enumerate(scene.rgb_bands):
        values = np.asarray(scene.cube[..., band], np.float32)
        low, high = np.percentile(values[scene.valid], (2, 98))
        picture[..., channel] = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    picture[~scene.valid] = 0
    return np.round(255 * picture).astype(np.uint8)


def _coloured(classes: npt.NDArray[np.int16], n_classes: int) -> npt.NDArray[np.uint8]:
    """(H, W) classes, 0 = none -> (H, W, 3), none in white."""
    colours = np.vstack([np.full((1, 3), 255, np.uint8), class_colours(n_classes).astype(np.uint8)])
    return np.asarray(colours[classes])


def _split_picture(scene: Scene, split: Split) -> npt.NDArray[np.uint8]:
    whiteness = np.full(scene.height * scene.width, _PALEST, np.float32)
    whiteness[split.test] = _PALE
    whiteness[split.pool] = 0.0
    share = whiteness.reshape(scene.height, scene.width, 1)
    picture = _coloured(scene.labels, scene.n_classes) * (1 - share) + 255 * share
    return np.round(picture).astype(np.uint8)

"""A scene as people see it."""

import numpy as np
import numpy.typing as npt

from hsiauto.scene.model import Scene
from hsiauto.scene.mosaic import picture


def false_colour(scene: Scene) -> npt.NDArray[np.uint8]:
    """(H, W, 3): the scene's red, green and blue bands, each stretched from its 2nd to its 98th percentile; several
    scenes side by side, as `picture` lays them out."""
    stretched = np.zeros((scene.height, scene.width, 3), np.float32)
    for channel, band in enumerate(scene.rgb_bands):
        values = np.asarray(scene.cube[..., band], np.float32)
        low, high = np.percentile(values[scene.valid], (2, 98))
        stretched[..., channel] = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    stretched[~scene.valid] = 0
    return picture(np.round(255 * stretched).astype(np.uint8), scene.parts, 255)

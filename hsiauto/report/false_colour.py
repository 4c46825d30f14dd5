"""A scene as people see it."""

import numpy as np
import numpy.typing as npt

from hsiauto.scene.model import Scene
from hsiauto.scene.mosaic import picture
from hsiauto.scene.scan import strips


def false_colour(scene: Scene) -> npt.NDArray[np.uint8]:
    """(H, W, 3): the scene's red, green and blue bands, each stretched from its 2nd to its 98th percentile; several
    scenes side by side, as `picture` lays them out."""
    stretched = np.empty((scene.height, scene.width, 3), np.float32)
    for top, strip in strips(scene.cube):  # once, and let go of: the cube may be larger than memory
        stretched[top : top + len(strip)] = strip[..., list(scene.rgb_bands)]
    for channel in np.moveaxis(stretched, 2, 0):
        low, high = np.percentile(channel[scene.valid], (2, 98))
        channel[:] = np.clip((channel - low) / max(high - low, 1e-12), 0, 1)
    stretched[~scene.valid] = 0
    return picture(np.round(255 * stretched).astype(np.uint8), scene.parts, 255)

"""Groups of labelled pixels, such as fields: what a split by groups never cuts."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.scene import readers
from hsiauto.scene.label_map import plane, whole_numbers
from hsiauto.scene.model import Scene
from hsiauto.scene.placement import place


def read_groups(path: Path, like: Scene) -> npt.NDArray[np.int64]:
    """(H, W) values of a map of groups on the grid of `like`, 0 = none. Raises UserError for no map of that size."""
    stored = readers.read(path, "labels")
    placed, _ = place(plane(stored.array), stored.geo, like.labels.shape, like.geo)
    values, _ = whole_numbers(placed, stored.nodata)
    if values.shape != like.labels.shape:
        rule = f"the map of groups must have the size of the scene, {like.height} x {like.width}"
        raise UserError(rule, f"{values.shape[0]} x {values.shape[1]} in {path}", "Give the map of this scene")
    return values


def with_groups(scene: Scene, groups: npt.NDArray[np.int64]) -> Scene:
    """`scene` with `groups` (H, W), 0 = none, renumbered. Raises UserError for a labelled pixel without one."""
    labelled = scene.labels > 0
    if lacking := np.count_nonzero(labelled & (groups == 0)):
        received = f"{lacking:,} of {np.count_nonzero(labelled):,} without"
        raise UserError("every labelled pixel needs a group", received, "Give them one, or make them unlabelled")
    numbered = np.zeros(groups.shape, np.int32)
    numbered[labelled] = np.unique(groups[labelled], return_inverse=True)[1] + 1
    digest = hashlib.sha256(scene.data_hash.encode())
    digest.update(numbered.data)
    return replace(scene, groups=numbered, data_hash=digest.hexdigest())

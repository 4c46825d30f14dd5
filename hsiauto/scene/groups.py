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
    """(H, W) numbers of a map of groups on the grid of `like`, 0 = none. Raises UserError for no map of that size."""
    stored = readers.read(path, "labels")
    placed, _ = place(plane(stored.array), stored.geo, like.labels.shape, like.geo)
    values, _ = whole_numbers(placed, stored.nodata)
    if values.shape != like.labels.shape:
        rule = f"the map of groups must have the size of the scene, {like.height} x {like.width}"
        raise UserError(rule, f"{values.shape[0]} x {values.shape[1]} in {path}", "Give the map of this scene")
    return np.where(values == 0, 0, np.unique(values, return_inverse=True)[1].reshape(values.shape) + 1)


def with_groups(scene: Scene, groups: npt.NDArray[np.int64], origin: str = "") -> Scene:
    """`scene` with `groups` (H, W), from 1, 0 = none; in scenes of one `origin` a number means the same group.

    Raises UserError for a labelled pixel without one.
    """
    labelled = scene.labels > 0
    if lacking := np.count_nonzero(labelled & (groups == 0)):
        received = f"{lacking:,} of {np.count_nonzero(labelled):,} without"
        raise UserError("every labelled pixel needs a group", received, "Give them one, or make them unlabelled")
    of_labels = np.where(labelled, groups, 0).astype(np.int32)
    digest = hashlib.sha256(scene.data_hash.encode())
    digest.update(of_labels.data)
    return replace(scene, groups=of_labels, groups_origin=origin, data_hash=digest.hexdigest())

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

_GROUPS = 2000
"""Of spectra that come without groups: so many can be drawn from in a second."""
_GROUPS_PER_CLASS = 20
"""A class of fewer spectra has a group for each."""


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


def drawn_groups(labels_N: npt.NDArray[np.integer], seed: int = 0) -> npt.NDArray[np.int64]:
    """(N,) groups, from 0, of spectra of which nothing says which are alike: a few of one class each, at random."""
    rng = np.random.default_rng(seed)
    groups_N, n_groups = np.empty(len(labels_N), np.int64), 0
    most = -(-len(labels_N) // _GROUPS)
    for label in np.unique(labels_N):
        of_class = rng.permutation(np.flatnonzero(labels_N == label))
        size = min(most, max(1, len(of_class) // _GROUPS_PER_CLASS))
        groups_N[of_class] = n_groups + np.arange(len(of_class)) // size
        n_groups = int(groups_N[of_class].max()) + 1
    return groups_N

"""Maps of groups beside label maps."""

from pathlib import Path

import numpy as np
import pytest

from hsiauto.errors import UserError
from hsiauto.scene import Scene, open_scene
from hsiauto.scene.source import SceneSource
from tests.scene import fabricate as f


def grouped(tmp_path: Path, groups: f.Array) -> Scene:
    cube = f.npy(tmp_path / "cube.npy", f.cube())
    labels, map_of_groups = f.npy(tmp_path / "labels.npy", f.labels()), f.npy(tmp_path / "groups.npy", groups)
    return open_scene(SceneSource(dataset=str(cube), labels=labels, groups=map_of_groups))


def test_groups_are_numbered_and_cover_the_labels_alone(tmp_path: Path) -> None:
    groups = np.full((f.H, f.W), 40)
    groups[0] = 12
    scene = grouped(tmp_path, groups)
    np.testing.assert_array_equal(scene.groups, np.where(scene.labels > 0, np.where(groups == 12, 1, 2), 0))
    assert scene.data_hash != grouped(tmp_path, np.ones((f.H, f.W), int)).data_hash


def test_a_labelled_pixel_without_a_group_and_another_size_are_refused(tmp_path: Path) -> None:
    lacking = np.ones((f.H, f.W), int)
    lacking[0, :2] = 0
    with pytest.raises(UserError, match="every labelled pixel needs a group; received 2 of 27 without"):
        grouped(tmp_path, lacking)
    with pytest.raises(UserError, match="must have the size of the scene, 7 x 6; received 6 x 6"):
        grouped(tmp_path, lacking[1:])

"""Fixtures that several parts share."""

from collections.abc import Iterator

import numpy as np
import pytest

from hsiauto.scene.model import Scene
from hsiauto.scene.simulator.simulate import simulate
from hsiauto.search.workers.local_ray import ray_for_a_run, start_ray
from hsiauto.search.workers.resources import Machine, Resources


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """One Ray for all tests that need it."""
    with ray_for_a_run():
        start_ray(Machine.here(), Resources(concurrency=2, cpus_per_trial=1, gpus_per_trial=0))
        yield


@pytest.fixture(scope="session")
def tiny_scene() -> Scene:
    """40 x 40 pixels, 24 bands, 4 classes of 4 fields each; every field is 9 x 9 beside unlabelled tracks.

    Shared by the whole run: copy an array before changing it (they are read-only).
    """
    row, column = np.indices((40, 40))
    labels = (row // 10 + column // 10) % 4 + 1
    labels[(row % 10 == 9) | (column % 10 == 9)] = 0
    scene = simulate(labels, name="tiny", n_bands=24, class_names=("corn", "corn, early", "soybean", "wheat"))
    for array in (scene.cube, scene.labels, scene.valid):
        array.setflags(write=False)
    return scene

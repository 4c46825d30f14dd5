import pytest

from hsiauto.scene.model import Scene
from hsiauto.split import SplitSpec, make_split
from hsiauto.split.seal import TrialData, seal


@pytest.fixture(scope="session")
def small_split(tiny_scene: Scene) -> TrialData:
    """What trials on the tiny scene see."""
    return seal(tiny_scene, make_split(tiny_scene.labels, SplitSpec(protocol="random", train_fraction=0.2)))[0]

"""Every study that ships: its cells build, on a wide scene and on a small one, and its texts are whole."""

import pytest

from hsiauto.ablation import grid, load, shipped
from hsiauto.families import costs
from hsiauto.families.base import TorchConfig
from hsiauto.space import SceneSize

SCENES = (SceneSize(200, 1000, 145, 145), SceneSize(24, 100, 40, 40))


@pytest.mark.parametrize("name", shipped())
def test_the_cells_of_a_study_build(name: str) -> None:
    _, run_config = load(name)
    whole = grid(run_config, 2)
    assert whole.reference in whole.cells
    assert len({cell.name for cell in whole.cells}) == len(whole.cells), "a figure must tell them apart"
    for cell in (whole.cells[0], whole.cells[-1]):
        if isinstance(cell.config, TorchConfig):
            assert costs.parameters(cell.config, 200, 9)
    for scene in SCENES:
        of_scene = grid(run_config, 2, scene)
        assert all(scene.fits(cell.config) for cell in of_scene.cells)
        if run_config.x:
            assert all(float(cell.values[run_config.x]) >= 0 for cell in of_scene.cells)


def test_every_paper_has_its_studies() -> None:
    families = [family for name in shipped() for family in load(name)[1].families]
    counts = {family: families.count(family) for family in ("claresnet", "cssmamba", "cpdgal", "spectral_memory")}
    assert min(counts.values()) >= 5, counts

"""From a study to its cells: each thing once, clipped to the scene, and said where that changes something."""

from dataclasses import replace
from typing import Any

import pytest

from hsiauto.ablation.cells import grid
from hsiauto.errors import UserError
from hsiauto.families import FAMILIES
from hsiauto.space import SceneSize
from tests.ablation.fabricated import cells, definition

SMALL = SceneSize(n_bands=24, n_pixels=200, height=40, width=40)
SMALL_PRESET = FAMILIES["cpdgal"].preset("small").active()


def test_an_inactive_axis_makes_one_cell_of_many() -> None:
    found = cells()
    assert [cell.name for cell in found.cells] == [
        "masking=dynamic",
        "masking=static, mask_probability=0.2",
        "masking=static, mask_probability=0.4",
    ]
    assert found.reference.name == "masking=dynamic"
    (note,) = found.notes
    assert "masking=dynamic stands for 2 combinations" in note
    assert "mask_probability is inactive" in note


def test_cells_take_the_preset_below_pins_below_axes() -> None:
    found = cells(pins={"cpdgal.patch": 6, "cpdgal.beta": 3.0})
    configs = [cell.config.active() for cell in found.cells]
    assert {config["depth"] for config in configs} == {SMALL_PRESET["depth"]}
    assert {config["patch"] for config in configs} == {6}
    assert [config.get("beta") for config in configs] == [3.0, None, None], "where it acts"


def test_a_scene_clips_cells_and_the_reference_with_them() -> None:
    run_config = definition(axes={"components": [10, 30, 60]}, reference={"components": 60})
    found = grid(run_config, 5, SMALL)
    assert [cell.name for cell in found.cells] == ["components=10", "components=24"]
    assert found.reference.values == {"components": 24}
    assert any("components is 24 instead of 60" in note for note in found.notes)
    assert any("stands for 2 combinations" in note for note in found.notes)


def test_windows_of_cells_end_at_the_buffer_and_the_study_says_so() -> None:
    narrow = replace(SMALL, buffer=3)
    by_size = definition(axes={"patch": [4, 6, 8]}, reference={"patch": 8})
    found = grid(by_size, 5, narrow)
    assert {cell.config.support for cell in found.cells} == {2, 3}
    assert "patch is 7 instead of 8: windows end at the buffer (3)" in found.notes
    of_depth = grid(definition(axes={"depth": [1, 2]}, reference={"depth": 1}), 5, narrow)
    assert {cell.config.support for cell in of_depth.cells} == {3}
    assert of_depth.notes == (f"patch is 7 instead of {SMALL_PRESET['patch']}: windows end at the buffer (3)",)


def test_an_axis_that_a_scene_idles_is_no_error_there() -> None:
    bounds = {"components": [16, 200], "latent_max": [32, 64]}
    run_config = definition(family="claresnet", axes=bounds, reference={"components": 16})
    assert len(grid(run_config, 5).cells) == 3
    assert [cell.values for cell in grid(run_config, 5, SMALL).cells] == [{"components": 16}, {"components": 24}]


def test_clipping_may_activate_another_hyperparameter() -> None:
    bounds = {"components": [200, 60], "latent_min": [4, 16]}
    run_config = definition(family="claresnet", axes=bounds, pins={"claresnet.patch": 5}, reference={"latent_min": 4})
    with pytest.raises(UserError, match="latent_min must be active"):
        grid(run_config, 5)
    found = grid(run_config, 5, SMALL)
    assert [cell.config.active()["latent_min"] for cell in found.cells] == [4, 16]


def test_one_at_a_time_holds_the_preset_once() -> None:
    depth, heads = SMALL_PRESET["depth"], SMALL_PRESET["heads"]
    axes = {"depth": [depth, depth + 1, depth + 2], "heads": [heads, 2 * heads]}
    found = cells(sweep="one_at_a_time", reference={}, axes=axes)
    assert [cell.name for cell in found.cells] == [
        "base",
        f"depth={depth + 1}",
        f"depth={depth + 2}",
        f"heads={2 * heads}",
    ]
    assert found.reference.name == "base"
    assert found.notes == ()


def test_axes_of_the_training() -> None:
    found = cells(
        axes={"family": ["cpdgal", "vit"], "label_noise": [0.0, 0.25], "max_epochs": [3, 6]},
        reference={"family": "vit", "label_noise": 0.0, "max_epochs": 3},
    )
    assert len({cell.key for cell in found.cells}) == len(found.cells) == 8
    assert {(cell.config.family, cell.label_noise, cell.max_epochs) for cell in found.cells} == {
        (family, noise, epochs) for family in ("cpdgal", "vit") for noise in (0.0, 0.25) for epochs in (3, 6)
    }
    assert found.reference.config.family == "vit"


def test_an_axis_of_one_family_is_idle_in_another() -> None:
    found = cells(axes={"family": ["vit", "cpdgal"], "diffusion_steps": [10, 100]}, reference={"family": "vit"})
    assert [cell.name for cell in found.cells] == [
        "family=vit",
        "family=cpdgal, diffusion_steps=10",
        "family=cpdgal, diffusion_steps=100",
    ]


def test_axes_of_asked_labels_change_the_recipe_alone() -> None:
    found = cells(
        labels={"initial": 0.2, "cycles": 2}, axes={"labels.acquire": [0.1, 0.2]}, reference={"labels.acquire": 0.1}
    )
    recipes = [cell.labels for cell in found.cells]
    assert [(recipe.initial, recipe.acquire, recipe.cycles) for recipe in recipes if recipe] == [
        (0.2, 0.1, 2),
        (0.2, 0.2, 2),
    ]
    assert len({cell.config.hash() for cell in found.cells}) == 1
    assert len({cell.key for cell in found.cells}) == 2


def test_choosing_cells_keeps_the_reference() -> None:
    found = cells().only([{"mask_probability": 0.4}])
    assert [cell.name for cell in found.cells] == ["masking=dynamic", "masking=static, mask_probability=0.4"]
    assert [cell.name for cell in cells().only([{"masking": "dynamic"}]).cells] == ["masking=dynamic"]
    with pytest.raises(UserError, match="mask_probability=0"):
        cells().only([{"mask_probability": 0.4}, {"mask_probability": 0.9}])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"family": "resnet"}, "resnet"),
        ({"family": "majority", "axes": {"max_epochs": [1, 2]}, "reference": {"max_epochs": 1}}, "majority"),
        ({"preset": "huge"}, "huge"),
        ({"axes": {"colour": [1, 2]}, "reference": {"colour": 1}}, "colour"),
        ({"axes": {"depth": [1, 0]}, "reference": {"depth": 1}}, "depth"),
        ({"axes": {"depth": [1]}, "reference": {"depth": 1}}, "two cells"),
        ({"axes": {"depth": [1, 2]}, "reference": {"depth": 3}}, "one cell"),
        ({"reference": {"masking": "static"}}, "one cell"),
        ({"axes": {"masking": ["none", "dynamic"], "mask_probability": [0.2]}}, "mask_probability must be active"),
        ({"pins": {"cpdgal.masking": "none"}}, "not pinned"),
        ({"pins": {"svm.C": 1.0}}, "svm.C"),
        ({"pins": {"cpdgal.colour": 1}}, "colour"),
        ({"pins": {"cpdgal.dgfr": False, "cpdgal.diffusion_steps": 5}}, "diffusion_steps must be active"),
        ({"axes": {"label_noise": [0.0, 1.5]}, "reference": {"label_noise": 0.0}}, "label_noise"),
        ({"axes": {"max_epochs": [1, 2.5]}, "reference": {"max_epochs": 1}}, "max_epochs"),
        ({"labels": {"colour": 1}}, "labels.colour"),
        ({"x": "mask_probability"}, "every cell"),
    ],
)
def test_what_cannot_be_trained_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        cells(**changes)

"""RunConfig as flat settings, there and back."""

import re
from pathlib import Path
from typing import Any

import pytest

from hsiauto.config import Command, RunConfig, declared, flat, overlaid, run_config_from
from hsiauto.errors import UserError
from hsiauto.scene.source import SceneSource
from hsiauto.settings import settings_of
from hsiauto.split.model import SplitSpec
from hsiauto.training.active.recipe import RECIPES, ActiveLabels


@pytest.mark.parametrize(
    ("command", "given", "recipe"),
    [
        ("search", {}, None),
        ("search", {"dataset": "salinas", "budget": "1k", "time-limit": "2h", "families": "svm,cnn2d"}, None),
        ("search", {"objective": ["oa", "macs"], "set": ["svm.C=3"], "warm-start": ["runs/x"], "keep": "all"}, None),
        ("search", {"buffer": "auto", "ignore-labels": "0,255", "trial-timeout": 60}, None),
        ("search", {"protocol": "random", "train-per-class": 9, "max-macs": "5M", "storage": "s3://bucket/run"}, None),
        ("search", {"protocol": "fixed", "train-map": "a.npy", "test-map": "b.npy", "drop-conflicts": True}, None),
        ("train", {"labels": "gt.npy", "dataset": "cube.npy", "unlabelled": "none"}, None),
        ("train", {"labels": "active", "control": True, "label-budget": 90}, None),
        ("train", {"acquisition": "entropy", "labels": "gt.npy"}, None),
        ("train", {"cycles": 3}, "cpdgal-salinas"),
        ("search", {"labels": "a.gpkg", "label-field": "crop", "all-touched": True, "group-field": "farm"}, None),
        ("search", {"labels": "a.npy", "groups": "b.npy", "protocol": "groups", "buffer": 3}, None),
        ("study", {"time-limit": 90.5, "concurrency": 2, "simulator-seed": 4, "split-seed": 3}, None),
    ],
)
def test_what_is_flattened_makes_the_same_run(command: Command, given: dict[str, Any], recipe: str | None) -> None:
    made = run_config_from(command, given, recipe)
    again = flat(made)
    assert run_config_from(command, again) == made
    assert flat(run_config_from(command, again)) == again
    plain = (str, int, float, bool, list, dict)
    assert all(type(value) in plain for value in again.values()), "as YAML takes it"


def test_the_address_of_a_cluster_is_not_kept() -> None:
    assert "address" not in flat(run_config_from("search", {"address": "auto"}))


def test_epochs_are_what_was_asked_else_fewer_on_the_demo() -> None:
    def epochs(**given: Any) -> int:
        return run_config_from("search", {name.replace("_", "-"): value for name, value in given.items()}).max_epochs

    assert epochs(max_epochs=7, dataset="demo") == 7
    assert epochs() < epochs(dataset="salinas")
    in_words = [int(number) for number in re.findall(r"\d+", declared()["max-epochs"].setting.default)]
    assert in_words == [epochs(dataset="salinas"), epochs(dataset="demo")]


def test_what_is_typed_lies_over_the_file() -> None:
    file = {"protocol": "blocks", "block-size": 8, "train-fraction": 0.2, "budget": 9}
    assert overlaid({"budget": "3"}, file) == {**file, "budget": "3"}
    assert overlaid({"protocol": "random"}, file) == {"protocol": "random", "train-fraction": 0.2, "budget": 9}
    assert "train-fraction" not in overlaid({"train-per-class": "5"}, file)


@pytest.mark.parametrize(
    ("command", "given", "recipe", "words"),
    [
        ("search", {"buget": 1}, None, "Did you mean budget"),
        ("train", {"budget": 1}, None, "no setting 'budget'"),
        (
            "search",
            {"protocol": "random", "buffer": 3},
            None,
            "`buffer` belongs to .*blocks, groups, fixed and scenes",
        ),
        ("train", {"margin-rank": 2, "acquisition": "entropy"}, None, "`margin_rank` belongs to"),
        ("train", {"labels": "active", "control": True, "acquisition": "random"}, None, "`control` compares with"),
        ("train", {}, "magic", "cpdgal-salinas"),
        ("search", {"split-seed": -1}, None, "`split_seed`: "),
        ("search", {"max-gpu-hours": "inf"}, None, "`max_gpu_hours`: .*finite"),
    ],
)
def test_refusals(command: Command, given: dict[str, Any], recipe: str | None, words: str) -> None:
    with pytest.raises(UserError, match=words):
        run_config_from(command, given, recipe)


def test_a_recipe_stands_below_what_is_given() -> None:
    made = run_config_from("train", {"train-per-class": 9, "cycles": 2}, "cpdgal-salinas")
    assert (made.split.protocol, made.split.train_fraction, made.split.train_per_class) == ("random", None, 9)
    assert made.labels == RECIPES["cpdgal-salinas"].labels.model_copy(update={"cycles": 2})


def test_names_of_settings_are_unique_and_each_has_its_help() -> None:
    for name, one in declared().items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
        assert one.info.description, f"{name} has no help"
        assert one.setting.commands
    assert len(declared()) == sum(len(settings_of(m)) for m in (RunConfig, SceneSource, SplitSpec, ActiveLabels))


def test_groups_are_held_out_whole_where_there_are_any_unless_another_protocol_is_named(tmp_path: Path) -> None:
    drawn = SceneSource(dataset="cube.tif", labels=tmp_path / "a.shp", label_field="crop")
    mapped = SceneSource(dataset="cube.tif", labels=tmp_path / "a.tif", groups=tmp_path / "b.tif")
    for scene in (drawn, mapped):
        assert RunConfig(scene=scene).split.protocol == "groups"
        assert RunConfig(scene=scene, split=SplitSpec(buffer=3)).split == SplitSpec(protocol="groups", buffer=3)
        assert RunConfig(scene=scene, split=SplitSpec(protocol="blocks")).split.protocol == "blocks"
    assert RunConfig(scene=SceneSource()).split.protocol == "blocks"
    given = {"labels": "a.gpkg", "label-field": "crop"}
    assert run_config_from("search", {**given, "buffer": 3}).split.protocol == "groups"
    with pytest.raises(
        UserError, match=r"`block_size` belongs to `protocol` blocks, fixed and scenes; received groups"
    ):
        run_config_from("search", {**given, "block-size": 8})
    assert run_config_from("search", {**given, "protocol": "blocks", "block-size": 8}).split.block_size == 8

"""STAC items of bundles."""

import json
from pathlib import Path
from typing import Any

import pytest

from hsiauto.errors import UserError
from hsiauto.models.bundle import Bundle, load_bundle, save_bundle
from hsiauto.models.export.stac import MLM, write_stac
from tests.models.test_bundle import PROVENANCE
from tests.small_scene import fitted, small_data

TOLD = PROVENANCE.model_copy(update={"canary_oa": 0.4, "oa_by_distance": {"1": 0.9, "2-3": None}})


def _item(folder: Path, kind: str, **changes: Any) -> dict[str, Any]:
    save_bundle(fitted(kind, small_data()), folder / "run" / "bundle", TOLD.model_copy(update=changes))
    (folder / "catalogue").mkdir()
    write_stac(load_bundle(folder / "run" / "bundle"), folder / "catalogue" / "item.json")
    found: dict[str, Any] = json.loads((folder / "catalogue" / "item.json").read_text(encoding="utf-8"))
    return found


def test_an_item_tells_what_goes_in_and_what_comes_out(tmp_path: Path) -> None:
    item = _item(tmp_path, "svm")
    assert MLM in item["stac_extensions"]
    told = item["properties"]
    (goes_in,), (comes_out,) = told["mlm:input"], told["mlm:output"]
    assert goes_in["input"]["shape"] == [-1, 1, 1, 10]
    assert goes_in["bands"] == [band["name"] for band in told["bands"]]
    assert told["bands"][1] == {"name": "band 3", "eo:center_wavelength": 0.4105}, "band 1 was left out"
    cube = small_data().cube.reshape(-1, 10)[small_data().train_pixels]
    assert [one["stddev"] for one in goes_in["value_scaling"]] == pytest.approx(cube.std(axis=0), rel=1e-4)
    assert [one["mean"] for one in goes_in["value_scaling"]] == pytest.approx(cube.mean(axis=0), abs=1e-4)
    assert comes_out["classification:classes"][2] == {
        **{"value": 6, "name": "woods", "title": "woods", "description": "woods", "color_hint": "FF0000"}
    }


def test_an_item_tells_what_nobody_else_records(tmp_path: Path) -> None:
    told = _item(tmp_path, "svm")["properties"]
    assert told["hsiauto:protocol"] == "blocks"
    assert (told["hsiauto:split_hash"], told["hsiauto:data_hash"]) == ("s", "d")
    assert told["hsiauto:canary_oa"] == 0.4
    assert told["hsiauto:oa_by_distance"] == {"1": 0.9, "2-3": None}
    assert told["hsiauto:test_scores"] == {"oa": 0.5}


@pytest.mark.parametrize(("kind", "models", "side"), [("cnn2d", 1, 7), ("ensemble", 3, 17), ("svm_multiscale", 1, 13)])
def test_every_asset_is_a_file_of_the_bundle_seen_from_the_item(
    tmp_path: Path, kind: str, models: int, side: int
) -> None:
    item = _item(tmp_path, kind)
    for asset in item["assets"].values():
        assert (tmp_path / "catalogue" / asset["href"]).is_file()
    assert sum("mlm:model" in asset["roles"] for asset in item["assets"].values()) == models
    (goes_in,) = item["properties"]["mlm:input"]
    assert goes_in["input"]["shape"][1] == side
    assert goes_in["value_scaling"] is None
    assert goes_in["pre_processing_function"]["format"] == "python"


def test_names_that_the_extension_does_not_take_are_titles(tmp_path: Path) -> None:
    item = _item(tmp_path, "svm", class_names=("corn, notill", "草地", "woods"), class_colours=())
    classes = item["properties"]["mlm:output"][0]["classification:classes"]
    assert [one["name"] for one in classes] == ["corn-notill", "class-2", "woods"]
    assert [one["title"] for one in classes] == ["corn, notill", "草地", "woods"]


def test_a_model_without_a_folder_has_no_item(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a bundle's files"):
        write_stac(Bundle(fitted("svm", small_data()), TOLD), tmp_path / "item.json")

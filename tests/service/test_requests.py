"""What a request may say of a run: every setting but those that name a path or a machine."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hsiauto.config import declared, run_config_from
from hsiauto.errors import UserError
from hsiauto.service.models import NewScene, ResumeRequest, RunRequest
from hsiauto.service.requests import checked, command_line, described, schema_of, search_config, settable
from hsiauto.service.scenes import OPTIONS


def test_no_setting_is_a_path() -> None:
    of_run = {name for name, one in declared("search").items() if one.part != "scene"}
    assert of_run - settable().keys() == {"address", "storage", "warm-start", "train-map", "test-map"}
    named = {name for name, one in {**settable(), **OPTIONS}.items() if "if_file" in str(one.info.metadata)}
    assert named == {"space"}, "a name or a file: only names are let pass"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"space": "/etc/passwd"}, "space"),
        ({"storage": "/x"}, "no such setting"),
        ({"data_dir": "/x"}, "no such setting"),
        ({"budgt": 3}, "budget"),
        ({"budget": 0}, "budget"),
        ({"budget": 10**9}, "budget"),
        ({"families": "nothing"}, "nothing"),
        ({"set": {"svm.nothing": 1}}, "nothing"),
        ({"set": {"svm": {"C": {"a": {"b": 1}}}}}, "set"),
        ({"protocol": "blocks", "train_fraction": 2}, "train_fraction"),
        ({"protocol": "fixed"}, "protocol"),
        ({"protocol": "groups"}, "protocol"),
    ],
)
def test_a_bad_request_is_refused_before_it_waits(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as refused:
        search_config({"dataset": "demo"}, asked)
    assert words in str(refused.value)


def test_an_underscore_is_a_dash_and_null_is_nothing() -> None:
    assert checked({"train_fraction": 0.1, "time_limit": None}, "search") == {"train-fraction": 0.1}


def test_the_command_makes_the_same_run(tmp_path: Path) -> None:
    asked = {"budget": 7, "objective": ["kappa", "parameters"], "set": {"svm.C": 2.0}, "ensemble": False}
    config = search_config({"dataset": "demo"}, asked)
    words = "--budget 7 --set svm.C=2.0 --objective kappa --objective parameters --no-ensemble"
    assert command_line(config, "demo", {}) == f"hsiauto search --dataset demo {words}"


def test_every_setting_is_described() -> None:
    found = {one["field"]: one for one in described()}
    assert found.keys() == settable().keys() | OPTIONS.keys()
    assert [found["budget"][name] for name in ("type", "minimum", "maximum")] == ["integer", 1, 1_000_000]
    assert found["sampler"]["choices"][0] == "auto"
    assert "unified" in found["space"]["choices"]
    assert all(one["meaning"] and one["group"] for one in found.values())


def test_the_document_of_the_api_tells_every_setting_and_its_bounds() -> None:
    config = RunRequest.model_json_schema()["properties"]["config"]
    assert (config["properties"].keys(), config["additionalProperties"]) == (settable().keys(), False)
    budget, protocol = (config["properties"][name]["anyOf"][0] for name in ("budget", "protocol"))
    assert (budget["type"], budget["minimum"], budget["maximum"]) == ("integer", 1, 1_000_000)
    assert protocol["enum"] == ["blocks", "random"]
    assert NewScene.model_json_schema()["properties"]["options"]["properties"].keys() == OPTIONS.keys()


@pytest.mark.parametrize(
    ("name", "same"), [("ignore-labels", [[7], "7", 7]), ("drop-bands", [[7], "7", 7]), ("families", [["svm"], "svm"])]
)
def test_a_list_may_be_a_text_or_a_number_and_the_document_says_so(name: str, same: list[Any]) -> None:
    kinds = schema_of({**settable(), **OPTIONS})["properties"][name]["anyOf"]
    told = {kind.get("type", "array") for kind in kinds} - {"null"}
    assert told == {{list: "array", str: "string", int: "integer"}[type(value)] for value in same}
    configs = [run_config_from("search", {"dataset": "demo", name: value}) for value in same]
    assert configs == configs[:1] * len(same)


def test_a_number_without_a_fraction_is_whole() -> None:
    assert ResumeRequest.model_validate({"budget": 7.0}).budget == 7
    with pytest.raises(ValidationError):
        ResumeRequest.model_validate({"budget": 7.5})

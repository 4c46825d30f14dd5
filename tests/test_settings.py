"""Text becomes typed values, on the command line, in run.yaml and in Python, or one clear error."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
from pydantic import Field

from hsiauto.config import RunConfig, run_config_from
from hsiauto.errors import UserError
from hsiauto.scene.source import SceneSource
from hsiauto.settings import (
    AbsolutePath,
    Count,
    Names,
    Pins,
    Rate,
    Seconds,
    Setting,
    Settings,
    WholeNumbers,
    assignments,
    setting_name,
    settings_of,
    typed_path,
)


class Kinds(Settings):
    """One field of each kind."""

    limit_s: Annotated[Seconds | None, Setting("Budget", ("search",), name="limit")] = None
    """How long."""
    most: Count | None = None
    rate: Rate | None = None
    only: Names | None = None
    ignored: WholeNumbers = ()
    pins: Annotated[Pins, Setting("Search", ("search",), name="set")] = Field(default_factory=dict)
    place: AbsolutePath | None = None


def kinds(**fields: Any) -> Kinds:
    return Kinds(**fields)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("30m", 1800), ("1h30m", 5400), ("0.5h", 1800), ("2M", 120), (90, 90), (1.5, 1.5)],
)
def test_duration(text: Any, seconds: float) -> None:
    assert kinds(limit_s=text).limit_s == seconds


@pytest.mark.parametrize("text", ["", "0", "-5m", "soon", "5 minutes", "m"])
def test_duration_refuses(text: str) -> None:
    with pytest.raises(UserError, match=r"`limit`: .*30m"):
        kinds(limit_s=text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("100000", 100_000),
        ("100k", 100_000),
        ("1.5M", 1_500_000),
        ("2G", 2 * 10**9),
        ("1,000", 1000),
        ("1_500k", 1_500_000),
        (np.int64(7), 7),
    ],
)
def test_count(text: Any, number: int) -> None:
    assert kinds(most=text).most == number
    assert kinds(rate=text).rate == number


@pytest.mark.parametrize(
    "text", ["", "0", "-5k", "few", "1e5", "5 kg", "0.4", "1,5M", "1_5", "12,34k", "1.5", ",5", "1.0001k"]
)
def test_count_refuses(text: str) -> None:
    with pytest.raises(UserError, match="100k"):
        kinds(most=text)


def test_objectives() -> None:
    def objectives(given: Any) -> tuple[str, str | None]:
        made = RunConfig(scene=SceneSource(), objective=given)
        return made.objective, made.second_objective

    assert objectives("kappa") == ("kappa", None)
    assert objectives(["aa"]) == ("aa", None)
    assert objectives(["oa", "pixels_per_second"]) == ("oa", "pixels_per_second")
    for wrong in (["macs"], ["macs", "kappa"], ["kappa", "aa"], ["kappa", "macs", "parameters"], ["luck"], []):
        with pytest.raises(UserError, match="second time"):
            objectives(wrong)


def test_members_of_an_ensemble_are_a_list() -> None:
    text = "members=[{family: svm, C: 7.0}, {family: lda}]"
    members = [{"family": "svm", "C": 7.0}, {"family": "lda"}]
    assert assignments([text], "form", "example", with_lists=True) == {"members": members}
    for texts, with_lists in (([text], False), ([text + "\nfamily: svm"], True), (["members={family: svm}"], True)):
        with pytest.raises(UserError, match="a value is a number"):
            assignments(texts, "form", "example", with_lists=with_lists)


def test_pins_are_typed() -> None:
    settings = ["cpdgal.depth=6", "cnn2d.learning_rate=1e-4", "cpdgal.dgfr=false", "svm.features=spectra"]
    typed = {"cpdgal.depth": 6, "cnn2d.learning_rate": 1e-4, "cpdgal.dgfr": False, "svm.features": "spectra"}
    assert kinds(pins=settings).pins == typed
    assert kinds(pins=typed).pins == typed
    assert kinds(pins={"cpdgal": {"depth": 6}}).pins == {"cpdgal.depth": 6}


@pytest.mark.parametrize(
    "given",
    [
        ["cpdgal.depth=6", "cpdgal.depth=7"],
        ["cpdgal.depth=6", " cpdgal.depth = 6"],
        {"cpdgal": {"depth": 6}, "cpdgal.depth": 7},
    ],
)
def test_a_pin_stands_once(given: Any) -> None:
    with pytest.raises(UserError, match=r"`set`: takes one value for 'cpdgal\.depth'; received 6 and [67]"):
        kinds(pins=given)


@pytest.mark.parametrize(
    "text", ["[" * 10**5, "&a [*a, *a]", "{a: 1}", "[1]", "2026-01-01", "a: b", "1\nb: 2", "!!x 1"]
)
def test_a_value_is_a_scalar(text: str) -> None:
    with pytest.raises(UserError, match="a value is a number, true, false or a word") as refused:
        kinds(pins=[f"cpdgal.depth={text}"])
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("text", ["depth=6", "cpdgal.depth", "a.b.c=1", ".depth=1", "cpdgal.=1"])
def test_pins_refuse(text: str) -> None:
    with pytest.raises(UserError, match=r"cpdgal\.depth=6"):
        kinds(pins=[text])


def test_names_and_numbers() -> None:
    assert kinds(only="svm, forest").only == kinds(only=["svm", "forest"]).only == ("svm", "forest")
    assert kinds(only=None).only is None
    assert kinds(ignored="0,255").ignored == kinds(ignored=[0, 255]).ignored == (0, 255)
    assert kinds(ignored=0).ignored == (0,)
    with pytest.raises(UserError, match="at least one"):
        kinds(only=",")
    with pytest.raises(UserError, match="whole numbers"):
        kinds(ignored="0,x")


def test_paths_are_stored_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cube.npy").touch()
    assert kinds(place="a").place == tmp_path / "a"
    assert SceneSource(dataset="cube.npy").dataset == str(tmp_path / "cube.npy")
    assert SceneSource(dataset="simulated:labels.npy").dataset == f"simulated:{tmp_path / 'labels.npy'}"
    assert SceneSource(dataset="salinas").dataset == "salinas"
    assert SceneSource(dataset="salinass").dataset == "salinass", "a misspelt name keeps its own error"


def test_the_home_folder_in_every_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "space.yaml").touch()
    assert kinds(place="~/a").place == tmp_path / "a"
    assert typed_path("~/a") == tmp_path / "a"
    assert typed_path("a/~") == Path("a/~")
    assert RunConfig(scene=SceneSource(), space="~/space.yaml").space == str(tmp_path / "space.yaml")
    assert RunConfig(scene=SceneSource(), storage="~/x").storage == str(tmp_path / "x")
    assert SceneSource(dataset="simulated:~/x.npy").dataset == f"simulated:{tmp_path / 'x.npy'}"


@pytest.mark.parametrize("path", ["", "a" * 256, "b/" + "é" * 128 + "/c", "a/" * 3000, "a\0b"])
def test_a_name_that_no_file_can_have(path: str) -> None:
    with pytest.raises(
        UserError, match="`place`: a path has 1 to 4,000 characters, and at most 255 bytes in each name"
    ):
        kinds(place=path)
    assert kinds(place="é" * 127).place is not None


def test_a_field_says_all_of_itself() -> None:
    assert set(settings_of(Kinds)) == {"limit_s", "pins"}
    assert setting_name(Kinds, "limit_s") == "limit"
    assert Kinds.model_fields["limit_s"].description == "How long."


def test_an_unknown_field_is_named_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"`buget` is no field of RunConfig.*Did you mean budget"):
        RunConfig(scene=SceneSource(), buget=3)  # type: ignore[call-arg]
    with pytest.raises(UserError, match="greater than or equal to 1; received 0"):
        RunConfig(scene=SceneSource(), budget=0)


@pytest.mark.parametrize("setting", ["budget", "seed", "time-limit", "simulator-seed", "split-seed", "labels"])
def test_yes_is_no_number(setting: str) -> None:
    """It counted as 1: `budget: yes` searched one trial."""
    with pytest.raises(UserError, match=rf"`{setting.replace('-', '_')}` is no matter of yes and no; received True"):
        run_config_from("search", {setting: True})


@pytest.mark.parametrize("setting", ["ignore-labels", "drop-bands", "objective"])
def test_yes_is_nothing_in_a_list(setting: str) -> None:
    with pytest.raises(UserError, match="is no matter of yes and no; received False"):
        run_config_from("search", {setting: [False]})


def test_a_switch_is_yes_or_no() -> None:
    assert run_config_from("search", {"ensemble": False}).ensemble is False
    for number in (0, 1, 1.0):
        with pytest.raises(UserError, match=f"`ensemble` is yes or no; received {number}"):
            run_config_from("search", {"ensemble": number})

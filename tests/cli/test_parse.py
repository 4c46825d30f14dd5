"""Text of the command line becomes typed values, or one clear error."""

from pathlib import Path

import pytest

from hsiauto.cli import parse
from hsiauto.errors import UserError


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("30m", 1800), ("1h30m", 5400), ("0.5h", 1800), ("2M", 120)]
)
def test_duration(text: str, seconds: float) -> None:
    assert parse.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-5m", "soon", "5 minutes", "m"])
def test_duration_refuses(text: str) -> None:
    with pytest.raises(UserError, match="30m"):
        parse.duration(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("100000", 100_000), ("100k", 100_000), ("1.5M", 1_500_000), ("2G", 2 * 10**9), ("1,000", 1000)],
)
def test_count(text: str, number: int) -> None:
    assert parse.count(text) == number


@pytest.mark.parametrize("text", ["", "0", "-5k", "few", "1e5", "5 kg", "0.4"])
def test_count_refuses(text: str) -> None:
    with pytest.raises(UserError, match="100k"):
        parse.count(text)


def test_objectives() -> None:
    assert parse.objectives(None) == ("kappa", None)
    assert parse.objectives(["aa"]) == ("aa", None)
    assert parse.objectives(["oa", "pixels_per_second"]) == ("oa", "pixels_per_second")
    for wrong in (["macs"], ["macs", "kappa"], ["kappa", "aa"], ["kappa", "macs", "parameters"], ["luck"]):
        with pytest.raises(UserError, match="second time"):
            parse.objectives(wrong)


def test_pins_are_typed() -> None:
    settings = ["cpdgal.depth=6", "cnn2d.learning_rate=1e-4", "cpdgal.dgfr=false", "svm.features=spectra"]
    assert parse.pins(settings) == {
        "cpdgal.depth": 6,
        "cnn2d.learning_rate": 1e-4,
        "cpdgal.dgfr": False,
        "svm.features": "spectra",
    }


@pytest.mark.parametrize("text", ["depth=6", "cpdgal.depth", "a.b.c=1", ".depth=1", "cpdgal.=1"])
def test_pins_refuse(text: str) -> None:
    with pytest.raises(UserError, match=r"cpdgal\.depth=6"):
        parse.pins([text])


def test_names_and_numbers() -> None:
    assert parse.names("svm, forest") == ("svm", "forest")
    assert parse.names(None) is None
    assert parse.numbers("0,255") == (0, 255)
    assert parse.numbers(None) == ()
    with pytest.raises(UserError):
        parse.names(",")
    with pytest.raises(UserError):
        parse.numbers("0,x")


def test_family_config_from_preset_file_and_settings(tmp_path: Path) -> None:
    assert parse.family_config("svm", "paper", None, [])[0].active()["family"] == "svm"
    path = tmp_path / "config.yaml"
    path.write_text("patch: 7\ndepth: 2\n")
    config, explicit = parse.family_config("cnn2d", None, path, ["depth=3"])
    assert (config.active()["patch"], config.active()["depth"]) == (7, 3)
    assert explicit == {"patch", "depth"}


def test_paths_are_stored_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cube.npy").touch()
    assert parse.dataset("cube.npy") == str(tmp_path / "cube.npy")
    assert parse.dataset("simulated:labels.npy") == f"simulated:{tmp_path / 'labels.npy'}"
    assert parse.dataset("salinas") == "salinas"
    assert parse.dataset("salinass") == "salinass", "a misspelt name keeps its own error"


@pytest.mark.parametrize(
    ("family", "preset", "text", "settings", "words"),
    [
        ("resnet", None, None, [], "unknown family"),
        ("svm", "best", None, [], "unknown preset"),
        ("svm", "paper", "C: 1", [], "exclude each other"),
        ("svm", None, "- 1", [], "mapping"),
        ("svm", None, "a: [", [], "YAML or JSON"),
        ("cnn2d", None, "family: svm", [], "must hold axes of cnn2d"),
        ("svm", None, None, ["C"], "axis=value"),
        ("svm", None, None, ["colour=red"], "colour"),
    ],
)
def test_family_config_refuses(
    tmp_path: Path, family: str, preset: str | None, text: str | None, settings: list[str], words: str
) -> None:
    path = tmp_path / "config.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=words):
        parse.family_config(family, preset, path if text is not None else None, settings)

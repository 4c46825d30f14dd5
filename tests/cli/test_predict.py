"""`hsiauto predict` as a user meets it."""

from pathlib import Path

import numpy as np
import pytest

from hsiauto.settings import names
from tests.cli.conftest import Run
from tests.runs.test_class_map import bundled, write_scene


@pytest.fixture
def trained(run: Run, tmp_path: Path) -> Path:
    """The folder in which the command line is called, with cube.npy, labels.npy and bundle."""
    bundled(*write_scene(tmp_path), tmp_path / "bundle")
    return tmp_path


def test_it_prints_values_notes_and_warnings(run: Run, trained: Path) -> None:
    np.save(trained / "reflectance.npy", np.load(trained / "cube.npy") / 10_000)
    layers = ("--layers", "class,confidence", "--vectorize", "--min-pixels", "3")
    code, out, _ = run("predict", "bundle", "reflectance.npy", "--out", "new/map.tif", *layers)
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "new/map.tif: 24 x 20 pixels"
    assert [line.split()[:3] for line in lines[1:4]] == [[value, "class", value] for value in ("2", "6", "9")]
    assert any(line.startswith("note: neither model nor scene has wavelengths") for line in lines)
    assert any(line.startswith("warning: ") and "Multiplied by 10000" in line for line in lines)
    assert any(line.startswith("note: ") and line.endswith("polygons in map.gpkg") for line in lines)
    made = {path.name for path in (trained / "new").iterdir()}
    assert made == {"map.tif", "map.tif.aux.xml", "map-confidence.tif", "map.gpkg"}


def test_what_it_refuses_is_one_line_in_the_names_of_options(run: Run, trained: Path) -> None:
    (trained / "map.tif").write_bytes(b"mine")
    for arguments, words in (
        (["map.tif"], "set --overwrite"),
        (["cube.npy", "--overwrite"], "onto the scene"),
        (["bundle/map.tif"], "into a bundle"),
        (
            ["new.tif", "--layers", "height"],
            "--layers are class, confidence, probabilities, dissimilarity; received 'height'",
        ),
        (["new.tif", "--layers", ","], "at least one name"),
        (["new.tif", "--min-pixels", "2"], "--min-pixels is 1 or more, and belongs to --vectorize"),
        (["new.tif", "--match-bands", "nearest"], "--match-bands nearest"),
        (["new.tif", "--match-bands", "most"], "match-bands"),
    ):
        code, _, error = run("predict", "bundle", "cube.npy", "--out", *arguments)
        assert (code, error.count("\n")) == (2, 1), error
        assert words in error
    assert (trained / "map.tif").read_bytes() == b"mine"
    assert not (trained / "new.tif").exists()
    assert names("class") == ("class",)

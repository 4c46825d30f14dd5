"""The run.yaml of a run folder, given back to --config, makes the same run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from hsiauto.cli.app import call
from hsiauto.runs import folder as folders
from hsiauto.scene import Scene
from hsiauto.search.journal import read

pytestmark = pytest.mark.usefixtures("ray_session")

MEASURED: tuple[str, ...] = ("at", "pid", "started_at", "finished_at", "fit_seconds", "start_seconds")
MEASURED += ("peak_memory_bytes", "predict_pixels_per_second")
SMALL = {"tokens": 8, "width": 8, "depth": 1, "heads": 2}


@pytest.fixture
def scene(tiny_scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options of the tiny scene and a split, relative to a folder."""
    monkeypatch.chdir(tmp_path)
    np.save("cube.npy", tiny_scene.cube)
    np.save("labels.npy", tiny_scene.labels)
    return ["--dataset", "cube.npy", "--labels", "labels.npy", "--protocol", "random", "--train-fraction", "0.2"]


def timeless(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: timeless(inner) for name, inner in value.items() if name not in MEASURED}
    return value


def journals(run: str) -> list[Any]:
    files = (Path(run) / folders.JOURNAL, Path(run) / folders.REFITS)
    events = [timeless(event.model_dump()) for file in files for event in read(file)]
    return sorted(events, key=repr)  # re-evaluations come in the order of their costs


def again(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the run in `first` anew, from another folder."""
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert call([command, "--config", "../first/run.yaml", "--out", "../again"]) == 0
    monkeypatch.chdir("..")
    first, second = (yaml.safe_load((Path(run) / folders.CONFIG).read_text()) for run in ("first", "again"))
    assert first == second
    assert first["command"] == command
    assert repr(journals("first")) == repr(journals("again")), "as text: a loss that is no number equals none"


def test_of_a_search(scene: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pins = [f"--set=spectral_memory.{name}={value}" for name, value in SMALL.items()]
    few = "--families svm,spectral_memory --set svm.features=spectra --budget 3 --max-epochs 2 --grace-epochs 1"
    less = "--concurrency 1 --top-k 1 --winner-seeds 1 --other-seeds 1 --further-splits 0 --further-folds 1"
    assert call(["search", *scene, *few.split(), *less.split(), *pins, "--space", "tiny", "--out", "first"]) == 0
    again("search", monkeypatch)


def test_of_a_train(scene: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(["train", "svm", *scene, "--set", "features=spectra", "--seeds", "2", "--out", "first"]) == 0
    again("train", monkeypatch)
    written = yaml.safe_load((Path("first") / folders.CONFIG).read_text())
    assert (written["family"], written["seeds"], written["set"]["features"]) == ("svm", 2, "spectra")


def test_of_a_train_of_an_ensemble(scene: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    members = "[{family: svm, C: 10}, {family: forest, features: spectra, n_trees: 20}, {family: cnn1d, components: 8}]"
    options = ["--set", f"members={members}", "--set", "smoothing=guided", "--max-epochs", "2", "--out", "first"]
    assert call(["train", "ensemble", *scene, *options]) == 0
    again("train", monkeypatch)
    _, _, *refits = journals("first")
    assert [e["config"]["smoothing"] for e in refits if e.get("family") == "ensemble"] == ["guided"]
    assert call(["predict", "first/bundle", "cube.npy", "--out", "map.npy"]) == 0
    assert set(np.unique(np.load("map.npy"))) <= {1, 2, 3, 4}


STUDY = """
question: How wide a kernel?
source: nobody
claim: it matters
family: svm
axes: {C: [1.0, 10.0]}
reference: {C: 10.0}
measures: [test_oa]
"""


def test_of_a_study(scene: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mine.yaml").write_text(STUDY)
    options = [
        "--seeds",
        "1",
        "--set",
        "svm.features=spectra",
        "--cells",
        "C=1.0",
        "--concurrency",
        "1",
        "--out",
        "first",
    ]
    assert call(["study", "mine.yaml", *scene, *options]) == 0
    again("study", monkeypatch)

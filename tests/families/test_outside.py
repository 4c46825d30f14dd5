"""A family from outside the package: registered by its entry point, searched, exported, loaded, predicted, tested."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from hsiauto.errors import UserError
from hsiauto.families import BUILT_IN
from hsiauto.families.registry import Registry

SOURCE = Path(__file__).parent / "outside"
SHORT = "--budget 4 --max-epochs 2 --concurrency 2 --top-k 1 --winner-seeds 1 --other-seeds 1 --further-splits 0"

HSIAUTO = (Path(sys.executable).with_name("hsiauto"),)
PYTEST = (sys.executable, "-m", "pytest")

Run = Callable[..., str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the package, without a network."""
    source, target = (tmp_path_factory.mktemp(name) for name in ("source", "site"))
    shutil.copytree(SOURCE, source, dirs_exist_ok=True)
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet")
    subprocess.run([sys.executable, "-m", "pip", "install", *offline, "--target", target, source], check=True)
    return target


@pytest.fixture
def run(site: Path, tmp_path: Path) -> Run:
    """Run a command where the package is installed -> what it printed."""

    def call(*arguments: str | Path) -> str:
        environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "200"}
        done = subprocess.run(list(map(str, arguments)), cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return call


def test_it_is_searched_on_two_workers_exported_loaded_and_predicted(run: Run, tmp_path: Path) -> None:
    run(*HSIAUTO, "search", "--dataset", "demo", "--families", "perceptron", *SHORT.split(), "--out", "run")
    rows = pq.read_table(tmp_path / "run" / "leaderboard.parquet").to_pylist()
    trials = [row for row in rows if row["kind"] == "trial"]
    assert [row["family"] for row in trials] == ["perceptron"] * 4
    assert [row["state"] for row in trials] == ["completed"] * 4
    assert len({row["param.perceptron.hidden"] for row in trials}) > 1, "its search space is searched"
    assert '"hsiauto-perceptron": "1.2.3"' in (tmp_path / "run" / "bundle" / "provenance.json").read_text()
    run(*HSIAUTO, "predict", tmp_path / "run" / "bundle", "demo", "--out", "map.npy")
    assert np.load(tmp_path / "map.npy").shape[-2:] == (96, 96)


def test_it_is_listed_and_joins_the_default_space(run: Run) -> None:
    assert "perceptron" in run(*HSIAUTO, "families")
    assert "8 to 128, log" in run(*HSIAUTO, "families", "perceptron")


def test_its_conformance_tests_run_from_one_line(run: Run) -> None:
    told = run(*PYTEST, SOURCE / "check_perceptron.py", "-p", "no:cacheprovider", "--rootdir", SOURCE)
    assert "passed" in told
    assert "failed" not in told


@pytest.mark.parametrize(
    ("name", "module", "said"),
    [
        ("broken", "", "must be importable as broken_module:Config.*ModuleNotFoundError"),
        ("broken", "import nothing_there", "ModuleNotFoundError: No module named 'nothing_there'"),
        ("broken", "Config = 3", "must be a subclass of FamilyConfig; received 3"),
        ("broken", "from hsiauto.families.base import PixelConfig as Config", "name as the default of `family`"),
        ("broken", "from hsiauto.families.references import MajorityConfig as Config", "of kind torch or classical"),
        ("svm", "from hsiauto.families.svm import SvmConfig as Config", "must have a name that no other family has"),
        (
            "broken",
            "from hsiauto.families.cnn1d import Cnn1dConfig\n"
            "class Config(Cnn1dConfig):\n"
            "    family: str = 'broken'\n"
            "    presets = {'paper': {'width': -1}}",
            "must have a valid preset `paper`; received ValidationError",
        ),
    ],
)
def test_a_package_that_cannot_be_used_is_named(
    name: str, module: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = tmp_path / "broken_package-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken_package\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[hsiauto.families]\n{name} = broken_module:Config\n")
    if module:
        (tmp_path / "broken_module.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken_module", raising=False)
    registry = Registry(BUILT_IN)
    with pytest.raises(UserError, match=f"(?s)family {name} of the package broken_package.*{said}.*uninstall it"):
        dict(registry)
    monkeypatch.delitem(sys.modules, "broken_module", raising=False)

"""`hsiauto bundle` shows a model and refuses a changed one."""

from pathlib import Path

import pytest

from hsiauto.models.bundle import save_bundle
from tests.cli.conftest import Run
from tests.models.test_bundle import PROVENANCE
from tests.small_scene import fitted, small_data


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    save_bundle(fitted("svm", small_data()), tmp_path / "model", PROVENANCE)
    return tmp_path / "model"


def test_show_and_verify(run: Run, bundle: Path) -> None:
    code, out, _ = run("bundle", "show", str(bundle))
    assert (code, "| 6 | woods |" in out) == (0, True)
    code, out, _ = run("bundle", "show", str(bundle), "--json")
    assert (code, '"label_values": [1, 2, 6]' in out) == (0, True)
    code, out, _ = run("bundle", "verify", str(bundle))
    assert (code, "as it was exported" in out) == (0, True)


@pytest.mark.parametrize("name", ["README.md", "provenance.json", "config.json"])
def test_a_changed_file_is_refused(run: Run, bundle: Path, name: str) -> None:
    path = bundle / name
    path.write_text(path.read_text().replace("a", "b", 1))
    code, out, err = run("bundle", "verify", str(bundle))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert name in err

"""The names of run folders."""

import re
from pathlib import Path

import pytest

from hsiauto.errors import UserError
from hsiauto.files import LOCK, run_lock
from hsiauto.runs.folder import claimed, new_folder


def test_a_run_folder_is_named_after_the_dataset_and_no_two_share_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert new_folder("mine", "salinas") == new_folder(Path("mine"), "salinas") == Path("mine")
    found = [new_folder(None, name, "svm-") for name in ("salinas", "/data/salinas.mat", "simulated:/data/salinas.mat")]
    assert len(set(found)) == 3
    for folder in found:
        assert folder.parent == Path("runs")
        assert re.fullmatch(r"svm-salinas-\d{8}-\d{6}-[0-9a-f]{6}", folder.name)
    assert not any(tmp_path.iterdir())


def test_a_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    for folder in (tmp_path, str(tmp_path), tmp_path / "thesis.tex"):
        with pytest.raises(UserError, match="new or empty"):
            new_folder(folder, "salinas")


def test_of_two_runs_that_start_in_one_folder_the_second_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with claimed(folder):
        (folder / "run.yaml").write_text("of the first")
        with pytest.raises(UserError, match="one driver"), claimed(folder):
            pytest.fail("two drivers")
    with pytest.raises(UserError, match="new or empty"), claimed(folder):
        pytest.fail("a run over another one")
    assert {path.name: path.read_text() for path in folder.iterdir() if path.name != LOCK} == {
        "run.yaml": "of the first"
    }


def test_a_folder_that_was_claimed_and_left_is_new(tmp_path: Path) -> None:
    with run_lock(tmp_path):
        pass
    assert new_folder(tmp_path, "salinas") == tmp_path

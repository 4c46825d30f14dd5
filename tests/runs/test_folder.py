"""The names of run folders."""

import re
from pathlib import Path

import pytest

from hsiauto.errors import UserError
from hsiauto.runs.folder import new_folder


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

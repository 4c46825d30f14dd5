"""`hsiauto export` writes a file and says what it is fed; what cannot be written is one line."""

import sys
from pathlib import Path

import pytest

from hsiauto.models.bundle import save_bundle
from tests.cli.conftest import Run
from tests.models.test_bundle import PROVENANCE
from tests.small_scene import fitted, small_data


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    save_bundle(fitted("lda", small_data()), tmp_path / "bundle", PROVENANCE)
    return str(tmp_path / "bundle")


def test_a_model_for_torch(run: Run, bundle: str, tmp_path: Path) -> None:
    out = tmp_path / "model.pt2"
    code, told, _ = run("export", bundle, "--format", "torch", "--out", str(out))
    assert (code, out.exists()) == (0, True)
    assert "input spectra (N, 10) float32" in told
    assert "output probabilities (N, 3): soil, grass, woods" in told
    code, told, err = run("export", bundle, "--format", "torch", "--out", str(out))
    assert (code, told, err.count("\n")) == (2, "", 1)
    assert "which exists" in err


def test_onnx_names_its_extra(run: Run, bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    code, _, err = run("export", bundle, "--out", str(tmp_path / "model.onnx"))
    assert (code, err.count("\n")) == (2, 1)
    assert "hsiauto[export]" in err


@pytest.mark.parametrize(
    ("format", "name", "told"), [("skops", "model.skops", "lda, 10 bands"), ("stac", "a.json", "assets")]
)
def test_a_file_for_enmap_box_and_an_entry_of_a_catalogue(
    format: str, name: str, told: str, run: Run, bundle: str, tmp_path: Path
) -> None:
    code, said, _ = run("export", bundle, "--format", format, "--out", str(tmp_path / name))
    assert (code, (tmp_path / name).is_file()) == (0, True)
    assert told in said

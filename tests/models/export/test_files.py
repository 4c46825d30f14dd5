"""Files of every format: they answer as the bundle does, for batches of any size, and say what they are fed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hsiauto.errors import UserError
from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.families.lda import LdaConfig
from hsiauto.models.export import FORMATS, export, torch_file
from hsiauto.models.export.check import unsmoothed
from hsiauto.models.export.graph import Graph
from hsiauto.models.export.windows import Window
from hsiauto.models.fitted import ClassicalFitted, EnsembleFitted
from hsiauto.models.fitted.base import Fitted
from tests.models.export.models import DATA, TORCH, bundle_of, network
from tests.small_scene import fitted

SOME = np.array([0, 16, 3 * 17 + 4, 4 * 17 + 6, 28 * 17])
"""Corners, a pixel beside others without data, one without."""


KINDS = ("svm_multiscale", "forest_multiscale", "boosting", "lda")


def classical() -> EnsembleFitted:
    """The kinds of classical families in one graph: each alone would take its seconds."""
    members = {model.config: model for kind in KINDS if (model := fitted(kind, DATA))}
    config = EnsembleConfig(members=tuple(members))
    return EnsembleFitted(config, tuple(members[part] for part in config.parts))


@pytest.mark.parametrize("family", [*TORCH, "classical"])
def test_onnx_answers_as_the_bundle_does(family: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    model: Fitted = classical() if family == "classical" else network(family)
    told = export(bundle_of(model), "onnx", tmp_path / "model.onnx")
    assert "opset 18" in told[0]
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    [given] = session.get_inputs()
    [window] = Graph(model).inputs
    assert (given.name, *given.shape) == (window.name, "N", *window.shape(1, model.n_bands)[1:])
    expected = unsmoothed(model, DATA.cube, DATA.valid, SOME)
    for n in (1, len(SOME)):
        [found] = session.run(None, {given.name: window.gather(DATA.cube, DATA.valid, SOME[:n])})
        np.testing.assert_allclose(found, expected[:n], atol=1e-4)


def test_the_file_says_what_it_is_fed(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "model.onnx"
    plain = fitted("lda", DATA)
    assert isinstance(plain, ClassicalFitted)
    smoothed = replace(plain, config=LdaConfig(smoothing="majority"))
    export(bundle_of(smoothed), "onnx", path)
    model = onnx.load(path)
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(about["class_names"]) == ["soil", "grass", "woods"]
    assert json.loads(about["wavelengths_nm"])[1] == 410.5
    assert "(N, 10) float32" in json.loads(about["inputs"])["spectra"]
    assert "majority" in about["smoothing"]
    assert about["opset"] == str(next(o.version for o in model.opset_import if not o.domain))
    assert str(Path.cwd()).encode() not in path.read_bytes()


def test_a_program_of_torch_needs_nothing_of_ours(tmp_path: Path) -> None:
    model = fitted("ensemble", DATA)
    export(bundle_of(model), "torch", tmp_path / "model.pt2")
    extra = {"class_names": "", "inputs": ""}
    program = torch.export.load(tmp_path / "model.pt2", extra_files=extra)
    assert list(json.loads(extra["inputs"])) == ["windows_nan", "windows_reflect"]
    windows = (Window(13, "nan"), Window(7, "reflect"))
    found = program.module()(*(torch.from_numpy(w.gather(DATA.cube, DATA.valid, SOME)) for w in windows))
    np.testing.assert_allclose(found.numpy(), unsmoothed(model, DATA.cube, DATA.valid, SOME), atol=1e-5)
    assert str(Path.cwd()).encode() not in (tmp_path / "model.pt2").read_bytes()


def test_a_file_that_answers_otherwise_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_file.torch.Tensor, "softmax", lambda x, dim: torch.softmax(2 * x, dim))
    with pytest.raises(UserError, match="must answer as the bundle does"):
        export(bundle_of(fitted("lda", DATA)), "torch", tmp_path / "model.pt2")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    bundle = bundle_of(fitted("lda", DATA))
    with pytest.raises(UserError, match="Did you mean onnx"):
        export(bundle, "onx", tmp_path / "model.onx")
    for format, (_, suffix) in FORMATS.items():
        with pytest.raises(UserError, match=f"ends in {suffix}"):
            export(bundle, format, tmp_path / "model.other")
        (tmp_path / f"model{suffix}").touch()
        with pytest.raises(UserError, match="which exists"):
            export(bundle, format, tmp_path / f"model{suffix}")

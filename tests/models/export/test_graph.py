"""The graph answers as the model does, at edges and beside pixels without data too: before any file format."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch

from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.models.export.check import unsmoothed
from hsiauto.models.export.graph import Graph
from hsiauto.models.fitted import EnsembleFitted
from hsiauto.models.fitted.base import Fitted
from tests.models.export.models import DATA, TORCH, network
from tests.small_scene import CLASSICAL, fitted

ALL = np.arange(DATA.valid.size)


def answer(model: Fitted) -> npt.NDArray[np.float32]:
    graph = Graph(model).eval()
    with torch.no_grad():
        inputs = [torch.from_numpy(window.gather(DATA.cube, DATA.valid, ALL)) for window in graph.inputs]
        return np.asarray(graph(*inputs))


@pytest.mark.parametrize("kind", CLASSICAL)
def test_a_classical_family(kind: str) -> None:
    model = fitted(kind, DATA)
    np.testing.assert_allclose(answer(model), model.probabilities(DATA.cube, DATA.valid, ALL), atol=1e-5)


@pytest.mark.parametrize("family", TORCH)
def test_a_torch_family(family: str) -> None:
    model = network(family)
    expected = model.probabilities(DATA.cube, DATA.valid, ALL)
    assert expected.std(axis=0).max() > 0.01  # the input decides
    np.testing.assert_allclose(answer(model), expected, atol=1e-5)


@pytest.mark.parametrize("fields", [{"border": "zeros"}, {"patch": 6}])
def test_other_patches(fields: dict[str, object]) -> None:
    model = network("cnn3d", **fields)
    np.testing.assert_allclose(answer(model), model.probabilities(DATA.cube, DATA.valid, ALL), atol=1e-5)


def test_an_ensemble_has_an_input_for_each_way_of_padding() -> None:
    model = fitted("ensemble", DATA)  # guided: the filter stays outside
    assert [(window.name, window.side) for window in Graph(model).inputs] == [
        ("windows_nan", 13),
        ("windows_reflect", 7),
    ]
    np.testing.assert_allclose(answer(model), unsmoothed(model, DATA.cube, DATA.valid, ALL), atol=1e-5)
    assert not np.allclose(answer(model), model.probabilities(DATA.cube, DATA.valid, ALL), atol=1e-2)


def test_members_without_windows_share_the_spectra() -> None:
    members = (fitted("lda", DATA), fitted("svm", DATA))
    model = EnsembleFitted(EnsembleConfig(members=tuple(member.config for member in members)), members)
    assert [window.name for window in Graph(model).inputs] == ["spectra"]
    np.testing.assert_allclose(answer(model), model.probabilities(DATA.cube, DATA.valid, ALL), atol=1e-5)


@pytest.mark.parametrize("kind", ["svm", "lda", "boosting"])
def test_two_classes_and_one_without_a_training_pixel(kind: str) -> None:
    kept = DATA.train_labels != 1
    data = replace(DATA, train_pixels=DATA.train_pixels[kept], train_labels=DATA.train_labels[kept])
    model = fitted(kind, data)
    assert (answer(model)[:, 1] == 0).all()
    np.testing.assert_allclose(answer(model), model.probabilities(DATA.cube, DATA.valid, ALL), atol=1e-5)

"""The numba kernel, where numba is installed: the same scan as torch's, and never by itself."""

import importlib.util

import pytest
import torch

from hsiauto.families.layers import StateSpace
from hsiauto.families.layers import selective_scan as selective
from hsiauto.families.layers.selective_scan import selective_scan
from tests.families.layers.recurrence import recurrence, starts, with_gradients
from tests.families.layers.test_scans import inputs

installed = importlib.util.find_spec("numba") is not None


@pytest.mark.skipif(not installed, reason="the extra hsiauto[numba] is not installed")
@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("tile", [64, 2**18])
def test_it_is_the_recurrence(resets: bool, tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selective, "CPU_TILE", tile)
    tensors, cut = inputs(3, 29, channels=(21,)), starts(3, 29) if resets else None
    ours = with_gradients(selective_scan(*tensors, cut, kernel="numba"), tensors)
    for got, expected in zip(ours, with_gradients(recurrence(*tensors, cut), tensors), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.skipif(installed, reason="numba is installed")
def test_asking_for_it_without_it_fails() -> None:
    with pytest.raises(ModuleNotFoundError, match="numba"):
        selective_scan(*inputs(1, 3), kernel="numba")


def test_nothing_selects_it_by_itself() -> None:
    assert StateSpace(8).kernel == "torch"

"""cnn1d: the sizes of its layers, and the weights' first range."""

import pytest
import torch

from hsiauto.families.cnn1d import Cnn1d, Cnn1dConfig
from hsiauto.families.costs import parameters


@pytest.mark.parametrize(("n_bands", "n_classes", "pooled"), [(220, 8, 39), (103, 9, 31)])
def test_whole_pooling_windows(n_bands: int, n_classes: int, pooled: int) -> None:
    kernel = n_bands // 9
    convolution, dense, out = 20 * (kernel + 1), (20 * pooled + 1) * 100, 101 * n_classes
    assert parameters(Cnn1dConfig(), n_bands, n_classes) == convolution + dense + out


@pytest.mark.parametrize("n_bands", [1, 2, 9, 103])
@pytest.mark.parametrize("kernels_per_spectrum", [2, 9, 64])
def test_four_layers_leave_something_of_any_spectrum(n_bands: int, kernels_per_spectrum: int) -> None:
    config = Cnn1dConfig(depth=4, width=2, kernels_per_spectrum=kernels_per_spectrum)
    assert config.build(n_bands, 3)(torch.randn(2, n_bands)).shape == (2, 3)


def test_weights_start_in_the_articles_range() -> None:
    module = Cnn1dConfig().build(103, 9)
    assert isinstance(module, Cnn1d)
    largest = {name: value.abs().max().item() for name, value in module.named_parameters()}
    assert all(0.045 < value <= 0.05 for name, value in largest.items() if name.endswith("weight"))
    assert all(value == 0 for name, value in largest.items() if name.endswith("bias"))

"""cnn2d and cnn3d: shapes over their hyperparameters, and parameter counts by hand."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.families.cnn3d import Cnn3dConfig
from hsiauto.families.costs import macs, parameters


@pytest.mark.parametrize("values", [{}, {"depth": 1, "patch": 3}, {"depth": 4, "patch": 12, "width": 5}])
def test_cnn2d_maps_patches_to_logits(values: dict[str, Any]) -> None:
    config = Cnn2dConfig(**values)
    assert config.build(6, 4)(torch.randn(3, 6, config.patch, config.patch)).shape == (3, 4)


@pytest.mark.parametrize(
    "values", [{}, {"depth": 1, "patch": 4}, {"depth": 3, "patch": 7, "spectral_stride": 2, "batch_norm": True}]
)
@pytest.mark.parametrize("n_bands", [1, 5, 103])
def test_cnn3d_takes_any_number_of_bands(values: dict[str, Any], n_bands: int) -> None:
    config = Cnn3dConfig(width=2, **values)
    assert config.build(n_bands, 4)(torch.randn(3, n_bands, config.patch, config.patch)).shape == (3, 4)


def test_costs_of_cnn2d_by_hand() -> None:
    config = Cnn2dConfig(components=30)
    convolutions = 30 * 64 + 3 * 9 * 64 * 64
    assert parameters(config, 200, 16) == convolutions + 4 * 2 * 64 + 64 * 16 + 16
    assert macs(config, 200, 16) == 81 * 30 * 64 + 9 * 64 * 64 * (49 + 25 + 9) + 64 * 16


def test_parameters_of_the_published_3d_network() -> None:
    """2 kernels 7 x 3 x 3, 4 kernels 3 x 3 x 3, 5 x 5 patches; the classifier sees 4 kernels x 200 bands."""
    expected = 2 * 63 + 2 + 4 * 2 * 27 + 4 + 4 * 200 * 16 + 16
    assert parameters(Cnn3dConfig(width=2), 200, 16) == expected


@pytest.mark.parametrize("config", [Cnn2dConfig, Cnn3dConfig])
def test_a_patch_too_small_for_the_depth_is_refused(config: type[Cnn2dConfig] | type[Cnn3dConfig]) -> None:
    with pytest.raises(ValidationError, match="at most 1 convolutions"):
        config(patch=4, depth=2)

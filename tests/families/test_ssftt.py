"""ssftt: the public code's parameter count, and what a token is."""

import pytest
import torch

from hsiauto.families.costs import parameters
from hsiauto.families.ssftt import SsfttConfig, Tokenizer


def test_the_parameters_of_the_public_code_without_dead_biases() -> None:
    biases_before_batch_norm = 8 + 64
    assert parameters(SsfttConfig.preset(), 200, 16) == 153_224 - biases_before_batch_norm


@pytest.mark.parametrize(("n_bands", "patch"), [(1, 1), (2, 4), (5, 6)])
def test_kernels_are_cut_to_what_is_left(n_bands: int, patch: int) -> None:
    module = SsfttConfig(patch=patch, width=8).build(n_bands, 3).eval()
    assert module(torch.randn(2, n_bands, patch, patch)).shape == (2, 3)


def test_a_token_is_a_mean_over_pixels_in_any_order() -> None:
    torch.manual_seed(0)
    tokenizer, x_BND = Tokenizer(width=6, n_tokens=3), torch.randn(2, 10, 6)
    tokens_BLD = tokenizer(x_BND)
    assert tokens_BLD.shape == (2, 3, 6)
    torch.testing.assert_close(tokenizer(x_BND[:, torch.randperm(10)]), tokens_BLD)
    alike = x_BND[:, :1].expand(-1, 10, -1)
    torch.testing.assert_close(tokenizer(alike), tokenizer.value(alike)[:, :3])


@pytest.mark.parametrize(("width", "heads"), [(8, 16), (10, 3)])
def test_heads_need_not_divide_the_width(width: int, heads: int) -> None:
    module = SsfttConfig(patch=5, width=width, heads=heads, depth=2).build(4, 3)
    assert module(torch.randn(2, 4, 5, 5)).shape == (2, 3)

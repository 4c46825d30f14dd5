"""cpdgal and vit against the published counts, and what refinement and masking do in training and in evaluation."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode

from hsiauto.families.cpdgal import (
    ContextMask,
    Cpdgal,
    CpdgalConfig,
    RandomMask,
    Refinement,
    VitConfig,
)
from hsiauto.families.parts.cpdgal_encoder import Block, NarrowAttention, attend

CRITERION = nn.CrossEntropyLoss()


def cpdgal(n_classes: int = 14, **values: Any) -> Cpdgal:
    torch.manual_seed(0)
    module = CpdgalConfig(**values).build(15, n_classes)
    assert isinstance(module, Cpdgal)
    return module


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def batch(patch: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(4, 15, patch, patch, generator=generator), torch.arange(4)


def test_the_paper_preset_has_the_published_parameters() -> None:
    masking_scale = 1
    assert count(cpdgal()) == 87_538 + masking_scale
    assert count(cpdgal().layers) == 6 * 12_704
    assert cpdgal().positions_ND.numel() == 64 * 32


def test_what_is_switched_off_has_no_parameters() -> None:
    dgfr, token, scale = 100 + 1_120 + 5_600, 32, 1
    vit = count(VitConfig().build(15, 14))
    assert vit == 87_538 - dgfr - token
    assert count(cpdgal(dgfr=False, masking="none")) == vit
    assert count(cpdgal(masking="none")) == vit + dgfr
    assert count(cpdgal(masking="static")) == vit + dgfr + token
    assert count(cpdgal(dgfr=False)) == vit + token + scale


def test_the_inference_pass_has_the_published_multiply_adds() -> None:
    """5.17 M without the attention products, the denoiser in it; the mask's look at layer 1 (its q and k) comes on
    top."""
    x, _ = batch()

    def linear_macs(module: Cpdgal) -> int:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            module.eval()(x[:1])
        by_operator = counter.get_flop_counts()["Global"]
        return int(sum(flops for op, flops in by_operator.items() if "bmm" not in str(op))) // 2

    published = 64 * (60 * 32 + 6 * (4 * 32 * 32 + 8 * 32 * 32) + 5 * 32 * 32) + 32 + 32 * 32 + 32 * 14
    assert round(published / 1e6, 2) == 5.17
    assert linear_macs(cpdgal(masking="static")) == published
    assert linear_macs(cpdgal()) == published + 64 * 2 * 32 * 32


@pytest.mark.parametrize(("width", "heads", "inner"), [(8, 16, 16), (8, 32, 32), (10, 3, 9), (32, 8, 32)])
def test_heads_need_not_divide_the_width(width: int, heads: int, inner: int) -> None:
    layer = Block(width, heads, 4 * width)
    assert layer.qkv.out_features == 3 * inner
    assert layer(torch.randn(2, 9, width)).shape == (2, 9, width)


def test_attention_of_narrow_heads_is_attention() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 8, 4, 25, requires_grad=True) for _ in range(3))
    expected = scaled_dot_product_attention(q.mT, k.mT, v.mT).mT
    weight = torch.randn_like(expected)
    wanted = torch.autograd.grad((expected * weight).sum(), (q, k, v))
    actual = attend(q, k, v)
    torch.testing.assert_close(actual, expected)
    for one, other in zip(torch.autograd.grad((actual * weight).sum(), (q, k, v)), wanted, strict=True):
        torch.testing.assert_close(one, other)
    doubles = [torch.randn(1, 2, 3, 5, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    assert torch.autograd.gradcheck(NarrowAttention.apply, doubles)


def test_the_attention_map_is_that_of_the_layer() -> None:
    """With values that name their token, the attention's output is its map."""
    torch.manual_seed(0)
    layer = Block(width=12, heads=3, hidden=24)
    x_BND = torch.randn(2, 7, 12)
    map_BNN = layer.attention_map(x_BND)
    torch.testing.assert_close(map_BNN.sum(dim=2), torch.ones(2, 7))
    q, k, _ = layer._heads(layer.qkv(layer.norm_attention(x_BND)))
    identity = torch.eye(7).expand(2, 3, 7, 7)
    weights_BhNN = scaled_dot_product_attention(q.mT, k.mT, identity)
    torch.testing.assert_close(map_BNN, weights_BhNN.mean(dim=1))


def test_refinement_at_the_last_step_forgets_the_share_of_the_clean_tokens() -> None:
    """T = 1: l_t = 1, so Z_final = D(Z_t); with F = 0 and phi = 0 that is a Z + (1 - a) eps."""
    torch.manual_seed(0)
    refinement = Refinement(width=4, steps=1, keep_start="line")
    for part in (refinement.denoiser[-1], refinement.timestep[-1]):
        assert isinstance(part, nn.Linear)
        nn.init.zeros_(part.weight)
        nn.init.zeros_(part.bias)
    tokens_BND = torch.full((500, 8, 4), 3.0)
    refined = refinement(tokens_BND)
    keep = refinement.keep_logit_T.sigmoid().item()
    assert refined.mean().item() == pytest.approx(3 * keep, abs=0.03)
    assert refined.std().item() == pytest.approx(1 - keep, abs=0.01)


def test_printed_importance_hardly_selects_and_standardised_importance_does() -> None:
    torch.manual_seed(0)
    layer, tokens_BND = Block(32, 8, 64), torch.randn(3, 64, 32)
    printed = ContextMask(2.0, "paper")(tokens_BND, layer)
    standardised = ContextMask(2.0, "standardised")(tokens_BND, layer)
    assert printed.min() > 0.5  # so that every CS is the same
    assert printed.std(dim=1).max() < 0.02
    assert (standardised.min(dim=1).values < 0.3).all()
    assert (standardised.max(dim=1).values > 0.7).all()
    importance = layer.attention_map(tokens_BND).mean(dim=1)
    assert torch.equal(standardised.argmax(dim=1), importance.argmin(dim=1))


def test_static_masking_hides_its_share() -> None:
    torch.manual_seed(0)
    mask_BN = RandomMask(0.2)(torch.randn(100, 64, 8), Block(8, 2, 8))
    assert set(mask_BN.unique().tolist()) == {0.0, 1.0}
    assert mask_BN.mean().item() == pytest.approx(0.2, abs=0.02)


def test_evaluation_refines_at_the_middle_step_without_noise_and_masks() -> None:
    x, _ = batch()
    module = cpdgal().eval()
    assert module.refinement is not None
    assert isinstance(module.mask, ContextMask)
    clean_BND = module.embed(x)
    noised_BND = clean_BND + module.refinement.timestep(torch.tensor([0.5]))  # a_t = 1, eps = 0
    refined_BND = 0.5 * (noised_BND + module.refinement.denoiser(noised_BND)) + 0.5 * clean_BND
    mask_BN1 = module.mask(refined_BND, module.layers[0])[..., None]
    masked_BND = (1 - mask_BN1) * refined_BND + mask_BN1 * module.mask_token_D
    torch.testing.assert_close(module(x), module.classify(module.encode(masked_BND)))
    assert torch.equal(module(x), module(x))
    assert not torch.allclose(module(x), module.classify(module.encode(clean_BND)))


def test_static_masking_hides_nothing_in_evaluation() -> None:
    x, _ = batch()
    module = cpdgal(dgfr=False, masking="static")
    assert not torch.equal(module(x), module(x))
    module.eval()
    assert torch.equal(module(x), module.classify(module.encode(module.embed(x))))


def test_without_refinement_and_masking_it_is_vit() -> None:
    x, _ = batch()
    module, vit = cpdgal(dgfr=False, masking="none").eval(), VitConfig().build(15, 14).eval()
    vit.load_state_dict(module.state_dict())
    assert torch.equal(module(x), vit(x))


@pytest.mark.parametrize(("keep_start", "first", "last"), [("half", 0.5, 0.5), ("line", 0.95, 0.10)])
def test_what_a_step_keeps_before_training(keep_start: Any, first: float, last: float) -> None:
    keep_T = Refinement(4, 100, keep_start).keep_logit_T.sigmoid()
    assert keep_T[0].item() == pytest.approx(first)
    assert keep_T[-1].item() == pytest.approx(last)


def test_cw_mse_moves_the_clean_tokens_too() -> None:
    """With every token hidden, only Z itself leads to the positions: no stop-gradient is printed."""
    x, y = batch()

    def gradient(weight: float) -> torch.Tensor:
        module = cpdgal(dgfr=False, depth=1, cw_mse_weight=weight)
        module.mask = RandomMask(1.0)  # every token hidden: the encoder sees mask tokens alone
        module.training_loss(x, y, CRITERION).backward()
        assert module.positions_ND.grad is not None
        return module.positions_ND.grad

    assert gradient(0.1).abs().max() > 0


def test_cw_mse_adds_to_the_loss_by_its_weight() -> None:
    x, y = batch()
    losses = []
    for values in ({"cw_mse": False}, {"cw_mse_weight": 0.1}, {"cw_mse_weight": 0.2}):
        module = cpdgal(**values)
        torch.manual_seed(2)
        losses.append(module.training_loss(x, y, CRITERION).item())
    without, once, twice = losses
    assert once > without
    assert twice - without == pytest.approx(2 * (once - without), rel=1e-4)


def test_without_refinement_and_masking_training_is_cross_entropy() -> None:
    x, y = batch()
    module = cpdgal(dgfr=False, masking="none")
    assert torch.equal(module.training_loss(x, y, CRITERION), CRITERION(module(x), y))


@pytest.mark.parametrize(("patch", "sub_patch", "tokens"), [(16, 2, 64), (9, 2, 25), (9, 3, 9), (8, 1, 64), (3, 4, 1)])
def test_sub_patches_cover_any_patch(patch: int, sub_patch: int, tokens: int) -> None:
    """And every pixel of the patch reaches the logits."""
    module = VitConfig(patch=patch, sub_patch=sub_patch, depth=1).build(15, 3)
    x, _ = batch(patch)
    x.requires_grad_()
    assert module.positions_ND.shape == (tokens, 32)
    module(x).square().sum().backward()
    assert x.grad is not None
    assert (x.grad.abs().sum(dim=(0, 1)) > 0).all()


@pytest.mark.parametrize(
    "values",
    [
        {"dgfr": False, "diffusion_steps": 10},
        {"masking": "static", "beta": 3.0},
        {"masking": "none", "cw_mse": False},
        {"masking": "none", "cw_mse_weight": 0.5},
        {"mask_probability": 0.4},
    ],
)
def test_an_inactive_hyperparameter_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is inactive"):
        CpdgalConfig(**values)

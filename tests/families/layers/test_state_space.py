"""The layer: published counts and first values, causality, segments, samples apart, precision, the meta device."""

from itertools import pairwise
from typing import Literal

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv1d, linear, pad, silu, softplus

from hsiauto.families.layers import StateSpace
from tests.families.layers.recurrence import recurrence, recurrence_by_heads, starts, with_gradients

FORMS: tuple[Literal["mamba1", "ssd"], ...] = ("mamba1", "ssd")
forms = pytest.mark.parametrize("form", FORMS)
Form = Literal["mamba1", "ssd"]


def layer(form: Form, width: int = 6, **changes: int) -> StateSpace:
    torch.manual_seed(0)
    return StateSpace(width, form=form, **({"state": 4} | changes)).double()


def tokens(B: int = 2, L: int = 19, D: int = 6) -> Tensor:
    return torch.randn(B, L, D, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def on_paper(module: StateSpace, x_BLD: Tensor) -> Tensor:
    """The layer from its published equations, with torch's own convolution; one segment."""
    x, gate = linear(x_BLD, module.in_proj.weight).chunk(2, dim=-1)
    taps = module.conv_weight_EK.shape[-1]
    x = conv1d(pad(x.mT, (taps - 1, 0)), module.conv_weight_EK[:, None], module.conv_bias_E, groups=x.shape[-1]).mT
    x = silu(x)
    step, write, read = linear(x, module.x_proj.weight).split([module.rank, module.state, module.state], dim=-1)
    rate = -module.A_log.exp()
    if module.form == "mamba1":
        y = recurrence(x, softplus(linear(step, module.dt_weight_ER, module.dt_bias)), rate, write, read, None)
    else:
        x_BLHP = x.unflatten(-1, (len(rate), -1))
        y = recurrence_by_heads(x_BLHP, softplus(step + module.dt_bias), rate, write, read, None).flatten(2)
    return linear((y + module.skip_E * x) * silu(gate), module.out_proj.weight)


def segments(starts_L: Tensor) -> list[slice]:
    edges = sorted({0, len(starts_L), *starts_L.nonzero().flatten().tolist()})
    return [slice(*pair) for pair in pairwise(edges)]


@pytest.mark.parametrize(("width", "count"), [(128, 116_480), (32, 9_920)])
def test_parameters_of_the_published_layer(width: int, count: int) -> None:
    assert sum(p.numel() for p in StateSpace(width).parameters()) == count


def test_first_values_of_the_published_layer() -> None:
    module = StateSpace(64)
    torch.testing.assert_close(module.A_log.exp(), torch.arange(1.0, 17).repeat(128, 1))
    steps = softplus(module.dt_bias)
    assert 1e-3 <= steps.min() < 3e-3
    assert 3e-2 < steps.max() <= 1.0001e-1
    assert module.skip_E.eq(1).all()


@forms
@pytest.mark.parametrize("L", [1, 2, 4, 19])
def test_the_layer_is_its_equations(form: Form, L: int) -> None:
    module, x = layer(form), tokens(L=L).requires_grad_()
    inputs = [x, *module.parameters()]
    for got, expected in zip(
        with_gradients(module(x), inputs), with_gradients(on_paper(module, x), inputs), strict=True
    ):
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-12)


@forms
def test_a_segment_gives_what_it_gives_alone(form: Form) -> None:
    """State and convolution stop at a start: outputs and gradients, of the input and of every parameter."""
    module, x, cut = layer(form), tokens().requires_grad_(), starts(2, 19)
    inputs = [x, *module.parameters()]
    alone = [torch.cat([module(x[b : b + 1, part]) for part in segments(cut[b])], dim=1) for b in range(2)]
    for got, expected in zip(
        with_gradients(module(x, cut), inputs), with_gradients(torch.cat(alone), inputs), strict=True
    ):
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-12)


@forms
def test_no_token_sees_a_later_one_or_another_sample(form: Form) -> None:
    module, x = layer(form), tokens()
    changed = x.clone()
    changed[0, 10:] += 1
    before, after = module(x), module(changed)
    torch.testing.assert_close(after[0, :10], before[0, :10], rtol=0, atol=0)
    torch.testing.assert_close(after[1], before[1], rtol=0, atol=0)
    assert not torch.isclose(after[0, 10:], before[0, 10:]).all(dim=-1).any()
    assert (module(changed, torch.ones(2, 19, dtype=torch.bool))[0, 11:] != before[0, 11:]).any()


@forms
def test_a_state_reaches_across_every_chunk(form: Form) -> None:
    module, x = layer(form), tokens(B=1, L=700).requires_grad_()
    (grad,) = torch.autograd.grad(module(x)[0, -1].sum(), x)
    assert (grad[0].abs().sum(-1) > 0).all()


@forms
@pytest.mark.parametrize("width", [1, 5, 17, 24])
def test_any_width(form: Form, width: int) -> None:
    module = StateSpace(width, form=form, state=3, expand=3, conv=2)
    x = torch.randn(2, 5, width)
    y = module(x)
    assert y.shape == x.shape
    y.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


@forms
def test_under_autocast_the_scan_stays_in_float32(form: Form) -> None:
    torch.manual_seed(0)
    module, x = StateSpace(32, form=form), torch.randn(2, 500, 32)
    exact = module(x)
    with torch.autocast("cpu", torch.bfloat16):
        rough = module(x)
        rough.float().square().sum().backward()  # backward inside autocast, which must not reach the scan either
    assert rough.dtype == torch.bfloat16
    assert (rough - exact).abs().max() < 0.03 * exact.abs().max()
    rough_grads = [p.grad.clone() for p in module.parameters() if p.grad is not None]
    module.zero_grad()
    module(x).square().sum().backward()
    for got, parameter in zip(rough_grads, module.parameters(), strict=True):
        assert parameter.grad is not None
        assert (got - parameter.grad).norm() < 0.05 * parameter.grad.norm()


@forms
def test_shapes_without_memory(form: Form) -> None:
    """Costs are counted on the meta device."""
    with torch.device("meta"):
        module = StateSpace(16, form=form)
        assert module(torch.empty(1, 4096, 16), torch.empty(1, 4096, dtype=torch.bool)).shape == (1, 4096, 16)

"""Both scans against the recurrence in float64: outputs, gradients, resets, every cut into tiles and chunks."""

import pytest
import torch
from torch import Tensor

from hsiauto.families.layers import linear_scan as linear
from hsiauto.families.layers import selective_scan as selective
from hsiauto.families.layers import ssd as by_chunks
from hsiauto.families.layers.linear_scan import linear_scan_
from hsiauto.families.layers.selective_scan import selective_scan
from hsiauto.families.layers.ssd import ssd
from tests.families.layers.recurrence import Inputs, recurrence, recurrence_by_heads, starts, with_gradients

SHAPES = [(3, 1), (5, 4), (2, 37), (1, 121)]


def inputs(
    B: int, L: int, *, channels: tuple[int, ...] = (3,), N: int = 2, dtype: torch.dtype = torch.float64
) -> Inputs:
    """x, step, rate, write, read; channels (E,) for the selective scan, (H, P) for SSD."""
    torch.manual_seed(0)
    rate = torch.rand(channels[0], N) if len(channels) == 1 else torch.rand(channels[0])
    x, step = torch.randn(B, L, *channels), torch.rand(B, L, channels[0])
    write, read = torch.randn(B, L, N), torch.randn(B, L, N)
    x, step, rate, write, read = (t.to(dtype).requires_grad_() for t in (x, step, -3 * rate, write, read))
    return x, step, rate, write, read


def in_double(tensors: Inputs) -> Inputs:
    x, step, rate, write, read = (t.detach().double().requires_grad_() for t in tensors)
    return x, step, rate, write, read


@pytest.mark.parametrize(("B", "L"), SHAPES)
@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize(("tile", "step"), [(2**18, 2**15), (2**18, 1), (64, 1), (200, 8), (1000, 64)])
def test_selective_scan_is_the_recurrence(
    B: int, L: int, resets: bool, tile: int, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selective, "CPU_TILE", tile)
    monkeypatch.setattr(linear, "CPU_STEP", step)
    tensors, cut = inputs(B, L), starts(B, L) if resets else None
    ours = with_gradients(selective_scan(*tensors, cut), tensors)
    for got, expected in zip(ours, with_gradients(recurrence(*tensors, cut), tensors), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("B", "L"), SHAPES)
@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize(("chunk", "block"), [(None, 2**17), (1, 2**17), (5, 1), (64, 200)])
def test_ssd_is_the_recurrence(
    B: int, L: int, resets: bool, chunk: int | None, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_chunks, "CPU_BLOCK", block)
    tensors, cut = inputs(B, L, channels=(3, 2)), starts(B, L) if resets else None
    ours = with_gradients(ssd(*tensors, cut, chunk=chunk), tensors)
    for got, expected in zip(ours, with_gradients(recurrence_by_heads(*tensors, cut), tensors), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("resets", [False, True])
def test_gradients_are_those_of_finite_differences(resets: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selective, "CPU_TILE", 40)
    cut = starts(2, 7) if resets else None

    def by_channels(x: Tensor, step: Tensor, rate: Tensor, write: Tensor, read: Tensor) -> Tensor:
        return selective_scan(x, step, rate, write, read, cut)

    def by_heads(x: Tensor, step: Tensor, rate: Tensor, write: Tensor, read: Tensor) -> Tensor:
        return ssd(x, step, rate, write, read, cut, chunk=3)

    assert torch.autograd.gradcheck(by_channels, inputs(2, 7))
    assert torch.autograd.gradcheck(by_heads, inputs(2, 7, channels=(2, 2)))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("T", [1, 2, 9, 50])
def test_a_linear_scan_by_chunks_is_the_one_by_steps(T: int, reverse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    value, decay, first = torch.randn(T, 3, 2).double(), torch.rand(T, 3, 1).double(), torch.randn(3, 2).double()
    expected, state = value.clone(), first
    for t in reversed(range(T)) if reverse else range(T):
        state = value[t] + decay[t] * state
        expected[t] = state
    for step in (1, 12, 10**6):
        monkeypatch.setattr(linear, "CPU_STEP", step)
        states = value.clone()
        linear_scan_(states, decay, first, reverse=reverse)
        torch.testing.assert_close(states, expected)


@pytest.mark.parametrize("step", [1e-6, 1e3])
@pytest.mark.parametrize("form", ["mamba1", "ssd"])
def test_extreme_decays_stay_finite_and_exact(form: str, step: float) -> None:
    """Memory that hardly fades and memory that fades at once: quotients of decays would overflow."""
    tensors = inputs(1, 300, channels=(3,) if form == "mamba1" else (3, 2), dtype=torch.float32)
    with torch.no_grad():
        tensors[1].fill_(step)
    doubles = in_double(tensors)
    y = selective_scan(*tensors) if form == "mamba1" else ssd(*tensors)
    reference = recurrence(*doubles, None) if form == "mamba1" else recurrence_by_heads(*doubles, None)
    ours, expected = with_gradients(y, tensors), with_gradients(reference, doubles)
    size = float(expected[0].detach().abs().sum())
    rounding = 1e-6 if form == "mamba1" else 1e-4  # SSD: see its docstring
    torch.testing.assert_close(ours[0].double(), expected[0], rtol=1e-4, atol=1e-6 * size)
    for value, got, exact in zip(doubles, ours[1:], expected[1:], strict=True):
        assert got.isfinite().all()
        assert ((got - exact) * value).abs().max() < rounding * size  # for a relative change of the value


def test_long_sequences_in_float32_keep_their_precision() -> None:
    tensors = inputs(1, 3000, dtype=torch.float32)
    doubles = in_double(tensors)
    ours = with_gradients(selective_scan(*tensors), tensors)
    for got, expected in zip(ours, with_gradients(selective_scan(*doubles), doubles), strict=True):
        torch.testing.assert_close(got.double(), expected, rtol=1e-4, atol=1e-5 * float(expected.detach().abs().max()))


@pytest.mark.parametrize("form", ["mamba1", "ssd"])
def test_the_states_are_not_held_for_backward(form: str) -> None:
    B, L, E, N = 1, 2000, 32, 16
    tensors = inputs(B, L, channels=(E,) if form == "mamba1" else (2, E // 2), N=N, dtype=torch.float32)
    held: list[int] = []

    def hold(tensor: Tensor) -> Tensor:
        held.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(hold, lambda tensor: tensor):
        (selective_scan if form == "mamba1" else ssd)(*tensors)
    assert 0 < sum(held) < B * L * E * N / 2

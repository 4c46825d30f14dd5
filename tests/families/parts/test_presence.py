"""Absent pixels: no token, no part in a statistic, nothing said to a neighbour; and a whole tile is a plain one."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from hsiauto.families.base import TileConfig
from hsiauto.families.cssmamba import ClusteredSpatial, CssMambaConfig, MambaHsiConfig, PlainSpatial, Spectral
from hsiauto.families.parts.presence import Presence, PresentNorm

D, CLASSES = 8, 3
CSSMAMBA, MAMBAHSI = CssMambaConfig(width=D, state=4, blocks=2), MambaHsiConfig(width=D, state=4, blocks=2)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tile(height: int = 6, width: int = 7, share: float = 0.4) -> Tensor:
    """Two tiles of which `share` is there; the two do not have as many pixels."""
    x = torch.randn(2, D, height, width, generator=generator())
    there = torch.rand(2, 1, height, width, generator=generator(1)) < torch.tensor([share, share / 2]).view(2, 1, 1, 1)
    return x * there


def close_ranks(x_1DHW: Tensor) -> Tensor:
    """A tile of one row: the pixels that are there, side by side, (1, D, 1, n)."""
    there = (x_1DHW != 0).any(dim=1).flatten()
    return x_1DHW.flatten(2)[..., there][:, :, None]


def test_tokens_are_the_pixels_that_are_there_in_raster_order() -> None:
    x = tile()
    presence = Presence.of(x)
    tokens = presence.tokens(x)
    for one, some, there in zip(x, tokens, presence.there_BT, strict=True):
        assert torch.equal(some[there], close_ranks(one[None])[0, :, 0].T)
    assert tokens.shape[1] == int((x != 0).any(1).flatten(1).sum(1).max()) < x[0, 0].numel()
    assert torch.equal(presence.image(tokens + 0), x)


@pytest.mark.parametrize("part", ["plain", "clustered", "spectral"])
def test_a_scan_reads_what_is_there_as_if_nothing_lay_between(part: str) -> None:
    torch.manual_seed(0)
    module = {
        "plain": lambda: PlainSpatial(MAMBAHSI),
        "clustered": lambda: ClusteredSpatial(CSSMAMBA, CLASSES),
        "spectral": lambda: Spectral(CSSMAMBA),
    }[part]()
    x = tile()
    with torch.no_grad():
        scattered = module(x, Presence.of(x))
        for one, out in zip(x.split(1), scattered.split(1), strict=True):
            row = close_ranks(one)
            there = Presence.of(one).there_B1HW.flatten()
            assert torch.allclose(out.flatten(2)[..., there], module(row, Presence.of(row)).flatten(2), atol=1e-5)
            assert not out.flatten(2)[..., ~there].any()


def test_a_norm_takes_statistics_over_what_is_there() -> None:
    norm, plain = PresentNorm(4, D), nn.GroupNorm(4, D)
    with torch.no_grad():
        norm.weight.normal_(generator=generator())
        norm.bias.normal_(generator=generator())
        plain.load_state_dict(norm.state_dict())
        x = tile()
        out = norm(x, Presence.of(x))
        for one, normal in zip(x.split(1), out.split(1), strict=True):
            there = Presence.of(one).there_B1HW.flatten()
            assert torch.allclose(normal.flatten(2)[..., there], plain(close_ranks(one)).flatten(2), atol=1e-5)
            assert not normal.flatten(2)[..., ~there].any()


@pytest.mark.parametrize(("height", "width"), [(6, 8), (5, 7), (1, 4), (1, 1)])
def test_of_a_whole_tile_every_function_is_the_plain_one(height: int, width: int) -> None:
    x = torch.randn(2, D, height, width, generator=generator())
    presence = Presence.of(x)
    norm, plain = PresentNorm(4, D), nn.GroupNorm(4, D)
    assert torch.allclose(norm(x, presence), plain(x), atol=1e-5)
    small, of_small = presence.halved(x)
    assert torch.allclose(small, nn.AvgPool2d(2, ceil_mode=True)(x), atol=1e-6)
    expected = interpolate(small, (height, width), mode="bilinear", align_corners=True)
    assert torch.allclose(of_small.enlarged(small, height, width), expected, atol=1e-6)
    assert torch.equal(presence.filled(x), x)
    assert torch.equal(presence.tokens(x), x.flatten(2).mT)


def test_halving_and_enlarging_leave_out_what_is_absent() -> None:
    x = torch.zeros(1, 1, 4, 6)
    x[0, 0, 0, 0], x[0, 0, 0, 1], x[0, 0, 3, 5] = 2, 4, 7
    small, presence = Presence.of(x).halved(x)
    assert presence.there_B1HW[0, 0].tolist() == [[True, False, False], [False, False, True]]
    assert (small[0, 0, 0, 0], small[0, 0, 1, 2]) == (3, 7)
    large = presence.enlarged(small, 4, 6)
    assert torch.allclose(large[0, 0, [0, 0, 3], [0, 1, 5]], torch.tensor([3.0, 3.0, 7.0]))


def test_the_border_of_an_odd_tile_counts() -> None:
    x = torch.randn(1, D, 5, 5, generator=generator())
    other = x.clone()
    other[..., -1, :] += 1
    (small, _), (moved, _) = Presence.of(x).halved(x), Presence.of(other).halved(other)
    assert small.shape[2:] == (3, 3)
    assert not torch.equal(small[:, :, -1], moved[:, :, -1])


def test_around_a_lone_pixel_all_is_like_it() -> None:
    x = torch.zeros(1, 2, 5, 5)
    x[0, :, 2, 2] = torch.tensor([1.5, -2.0])
    filled = Presence.of(x).filled(x)
    assert torch.allclose(filled[..., 1:4, 1:4], x[..., 2:3, 2:3].expand(-1, -1, 3, 3))


@pytest.mark.parametrize("config", [CSSMAMBA, MAMBAHSI], ids=lambda config: config.family)
def test_a_sparse_tile_answers_the_same_in_any_batch(config: TileConfig) -> None:
    torch.manual_seed(0)
    module, x = config.build(D, CLASSES).eval(), tile()
    full = torch.randn(1, D, *x.shape[2:], generator=generator(2))
    there = Presence.of(x[:1]).there_B1HW[0, 0]
    with torch.no_grad():
        alone = module(x[:1])[0, :, there]
        assert torch.allclose(module(torch.cat([x[:1], full]))[0, :, there], alone, atol=1e-5)


@pytest.mark.parametrize("config", [CSSMAMBA, MAMBAHSI], ids=lambda config: config.family)
def test_a_tile_without_any_pixel_is_no_fault(config: TileConfig) -> None:
    torch.manual_seed(0)
    x = tile()
    x[1] = 0
    logits = config.build(D, CLASSES)(x)
    logits.sum().backward()
    assert logits.isfinite().all()
    assert torch.isfinite(config.build(D, CLASSES)(torch.zeros_like(x))).all()

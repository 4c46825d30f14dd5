"""Tiles: show training what it may see, each label once, and answer for each pixel without seams."""

import pytest
import torch
from torch import nn

from hsiauto.families.base import Seen
from hsiauto.models.batches.labelled import IGNORE, Labelled
from hsiauto.models.batches.tiles import TileBatches

H, W, C = 11, 9, 2
CUBE = torch.arange(1, H * W * C + 1, dtype=torch.float32).view(H, W, C)
PIXELS = torch.tensor([0, 5, 17, 40, 41, 98])
LABELLED = Labelled(PIXELS, torch.tensor([0, 1, 2, 0, 1, 2]))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Constant(nn.Module):
    """One random value a tile: where tiles are not blended, the map is a mosaic."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0
        self._random = generator()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen += len(x)
        values = torch.rand(len(x), 1, 1, 1, generator=self._random)
        return values.expand(-1, 1, *x.shape[2:])


class Border(nn.Module):
    """The distance to the nearest border of the tile: largest step where an unblended map goes to another tile."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, columns = (torch.minimum(torch.arange(n), torch.arange(n - 1, -1, -1)) for n in x.shape[2:])
        distance = torch.minimum(rows[:, None], columns) / min(x.shape[2:])
        return distance.expand(len(x), 1, -1, -1)


def largest_step(map_HW: torch.Tensor) -> float:
    return max(float(map_HW.diff(dim=axis).abs().max()) for axis in (0, 1))


@pytest.mark.parametrize("tile", [4, 5, 9, 64])
def test_logits_are_those_of_each_pixel_in_the_order_asked(tile: int) -> None:
    pixels = torch.randperm(H * W, generator=generator())
    logits = TileBatches(CUBE, tile).logits(nn.Identity(), pixels)
    assert torch.allclose(logits, CUBE.view(-1, C)[pixels], rtol=1e-6)


@pytest.mark.parametrize(("module", "bound"), [(Constant, 1 / 8), (Border, 1 / 32 + 0.5 / 8)])
@pytest.mark.parametrize("shape", [(100, 80), (83, 33), (32, 57), (20, 90)])
def test_there_is_no_seam(module: type[nn.Module], bound: float, shape: tuple[int, int]) -> None:
    """Tiles of 32 overlap by 8: a step is 1 / 8 of what two tiles differ by (1 and 0.5), and their own step. Without
    the taper it is two to three times as much."""
    batches = TileBatches(torch.zeros(*shape, 1), 32)
    blended = batches.logits(module(), torch.arange(shape[0] * shape[1])).view(shape)
    assert blended.std() > 0.01
    assert largest_step(blended) <= bound + 1e-6


@pytest.mark.parametrize("shape", [(11, 9), (5, 9), (16, 16)])
def test_a_scene_no_larger_than_a_tile_is_one_tile(shape: tuple[int, int]) -> None:
    cube = torch.rand(*shape, C, generator=generator())
    module = nn.Sequential(nn.Conv2d(C, 3, 3, padding=1), nn.GELU(), nn.AdaptiveAvgPool2d(shape))
    with torch.no_grad():
        logits = TileBatches(cube, 16).logits(module, torch.arange(shape[0] * shape[1]))
        whole = module(cube.permute(2, 0, 1)[None])[0].flatten(1).T
    assert torch.allclose(logits, whole, atol=1e-6)


def test_a_pixel_s_logits_do_not_depend_on_what_is_asked_with_it() -> None:
    batches = TileBatches(CUBE, 4)
    module = nn.Sequential(nn.LayerNorm([4, 4]))  # each value depends on its whole tile
    together = batches.logits(module, torch.arange(H * W))
    for pixel in range(0, H * W, 7):
        alone = batches.logits(module, torch.tensor([pixel]))
        assert torch.allclose(alone[0], together[pixel], atol=1e-6)


@pytest.mark.parametrize(("pixel", "n_tiles"), [(0, 1), (3, 2), (3 * W + 3, 4), (H * W - 1, 1)])
def test_only_the_tiles_that_cover_a_pixel_are_labelled_for_it(pixel: int, n_tiles: int) -> None:
    module = Constant()
    TileBatches(CUBE, 4).logits(module, torch.tensor([pixel]))
    assert module.seen == n_tiles


@pytest.mark.parametrize("tile", [4, 64])
def test_what_is_not_shown_is_absent_from_the_tiles_of_an_answer(tile: int) -> None:
    shown_HW = torch.rand(H, W, generator=generator()) < 0.7
    batches = TileBatches(CUBE, tile, shown_HW=shown_HW)
    whole_tile = nn.LayerNorm([min(tile, H), min(tile, W)])
    logits = batches.logits(whole_tile, torch.arange(H * W))
    expected = TileBatches(CUBE * shown_HW[..., None], tile).logits(whole_tile, torch.arange(H * W))
    assert torch.equal(logits, expected)
    seen, _ = zip(*batches.epoch(LABELLED, 2, generator()), strict=True)
    assert all((x > 0).all() for x in seen)  # training shows what its context says


@pytest.mark.parametrize("tile", [4, 5, 9, 64])
@pytest.mark.parametrize("context", ["training", "scene"])
def test_training_sees_labels_once_and_other_pixels_only_in_the_context_of_the_scene(tile: int, context: Seen) -> None:
    batches = TileBatches(CUBE, tile, context=context)
    random = generator()
    for _ in range(5):
        seen = list(batches.epoch(LABELLED, 2, random))
        assert len(seen) == batches.steps(LABELLED, 2)
        found = []
        for x, y in seen:
            assert x.shape[1:] == (C, min(tile, H), min(tile, W))
            place = (y != IGNORE).nonzero(as_tuple=True)
            assert place[0].unique().tolist() == list(range(len(x)))  # no tile without a label
            values = x[place[0], :, place[1], place[2]]
            found += [(int(v[0] - 1) // C, int(label)) for v, label in zip(values, y[place], strict=True)]
            if context == "training":
                allowed = set(CUBE.view(-1, C)[PIXELS].flatten().tolist()) | {0.0}
                assert set(x.flatten().tolist()) <= allowed
            else:
                assert (x > 0).all()
        assert sorted(found) == sorted(zip(PIXELS.tolist(), LABELLED.labels.tolist(), strict=True))


def first_values(epoch: list[tuple[torch.Tensor, torch.Tensor]]) -> set[float]:
    """The corners of an epoch's tiles."""
    return {float(value) for x, _ in epoch for value in x[:, 0, 0, 0]}


def test_the_grid_of_training_moves_from_epoch_to_epoch_as_the_generator_says() -> None:
    batches, random = TileBatches(CUBE, 4), generator()
    every = Labelled(torch.arange(H * W), torch.arange(H * W) % 3)
    epochs = [list(batches.epoch(every, 16, random)) for _ in range(4)]
    state = random.get_state()
    assert len({frozenset(first_values(epoch)) for epoch in epochs}) > 1
    one = list(batches.epoch(every, 16, random))
    random.set_state(state)
    again = list(batches.epoch(every, 16, random))
    assert all(torch.equal(a, b) for pair in zip(one, again, strict=True) for a, b in zip(*pair, strict=True))


def test_a_step_holds_about_batch_size_labelled_pixels() -> None:
    pixels = torch.arange(H * W)
    batches = TileBatches(CUBE, 4)  # 9 tiles
    labelled = Labelled(pixels, pixels % 3)
    assert batches.steps(labelled, 33) == 3
    assert batches.steps(labelled, 1) == 9
    assert batches.steps(labelled, 4096) == 1


def test_a_step_is_bounded_in_memory_whatever_the_batch_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hsiauto.models.batches.tiles.TRAINING_PIXELS", 2 * 4 * 4)
    pixels = torch.arange(H * W)
    batches, labelled = TileBatches(CUBE, 4), Labelled(pixels, pixels % 3)
    sizes = [len(x) for x, _ in batches.epoch(labelled, 4096, generator())]
    assert max(sizes) <= 2
    assert sum(sizes) == 9


@pytest.mark.parametrize("gap", [1, 2, 5, W + 1, 3 * W])
def test_an_epoch_has_its_steps_however_the_grid_cuts_the_labels(gap: int) -> None:
    labelled = Labelled(torch.tensor([40, 40 + gap]), torch.tensor([0, 1]))
    batches, random = TileBatches(CUBE, 4), generator()
    for _ in range(10):
        epoch = list(batches.epoch(labelled, 1, random))
        assert len(epoch) == batches.steps(labelled, 1)
        assert all((y != IGNORE).any() for _, y in epoch)
        assert {int(label) for _, y in epoch for label in y[y != IGNORE]} == {0, 1}


def test_a_sample_prefers_tiles_with_rare_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.tensor([0, 1, 2, 97, 98])
    monkeypatch.setattr("hsiauto.models.batches.tiles.SAMPLE_BYTES", 1)
    x, y = TileBatches(CUBE, 4).sample(Labelled(pixels, torch.tensor([0, 0, 0, 0, 1])), torch.Generator())
    assert len(x) == 1
    assert 1 in y

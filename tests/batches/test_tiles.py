"""Tiles: cover the scene, show training what it may see, and answer for each pixel once."""

import pytest
import torch
from torch import nn

from hsiauto.batches.labelled import IGNORE, Labelled
from hsiauto.batches.tiles import TileBatches

H, W, C = 11, 9, 2
CUBE = torch.arange(1, H * W * C + 1, dtype=torch.float32).view(H, W, C)
PIXELS = torch.tensor([0, 5, 17, 40, 41, 98])
LABELLED = Labelled(PIXELS, torch.tensor([0, 1, 2, 0, 1, 2]))


@pytest.mark.parametrize("tile", [4, 5, 9, 64])
def test_logits_are_those_of_each_pixel_in_the_order_asked(tile: int) -> None:
    pixels = torch.randperm(H * W, generator=torch.Generator().manual_seed(0))
    logits = TileBatches(CUBE, tile).logits(nn.Identity(), pixels)
    assert torch.equal(logits, CUBE.view(-1, C)[pixels])


@pytest.mark.parametrize("tile", [4, 5, 9, 64])
@pytest.mark.parametrize("transductive", [False, True])
def test_training_sees_labels_once_and_other_pixels_only_if_transductive(tile: int, transductive: bool) -> None:
    batches = TileBatches(CUBE, tile, transductive=transductive)
    seen = list(batches.epoch(LABELLED, 2, torch.Generator().manual_seed(0)))
    assert len(seen) == batches.steps(LABELLED, 2)
    found = []
    for x, y in seen:
        assert x.shape[1:] == (C, min(tile, H), min(tile, W))
        place = (y != IGNORE).nonzero(as_tuple=True)
        values = x[place[0], :, place[1], place[2]]
        found += [(int(v[0] - 1) // C, int(label)) for v, label in zip(values, y[place], strict=True)]
        if not transductive:
            allowed = set(CUBE.view(-1, C)[PIXELS].flatten().tolist()) | {0.0}
            assert set(x.flatten().tolist()) <= allowed
        else:
            assert (x > 0).all()
    assert sorted(found) == sorted(zip(PIXELS.tolist(), LABELLED.labels.tolist(), strict=True))


def test_a_step_holds_about_batch_size_labelled_pixels() -> None:
    pixels = torch.arange(H * W)
    batches = TileBatches(CUBE, 4)  # 9 tiles
    labelled = Labelled(pixels, pixels % 3)
    assert batches.steps(labelled, 33) == 3
    assert batches.steps(labelled, 1) == 9
    assert batches.steps(labelled, 4096) == 1


def test_a_sample_prefers_tiles_with_rare_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.tensor([0, 1, 2, 97, 98])
    monkeypatch.setattr("hsiauto.batches.tiles.SAMPLE_BYTES", 1)
    x, y = TileBatches(CUBE, 4).sample(Labelled(pixels, torch.tensor([0, 0, 0, 0, 1])), torch.Generator())
    assert len(x) == 1
    assert 1 in y

"""Patches: gathering equals slicing a padded scene, and symmetries are those of the square."""

import numpy as np
import pytest
import torch

from hsiauto.errors import UserError
from hsiauto.models.batches.labelled import Labelled
from hsiauto.models.batches.patches import PatchBatches, add_noise

H, W, C = 11, 9, 3
CUBE = torch.arange(H * W * C, dtype=torch.float32).view(H, W, C)
EVERY_PIXEL = torch.arange(H * W)


def sliced(cube: torch.Tensor, patch: int) -> torch.Tensor:
    """(H * W, C, P, P) by NumPy's reflection and plain slices."""
    r = patch // 2
    padded = np.pad(cube.numpy(), ((r, r), (r, r), (0, 0)), mode="reflect")
    patches = [
        padded[row : row + patch, column : column + patch].transpose(2, 0, 1)
        for row in range(cube.shape[0])
        for column in range(cube.shape[1])
    ]
    return torch.from_numpy(np.stack(patches))


@pytest.mark.parametrize("patch", [1, 2, 3, 4, 5, 8, 9])
def test_gather_equals_slicing_with_the_labelled_pixel_in_the_centre(patch: int) -> None:
    x = PatchBatches(CUBE, patch).gather(EVERY_PIXEL)
    assert torch.equal(x, sliced(CUBE, patch))
    assert torch.equal(x[:, :, patch // 2, patch // 2], CUBE.view(-1, C))
    assert x.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("patch", [1, 4, 5])
def test_beyond_the_border_there_may_be_zeros(patch: int) -> None:
    x = PatchBatches(CUBE + 1, patch, border="zeros").gather(EVERY_PIXEL)
    inside = PatchBatches(torch.ones(H, W, 1), patch, border="zeros").gather(EVERY_PIXEL)
    assert torch.equal(x, sliced(CUBE + 1, patch) * inside)
    assert int(inside[0].sum()) == ((patch + 1) // 2) ** 2  # of the first pixel's patch, a quarter lies in the scene


@pytest.mark.parametrize("patch", [3, 5])
def test_augmentation_only_permutes_an_odd_patch(patch: int) -> None:
    batches = PatchBatches(CUBE, patch)
    plain = batches.gather(EVERY_PIXEL)
    augmented = [batches.gather(EVERY_PIXEL, torch.full_like(EVERY_PIXEL, s)) for s in range(8)]
    expected = [
        plain,
        plain.flip(2),
        plain.flip(3),
        plain.flip(2, 3),
        plain.transpose(2, 3),
        plain.transpose(2, 3).flip(3),
        plain.transpose(2, 3).flip(2),
        plain.transpose(2, 3).flip(2, 3),
    ]
    assert {tuple(a[40].flatten().tolist()) for a in augmented} == {tuple(e[40].flatten().tolist()) for e in expected}
    for a in augmented:
        assert torch.equal(a.flatten(2).sort(2).values, plain.flatten(2).sort(2).values)
        assert torch.equal(a[:, :, patch // 2, patch // 2], CUBE.view(-1, C))
    assert len({tuple(a[40].flatten().tolist()) for a in augmented}) == 8


def test_a_mirrored_even_patch_is_the_patch_of_the_mirrored_scene() -> None:
    mirrored = PatchBatches(CUBE.flip(0), 4).gather(EVERY_PIXEL).view(H, W, C, 4, 4).flip(0).flatten(0, 1)
    assert torch.equal(PatchBatches(CUBE, 4).gather(EVERY_PIXEL, torch.full_like(EVERY_PIXEL, 1)), mirrored)


@pytest.mark.parametrize(("augmentation", "n_views"), [("none", 1), ("flip", 4), ("dihedral", 8)])
def test_each_augmentation_draws_all_its_symmetries(augmentation: str, n_views: int) -> None:
    batches = PatchBatches(CUBE, 3, augmentation)  # type: ignore[arg-type]
    labelled = Labelled(torch.full((400,), 40), torch.zeros(400, dtype=torch.long))
    [(x, _)] = batches.epoch(labelled, 400, torch.Generator().manual_seed(0))
    assert len({tuple(sample.flatten().tolist()) for sample in x}) == n_views


def test_an_epoch_has_every_pixel_once_with_its_label() -> None:
    labels = EVERY_PIXEL % 7
    batches = PatchBatches(CUBE, 5, "dihedral")
    seen = list(batches.epoch(Labelled(EVERY_PIXEL, labels), 14, torch.Generator().manual_seed(0)))
    assert [len(y) for _, y in seen] == [14] * 6 + [15]  # the 99th pixel joins the batch before it
    assert len(seen) == batches.steps(Labelled(EVERY_PIXEL, labels), 14)
    pixels = torch.cat([x[:, 0, 2, 2] for x, _ in seen]).long() // C
    assert sorted(pixels.tolist()) == EVERY_PIXEL.tolist()
    assert torch.equal(torch.cat([y for _, y in seen]), pixels % 7)


@pytest.mark.parametrize("patch", [10, 65])
def test_a_patch_larger_than_the_scene_is_refused(patch: int) -> None:
    with pytest.raises(UserError, match="11 x 9"):
        PatchBatches(CUBE, patch)


def test_noise_has_a_share_of_each_channels_deviation_on_half_of_the_samples() -> None:
    deviation_C = torch.tensor([0.1, 1.0, 50.0])
    x_BCPP = torch.randn(600, 3, 3, 3, generator=torch.Generator().manual_seed(0)) * deviation_C[:, None, None]
    x_BCPP = x_BCPP.contiguous(memory_format=torch.channels_last)
    noisy = add_noise(x_BCPP, 0.2, torch.Generator().manual_seed(1))
    added_BCPP = noisy - x_BCPP
    touched_B = added_BCPP.flatten(1).any(dim=1)
    assert touched_B.float().mean().item() == pytest.approx(0.5, abs=0.06)
    torch.testing.assert_close(added_BCPP[touched_B].std(dim=(0, 2, 3)), 0.2 * deviation_C, rtol=0.1, atol=0.0)
    assert noisy.is_contiguous(memory_format=torch.channels_last)


def test_noise_is_drawn_from_the_generator_alone_and_off_by_default() -> None:
    labelled = Labelled(EVERY_PIXEL, EVERY_PIXEL % 7)

    def epoch(noise: float, seed: int) -> torch.Tensor:
        batches = PatchBatches(CUBE, 3, noise=noise)
        return torch.cat([x for x, _ in batches.epoch(labelled, 14, torch.Generator().manual_seed(seed))])

    assert torch.equal(epoch(0.1, 0), epoch(0.1, 0))
    assert not torch.equal(epoch(0.1, 0), epoch(0.0, 0))
    [(x, _)] = PatchBatches(CUBE, 3).epoch(labelled, 99, torch.Generator().manual_seed(0))
    assert set(x.flatten().tolist()) <= set(CUBE.flatten().tolist())

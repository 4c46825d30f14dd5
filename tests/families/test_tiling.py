"""Where tiles lie, and how they blend."""

import numpy as np
import numpy.typing as npt
import pytest

from hsiauto.families.tiling import overlap, reach, shifts, side_by_side, starts, taper

CASES = [(size, tile) for tile in (4, 5, 8, 16, 21) for size in (1, 3, 4, 5, 16, 17, 20, 31, 40, 41, 64)]


def shares(size: int, tile: int) -> npt.NDArray[np.float64]:
    """(tiles, size): the part that each tile has in each pixel."""
    first = starts(size, tile)
    weights = np.zeros((len(first), size))
    for row, start in zip(weights, first, strict=True):
        row[start : start + tile] = taper(start, size, tile)
    return weights / weights.sum(axis=0)


@pytest.mark.parametrize(("size", "tile"), CASES)
def test_tiles_cover_the_scene_with_positive_weights(size: int, tile: int) -> None:
    first = starts(size, tile)
    assert first == sorted(set(first))
    assert first[0] == 0
    assert first[-1] + min(tile, size) == size
    for start in first:
        weights = taper(start, size, tile)
        assert len(weights) == min(tile, size)
        assert ((weights > 0) & (weights <= 1)).all()
    assert np.isfinite(shares(size, tile)).all()


@pytest.mark.parametrize(("size", "tile"), CASES)
def test_no_tile_sets_in_or_ends_with_a_step(size: int, tile: int) -> None:
    """A tile's part changes by at most 1 / o from pixel to pixel, by twice that where the last tile joins in early."""
    steps = np.abs(np.diff(shares(size, tile), axis=1))
    assert steps.max(initial=0) <= 2 / overlap(tile) + 1e-6


@pytest.mark.parametrize("tile", [4, 8, 21])
def test_neighbours_of_the_grid_add_up_to_one(tile: int) -> None:
    size = 4 * (tile - overlap(tile)) + tile  # the last one needs no move
    total = np.zeros(size)
    for start in starts(size, tile):
        total[start : start + tile] += taper(start, size, tile)
    np.testing.assert_allclose(total, 1, rtol=1e-6)
    assert np.abs(np.diff(shares(size, tile), axis=1)).max() <= 1 / overlap(tile) + 1e-6


@pytest.mark.parametrize("tile", [4, 8, 16, 21])
def test_a_part_tiled_anew_has_the_tiles_and_weights_of_the_whole(tile: int) -> None:
    for size in range(1, 4 * tile):
        whole, first = shares(size, tile), starts(size, tile)
        for start in range(size):
            for stop in {start + 1, min(start + tile // 2, size), min(start + 2 * tile, size), size}:
                begin, end = reach(start, stop, size, tile)
                assert 0 <= begin <= start < stop <= end <= size
                expected = {f: row[start:stop] for f, row in zip(first, whole, strict=True) if row[start:stop].any()}
                part = shares(end - begin, tile)
                assert [begin + f for f in starts(end - begin, tile)] == list(expected)
                np.testing.assert_allclose(
                    part[:, start - begin : stop - begin], np.stack(list(expected.values())), atol=1e-7
                )


@pytest.mark.parametrize(("size", "tile"), CASES)
def test_every_shift_gives_the_same_number_of_tiles(size: int, tile: int) -> None:
    choices = shifts(size, tile)
    for shift in choices:
        owners = (np.arange(size) + shift) // min(tile, size)
        assert set(owners) == set(range(side_by_side(size, tile)))
    assert len(choices) > tile // 4 if size > tile else list(choices) == [0]

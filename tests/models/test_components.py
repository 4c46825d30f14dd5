"""Components that are kept: found again only for the very same spectra, and then to the last bit."""

from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest

from hsiauto.families.base import Reduction
from hsiauto.models import components
from hsiauto.models.components import components_of
from hsiauto.models.preprocess import Projection

RNG = np.random.default_rng(0)
CUBE = RNG.integers(0, 4000, (9, 8, 6)).astype(np.uint16)
VALID = np.ones((9, 8), bool)
PIXELS = np.sort(RNG.choice(72, 40, replace=False))
INSIDE = next(int(pixel) for pixel in PIXELS if pixel // 8 < 8 and pixel % 8 < 7)
"""A pixel with both neighbours."""


@pytest.fixture(autouse=True)
def computed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The reductions that were computed, and not found again."""
    asked: list[str] = []
    compute = components._decomposed

    def counted(cube: Any, pixels: Any, reduction: Reduction, valid: Any) -> components.Components:
        asked.append(reduction)
        return compute(cube, pixels, reduction, valid)

    monkeypatch.setattr(components, "_decomposed", counted)
    components._kept.clear()
    yield asked
    components._kept.clear()


@pytest.mark.parametrize("reduction", get_args(Reduction))
def test_projections_of_any_size_share_them_and_are_the_same_to_the_last_bit(
    reduction: Reduction, computed: list[str]
) -> None:
    warm = [Projection.fit(CUBE.copy(), PIXELS.copy(), n, True, reduction, VALID.copy()) for n in (2, 6, 4)]
    assert computed == [reduction]
    components._kept.clear()
    cold = Projection.fit(CUBE, PIXELS, 4, True, reduction, VALID)
    assert np.array_equal(warm[-1].matrix, cold.matrix)
    assert np.array_equal(warm[-1].mean, cold.mean)


def changed_in_place() -> tuple[Any, Any, Any]:
    cube = CUBE.copy()
    cube[np.divmod(PIXELS[0], 8)] += 1
    return cube, PIXELS, VALID


def of_another_fold() -> tuple[Any, Any, Any]:
    return CUBE, PIXELS[1:], VALID


def of_another_type() -> tuple[Any, Any, Any]:
    return CUBE.view(np.int16), PIXELS, VALID


def of_the_other_byte_order() -> tuple[Any, Any, Any]:
    return CUBE.view(">u2"), PIXELS, VALID


def of_another_grid() -> tuple[Any, Any, Any]:
    return CUBE.reshape(8, 9, 6), PIXELS, VALID.reshape(8, 9)


@pytest.mark.parametrize(
    "other", [changed_in_place, of_another_fold, of_another_type, of_the_other_byte_order, of_another_grid]
)
@pytest.mark.parametrize("reduction", get_args(Reduction))
def test_other_spectra_are_not_found(reduction: Reduction, other: Any, computed: list[str]) -> None:
    components_of(CUBE, PIXELS, reduction, VALID)
    cube, pixels, valid = other()
    components_of(cube, pixels, reduction, valid)
    assert computed == [reduction, reduction]


def without_data_below() -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.bool_]]:
    valid = VALID.copy()
    valid.reshape(-1)[INSIDE + 8] = False
    return CUBE, valid


def with_another_spectrum_below() -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.bool_]]:
    cube = CUBE.copy()
    cube[np.divmod(INSIDE + 8, 8)] += 1
    return cube, VALID


@pytest.mark.parametrize("other", [without_data_below, with_another_spectrum_below])
def test_the_neighbours_count_where_they_are_read(other: Any, computed: list[str]) -> None:
    pixels = np.setdiff1d(PIXELS, [INSIDE + 8])
    cube, valid = other()
    for reduction in get_args(Reduction):
        components_of(CUBE, pixels, reduction, VALID)
        components_of(cube, pixels, reduction, valid)
    assert computed == ["pca", "mnf", "mnf"]


def test_what_was_not_asked_for_longest_goes_first(monkeypatch: pytest.MonkeyPatch, computed: list[str]) -> None:
    one = components_of(CUBE, PIXELS, "pca").nbytes
    monkeypatch.setattr(components, "_KEPT_BYTES", 2 * one)
    components_of(CUBE, PIXELS[1:], "pca")
    components_of(CUBE, PIXELS, "pca")  # found: now the other one is the oldest
    components_of(CUBE, PIXELS[2:], "pca")
    components_of(CUBE, PIXELS, "pca")
    assert len(computed) == 3
    components_of(CUBE, PIXELS[1:], "pca")
    assert len(computed) == 4
    assert len(components._kept) == 2


def test_one_that_is_too_large_to_keep_beside_others_is_given_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "_KEPT_BYTES", 1)
    assert components_of(CUBE, PIXELS, "pca").directions.shape == (6, 6)
    assert components_of(CUBE, PIXELS, "mnf").directions.shape == (6, 6)
    assert len(components._kept) == 1

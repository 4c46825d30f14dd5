import pytest

from hsiauto.scene.wavelengths import rgb_bands, to_nm


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ((460, 550, 640), "Nanometers"),
        ((0.46, 0.55, 0.64), "Micrometers"),
        ((0.46, 0.55, 0.64), " um "),
        ((4600, 5500, 6400), "Angstroms"),
        ((1e7 / 460, 1e7 / 550, 1e7 / 640), "Wavenumber"),
    ],
)
def test_units(values: tuple[float, ...], unit: str) -> None:
    nm, note = to_nm(values, unit)
    assert nm == pytest.approx((460, 550, 640))
    assert note is None


@pytest.mark.parametrize("values", [(460, 550), (0.46, 0.55)])
def test_an_absent_unit_is_recognised_and_said(values: tuple[float, ...]) -> None:
    nm, note = to_nm(values, None)
    assert nm == pytest.approx((460, 550))
    assert note


@pytest.mark.parametrize(("values", "unit"), [((1, 2, 3), "Index"), ((0, 500), "nm"), ((1, 5e5), None)])
def test_nonsense_is_dropped_and_said(values: tuple[float, ...], unit: str | None) -> None:
    nm, note = to_nm(values, unit)
    assert nm is None
    assert note is not None
    assert "ignored" in note


def test_a_picture_takes_the_bands_nearest_to_its_colours() -> None:
    assert rgb_bands(5, (460, 550, 640, 800, 1600)) == (2, 1, 0)


@pytest.mark.parametrize("nm", [None, (900, 1000, 1100, 1200, 1300, 1400, 1500, 1600)])
def test_without_these_colours_the_bands_are_spread(nm: tuple[float, ...] | None) -> None:
    assert rgb_bands(8, nm) == (6, 4, 2)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_bands_still_give_a_picture(n: int) -> None:
    assert max(rgb_bands(n, None)) < n

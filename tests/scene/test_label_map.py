import numpy as np
import pytest

from hsiauto.errors import UserError
from hsiauto.scene.label_map import label_map


def test_values_with_gaps_become_contiguous_classes_in_order() -> None:
    numbered = label_map(np.array([[0, 14, 10], [1, 0, 14]], np.uint8))
    np.testing.assert_array_equal(numbered.labels, [[0, 3, 2], [1, 0, 3]])
    assert numbered.values == (1, 10, 14)
    assert numbered.labels.dtype == np.int16


def test_ignored_nodata_and_nan_are_unlabelled() -> None:
    stored = np.array([[1, 2, 255], [np.nan, 3, -1]])
    numbered = label_map(stored, ignore=(0, 3, -1), nodata=255)
    np.testing.assert_array_equal(numbered.labels, [[1, 2, 0], [0, 0, 0]])
    assert numbered.notes == ()


def test_a_nodata_value_beyond_the_integers_is_unlabelled() -> None:
    lowest = float(np.finfo(np.float32).min)
    assert label_map(np.array([[1, 2, lowest]], np.float32), nodata=lowest).values == (1, 2)


def test_an_ignored_label_that_is_not_there_is_said() -> None:
    assert "7" in label_map(np.array([[1, 2]]), ignore=(7,)).notes[0]


@pytest.mark.parametrize(
    ("stored", "ignore", "message"),
    [
        ([[1, 2, -1]], (), r"positive; received -1.*`ignore_labels`"),
        ([[1, 1, 0]], (), "two classes"),
        ([[1, 2, 0]], (2,), "two classes"),
        ([[0, 0, 0]], (), "all 0"),
        ([[1.5, 2, 0]], (), "whole numbers; received 1.5"),
        ([list(range(2000))], (), "distinct values"),
    ],
)
def test_bad_maps(stored: list[list[float]], ignore: tuple[int, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        label_map(np.array(stored), ignore)


def test_zero_beside_another_unlabelled_value_is_asked_about() -> None:
    stored = np.array([[0, 1, -1], [0, 1, 2], [3, 3, 2]])
    with pytest.raises(UserError, match=r"0 is a class; received 0 beside -1.*`background`"):
        label_map(stored, ignore=(-1,))
    with pytest.raises(UserError, match="beside nodata"):
        label_map(np.where(stored < 0, np.nan, stored))
    with pytest.raises(UserError, match="beside nodata"):
        label_map(stored, nodata=-1)
    assert label_map(stored, ignore=(-1,), background=0).values == (1, 2, 3)
    for numbered in (
        label_map(stored, ignore=(-1,), background="none"),
        label_map(stored, background=-1),
        label_map(stored, nodata=-1, background="none"),
        label_map(np.where(stored < 0, np.nan, stored), background="none"),
    ):
        assert numbered.values == (0, 1, 2, 3)
        np.testing.assert_array_equal(numbered.labels, [[1, 2, 0], [1, 2, 3], [4, 4, 3]])


def test_zero_that_the_file_names_like_a_class_is_asked_about() -> None:
    stored = np.array([[0, 1, 2], [0, 1, 2]])
    with pytest.raises(UserError, match="0 named 'Water' by the file"):
        label_map(stored, zero_name="Water")
    for name in ("Unclassified", "unlabelled", "Background", None, ""):
        assert label_map(stored, zero_name=name).values == (1, 2)


def test_zero_that_fills_less_than_the_largest_class_is_said() -> None:
    stored = np.array([[0, 1, 2], [0, 1, 2], [2, 1, 2]])
    assert any("2 pixels hold 0" in note for note in label_map(stored).notes)
    assert label_map(stored, background=0).notes == ()
    assert label_map(np.where(stored == 1, 0, stored) * 2 + (stored == 1) * 3).notes == ()
    assert label_map(stored, background="none").values == (0, 1, 2)


def test_negative_labels_are_still_asked_about() -> None:
    with pytest.raises(UserError, match="positive; received -2"):
        label_map(np.array([[0, -2, 1]]), background="none")


def test_abundances_are_named() -> None:
    with pytest.raises(UserError, match="abundances"):
        label_map(np.random.default_rng(0).uniform(0, 1, (3, 3)))


@pytest.mark.parametrize(
    ("values", "dtype", "named"),
    [
        ([1, 2, 2**64 - 1], "u8", "18446744073709551615"),
        ([1, 2, 2**63], "u8", "9223372036854775808"),
        ([1, 2, 2**63 - 1], "i8", "9223372036854775807"),
        ([1, 2, -(2**63)], "i8", "-9223372036854775808"),
        ([1, 2, -(2**62)], "i8", "-4611686018427387904"),
        ([1, 2, 2**53], "i8", "9007199254740992"),
        ([1, 2, 1e19], "f8", "1e.19"),
        ([1, 2, 2.0**64], "f4", "1.84"),
        ([1, 2, np.inf], "f4", "inf"),
        ([1, 2, -np.inf], "f8", "-inf"),
    ],
)
def test_a_value_that_would_wrap_is_named(values: list[float], dtype: str, named: str) -> None:
    for background in (None, -1):
        with pytest.raises(UserError, match=f"must lie within 9,007,199,254,740,992.*received {named}"):
            label_map(np.array([values], dtype), background=background)


def test_large_values_that_are_held_and_a_nodata_value_that_is_not() -> None:
    assert label_map(np.array([[1, 2**53 - 1]])).values == (1, 2**53 - 1)
    assert label_map(np.array([[1, 2, 2**64 - 1]], "u8"), nodata=float(2**64 - 1)).values == (1, 2)


@pytest.mark.parametrize("value", [1.5, 1e-9, 2.999999])
def test_a_fraction_is_no_label(value: float) -> None:
    with pytest.raises(UserError, match=f"whole numbers; received {value}"):
        label_map(np.array([[1, 2, value, np.nan]]))

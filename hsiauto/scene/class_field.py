"""The values of a field of classes, as polygons and tables of spectra have it -> numbers and names."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError, shown
from hsiauto.settings import LARGEST_LABEL


def class_numbers(values: Sequence[Any], field: str) -> tuple[npt.NDArray[np.int64], tuple[str, ...] | None]:
    """((N,) the label of each value, the name of each label if they have names; that of 0 is of unlabelled pixels)."""
    words = [str(value).strip() for value in values]
    whole = [_whole(value, word) for value, word in zip(values, words, strict=True)]
    if fractions := [value for value, n in zip(values, whole, strict=True) if isinstance(value, float) and n is None]:
        remedy = "Give a field of classes, or write their names as text"
        raise UserError(f"the classes in {shown(field)} are text or whole numbers", fractions[0], remedy)
    if all(n is not None for n in whole):
        return np.array(whole, np.int64), None
    numbers, names = ranked(words)
    return numbers, ("unlabelled", *names)


def ranked(words: Iterable[str]) -> tuple[npt.NDArray[np.int64], list[str]]:
    """((N,) the place of each word among all, from 1; those in their order)."""
    words = list(words)
    names = sorted(set(words))
    places = {name: place for place, name in enumerate(names, start=1)}
    return np.array([places[word] for word in words], np.int64), names


def _whole(value: Any, word: str) -> int | None:
    """The whole number that a value is, if it is one; text such as 007 is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    number = value if is_number else int(word) if word.isdecimal() and str(int(word[:20])) == word else None
    return number if number is not None and abs(number) < LARGEST_LABEL else None

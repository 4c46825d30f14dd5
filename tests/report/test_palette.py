"""Readers who see no red or no green tell the classes apart too."""

import numpy as np
import numpy.typing as npt
import pytest

from hsiauto.report.palette import CLASS_COLOURS, class_colours

_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_EYES = {
    "full": np.eye(3),
    "protanope": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranope": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
"""Machado et al. 2009, table of full severity: linear RGB -> linear RGB as seen."""


def _lab(colours: npt.NDArray[np.uint8], eye: str) -> npt.NDArray[np.float64]:
    share = colours / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    x = np.clip(linear @ _EYES[eye].T, 0, 1) @ _XYZ.T / _XYZ.sum(axis=1)
    f = np.where(x > 216 / 24389, np.cbrt(x), (24389 / 27 * x + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


@pytest.mark.parametrize("eye", _EYES)
@pytest.mark.parametrize(("n", "least"), [(16, 20.0), (36, 12.0)])
def test_classes_are_told_apart(eye: str, n: int, least: float) -> None:
    seen = _lab(class_colours(n), eye)
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1)[~np.eye(n, dtype=bool)]
    assert apart.min() >= least


def test_beyond_the_last_colour_they_come_again_darker() -> None:
    colours = class_colours(2 * len(CLASS_COLOURS))
    assert len(np.unique(colours, axis=0)) == len(colours)

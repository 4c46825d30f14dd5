"""The real families, as small as they go."""

from hsiauto.space import Space
from hsiauto.split.seal import TrialData

PINS: dict[str, dict[str, int | str]] = {
    "cnn2d": {"components": 5, "patch": 5, "width": 8, "depth": 1},
    "spectral_memory": {"tokens": 8, "width": 8, "depth": 1, "heads": 2},
    "svm": {"features": "spectra"},
    "forest": {"n_trees": 10},
}


def small_space(data: TrialData, families: tuple[str, ...] = tuple(PINS)) -> Space:
    """The `tiny` space with its sizes pinned, bound to `data`."""
    pins = {f"{family}.{axis}": value for family in families for axis, value in PINS[family].items()}
    height, width, n_bands = data.cube.shape
    space = Space.load("tiny", families, pins)
    return space.bind(n_bands, len(data.train_pixels), height, width, data.n_classes)

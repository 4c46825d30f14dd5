"""Reflectance of simulated surfaces, 400-2500 nm.

A surface is a linear mixture of green leaves, straw and soil. Each of the three is a smooth continuum times
exp(-sum of Gaussian absorption features); band centres are those of the usual field spectroscopy (chlorophyll 450 and
670 nm, leaf water 970 / 1200 / 1450 / 1940 nm, cellulose and lignin 2100 / 2300 nm, iron oxides 480 / 870 nm, clay
2200 nm). Widths and depths are round figures chosen to look right, not retrievals.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Surface:
    """Composition of a patch of ground. All dimensionless; 0 to 1 unless said otherwise."""

    cover: float
    """Share of the ground under green leaves."""
    chlorophyll: float
    leaf_water: float
    straw: float
    """Share of dry plants on the ground between the leaves."""
    brightness: float
    """Reflectance of the dry soil in the short-wave infrared."""
    iron: float
    clay: float
    moisture: float


CROPS: dict[str, Surface] = {
    "corn": Surface(0.80, 0.85, 0.70, 0.20, 0.42, 0.50, 0.50, 0.25),
    "corn, early": Surface(0.68, 0.72, 0.62, 0.20, 0.42, 0.50, 0.50, 0.28),
    "soybean": Surface(0.72, 0.70, 0.80, 0.12, 0.40, 0.55, 0.55, 0.30),
    "wheat": Surface(0.45, 0.45, 0.40, 0.60, 0.46, 0.45, 0.45, 0.15),
    "stubble": Surface(0.22, 0.40, 0.35, 0.72, 0.48, 0.45, 0.45, 0.12),
    "fallow": Surface(0.14, 0.45, 0.45, 0.45, 0.46, 0.55, 0.55, 0.18),
    "alfalfa": Surface(0.88, 0.95, 0.88, 0.08, 0.38, 0.50, 0.50, 0.35),
    "vineyard": Surface(0.40, 0.75, 0.60, 0.25, 0.50, 0.60, 0.35, 0.12),
}
"""The classes of a scene, in order; a scene of more classes repeats them with other growth (`class_surfaces`)."""

BACKGROUND: dict[str, Surface] = {
    "gravel": Surface(0.06, 0.40, 0.30, 0.15, 0.58, 0.20, 0.20, 0.05),
    "grass": Surface(0.62, 0.60, 0.50, 0.45, 0.40, 0.45, 0.45, 0.25),
    "trees": Surface(0.95, 1.00, 0.75, 0.10, 0.20, 0.45, 0.40, 0.40),
    "asphalt": Surface(0.00, 0.50, 0.50, 0.00, 0.17, 0.05, 0.05, 0.00),
    "pond": Surface(0.03, 0.60, 0.80, 0.00, 0.10, 0.10, 0.05, 1.00),
}

SPREAD = Surface(0.10, 0.10, 0.12, 0.12, 0.05, 0.10, 0.12, 0.08)
"""Typical deviation of each property between two fields of one crop."""

_CHLOROPHYLL = (
    (440, 45, 1.6),
    (490, 30, 0.9),
    (560, 70, 0.7),
    (620, 45, 0.8),
    (670, 28, 1.7),
)  # centre nm, width nm, depth
_LEAF_WATER = ((970, 30, 0.12), (1200, 45, 0.25), (1450, 75, 1.3), (1940, 95, 1.7), (2500, 260, 1.0))
_CELLULOSE = ((2100, 55, 0.30), (2300, 50, 0.22), (1940, 70, 0.25), (1450, 60, 0.12))
_IRON = ((480, 70, 0.55), (870, 90, 0.30))
_CLAY = ((2200, 28, 0.35), (1410, 25, 0.12))
_SOIL_WATER = ((1450, 65, 0.9), (1940, 85, 1.4))


def wavelengths(n_bands: int) -> Floats:
    """Band centres in nm, (C,), evenly spaced over 400-2500."""
    return np.linspace(400.0, 2500.0, n_bands)


def gaussians(nm: Floats, features: tuple[tuple[float, float, float], ...]) -> Floats:
    """Sum of Gaussians (centre nm, width nm, height) at the band centres `nm` (C,)."""
    centre, width, height = np.array(features, dtype=float).T
    return (np.exp(-0.5 * ((nm[:, None] - centre) / width) ** 2) * height).sum(1)


def reflectance(surfaces: Sequence[Surface], nm: Floats) -> Floats:
    """Spectra (N, C) of N surfaces at the band centres `nm` (C,)."""
    cover, chlorophyll, leaf_water, straw, brightness, iron, clay, moisture = np.array(
        [astuple(surface) for surface in surfaces]
    ).T[:, :, None]
    leaf = 0.52 * np.exp(
        -0.12  # pigments other than chlorophyll, and the fall of scattering with wavelength
        - 0.9 / (1 + np.exp((nm - 545) / 25))
        - chlorophyll * gaussians(nm, _CHLOROPHYLL)
        - leaf_water * gaussians(nm, _LEAF_WATER)
        - 0.25 * (nm - 400) / 2100
    )
    dry = 0.50 * (1 - 0.80 * np.exp(-(nm - 380) / 420)) * np.exp(-gaussians(nm, _CELLULOSE))
    soil = brightness * (1 - 0.78 * np.exp(-(nm - 380) / 520))
    soil = soil * np.exp(
        -iron * gaussians(nm, _IRON) - clay * gaussians(nm, _CLAY) - moisture * (0.6 + gaussians(nm, _SOIL_WATER))
    )
    return cover * leaf + (1 - cover) * (straw * dry + (1 - straw) * soil)


def class_surfaces(n_classes: int, rng: np.random.Generator) -> list[Surface]:
    """One surface per class: the crops in order, then each again, grown or dried by one to two field deviations.

    So a scene of 16 classes has pairs that differ little, as real ones do (four ages of lettuce in Salinas).
    """
    crops = [np.array(astuple(crop)) for crop in CROPS.values()]
    spread = np.array(astuple(SPREAD))
    surfaces = []
    for k in range(n_classes):
        step = k // len(crops)
        direction = rng.choice((-1.0, 1.0), spread.size) * rng.uniform(1.0, 2.0, spread.size)
        surfaces.append(Surface(*np.clip(crops[k % len(crops)] + step**0.5 * spread * direction, 0.02, 0.98)))
    return surfaces


def variation_modes(surfaces: Sequence[Surface], nm: Floats) -> Floats:
    """Spectral modes (K, C) of within-class variability: one per property of a surface.

    A mode is the change of the mean surface's reflectance when that property moves by its `SPREAD`.
    """
    mean = np.mean([astuple(surface) for surface in surfaces], axis=0)
    steps = np.diag(astuple(SPREAD)) / 2
    above = reflectance([Surface(*(mean + step)) for step in steps], nm)
    below = reflectance([Surface(*(mean - step)) for step in steps], nm)
    return above - below

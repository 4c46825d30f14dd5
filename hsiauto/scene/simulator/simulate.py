"""Simulated scenes: `demo`, and any label map clothed in spectra.

    cube = counts(light * (PSF * abundances) @ spectra) + noise

Spectra and their variability come from `simulator.spectra`, geometry from `simulator.fields`, light and noise from
`simulator.sensor`. What makes a class hard is physical: crops that resemble each other, fields of one crop that differ
(growth, soil, water), pixels that vary within a field, mixed pixels at boundaries. Labels are never falsified.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.scene.memory import require
from hsiauto.scene.model import Scene
from hsiauto.scene.simulator import fields as land
from hsiauto.scene.simulator import sensor as optics
from hsiauto.scene.simulator import spectra
from hsiauto.scene.wavelengths import rgb_bands

_PIXEL_BYTES = 120
"""Of each pixel's light, fields and mixtures, beside 4 for each band."""
_STRIP_ROWS = 32  # fixed: the noise of a pixel depends on the order of the draws


@dataclass(frozen=True)
class Variability:
    """Standard deviations within a class, in units of `spectra.SPREAD`; lengths in pixels."""

    between_fields: float = 0.3
    within_field: float = 0.1
    within_field_length: float = 4.0
    between_pixels: float = 0.9
    light: float = 0.10
    light_length: float = 14.0
    point_spread: float = 0.55


_VARIABILITY = Variability()
_DEMO_SURVEYED = 0.25
_DEMO_SHARES = (0.17, 0.14, 0.13, 0.11, 0.09, 0.08, 0.06, 0.03)


def demo(seed: int = 0) -> Scene:
    """Farmland of 96 x 96 pixels, 100 bands, 8 classes: small enough to search on two cores in minutes."""
    labels = land.farmland(96, 96, _DEMO_SHARES, _generator(seed, 1))
    names = tuple(spectra.CROPS)
    return simulate(labels, name="demo", n_bands=100, seed=seed, class_names=names, surveyed=_DEMO_SURVEYED)


def simulate(
    labels: npt.NDArray[np.integer],
    *,
    name: str,
    n_bands: int = 200,
    seed: int = 0,
    class_names: Sequence[str] | None = None,
    surveyed: float = 1.0,
) -> Scene:
    """A scene with the geometry of `labels` (H, W): 0 = unlabelled, any other value a class of its own.

    The cube is uint16 (H, W, n_bands), 400-2500 nm. `class_names` follow the sorted values of the classes. `surveyed`:
    share of the labelled pixels, drawn at random, that keep their label. The same arguments give the same scene.
    Raises UserError on labels that are no label map.
    """
    require(labels.size * (4 * n_bands + _PIXEL_BYTES), "a simulated scene", "Give a smaller label map.")
    label_values = _label_values(labels)
    if n_bands < 3:
        raise UserError("a scene needs 3 bands or more", n_bands, "Ask for more bands.")
    if class_names is None:
        class_names = tuple(f"class {value}" for value in label_values)
    if len(class_names) != len(label_values):
        raise UserError("one name per class", f"{len(class_names)} names for {len(label_values)} classes", "Name each.")
    classes = np.searchsorted((0, *label_values), labels).astype(np.int16)
    cube, nm = _cube(classes, n_bands, _generator(seed, 0))
    wavelengths_nm = tuple(nm.tolist())
    if surveyed < 1:
        classes[_generator(seed, 2).random(classes.shape) >= surveyed] = 0
    digest = hashlib.sha256(cube.data)
    digest.update(classes.data)
    return Scene(
        name=name,
        cube=cube,
        labels=classes,
        class_names=tuple(class_names),
        label_values=label_values,
        valid=np.ones(classes.shape, dtype=bool),
        rgb_bands=rgb_bands(n_bands, wavelengths_nm),
        wavelengths_nm=wavelengths_nm,
        data_hash=digest.hexdigest(),
        notes=(f"simulated, seed {seed}",),
    )


def _generator(seed: int, stream: int) -> np.random.Generator:
    if seed < 0:
        raise UserError("a seed must be 0 or more", seed)
    return np.random.default_rng([seed, stream])


def _label_values(labels: npt.NDArray[np.integer]) -> tuple[int, ...]:
    if labels.ndim != 2 or labels.dtype.kind not in "iu":
        raise UserError("labels must be whole numbers, rows x columns", f"{labels.dtype} of shape {labels.shape}")
    if labels.size and labels.min() < 0:
        raise UserError("labels must not be negative", int(labels.min()), "Name the values to ignore.")
    values = tuple(np.unique(labels[labels != 0]).tolist())
    if not values:
        raise UserError("a label map needs labelled pixels", "none", "Give the ground truth of the scene.")
    return values


def _cube(
    classes: npt.NDArray[np.int16], n_bands: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.uint16], spectra.Floats]:
    """The cube (H, W, C), and its band centres in nm (C,)."""
    height, width = classes.shape
    nm = spectra.wavelengths(n_bands)
    surfaces = spectra.class_surfaces(int(classes.max()), rng)
    modes = spectra.variation_modes(surfaces, nm)
    basis_KC = np.concatenate([spectra.reflectance([*surfaces, *spectra.BACKGROUND.values()], nm), modes])
    abundance_KHW = _abundances(classes, len(surfaces), len(modes), rng)
    light = 1 + _VARIABILITY.light * land.smooth_map(height, width, _VARIABILITY.light_length, rng)
    sensor = optics.Sensor.draw(nm, rng)

    cube = np.empty((height, width, n_bands), dtype=np.uint16)
    for top in range(0, height, _STRIP_ROWS):
        rows = slice(top, top + _STRIP_ROWS)
        # in float64, so that no count depends on the order in which a machine's BLAS adds
        abundance = abundance_KHW[:, rows].reshape(len(basis_KC), -1).astype(np.float64)
        ground = np.maximum(abundance.T @ basis_KC, 0.004).astype(np.float32)
        cube[rows] = sensor.expose(ground, light[rows].ravel(), rng).reshape(cube[rows].shape)
    return cube, nm


def _abundances(
    classes: npt.NDArray[np.int16], n_classes: int, n_modes: int, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Share of each material and strength of each mode (K, H, W), as the optics see them."""
    height, width = classes.shape
    field, kind = land.fields(classes, rng)
    # unlabelled land: mostly other materials, but also crops that nobody mapped
    unmapped = kind < 0
    materials = [*range(n_classes, n_classes + len(spectra.BACKGROUND)), *rng.choice(n_classes, 2)]
    kind[unmapped] = rng.choice(materials, int(unmapped.sum()))
    material = kind[field]
    offsets = _VARIABILITY.between_fields * rng.standard_normal((n_modes, kind.size), dtype=np.float32)

    maps = np.empty((n_classes + len(spectra.BACKGROUND) + n_modes, height, width), dtype=np.float32)
    n_materials = len(maps) - n_modes
    for k in range(n_materials):
        maps[k] = material == k
    for m in range(n_modes):
        maps[n_materials + m] = (
            offsets[m][field]
            + _VARIABILITY.within_field * land.smooth_map(height, width, _VARIABILITY.within_field_length, rng)
            + _VARIABILITY.between_pixels * rng.standard_normal((height, width), dtype=np.float32)
        )
    return optics.blur(maps, _VARIABILITY.point_spread)

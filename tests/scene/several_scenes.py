"""Small scenes of one list of classes."""

from pathlib import Path

import numpy as np

from hsiauto.scene.model import GeoReference, Scene

NAMES = ("corn", "wheat")


def scene(
    name: str,
    height: int = 6,
    width: int = 5,
    *,
    nm: tuple[float, ...] | None = (500.0, 510.0, 520.0, 530.0),
    n_bands: int = 4,
    names: tuple[str, ...] = NAMES,
    values: tuple[int, ...] = (1, 2),
    dropped: tuple[int, ...] = (),
    geo: GeoReference | None = None,
) -> Scene:
    """Its classes stand in its rows in turn; the cube holds numbers of its own."""
    labels = np.zeros((height, width), np.int16)
    labels[:, 1:] = np.arange(height)[:, None] % len(names) + 1
    n_bands = n_bands if nm is None else len(nm)
    cube = np.random.default_rng(len(name)).random((height, width, n_bands), np.float32) + 1
    return Scene(
        name=name,
        cube=cube,
        labels=labels,
        class_names=names,
        label_values=values,
        valid=np.ones((height, width), np.bool_),
        rgb_bands=(2, 1, 0),
        wavelengths_nm=nm,
        dropped_bands=dropped,
        geo=geo,
        data_hash=name,
        notes=(f"{name} flown at noon", "calibrated"),
    )


def stored(folder: Path, name: str, height: int = 12, width: int = 9, classes: int = 3) -> tuple[Path, Path]:
    """A cube and its label map as files."""
    rng = np.random.default_rng(height + width)
    labels = np.arange(height * width).reshape(height, width) % (classes + 1)
    cube = rng.integers(100, 4000, (height, width, 5), np.uint16)
    paths = folder / f"{name}.npy", folder / f"{name}_gt.npy"
    for path, array in zip(paths, (cube, labels.astype(np.uint8)), strict=True):
        np.save(path, array)
    return paths

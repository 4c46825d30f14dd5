"""A tiny scene, written in every format that hsiauto reads."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import rasterio
import scipy.io
from rasterio.transform import from_origin

H, W, C = 7, 6, 5
Array = npt.NDArray[np.generic]
WAVELENGTHS_UM = (0.46, 0.55, 0.64, 0.80, 1.60)


def cube() -> npt.NDArray[np.uint16]:
    return np.random.default_rng(0).integers(1, 4000, (H, W, C), dtype=np.uint16)


def labels() -> npt.NDArray[np.uint8]:
    """Two classes, 3 and 7, and unlabelled pixels."""
    values = np.zeros((H, W), np.uint8)
    values[:3], values[4:, :3] = 3, 7
    return values


def _bands_first(array: Array) -> Array:
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def mat5(path: Path, array: Array) -> Path:
    scipy.io.savemat(path, {"data": array, "wavelength": np.arange(5.0), "scale": 1.0, "comment": "text"})
    return path


def mat73(path: Path, array: Array) -> Path:
    """As MATLAB's `save -v7.3` does: the axes of every array reversed."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset("data", data=array.T).attrs["MATLAB_class"] = np.bytes_("uint16")
        file.create_dataset("wavelength", data=np.arange(5.0)[:, None])
        file.create_group("#refs#").create_dataset("a", data=array.T)
    return path


def npy(path: Path, array: Array) -> Path:
    np.save(path, array)
    return path


def npz(path: Path, array: Array) -> Path:
    np.savez_compressed(path, data=array, wavelength=np.arange(5.0))
    return path


def tif(path: Path, array: Array, **profile: object) -> Path:
    return _raster(path, array, driver="GTiff", **profile)


def envi(path: Path, array: Array, header: str = "", **profile: object) -> Path:
    """Writes `path` and its header; returns the header."""
    _raster(path, array, **({"driver": "ENVI", "interleave": "bil"} | profile))
    hdr = path.with_suffix(".hdr")
    hdr.write_text(hdr.read_text() + header)
    return hdr


def _raster(path: Path, array: Array, **profile: object) -> Path:
    bands = _bands_first(array)
    geo = {"crs": "EPSG:32616", "transform": from_origin(500_000, 4_000_000, 20, 20)}
    size = {"count": bands.shape[0], "height": bands.shape[1], "width": bands.shape[2], "dtype": bands.dtype}
    with rasterio.open(path, "w", **(geo | size | profile)) as raster:
        raster.write(bands)
    return path


WRITERS: dict[str, tuple[str, Callable[[Path, Array], Path]]] = {
    "mat5": ("scene.mat", mat5),
    "mat73": ("scene.mat", mat73),
    "npy": ("scene.npy", npy),
    "npz": ("scene.npz", npz),
    "tif": ("scene.tif", tif),
    "envi": ("scene.dat", envi),
}


def write(folder: Path, form: str, array: Array) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    name, writer = WRITERS[form]
    return writer(folder / name, array)

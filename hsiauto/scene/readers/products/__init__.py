"""Products of imaging spectrometers as they are delivered, by their own metadata: a file for each layout."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from hsiauto.errors import UserError
from hsiauto.scene.readers.stored import Stored, unreadable

HDF5 = (".nc", ".nc4", ".he5", ".h5", ".hdf5")
_KNOWN = "EMIT L2A, PRISMA L2D, Tanager and AVIRIS-3 files are known"


def is_product(path: Path) -> bool:
    """Whether a file's name is that of a product, or of a part of one that has its metadata beside it."""
    from hsiauto.scene.readers.products import spectral_image

    return path.suffix.lower() in HDF5 or spectral_image.metadata_of(path) is not None


def parts(path: Path) -> Iterator[Path]:
    """The other files that a product is read from."""
    from hsiauto.scene.readers.products import emit, spectral_image

    if (metadata := spectral_image.metadata_of(path)) is not None:
        yield metadata
        yield from spectral_image.images_of(metadata)
    elif (mask := emit.mask_of(path)) is not None:
        yield mask


def read(path: Path) -> Stored:
    """The cube of a product with wavelengths, bad bands, missing pixels and place.

    Raises UserError for a file of another layout, a truncated one, and for a cube that memory does not hold.
    """
    from hsiauto.scene.readers.products import spectral_image

    if (metadata := spectral_image.metadata_of(path)) is not None:
        return spectral_image.read(metadata)
    return _read_hdf5(path)


def _read_hdf5(path: Path) -> Stored:
    import h5py

    from hsiauto.scene.readers.hdf5 import arrays
    from hsiauto.scene.readers.products import aviris3, emit, prisma, tanager
    from hsiauto.scene.readers.products.layout import Product

    layouts: dict[str, Callable[[Product], Stored]] = {
        "sensor_band_parameters/wavelengths": emit.read,
        f"{prisma.FIELDS}/VNIR_Cube": prisma.read,
        "reflectance/wavelength": aviris3.read,
        f"{tanager.GRID}/Data Fields/{tanager.REFLECTANCE}": tanager.read,
        f"{tanager.SWATH}/Data Fields/{tanager.REFLECTANCE}": tanager.read,
    }
    try:
        with h5py.File(path) as file:
            product = Product(path, file, arrays(file, path))
            found = [read for name, read in layouts.items() if name in product.arrays]
            if not found:
                held = ", ".join(list(product.arrays)[:5]) or "no array"
                raise UserError(f"{path} must be a product of a known layout", f"{held}, ...", _KNOWN)
            return found[0](product)
    except UserError:
        raise
    except (OSError, ValueError, TypeError, LookupError, RuntimeError, OverflowError, struct.error) as error:
        rule = "a product must be a whole HDF5 or NetCDF-4 file"
        raise UserError(rule, unreadable(path, "such file", error), "Download it again") from error

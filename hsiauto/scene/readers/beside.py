"""The files that GDAL opens by itself beside an image, looked at first: none leads anywhere else."""

from pathlib import Path

from hsiauto.errors import UserError
from hsiauto.files import regular_file

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
LARGEST_XML = 8 << 20
_AGAIN = "Move it away, or write it again with GDAL."


def check_beside(image: Path) -> bool:
    """Whether metadata in .aux.xml lie beside `image`; without them GDAL would look for another format there.

    Raises UserError for a pipe or a device that has the image's name, for a mask that is no TIFF (GDAL would open
    whatever it is), and for huge metadata. Overviews are never asked for, so never opened.
    """
    stem, name = image.stem.lower(), image.name.lower()
    metadata = False
    for file in image.absolute().parent.iterdir():
        beside = file.name.lower()
        if not beside.startswith(stem):
            continue
        if file.exists() and not file.is_dir() and not file.is_file():
            regular_file(file)
        if beside == f"{name}.msk" and not is_tiff(file):
            raise UserError(f"{file} must be a GeoTIFF, as GDAL writes the mask of an image", "another format", _AGAIN)
        if beside == f"{name}.aux.xml":
            metadata = True
            if (size := file.stat().st_size) > LARGEST_XML:
                raise UserError(f"{file} must have at most {LARGEST_XML:,} bytes", f"{size:,}", _AGAIN)
    return metadata


def is_tiff(path: Path) -> bool:
    """Whether a file begins as a TIFF does."""
    with path.open("rb") as file:
        return file.read(4) in TIFF

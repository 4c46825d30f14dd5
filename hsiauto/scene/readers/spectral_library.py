"""ENVI spectral libraries: a spectrum a line of the data file, its name in the header.

https://www.nv5geospatialsoftware.com/docs/enviheaderfiles.html
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hsiauto.errors import UserError
from hsiauto.files import regular_file
from hsiauto.scene.memory import require
from hsiauto.scene.readers.envi import header_of
from hsiauto.scene.wavelengths import to_nm

if TYPE_CHECKING:
    import pyarrow as pa

CLASS = "class"
"""The column that holds the name of a spectrum without the number at its end: oak_1 and oak_2 are oak."""


def read(path: Path) -> "pa.Table":
    """The library at `path` (.sli, its header beside it) as a table: spectrum, class, and a column for each band.

    Raises UserError for a header that is no library's, or does not fit the file.
    """
    import pyarrow as pa

    header = header_of(regular_file(path))
    if header is None or header.fields.get("file type", "").strip().lower() != "envi spectral library":
        received = "no header" if header is None else header.fields.get("file type", "no `file type`")
        raise UserError(f"{path} needs a header beside it of an ENVI Spectral Library", received, "Export it again.")
    n_bands, n_spectra = (header.whole(field, None, 1) for field in ("samples", "lines"))
    wavelengths, _ = to_nm(header.numbers("wavelength", n_bands), header.fields.get("wavelength units"))
    names = header.items("spectra names")
    if wavelengths is None:
        raise header.refusal("wavelength", "must name the band of each sample")
    if len(names) != n_spectra:
        raise header.refusal("spectra names", f"must name each of {n_spectra} spectra")
    offset, n_bytes = header.whole("header offset", 0), n_spectra * n_bands * header.dtype.itemsize
    if path.stat().st_size < offset + n_bytes:
        raise UserError(f"{path} must hold {n_spectra} spectra of {n_bands} bands", "a shorter file", "Get all of it.")
    require(4 * n_bytes, f"the spectra of {path}", "Give fewer of them.")
    values = np.fromfile(path, header.dtype, n_spectra * n_bands, offset=offset).reshape(n_spectra, n_bands)
    columns = {f"{nm:.10g}": values[:, band].astype(np.float64) for band, nm in enumerate(wavelengths)}
    classes = [re.sub(r"[\s_.:#-]*[0-9]*$", "", name) or name for name in names]
    return pa.table({"spectrum": names, CLASS: classes, **columns})

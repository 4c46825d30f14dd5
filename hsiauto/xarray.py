"""`import hsiauto.xarray` gives every DataArray `array.hsiauto.predict(bundle)`."""

from pathlib import Path
from typing import Any

import numpy as np

from hsiauto.errors import UserError
from hsiauto.models.bundle import Bundle, load_bundle
from hsiauto.models.predict import on_fastest_device, predict_scene
from hsiauto.scene.bands import ModelBands
from hsiauto.scene.opening import image_of
from hsiauto.scene.readers.stored import Stored
from hsiauto.scene.source import MatchBands, SceneSource
from hsiauto.scene.wavelengths import to_nm

try:
    import xarray
except ModuleNotFoundError as error:
    raise UserError("hsiauto.xarray needs xarray", "none installed", "pip install 'hsiauto[xarray]'") from error

BANDS = ("band", "bands", "wavelength", "wavelengths")
"""Names of the dimension of bands, as rioxarray and the readers of ENVI call it."""
_WAVELENGTHS = ("wavelength", "wavelengths")
_OF_GROUND = ("grid_mapping", "crs", "transform")
"""What an array's attributes, or its encoding, say of its place on the ground."""


@xarray.register_dataarray_accessor("hsiauto")
class Accessor:
    """What hsiauto does with an image that is a DataArray of two dimensions on the ground and one of bands."""

    def __init__(self, array: xarray.DataArray) -> None:
        self._array = array

    def predict(
        self, bundle: str | Path | Bundle, *, bands: str | None = None, match_bands: MatchBands = "exact"
    ) -> xarray.DataArray:
        """The class of every pixel in the label values of the model's training; without data, a number that no class
        has. Coordinates and the reference system are those of the image.

        bands: the dimension of bands; None: the one that is called so (`BANDS`). A coordinate along it that is called
        wavelength, or is one, is matched with the model's wavelengths as `match_bands` says. Raises UserError as
        `hsiauto.predict`.
        """
        axis = self._dimension(bands)
        loaded = bundle if isinstance(bundle, Bundle) else load_bundle(Path(bundle))
        known = loaded.provenance
        turned = self._array.transpose(..., axis)
        nodata = turned.encoding.get("_FillValue", turned.attrs.get("_FillValue"))
        wavelengths_nm, note = self._wavelengths(axis)
        stored = Stored(
            turned.to_numpy(),
            axes_known=True,
            nodata=None if nodata is None else float(nodata),
            wavelengths_nm=wavelengths_nm,
            notes=(note,) if note else (),
        )
        model = ModelBands(loaded.fitted.n_bands, known.wavelengths_nm, known.dropped_bands)
        image = image_of(stored, str(self._array.name or "array"), SceneSource(match_bands=match_bands), model)
        predicted = predict_scene(on_fastest_device(loaded.fitted), image.cube, image.valid)
        unlabelled = next(value for value in range(len(known.label_values) + 1) if value not in known.label_values)
        values = np.array([unlabelled, *known.label_values], np.int32)
        kept = {name: value for name, value in turned.coords.items() if axis not in value.dims}
        drawn = xarray.DataArray(values[predicted.classes], kept, turned.dims[:-1], "class")
        drawn.attrs = {name: turned.attrs[name] for name in _OF_GROUND if name in turned.attrs}
        drawn.attrs |= {
            "flag_values": [int(value) for value in known.label_values],
            "flag_meanings": " ".join("_".join(name.split()) for name in known.class_names),
        }
        drawn.encoding = {name: turned.encoding[name] for name in _OF_GROUND if name in turned.encoding}
        drawn.encoding["_FillValue"] = unlabelled
        return drawn

    def _dimension(self, bands: str | None) -> str:
        names = [str(name) for name in self._array.dims]
        found = [name for name in names if name == bands or (bands is None and name.lower() in BANDS)]
        if len(names) != 3 or len(found) != 1:
            received = ", ".join(f"{name}: {size}" for name, size in self._array.sizes.items())
            rule = "an image has two dimensions on the ground and one of bands"
            raise UserError(rule, received, f"Call that of bands {BANDS[0]}, or name it in `bands`.")
        return found[0]

    def _wavelengths(self, axis: str) -> tuple[tuple[float, ...] | None, str | None]:
        """In nm; None: the image names none. And a note, if there is one."""
        for name, along in self._array.coords.items():
            if along.dims == (axis,) and str(name).lower() in _WAVELENGTHS:
                return to_nm(_numbers(along.to_numpy()), along.attrs.get("units"))
        return None, None


def _numbers(values: Any) -> Any:
    """Wavelengths may be words of a header."""
    try:
        return np.asarray(values, float)
    except ValueError as error:
        raise UserError("wavelengths of bands are numbers", values[:3], "Correct the coordinate.") from error

"""Makes a Scene of stored arrays: axes, bands, missing data, labels, hash."""

import hashlib
from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.scene.label_map import LabelMap, label_map, name_classes, plane
from hsiauto.scene.layout import Layout, to_hwc
from hsiauto.scene.model import Scene
from hsiauto.scene.placement import place
from hsiauto.scene.readers.stored import Stored
from hsiauto.scene.registry.known import RegisteredScene
from hsiauto.scene.scan import Scan, scan, strips
from hsiauto.scene.wavelengths import rgb_bands


def assemble(
    name: str,
    cube: Stored,
    labels: Stored | None,
    *,
    layout: Layout | None = None,
    n_bands: int | None = None,
    ignore: Collection[int] = (),
    facts: RegisteredScene | None = None,
    notes: tuple[str, ...] = (),
) -> Scene:
    """A checked Scene; `facts` are those of the registry.

    `labels` None: every pixel unlabelled, no class; `n_bands`, counted after bad bands are dropped, is then required.

    Raises UserError if sizes differ or the order of the axes is open, for a cube that is constant or without data,
    for bad labels, and for labelled pixels without data.
    """
    plane_HW = None if labels is None else plane(labels.array)
    placed: tuple[str, ...] = ()
    if labels is not None and plane_HW is not None and cube.axes_known:
        plane_HW, placed = place(plane_HW, labels.geo, (cube.array.shape[0], cube.array.shape[1]), cube.geo)
    grid = None if plane_HW is None else (plane_HW.shape[0], plane_HW.shape[1])
    if cube.axes_known:
        if layout == "CHW":
            raise UserError(
                "`layout` is for .mat, .npy and .npz", "a format that names its bands itself", "Leave it out"
            )
        layout = "HWC"
    if layout is None and grid is None and n_bands is not None:
        layout = _layout_of_bands(cube, n_bands)
    turned = to_hwc(cube.array, layout, grid)
    found = scan(turned, cube.nodata)
    _check_values(name, found)
    numbered = LabelMap(np.zeros(turned.shape[:2], np.int16), (), ())
    class_names: tuple[str, ...] = ()
    if labels is not None and plane_HW is not None:
        numbered = label_map(plane_HW, ignore, labels.nodata)
        _check_labelled(numbered, found.valid)
        class_names = _class_names(numbered.values, labels, facts)
    kept = _kept_bands(cube, found, turned.shape[2])
    if n_bands is not None and kept.sum() != n_bands:
        raise UserError(f"the scene must have the model's {n_bands} bands", int(kept.sum()), "Give the scene that fits")
    wavelengths = cube.wavelengths_nm
    if wavelengths is not None:
        wavelengths = tuple(np.asarray(wavelengths)[kept].tolist())
    registered = facts.rgb_bands if facts is not None and kept.all() else None
    digest = hashlib.sha256(found.sha256.encode())
    digest.update(numbered.labels.data)
    return Scene(
        name=name,
        cube=_settled(turned, kept),
        labels=numbered.labels,
        class_names=class_names,
        label_values=numbered.values,
        valid=found.valid,
        rgb_bands=registered or rgb_bands(int(kept.sum()), wavelengths),
        wavelengths_nm=wavelengths,
        geo=cube.geo or (labels.geo if labels is not None else None),
        data_hash=digest.hexdigest(),
        notes=(*notes, *cube.notes, *placed, *_band_notes(cube, found), *_pixel_notes(found), *numbered.notes),
    )


def _layout_of_bands(cube: Stored, n_bands: int) -> Layout:
    """The order of the axes that leaves `n_bands` once empty bands are dropped. Raises UserError: none, or both."""
    views: dict[Layout, npt.NDArray[np.generic]] = {"HWC": cube.array, "CHW": cube.array.transpose(1, 2, 0)}
    possible = [layout for layout, view in views.items() if view.shape[2] >= n_bands]
    if len(possible) == 1:
        return possible[0]
    fit = [
        layout
        for layout in possible
        if _kept_bands(cube, scan(views[layout], cube.nodata), views[layout].shape[2]).sum() == n_bands
    ]
    if len(fit) == 1:
        return fit[0]
    to_hwc(cube.array, None, n_bands=None if fit else n_bands)  # raises: neither order has so many, or both
    raise UserError(
        f"the cube must have {n_bands} bands with data", "fewer in either order", "Give the scene that fits"
    )


def _check_values(name: str, found: Scan) -> None:
    if not found.valid.any():
        raise UserError(f"{name} must have pixels with data", "nodata or NaN everywhere", "Give the image itself")
    if found.constant:
        raise UserError(f"the pixels of {name} must differ", "a constant cube", "Check the file, `key` and the units")


def _check_labelled(numbered: LabelMap, valid: npt.NDArray[np.bool_]) -> None:
    rows, columns = np.nonzero((numbered.labels > 0) & ~valid)
    if len(rows):
        raise UserError(
            "a labelled pixel needs data in every band",
            f"{len(rows):,} labelled pixels with nodata or NaN, the first at row {rows[0]}, column {columns[0]}",
            "Set their labels to 0, or fill the cube there",
        )


def _class_names(values: tuple[int, ...], labels: Stored, facts: RegisteredScene | None) -> tuple[str, ...]:
    if facts is not None and facts.classes is not None:
        if strange := [value for value in values if facts.class_name(value) is None]:
            raise UserError(f"{facts.name} has {facts.n_classes} classes", f"label {strange[0]}", "Get the right file")
        return name_classes(values, facts.class_name)
    listed = labels.class_names or ()
    return name_classes(values, lambda value: listed[value] if value < len(listed) else None)


def _kept_bands(cube: Stored, found: Scan, n_bands: int) -> npt.NDArray[np.bool_]:
    kept = np.ones(n_bands, np.bool_) if cube.good_bands is None else np.asarray(cube.good_bands)
    kept = kept.copy()
    kept[list(found.empty_bands)] = False
    if not kept.any():
        raise UserError("a cube needs good bands", "a header that calls all of them bad", "Correct its bbl list")
    return kept


def _settled(cube: npt.NDArray[np.generic], kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.generic]:
    """The kept bands: on disk if all are kept, else C-contiguous, because patches are gathered pixel by pixel."""
    if not kept.all():
        out = np.empty((*cube.shape[:2], int(kept.sum())), cube.dtype.newbyteorder("="))
        for top, strip in strips(cube):
            out[top : top + len(strip)] = strip[..., kept]
        return out
    return cube if isinstance(cube, np.memmap) else np.ascontiguousarray(cube, cube.dtype.newbyteorder("="))


def _band_notes(cube: Stored, found: Scan) -> list[str]:
    notes = []
    if cube.good_bands is not None and (bad := cube.good_bands.count(False)):
        notes.append(f"{bad} bands dropped: bad by the header's list")
    if found.empty_bands:
        notes.append(f"{len(found.empty_bands)} bands dropped: no data at any pixel")
    return notes


def _pixel_notes(found: Scan) -> list[str]:
    missing = int((~found.valid).sum())
    return [f"{missing:,} pixels without data"] if missing else []

"""Makes a Scene of stored arrays: axes, bands, missing data, labels, hash."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.scene.label_map import Background, LabelMap, label_map, name_classes, plane, unlabelled_value
from hsiauto.scene.layout import Layout, to_hwc
from hsiauto.scene.left_out import LeftOut, OnNodata, leave_out
from hsiauto.scene.memory import require
from hsiauto.scene.model import Scene
from hsiauto.scene.placement import place
from hsiauto.scene.readers.stored import Stored
from hsiauto.scene.registry.known import RegisteredScene
from hsiauto.scene.scan import Scan, missing, scan, strips
from hsiauto.scene.wavelengths import rgb_bands


def assemble(
    name: str,
    cube: Stored,
    labels: Stored | None,
    *,
    layout: Layout | None = None,
    n_bands: int | None = None,
    ignore: Collection[int] = (),
    background: Background | None = None,
    nodata: float | Literal["none"] | None = None,
    on_nodata: OnNodata | None = None,
    drop_bands: Collection[int] = (),
    facts: RegisteredScene | None = None,
    notes: tuple[str, ...] = (),
) -> Scene:
    """A checked Scene; `facts` are those of the registry, the settings those of SceneSource.

    `labels` None: every pixel unlabelled, no class; `n_bands`, counted after bad bands are dropped, is then required.

    Raises UserError if sizes differ or the order of the axes is open, for a cube that is constant or without data,
    for bad labels, and for labelled pixels without data that are not to be dropped.
    """
    plane_HW = None if labels is None else _plane(labels)
    placed: tuple[str, ...] = ()
    if labels is not None and plane_HW is not None and cube.axes_known:
        shape = (cube.array.shape[0], cube.array.shape[1])
        plane_HW, placed = place(plane_HW, labels.geo, shape, cube.geo, unlabelled_value(background))
    grid = None if plane_HW is None else (plane_HW.shape[0], plane_HW.shape[1])
    if cube.axes_known:
        if layout == "CHW":
            raise UserError(
                "`layout` is for .mat, .npy and .npz", "a format that names its bands itself", "Leave it out"
            )
        layout = "HWC"
    values = _Values(cube, nodata, drop_bands)
    if layout is None and grid is None and n_bands is not None:
        layout = _layout_of_bands(cube, n_bands, values)
    turned = to_hwc(cube.array, layout, grid)
    found = values.scan(turned)
    _check_values(name, found)
    numbered = LabelMap(np.zeros(turned.shape[:2], np.int16), (), ())
    class_names: tuple[str, ...] = ()
    left = LeftOut(np.empty((0, 2), np.int64))
    if labels is not None and plane_HW is not None:
        zero_name = labels.class_names[0] if labels.class_names else None
        numbered = label_map(plane_HW, ignore, labels.nodata, background, zero_name)
        class_names = _class_names(numbered.values, labels, facts)
        at = np.argwhere((numbered.labels > 0) & ~found.valid)
        kept = values.kept(found, turned.shape[2])
        lost = values.missing(turned[at[:, 0], at[:, 1]]) & kept
        left = leave_out(at, lost, int((numbered.labels > 0).sum()), int(kept.sum()), on_nodata)
        if left.bands:
            values = replace(values, more=left.bands)
            found = values.scan(turned)
        numbered.labels[left.pixels[:, 0], left.pixels[:, 1]] = 0
        if gone := set(range(1, len(class_names) + 1)) - set(np.unique(numbered.labels).tolist()):
            raise UserError(
                "a class needs pixels with data",
                class_names[min(gone) - 1] + " without any",
                "Add it to `ignore_labels`",
            )
    kept = values.kept(found, turned.shape[2])
    if n_bands is not None and kept.sum() != n_bands:
        raise UserError(
            f"the scene must have the model's {n_bands} bands",
            int(kept.sum()),
            "Give the scene that fits",
        )
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
        dropped_bands=tuple(np.flatnonzero(~kept).tolist()),
        geo=cube.geo or (labels.geo if labels is not None else None),
        background=unlabelled_value(background),
        data_hash=digest.hexdigest(),
        notes=(*notes, *cube.notes, *_label_notes(labels), *placed, *values.notes(found), *left.notes, *numbered.notes),
    )


@dataclass(frozen=True)
class _Values:
    """What counts as data in a cube."""

    cube: Stored
    nodata: float | Literal["none"] | None
    drop_bands: Collection[int]
    """Counted from 1."""
    more: tuple[int, ...] = ()
    """Bands without data under labels, from 0."""

    @property
    def _nodata(self) -> list[float]:
        if self.nodata == "none":
            return []
        return [value for value in (self.cube.nodata, self.nodata) if value is not None]

    def _dropped(self, n_bands: int) -> list[int]:
        if self.drop_bands and max(self.drop_bands) > n_bands:
            raise UserError(f"`drop_bands` must name bands from 1 to {n_bands}", max(self.drop_bands), "Correct it")
        bad = [band for band, good in enumerate(self.cube.good_bands or ()) if not good and band < n_bands]
        return sorted({*bad, *(band - 1 for band in self.drop_bands), *self.more})

    def scan(self, turned: npt.NDArray[np.generic]) -> Scan:
        mask, find_fill = self.cube.mask, self.nodata != "none"
        return scan(turned, *self._nodata, dropped=self._dropped(turned.shape[2]), mask=mask, find_fill=find_fill)

    def missing(self, values: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
        return missing(values, *self._nodata, find_fill=self.nodata != "none")

    def kept(self, found: Scan, n_bands: int) -> npt.NDArray[np.bool_]:
        kept = np.ones(n_bands, np.bool_)
        kept[[*self._dropped(n_bands), *found.empty_bands]] = False
        if not kept.any():
            raise UserError("a cube needs good bands", "all called bad or dropped", "Correct `bbl` or `drop_bands`")
        return kept

    def notes(self, found: Scan) -> list[str]:
        notes = []
        if self.cube.good_bands is not None and (bad := self.cube.good_bands.count(False)):
            notes.append(f"{bad} bands dropped: bad by the header's list")
        if self.drop_bands:
            notes.append(f"{len(set(self.drop_bands))} bands dropped: asked for")
        if found.empty_bands:
            notes.append(f"{len(found.empty_bands)} bands dropped: no data at any pixel")
        if lost := int((~found.valid).sum()):
            notes.append(f"{lost:,} pixels without data")
        if found.beyond:
            notes.append(f"{found.beyond:,} pixels with values beyond 1e30: taken as without data")
        for same in found.repeated:
            held = f"{same.pixels:,} pixels hold"
            if same.is_fill:
                notes.append(f"{held} {same.value:g} in every band: no data; `nodata` none keeps them")
            else:
                told = f"one and the same spectrum, which begins with {same.value:g}"
                notes.append(f"{held} {told}: if that is a fill value, name it in `nodata`")
        return notes


def _label_notes(labels: Stored | None) -> list[str]:
    return [] if labels is None else [f"labels: {note}" for note in labels.notes]


def _plane(labels: Stored) -> npt.NDArray[np.generic]:
    """(H, W) of a label map; NaN if the file masks the pixel."""
    values = plane(labels.array)
    return values if labels.mask is None else np.where(labels.mask, values, np.nan)


def _layout_of_bands(cube: Stored, n_bands: int, values: _Values) -> Layout:
    """The order of the axes that leaves `n_bands` once empty bands are dropped. Raises UserError: none, or both."""
    views: dict[Layout, npt.NDArray[np.generic]] = {"HWC": cube.array, "CHW": cube.array.transpose(1, 2, 0)}
    possible = [layout for layout, view in views.items() if view.shape[2] >= n_bands]
    if len(possible) == 1:
        return possible[0]
    fit = [
        layout
        for layout in possible
        if values.kept(values.scan(views[layout]), views[layout].shape[2]).sum() == n_bands
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


def _class_names(values: tuple[int, ...], labels: Stored, facts: RegisteredScene | None) -> tuple[str, ...]:
    if facts is not None and facts.classes is not None:
        if strange := [value for value in values if facts.class_name(value) is None]:
            raise UserError(f"{facts.name} has {facts.n_classes} classes", f"label {strange[0]}", "Get the right file")
        return name_classes(values, facts.class_name)
    listed = labels.class_names or ()
    return name_classes(values, lambda value: listed[value] if value < len(listed) else None)


def _settled(cube: npt.NDArray[np.generic], kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.generic]:
    """The kept bands: on disk if all are kept, else C-contiguous, because patches are gathered pixel by pixel."""
    if not kept.all():
        require(int(kept.sum()) * cube.shape[0] * cube.shape[1] * cube.dtype.itemsize, "a copy of the bands to keep")
        out = np.empty((*cube.shape[:2], int(kept.sum())), cube.dtype.newbyteorder("="))
        for top, strip in strips(cube):
            out[top : top + len(strip)] = strip[..., kept]
        return out
    if isinstance(cube, np.memmap) or (cube.flags.c_contiguous and cube.dtype.isnative):
        return cube
    require(cube.nbytes, "a copy of the cube in the order of its axes")
    return np.ascontiguousarray(cube, cube.dtype.newbyteorder("="))

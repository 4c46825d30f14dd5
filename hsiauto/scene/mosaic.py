"""Several scenes as one: stacked along the rows, with rows without data between them. Cut apart again for pictures.

What reads neighbours (windows, filters, features, tiles, noise) already leaves pixels without data aside, and no window
reaches over `GAP` rows, so all that works on a scene works on a mosaic. Who counts distances asks its parts:
between scenes there is none.
"""

import hashlib
import tempfile
import weakref
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from shutil import disk_usage
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.scene.bands import taken
from hsiauto.scene.common_bands import common_bands
from hsiauto.scene.common_classes import common_classes
from hsiauto.scene.memory import require
from hsiauto.scene.model import Part, Scene
from hsiauto.scene.scan import strips
from hsiauto.scene.wavelengths import rgb_bands

GAP = 64
"""Rows without data between two scenes. No window reads further (`Split.buffer`), and the largest tile of the unified
space does not hold two scenes."""
_IN_MEMORY = 1 << 30
"""Bytes of a cube beyond which a mosaic is a temporary file, which may be larger than memory (`scene.on_disk`)."""

Value = TypeVar("Value", bound=np.generic)


def mosaic(scenes: Sequence[Scene], name: str) -> Scene:
    """One scene of several: common bands, classes joined by name, no place on the ground.

    Raises UserError if there are fewer than two, if bands or classes do not meet, and if memory does not hold it.
    """
    if len(scenes) < 2:
        raise UserError(f"{name} must hold several scenes", f"{len(scenes)}", "Give that one as `dataset`.")
    bands, classes = common_bands(scenes), common_classes(scenes)
    tops = np.cumsum([0, *(scene.height + GAP for scene in scenes)])
    parts = tuple(
        Part(scene.name, int(top), scene.height, scene.width) for scene, top in zip(scenes, tops, strict=False)
    )
    grid = (int(tops[-1]) - GAP, max(scene.width for scene in scenes))
    labels, valid = np.zeros(grid, np.int16), np.zeros(grid, np.bool_)
    groups = None if any(scene.groups is None for scene in scenes) else np.zeros(grid, np.int32)
    numbered_alike = bool(scenes[0].groups_origin) and len({scene.groups_origin for scene in scenes}) == 1
    cube = _empty((*grid, len(bands.places[0])), np.result_type(*(scene.cube for scene in scenes)))
    digest = hashlib.sha256()
    for scene, part, places, numbers in zip(scenes, parts, bands.places, classes.numbers, strict=True):
        own = slice(part.top, part.top + part.height), slice(0, part.width)
        for top, strip in strips(taken(scene.cube, places, axis=2)):
            cube[part.top + top : part.top + top + len(strip), : part.width] = strip
        labels[own], valid[own] = numbers[scene.labels], scene.valid
        if groups is not None and scene.groups is not None:
            taken_before = 0 if numbered_alike else groups.max()
            groups[own] = np.where(scene.groups, scene.groups + taken_before, 0)
        digest.update(f"{scene.name} {scene.data_hash} {places} {numbers.tolist()}".encode())
    whole = len(bands.places[0]) == scenes[0].n_bands
    return Scene(
        name=name,
        cube=_settled(cube),
        labels=labels,
        groups=groups,
        class_names=classes.names,
        label_values=classes.values,
        valid=valid,
        rgb_bands=scenes[0].rgb_bands if whole else rgb_bands(cube.shape[2], bands.wavelengths_nm),
        wavelengths_nm=bands.wavelengths_nm,
        dropped_bands=bands.dropped,
        background=scenes[0].background,
        data_hash=digest.hexdigest(),
        notes=(*_told(scenes), *bands.notes, *classes.notes, *_on_common_ground(scenes)),
        parts=parts,
    )


def within(array: npt.NDArray[Value], part: Part) -> npt.NDArray[Value]:
    """The view of a scene of an array (H, W, ...) of the mosaic."""
    return array[part.top : part.top + part.height, : part.width]


def corners(parts: Sequence[Part]) -> dict[Part, tuple[int, int]]:
    """Scene -> row and column of its upper left corner in a picture that is about as high as wide."""
    if not parts:
        return {}
    room = _room(parts)
    side = max(max(part.width for part in parts), int(sum(part.height * part.width for part in parts) ** 0.5))
    found, top, left, lowest = {}, 0, 0, 0
    for part in parts:
        if left and left + part.width > side:
            top, left = lowest + room, 0
        found[part] = (top, left)
        left, lowest = left + part.width + room, max(lowest, top + part.height)
    return found


def picture(array: npt.NDArray[Value], parts: Sequence[Part], between: Any = 0) -> npt.NDArray[Value]:
    """An array (H, W, ...) of the mosaic with its scenes as `corners` lays them out; of one scene, itself."""
    if not parts:
        return array
    places = corners(parts)
    height = max(top + part.height for part, (top, _) in places.items())
    width = max(left + part.width for part, (_, left) in places.items())
    drawn = np.full((height, width, *array.shape[2:]), between, array.dtype)
    for part, (top, left) in places.items():
        drawn[top : top + part.height, left : left + part.width] = within(array, part)
    return drawn


def _room(parts: Sequence[Part]) -> int:
    """Pixels between two scenes of a picture."""
    return max(2, max(max(part.height, part.width) for part in parts) // 50)


def _empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """A cube of zeros, of which a large one lies in a file."""
    n_bytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if n_bytes <= _IN_MEMORY:
        require(n_bytes, "several scenes as one cube")
        return np.zeros(shape, dtype)
    if n_bytes > (free := disk_usage(folder := tempfile.gettempdir()).free):
        raise UserError(
            f"several scenes as one cube must fit into {folder}",
            f"{n_bytes / 1e9:,.1f} GB, with {free / 1e9:,.1f} GB free",
            "Name another folder in TMPDIR, or give fewer scenes.",
        )
    with tempfile.NamedTemporaryFile(prefix="hsiauto-", suffix=".cube", delete=False) as file:
        return np.memmap(file.name, dtype, "w+", shape=shape)


def _settled(cube: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The cube as it is read from now on; its file goes when nobody holds it any more."""
    if not isinstance(cube, np.memmap):
        return cube
    cube.flush()
    path = Path(str(cube.filename))
    read = np.memmap(path, cube.dtype, "r", shape=cube.shape)
    weakref.finalize(read, path.unlink, missing_ok=True)
    return read


def _told(scenes: Sequence[Scene]) -> list[str]:
    """The notes of the scenes; what is said of some alone with their names."""
    said: dict[str, list[str]] = {}
    for scene in scenes:
        for note in scene.notes:
            said.setdefault(note, []).append(scene.name)
    return [note if len(of) == len(scenes) else f"{', '.join(of)}: {note}" for note, of in said.items()]


def _on_common_ground(scenes: Sequence[Scene]) -> list[str]:
    """Which scenes overlap: what one is tested on, the other may have been trained on."""
    placed = [scene for scene in scenes if scene.geo is not None]
    pairs = [f"{a.name} and {b.name}" for a, b in combinations(placed, 2) if _overlap(a, b)]
    if not pairs:
        return []
    listed = ", ".join(pairs[:5]) + (f" and {len(pairs) - 5} more pairs" if len(pairs) > 5 else "")
    return [f"scenes that show the same ground, so that one tells of the other: {listed}"]


def _overlap(a: Scene, b: Scene) -> bool:
    """Whether the frames of two scenes in one coordinate reference system meet, edges aside."""
    assert a.geo is not None
    assert b.geo is not None
    if a.geo.crs_wkt != b.geo.crs_wkt:
        return False
    (low_a, high_a), (low_b, high_b) = (_frame(scene) for scene in (a, b))
    return bool((np.minimum(high_a, high_b) - np.maximum(low_a, low_b) > 1e-9).all())


def _frame(scene: Scene) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The least and the greatest (x, y) of its corners."""
    assert scene.geo is not None
    a, b, c, d, e, f = scene.geo.transform
    lookup = scene.geo.lookup
    height, width = (scene.height, scene.width) if lookup is None else lookup.shape
    ends: Iterable[tuple[int, int]] = ((0, 0), (0, height), (width, 0), (width, height))
    xy = np.array([(a * column + b * row + c, d * column + e * row + f) for column, row in ends])
    return xy.min(axis=0), xy.max(axis=0)

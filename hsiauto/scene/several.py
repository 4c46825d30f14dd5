"""Several scenes as a user names them: `dataset` given again, a folder or pattern of tiles, or a list in YAML."""

import glob
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hsiauto.errors import UserError, did_you_mean, shown
from hsiauto.files import read_yaml
from hsiauto.scene.registry.known import known_scenes
from hsiauto.scene.source import SIMULATED, SceneSource, is_glob
from hsiauto.settings import setting_name, typed_path

TILES = (".mat", ".npy", ".npz", ".tif", ".tiff", ".vrt", ".hdr")
"""Endings of the files of a folder that are scenes; the data of an ENVI file come with its header."""
_LIST = (".yaml", ".yml")
_NUMBERS = re.compile(r"([0-9]+)")
_MOST = 10_000
_OF_FILES = ("dataset", "labels", "more", "data_dir")
"""Fields that an entry of a list sets in its own way, or not at all."""


@dataclass(frozen=True)
class Several:
    """The scenes of a data set."""

    name: str
    scenes: tuple[tuple[str, SceneSource], ...]
    """(name, source), each name once."""


def scenes_of(source: SceneSource) -> Several | None:
    """The scenes that `source` names; None for one scene.

    Raises UserError for an empty folder, a tile without a label map, a list that is none, and names that stand twice.
    """
    if source.more:
        given = [(source.dataset, source.labels), *source.more]
        found = [(_stem(dataset), _one(source, dataset, labels)) for dataset, labels in given]
    elif source.dataset.startswith(SIMULATED) or source.dataset in known_scenes():
        return None
    elif (path := typed_path(source.dataset)).suffix.lower() in _LIST:
        found = _listed(source, path)
    elif is_glob(source.dataset) or path.is_dir():
        found = _tiles(source)
    else:
        return None
    found = _told_apart([pair for name, one in found for pair in _flat(name, one)])
    name = short_name(source.dataset) if not source.more else "+".join(name for name, _ in found)
    if source.more and len(found) > 3:
        name = f"{found[0][0]}+{len(found) - 1}"
    return Several(name, tuple(found))


def _flat(name: str, source: SceneSource) -> tuple[tuple[str, SceneSource], ...]:
    """A scene, or those of a folder that stands in a list."""
    several = scenes_of(source)
    return ((name, source),) if several is None else several.scenes


def short_name(dataset: str) -> str:
    """What files and folders that are made of a data set are called: its stem, of a pattern that of its folder."""
    return _stem(str(Path(dataset).parent) if is_glob(dataset) else dataset)


def _stem(dataset: str) -> str:
    return Path(dataset.removeprefix(SIMULATED)).stem


def _one(source: SceneSource, dataset: str, labels: Path | None, **changes: Any) -> SceneSource:
    return source.model_copy(update={"dataset": dataset, "labels": labels, "more": (), **changes})


def _tiles(source: SceneSource) -> list[tuple[str, SceneSource]]:
    cubes = _files(source.dataset)
    if source.labels is None:
        return [(cube.stem, _one(source, str(cube), None)) for cube in cubes]
    if source.polygons:
        return [(cube.stem, _one(source, str(cube), source.labels)) for cube in cubes]
    maps = _files(str(source.labels))
    cubes = [cube for cube in cubes if cube not in maps] or cubes
    labels = _by_stem(cubes, maps)
    cubes = [cube for cube in cubes if cube not in labels.values()]  # of one folder that holds both
    if missing := [cube.name for cube in cubes if cube not in labels]:
        raise UserError(
            "each tile has a label map, whose name is the tile's or begins with it (tile_1.tif, tile_1_gt.tif)",
            f"none for {missing[0]}" + (f" and {len(missing) - 1} more" if missing[1:] else ""),
            "Rename them, or list cube and labels of each in a .yaml.",
        )
    return [(cube.stem, _one(source, str(cube), labels[cube])) for cube in cubes]


def _files(pattern: str) -> list[Path]:
    """The scenes of a folder or a pattern, in the order of their names, tile_2 before tile_10."""
    folder = Path(pattern)
    names = folder.iterdir() if folder.is_dir() else map(Path, glob.glob(pattern))
    files = [path for path in names if path.is_file() and path.suffix.lower() in TILES]
    files.sort(key=lambda path: [int(part) if part.isdecimal() else part for part in _NUMBERS.split(path.name)])
    if not 1 <= len(files) <= _MOST:
        rule = f"a folder or pattern of tiles holds 1 to {_MOST:,} files ({', '.join(TILES)})"
        raise UserError(rule, f"{len(files)} in {shown(pattern)}", "Check the path.")
    return files


def _by_stem(cubes: Sequence[Path], maps: Sequence[Path]) -> dict[Path, Path]:
    """Each label map to the tile with the longest stem that its own begins with; a tile takes the closest one."""
    found: dict[Path, Path] = {}
    stems = {cube.stem: cube for cube in cubes}
    for path in sorted(maps, key=lambda path: len(path.stem)):
        ends = (n for n in range(len(path.stem), 0, -1) if n == len(path.stem) or not path.stem[n].isalnum())
        cube = next((stems[path.stem[:n]] for n in ends if stems.get(path.stem[:n], path) != path), None)
        if cube is not None:
            found.setdefault(cube, path)
    return found


def _listed(source: SceneSource, path: Path) -> list[tuple[str, SceneSource]]:
    """The scenes of a YAML list: `scenes: [{name: north, cube: north.hdr, labels: north_gt.tif}, ...]`."""
    fields = read_yaml(path)
    entries = fields.get("scenes")
    if set(fields) != {"scenes"} or not isinstance(entries, list) or not 1 <= len(entries) <= _MOST:
        remedy = "Write `scenes:`, then for each a line `- {name: north, cube: north.hdr, labels: north_gt.tif}`."
        raise UserError(f"{path} must list scenes", shown(str(fields)), remedy)
    return [_entry(source, path, entry) for entry in entries]


def _entry(source: SceneSource, path: Path, entry: Any) -> tuple[str, SceneSource]:
    """Other settings of a scene go by the names that they have in run.yaml."""
    own = {setting_name(SceneSource, f): f for f in SceneSource.model_fields if f not in _OF_FILES}
    known = ("name", "cube", "labels", *own)
    if not isinstance(entry, dict) or not isinstance(entry.get("cube"), str):
        raise UserError(f"each scene of {path} must name its `cube`", shown(str(entry)), f"It may have {known}.")
    entry = {str(name).replace("-", "_"): value for name, value in entry.items()}
    if strange := [name for name in entry if name not in known]:
        raise UserError(f"a scene of {path} has no {shown(strange[0])}", None, did_you_mean(strange[0], known))
    if Path(entry["cube"]).suffix.lower() in _LIST:
        raise UserError("a list of scenes names no other list", f"{shown(entry['cube'])} in {path}", "Copy its lines.")
    cube, labels = (_beside(path, entry.get(name)) for name in ("cube", "labels"))
    changes = {own[name]: value for name, value in entry.items() if name in own}
    checked = SceneSource(dataset=cube, labels=labels, **changes)
    return str(entry.get("name") or _stem(checked.dataset)), _one(
        source, checked.dataset, checked.labels, **{field: getattr(checked, field) for field in changes}
    )


def _beside(path: Path, name: Any) -> Any:
    """A file that a list names, as it is found from the list's folder; anything else as it is."""
    if not isinstance(name, str) or name in known_scenes():
        return name
    prefix = SIMULATED if name.startswith(SIMULATED) else ""
    return f"{prefix}{path.parent / Path(name.removeprefix(prefix)).expanduser()}"


def _told_apart(found: list[tuple[str, SceneSource]]) -> list[tuple[str, SceneSource]]:
    """With the folder's name if files of several folders are called alike. Raises UserError if that is not enough."""
    if _twice(found):
        found = [(f"{Path(one.dataset).parent.name}_{name}" if one.labels else name, one) for name, one in found]
    if twice := _twice(found):
        raise UserError("each scene has a name of its own", f"{shown(twice)} twice", "Name each in a .yaml list.")
    return found


def _twice(found: Sequence[tuple[str, SceneSource]]) -> str:
    return next((name for name, n in Counter(name for name, _ in found).items() if n > 1), "")

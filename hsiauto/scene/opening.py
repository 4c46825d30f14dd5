"""`open_scene`: a SceneSource -> a checked Scene. `open_image`: the same for a cube without labels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.scene import polygons, readers, registry, spectra
from hsiauto.scene.assemble import assemble
from hsiauto.scene.bands import ModelBands, match_bands, unchecked, with_model_bands
from hsiauto.scene.groups import read_groups, with_groups
from hsiauto.scene.label_map import label_map, name_classes, plane, whole_numbers
from hsiauto.scene.memory import within_memory
from hsiauto.scene.model import Scene
from hsiauto.scene.mosaic import mosaic
from hsiauto.scene.placement import place
from hsiauto.scene.readers.stored import Stored
from hsiauto.scene.registry.catalogue import find
from hsiauto.scene.registry.download import Progress
from hsiauto.scene.several import scenes_of
from hsiauto.scene.source import SIMULATED, MatchBands, SceneSource
from hsiauto.settings import typed_path


@within_memory("a scene")
def open_scene(source: SceneSource, progress: Progress | None = None) -> Scene:
    """The scene of a registry name, of `simulated:LABELS`, or of a file with its labels; of several a `mosaic`.

    A registry scene that is not on this machine is downloaded, telling `progress`. Raises UserError for everything that
    can be wrong with names, files, axes, labels, groups and values.
    """
    if several := scenes_of(source):
        opened = [replace(open_scene(one, progress), name=name) for name, one in several.scenes]
        return mosaic(opened, several.name)
    scene = _ungrouped(source, progress)
    return scene if source.groups is None else with_groups(scene, read_groups(source.groups, scene))


def _ungrouped(source: SceneSource, progress: Progress | None) -> Scene:
    """One scene, without the groups of `source.groups`."""
    if source.dataset.startswith(SIMULATED):
        return _simulated(source)
    if source.dataset in registry.known_scenes():
        return _known(source, progress)
    path = _existing(source)
    labels_path: Path | None = None
    if source.spectra:
        cube, labels, groups = spectra.read(path, source.label_field, source.group_field)
    else:
        labels_path = source.labels or _own_labels(path, source)
        cube, groups = readers.read(path, "cube", source.key), None
        if source.polygons:
            labels, groups = polygons.read(labels_path, cube, source)
        else:
            labels = readers.read(labels_path, "labels", source.labels_key)
    scene = assemble(
        path.stem,
        cube,
        labels,
        layout=source.layout,
        ignore=source.ignore_labels,
        background=source.background,
        nodata=source.nodata,
        on_nodata=source.on_nodata,
        drop_bands=source.drop_bands,
    )
    origin = f"{labels_path or path} {source.label_layer} {source.group_field}"
    return scene if groups is None else with_groups(scene, groups, origin)


def has_labels(source: SceneSource) -> bool:
    """Whether a scene has a label map: its own file, or a name of `labels`; a registry's and a simulated one have."""
    path = Path(source.dataset)
    return (
        source.labels is not None
        or source.spectra
        or not path.is_file()
        or (readers.has_keys(path) and (source.labels_key is not None or readers.holds(path, "labels")))
    )


@within_memory("a scene")
def open_cube(source: SceneSource) -> Scene:
    """The cube of a file as it is: all pixels unlabelled, no class. Raises UserError as `open_scene`."""
    path = _existing(source)
    cube = readers.read(path, "cube", source.key)
    return assemble(path.stem, cube, None, layout=source.layout, nodata=source.nodata, drop_bands=source.drop_bands)


@within_memory("a scene")
def open_image(source: SceneSource, model: ModelBands) -> Scene:
    """A scene to predict on, with the model's bands: all pixels unlabelled, no class.

    Raises UserError as `open_scene`, and if the cube does not have the bands of the model.
    """
    if source.dataset.startswith(SIMULATED) or source.dataset in registry.known_scenes():
        return _with_bands(open_scene(source), model, source.match_bands)
    path = _existing(source)
    return image_of(readers.read(path, "cube", source.key), path.stem, source, model)


def image_of(stored: Stored, name: str, source: SceneSource, model: ModelBands) -> Scene:
    """`open_image` of a cube that is read already; of `source`, how bands match, the order of axes and `nodata`."""
    nodata = [value for value in (stored.nodata, source.nodata) if isinstance(value, float)]
    stored = with_model_bands(stored, model, source.match_bands, source.layout, nodata)
    return assemble(name, stored, None, layout=source.layout, n_bands=model.n_bands, nodata=source.nodata)


def _with_bands(scene: Scene, model: ModelBands, how: MatchBands) -> Scene:
    """A scene that is no file of the user's own, with the model's bands and without its labels."""
    scene = replace(scene, labels=np.zeros_like(scene.labels), class_names=(), label_values=())
    if scene.wavelengths_nm is not None and model.wavelengths_nm is not None:
        match = match_bands(model.wavelengths_nm, scene.wavelengths_nm, how)
        notes = (*scene.notes, *([match.note] if match.note else []))
        return replace(scene, cube=match.of(scene.cube), wavelengths_nm=model.wavelengths_nm, notes=notes)
    if model.n_bands != scene.n_bands:
        rule = f"the scene must have the model's {model.n_bands} bands"
        raise UserError(rule, scene.n_bands, "Give the scene that fits")
    note = unchecked(model, scene.wavelengths_nm is not None, how)
    return replace(scene, notes=(*scene.notes, note))


def read_label_map(path: Path, key: str | None = None, like: Scene | None = None) -> npt.NDArray[np.int64]:
    """(H, W) values of a label map as they are in the file; with `like`, renumbered to that scene's classes.

    Raises UserError for an unreadable file, and for values that `like` does not have.
    """
    stored = readers.read(path, "labels", key)
    if like is None:
        return whole_numbers(plane(stored.array), stored.nodata)[0]
    placed, _ = place(plane(stored.array), stored.geo, like.labels.shape, like.geo, like.background)
    values, _ = whole_numbers(placed, stored.nodata, like.background)
    known, numbers = np.asarray(like.label_values), np.arange(1, like.n_classes + 1)
    if not (strange := np.setdiff1d(values, (like.background, *like.label_values))).size:
        order = np.argsort(known)
        at = np.searchsorted(known[order], values).clip(0, len(known) - 1)
        return np.where(values == like.background, 0, numbers[order][at])
    raise UserError(
        f"{path} must use the label values of {like.name}, {', '.join(map(str, like.label_values))}",
        ", ".join(map(str, strange[:10])),
        "Renumber the map",
    )


def _known(source: SceneSource, progress: Progress | None) -> Scene:
    scene = find(source.dataset)
    _refuse(source, "labels", "key", "labels_key", "layout", "background")
    if scene.cube is None or scene.labels is None:
        _refuse(source, "groups", "ignore_labels", "nodata", "on_nodata", "drop_bands")
        from hsiauto.scene.simulator import simulate

        return simulate.demo(source.seed)
    folder = registry.data_folder(source.data_dir)
    if source.data_dir is not None and not folder.is_dir():
        raise UserError("`data_dir` must be a folder", folder, "Check the path, or make it")
    found = registry.locate(scene, folder)
    if found is None:
        cube_path, labels_path = registry.fetch(scene.name, source.data_dir, progress)
        found = registry.SceneFiles(cube_path, labels_path)
    cube_file = scene.cube if found.variant is None else found.variant.cube
    cube = readers.read(found.cube, "cube", cube_file.key if readers.has_keys(found.cube) else None)
    if scene.shape is not None and sorted(cube.array.shape) != sorted(scene.shape):
        raise UserError(f"{scene.name} is {scene.shape}", f"{cube.array.shape} in {found.cube}", "Get the right file")
    return assemble(
        scene.name if found.variant is None else found.variant.name,
        cube,
        readers.read(found.labels, "labels", scene.labels.key if readers.has_keys(found.labels) else None),
        ignore=source.ignore_labels,
        nodata=source.nodata,
        on_nodata=source.on_nodata,
        drop_bands=source.drop_bands,
        facts=scene,
        notes=() if found.variant is None else (found.variant.note,),
    )


def _simulated(source: SceneSource) -> Scene:
    path = Path(source.dataset.removeprefix(SIMULATED))
    _refuse(source, "labels", "key", "layout", "nodata", "on_nodata", "drop_bands")
    stored = readers.read(path, "labels", source.labels_key)
    numbered = label_map(plane(stored.array), source.ignore_labels, stored.nodata, source.background)
    known = _scene_of_labels(path, numbered.labels.shape)
    from hsiauto.scene.simulator import simulate

    scene = simulate.simulate(
        numbered.labels,
        name=f"simulated_{path.stem}",
        n_bands=known.shape[2] if known and known.shape else 200,
        seed=source.seed,
    )
    return replace(
        scene,
        class_names=name_classes(numbered.values, known.class_name if known else lambda _: None),
        label_values=numbered.values,
        notes=scene.notes + numbered.notes,
    )


def _scene_of_labels(path: Path, grid: tuple[int, ...]) -> registry.RegisteredScene | None:
    """The known scene that this label map belongs to: a simulation takes its number of bands and class names."""
    for scene in registry.known_scenes().values():
        if scene.labels and path.name in scene.labels.names and scene.shape and scene.shape[:2] == grid:
            return scene
    return None


def _existing(source: SceneSource) -> Path:
    path: Path = typed_path(source.dataset)
    if not path.exists() and not path.suffix and len(path.parts) == 1:
        find(source.dataset)  # a bare word is a misspelt name rather than a missing file
    return path


def _own_labels(path: Path, source: SceneSource) -> Path:
    """The cube's own file if it holds a label map too."""
    if has_labels(source):
        return path
    readers.read(path, "cube", source.key)  # a missing or foreign cube is reported first
    raise UserError(
        "a scene needs a label map", f"{path} without one", "Give the path of one as `labels` (and `labels_key`)"
    )


def _refuse(source: SceneSource, *fields: str) -> None:
    """Raise UserError if one of `fields`, which belong to scenes from files, is set."""
    given = [f"`{field}`" for field in fields if getattr(source, field) not in (None, ())]
    if given:
        raise UserError(f"{', '.join(given)} belongs to scenes from files", source.dataset, "Leave it out")

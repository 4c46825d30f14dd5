"""Scenes of a service: found by id or name, or uploaded from files of this machine."""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from hsiauto.config import declared
from hsiauto.errors import UserError, did_you_mean, shown
from hsiauto.files import regular_file
from hsiauto.remote.connection import NotFound, Refused, Unreachable
from hsiauto.remote.service import Advance, Service
from hsiauto.scene.readers.envi import header_of
from hsiauto.scene.source import SceneSource

_CHECKED_WITHIN_S = 900.0
"""The service reads the whole scene."""
_ID = re.compile(r"[A-Za-z0-9_-]+")
_BESIDE = (".msk", ".aux.xml")
_PLACES = (".tfw", ".wld")
_OF_SHAPEFILE = ("shx", "dbf", "prj", "cpg")


def find_scene(service: Service, name: str) -> dict[str, Any]:
    """The scene with this id; else the ready one of this name, if there is one alone. Raises UserError for none."""
    if _ID.fullmatch(name):
        with suppress(NotFound):
            return service.get(f"scenes/{name}")
    scenes = list(service.items("scenes"))
    found = [scene for scene in scenes if scene["name"] == name and scene["state"] == "ready"]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(scene["id"] for scene in found)
        raise UserError(f"one scene of {service.address} has the name that is given", ids, "Give its id.")
    known = {scene["name"] for scene in scenes}
    remedy = did_you_mean(name, known, "`hsiauto remote scenes` lists them; a file of this machine is uploaded.")
    raise UserError(f"unknown scene at {service.address}", shown(name), remedy)


def files_of(source: SceneSource) -> dict[str, Path]:
    """{role: file} of a scene that lies here. Raises UserError for one that is made of other files still."""
    found = _with_header(Path(source.dataset), "cube", "header")
    if source.labels is None:
        return found
    if source.labels.suffix.lower() == ".shp":
        beside = {f"labels_{kind}": source.labels.with_suffix(f".{kind}") for kind in _OF_SHAPEFILE}
        return found | {"labels": source.labels} | {role: file for role, file in beside.items() if file.is_file()}
    return found | _with_header(source.labels, "labels", "labels_header")


def _with_header(file: Path, role: str, role_of_header: str) -> dict[str, Path]:
    """A file and, if it is ENVI's, its header or its data."""
    if file.suffix.lower() == ".vrt":
        raise UserError("a scene is uploaded as files of its own", f"{file}, which names others", "gdal_translate it.")
    if file.suffix.lower() == ".hdr":
        from hsiauto.scene.readers.raster import data_file

        return {role: data_file(regular_file(file)), role_of_header: file}
    header = header_of(regular_file(file))
    return {role: file} if header is None else {role: file, role_of_header: header.path}


def left_behind(source: SceneSource) -> list[Path]:
    """Files beside those of a scene that GDAL would have read too: masks, places, metadata. They are not uploaded."""
    files = files_of(source).values()
    names = [file.with_name(file.name + suffix) for file in files for suffix in _BESIDE]
    names += [file.with_suffix(suffix) for file in files for suffix in _PLACES]
    return [name for name in dict.fromkeys(names) if name.is_file()]


def size_of(scene: Mapping[str, Any]) -> str | None:
    """`H x W x C` of a scene; None if it has not been read yet."""
    sides = [scene.get(side) for side in ("height", "width", "bands")]
    return None if None in sides else " x ".join(map(str, sides))


def upload_scene(service: Service, name: str, source: SceneSource, advance: Advance) -> dict[str, Any]:
    """Upload the files of `source` and let the service read them; the scene. Raises UserError as the readers do.

    What cannot be read, or is interrupted, is deleted there.
    """
    files = files_of(source)
    given = source.model_fields_set - {"dataset", "labels"}
    options = {one.name: getattr(source, one.field) for one in declared("upload").values() if one.field in given}
    scene_id = service.post("scenes", {"name": name, "options": to_jsonable_python(options)})["id"]
    try:
        for role, file in files.items():
            service.put_file(f"scenes/{scene_id}/files/{role}", file, advance)
        return service.post(f"scenes/{scene_id}/check", timeout_s=_CHECKED_WITHIN_S)
    except (UserError, KeyboardInterrupt):
        with suppress(Refused, Unreachable):
            service.delete(f"scenes/{scene_id}")
        raise

"""Scenes: those that users upload, and those of the operator, which everybody sees."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hsiauto.config import Declared, declared
from hsiauto.errors import UserError, did_you_mean, shown
from hsiauto.files import atomic_path, read_json
from hsiauto.scene.source import VECTOR, SceneSource
from hsiauto.service.config import ServiceConfig
from hsiauto.service.database import Database, Row, unpacked
from hsiauto.service.errors import Refused, not_found
from hsiauto.service.library import Library
from hsiauto.service.names import new_id, now, resolve, without
from hsiauto.service.users import User

FileRole = Literal["cube", "header", "labels", "labels_header", "labels_shx", "labels_dbf", "labels_prj", "labels_cpg"]
"""The last four are files of a shapefile beside its .shp, the labels."""


def is_path(one: Declared) -> bool:
    """Whether a setting names a file or a folder: clients name none."""
    return "Path" in str(one.info.annotation)


OPTIONS = {
    name: one
    for name, one in declared("search").items()
    if one.part == "scene" and name != "dataset" and not is_path(one)
}
"""What a scene may say of its files: the settings of a scene that are no paths."""
_OF_POLYGONS = frozenset({"label-field", "label-layer", "all-touched", "group-field"})
_FOLDER, ABOUT, PREVIEW = "scenes", "about.json", "preview.png"


@dataclass(frozen=True)
class StoredScene:
    """A scene as the service keeps it."""

    id: str
    name: str
    owner: str
    shared: bool
    source: Literal["upload", "registry", "folder"]
    state: Literal["uploading", "ready"]
    created: str | None
    settings: Mapping[str, Any]
    """Flat settings, of which a run finds it: dataset, labels, and what its owner said of the files."""
    options: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Role -> filename, bytes, sha256."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """height, width, bands, classes, notes; empty until somebody looked at it."""


class Scenes:
    """The table of uploaded scenes, the folder `scenes/`, and what the operator offers."""

    def __init__(self, config: ServiceConfig, database: Database) -> None:
        self._database, self._root = database, config.root / _FOLDER
        self._root.mkdir(mode=0o700, exist_ok=True)
        self.library = Library(config.scenes)

    def list(self, user: User) -> list[StoredScene]:
        """Uploads that `user` sees, newest first, then what the operator offers."""
        rows = self._database.rows("SELECT * FROM scene ORDER BY created DESC, id")
        offered = [self._offered(name) for name in self.library.entries()]
        return [*(self._uploaded(row) for row in rows if user.sees(row)), *offered]

    def find(self, name: str, user: User, *, to_change: bool = False) -> StoredScene:
        """Raises 404 for what there is not, what `user` does not see, and `to_change` for what is not theirs."""
        if name in self.library.entries() and not to_change:
            return self._offered(name)
        row = self._database.row("SELECT * FROM scene WHERE id = ?", (name,))
        if row is None or not (user.owns(row) if to_change else user.sees(row)):
            raise not_found("scene", name)
        return self._uploaded(row)

    def ready(self, name: str, user: User) -> StoredScene:
        """A scene that can be computed on. Raises 404 as `find`, and 409 before it was checked."""
        scene = self.find(name, user)
        if scene.state != "ready":
            raise Refused(409, "a scene must be checked before it is used", scene.name, "POST its check first.")
        return scene

    def labelled(self, name: str, user: User) -> StoredScene:
        """A scene that can be searched on. Raises as `ready`, and 409 for an upload without labels."""
        scene = self.ready(name, user)
        if scene.source == "upload" and not scene.about["classes"]:
            remedy = "Upload it with its label map; as it is, it can be predicted on."
            raise Refused(409, "a search takes a scene with labels", scene.name, remedy)
        return scene

    def create(self, user: User, name: str, options: Mapping[str, Any]) -> StoredScene:
        """Raises UserError for options that a scene does not have, and for values out of bounds."""
        options = scene_options(options)
        found = {"id": new_id(), "name": name, "owner": user.name, "state": "uploading", "created": now()}
        self.folder(found["id"]).mkdir(mode=0o700)
        self._database.insert("scene", {**found, "options": json.dumps(options)})
        return self.find(found["id"], user)

    def share(self, scene: StoredScene, shared: bool) -> None:
        self._database.update("scene", scene.id, shared=int(shared))

    def delete(self, scene: StoredScene) -> None:
        """Raises 409 if a run that has not ended reads it."""
        asked = "SELECT id FROM run WHERE scene = ? AND state NOT IN ('succeeded', 'stopped', 'failed')"
        if run := self._database.row(asked, (scene.id,)):
            raise Refused(409, "a scene stays while a run reads it", run["id"], "Stop the run first.")
        self._database.run("DELETE FROM scene WHERE id = ?", (scene.id,))
        shutil.rmtree(self.folder(scene.id))

    def keep_file(self, scene: StoredScene, role: FileRole, file: Mapping[str, Any]) -> None:
        """Note a file of `scene` that lies in its folder now."""
        with self._database.transaction():
            row = self._database.row("SELECT files FROM scene WHERE id = ?", (scene.id,))
            if row is None:
                raise not_found("scene", scene.id)
            files = unpacked(row["files"])
            if role in files and (old := stored_name(role, files[role]["filename"])) != stored_name(
                role, file["filename"]
            ):
                resolve(self.folder(scene.id), old).unlink(missing_ok=True)
            files[role] = dict(file)
            self._database.update("scene", scene.id, files=json.dumps(files))

    def keep_about(self, scene: StoredScene, about: Mapping[str, Any]) -> None:
        """Note what a look at the files found: an upload is ready with it."""
        with atomic_path(self.folder(scene.id) / ABOUT) as temporary:
            temporary.write_text(json.dumps(about))
        self._database.update("scene", scene.id, state="ready")

    def forget_files(self, scene: StoredScene) -> None:
        """Delete what was uploaded: the scene waits for other files."""
        self._database.update("scene", scene.id, files="{}")
        folder = self.folder(scene.id)
        for path in folder.iterdir():
            path.unlink()

    def folder(self, name: str) -> Path:
        """Of an upload its files; of any scene what was found by looking at it."""
        return resolve(self._root, name)

    def bytes_kept(self) -> int:
        """Of all uploaded files."""
        return sum(path.stat().st_size for path in self._root.glob("*/*") if path.is_file())

    def _uploaded(self, row: Row) -> StoredScene:
        files = unpacked(row["files"])
        options = unpacked(row["options"])
        folder = self.folder(row["id"])
        paths = {role: str(folder / stored_name(role, file["filename"])) for role, file in files.items()}
        settings = {"dataset": paths.get("cube", ""), **options}
        if "labels" in paths:
            settings["labels"] = paths["labels"]
        return StoredScene(
            id=row["id"],
            name=row["name"],
            owner=row["owner"],
            shared=bool(row["shared"]),
            source="upload",
            state=row["state"],
            created=row["created"],
            settings=settings,
            options=options,
            files=files,
            about=self._about(row["id"]),
        )

    def _offered(self, name: str) -> StoredScene:
        entry = self.library.entries()[name]
        about = {**entry.about, **self._about(name)}
        return StoredScene(name, entry.name, "", True, entry.source, "ready", None, entry.settings, about=about)

    def _about(self, name: str) -> dict[str, Any]:
        path = self.folder(name) / ABOUT
        found = json.loads(read_json(path)) if path.is_file() else {}
        assert isinstance(found, dict)
        return found

    def without_paths(self, error: UserError) -> UserError:
        """`error` in the names that users know."""
        texts = [without(self._root.parent, str(text or "")) for text in (error.rule, error.received, error.remedy)]
        return UserError(texts[0], texts[1] or None, texts[2])


def scene_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` under the names that run.yaml has. Raises UserError for another name, and a value out of bounds."""
    options = {name.replace("_", "-"): value for name, value in given.items() if value is not None}
    for name in options:
        if name not in OPTIONS:
            raise UserError("a scene has no such option", shown(name), did_you_mean(name, OPTIONS, "See the docs."))
    polygons: dict[str, Any] = (
        {"labels": "/labels.geojson"} if _OF_POLYGONS & options.keys() else {}
    )  # the check sees what came
    SceneSource(**polygons, **{OPTIONS[name].field: value for name, value in options.items()})
    return options


_ENVI_DATA = (".img", ".dat", ".bil", ".bip", ".bsq", ".raw", ".bin", ".cube")
_SUFFIXES: dict[str, tuple[str, ...]] = {"cube": (".mat", ".npy", ".npz", ".tif", ".tiff", *_ENVI_DATA, "")}
_SUFFIXES |= {"labels": (*_SUFFIXES["cube"], *VECTOR), "header": (".hdr",), "labels_header": (".hdr",)}
_SUFFIXES |= {f"labels_{kind}": (f".{kind}",) for kind in ("shx", "dbf", "prj", "cpg")}


def stored_name(role: str, filename: str) -> str:
    """The name of a file in the scene's folder: its role, with the suffix that tells its type.

    Raises UserError for a type that is not read, and for one that names other files.
    """
    suffix = Path(filename).suffix.lower()
    if suffix not in _SUFFIXES[role]:
        known = ", ".join(known for known in _SUFFIXES[role] if known)
        raise UserError(f"the {role} of a scene is a file of a known type", shown(filename), f"Known: {known}.")
    return role.partition("_")[0].replace("header", "cube") + suffix

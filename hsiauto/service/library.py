"""Scenes that the operator offers: the known ones that are on this machine, and files with labels beside them."""

import hashlib
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hsiauto.scene import registry

_FRESH_S = 30.0
"""For so long a walk through the folder holds."""
_CUBES = (".mat", ".npy", ".npz", ".tif", ".tiff", ".hdr")
_LABELS = ("_gt", "_labels")
"""What the name of a label map has after that of its cube."""


@dataclass(frozen=True)
class Entry:
    """One scene of the operator's."""

    name: str
    source: Literal["registry", "folder"]
    settings: Mapping[str, Any]
    about: Mapping[str, Any]


class Library:
    """What is in a folder, looked at anew now and then."""

    def __init__(self, folder: Path | None) -> None:
        self._folder, self._lock = folder, threading.Lock()
        self._found: dict[str, Entry] = {}
        self._until = 0.0

    def entries(self) -> Mapping[str, Entry]:
        """Id -> scene: a known one's name, else a hash of the path below the folder."""
        with self._lock:
            if time.monotonic() > self._until:
                self._found = {**dict(self._known()), **dict(self._files())}
                self._until = time.monotonic() + _FRESH_S
            return self._found

    def _known(self) -> Iterator[tuple[str, Entry]]:
        place = {"data-dir": str(self._folder)} if self._folder else {}
        known = registry.known_scenes()
        for row in registry.list_datasets(self._folder):
            if row.present in ("yes", "built in") or row.present.startswith("variant"):
                here = {} if row.present == "built in" else place
                size = dict(zip(("height", "width", "bands"), row.shape or (), strict=False))
                classes = [{"name": name, "pixels": None} for name in known[row.name].classes or ()]
                about = {**size, "classes": classes, "notes": []}
                yield row.name, Entry(row.name, "registry", {"dataset": row.name, **here}, about)

    def _files(self) -> Iterator[tuple[str, Entry]]:
        """Cubes that have labels beside them; no link is followed, and files of known scenes are left to these."""
        if self._folder is None:
            return
        files = [file for one in registry.known_scenes().values() for file in (one.cube, one.labels) if file]
        known = {name for file in files for name in file.names}
        for root, folders, names in os.walk(self._folder):
            folders.sort()
            for name in sorted(set(names) - known):
                cube = Path(root, name)
                labels = next((path for path in _labels_of(cube) if path.name in names), None)
                if labels is not None and not cube.is_symlink() and not labels.is_symlink():
                    relative = cube.relative_to(self._folder).as_posix()
                    id_ = hashlib.sha256(relative.encode(errors="surrogateescape")).hexdigest()[:16]
                    yield id_, Entry(relative, "folder", {"dataset": str(cube), "labels": str(labels)}, {})


def _labels_of(cube: Path) -> Iterator[Path]:
    """Where the label map of a cube may lie."""
    if cube.suffix.lower() in _CUBES:
        yield from (cube.with_name(f"{cube.stem}{mark}{suffix}") for mark in _LABELS for suffix in _CUBES)

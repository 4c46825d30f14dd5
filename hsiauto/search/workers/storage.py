"""Where the checkpoints of trials lie: in the run folder, in another folder that every node sees, or behind a URI.

A worker trains in a folder of its own machine. With a `FolderStorage` that folder is the attempt's place itself. With a
`UriStorage` it is a temporary one: checkpoints are copied out of it as they are saved, logs when the attempt ends. An
attempt is named `trials/<trial id>/attempt-<n>`, under the run folder and under any storage alike.
"""

import logging
import shutil
import tempfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyarrow import fs

from hsiauto.errors import UserError
from hsiauto.files import atomic_path, writing
from hsiauto.training.trial import CHECKPOINT

_log = logging.getLogger(__name__)
_WHOLE_AT_ONCE = ("s3", "gcs", "abfs")
"""Filesystems in which an object appears when its last byte is written: no rename is needed, and theirs is a copy."""


class Storage(ABC):
    """Checkpoints by trial and attempt. Sent to workers, so plain data. Errors of the system are OSErrors."""

    @abstractmethod
    def begin(self, trial_id: str, attempt: int) -> Path:
        """A folder of this machine to train in, which holds the attempt's checkpoint if there is one."""

    @abstractmethod
    def put(self, trial_id: str, attempt: int, folder: Path) -> None:
        """Keep the checkpoint that was written into `folder`, `begin`'s; the old one stays until it is whole."""

    @abstractmethod
    def end(self, trial_id: str, attempt: int, folder: Path) -> None:
        """The attempt is over here: keep its logs, leave nothing on this machine that does not belong there."""

    @abstractmethod
    def read(self, name: str) -> bytes | None:
        """A file by its name under the storage; None: there is none."""

    @abstractmethod
    def write(self, name: str, content: bytes) -> None: ...

    @abstractmethod
    def exists(self, name: str) -> bool: ...

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove a file; nothing where there is none."""

    @abstractmethod
    def copy(self, source: str, target: str) -> None: ...

    @abstractmethod
    def is_empty(self) -> bool: ...

    def hand_over(self, trial_id: str, attempt: int) -> None:
        """Copy the last earlier attempt's checkpoint to `attempt`: an orphan may still write to the old one."""
        for earlier in range(attempt - 1, 0, -1):
            source = checkpoint_name(trial_id, earlier)
            if self.exists(source):
                self.copy(source, checkpoint_name(trial_id, attempt))
                return

    def drop(self, trial_id: str, attempt: int) -> None:
        """Remove the checkpoint of one attempt, if there is one."""
        self.delete(checkpoint_name(trial_id, attempt))


def attempt_name(trial_id: str, attempt: int) -> str:
    return f"trials/{trial_id}/attempt-{attempt}"


def checkpoint_name(trial_id: str, attempt: int) -> str:
    return f"{attempt_name(trial_id, attempt)}/{CHECKPOINT}"


@dataclass(frozen=True)
class FolderStorage(Storage):
    """A folder at the same path on every node."""

    path: Path

    def begin(self, trial_id: str, attempt: int) -> Path:
        folder = self.path / attempt_name(trial_id, attempt)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def put(self, trial_id: str, attempt: int, folder: Path) -> None:
        """Nothing: it was written in place."""

    def end(self, trial_id: str, attempt: int, folder: Path) -> None:
        """Nothing: it was written in place."""

    def read(self, name: str) -> bytes | None:
        path = self.path / name
        return path.read_bytes() if path.is_file() else None

    def write(self, name: str, content: bytes) -> None:
        path = self.path / name
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)

    def exists(self, name: str) -> bool:
        return (self.path / name).is_file()

    def delete(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def copy(self, source: str, target: str) -> None:
        path = self.path / target
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            shutil.copyfile(self.path / source, temporary)

    def is_empty(self) -> bool:
        return not self.path.exists() or not any(self.path.iterdir())


@dataclass(frozen=True)
class UriStorage(Storage):
    """A folder of any pyarrow filesystem: an object store, HDFS, and what a URI names."""

    filesystem: fs.FileSystem
    root: str

    def begin(self, trial_id: str, attempt: int) -> Path:
        folder = Path(tempfile.mkdtemp(prefix=f"hsiauto-{trial_id}-"))
        content = self.read(checkpoint_name(trial_id, attempt))
        if content is not None:
            (folder / CHECKPOINT).write_bytes(content)
        return folder

    def put(self, trial_id: str, attempt: int, folder: Path) -> None:
        self.write(checkpoint_name(trial_id, attempt), (folder / CHECKPOINT).read_bytes())

    def end(self, trial_id: str, attempt: int, folder: Path) -> None:
        try:
            for file in sorted(folder.iterdir()):
                if file.name != CHECKPOINT:
                    self.write(f"{attempt_name(trial_id, attempt)}/{file.name}", file.read_bytes())
        except OSError as error:  # a log is not worth a worker
            _log.warning("the log of %s, attempt %d, was not kept: %s", trial_id, attempt, error)
        finally:
            shutil.rmtree(folder)

    def read(self, name: str) -> bytes | None:
        if not self.exists(name):
            return None
        with self.filesystem.open_input_stream(self._at(name), compression=None) as stream:
            return bytes(stream.read())

    def write(self, name: str, content: bytes) -> None:
        path = self._at(name)
        self.filesystem.create_dir(path.rpartition("/")[0], recursive=True)
        direct = self.filesystem.type_name in _WHOLE_AT_ONCE
        written = path if direct else f"{path}.part"
        with self.filesystem.open_output_stream(written, compression=None) as stream:
            stream.write(content)
        if not direct:
            self.filesystem.move(written, path)

    def exists(self, name: str) -> bool:
        return bool(self.filesystem.get_file_info(self._at(name)).type == fs.FileType.File)

    def delete(self, name: str) -> None:
        if self.exists(name):
            self.filesystem.delete_file(self._at(name))

    def copy(self, source: str, target: str) -> None:
        path = self._at(target)
        self.filesystem.create_dir(path.rpartition("/")[0], recursive=True)
        self.filesystem.copy_file(self._at(source), path)

    def is_empty(self) -> bool:
        selector = fs.FileSelector(self.root, allow_not_found=True, recursive=True)
        return not any(info.type == fs.FileType.File for info in self.filesystem.get_file_info(selector))

    def _at(self, name: str) -> str:
        return f"{self.root}/{name}" if self.root else name


def open_storage(place: str | None, run_folder: Path) -> Storage:
    """The storage that --storage names; None: the run folder.

    Raises UserError for a URI that pyarrow cannot open, or whose store does not answer.
    """
    if place is None:
        return FolderStorage(run_folder.resolve())
    if "://" not in place:
        return FolderStorage(Path(place))
    try:
        filesystem, root = fs.FileSystem.from_uri(place)
    except (pa.ArrowException, OSError, ImportError) as error:
        raise _unusable(place, error) from error
    return UriStorage(filesystem, root.rstrip("/"))


def check_storage(storage: Storage, place: str, *, new: bool) -> None:
    """Raise UserError unless `storage` can be written, read and deleted from, and, for a new run, is new or empty."""
    try:
        if new and not storage.is_empty():
            raise UserError(
                "--storage is a new or empty folder: one run, one storage", place, "Name another, or --resume the run."
            )
        storage.write(PROBE, b"hsiauto")
        found = storage.read(PROBE)
        storage.delete(PROBE)
    except (pa.ArrowException, OSError) as error:
        raise _unusable(place, error) from error
    if found != b"hsiauto":
        raise UserError("--storage gives back what was written to it", place, "Name another place.")


PROBE = "hsiauto-probe"


def _unusable(place: str, error: Exception) -> UserError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return UserError(
        "--storage is a folder or a URI that pyarrow can write to (s3://bucket/folder, gs://, abfs://, hdfs://, file:///)",
        f"{place}: {reason}",
        "Check the address and the credentials of this machine.",
    )

"""Where the checkpoints of trials lie: in the run folder, in another folder that every node sees, or behind a URI.

All of them are filesystems of pyarrow. A worker trains in a folder of its own machine. If every node sees the storage
as a folder, that folder is the attempt's place itself. Otherwise it is a temporary one: checkpoints are copied out of
it as they are saved, logs when the attempt ends. An attempt is named `trials/<trial id>/attempt-<n>`, under the run
folder and under any storage alike.
"""

import logging
import shutil
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
from pyarrow import fs

from hsiauto.errors import UserError
from hsiauto.files import writing
from hsiauto.training.trial import CHECKPOINT

PROBE = "hsiauto-probe"
_log = logging.getLogger(__name__)
_WHOLE_AT_ONCE = ("s3", "gcs", "abfs")
"""Filesystems in which an object appears when its last byte is written: no rename is needed, and theirs is a copy."""


@dataclass(frozen=True)
class Storage:
    """Checkpoints by trial and attempt. Sent to workers, so plain data. System errors are OSErrors; a folder that
    cannot be written is a UserError."""

    filesystem: fs.FileSystem
    root: str
    is_folder: bool = False
    """Every node sees it as the folder `root`, in which trials train."""

    def begin(self, trial_id: str, attempt: int) -> Path:
        """A folder of this machine to train in, which holds the attempt's checkpoint if there is one."""
        if self.is_folder:
            folder = Path(self.root) / attempt_name(trial_id, attempt)
            folder.mkdir(parents=True, exist_ok=True)
            return folder
        folder = Path(tempfile.mkdtemp(prefix=f"hsiauto-{trial_id}-"))
        content = self.read(checkpoint_name(trial_id, attempt))
        if content is not None:
            (folder / CHECKPOINT).write_bytes(content)
        return folder

    def put(self, trial_id: str, attempt: int, folder: Path) -> None:
        """Keep the checkpoint that was written into `folder`, `begin`'s; the old one stays until it is whole."""
        if not self.is_folder:
            self.write(checkpoint_name(trial_id, attempt), (folder / CHECKPOINT).read_bytes())

    def end(self, trial_id: str, attempt: int, folder: Path) -> None:
        """The attempt is over here: keep its logs, leave nothing on this machine that does not belong there."""
        if self.is_folder:
            return
        try:
            for file in sorted(folder.iterdir()):
                if file.name != CHECKPOINT:
                    self.write(f"{attempt_name(trial_id, attempt)}/{file.name}", file.read_bytes())
        except OSError as error:  # a log is not worth a worker
            _log.warning("the log of %s, attempt %d, was not kept: %s", trial_id, attempt, error)
        finally:
            shutil.rmtree(folder)

    def hand_over(self, trial_id: str, attempt: int) -> None:
        """Copy the last earlier attempt's checkpoint to `attempt`: an orphan may still write to the old one."""
        for earlier in range(attempt - 1, 0, -1):
            if self.exists(checkpoint_name(trial_id, earlier)):
                source = self._at(checkpoint_name(trial_id, earlier))
                self._place(checkpoint_name(trial_id, attempt), partial(self.filesystem.copy_file, source))
                return

    def drop(self, trial_id: str, attempt: int) -> None:
        """Remove the checkpoint of one attempt, if there is one and the filesystem allows it."""
        try:
            self.delete(checkpoint_name(trial_id, attempt))
        except OSError as error:  # space is not worth a search
            _log.warning("the checkpoint of %s, attempt %d, was not removed: %s", trial_id, attempt, error)

    def read(self, name: str) -> bytes | None:
        """The content of a file by its name under the storage; None if there is none."""
        if not self.exists(name):
            return None
        with self.filesystem.open_input_stream(self._at(name), compression=None) as stream:
            return bytes(stream.read())

    def write(self, name: str, content: bytes) -> None:
        """Write a file; a reader sees the old one or the whole new one."""

        def write(path: str) -> None:
            with self.filesystem.open_output_stream(path, compression=None) as stream:
                stream.write(content)

        self._place(name, write)

    def exists(self, name: str) -> bool:
        return bool(self.filesystem.get_file_info(self._at(name)).type == fs.FileType.File)

    def delete(self, name: str) -> None:
        """Remove a file, if there is one."""
        if self.exists(name):
            self.filesystem.delete_file(self._at(name))

    def is_empty(self) -> bool:
        selector = fs.FileSelector(self.root, allow_not_found=True, recursive=True)
        return not any(info.type == fs.FileType.File for info in self.filesystem.get_file_info(selector))

    def _place(self, name: str, make: Callable[[str], None]) -> None:
        """Let `make` write a file that appears under `name` when it is whole."""
        path = self._at(name)
        direct = self.filesystem.type_name in _WHOLE_AT_ONCE
        with writing(Path(path)) if self.is_folder else nullcontext():
            self.filesystem.create_dir(path.rpartition("/")[0], recursive=True)
            make(path if direct else f"{path}.part")
            if not direct:
                self.filesystem.move(f"{path}.part", path)

    def _at(self, name: str) -> str:
        return f"{self.root}/{name}" if self.root else name


def attempt_name(trial_id: str, attempt: int) -> str:
    return f"trials/{trial_id}/attempt-{attempt}"


def checkpoint_name(trial_id: str, attempt: int) -> str:
    return f"{attempt_name(trial_id, attempt)}/{CHECKPOINT}"


def folder_storage(path: Path) -> Storage:
    """A folder at the same path on every node."""
    return Storage(fs.LocalFileSystem(), str(path), is_folder=True)


def open_storage(place: str | None, run_folder: Path) -> Storage:
    """The storage that the run config names; None: the run folder.

    Raises UserError for a URI that pyarrow cannot open, or whose store does not answer.
    """
    if place is None:
        return folder_storage(run_folder.resolve())
    if "://" not in place:
        return folder_storage(Path(place).absolute())
    try:
        filesystem, root = fs.FileSystem.from_uri(place)
    except (pa.ArrowException, OSError, ImportError) as error:
        raise _unusable(place, error) from error
    return Storage(filesystem, root.rstrip("/"))


def check_storage(storage: Storage, place: str, *, new: bool) -> None:
    """Raise UserError unless `storage` can be written, read and deleted from, and, for a new run, is new or empty."""
    try:
        if new and not storage.is_empty():
            raise UserError(
                "`storage` is a new or empty folder: one run, one storage", place, "Name another, or resume the run."
            )
        storage.write(PROBE, b"hsiauto")
        found = storage.read(PROBE)
        storage.delete(PROBE)
    except (pa.ArrowException, OSError) as error:
        raise _unusable(place, error) from error
    if found != b"hsiauto":
        raise UserError("`storage` gives back what was written to it", place, "Name another place.")


def _unusable(place: str, error: Exception) -> UserError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return UserError(
        "`storage` is a folder or a URI that pyarrow can write to (s3://bucket/folder, gs://, abfs://, hdfs://, file:///)",
        f"{place}: {reason}",
        "Check the address and the credentials of this machine.",
    )

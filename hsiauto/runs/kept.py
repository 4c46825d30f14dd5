"""What a run keeps of its folder in memory: if somebody removes it while the run works, it is made again."""

from contextlib import ExitStack
from pathlib import Path

from hsiauto.files import LOCK, atomic_path, run_lock, writing

_KEPT = (".yaml", ".json", ".npz")
"""Types of the small files at the top of a run folder that say what is run."""


class Kept:
    """The small files of a run folder, and the right to drive it."""

    def __init__(self, folder: Path) -> None:
        """`folder` is locked by the caller."""
        self._folder, self._locks, self._lock = folder, ExitStack(), _identity(folder / LOCK)
        self._files: dict[str, bytes] = {}
        self.happened: list[str] = []
        """What somebody did to the folder; not told yet."""

    def look(self) -> None:
        """Keep what the files say now."""
        if self._folder.is_dir():
            found = [path for path in self._folder.iterdir() if path.suffix in _KEPT and path.is_file()]
            self._files |= {path.name: path.read_bytes() for path in found}

    def regain(self, what: str) -> None:
        """Make the folder again, lock it, and write the files that are missing. what: what happened.

        Raises UserError if it cannot be written, or if another driver has begun there.
        """
        with writing(self._folder):
            self._folder.resolve().mkdir(parents=True, exist_ok=True)
        if _identity(self._folder / LOCK) != self._lock:
            self._locks.enter_context(run_lock(self._folder))
            self._lock = _identity(self._folder / LOCK)
        for name, content in self._files.items():
            if not (self._folder / name).exists():
                with atomic_path(self._folder / name) as temporary:
                    temporary.write_bytes(content)
        self.happened.append(what)

    def close(self) -> None:
        """Give up locks that were taken anew."""
        self._locks.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino

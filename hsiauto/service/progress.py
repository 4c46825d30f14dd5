"""How far a run is: a fold over its journals, which goes on where it stopped when they grew."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hsiauto.runs.folder import JOURNAL, REFITS
from hsiauto.search.events import from_line
from hsiauto.search.standing import Standing

_KEPT = 200
"""Runs whose fold is kept."""


@dataclass
class _Fold:
    standing: Standing = field(default_factory=Standing)
    read: dict[str, int] = field(default_factory=lambda: {JOURNAL: 0, REFITS: 0})
    """Bytes of each file that were read."""


class ProgressOfRuns:
    """The folds of the runs that were asked for last."""

    def __init__(self) -> None:
        self._lock, self._folds = threading.Lock(), OrderedDict[Path, _Fold]()

    def of(self, folder: Path) -> Standing:
        """A line that is not whole, or none of ours, ends the fold there: whoever opens the run says what is wrong."""
        with self._lock:
            fold = self._folds.pop(folder, _Fold())
            sizes = {name: _size(folder / name) for name in fold.read}
            if any(sizes[name] < read for name, read in fold.read.items()):  # a torn line was cut off, or it began anew
                fold = _Fold()
            for name, read in fold.read.items():
                if sizes[name] > read:
                    fold.read[name] = _read_on(fold.standing, folder / name, read)
            self._folds[folder] = fold
            while len(self._folds) > _KEPT:
                self._folds.popitem(last=False)
            return fold.standing


def as_json(standing: Standing) -> dict[str, Any]:
    """A standing as the API tells it."""
    fields = ("trials", "budget", "reevaluations", "refits", "phase")
    family, best = max(standing.best.items(), key=lambda item: item[1], default=("", None))
    told = best and {"family": family, "val_oa": best.val_oa}
    return {**{name: getattr(standing, name) for name in fields}, "best": told, "seconds": round(standing.seconds, 1)}


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _read_on(standing: Standing, path: Path, at: int) -> int:
    """Tell the whole lines from byte `at` on; where they end."""
    with path.open("rb") as file:
        file.seek(at)
        for line in file:
            if not line.endswith(b"\n"):
                break
            try:
                event = from_line(line)
            except ValueError:
                break
            standing.tell(event)
            at += len(line)
    return at

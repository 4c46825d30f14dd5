"""The table of learning curves: one row for each config and epoch, in one Parquet file with its settings.

A config that was refused has one row without an epoch; one that diverged has its epochs before that, and no test score.
A classical family has one row, at the last epoch: its one fit is full fidelity.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hsiauto.errors import UserError
from hsiauto.files import atomic_path

Row = dict[str, Any]

_SETTINGS = b"hsiauto.curves"
SCHEMA = pa.schema(
    [
        ("name", pa.string()),  # `<family>/<preset or number of the draw>`
        ("family", pa.string()),
        ("config", pa.string()),  # JSON of the active hyperparameters
        ("config_hash", pa.string()),
        ("parameters", pa.int64()),  # null of a classical family
        ("macs", pa.int64()),  # multiply-adds of one prediction; null likewise
        ("state", pa.string()),  # "completed" | "refused" | "diverged"
        ("error", pa.string()),  # why not completed
        ("epoch", pa.int32()),
        ("train_loss", pa.float64()),
        ("val_loss", pa.float64()),
        ("val_oa", pa.float64()),
        ("val_aa", pa.float64()),
        ("val_kappa", pa.float64()),
        ("cpu_seconds", pa.float64()),  # of this epoch, validation included; the first one builds the model too
        ("wall_seconds", pa.float64()),
        ("refit_cpu_seconds", pa.float64()),  # training and validation pixels together, as many epochs
        ("test_oa", pa.float64()),  # of that refit
        ("test_aa", pa.float64()),
        ("test_kappa", pa.float64()),
        ("git_commit", pa.string()),
        ("machine", pa.string()),
    ]
)


class CurveTable:
    """The file as it grows. Written whole after each config, so that it is never half a config."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Go on with the table at `path`, or begin one. Raises UserError where it was made with other settings."""
        self._path, self._settings, self._rows = path, dict(settings), list[Row]()
        if path.exists():
            rows, made_with = read(path)
            changed = {key: made_with.get(key) for key, value in self._settings.items() if made_with.get(key) != value}
            if changed:
                raise UserError(
                    f"{path} can only go on with its own settings",
                    f"others: the table has {changed}, this run { ({key: self._settings[key] for key in changed}) }",
                    "Give the same, or record into another folder with --out.",
                )
            self._rows = rows

    @property
    def names(self) -> frozenset[str]:
        """Of the configs that it holds, in whatever state."""
        return frozenset(row["name"] for row in self._rows)

    def add(self, rows: Iterable[Row]) -> None:
        """All rows of one config. Raises UserError where the file cannot be written."""
        self._rows = sorted([*self._rows, *rows], key=_place)
        table = pa.Table.from_pylist(self._rows, schema=SCHEMA)
        metadata = {_SETTINGS: json.dumps(self._settings).encode()}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(self._path) as temporary:
            pq.write_table(table.replace_schema_metadata(metadata), temporary, compression="zstd")


def read(path: Path) -> tuple[list[Row], dict[str, Any]]:
    """Rows and settings. Raises UserError where `path` is no such table."""
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError("a table of curves must be a whole Parquet file", f"{path}: {error}", "Record it.") from error
    stored = (table.schema.metadata or {}).get(_SETTINGS)
    if stored is None or table.schema.names != SCHEMA.names:
        raise UserError("a table of curves must be of this form", str(path), "Record it with `make curves`.")
    settings: dict[str, Any] = json.loads(stored)
    return table.to_pylist(), settings


def _place(row: Row) -> tuple[str, bool, int, str, int]:
    """By family, presets before draws, draws by number, then by epoch."""
    label = row["name"].rpartition("/")[2]
    drawn = label.isdigit()
    return row["family"], drawn, int(label) if drawn else 0, row["name"], row.get("epoch") or 0

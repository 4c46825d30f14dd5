"""leaderboard.parquet: written whole or not at all, read by anything that reads Parquet."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from hsiauto.errors import UserError, refusal
from hsiauto.files import atomic_path, check_json
from hsiauto.leaderboard.schema import COLUMNS, SCHEMA_VERSION, Column
from hsiauto.scene.memory import require

_CELL_BYTES = 16


def write(table: pa.Table, path: Path) -> None:
    """Write `table` atomically. Raises UserError for a full disk, or a folder that cannot be written."""
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)


def read(path: Path) -> pa.Table:
    """The table, with its schema version and provenance in `table.schema.metadata`. Raises UserError for another file.

    Within a version columns are only added: those that came after the file was written are null.
    """
    if not Path(path).is_file():
        raise UserError(
            "there must be a leaderboard to read",
            f"no file at {path}",
            "Fix the path, or name a run that has finished.",
        )
    try:
        about = pq.read_metadata(path)
        unpacked = sum(about.row_group(group).total_byte_size for group in range(about.num_row_groups))
        require(unpacked + _CELL_BYTES * about.num_rows * about.num_columns, str(path), "Fix the path.")
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError("a leaderboard must be a whole Parquet file", f"{path}: {error}", "Resume the run.") from error
    version = (table.schema.metadata or {}).get(b"hsiauto.schema_version", b"none").decode(errors="replace")
    if version != SCHEMA_VERSION:
        raise UserError(
            f"a leaderboard must have schema version {SCHEMA_VERSION}",
            f"{path} with {version}",
            "Use a matching hsiauto.",
        )
    for column in COLUMNS:
        if column.name in table.column_names:
            found = table.schema.field(column.name).type
            if found != column.type:
                rule = f"a leaderboard's column {column.name} holds {column.type}"
                raise UserError(rule, f"{found} in {path}", "Give the file as hsiauto wrote it.")
        else:
            field = pa.field(column.name, column.type, metadata={"description": column.meaning})
            table = table.append_column(field, pa.nulls(table.num_rows, column.type))
        _refuse_values(table, column, path)
    return table


def _refuse_values(table: pa.Table, column: Column, path: Path) -> None:
    """Raise UserError for values that no run writes; null and NaN are what a trial without a score has."""
    ends = pc.min_max(table.column(column.name)) if column.type in (pa.int64(), pa.float64()) else None
    if ends is not None:
        low, high, least, most = ends["min"].as_py(), ends["max"].as_py(), *column.bounds
        found = [value for value in (low, high) if value is not None and not least <= value <= most and value == value]
        rule = f"a leaderboard's column {column.name} holds {least:g} to {most:g}"
    else:
        found = [*({*table.column(column.name).to_pylist()} - {None, *column.choices})] if column.choices else []
        rule = f"a leaderboard's column {column.name} holds {', '.join(column.choices)}"
    if found:
        raise UserError(rule, f"{found[0]} in {path}", "Give the file as hsiauto wrote it.")


def object_in(cell: str | None, column: str, values: Any = Any) -> dict[str, Any]:
    """The JSON object in a cell of `column`, its values of type `values`; null: empty. Raises UserError for another."""
    kind: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, values])
    try:
        return kind.validate_json(check_json((cell or "{}").encode(), f"{column} of a leaderboard"), strict=True)
    except ValidationError as error:
        raise refusal(error, f"{column} of a leaderboard: ", "Give the file as hsiauto wrote it.") from error

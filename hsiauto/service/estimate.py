"""What a run would cost: `hsiauto estimate` in a process of its own, one at a time."""

import json
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from hsiauto.config import declared, flat
from hsiauto.files import check_json, write_yaml
from hsiauto.service.command import lines
from hsiauto.service.errors import Refused
from hsiauto.service.models import Estimate
from hsiauto.service.requests import search_config
from hsiauto.service.scenes import StoredScene

LONGEST_S = 60.0
"""Of the measurements of one estimate, on a machine that may be busy."""
_one_at_a_time = threading.Lock()


def estimate(root: Path, scene: StoredScene, asked: Mapping[str, Any]) -> Estimate:
    """Costs of each family's preset, of as many as are measured within `LONGEST_S`.

    Raises UserError for what a search would refuse, and 429 while another estimate is made.
    """
    run_config = search_config(scene.settings, asked)
    fields = {name: value for name, value in flat(run_config).items() if name in declared("estimate")}
    if not _one_at_a_time.acquire(blocking=False):
        raise Refused(429, "one estimate is made at a time", "another one", "Try again in some seconds.")
    until, rows = time.monotonic() + LONGEST_S, list[dict[str, Any]]()
    try:
        with tempfile.TemporaryDirectory(prefix="hsiauto-estimate-") as folder:
            config = Path(folder) / "estimate.yaml"
            write_yaml(config, {"command": "estimate", **fields}, "as it was asked for")
            command = ["estimate", "--config", str(config), "--json"]
            for family in [[name] for name in run_config.families or ()] or [[]]:  # without one: every family
                rows.extend(_presets([*command, *family], root, until))
    finally:
        _one_at_a_time.release()
    said = list(_lines(rows))
    if not (complete := time.monotonic() < until):
        said.append(f"The others were not measured within {LONGEST_S:.0f} s: the machine is busy.")
    return Estimate(rows=rows, text="\n".join(said), complete=complete)


def _presets(command: Sequence[str], root: Path, until: float) -> Iterator[dict[str, Any]]:
    """The rows of presets, which come first."""
    with closing(lines(command, root, until)) as printed:
        for line in printed:
            row: dict[str, Any] = json.loads(check_json(line, "a row"))
            if row["name"] != "preset":
                return
            yield row


def _lines(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line for each config, for people."""
    return [
        f"{row['family']}, {row['name']}: "
        + (f"{row['parameters']:,} parameters, " if row["parameters"] is not None else "")
        + f"{row['memory_bytes'] / 2**20:,.0f} MiB, {_seconds(row['full_seconds'])} for a full training"
        for row in rows
    ]


def _seconds(value: float | str | None) -> str:
    return f"{value:,.1f} s" if isinstance(value, int | float) else "an unknown time"

"""What a run would cost: `hsiauto estimate` in a process of its own, one at a time."""

import json
import tempfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hsiauto.config import declared, flat
from hsiauto.files import check_json, write_yaml
from hsiauto.service.command import told
from hsiauto.service.errors import Refused
from hsiauto.service.models import Estimate
from hsiauto.service.requests import search_config
from hsiauto.service.scenes import StoredScene

_one_at_a_time = threading.Lock()


def estimate(root: Path, scene: StoredScene, asked: Mapping[str, Any]) -> Estimate:
    """Costs of each family's preset, and of its smallest and its largest config.

    Raises UserError for what a search would refuse, and 429 while another estimate is made.
    """
    run_config = search_config(scene.settings, asked)
    fields = {name: value for name, value in flat(run_config).items() if name in declared("estimate")}
    if not _one_at_a_time.acquire(blocking=False):
        raise Refused(429, "one estimate is made at a time", "another one", "Try again in some seconds.")
    try:
        with tempfile.TemporaryDirectory(prefix="hsiauto-estimate-") as folder:
            config = Path(folder) / "estimate.yaml"
            write_yaml(config, {"command": "estimate", **fields}, "as it was asked for")
            families = [[name] for name in run_config.families or ()] or [[]]  # without one: every family
            command = ["estimate", "--config", str(config), "--json"]
            answer = b"".join(told([*command, *family], root) for family in families)
    finally:
        _one_at_a_time.release()
    rows = [json.loads(check_json(line, "a row")) for line in answer.splitlines() if line.strip()]
    return Estimate(rows=rows, text="\n".join(_lines(rows)))


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

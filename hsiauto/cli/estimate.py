"""`hsiauto estimate`: what configs cost on this machine, before anything is searched."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from hsiauto.cli.console import errors, output, say
from hsiauto.cli.options import GROUPS, Config, Given, Json, with_settings
from hsiauto.cli.tables import framed, print_json, width
from hsiauto.config import RunConfig, run_config_from
from hsiauto.errors import UserError

if TYPE_CHECKING:
    from hsiauto.families.base import FamilyConfig
    from hsiauto.runs.prepare import Prepared
    from hsiauto.training.estimate import Estimate

_CAPTION = (
    "multiply-adds: of one prediction; s/epoch: training and validation, of a classical family its one fit\n"
    "memory on a CPU: predicted, beyond the program's own; of a classical family its features"
)


@with_settings("estimate")
def estimate(
    given: Given,
    family: Annotated[str | None, Parameter(help="Only this one. [default: every family of the space]")] = None,
    *,
    preset: Annotated[str | None, Parameter(group=GROUPS["Search"], help="Only this preset of FAMILY.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Parameters, multiply-adds, memory and seconds of configs on this machine, before anything is searched.

    First every family's preset, then the smallest and the largest config of its space, each with the CPUs that a trial
    of a search has. Some seconds for each of them; what was timed, and what follows from it, is said. Nothing is
    written.
    """
    if preset is not None and family is None:
        raise UserError("`preset` is of one family", preset, f"hsiauto estimate FAMILY --preset {preset}")
    run_config = run_config_from("estimate", given.settings)
    pins = dict(run_config.pins)
    changes = {"families": None if family is None else (family,), "pins": {} if preset else pins}
    _estimate(run_config.model_copy(update=changes), family, preset, pins, as_json=json)


def _estimate(
    run_config: RunConfig, family: str | None, preset: str | None, pins: dict[str, object], *, as_json: bool
) -> None:
    import torch

    from hsiauto.cli.progress import download_bars
    from hsiauto.runs.prepare import prepare
    from hsiauto.search.workers.resources import Machine, Resources
    from hsiauto.training.estimate import estimate as measure

    console, waiting = output(), errors()
    machine = Machine.here()
    resources = Resources.of(run_config, machine)
    with download_bars(waiting) as progress:
        prepared = prepare(run_config, progress)
    device, threads = resources.device, resources.threads
    torch.set_num_threads(threads)
    families = prepared.space.families
    chosen = [(name, config) for name in families for config in _configs(prepared, name, preset, pins)]
    chosen.sort(key=lambda one: one[1][0] != "preset")
    rows: list[tuple[str, Estimate]] = []
    for name, (label, config) in chosen:
        with waiting.status(f"{name}, {label}: {len(rows) + 1} of {len(chosen)}"):
            cost = measure(config, prepared.data, max_epochs=run_config.max_epochs, device=device, n_threads=threads)
        rows.append((label, cost))
        if as_json:
            print_json(_fields(label, cost))
    if as_json:
        return
    rows.sort(key=lambda row: families.index(row[1].config.family))
    where = f"{run_config.scene.dataset}, {device}" + ("" if device == "cuda" else f", {threads} threads")
    table = _table(rows, run_config.max_epochs, where, wide=True, console=console)
    if wide := width(table, console) <= console.width:
        console.print(table)
    else:
        console.print(_table(rows, run_config.max_epochs, where, wide=False, console=console))
    for label, cost in () if wide else rows:
        say(f"{cost.config.family}, {label}: {cost.basis}", console, style="dim")
    for line in _totals(rows, run_config.max_epochs):
        say(line, console)


def _configs(
    prepared: "Prepared", family: str, preset: str | None, pins: dict[str, object]
) -> "Iterator[tuple[str, FamilyConfig]]":
    """The name of a config in its family, and the config."""
    if preset is not None:
        yield preset, _preset(prepared, family, preset, pins)
        return
    from hsiauto.space.corners import corners

    scene, part = prepared.scene, prepared.space.parts[family]
    yield "preset", part.preset()
    yield from corners(part, scene.n_bands, prepared.data.n_classes).items()


def _preset(prepared: "Prepared", family: str, preset: str, pins: dict[str, object]) -> "FamilyConfig":
    from hsiauto.cli.family_config import preset_of
    from hsiauto.families import config_from
    from hsiauto.runs.prepare import feedable

    own: dict[str, object] = {}
    for pin, value in pins.items():
        of, _, name = pin.partition(".")
        if of != family:
            raise UserError("`set` must name the family that is estimated", pin, f"Write {family}.{name}.")
        own[name] = value
    fields = {**preset_of(family, preset), **own, "family": family}
    config, _ = feedable(prepared, config_from(fields), frozenset(own))
    return config


def _table(rows: "list[tuple[str, Estimate]]", max_epochs: int, where: str, *, wide: bool, console: Console) -> Table:
    table = framed(console, f"estimate: {where}", _CAPTION)
    for name in ("family", "config"):
        table.add_column(name, no_wrap=True)
    for name in ("parameters", "multiply-adds", "MiB", "s/epoch", f"s, {max_epochs} epochs"):
        table.add_column(name, justify="right", no_wrap=True)
    if wide:
        table.add_column("measured")
    last = ""
    for label, cost in rows:
        table.add_row(
            cost.config.family if cost.config.family != last else "",
            label,
            "-" if cost.parameters is None else f"{cost.parameters:,}",
            "-" if cost.macs is None else f"{cost.macs:,}",
            f"{cost.memory_bytes / 2**20:,.1f}",
            _seconds(cost.epoch_seconds),
            _seconds(cost.full_seconds),
            *([cost.basis] if wide else []),
        )
        last = cost.config.family
    return table


def _totals(rows: "list[tuple[str, Estimate]]", max_epochs: int) -> Iterator[str]:
    """What the first round of a search costs."""
    presets = [cost for label, cost in rows if label == "preset"]
    if len(presets) > 1:
        seconds = sum(cost.full_seconds for cost in presets if not math.isnan(cost.full_seconds))
        yield f"every family's preset once, at {max_epochs} epochs, one after the other: {_seconds(seconds)} s"


def _fields(label: str, cost: "Estimate") -> dict[str, object]:
    fields = {**asdict(cost), "config": cost.config.active()}
    return {"family": cost.config.family, "name": label, **fields}


def _seconds(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"

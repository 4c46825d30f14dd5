"""`hsiauto estimate`: what configs cost on this machine, before anything is searched."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import torch
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from hsiauto.cli import defaults, given, options, parse
from hsiauto.cli.progress import download_bars
from hsiauto.config import RunConfig, validated
from hsiauto.errors import UserError
from hsiauto.families import FAMILIES, config_from
from hsiauto.families.base import FamilyConfig
from hsiauto.runs.prepare import Prepared, feedable, prepare
from hsiauto.scene.source import SceneSource
from hsiauto.search.workers.resources import Machine
from hsiauto.space.corners import corners
from hsiauto.split.model import SplitSpec
from hsiauto.training.estimate import Estimate, estimate

_CAPTION = (
    "multiply-adds: of one prediction; s/epoch: training and validation, of a classical family its one fit\n"
    "memory on a CPU: predicted, beyond the program's own; of a classical family its features"
)
_WIDE = 130
"""Columns of a terminal from which the table says what was measured; below, lines after it do."""
Named = tuple[str, FamilyConfig]
"""The name of a config in its family, and the config."""


@options.with_groups(scene=options.scene_options, split=options.split_options)
def command(
    context: typer.Context,
    scene: SceneSource,
    family: Annotated[str | None, typer.Argument(help="Only this one. [default: every family of the space]")] = None,
    preset: Annotated[str | None, typer.Option(help="Only this preset of FAMILY.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Pin an axis, e.g. cpdgal.depth=6.")] = None,
    space: Annotated[str, typer.Option(help="The space whose corners are measured.")] = "unified",
    max_epochs: Annotated[
        int | None,
        typer.Option(min=1, help=f"Epochs of a full training. [default: {defaults.EPOCHS_IN_WORDS}]"),
    ] = None,
    split: SplitSpec = SplitSpec(),
    cpus_per_trial: Annotated[
        int | None, typer.Option(min=1, help="CPU cores of a trial. [default: all of this machine]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line instead of the table.")] = False,
) -> None:
    """Parameters, multiply-adds, memory and seconds of configs on this machine, before anything is searched.

    Of each family: its preset, and the smallest and the largest config of the space. Some seconds for each of them;
    what was timed, and what follows from it, is said. Nothing is written.
    """
    given.refuse_idle(context, split.protocol)
    if preset is not None and family is None:
        raise UserError("--preset is of one family", preset, f"hsiauto estimate FAMILY --preset {preset}")
    pins = parse.pins(set_ or [])
    max_epochs = defaults.max_epochs(max_epochs, scene.dataset)
    run_config = validated(
        RunConfig,
        scene=scene,
        split=split,
        space=space,
        families=None if family is None else (family,),
        pins={} if preset else pins,
        max_epochs=max_epochs,
    )
    console, errors = Console(), Console(stderr=True)
    with download_bars(errors) as progress:
        prepared = prepare(run_config, progress)
    device, cpus = "cuda" if torch.cuda.is_available() else "cpu", cpus_per_trial or Machine.here().cpus
    torch.set_num_threads(cpus)
    chosen = [(name, config) for name in prepared.space.families for config in _configs(prepared, name, preset, pins)]
    rows: list[tuple[str, Estimate]] = []
    for name, (label, config) in chosen:
        with errors.status(f"{name}, {label}: {len(rows) + 1} of {len(chosen)}"):
            cost = estimate(config, prepared.data, max_epochs=max_epochs, device=device, n_threads=cpus)
        rows.append((label, cost))
        if as_json:
            typer.echo(json.dumps(_fields(label, cost)))
    if not as_json:
        where = f"{scene.dataset}, {device}" + ("" if device == "cuda" else f", {cpus} threads")
        wide = console.width >= _WIDE
        console.print(_table(rows, max_epochs, where, wide))
        for label, cost in () if wide else rows:
            console.print(f"{cost.config.family}, {label}: {cost.basis}", style="dim", highlight=False)
        for line in _totals(rows, max_epochs):
            console.print(line, highlight=False)


def _configs(prepared: Prepared, family: str, preset: str | None, pins: dict[str, object]) -> Iterator[Named]:
    if preset is not None:
        yield preset, _preset(prepared, family, preset, pins)
        return
    scene, part = prepared.scene, prepared.space.parts[family]
    yield "preset", part.preset()
    yield from corners(part, scene.n_bands, prepared.data.n_classes).items()


def _preset(prepared: Prepared, family: str, preset: str, pins: dict[str, object]) -> FamilyConfig:
    presets = FAMILIES[family].presets
    if preset not in presets:
        raise UserError(f"unknown preset of {family}", repr(preset), f"Known: {', '.join(presets)}.")
    own: dict[str, object] = {}
    for pin, value in pins.items():
        of, _, axis = pin.partition(".")
        if of != family:
            raise UserError("--set: must name the family that is estimated", pin, f"Write {family}.{axis}.")
        own[axis] = value
    config, _ = feedable(prepared, config_from({**presets[preset], **own, "family": family}), frozenset(own))
    return config


def _table(rows: list[tuple[str, Estimate]], max_epochs: int, where: str, wide: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=f"estimate: {where}", caption=_CAPTION, padding=(0, 1, 0, 0))
    table.add_column("family", no_wrap=True)
    table.add_column("config", no_wrap=True)
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


def _totals(rows: list[tuple[str, Estimate]], max_epochs: int) -> Iterator[str]:
    """What the first round of a search costs."""
    presets = [cost for label, cost in rows if label == "preset"]
    if len(presets) > 1:
        seconds = sum(cost.full_seconds for cost in presets if not math.isnan(cost.full_seconds))
        yield f"every family's preset once, at {max_epochs} epochs, one after the other: {_seconds(seconds)} s"


def _fields(label: str, cost: Estimate) -> dict[str, object]:
    fields = {**asdict(cost), "config": cost.config.active()}
    none = {name: None for name, value in fields.items() if isinstance(value, float) and math.isnan(value)}
    return {"family": cost.config.family, "name": label, **fields, **none}


def _seconds(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"

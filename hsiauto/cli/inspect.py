"""Commands that only look: leaderboard, show, families."""

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hsiauto import leaderboard as boards
from hsiauto.cli.tables import print_leaderboard
from hsiauto.errors import UserError
from hsiauto.families import FAMILIES
from hsiauto.families.base import FamilyConfig
from hsiauto.runs import folder as folders
from hsiauto.search.events import Event, Ranked, of
from hsiauto.search.journal import read
from hsiauto.search.trials import TrialState, trials
from hsiauto.space import Space

_TAIL = 20
"""Lines of a trial's log that `show` prints."""


def leaderboard(
    folder: Annotated[Path, typer.Argument(help="A run folder, or a leaderboard.parquet.")],
    all_rows: Annotated[bool, typer.Option("--all", help="Every trial too, not only what was retrained.")] = False,
) -> None:
    """Print the leaderboard of a run."""
    path = folder / folders.LEADERBOARD if folder.is_dir() else folder
    console, table = Console(), boards.read(path)
    print_leaderboard(table, console, trials=all_rows)
    for line in boards.winner_statement(table):
        console.print(line, markup=False, highlight=False)


def show(
    folder: Annotated[Path, typer.Argument(help="A run folder.")],
    trial: Annotated[str | None, typer.Argument(help="A trial, e.g. t0007. Without it: all, a line each.")] = None,
) -> None:
    """What a trial was, what became of it, and why: config, state, error, learning curve, tail of its log."""
    console = Console()
    events = read(folder / folders.JOURNAL)
    found = trials(events)
    if trial is None:
        _print_trials(found, console)
        _print_ranking(events, found, console)
        return
    if trial not in found:
        raise UserError("no such trial in this run", repr(trial), f"`hsiauto show {folder}` lists them.")
    state = found[trial]
    console.print(f"[bold]{trial}[/bold]  {state.family}  {state.state}  attempt {state.attempt}  ({state.origin})")
    if state.errors:
        console.print(f"error: {state.errors}", markup=False, style="red")
    console.print_json(json.dumps(state.config))
    for report in state.reports[-5:]:
        console.print(
            f"epoch {report.epoch:>4}  loss {_number(report.train_loss)}  validation loss "
            f"{_number(report.val_loss)}  OA {_number(report.val_oa)}  kappa {_number(report.val_kappa)}  "
            f"{report.decision}",
            highlight=False,
        )
    log = folder / "trials" / trial / f"attempt-{state.attempt}" / "log.txt"
    if log.exists():
        console.print(f"\n{log}:", highlight=False, soft_wrap=True)
        console.print("\n".join(log.read_text(errors="replace").splitlines()[-_TAIL:]), markup=False, highlight=False)


def families(
    name: Annotated[str | None, typer.Argument(help="One family: its axes.")] = None,
    space: Annotated[str, typer.Option(help="The space whose ranges are shown.")] = "unified",
) -> None:
    """List the architecture families; with a name, its axes: range, default, meaning, source."""
    console = Console()
    searched = Space.load(space)
    if name is None:
        table = Table("family", "kind", "input", "searched axes", "presets", "source", box=box.SIMPLE_HEAD)
        for family, config in FAMILIES.items():
            axes = str(len(searched.parts[family].ranges)) if family in searched.families else "-"
            table.add_row(family, config.kind, config.input, axes, ", ".join(config.presets), escape(config.source))
        console.print(table)
        return
    if name not in FAMILIES:
        raise UserError("unknown family", repr(name), f"Known: {', '.join(FAMILIES)}.")
    config = FAMILIES[name]
    ranges = searched.parts[name].ranges if name in searched.families else {}
    console.print(f"[bold]{name}[/bold]  {escape(config.source)}")
    table = Table("axis", "searched", "default", "paper", "meaning", "acts when", "source", box=box.SIMPLE_HEAD)
    paper = config.preset("paper").active()
    for axis, info in config.model_fields.items():
        if axis == "family":
            continue
        table.add_row(
            axis,
            escape(str(ranges.get(axis, "-"))),
            str(info.default),
            str(paper.get(axis, "-")),
            escape(_meaning(config, axis)),
            ", ".join(f"{parent} {value}" for parent, value in config.when(axis).items()),
            escape(str(_extra(config, axis).get("source", ""))),
        )
    console.print(table)


def _extra(config: type[FamilyConfig], axis: str) -> dict[str, Any]:
    extra = config.model_fields[axis].json_schema_extra
    return extra if isinstance(extra, dict) else {}


def _meaning(config: type[FamilyConfig], axis: str) -> str:
    unit = _extra(config, axis).get("unit")
    text = config.model_fields[axis].description or ""
    return f"{text} [{unit}]" if unit else text


def _print_trials(found: dict[str, TrialState], console: Console) -> None:
    table = Table("trial", "family", "state", "epochs", "validation OA", "kappa", "error", box=box.SIMPLE_HEAD)
    for trial, state in found.items():
        table.add_row(
            trial,
            state.family,
            state.state,
            str(state.epochs),
            _number(state.score("oa")),
            _number(state.score("kappa")),
            escape(state.errors)[:100],
        )
    console.print(table)


def _print_ranking(events: list[Event], found: dict[str, TrialState], console: Console) -> None:
    """The last order, and why; nothing before there is one."""
    orders = of(Ranked, events)
    if not orders:
        return
    ranked = orders[-1]
    console.print("ranking, by validation alone:")
    for place, trial in enumerate(ranked.order, start=1):
        why = ranked.reasons.get(trial, "")
        console.print(f"  {place}  {trial}  {found[trial].family}  {why}", markup=False, highlight=False)
    unranked = {trial: why for trial, why in ranked.reasons.items() if trial not in ranked.order}
    for line in (*(f"{trial}  {why}" for trial, why in unranked.items()), *ranked.notes):
        console.print(f"  -  {line}", markup=False, highlight=False)


def _number(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "-"

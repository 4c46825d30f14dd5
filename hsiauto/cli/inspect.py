"""Commands that only look at a run: leaderboard, report, show."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from hsiauto.cli.console import output, say
from hsiauto.cli.options import Json, PathName
from hsiauto.cli.tables import Column, print_json, print_rows
from hsiauto.errors import UserError, shown
from hsiauto.runs import folder as folders
from hsiauto.search.events import Event, Ranked, of
from hsiauto.search.trials import TrialState, trials

_TAIL = 20
"""Lines of a trial's log that `show` prints."""
_REPORTS = 5


def leaderboard(
    folder: Annotated[PathName, Parameter(help="A run folder, or a leaderboard.parquet.")],
    /,
    *,
    all: Annotated[
        bool, Parameter(negative="", show_default=False, help="Every trial too, not only what was retrained.")
    ] = False,
    json: Json = False,
) -> None:
    """Print the leaderboard of a run."""
    from hsiauto import leaderboard as boards
    from hsiauto.cli.leaderboard_table import print_leaderboard

    table = boards.read(folder / folders.LEADERBOARD if folder.is_dir() else folder)
    if json:
        for row in table.to_pylist():
            if all or row["kind"] != "trial":
                print_json(row)
        return
    console = output()
    print_leaderboard(table, console, trials=all)
    warnings = (f"warning: {text}" for text in boards.table_warnings(table))
    for line in (*warnings, *boards.winner_statement(table), *_without_bundle(folder)):
        say(line, console)


def report(
    folder: Annotated[PathName, Parameter(help="A run folder.")],
    /,
    *,
    out: Annotated[PathName | None, Parameter(help="The file to write. [default: report.html in the folder]")] = None,
) -> None:
    """Write a run as one page that needs no network: what won, at which distance, the map, every trial."""
    from hsiauto.runs.report import report as write

    say(str(write(folder, out)), output(), whole=True)


def show(
    folder: Annotated[PathName, Parameter(help="A run folder.")],
    trial: Annotated[str | None, Parameter(help="A trial, e.g. t0007. Without it: all, a line each.")] = None,
    /,
    *,
    json: Json = False,
) -> None:
    """What a trial was, what became of it, and why: config, state, error, learning curve, tail of its log."""
    events = folders.read_journal(folder)
    found = trials(events)
    if trial is None:
        _print_trials(found, json)
        if not json:
            _print_ranking(events)
            for line in _without_bundle(folder):
                say(line, output())
        return
    if trial not in found:
        raise UserError("no such trial in this run", shown(trial), f"`hsiauto show {folder}` lists them.")
    state = found[trial]
    if json:
        print_json(
            {
                **_fields(trial, state),
                "config": state.config,
                "reports": [report.model_dump(mode="json") for report in state.reports],
            }
        )
        return
    _print_trial(trial, state)
    log = folder / "trials" / trial / f"attempt-{state.attempt}" / "log.txt"
    if log.is_file():
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL:])
        say(f"\n{log}:\n{tail}", output(), whole=True)


def _without_bundle(folder: Path) -> tuple[str, ...]:
    """A note if the run in `folder` has lost its bundle."""
    again = "" if (folder / folders.BUNDLE).is_dir() else folders.makes_bundle_again(folder)
    return (f"note: {folder / folders.BUNDLE} is gone. {again}",) if again else ()


def _print_trial(trial: str, state: TrialState) -> None:
    console = output()
    say(f"{trial}  {state.family}  {state.state}  attempt {state.attempt}  ({state.origin})", console, style="bold")
    if state.errors:
        say(f"error: {state.errors}", console, style="red")
    console.print_json(data=state.config, ensure_ascii=True)
    for report in state.reports[-_REPORTS:]:
        console.print(
            f"epoch {report.epoch:>4}  loss {_number(report.train_loss)}  validation loss "
            f"{_number(report.val_loss)}  OA {_number(report.val_oa)}  kappa {_number(report.val_kappa)}  "
            f"{report.decision}"
        )


def _fields(trial: str, state: TrialState) -> dict[str, Any]:
    return {
        "trial": trial,
        "family": state.family,
        "state": state.state,
        "epochs": state.epochs,
        "validation OA": state.score("oa"),
        "kappa": state.score("kappa"),
        "error": state.errors or None,
    }


def _print_trials(found: Mapping[str, TrialState], as_json: bool) -> None:
    columns = [Column("trial"), Column("family"), Column("state")]
    columns += [Column(name, number=True) for name in ("epochs", "validation OA", "kappa")]
    rows = [_fields(trial, state) for trial, state in found.items()]
    if not as_json:
        for row in rows:
            row |= {name: _number(row[name]) for name in ("validation OA", "kappa")}
            row["error"] = " ".join((row["error"] or "").split())[:100]
    print_rows([*columns, Column("error", prose=True)], [list(row.values()) for row in rows], as_json=as_json)


def _print_ranking(events: Sequence[Event]) -> None:
    """The last order, and why; nothing before there is one."""
    orders = of(Ranked, events)
    if not orders:
        return
    ranked = orders[-1]
    console = output()
    say("\nranking, by validation alone:", console)
    for place, one in enumerate(ranked.order, start=1):
        say(f"  {place}  {one.trial_id or ' + '.join(one.members)}  {one.family}  {one.reason}", console)
    for line in (*(f"{trial}  {why}" for trial, why in ranked.unplaced.items()), *ranked.notes):
        say(f"  -  {line}", console)


def _number(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "-"

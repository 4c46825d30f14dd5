"""A study from its definition to its table and figure, in a run folder that can go on."""

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hsiauto.ablation import record
from hsiauto.ablation.cells import Grid, grid
from hsiauto.ablation.definition import setting
from hsiauto.ablation.figure import draw
from hsiauto.ablation.plan import runs, trainings
from hsiauto.ablation.record import Asked
from hsiauto.ablation.table import HEADER, Line, lines, records
from hsiauto.ablation.train import train
from hsiauto.config import RunConfig
from hsiauto.errors import UserError
from hsiauto.files import atomic_path
from hsiauto.runs import folder as folders
from hsiauto.runs.opened import OpenRun, earlier_run, new_run
from hsiauto.runs.prepare import Prepared, prepare, validated
from hsiauto.runs.result import INTERRUPTED, NOTHING_TRAINED, RAY_LOST
from hsiauto.runs.watch import Stop, Watch
from hsiauto.scene.memory import within_memory
from hsiauto.search.events import Refit, of
from hsiauto.search.events.transient import OnEvent
from hsiauto.search.warnings import standing_warnings
from hsiauto.search.workers.resources import BUDGET_PER_WORKER, Machine, Resources
from hsiauto.space import SceneSize

TABLE, FIGURE = "table.csv", "study.png"


@dataclass(frozen=True)
class Result:
    """What a study leaves and says."""

    folder: Path
    lines: tuple[Line, ...]
    statements: tuple[str, ...]
    """What a reader of the table must be told."""
    trained: bool
    interrupted: bool
    """Ctrl-C, `stop` or the loss of Ray ended it; `resume` goes on."""
    skipped: int
    """Trainings that the time limit left out; `resume` trains them."""
    lost: str = ""
    """How Ray was lost; empty: it was not."""

    @property
    def exit_code(self) -> int:
        """As of a run: 0 done, 1 nothing was trained, 3 Ray was lost, 130 interrupted."""
        if self.lost:
            return RAY_LOST
        return INTERRUPTED if self.interrupted else 0 if self.trained else NOTHING_TRAINED


@within_memory("a run")
def run(
    asked: Asked,
    run_config: RunConfig,
    folder: str | Path | None = None,
    *,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
    began: float | None = None,
) -> Result:
    """Train and score every cell of a study in a new folder. folder, on_event, stop, began: as in `hsiauto.search`.

    Raises UserError for bad input, before anything is written.
    """
    watch = Watch.of(on_event, stop, began)
    folder = folders.new_folder(folder, run_config.scene.dataset, f"{asked.name}-")
    if run_config.split.protocol == "fixed" and asked.splits > 1:
        raise UserError("`splits` needs a protocol that draws its split", "fixed", "Use blocks or random.")
    if asked.splits > asked.seeds:
        rule = "a split of a study is that of one seed or more"
        raise UserError(rule, f"{asked.splits} `splits`, {asked.seeds} `seeds`", "Ask for more seeds, or fewer splits.")
    asked = _with_epochs(asked, run_config.max_epochs)
    of_run = run_config.model_copy(
        update={
            "command": "study",
            "families": asked.definition.families,
            "pins": {},
        }
    )
    prepared = prepare(of_run, watch.downloading)
    if not prepared.split.spec.has_places:
        rule, received = "a study is of models of images", f"{prepared.scene.name}, spectra without a place"
        raise UserError(rule, received, "Give a scene, or compare families in a search.")
    if asked.definition.validates:
        prepared = validated(prepared)
    cells = _grid(asked, prepared)
    with new_run(prepared, folder, watch, record.work(asked), record.fields(asked)) as opened:
        return _drive(asked, cells, opened)


@within_memory("a run")
def resume(
    folder: str | Path,
    *,
    seeds: int | None = None,
    cells: Sequence[Mapping[str, Any]] | None = None,
    time_limit_s: float | None = None,
    data_dir: str | Path | None = None,
    concurrency: int | None = None,
    address: str | None = None,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
    began: float | None = None,
) -> Result:
    """Go on with the study in `folder`: what was scored is not trained again. More `seeds`, or other `cells` (empty:
    all), extend it; a time limit counts anew."""
    folder, watch = Path(folder), Watch.of(on_event, stop, began)
    run_config, asked = folders.read_config(folder), record.read(folder)
    if seeds is not None and seeds < asked.seeds:
        raise UserError("a resumed study keeps or extends its seeds", f"{seeds}, below {asked.seeds}")
    changes: dict[str, Any] = {"time_limit_s": time_limit_s, "address": address}  # both of this call alone
    changes["families"] = asked.definition.families
    changes |= {} if concurrency is None else {"concurrency": concurrency}
    changes |= {} if data_dir is None else {"scene": run_config.scene.model_copy(update={"data_dir": Path(data_dir)})}
    asked = asked.model_copy(
        update={"seeds": seeds or asked.seeds, "cells": asked.cells if cells is None else tuple(map(dict, cells))}
    )
    with earlier_run(run_config.model_copy(update=changes), folder, watch) as opened:
        return _drive(asked, _grid(asked, opened.prepared), opened)


def _with_epochs(asked: Asked, max_epochs: int) -> Asked:
    """`asked` with the epochs that are trained, whoever set them: the same study asked again is the same text."""
    if "max_epochs" in asked.definition.axis_names:
        return asked
    return asked.model_copy(update={"definition": asked.definition.model_copy(update={"max_epochs": max_epochs})})


def _grid(asked: Asked, prepared: Prepared) -> Grid:
    """Every cell of the study on its scene. Raises UserError for what cannot be trained, and `cells` without one."""
    scene, split = prepared.scene, prepared.split
    grid(asked.definition, prepared.run_config.max_epochs)  # refuses what no scene mends
    n_pixels = len(split.train if asked.definition.validates else split.pool)
    size = SceneSize.of(scene, split, n_pixels, prepared.run_config.unlabelled)
    whole = grid(asked.definition, prepared.run_config.max_epochs, size)
    for cell in whole.cells:
        if cell.labels is not None:
            cell.labels.plan(n_pixels, len(split.classes))
    if asked.cells:
        whole.only(asked.cells)
    return whole


def _drive(asked: Asked, whole: Grid, opened: OpenRun) -> Result:
    record.write(opened.folder, asked)
    folders.write_config(opened.folder, opened.prepared.run_config, record.work(asked))
    definition, prepared = asked.definition, opened.prepared
    run_config = prepared.run_config
    wanted = whole.only(asked.cells) if asked.cells else whole
    planned = trainings(wanted, runs(run_config.seed, asked.seeds, prepared.split.spec.seed, asked.splits))
    n_trainings = sum(training.kind == "refit" for training in planned)
    workers = run_config.concurrency or _places(run_config, opened.machine, n_trainings)
    opened.phase(
        lambda: train(
            replace(opened.work, run_config=run_config.model_copy(update={"concurrency": workers})),
            opened.refits,
            planned,
            validates=definition.validates,
            measures_memory="peak_memory_bytes" in definition.measures,
            workers=workers,
            deadline=opened.deadlines.refit,
        )
    )
    with opened.writing():
        opened.write_board()
        found = lines(whole, opened.refits.events, definition.measures, definition.loss_margin)
        _write_table(found, opened.folder / TABLE)
        if found:
            draw(asked.name, definition, prepared.scene.name, found, opened.folder / FIGURE)
    latest = {event.key: event for event in of(Refit, opened.refits.events)}.values()
    return Result(
        opened.folder,
        tuple(found),
        (
            *_statements(asked, (*prepared.notes, *whole.notes), latest),
            *(f"warning: {text}" for text in standing_warnings(opened.journal.events)),
        ),
        trained=opened.trained,
        interrupted=opened.interrupted,
        lost=opened.lost,
        skipped=sum(event.state == "skipped" for event in latest),
    )


def _places(run_config: RunConfig, machine: Machine, n_trainings: int) -> int:
    """Trainings at a time: what the machine holds, of which a search would leave some to learn from the others. Counted
    over the whole study, so that a resume times its trainings as the first call did."""
    many = run_config.model_copy(update={"budget": n_trainings * BUDGET_PER_WORKER})
    return Resources.of(many, machine).concurrency


def _write_table(found: Sequence[Line], path: Path) -> None:
    with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        writer.writerows(records(found))


def _statements(asked: Asked, notes: Iterable[str], latest: Collection[Refit]) -> tuple[str, ...]:
    definition = asked.definition
    said = [f"question: {definition.question}", f"the source ({definition.source}) says: {definition.claim}"]
    said += [f"note: {note}" for note in notes]
    said += [f"failed: {_of(event)}: {event.error}" for event in latest if event.state == "failed"]
    if asked.seeds > asked.splits:
        where = "one split: the intervals say nothing about others" if asked.splits == 1 else f"{asked.splits} splits"
        said.append(f"paired over {asked.seeds} seeds on {where}; as many splits as seeds would give each seed its own")
    if "epochs_to_val_loss" in definition.measures:
        said.append(
            "epochs are counted to the validation loss that the reference reaches in the same run at its best, plus "
            f"{100 * definition.loss_margin:g} %; runs that never reach it are missing from mean and pairs"
        )
    return tuple(said)


def _of(event: Refit) -> str:
    cell = setting(event.cell or {}) or event.family
    return f"{cell}, seed {event.seed}, split {event.split_seed}"

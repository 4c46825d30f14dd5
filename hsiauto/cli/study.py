"""hsiauto study: the ablations of the papers, on any scene."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hsiauto import ablation
from hsiauto.cli import defaults, given, options, parse
from hsiauto.cli.ending import end, study_messages
from hsiauto.cli.progress import Progress
from hsiauto.cli.study_table import print_table
from hsiauto.config import RunConfig, validated
from hsiauto.errors import UserError
from hsiauto.scene.source import SceneSource
from hsiauto.split.model import SplitSpec

_CELLS, _RESUMED = "Cells", ("name", "resume", "seeds", "cells", "time_limit", "data_dir", "concurrency", "address")


@options.with_groups(scene=options.scene_options, split=options.split_options)
def command(
    context: typer.Context,
    scene: SceneSource,
    name: Annotated[
        str | None, typer.Argument(help="A study, or a YAML file. Without it: list those that ship.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Runs of each cell. [default: 3]", rich_help_panel=_CELLS)
    ] = None,
    splits: Annotated[
        int, typer.Option(min=1, help="Deal the seeds over so many splits: run i has its own.", rich_help_panel=_CELLS)
    ] = 1,
    cells: Annotated[
        list[str] | None,
        typer.Option(
            help="Only cells with these values, e.g. masking=static (and the reference).", rich_help_panel=_CELLS
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Preset below the axes, e.g. small. [default: the study's]", rich_help_panel=_CELLS),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Pin an axis, e.g. cpdgal.depth=2.", rich_help_panel=_CELLS)
    ] = None,
    max_epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Epochs of a training. [default: the study's, or {defaults.EPOCHS_IN_WORDS}]",
            rich_help_panel=_CELLS,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=options.LARGEST_SEED, help="Of the first run.", rich_help_panel=_CELLS)
    ] = 0,
    time_limit: Annotated[str | None, typer.Option(help="For everything, e.g. 30m.")] = None,
    split: SplitSpec = SplitSpec(),
    transductive: options.Transductive = False,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Trainings at a time. [default: from the machine]")
    ] = None,
    address: options.Address = None,
    out: options.Out = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with a study; --seeds and --cells extend it. --cells all: every cell.")
    ] = None,
) -> None:
    """Train a grid of settings over several seeds; compare each with the study's reference, in a table and a figure."""
    console = Console()
    limit = parse.duration(time_limit) if time_limit else None
    if resume is not None:
        typed = given.given(context)
        _refuse(typed, _RESUMED[1:], "--resume goes on with the study's own settings; with it go --seeds, --cells")
        with Progress(console) as progress:
            result = ablation.resume(
                resume,
                seeds=seeds,
                cells=None if cells is None else _cells(cells),
                time_limit_s=limit,
                data_dir=scene.data_dir if "data_dir" in typed else None,
                concurrency=concurrency,
                address=address,
                on_event=progress,
            )
        _finish(result, console)
        return
    if name is None:
        _refuse(given.given(context), (), "options need the name of a study")
        _list(console)
        return
    given.refuse_idle(context, split.protocol)
    name, definition = ablation.load(name)
    definition = _changed(definition, preset, parse.pins(set_ or []), max_epochs)
    run_config = validated(
        RunConfig,
        command="study",
        scene=scene,
        split=split,
        budget=1,
        time_limit_s=limit,
        max_epochs=defaults.max_epochs(definition.max_epochs, scene.dataset),
        seed=seed,
        concurrency=concurrency,
        address=address,
        transductive=transductive,
    )
    asked = ablation.Asked(name=name, definition=definition, seeds=seeds or 3, splits=splits, cells=_cells(cells or []))
    with Progress(console) as progress:
        result = ablation.run(asked, run_config, out, on_event=progress)
    _finish(result, console)


def _changed(
    definition: ablation.Definition, preset: str | None, pins: dict[str, Any], max_epochs: int | None
) -> ablation.Definition:
    """The study with what the command line changes in it."""
    if max_epochs is not None and "max_epochs" in definition.axis_names:
        raise UserError("--max-epochs is an axis of this study", max_epochs, "Leave it out, or choose --cells.")
    changes: dict[str, Any] = {"pins": {**definition.pins, **pins}}
    changes |= {} if preset is None else {"preset": preset}
    changes |= {} if max_epochs is None else {"max_epochs": max_epochs}
    return definition.model_copy(update=changes)


def _cells(texts: list[str]) -> tuple[dict[str, Any], ...]:
    """`["masking=static,mask_probability=0.2"]` -> `({"masking": "static", "mask_probability": 0.2},)`; `all`: ()."""
    if texts == ["all"]:
        return ()
    found = []
    for text in texts:
        values = {}
        for setting in text.split(","):
            axis, equals, value = setting.partition("=")
            if not equals or not axis.strip():
                raise UserError("--cells takes axis=value, several with commas", repr(text), "e.g. --cells depth=2")
            values[axis.strip()] = parse.scalar(value)
        found.append(values)
    return tuple(found)


def _refuse(typed: dict[str, str], allowed: tuple[str, ...], rule: str) -> None:
    if strange := [option for name, option in typed.items() if name not in allowed]:
        raise UserError(rule, " ".join(strange), "`hsiauto study` lists the studies; --help the options.")


def _list(console: Console) -> None:
    table = Table("study", "families", "cells", "question", box=box.SIMPLE_HEAD)
    for name in ablation.shipped():
        definition = ablation.load(name)[1]
        n_cells = len(ablation.grid(definition, 1).cells)
        table.add_row(name, ", ".join(definition.families), str(n_cells), escape(definition.question))
    console.print(table)


def _finish(result: ablation.Result, console: Console) -> None:
    print_table(result.lines, console)
    end(result, study_messages(result), console)

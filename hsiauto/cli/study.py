"""hsiauto study: the ablations of the papers, on any scene."""

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from hsiauto.cli.console import output
from hsiauto.cli.ending import end, study_messages
from hsiauto.cli.options import GROUPS, Config, Given, Json, Out, Resume, Set, SomeRuns, with_settings
from hsiauto.cli.process import began
from hsiauto.cli.run import training
from hsiauto.cli.signals import received
from hsiauto.cli.tables import Column, print_rows
from hsiauto.config import run_config_from
from hsiauto.errors import UserError
from hsiauto.settings import absolute, assignments, pins

if TYPE_CHECKING:
    from hsiauto import ablation

_CELLS = GROUPS["Cells"]


@with_settings("study")
def study(
    given: Given,
    study: Annotated[str | None, Parameter(help="A study, or a YAML file. Without it: list those that ship.")] = None,
    *,
    seeds: Annotated[SomeRuns | None, Parameter(group=_CELLS, help="Runs of each cell. [default: 3]")] = None,
    splits: Annotated[
        SomeRuns, Parameter(group=_CELLS, help="Deal the seeds over so many splits: run i has its own.")
    ] = 1,
    cells: Annotated[
        list[str] | None,
        Parameter(
            group=_CELLS,
            negative="",
            metavar="NAME=VALUE,...",
            help="Only cells with these values, e.g. masking=static, and the reference; may be given again. "
            "With --resume, all: every cell.",
        ),
    ] = None,
    preset: Annotated[
        str | None, Parameter(group=_CELLS, help="Preset below the axes, e.g. small. [default: the study's]")
    ] = None,
    set_: Set = None,
    out: Out = None,
    resume: Resume = None,
    config: Config = None,
    json: Json = False,
) -> int:
    """Train a grid of settings over several seeds; compare each with the study's reference, in a table and a figure."""
    if resume is not None:
        changes = given.changes_of_resume("study", "seeds", "cells")
        from hsiauto import ablation

        chosen = None if cells is None else _cells(cells)
        with training(given) as progress:
            result = ablation.resume(
                resume, seeds=seeds, cells=chosen, **changes, on_event=progress, stop=received, began=began()
            )
        return _end(result)
    if study is None:
        given.refuse_all_but(("json",), "options need the name of a study", "`hsiauto study` lists them.")
        _list(json)
        return 0
    from hsiauto import ablation

    name, definition = ablation.load(study)
    epochs = {} if definition.max_epochs is None else {"max-epochs": definition.max_epochs}
    run_config = run_config_from("study", {**epochs, **given.settings})
    own_epochs = run_config.max_epochs if "max-epochs" in given.settings else None
    definition = _changed(definition, preset, _pins(set_ or []), own_epochs)
    asked = ablation.Asked(
        name=name,
        source=str(absolute(study)) if study not in ablation.shipped() else "",
        definition=definition,
        seeds=seeds or 3,
        splits=splits,
        cells=_cells(cells or []),
    )
    with training(given) as progress:
        result = ablation.run(asked, run_config, out, on_event=progress, stop=received, began=began())
    return _end(result)


def _pins(texts: list[str]) -> dict[str, Any]:
    try:
        return dict(pins(texts))
    except UserError as error:
        raise UserError(f"--set {error.rule}", error.received, error.remedy) from error


def _changed(
    definition: "ablation.Definition", preset: str | None, pinned: dict[str, Any], max_epochs: int | None
) -> "ablation.Definition":
    """The study with what the command line changes in it."""
    if max_epochs is not None and "max_epochs" in definition.axis_names:
        raise UserError("--max-epochs is an axis of this study", max_epochs, "Leave it out, or choose --cells.")
    changes: dict[str, Any] = {"pins": {**definition.pins, **pinned}}
    changes |= {} if preset is None else {"preset": preset}
    changes |= {} if max_epochs is None else {"max_epochs": max_epochs}
    return definition.model_copy(update=changes)


def _cells(texts: list[str]) -> tuple[dict[str, Any], ...]:
    """`["masking=static,mask_probability=0.2"]` -> `({"masking": "static", "mask_probability": 0.2},)`; `all`: ()."""
    if texts == ["all"]:
        return ()
    found = []
    for text in texts:
        try:
            found.append(assignments(text.split(","), "axis=value, several with commas", "depth=2"))
        except UserError as error:
            raise UserError(f"--cells {error.rule}", error.received, error.remedy) from error
    return tuple(found)


def _list(as_json: bool) -> None:
    from hsiauto import ablation

    columns = (Column("study"), Column("families"), Column("cells", number=True), Column("question", prose=True))
    rows = []
    for name in ablation.shipped():
        definition = ablation.load(name)[1]
        n_cells = len(ablation.grid(definition, 1).cells)
        rows.append((name, ", ".join(definition.families), n_cells, definition.question))
    print_rows(columns, rows, as_json=as_json)


def _end(result: "ablation.Result") -> int:
    from hsiauto.cli.study_table import print_table

    print_table(result.lines, output())
    return end(result, study_messages(result))

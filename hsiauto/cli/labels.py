"""The options of active learning: `--labels active`, or any option of its group, turns it on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from hsiauto.cli import given
from hsiauto.config import validated
from hsiauto.errors import UserError
from hsiauto.scene.source import SceneSource
from hsiauto.split.model import SplitSpec
from hsiauto.training.active.recipe import RECIPES, ActiveLabels, Recipe

_PANEL = "Labels (active learning)"
WORD = Path("active")
"""As the value of --labels, which is otherwise the label map of a scene that is a file."""


@dataclass(frozen=True)
class Asked:
    """What the options say; None: they ask for nothing."""

    recipe: Recipe | None
    fields: dict[str, Any]
    """Of ActiveLabels, as typed."""
    control: bool


def label_options(
    recipe: Annotated[
        str | None,
        typer.Option(help=f"A published setting, pool included: {', '.join(RECIPES)}.", rich_help_panel=_PANEL),
    ] = None,
    initial: Annotated[
        float | None,
        typer.Option(help="Share of the pool that is labelled at first. [default: 0.05]", rich_help_panel=_PANEL),
    ] = None,
    acquire: Annotated[
        float | None,
        typer.Option(help="Share of the rest that a cycle asks for. [default: 0.02]", rich_help_panel=_PANEL),
    ] = None,
    cycles: Annotated[
        int | None, typer.Option(min=0, help="Rounds of asking. [default: 30]", rich_help_panel=_PANEL)
    ] = None,
    label_budget: Annotated[
        int | None, typer.Option(min=1, help="Labels in all, at most.", rich_help_panel=_PANEL)
    ] = None,
    acquisition: Annotated[
        str | None, typer.Option(help="margin, entropy or random. [default: margin]", rich_help_panel=_PANEL)
    ] = None,
    margin_rank: Annotated[
        int | None,
        typer.Option(min=2, help="margin: P(top) - P(this one). [default: 3]", rich_help_panel=_PANEL),
    ] = None,
    control: Annotated[
        bool, typer.Option("--control", help="Train on as many random labels too.", rich_help_panel=_PANEL)
    ] = False,
) -> Asked | None:
    if recipe is not None and recipe not in RECIPES:
        raise UserError("unknown recipe", repr(recipe), f"Known: {', '.join(RECIPES)}.")
    typed = {
        "initial": initial,
        "acquire": acquire,
        "cycles": cycles,
        "budget": label_budget,
        "acquisition": acquisition,
        "margin_rank": margin_rank,
    }
    fields = {name: value for name, value in typed.items() if value is not None}
    if recipe is None and not fields and not control:
        return None
    return Asked(RECIPES[recipe] if recipe is not None else None, fields, control)


@dataclass(frozen=True)
class Settings:
    """What a command trains with; `labels` None: all are known."""

    scene: SceneSource
    split: SplitSpec
    max_epochs: int | None
    labels: ActiveLabels | None
    control: bool


def settle(
    context: typer.Context, asked: Asked | None, scene: SceneSource, split: SplitSpec, max_epochs: int | None
) -> Settings:
    """A recipe sets protocol, pool and epochs too, where the user has not. Raises UserError for what cannot act."""
    if wants_active(context):
        scene = scene.model_copy(update={"labels": None})
        asked = asked or Asked(None, {}, control=False)
    if asked is None:
        return Settings(scene, split, max_epochs, None, control=False)
    recipe = asked.recipe
    start = recipe.labels.model_dump() if recipe is not None else {}
    labels = validated(ActiveLabels, **{**start, **asked.fields})
    if "margin_rank" in asked.fields and labels.acquisition != "margin":
        raise UserError("--margin-rank belongs to --acquisition margin", labels.acquisition, "Leave --margin-rank out.")
    if asked.control and labels.acquisition == "random":
        raise UserError("--control compares with random acquisition", "--acquisition random", "Leave one of them out.")
    if recipe is not None:
        typed = given.given(context)
        changes: dict[str, Any] = {} if "protocol" in typed else {"protocol": "random"}
        if not typed.keys() & {"train_fraction", "train_per_class"}:
            changes["train_fraction"] = recipe.pool
        split = split.model_copy(update=changes)
        max_epochs = recipe.max_epochs if max_epochs is None else max_epochs
    return Settings(scene, split, max_epochs, labels, asked.control)


def wants_active(context: typer.Context) -> bool:
    return context.params.get("labels") == WORD

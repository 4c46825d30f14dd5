"""Groups of options that several commands share: declared, documented and turned into a config in one place."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from hsiauto.cli import parse
from hsiauto.config import validated
from hsiauto.scene.source import SceneSource
from hsiauto.split.model import SplitSpec

_SCENE, _SPLIT = "Scene", "Evaluation protocol"

LARGEST_SEED = 2**31 - 1
"""Room below 2**32, where NumPy's seeds end, for the seeds that are counted from it."""

DataDir = Annotated[
    Path | None,
    typer.Option(envvar="HSIAUTO_DATA", help="Where scenes lie and are downloaded to.", rich_help_panel=_SCENE),
]
Key = Annotated[str | None, typer.Option(help="Name of the cube in a file of several arrays.", rich_help_panel=_SCENE)]
Layout = Annotated[
    str | None, typer.Option(help="Axis order of the cube in the file: HWC or CHW.", rich_help_panel=_SCENE)
]
Address = Annotated[
    str | None,
    typer.Option(
        help="Join a running Ray cluster: auto, or HOST:PORT of its head (see cluster/).", rich_help_panel="Machine"
    ),
]
Storage = Annotated[
    str | None,
    typer.Option(
        help="Checkpoints and logs of trials: a shared folder, or a URI such as s3://bucket/run; new or empty. "
        "[default: the run folder]",
        rich_help_panel="Machine",
    ),
]
Transductive = Annotated[
    bool,
    typer.Option(
        "--transductive", help="Tile families may see the spectra of unlabelled pixels.", rich_help_panel=_SPLIT
    ),
]
Out = Annotated[Path | None, typer.Option(help="Run folder, new or empty. Default: runs/<dataset>-<time>.")]


def scene_options(
    dataset: Annotated[
        str,
        typer.Option(
            help="A known scene (see `hsiauto datasets`), demo, simulated:LABELS, or a file.", rich_help_panel=_SCENE
        ),
    ] = "demo",
    data_dir: DataDir = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Label map of a scene given as a file. `train` also takes the word active.", rich_help_panel=_SCENE
        ),
    ] = None,
    key: Key = None,
    labels_key: Annotated[
        str | None, typer.Option(help="Name of the label map in a file of several arrays.", rich_help_panel=_SCENE)
    ] = None,
    ignore_labels: Annotated[
        str | None, typer.Option(help="Label values that mean unlabelled, e.g. 0,255.", rich_help_panel=_SCENE)
    ] = None,
    layout: Layout = None,
) -> SceneSource:
    return validated(
        SceneSource,
        dataset=parse.dataset(dataset),
        data_dir=parse.absolute(data_dir),
        labels=parse.absolute(labels),
        key=key,
        labels_key=labels_key,
        ignore_labels=parse.numbers(ignore_labels),
        layout=layout.upper() if layout else None,
    )


def split_options(
    protocol: Annotated[
        str,
        typer.Option(
            help="blocks (spatially disjoint, with a buffer), random (as in most papers) or fixed.",
            rich_help_panel=_SPLIT,
        ),
    ] = "blocks",
    split_seed: Annotated[
        int, typer.Option(min=0, max=LARGEST_SEED, help="Seed of the split.", rich_help_panel=_SPLIT)
    ] = 0,
    train_fraction: Annotated[
        float | None,
        typer.Option(help="Share of the labels that training and validation may use.", rich_help_panel=_SPLIT),
    ] = None,
    train_per_class: Annotated[
        int | None, typer.Option(min=1, help="The same budget as a number per class.", rich_help_panel=_SPLIT)
    ] = None,
    test_fraction: Annotated[
        float, typer.Option(help="Share of the blocks that are test.", rich_help_panel=_SPLIT)
    ] = 0.20,
    val_fraction: Annotated[
        float, typer.Option(help="Share of the training pool that validates.", rich_help_panel=_SPLIT)
    ] = 0.25,
    block_size: Annotated[int, typer.Option(min=2, help="Side of a block in pixels.", rich_help_panel=_SPLIT)] = 16,
    buffer: Annotated[
        str,
        typer.Option(
            help="Pixels between training and test (blocks); auto: twice the largest support of the space.",
            rich_help_panel=_SPLIT,
        ),
    ] = "5",
    train_map: Annotated[
        Path | None, typer.Option(help="Label map of the training pixels (fixed).", rich_help_panel=_SPLIT)
    ] = None,
    test_map: Annotated[
        Path | None, typer.Option(help="Label map of the test pixels (fixed).", rich_help_panel=_SPLIT)
    ] = None,
    drop_conflicts: Annotated[
        bool,
        typer.Option(
            "--drop-conflicts", help="fixed: drop pixels that contradict the ground truth.", rich_help_panel=_SPLIT
        ),
    ] = False,
) -> SplitSpec:
    return validated(
        SplitSpec,
        protocol=protocol,
        seed=split_seed,
        train_fraction=train_fraction,
        train_per_class=train_per_class,
        test_fraction=test_fraction,
        val_fraction=val_fraction,
        block_size=block_size,
        **({"buffer_auto": True} if buffer == "auto" else {"buffer": buffer}),
        train_map=parse.absolute(train_map),
        test_map=parse.absolute(test_map),
        drop_conflicts=drop_conflicts,
    )


def with_groups(**groups: Callable[..., Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Replace each named parameter of a command by the options of its group, and pass what the group makes of them."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        members = {name: list(inspect.signature(group).parameters) for name, group in groups.items()}

        @functools.wraps(command)
        def call(**given: Any) -> None:
            built = {name: groups[name](**{m: given.pop(m) for m in members[name]}) for name in groups}
            command(**built, **given)

        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command).parameters.values():
            group = groups.get(parameter.name)
            parameters += inspect.signature(group).parameters.values() if group else [parameter]
        keyword_only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
        call.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]
        call.__annotations__ = {p.name: p.annotation for p in keyword_only}
        del call.__wrapped__  # else inspect looks through to the command
        return call

    return decorate

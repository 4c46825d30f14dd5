"""Commands that compute: search, train, refit, predict."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hsiauto import runs as runs
from hsiauto.cli import defaults, given, labels, options, parse
from hsiauto.cli.ending import end, run_messages
from hsiauto.cli.progress import Progress, classifying_bar
from hsiauto.cli.tables import print_leaderboard
from hsiauto.config import RunConfig, validated
from hsiauto.errors import UserError
from hsiauto.families import FAMILIES
from hsiauto.scene.source import SceneSource
from hsiauto.split.model import SplitSpec
from hsiauto.training.active.recipe import ActiveLabels

_BUDGET, _SEARCH, _REFIT, _MACHINE = "Budget", "Search", "Refit", "Machine"


@options.with_groups(scene=options.scene_options, split=options.split_options)
def search(
    context: typer.Context,
    scene: SceneSource,
    budget: Annotated[int | None, typer.Option(min=1, help="Trials. [default: 50]", rich_help_panel=_BUDGET)] = None,
    time_limit: Annotated[
        str | None,
        typer.Option(
            help="For everything, e.g. 30m: search at most 40 %, re-evaluation 20 %, refit 40 %.",
            rich_help_panel=_BUDGET,
        ),
    ] = None,
    max_gpu_hours: Annotated[
        float | None,
        typer.Option(
            help="GPU time of all trials together, each counted by its GPUs; not on a CPU.", rich_help_panel=_BUDGET
        ),
    ] = None,
    max_epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Epochs of a full training. [default: {defaults.EPOCHS_IN_WORDS}]",
            rich_help_panel=_BUDGET,
        ),
    ] = None,
    families: Annotated[
        str | None, typer.Option(help="Only these, e.g. cnn2d,svm (see `hsiauto families`).", rich_help_panel=_SEARCH)
    ] = None,
    space: Annotated[
        str, typer.Option(help="Search space: a YAML file, or the name of one that ships.", rich_help_panel=_SEARCH)
    ] = "unified",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Pin an axis, e.g. cpdgal.depth=6.", rich_help_panel=_SEARCH)
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            help="kappa, oa or aa, on validation: it ranks. A second one, parameters, macs or pixels_per_second, is "
            "weighed against it: the Pareto front is marked. [default: kappa]",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    max_parameters: Annotated[
        str | None, typer.Option(help="No network with more parameters, e.g. 100k.", rich_help_panel=_SEARCH)
    ] = None,
    max_macs: Annotated[
        str | None,
        typer.Option(help="No network with more multiply-adds a prediction, e.g. 5M.", rich_help_panel=_SEARCH),
    ] = None,
    min_pixels_per_second: Annotated[
        str | None,
        typer.Option(
            help="No model that draws a map more slowly: trials are timed with their first report.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    sampler: Annotated[
        str,
        typer.Option(
            help="tpe, gp (Gaussian process), random, cmaes or qmc: Optuna's, one study per family. auto: tpe, and gp "
            "where a family has 10 to 200 trials and trains for some seconds or more.",
            rich_help_panel=_SEARCH,
        ),
    ] = "auto",
    scheduler: Annotated[
        str, typer.Option(help="asha (Ray's, one per family) or none.", rich_help_panel=_SEARCH)
    ] = "asha",
    allocation: Annotated[
        str,
        typer.Option(
            help="elimination: a floor for each family, then the promising ones (docs/allocation.md); joint: one study "
            "over all, for comparison.",
            rich_help_panel=_SEARCH,
        ),
    ] = "elimination",
    warm_start: Annotated[
        list[Path] | None,
        typer.Option(
            help="Run folder whose best configs are tried after the presets; may be given again.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(min=0, max=options.LARGEST_SEED, help="Of sampler, weights and batches.", rich_help_panel=_SEARCH),
    ] = 0,
    split: SplitSpec = SplitSpec(),
    transductive: options.Transductive = False,
    top_k: Annotated[int, typer.Option(min=1, help="Families that are retrained.", rich_help_panel=_REFIT)] = 3,
    winner_seeds: Annotated[int, typer.Option(min=1, help="Retrainings of the winner.", rich_help_panel=_REFIT)] = 5,
    other_seeds: Annotated[int, typer.Option(min=1, help="Retrainings of the others.", rich_help_panel=_REFIT)] = 3,
    further_splits: Annotated[
        int, typer.Option(min=0, help="Further splits on which the winner is measured.", rich_help_panel=_REFIT)
    ] = 5,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Trials at a time. [default: from the machine]", rich_help_panel=_MACHINE)
    ] = None,
    cpus_per_trial: Annotated[
        int | None, typer.Option(min=1, help="CPU cores of a trial.", rich_help_panel=_MACHINE)
    ] = None,
    gpus_per_trial: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="GPUs of a trial: a fraction shares one, 2 or more share each batch. "
            "[default: as many trials on a GPU as its memory holds]",
            rich_help_panel=_MACHINE,
        ),
    ] = None,
    trial_timeout: Annotated[
        str | None,
        typer.Option(
            help="End a trial as failed that has not reported for so long, e.g. 10m. [default: never]",
            rich_help_panel=_MACHINE,
        ),
    ] = None,
    keep: Annotated[str, typer.Option(help="Weights that stay on disk: top or all.", rich_help_panel=_MACHINE)] = "top",
    address: options.Address = None,
    storage: options.Storage = None,
    out: options.Out = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with a search, with its own settings; --budget N extends it.")
    ] = None,
) -> None:
    """Search the best classifier for a scene, retrain it over several seeds, export it, write the leaderboard."""
    console = Console()
    limit = parse.duration(time_limit) if time_limit else None
    patience = parse.duration(trial_timeout) if trial_timeout else None
    if resume is not None:
        given.refuse_on_resume(context)
        data_dir = scene.data_dir if "data_dir" in given.given(context) else None
        with Progress(console) as progress:
            result = runs.resume(
                resume,
                budget=budget,
                time_limit_s=limit,
                max_gpu_hours=max_gpu_hours,
                data_dir=data_dir,
                concurrency=concurrency,
                trial_timeout_s=patience,
                address=address,
                on_event=progress,
            )
        _finish(result, console, f"hsiauto search --resume {resume}")
        return
    given.refuse_idle(context, split.protocol)
    asks = labels.wants_active(context)
    first, second = parse.objectives(objective)
    run_config = validated(
        RunConfig,
        scene=scene.model_copy(update={"labels": None}) if asks else scene,
        labels=ActiveLabels() if asks else None,
        split=split,
        space=space,
        families=parse.names(families),
        pins=parse.pins(set_ or []),
        budget=50 if budget is None else budget,
        time_limit_s=limit,
        max_gpu_hours=max_gpu_hours,
        max_epochs=defaults.max_epochs(max_epochs, scene.dataset),
        objective=first,
        second_objective=second,
        max_parameters=parse.count(max_parameters),
        max_macs=parse.count(max_macs),
        min_pixels_per_second=parse.count(min_pixels_per_second),
        allocation=allocation,
        warm_start=tuple(path.resolve() for path in warm_start or ()),
        sampler=sampler,
        scheduler=scheduler,
        seed=seed,
        concurrency=concurrency,
        cpus_per_trial=cpus_per_trial,
        gpus_per_trial=gpus_per_trial,
        trial_timeout_s=patience,
        transductive=transductive,
        keep=keep,
        address=address,
        storage=parse.storage(storage),
        top_k=top_k,
        winner_seeds=winner_seeds,
        other_seeds=other_seeds,
        further_splits=further_splits,
    )
    with Progress(console) as progress:
        result = runs.search(run_config, out, on_event=progress)
    _finish(result, console, f"hsiauto search --resume {result.folder}")


@options.with_groups(scene=options.scene_options, split=options.split_options, asked=labels.label_options)
def train(
    context: typer.Context,
    family: Annotated[str, typer.Argument(help="See `hsiauto families`.")],
    scene: SceneSource,
    preset: Annotated[str | None, typer.Option(help="A preset of the family. [default: paper]")] = None,
    config: Annotated[Path | None, typer.Option(help="A YAML or JSON file of the family's axes.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Change one axis, e.g. depth=6.")] = None,
    max_epochs: Annotated[
        int | None,
        typer.Option(min=1, help=f"Epochs; with asked labels, of each cycle. [default: {defaults.EPOCHS_IN_WORDS}]"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=options.LARGEST_SEED, help="Of the first training.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings, with this seed and the following.")] = 1,
    split: SplitSpec = SplitSpec(),
    transductive: options.Transductive = False,
    asked: labels.Asked | None = None,
    address: options.Address = None,
    out: options.Out = None,
) -> None:
    """Train one config without a search: the same rows, the same sealed test, the same bundle."""
    console = Console()
    settled = labels.settle(context, asked, scene, split, max_epochs)
    scene = settled.scene
    given.refuse_idle(context, settled.split.protocol)
    run_config = validated(
        RunConfig,
        scene=scene,
        split=settled.split,
        budget=1,
        max_epochs=defaults.max_epochs(settled.max_epochs, scene.dataset),
        seed=seed,
        winner_seeds=seeds,
        transductive=transductive,
        address=address,
        labels=settled.labels,
        random_control=settled.control,
    )
    chosen, explicit = parse.family_config(family, preset, config, set_ or [])
    if transductive and chosen.input != "tile":
        tiles = ", ".join(name for name, other in FAMILIES.items() if other.input == "tile")
        raise UserError("--transductive belongs to tile families", family, f"Leave it out, or train one of {tiles}.")
    with Progress(console) as progress:
        result = runs.train(run_config, chosen, out, explicit=explicit, on_event=progress)
    _finish(result, console)


def refit(
    folder: Annotated[Path, typer.Argument(help="The run folder of a finished search.")],
    split_seed: Annotated[int, typer.Option(min=0, max=options.LARGEST_SEED, help="Seed of the other split.")],
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each config.")] = 1,
    top: Annotated[int | None, typer.Option(min=1, help="Only the first ranked configs. [default: all]")] = None,
    address: options.Address = None,
) -> None:
    """Repeat the refit on a split: ranked configs, the best classical one, baselines, references."""
    console = Console()
    with Progress(console) as progress:
        result = runs.refit(folder, split_seed=split_seed, seeds=seeds, top=top, address=address, on_event=progress)
    goes_on = f"hsiauto refit {folder} --split-seed {split_seed} --seeds {seeds}" + (f" --top {top}" if top else "")
    _finish(result, console, goes_on)


def predict(
    bundle: Annotated[Path, typer.Argument(help="A bundle that a search or a training left.")],
    scene: Annotated[str, typer.Argument(help="A known scene or a file.")],
    out: Annotated[Path, typer.Option(help="map.png, .tif, .npy or .hdr.")],
    data_dir: options.DataDir = None,
    key: options.Key = None,
    layout: options.Layout = None,
) -> None:
    """Classify a scene with an exported model: classes and confidence, with the scene's geo reference."""
    source = options.scene_options(scene, data_dir, key=key, layout=layout)
    console = Console()
    with classifying_bar(console) as bar:
        drawn = runs.predict(bundle, source, out, on_event=bar)
    console.print(f"{drawn.path}: {drawn.height} x {drawn.width} pixels", highlight=False, soft_wrap=True)
    for number, (name, share) in enumerate(drawn.shares.items(), start=1):
        console.print(f"  {number:>3}  {name}  {share:.1%}", highlight=False, markup=False)


def _finish(result: runs.Result, console: Console, goes_on: str | None = None) -> None:
    print_leaderboard(result.table, console)
    end(result, run_messages(result, goes_on), console)

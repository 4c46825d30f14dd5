"""Commands that compute: search, train, refit, predict. What they compute with is imported when they run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hsiauto import runs
from hsiauto.cli.console import output, say
from hsiauto.cli.ending import end_run
from hsiauto.cli.options import (
    GROUPS,
    Config,
    Given,
    Out,
    PathName,
    Resume,
    SeedNumber,
    Set,
    SomePixels,
    SomeRuns,
    with_settings,
)
from hsiauto.cli.process import began
from hsiauto.cli.signals import received
from hsiauto.config import run_config_from
from hsiauto.errors import UserError
from hsiauto.scene.source import SceneSource
from hsiauto.search.fork_server import imports_ahead
from hsiauto.settings import names

if TYPE_CHECKING:
    from hsiauto.cli.progress import Progress

_TRAINED, _LABELS, _REFIT = GROUPS["What is trained"], GROUPS["Labels (active learning)"], GROUPS["Refit"]


@with_settings("search")
def search(given: Given, *, out: Out = None, resume: Resume = None, config: Config = None) -> int:
    """Search the best classifier for a scene, retrain it over several seeds, export it, write the leaderboard."""
    if resume is not None:
        changes = given.changes_of_resume("search")
        with training(given) as progress:
            result = runs.resume(resume, **changes, on_event=progress, stop=received, began=began())
    else:
        run_config = run_config_from("search", given.settings)
        with training(given) as progress:
            result = runs.search(run_config, out, on_event=progress, stop=received, began=began())
    return end_run(result, f"hsiauto search --resume {result.folder}")


@with_settings("train")
def train(
    given: Given,
    family: Annotated[str | None, Parameter(help="See `hsiauto families`.")] = None,
    *,
    preset: Annotated[str | None, Parameter(group=_TRAINED, help="A preset of the family. [default: paper]")] = None,
    set_: Set = None,
    seeds: Annotated[SomeRuns, Parameter(group=_TRAINED, help="Trainings, with --seed and the next numbers.")] = 1,
    recipe: Annotated[
        str | None,
        Parameter(group=_LABELS, help="A published setting, pool included: cpdgal-indian-pines or cpdgal-salinas."),
    ] = None,
    out: Out = None,
    config: Config = None,
) -> int:
    """Train one config without a search: the same rows, the same sealed test, the same bundle."""
    if family is None:
        raise UserError("train takes a family", None, "`hsiauto families` lists them; for example hsiauto train svm.")
    run_config = run_config_from("train", given.settings, recipe).model_copy(update={"winner_seeds": seeds})
    from hsiauto.cli.family_config import family_config

    chosen, explicit = family_config(family, preset, set_ or [])
    with training(given) as progress:
        result = runs.train(run_config, chosen, out, explicit=explicit, on_event=progress, stop=received)
    return end_run(result)


@with_settings("refit")
def refit(
    given: Given,
    folder: Annotated[PathName, Parameter(help="The run folder of a finished search.")],
    /,
    *,
    split_seed: Annotated[SeedNumber, Parameter(group=_REFIT, help="Seed of the other split.")],
    seeds: Annotated[SomeRuns, Parameter(group=_REFIT, help="Trainings of each config.")] = 1,
    top: Annotated[
        SomeRuns | None, Parameter(group=_REFIT, help="Only the first ranked configs. [default: all]")
    ] = None,
    config: Config = None,
) -> int:
    """Repeat the refit on a split: ranked configs, the best classical one, baselines, references."""
    address = given.settings.get("address")
    with training(given) as progress:
        result = runs.refit(
            folder, split_seed=split_seed, seeds=seeds, top=top, address=address, on_event=progress, stop=received
        )
    goes_on = f"hsiauto refit {folder} --split-seed {split_seed} --seeds {seeds}" + (f" --top {top}" if top else "")
    return end_run(result, goes_on)


@with_settings("predict")
def predict(
    given: Given,
    bundle: Annotated[PathName, Parameter(help="A bundle that a search or a training left.")],
    scene: Annotated[str, Parameter(help="A known scene or a file.")],
    /,
    *,
    out: Annotated[PathName, Parameter(help="map.png, .tif, .npy or .hdr.")],
    layers: Annotated[
        str,
        Parameter(
            metavar="NAME,NAME",
            help="class, confidence, probabilities, dissimilarity (from training); each is a file, map-confidence.tif.",
        ),
    ] = "class",
    vectorize: Annotated[bool, Parameter(negative="", show_default=False, help="Polygons too: map.gpkg.")] = False,
    min_pixels: Annotated[
        SomePixels, Parameter(help="Patches of fewer pixels join their largest neighbour among the polygons.")
    ] = 1,
    overwrite: Annotated[bool, Parameter(negative="", show_default=False, help="Replace an older map.")] = False,
) -> None:
    """Classify a scene with an exported model, in the label values of its training, with the scene's geo reference."""
    source = SceneSource(dataset=scene, **{name.replace("-", "_"): value for name, value in given.settings.items()})
    from hsiauto.cli.progress import classifying_bar

    console = output()
    with classifying_bar(console) as bar:
        drawn = runs.predict(
            bundle,
            source,
            out,
            layers=names(layers),
            vectorize=vectorize,
            min_pixels=min_pixels,
            overwrite=overwrite,
            on_event=bar,
            stop=received,
        )
    say(f"{drawn.path}: {drawn.height} x {drawn.width} pixels", console, whole=True)
    for one in drawn.classes:
        say(f"  {one.value:>3}  {one.name}  {one.share:.1%}", console)
    for line in (*(f"note: {note}" for note in drawn.notes), *(f"warning: {text}" for text in drawn.warnings)):
        say(line, console)


@contextmanager
def training(given: Given) -> Iterator["Progress"]:
    """The live progress of a run that trains; what its workers on this machine import is imported meanwhile."""
    with imports_ahead(here="address" not in given.settings), watching() as progress:
        yield progress


def watching() -> "Progress":
    """The live progress of a run."""
    from hsiauto.cli.progress import Progress

    return Progress(output())

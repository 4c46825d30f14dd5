"""The phases of a study in order: search, re-evaluation, refit, export, pictures."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from hsiauto.config import RunConfig, validated
from hsiauto.errors import UserError
from hsiauto.families import config_from
from hsiauto.families.base import FamilyConfig
from hsiauto.files import run_lock
from hsiauto.refit import final_order, reevaluate, refit, refit_config, refit_on_split
from hsiauto.report.progress import download_bars
from hsiauto.runs import folder as folders
from hsiauto.runs.clock import Deadlines
from hsiauto.runs.opened import Result, open_run
from hsiauto.runs.prepare import Prepared, feedable, prepare
from hsiauto.search import warm_start
from hsiauto.search.events import Opened, WarmStart, of
from hsiauto.search.journal import read
from hsiauto.search.workers.cluster import available, join, reach
from hsiauto.search.workers.driver import run_search
from hsiauto.search.workers.local_ray import own_ray
from hsiauto.search.workers.resources import Resources
from hsiauto.split import load_split


def search(run_config: RunConfig, folder: Path, *, console: Console) -> Result:
    """Run a whole study in a new folder. Bad input raises UserError before anything is written."""
    if run_config.labels is not None:
        raise UserError(
            "a search reads every label of its pool, to train and to validate, so its labels cannot be asked for",
            run_config.labels.name,
            "Ask for the labels of one config with `hsiauto train FAMILY --labels active`; a search on few labels is "
            "--train-fraction or --train-per-class.",
        )
    deadlines = Deadlines.start(run_config.time_limit_s)
    folders.check_new(folder)
    with download_bars(console) as progress:
        prepared = prepare(run_config, progress)
    found = _from_earlier(prepared)
    with own_ray():
        reach(run_config, folder, new=True)
        Resources.of(run_config, available(run_config.address))  # refuses what the machine cannot give
        folders.create(folder, prepared.run_config, prepared.split)
        with run_lock(folder):
            return _drive(prepared, folder, console, deadlines, found)


def resume(
    folder: Path,
    *,
    budget: int | None = None,
    time_limit_s: float | None = None,
    max_gpu_hours: float | None = None,
    data_dir: Path | None = None,
    concurrency: int | None = None,
    trial_timeout_s: float | None = None,
    address: str | None = None,
    console: Console,
) -> Result:
    """Go on with the search in `folder`; a larger `budget` extends it, a time limit counts from now, GPU-hours from the
    search's beginning. `data_dir`, `concurrency`, `trial_timeout_s` and `address` are of the machines
    that it goes on."""
    run_config = folders.read_config(folder)
    _check_search(run_config, folder, "--resume")
    given = {
        "budget": budget,
        "time_limit_s": time_limit_s,
        "max_gpu_hours": max_gpu_hours,
        "concurrency": concurrency,
        "trial_timeout_s": trial_timeout_s,
        "address": address,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if data_dir is not None:
        changes["scene"] = run_config.scene.model_copy(update={"data_dir": data_dir})
    before, run_config = run_config, validated(RunConfig, **{**dict(run_config), **changes})
    for name in ("budget", "max_gpu_hours"):
        was, now = getattr(before, name), getattr(run_config, name)
        if was is not None and now < was:
            what = f"--{name.replace('_', '-')}"
            raise UserError(f"a resumed run keeps or extends its {what}", f"{now}, below {was}", f"Leave {what} out.")
    deadlines = Deadlines.start(run_config.time_limit_s)
    with own_ray(), run_lock(folder):
        prepared = reopen(run_config, folder, console)
        reach(run_config, folder, new=False)
        Resources.of(run_config, available(run_config.address))
        folders.write_config(folder, prepared.run_config)
        told = bool(of(WarmStart, read(folder / folders.JOURNAL)))
        return _drive(prepared, folder, console, deadlines, None if told else _from_earlier(prepared))


def train(
    run_config: RunConfig,
    config: FamilyConfig,
    folder: Path,
    *,
    explicit: Collection[str] | None = None,
    console: Console,
) -> Result:
    """Train one config without a search, score it once a seed on the sealed test, export it.

    An axis in `explicit` (None: every one) is trained as it is or refused; the others give way to what the scene can
    feed, with a message.
    """
    folders.check_new(folder)
    if config.kind == "reference":
        raise UserError("a reference stands on every leaderboard and is never trained alone", config.family)
    alone = run_config.model_copy(update={"command": "train", "families": (config.family,), "pins": {}})
    with download_bars(console) as progress:
        prepared = prepare(alone, progress)
    fed, notes = feedable(prepared, config, explicit)
    if run_config.labels is not None:
        run_config.labels.plan(
            len(prepared.split.pool), len(prepared.split.classes)
        )  # refuses what cannot be asked for
    with own_ray():
        join(run_config.address)
        folders.create(folder, prepared.run_config, prepared.split)
        with run_lock(folder), open_run(prepared, folder, console) as run:
            run.phase(lambda: refit_config(run.work, run.refits, fed, run_config.winner_seeds, folder))
            result = run.finish()
            return replace(result, messages=(*notes, *result.messages))


def refit_other_split(
    folder: Path,
    *,
    split_seed: int,
    seeds: int,
    top: int | None = None,
    address: str | None = None,
    console: Console,
) -> Result:
    """Retrain the chosen configs of a finished search on the split of another seed, or of its own; what the study has
    scored there already is taken over. The table is `leaderboard-split-<seed>.parquet`."""
    run_config = folders.read_config(folder).model_copy(update={"address": address})
    _check_search(run_config, folder, "refit")
    goes_on = f"hsiauto refit {folder} --split-seed {split_seed} --seeds {seeds}" + (f" --top {top}" if top else "")
    with own_ray(), run_lock(folder):
        join(address)
        if final_order(read(folder / folders.JOURNAL)) is None:
            raise UserError(
                "a refit needs a finished search", folder, f"`hsiauto search --resume {folder}` finishes it."
            )
        prepared = reopen(run_config, folder, console)
        scored = read(folder / folders.REFITS) if (folder / folders.REFITS).exists() else []
        with open_run(prepared, folder, console, goes_on, refits=f"refits-split-{split_seed}.jsonl") as run:
            run.phase(lambda: refit_on_split(run.work, run.refits, split_seed, seeds, top, scored=scored))
            table = run.write_board(f"leaderboard-split-{split_seed}.parquet")
            return Result(folder, table, run.messages(table), run.exit_code)


def _from_earlier(prepared: Prepared) -> warm_start.Found | None:
    """What `--warm-start` brings; None without it."""
    run_config = prepared.run_config
    if not run_config.warm_start:
        return None
    return warm_start.gather(run_config.warm_start, run_config.objective, prepared.space, config_from)


def _drive(
    prepared: Prepared, folder: Path, console: Console, deadlines: Deadlines, found: warm_start.Found | None
) -> Result:
    run_config = prepared.run_config
    with open_run(prepared, folder, console, f"hsiauto search --resume {folder}", deadlines.end, searches=True) as run:
        if found is not None:
            warm_start.tell(found, run.journal)
        run.phase(
            lambda: run_search(
                folder, run_config, prepared.space, prepared.data, run.journal, deadlines.search, run.work.on_event
            )
        )
        run.write_board()
        run.phase(lambda: reevaluate(run.work, deadlines.reevaluation))
        run.phase(lambda: refit(run.work, run.refits, folder, deadlines.refit))
        return run.finish(deadlines.end)


def _check_search(run_config: RunConfig, folder: Path, what: str) -> None:
    if run_config.command != "search":
        raise UserError(
            f"{what} goes on with the run of a search",
            f"{folder}, of `hsiauto {run_config.command}`",
            "`hsiauto study --resume` goes on with a study; train anew in another --out.",
        )


def reopen(run_config: RunConfig, folder: Path, console: Console) -> Prepared:
    """`study`, of the run in `folder`, on the same scene and split as before. Raises UserError where one changed."""
    with download_bars(console) as progress:
        prepared = prepare(run_config, progress)
    split = load_split(folder / folders.SPLIT)
    if split.hash != prepared.split.hash:
        raise UserError(
            f"a run goes on with the split that it began with, {split.hash}",
            f"{prepared.split.hash}: the scene, its labels or the splitter has changed",
            "Restore the data, or start a new run.",
        )
    for event in of(Opened, read(folder / folders.JOURNAL)):
        if event.data_hash != prepared.scene.data_hash:
            raise UserError(
                "a run goes on with the data that it began with",
                f"{prepared.scene.name} with another sha256 than the journal's",
                "Restore the data, or start a new run.",
            )
    return prepared

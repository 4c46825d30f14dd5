"""The phases of a run in order: search, re-evaluation, refits, export, pictures."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from hsiauto.config import RunConfig
from hsiauto.errors import UserError
from hsiauto.families import config_from
from hsiauto.families.base import FamilyConfig
from hsiauto.refit import final_order, reevaluate, refit_config, refit_on_split
from hsiauto.refit import refit as refit_ranked
from hsiauto.runs import folder as folders
from hsiauto.runs.export import why_model_lost
from hsiauto.runs.opened import OpenRun, earlier_run, new_run
from hsiauto.runs.prepare import Prepared, feedable, prepare, with_window_warning
from hsiauto.runs.result import Result
from hsiauto.runs.watch import Stop, Watch
from hsiauto.scene.memory import within_memory
from hsiauto.search import warm_start
from hsiauto.search.events import WarmStart, of
from hsiauto.search.events.transient import OnEvent
from hsiauto.search.journal import read
from hsiauto.search.samplers import Proposal
from hsiauto.search.workers.driver import run_search
from hsiauto.settings import Seed, Settings
from hsiauto.space.model import UNIFIED
from hsiauto.space.portfolio import portfolio


@within_memory("a run")
def search(
    config: RunConfig,
    folder: str | Path | None = None,
    *,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
    began: float | None = None,
) -> Result:
    """Search the best classifier for a scene, retrain and export it, write the leaderboard, all in a new folder.

    folder: None: `runs/<dataset>-<time>-<random>`. on_event: called with each event of the journal, and with those of
    `hsiauto.search.events.transient`. stop: ends the run as Ctrl-C does; works in any thread. began: the
    `time.monotonic()` value from which a time limit counts; None: this call's.
    Raises UserError for bad input, before anything is written.
    """
    if config.labels is not None:
        raise UserError(
            "a search reads every label of its pool, to train and to validate, so its labels cannot be asked for",
            config.labels.name,
            "Ask for those of one config, `hsiauto train FAMILY` with `labels` active; for a search on few labels set "
            "`train_fraction` or `train_per_class`.",
        )
    watch = Watch.of(on_event, stop, began)
    folder = folders.new_folder(folder, config.scene.dataset)
    prepared = prepare(config, watch.downloading)
    found = _from_earlier(prepared)
    with new_run(prepared, folder, watch) as run:
        return _drive(run, found)


@within_memory("a run")
def resume(
    folder: str | Path,
    *,
    budget: int | None = None,
    time_limit_s: float | None = None,
    max_gpu_hours: float | None = None,
    data_dir: str | Path | None = None,
    concurrency: int | None = None,
    trial_timeout_s: float | None = None,
    address: str | None = None,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
    began: float | None = None,
) -> Result:
    """Go on with the search in `folder`. A larger `budget` extends it; a time limit counts anew, GPU-hours from the
    search's beginning. `data_dir`, `concurrency`, `trial_timeout_s` and `address` belong to the machines of this call.
    on_event, stop, began: as in `search`.
    """
    folder, watch = Path(folder), Watch.of(on_event, stop, began)
    before = _config_of_search(folder, "resume")
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
        changes["scene"] = before.scene.model_copy(update={"data_dir": Path(data_dir)})
    run_config = RunConfig(**{**dict(before), **changes})
    for name in ("budget", "max_gpu_hours"):
        was, now = getattr(before, name), getattr(run_config, name)
        if was is not None and now < was:
            raise UserError(f"a resumed run keeps or extends its `{name}`", f"{now}, below {was}", "Leave it out.")
    with earlier_run(run_config, folder, watch) as run:
        folders.write_config(folder, run.prepared.run_config)
        told = bool(of(WarmStart, run.journal.events))
        return _drive(run, None if told else _from_earlier(run.prepared))


@within_memory("a run")
def train(
    config: RunConfig,
    family_config: FamilyConfig,
    folder: str | Path | None = None,
    *,
    explicit: Collection[str] | None = None,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
) -> Result:
    """Train one config without a search, score it once a seed on the sealed test, export it.

    A hyperparameter in `explicit` (None: every one) is trained as it is or refused; the others give way to what the
    scene can feed, with a note. folder, on_event, stop: as in `search`.
    """
    watch = Watch.of(on_event, stop)
    folder = folders.new_folder(folder, config.scene.dataset, f"{family_config.family}-")
    if family_config.kind == "reference":
        raise UserError("a reference stands on every leaderboard and is never trained alone", family_config.family)
    families = tuple(dict.fromkeys(part.family for part in family_config.parts))
    alone = config.model_copy(update={"command": "train", "time_limit_s": None, "families": families, "pins": {}})
    prepared = prepare(alone, watch.downloading)
    fed, notes = feedable(prepared, family_config, explicit)
    prepared = with_window_warning(prepared, fed)
    if config.labels is not None:  # refuses what cannot be asked for
        config.labels.plan(len(prepared.split.pool), len(prepared.split.classes))
    hyperparameters = {name: value for name, value in fed.active().items() if name != "family"}
    work = {"family": fed.family, "set": hyperparameters, "seeds": config.winner_seeds}
    with new_run(prepared, folder, watch, work) as run:
        run.phase(lambda: refit_config(run.work, run.refits, fed, config.winner_seeds, run.folder))
        return run.finish(notes=notes)


class _Asked(Settings):
    """What is asked of `refit`."""

    split_seed: Seed
    seeds: Annotated[int, Field(ge=1)]
    top: Annotated[int | None, Field(ge=1)]


@within_memory("a run")
def refit(
    folder: str | Path,
    *,
    split_seed: int,
    seeds: int,
    top: int | None = None,
    address: str | None = None,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
) -> Result:
    """Retrain the ranked configs (the first `top`) of a finished search `seeds` times on the split of another seed, or
    of its own; what the run has scored there already is taken over. The table is `leaderboard-split-<seed>.parquet`.
    """
    folder, asked = Path(folder), _Asked(split_seed=split_seed, seeds=seeds, top=top)
    run_config = _config_of_search(folder, "refit").model_copy(update={"address": address, "time_limit_s": None})
    if final_order(folders.read_journal(folder)) is None:
        raise UserError("a refit needs a finished search", folder, "Resume the search first.")
    refits = f"refits-split-{asked.split_seed}.jsonl"
    with earlier_run(run_config, folder, Watch.of(on_event, stop), refits) as run:
        scored = read(folder / folders.REFITS) if (folder / folders.REFITS).exists() else []
        run.phase(lambda: refit_on_split(run.work, run.refits, asked.split_seed, asked.seeds, asked.top, scored=scored))
        return run.result(run.write_board(f"leaderboard-split-{asked.split_seed}.parquet"), run.prepared.notes)


def _drive(run: OpenRun, found: warm_start.Gathered | None) -> Result:
    """All phases of a search. found: configs of earlier runs, unless the journal has them."""
    prepared, watch, deadlines = run.prepared, run.watch, run.deadlines
    if found is not None:
        warm_start.record(found, run.journal)
    run.phase(
        lambda: run_search(
            run.folder,
            prepared.run_config,
            prepared.space,
            prepared.data,
            run.journal,
            deadlines.search,
            watch.on_event,
            machine=run.machine,
            stop=watch.stop,
        )
    )
    run.write_board()
    run.phase(lambda: reevaluate(run.work, run.folder, deadlines.reevaluation))
    lost = why_model_lost(prepared, run.folder, run.refits.events)
    run.phase(
        lambda: refit_ranked(
            run.work, run.refits, run.folder, deadlines.refit, end=deadlines.end, saves_again=bool(lost)
        )
    )
    return run.finish(lost=lost)


def _from_earlier(prepared: Prepared) -> warm_start.Gathered | None:
    """What the runs of `warm_start` bring, then the portfolio of the unified space; None if there is neither."""
    run_config = prepared.run_config
    found, notes = warm_start.gather(run_config.warm_start, run_config.objective, prepared.space, config_from)
    if run_config.space == UNIFIED:
        found += [Proposal(config, "portfolio") for config in portfolio(prepared.space)]
    return (found, notes) if found or notes else None


def _config_of_search(folder: Path, what: str) -> RunConfig:
    """The config of the run in `folder`. Raises UserError unless it is a search."""
    run_config = folders.read_config(folder)
    if run_config.command != "search":
        raise UserError(
            f"{what} goes on with the run of a search",
            f"{folder}, of `hsiauto {run_config.command}`",
            "A study is resumed by `hsiauto study`; train anew in another folder.",
        )
    return run_config

"""Refits: retrain on train + validation, score once on test."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from hsiauto.errors import UserError
from hsiauto.families import config_from
from hsiauto.families.base import FamilyConfig
from hsiauto.families.references import Coordinate1NNConfig
from hsiauto.refit.candidates import best_of_kind
from hsiauto.refit.map_reserve import MapReserve
from hsiauto.refit.pace import Pace
from hsiauto.refit.plan import Training, baselines, for_run, for_split, with_asked_labels
from hsiauto.refit.reevaluate import final_order
from hsiauto.refit.scoring import Target, record
from hsiauto.refit.shared import trained
from hsiauto.refit.work import Work
from hsiauto.search.events import Event, Model, Refit, of
from hsiauto.search.journal import Journal
from hsiauto.search.workers.jobs import Job, JobResult
from hsiauto.space import SceneSize

MODEL_FOLDER = "bundle-model"
"""In the run folder: the winner's first refit."""
RUNNERS_UP = "runners-up"
"""In the run folder: the first refits of rank 2 and 3, each in the folder of its rank. What they say differently is a
layer of the map."""
_LAST_KEPT = 3


def refit(
    work: Work,
    refits: Journal,
    folder: Path,
    deadline: float | None = None,
    *,
    end: float | None = None,
    saves_again: bool = False,
) -> None:
    """Refit the ranked configs, baselines and references, and the winner on further splits (order: `plan.for_run`).

    Appends one `refit` event each to `refits`. What is there as completed or failed is not done again; what a deadline
    (time.monotonic) skipped is. The winner's first model goes to `folder / MODEL_FOLDER`, those of rank 2 and 3 to
    `folder / RUNNERS_UP`; `saves_again`: the winner's also if it was saved before, and was lost. end: when map and
    tables are to be done (`MapReserve`). The order must be in the journal: it is settled before a test label is read.
    """
    run_config, spec, chosen = work.run_config, work.split.spec, ranked(work)
    pace = work.pace(refits.events, measures=deadline is not None)

    def seconds(config: FamilyConfig) -> float:
        predicted = pace.seconds(config, len(work.split.pool))
        return math.inf if predicted is None else predicted

    first, rest = for_run(
        chosen,
        _sceptics(work, chosen),
        [run_config.seed + i for i in range(run_config.winner_seeds)],
        [run_config.seed + i for i in range(run_config.other_seeds)],
        spec.seed,
        work.split.further_seeds(run_config.further_splits),
        seconds,
    )
    reserve = MapReserve.of(work, refits, first, deadline, end)
    kept = {one.key: folder / RUNNERS_UP / str(one.rank) for one in first if one.rank and 1 < one.rank <= _LAST_KEPT}
    _perform(work, refits, [*first, *rest], folder / MODEL_FOLDER, deadline, saves_again, pace, reserve.seconds, kept)


def refit_on_split(
    work: Work,
    refits: Journal,
    split_seed: int,
    seeds: int = 1,
    top: int | None = None,
    deadline: float | None = None,
    scored: Sequence[Event] = (),
) -> None:
    """Refit the chosen configs on the split of `split_seed`, `seeds` times each.

    `scored`: events of the run's own refits. What they have on this split is copied, never scored again.
    Chosen: the ranked ones (the first `top`), the classical config that scored best on the search's validation,
    baselines and references.
    Raises UserError if there is no other split: of two maps, and of a scene that was named.
    """
    if not work.split.further_seeds(1) and split_seed != work.split.spec.seed:
        received = work.split.spec.protocol
        raise UserError("`split_seed` needs a protocol that draws its split", received, "Use blocks or random.")
    chosen = ranked(work)[:top]
    classical = best_of_kind("classical", work.trials, work.run_config)
    if classical is not None and classical.config_hash not in {training.config.hash() for training in chosen}:
        seed, own = work.run_config.seed, work.split.spec.seed
        chosen.append(Training("refit", config_from(classical.config), seed, own, classical.trial_id))
    chosen += _sceptics(work, chosen)
    planned = for_split(chosen, [work.run_config.seed + i for i in range(seeds)], split_seed)
    _adopt(work, refits, planned, scored)
    _perform(work, refits, planned, None, deadline)


def refit_config(work: Work, refits: Journal, config: FamilyConfig, seeds: int, folder: Path) -> None:
    """Refit one config without a search, beside the references: its rows have rank 1.

    If the run asks for labels, a `cycle` event for each training of a refit precedes its `refit` event.
    """
    run_config, split_seed = work.run_config, work.split.spec.seed
    training = Training("refit", config, run_config.seed, split_seed, rank=1)
    planned = for_split([training], [run_config.seed + i for i in range(seeds)], split_seed)
    if run_config.labels is not None:
        planned = with_asked_labels(planned, run_config.labels, run_config.random_control)
    _perform(work, refits, planned, folder / MODEL_FOLDER, None)


def ranked(work: Work) -> list[Training]:
    """The ranked configs in their final order, rank 1 first."""
    order = final_order(work.journal.events)
    assert order is not None, "rank before refitting: no test label is read before the order is settled"
    seed, split_seed = work.run_config.seed, work.split.spec.seed
    return [
        Training("refit", config_from(one.config), seed, split_seed, one.trial_id, rank)
        for rank, one in enumerate(order.order, start=1)
    ]


def _sceptics(work: Work, but: Sequence[Training]) -> list[Training]:
    size = SceneSize.of(work.scene, work.split, len(work.split.train), work.run_config.unlabelled)
    return baselines(size, but, work.run_config.seed, work.split.spec.seed)


def _perform(
    work: Work,
    refits: Journal,
    planned: Sequence[Training],
    winner_model: Path | None,
    deadline: float | None,
    saves_again: bool = False,
    pace: Pace | None = None,
    kept_free: Callable[[Job], float] = lambda job: 0.0,
    kept: Mapping[str, Path] = MappingProxyType({}),
) -> None:
    """Train what is not done yet; score and record each as it ends. `winner_model`: where rank 1 is to be saved;
    `kept`: where others are, by key, if they are trained here."""
    if not work.split.spec.has_places:
        planned = [training for training in planned if not isinstance(training.config, Coordinate1NNConfig)]
    max_epochs = work.run_config.max_epochs
    pace = pace or work.pace(refits.events)
    done = {event.key for event in of(Refit, refits.events) if event.state != "skipped"}
    to_do = {training.key: training for training in planned if training.key not in done}
    to_save = _winner_to_save(refits, planned, saves_again) if winner_model is not None else None
    targets: dict[int, Target] = {}
    jobs: list[Job] = []
    for training in [*([to_save] if to_save and to_save.key in done else []), *to_do.values()]:
        if training.split_seed not in targets:
            try:
                targets[training.split_seed] = Target.of(work, training.split_seed)
            except UserError as error:
                undrawn = JobResult(training.key, "failed", f"no such split: {error}")
                record(work, refits, training, None, undrawn, max_epochs)
                continue
        job = replace(_job(work, training, targets[training.split_seed], pace), save_to=kept.get(training.key))
        if to_save is not None and training.key == to_save.key:
            job = replace(job, save_to=winner_model)
        if (
            training.key in done
        ):  # scored before, never again: an extended search made it the winner, or its model was lost
            job = replace(job, predict=None)
        jobs.append(job)
    if not jobs:
        return
    datasets = {_name(seed): target.data for seed, target in targets.items()}
    for result in trained(work, jobs, datasets, deadline, kept_free):
        if result.key in to_do:
            training = to_do[result.key]
            record(work, refits, training, targets[training.split_seed], result, max_epochs)
        if to_save is not None and result.key == to_save.key and result.state == "completed":
            work.record(refits, Model(key=to_save.key, config_hash=to_save.config.hash()))


def _adopt(work: Work, refits: Journal, planned: Sequence[Training], scored: Sequence[Event]) -> None:
    """Copy what is planned and scored already: the same key is the same model."""
    missing = {training.key for training in planned} - {event.key for event in _completed(refits.events)}
    for event in _completed(scored):
        if event.key in missing:
            work.record(refits, event)


def _completed(events: Sequence[Event]) -> list[Refit]:
    return [event for event in of(Refit, events) if event.state == "completed"]


def _winner_to_save(refits: Journal, planned: Sequence[Training], again: bool) -> Training | None:
    """The winner's first refit, unless the model saved last is its own and need not be saved again."""
    winner = next((training for training in planned if training.rank == 1), None)
    saved = [event.config_hash for event in of(Model, refits.events)]
    return None if winner is None or (saved[-1:] == [winner.config.hash()] and not again) else winner


def _job(work: Work, training: Training, target: Target, pace: Pace) -> Job:
    n_train = len(target.data.train_pixels)
    trained_on = sum(training.labels.plan(n_train, target.data.n_classes)) if training.labels else n_train
    return Job(
        key=training.key,
        config=training.config.bounded(work.scene.n_bands, n_train),
        data=_name(training.split_seed),
        seed=training.seed,
        max_epochs=work.run_config.max_epochs,
        predict=target.split.test,
        predicted_seconds=pace.seconds(training.config, trained_on),
        labels=training.labels,
    )


def _name(split_seed: int) -> str:
    return f"split-{split_seed}"

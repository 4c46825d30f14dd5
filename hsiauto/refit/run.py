"""Refits: retrain on train + validation, score once on test."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hsiauto.errors import UserError
from hsiauto.families.base import FamilyConfig
from hsiauto.refit.candidates import best_of_kind
from hsiauto.refit.plan import Chosen, Training, baselines, for_split, for_study, with_asked_labels
from hsiauto.refit.reevaluate import final_order
from hsiauto.refit.scoring import Target, record
from hsiauto.refit.work import Work, config_of
from hsiauto.scene.model import Scene
from hsiauto.search.events import Event, Model, Refit, of
from hsiauto.search.journal import Journal
from hsiauto.search.workers.jobs import Job, JobResult
from hsiauto.space import SceneSize
from hsiauto.split import Split

MODEL_FOLDER = "bundle-model"
"""In the run folder: the winner's first refit."""


def refit(work: Work, refits: Journal, folder: Path, deadline: float | None = None) -> None:
    """Refit the ranked configs, baselines and references, and the winner on further splits (order: `plan.for_study`).

    Appends one `refit` event each to `refits`. What is there as completed or failed is not done again; what a deadline
    (time.monotonic) skipped is. The winner's first model goes to `folder / MODEL_FOLDER`. The order must be in the
    journal: it is settled before a test label is read.
    """
    run_config, split = work.run_config, work.split
    chosen = ranked_configs(work)
    planned = for_study(
        chosen,
        baselines(_size(work.scene, split), [one.config for one in chosen]),
        [run_config.seed + i for i in range(run_config.winner_seeds)],
        [run_config.seed + i for i in range(run_config.other_seeds)],
        split.spec.seed,
        [] if split.spec.protocol == "fixed" else [split.spec.seed + 1 + i for i in range(run_config.further_splits)],
    )
    _perform(work, refits, planned, folder / MODEL_FOLDER, deadline)


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

    `scored`: events of the study's own refits. What they have on this split is copied, never scored again.
    Chosen: the ranked ones (the first `top`), the classical config that the search's validation liked best, baselines
    and references.
    Raises UserError for the `fixed` protocol, whose maps are the split.
    """
    if work.split.spec.protocol == "fixed" and split_seed != work.split.spec.seed:
        raise UserError("--split-seed needs a protocol that draws its split", "fixed", "Use blocks or random.")
    chosen = ranked_configs(work)[:top]
    classical = best_of_kind("classical", work.trials, work.run_config)
    if classical is not None and classical.config.hash() not in {one.config.hash() for one in chosen}:
        chosen.append(Chosen(classical.config, classical.trial_id))
    sceptics = baselines(_size(work.scene, work.split), [one.config for one in chosen])
    planned = for_split(chosen, sceptics, [work.run_config.seed + i for i in range(seeds)], split_seed)
    _adopt(work, refits, planned, scored)
    _perform(work, refits, planned, None, deadline)


def refit_config(work: Work, refits: Journal, config: FamilyConfig, seeds: int, folder: Path) -> None:
    """Refit one config without a search, beside the references: its rows have rank 1.

    Where the study asks for labels, a `cycle` event for each training of a refit precedes its `refit` event.
    """
    planned = for_split(
        [Chosen(config, rank=1)], [], [work.run_config.seed + i for i in range(seeds)], work.split.spec.seed
    )
    if work.run_config.labels is not None:
        planned = with_asked_labels(planned, work.run_config.labels, work.run_config.random_control)
    _perform(work, refits, planned, folder / MODEL_FOLDER, None)


def ranked_configs(work: Work) -> list[Chosen]:
    """The ranked configs in their final order, rank 1 first."""
    order = final_order(work.journal.events)
    assert order is not None, "rank before refitting: no test label is read before the order is settled"
    trials = work.trials
    return [Chosen(config_of(trials[i]), i, rank) for rank, i in enumerate(order.order, start=1)]


def _perform(
    work: Work, refits: Journal, planned: Sequence[Training], winner_model: Path | None, deadline: float | None
) -> None:
    """Train what is not done yet; score and record each as it ends. `winner_model`: where rank 1 is to be saved."""
    done = {event.key for event in of(Refit, refits.events) if event.state != "skipped"}
    to_do = {refit.key: refit for refit in planned if refit.key not in done}
    to_save = _unsaved_winner(refits, planned) if winner_model is not None else None
    targets: dict[int, Target] = {}
    jobs: list[Job] = []
    for refit in [*([to_save] if to_save and to_save.key in done else []), *to_do.values()]:
        if refit.split_seed not in targets:
            try:
                targets[refit.split_seed] = Target.of(work, refit.split_seed)
            except UserError as error:
                undrawn = JobResult(refit.key, "failed", f"no such split: {error}")
                record(work, refits, refit, None, undrawn, work.run_config.max_epochs)
                continue
        job = _job(work, refit, targets[refit.split_seed])
        if to_save is not None and refit.key == to_save.key:
            job = replace(job, save_to=winner_model)
        if refit.key in done:  # an old refit that an extended search made the winner: scored before, never again
            job = replace(job, predict=None)
        jobs.append(job)
    if not jobs:
        return
    datasets = {_name(seed): target.data for seed, target in targets.items()}
    for result in work.train(jobs, datasets, deadline):
        if result.key in to_do:
            refit = to_do[result.key]
            record(work, refits, refit, targets[refit.split_seed], result, work.run_config.max_epochs)
        if to_save is not None and result.key == to_save.key and result.state == "completed":
            work.record(refits, Model(key=to_save.key, config_hash=to_save.config.hash()))


def _adopt(work: Work, refits: Journal, planned: Sequence[Training], scored: Sequence[Event]) -> None:
    """Copy what is planned and scored already: the same key is the same model."""
    missing = {refit.key for refit in planned} - {event.key for event in _completed(refits.events)}
    for event in _completed(scored):
        if event.key in missing:
            work.record(refits, event)


def _completed(events: Sequence[Event]) -> list[Refit]:
    return [event for event in of(Refit, events) if event.state == "completed"]


def _unsaved_winner(refits: Journal, planned: Sequence[Training]) -> Training | None:
    """The winner's first refit, unless the model saved last is its own."""
    winner = next((refit for refit in planned if refit.rank == 1), None)
    saved = [event.config_hash for event in of(Model, refits.events)]
    return None if winner is None or saved[-1:] == [winner.config.hash()] else winner


def _job(work: Work, refit: Training, target: Target) -> Job:
    n_train = len(target.data.train_pixels)
    trained_on = sum(refit.labels.plan(n_train, target.data.n_classes)) if refit.labels else n_train
    return Job(
        key=refit.key,
        config=refit.config.bounded(work.scene.n_bands, n_train),
        data=_name(refit.split_seed),
        seed=refit.seed,
        max_epochs=work.run_config.max_epochs,
        predict=target.split.test,
        predicted_seconds=work.predicted_seconds(refit.config.hash(), trained_on),
        labels=refit.labels,
    )


def _size(scene: Scene, split: Split) -> SceneSize:
    return SceneSize(scene.n_bands, len(split.train), scene.height, scene.width)


def _name(split_seed: int) -> str:
    return f"split-{split_seed}"

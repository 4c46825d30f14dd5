"""Train the cells of a study and score each once a run: the refits of a study."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

from hsiauto.ablation.noise import noisy
from hsiauto.ablation.pace import pace
from hsiauto.ablation.plan import Training
from hsiauto.families import costs
from hsiauto.families.base import FamilyConfig
from hsiauto.refit import Work
from hsiauto.refit.scoring import Target, learning_curve, outcome, scored_cycles
from hsiauto.search.journal import Journal
from hsiauto.search.workers.jobs import Job, JobResult
from hsiauto.split.seal import TrialData


def train(
    work: Work,
    refits: Journal,
    trainings: Sequence[Training],
    *,
    validates: bool = False,
    measures_memory: bool = False,
    workers: int = 1,
    deadline: float | None = None,
) -> None:
    """Train what `refits` has not, append one `refit` event for each as it ends, and say how long the rest will take.

    `validates`: leave the validation part out of training, and keep the loss on it after each epoch.
    `measures_memory`: a process for each training, so that its peak memory is its own.
    `workers`: trainings at a time, for the prediction of what is left.
    What a deadline (time.monotonic) skipped is done by a later call; what completed or failed is not done again.
    Raises UserError where a split cannot be drawn, before anything is trained.
    """
    done = {e["key"] for e in refits.events if e["event"] == "refit" and e["state"] != "skipped"}
    to_do = {training.key: training for training in trainings if training.key not in done}
    seeds = {training.run.split_seed for training in to_do.values()}
    targets = {seed: Target.of(work, seed, validates=validates) for seed in sorted(seeds)}
    jobs: list[Job] = []
    datasets: dict[str, TrialData] = {}
    for training in to_do.values():
        target = targets[training.run.split_seed]
        name, data = _data(training, target)
        datasets.setdefault(name, data)
        jobs.append(
            Job(
                key=training.key,
                config=training.cell.config.bounded(work.scene.n_bands, len(data.train_pixels)),
                data=name,
                seed=training.run.seed,
                max_epochs=training.cell.max_epochs,
                predict=target.split.test,
                labels=training.cell.labels,
                own_worker=measures_memory,
            )
        )
    if not jobs:
        return

    def say() -> None:
        work.on_event({"event": "pace", **asdict(pace(trainings, refits.events, workers))})

    say()
    for result in work.train(jobs, datasets, deadline):
        training = to_do[result.key]
        _record(work, refits, training, targets[training.run.split_seed], result)
        say()


def _data(training: Training, target: Target) -> tuple[str, TrialData]:
    """What a training sees, and its name among the datasets."""
    name, share, run = f"split-{training.run.split_seed}", training.cell.label_noise, training.run
    if not share:
        return name, target.data
    return f"{name}/noise-{share:g}-{run.seed}", noisy(target.data, share, run.seed)


def _record(work: Work, refits: Journal, training: Training, target: Target, result: JobResult) -> None:
    config, labels, last = training.cell.config, training.cell.labels, result.report
    trained_config = config.bounded(work.scene.n_bands, len(target.data.train_pixels))
    trained = 1 if labels is None else len(labels.plan(len(target.data.train_pixels), target.data.n_classes))
    fields: dict[str, Any] = {
        "key": training.key,
        "kind": training.kind,
        "trial_id": None,
        "rank": None,
        "cell": dict(training.cell.values),
        "family": config.family,
        "config": config.active(),
        "config_hash": config.hash(),
        **({} if trained_config == config else {"trained_config": trained_config.active()}),
        "seed": training.run.seed,
        "split_seed": training.run.split_seed,
        "max_epochs": training.cell.max_epochs * trained,
        "acquisition": None if labels is None else labels.name,
    }
    known = scored_cycles(refits.events, training.key)
    fields |= outcome(work.scene, target, trained_config, training.key, result, known)
    if result.state == "completed":
        fields |= _sizes(trained_config, work.scene.n_bands, len(target.split.classes))
    for cycle in learning_curve(target, training.key, result, fields, known):
        work.record(refits, "cycle", **cycle)
    if last is not None and len(target.data.val_pixels):
        fields |= {name: getattr(last, name) for name in ("val_oa", "val_aa", "val_kappa", "val_loss")}
        fields["val_losses"] = [report.val_loss for report in result.reports]
    work.record(refits, "refit", **fields)


@cache
def _sizes(config: FamilyConfig, n_bands: int, n_classes: int) -> dict[str, int | None]:
    return {
        "parameters": costs.parameters(config, n_bands, n_classes),
        "macs": costs.macs(config, n_bands, n_classes),
    }

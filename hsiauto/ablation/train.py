"""Train the cells of a study and score each once a run: the refits of a study."""

from collections.abc import Sequence

from hsiauto.ablation.noise import noisy
from hsiauto.ablation.pace import forecast
from hsiauto.ablation.plan import Training
from hsiauto.refit import Work
from hsiauto.refit.plan import Training as Refitting
from hsiauto.refit.scoring import Target, record
from hsiauto.search.events import Refit, of
from hsiauto.search.journal import Journal
from hsiauto.search.workers.jobs import Job
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
    done = {event.key for event in of(Refit, refits.events) if event.state != "skipped"}
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
        work.on_event(forecast(trainings, refits.events, workers))

    say()
    for result in work.train(jobs, datasets, deadline):
        training = to_do[result.key]
        target = targets[training.run.split_seed]
        record(work, refits, _refit(training), target, result, training.cell.max_epochs)
        say()


def _data(training: Training, target: Target) -> tuple[str, TrialData]:
    """What a training sees, and its name among the datasets."""
    name, share, run = f"split-{training.run.split_seed}", training.cell.label_noise, training.run
    if not share:
        return name, target.data
    return f"{name}/noise-{share:g}-{run.seed}", noisy(target.data, share, run.seed)


def _refit(training: Training) -> Refitting:
    cell, run = training.cell, training.run
    return Refitting(
        training.kind, cell.config, run.seed, run.split_seed, labels=cell.labels, cell=cell.values, what=cell.key
    )

"""One training for several refits: that of an ensemble trains its members as trainings of them alone would.

The winner is often an ensemble, and its members are ranked behind it, on the same split with the same seeds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from hsiauto.refit.work import Work
from hsiauto.search.workers.jobs import Job, JobResult
from hsiauto.split.seal import TrialData


def trained(
    work: Work,
    jobs: Sequence[Job],
    datasets: Mapping[str, TrialData],
    deadline: float | None,
    kept_free: Callable[[Job], float],
) -> Iterator[JobResult]:
    """A result for each of `jobs`. A member whose ensemble could not be trained to the end is trained by itself."""
    whole = together(jobs)
    members = {job.key: job.members for job in whole}
    left: list[Job] = []
    for result in work.train(whole, datasets, deadline, kept_free):
        yield replace(result, members=())
        yield from result.members
        if result.state != "completed":
            left += members[result.key]
    if left:
        yield from work.train(left, datasets, deadline, kept_free)


def together(jobs: Sequence[Job]) -> list[Job]:
    """`jobs` in their order, but those that the training of an ensemble among them answers: these are its `members`."""
    ensembles = [job for job in jobs if job.config.kind == "ensemble" and job.labels is None]
    of: dict[str, list[Job]] = {job.key: [] for job in ensembles}
    alone = []
    for job in jobs:
        found = next((ensemble for ensemble in ensembles if _answers(ensemble, job)), None)
        if found is None:
            alone.append(job)
        else:
            of[found.key].append(job)
    return [replace(job, members=tuple(of[job.key])) if of.get(job.key) else job for job in alone]


def _answers(ensemble: Job, job: Job) -> bool:
    on_the_same = (job.data, job.seed, job.max_epochs) == (ensemble.data, ensemble.seed, ensemble.max_epochs)
    return on_the_same and job.labels is None and job.config in ensemble.config.parts

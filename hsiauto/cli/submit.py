"""hsiauto submit: hand a command to a Ray cluster and follow it."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from hsiauto.cli.submission import Submission, entrypoint

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Options that are not submit's own belong to the command that it hands over."""


def command(
    arguments: Annotated[
        list[str], typer.Argument(help="search, train, refit or study with its options; paths are the head's.")
    ],
    address: Annotated[str, typer.Option(help="Dashboard of the cluster's head, http://HEAD:8265.")],
) -> None:
    """Hand a search to a Ray cluster as a job, and follow its log to the end; the exit code is the job's."""
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    job = entrypoint(arguments)
    cluster = Submission(address)
    job_id = cluster.submit(job)
    errors.print(f"job {job_id}: {job}", markup=False)
    try:
        code = cluster.follow(job_id, _write)
    except KeyboardInterrupt:
        for line in cluster.how_to_go_on(job_id):
            errors.print(line, markup=False)
        raise
    if code:
        raise typer.Exit(code)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()

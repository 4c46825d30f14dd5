"""hsiauto submit: hand a command to a Ray cluster and follow it."""

import sys
from collections.abc import Sequence
from typing import Annotated, cast

from cyclopts import Parameter

from hsiauto.cli.console import errors, printable, say
from hsiauto.config import Command, declared, run_config_from


def submit(
    *arguments: Annotated[
        str,
        Parameter(
            allow_leading_hyphen=True, help="search, train, refit or study with its options; paths are the head's."
        ),
    ],
    address: Annotated[str, Parameter(help="Dashboard of the cluster's head, http://HEAD:8265.")],
) -> int:
    """Hand a search to a Ray cluster as a job, and follow its log to the end; the exit code is the job's."""
    from hsiauto.cli.submission import Submission, entrypoint

    job = entrypoint(arguments)
    _check(arguments)
    cluster = Submission(address)
    job_id = cluster.submit(job)
    console = errors()
    say(f"job {job_id}: {job}", console)
    try:
        return cluster.follow(job_id, _write)
    except KeyboardInterrupt:
        for line in cluster.how_to_go_on(job_id):
            say(line, console)
        raise


def _check(arguments: Sequence[str]) -> None:
    """Raises what the command would raise on the head for its options; files are the head's."""
    from hsiauto.cli.app import make_app

    app = make_app(reads_config=False)
    _, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
    command = cast(Command, arguments[0])
    if command in ("search", "train", "study") and not bound.arguments.keys() & {"config", "resume"}:
        known = {name.replace("-", "_"): name for name in declared(command)}
        given = {known[name]: value for name, value in bound.arguments.items() if name in known}
        run_config_from(command, given, bound.arguments.get("recipe"))


def _write(text: str) -> None:
    sys.stdout.write(printable(text))
    sys.stdout.flush()

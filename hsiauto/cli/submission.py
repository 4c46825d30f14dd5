"""A command of hsiauto as a Ray job: handed to the head of a cluster and followed to its end.

The job runs on the head, with the head's files: what the command names (scene, run folder) is found there. Needs Ray's
job client, the extra `cluster`.
"""

import asyncio
import shlex
from collections.abc import AsyncIterator, Callable, Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

from hsiauto.errors import UserError

COMMANDS = ("search", "train", "refit", "study")
"""Those that take --address: they train on workers."""
FAILED = 1
"""Exit code of a job that ended without one of its own."""


def entrypoint(arguments: Sequence[str]) -> str:
    """The shell command of the job: `arguments` of hsiauto, on the cluster that the job runs in.

    Raises UserError for a command that trains nothing, and for a run folder that would be lost with the job.
    """
    if not arguments or arguments[0] not in COMMANDS:
        raise UserError(
            f"submit takes a command that trains: {', '.join(COMMANDS)}, and its options",
            " ".join(arguments) or None,
            "For example: hsiauto submit search --dataset salinas --out /shared/salinas --address http://HEAD:8265",
        )
    if arguments[0] != "refit" and not any(_is_absolute(arguments, option) for option in ("--out", "--resume")):
        raise UserError(
            "a submitted run names its folder on the head, as an absolute path",
            " ".join(arguments),
            "Add --out /PATH, or --resume /PATH to go on.",
        )
    return shlex.join(["hsiauto", *arguments, "--address", "auto"])


def _is_absolute(arguments: Sequence[str], option: str) -> bool:
    values = [a.partition("=")[2] for a in arguments if a.startswith(f"{option}=")]
    values += [after for before, after in pairwise(arguments) if before == option]
    return any(PurePosixPath(value).is_absolute() for value in values)


class Submission:
    """Jobs of the cluster whose dashboard is at `address` (http://HEAD:8265)."""

    def __init__(self, address: str) -> None:
        """Raises UserError without the extra `cluster`, and where no cluster answers."""
        self.address = address.rstrip("/")
        if not self.address.startswith(("http://", "https://")):
            raise UserError("--address of submit is that of the head's dashboard", address, "e.g. http://HEAD:8265")
        try:
            aiohttp = import_module("aiohttp")  # ray.job_submission can be imported without it, and then fails late
            from ray.exceptions import AuthenticationError
            from ray.job_submission import JobSubmissionClient
        except ImportError as error:
            raise UserError(
                "submit needs Ray's job client", f"no {error.name}", "pip install 'hsiauto[cluster]'"
            ) from error
        self._gone: tuple[type[Exception], ...] = (OSError, RuntimeError, aiohttp.ClientError)
        """What Ray's client raises where nobody answers any more."""
        try:
            self._client = JobSubmissionClient(self.address)
        except (ConnectionError, RuntimeError, AuthenticationError) as error:
            raise _no_answer(self.address, error) from error

    def submit(self, command: str) -> str:
        """Start the job; its id."""
        try:
            return str(self._client.submit_job(entrypoint=command))
        except RuntimeError as error:
            raise _no_answer(self.address, error) from error

    def follow(self, job_id: str, write: Callable[[str], None]) -> int:
        """Pass the job's log to `write` until it ends; its exit code.

        KeyboardInterrupt passes through: the job goes on. Raises UserError where the cluster no longer answers.
        """
        asyncio.run(self._tail(job_id, write))
        try:
            details: Any = self._client.get_job_info(job_id)
        except self._gone as error:
            raise self._lost(job_id, error) from error
        if details.driver_exit_code is not None:
            return int(details.driver_exit_code)
        if details.message:
            write(f"{details.message}\n")
        return 0 if str(details.status) == "SUCCEEDED" else FAILED

    async def _tail(self, job_id: str, write: Callable[[str], None]) -> None:
        async for lines in self._log(job_id):
            write(lines)  # what fails here is not the cluster's

    async def _log(self, job_id: str) -> AsyncIterator[str]:
        try:
            async for lines in self._client.tail_job_logs(job_id):
                yield lines
        except self._gone as error:
            raise self._lost(job_id, error) from error

    def _lost(self, job_id: str, error: Exception) -> UserError:
        return UserError(
            f"the cluster answers as long as the job {job_id} is followed",
            f"{self.address}: {_reason(error)}",
            "If the head is up, the job goes on: `ray job logs --follow` finds it. If not, start a cluster and "
            "submit the command with --resume and its run folder.",
        )

    def how_to_go_on(self, job_id: str) -> tuple[str, ...]:
        """What a user does who stops following."""
        return (
            f"the job {job_id} goes on",
            f"follow it: ray job logs --follow --address {self.address} {job_id}",
            f"stop it:   ray job stop --address {self.address} {job_id}",
        )


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _no_answer(address: str, error: Exception) -> UserError:
    return UserError(
        "--address of submit is the dashboard of a running Ray cluster",
        f"{address}: {_reason(error)}",
        "`ray start --head` with ray[default] serves it at port 8265; forward that port to reach it from outside.",
    )

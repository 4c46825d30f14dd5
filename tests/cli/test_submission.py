"""What is handed to a cluster as a job, and what its user is told. The cluster is a stand-in for Ray's job client."""

import sys
from collections.abc import AsyncIterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from hsiauto.cli.submission import FAILED, Submission, entrypoint
from hsiauto.errors import UserError


def test_the_job_is_the_command_on_the_jobs_own_cluster() -> None:
    arguments = ["search", "--dataset", "my scene.mat", "--out", "/shared/run"]
    assert entrypoint(arguments) == "hsiauto search --dataset 'my scene.mat' --out /shared/run --address auto"
    assert entrypoint(["search", "--resume=/shared/run"]) == "hsiauto search --resume=/shared/run --address auto"
    assert entrypoint(["refit", "runs/a", "--split-seed", "3"]).endswith("3 --address auto")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "search, train, refit, study"),
        (["predict", "bundle", "scene.mat"], "search, train, refit, study"),
        (["search", "--dataset", "demo"], "--out /PATH"),
        (["search", "--out", "runs/here"], "absolute"),
        (["train", "svm", "--out"], "absolute"),
    ],
)
def test_what_would_be_lost_with_the_job_is_refused(arguments: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        entrypoint(arguments)


class _Client:
    """Ray's JobSubmissionClient: one job, whose log and end a test sets."""

    log: tuple[str, ...] = ("first\n", "second\n")
    details = SimpleNamespace(status="SUCCEEDED", driver_exit_code=0, message="")
    entrypoints: list[str]

    def __init__(self, address: str) -> None:
        if "nobody" in address:
            raise ConnectionError("Failed to connect\nwith details")
        self.entrypoints = []

    def submit_job(self, *, entrypoint: str) -> str:
        self.entrypoints.append(entrypoint)
        return "raysubmit_1"

    async def tail_job_logs(self, job_id: str) -> AsyncIterator[str]:
        assert job_id == "raysubmit_1"
        for lines in self.log:
            yield lines

    def get_job_info(self, job_id: str) -> Any:
        return self.details


class _ClientError(Exception):
    """aiohttp's."""


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> type[_Client]:
    class Client(_Client): ...

    module: Any = ModuleType("ray.job_submission")
    module.JobSubmissionClient = Client
    monkeypatch.setitem(sys.modules, "ray.job_submission", module)
    aiohttp: Any = ModuleType("aiohttp")
    aiohttp.ClientError = _ClientError
    monkeypatch.setitem(sys.modules, "aiohttp", aiohttp)
    return Client


@pytest.mark.parametrize(
    ("status", "exit_code", "expected"),
    [
        ("SUCCEEDED", 0, 0),
        ("FAILED", 2, 2),
        ("FAILED", None, FAILED),
        ("STOPPED", None, FAILED),
        ("SUCCEEDED", None, 0),
    ],
)
def test_the_log_is_passed_on_and_the_exit_code_is_the_jobs(
    client: type[_Client], status: str, exit_code: int | None, expected: int
) -> None:
    client.details = SimpleNamespace(status=status, driver_exit_code=exit_code, message="why")
    written: list[str] = []
    cluster = Submission("http://head:8265/")
    assert cluster.follow(cluster.submit("hsiauto search"), written.append) == expected
    assert written == ["first\n", "second\n", *(["why\n"] if exit_code is None else [])]


def test_whoever_stops_following_learns_how_to_go_on(client: type[_Client]) -> None:
    told = "\n".join(Submission("http://head:8265/").how_to_go_on("raysubmit_1"))
    for command in ("ray job logs --follow", "ray job stop"):
        assert f"{command} --address http://head:8265 raysubmit_1" in told


@pytest.mark.parametrize("error", [ConnectionResetError("reset by peer"), RuntimeError("closed"), _ClientError("lost")])
@pytest.mark.parametrize("at", ["tail_job_logs", "get_job_info"])
def test_a_head_that_goes_in_the_middle_is_one_line(client: type[_Client], error: Exception, at: str) -> None:
    def gone(self: _Client, job_id: str) -> Any:
        raise error

    setattr(client, at, gone)
    cluster = Submission("http://head:8265/")
    with pytest.raises(UserError, match=rf"raysubmit_1.*{error}.*--resume") as told:
        cluster.follow(cluster.submit("hsiauto search"), lambda text: None)
    assert "\n" not in str(told.value)


def test_a_log_that_cannot_be_written_is_not_laid_to_the_cluster(client: type[_Client]) -> None:
    def write(text: str) -> None:
        raise BrokenPipeError("the reader has left")

    cluster = Submission("http://head:8265/")
    with pytest.raises(BrokenPipeError):
        cluster.follow(cluster.submit("hsiauto search"), write)


def test_an_address_that_nobody_answers_is_one_line(client: type[_Client]) -> None:
    with pytest.raises(UserError, match="Failed to connect") as refused:
        Submission("http://nobody:8265")
    assert "\n" not in str(refused.value)
    with pytest.raises(UserError, match="http://HEAD:8265"):
        Submission("head:6379")


def test_without_the_extra_the_remedy_is_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(UserError, match=r"hsiauto\[cluster\]"):
        Submission("http://head:8265")

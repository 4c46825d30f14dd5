"""run_jobs on good and bad nodes, with a Ray that is played."""

from collections.abc import Collection, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import RayActorError

from hsiauto.errors import UserError
from hsiauto.search.workers import pool
from hsiauto.search.workers.jobs import Job, JobResult
from hsiauto.search.workers.nodes import IN_A_ROW
from hsiauto.search.workers.resources import Machine
from tests.search import fakes


class _Actor:
    """A worker on `node`, which is good, bad, or kills its processes."""

    def __init__(self, node: str, kind: str) -> None:
        self.node, self._kind, self.run = node, kind, SimpleNamespace(remote=self._run)

    def _run(self, job: Job, *_: object) -> JobResult | Exception:
        if self._kind == "deadly":
            return RayActorError("0123", "gone")
        if self._kind == "bad" or job.key.startswith("own"):
            return JobResult(job.key, "failed", "no space", may_be_machine=True, node=self.node)
        return JobResult(job.key, "completed", node=self.node)


def _get(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


def _results(monkeypatch: pytest.MonkeyPatch, nodes: Mapping[str, str], *keys: str) -> dict[str, tuple[str, str]]:
    """State and node of each job. Each new worker is on the first node that it may be on."""

    def actor(self: Any, avoided: Collection[str]) -> _Actor:
        node = next(name for name in nodes if name not in avoided)
        made = _Actor(node, nodes[node])
        self.places[made] = node
        return made

    played = SimpleNamespace(
        wait=lambda futures, **_: (futures[:1], futures[1:]), get=_get, kill=lambda _: None, put=lambda value: value
    )
    monkeypatch.setattr(pool, "ray", played)
    monkeypatch.setattr(pool, "start_ray", lambda *_, **__: None)
    monkeypatch.setattr(pool, "able", lambda _: {name: name for name in nodes})
    monkeypatch.setattr(pool._Pool, "_actor", actor)
    jobs = [Job(key, fakes.Quick(), "split", 0, max_epochs=1) for key in keys]
    results = list(
        pool.run_jobs(jobs, {"split": fakes.tiny_data()}, fakes.run_config(concurrency=1), machine=Machine(1))
    )
    assert len(results) == len(keys)
    return {result.key: (result.state, result.node) for result in results}


@pytest.mark.parametrize("kind", ["bad", "deadly"])
def test_jobs_of_a_bad_node_are_trained_elsewhere(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [f"j{i}" for i in range(2 * IN_A_ROW)]
    assert _results(monkeypatch, {"a": kind, "b": "good"}, *keys) == dict.fromkeys(keys, ("completed", "b"))


@pytest.mark.parametrize("kind", ["bad", "deadly"])
def test_without_a_good_node_no_job_has_failed_for_good(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="4 that failed on a"):
        _results(monkeypatch, {"a": kind}, *[f"j{i}" for i in range(4)])


def test_a_job_that_fails_by_itself_is_tried_twice_and_the_others_are_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if they come first, on the only machine."""
    own, others = [f"own{i}" for i in range(IN_A_ROW + 1)], ["j0", "j1"]
    assert _results(monkeypatch, {"a": "good"}, *own, *others) == dict.fromkeys(own, ("failed", "a")) | dict.fromkeys(
        others, ("completed", "a")
    )


def test_fewer_than_a_row_fail_as_they_always_did(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _results(monkeypatch, {"a": "bad"}, "j0", "j1") == dict.fromkeys(["j0", "j1"], ("failed", "a"))

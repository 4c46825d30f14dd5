"""A machine on which everything fails at once: alone, and beside a good one."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from hsiauto.errors import UserError
from hsiauto.search.events import Warned, of
from hsiauto.search.journal import Journal, read
from hsiauto.search.trials import TrialState, trials
from hsiauto.search.workers.driver import run_search
from hsiauto.search.workers.jobs import Job
from hsiauto.search.workers.nodes import IN_A_ROW
from hsiauto.search.workers.pool import run_jobs
from tests.search import fakes

IS_BAD, FAILURES = "HSIAUTO_TEST_BAD_NODE", "HSIAUTO_TEST_FAILURES"


class _Broken(fakes.ModellessTrial):
    """No folder can be written."""

    def __init__(self, *config: Any, **options: Any) -> None:
        raise OSError("broken disk")


class _BrokenHere(fakes.ModellessTrial):
    """Fails on the bad node. On the other one it waits for that to happen once more, so that both have a share."""

    def __init__(self, *config: Any, **options: Any) -> None:
        super().__init__(*config, **options)
        failures = Path(os.environ[FAILURES])
        if IS_BAD in os.environ:
            with failures.open("a") as file:
                file.write("failed\n")
            raise OSError("broken disk")
        wanted, limit = min(IN_A_ROW, _count(failures) + 1), time.monotonic() + 6
        while _count(failures) < wanted and time.monotonic() < limit:
            time.sleep(0.05)


def _count(failures: Path) -> int:
    return failures.read_text().count("failed")


def _search(folder: Path, trial_type: Any, **options: Any) -> list[TrialState]:
    folder.mkdir(exist_ok=True)
    with Journal(folder / "journal.jsonl") as journal:
        run_search(
            folder, fakes.run_config(**options), fakes.FakeSpace(("quick",)), fakes.tiny_data(), journal,
            trial_type=trial_type, parse=fakes.parse, cost=fakes.cost,
        )  # fmt: skip
    return list(trials(read(folder / "journal.jsonl")).values())


@pytest.mark.usefixtures("ray_session")
def test_a_machine_that_fails_every_trial_at_once_ends_the_search_and_a_resume_loses_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"3 that failed on .*, the last with: .*OSError: broken disk") as ended:
        _search(tmp_path, _Broken, budget=20)
    assert "resume" in str(ended.value)
    found = trials(read(tmp_path / "journal.jsonl")).values()
    assert [trial.state for trial in found] == ["interrupted"] * 3
    assert all("broken disk" in trial.errors for trial in found)
    assert {trial.state for trial in _search(tmp_path, fakes.FakeTrial, budget=4)} <= {"completed", "stopped"}


def play(folder: Path) -> None:
    """On a cluster of its own: a good node and a bad one."""
    failures = folder / "failures"
    failures.touch()
    os.environ[FAILURES] = str(failures)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1, env_vars={IS_BAD: "1"})
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        _search(folder / "run", _BrokenHere, budget=6, concurrency=2, scheduler="none")
        in_search = _count(failures)
        failures.write_text("")
        jobs = [Job(f"j{i}", fakes.Quick(), "split", 0, max_epochs=1) for i in range(2)]
        run_config = fakes.run_config(concurrency=2)
        results = list(run_jobs(jobs, {"split": fakes.tiny_data()}, run_config, trial_type=_BrokenHere))
        told = {"in search": in_search, "in jobs": _count(failures), "jobs": [result.state for result in results]}
        (folder / "told.json").write_text(json.dumps(told))
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_a_bad_node_gets_no_more_trials_and_those_that_failed_there_are_trained_elsewhere(tmp_path: Path) -> None:
    code = "import sys, pathlib; from tests.search.workers import test_bad_node as t; t.play(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parents[3], check=True, timeout=240)
    told = json.loads((tmp_path / "told.json").read_text())
    events = read(tmp_path / "run" / "journal.jsonl")
    found = trials(events).values()
    assert [trial.state for trial in found] == ["completed"] * 6
    failed = [trial for trial in found if trial.worker_deaths]
    assert len(failed) == told["in search"] == IN_A_ROW
    assert all("OSError: broken disk" in trial.errors for trial in failed)
    [warning] = of(Warned, events)
    assert "gets no more trainings: 3 in a row failed there" in warning.text
    assert told["in jobs"] == 1
    assert told["jobs"] == ["completed", "completed"]

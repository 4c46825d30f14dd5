"""A machine on which everything fails at once: alone, and beside a good one."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
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
from hsiauto.search.workers.resources import Machine
from tests.search import fakes

IS_BAD, FOLDER = "HSIAUTO_TEST_BAD_NODE", "HSIAUTO_TEST_FOLDER"


class _Broken(fakes.ModellessTrial):
    """No folder can be written."""

    def __init__(self, *config: Any, **options: Any) -> None:
        raise OSError("broken disk")


class _BrokenHere(fakes.ModellessTrial):
    """Fails on the bad node. The first on the good one waits for the first failure there, the second for the second,
    until the bad one has had its share."""

    def __init__(self, *config: Any, **options: Any) -> None:
        super().__init__(*config, **options)
        play = _Play(Path(os.environ[FOLDER]))
        if IS_BAD in os.environ:
            play.note("failed")
            raise OSError("broken disk")
        play.note("good")
        wanted, limit = min(play.share, play.count("good")), time.monotonic() + 60
        while play.count("failed") < wanted and time.monotonic() < limit:
            time.sleep(0.05)


@dataclass(frozen=True)
class _Play:
    """What the trials of both nodes tell each other."""

    folder: Path

    def begin(self, share: int) -> None:
        """share: failures of the bad node."""
        for what in ("failed", "good"):
            (self.folder / what).write_text("")
        (self.folder / "share").write_text(str(share))

    @property
    def share(self) -> int:
        return int((self.folder / "share").read_text())

    def note(self, what: str) -> None:
        with (self.folder / what).open("a") as file:
            file.write(".")

    def count(self, what: str) -> int:
        return len((self.folder / what).read_text())


def _search(folder: Path, trial_type: Any, machine: Machine | None = None, **options: Any) -> list[TrialState]:
    folder.mkdir(exist_ok=True)
    with Journal(folder / "journal.jsonl") as journal:
        run_search(
            folder, fakes.run_config(**options), fakes.FakeSpace(("quick",)), fakes.tiny_data(), journal,
            machine=machine, trial_type=trial_type, parse=fakes.parse, cost=fakes.cost,
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
    on_both = _Play(folder)
    os.environ[FOLDER] = str(folder)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1, env_vars={IS_BAD: "1"})
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        # One trial on each node, two that wait: a failed one for the good node, a new one for whichever is free.
        wide = Machine(4, node_cpus=(1, 1, 1, 1))
        on_both.begin(share=IN_A_ROW)
        _search(folder / "run", _BrokenHere, wide, budget=8, concurrency=4, scheduler="none")
        in_search = on_both.count("failed")
        on_both.begin(share=1)
        jobs = [Job(f"j{i}", fakes.Quick(), "split", 0, max_epochs=1) for i in range(2)]
        run_config = fakes.run_config(concurrency=2)
        results = list(run_jobs(jobs, {"split": fakes.tiny_data()}, run_config, trial_type=_BrokenHere))
        states = [result.state for result in results]
        told = {"in search": in_search, "in jobs": on_both.count("failed"), "jobs": states}
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
    assert [trial.state for trial in found] == ["completed"] * 8
    failed = [trial for trial in found if trial.worker_deaths]
    assert len(failed) == told["in search"] == IN_A_ROW
    assert all("OSError: broken disk" in trial.errors for trial in failed)
    [warning] = of(Warned, events)
    assert "gets no more trainings: 3 in a row failed there" in warning.text
    assert told["in jobs"] == 1
    assert told["jobs"] == ["completed", "completed"]

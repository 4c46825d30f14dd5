from pathlib import Path

import pytest

from hsiauto.search.journal import Journal, trials
from hsiauto.search.workers.driver import run_search
from hsiauto.search.workers.jobs import Job
from hsiauto.search.workers.pool import run_jobs
from hsiauto.search.workers.silence import Silence
from tests.search import fakes


def test_a_trial_has_hung_when_nothing_was_heard_of_it_since_it_first_ran() -> None:
    now = 0.0
    silence = Silence(10.0, clock=lambda: now)
    assert silence.hung(["a"]) == []
    now = 9.0
    silence.heard("a")
    assert silence.hung(["a", "b"]) == []
    now = 19.5
    assert silence.hung(["a", "b"]) == ["a", "b"]
    silence.heard("b")
    assert silence.hung(["a", "b"]) == ["a"]
    assert silence.hung(["b"]) == []
    assert silence.hung(["a"]) == []  # another run of the same trial begins with a clock of its own
    assert Silence(None).hung(["a"]) == []


@pytest.mark.usefixtures("ray_session")
def test_a_hung_trial_fails_and_the_search_goes_on(tmp_path: Path) -> None:
    space = fakes.FakeSpace(("quick",), modes=("train", "hang"))
    study = fakes.study(budget=4, sampler="random", scheduler="none", trial_timeout_s=1.0)
    with Journal(tmp_path / "journal.jsonl") as journal:
        run_search(
            tmp_path, study, space, fakes.tiny_data(), journal,
            trial_type=fakes.FakeTrial, parse=fakes.parse, cost=fakes.cost,
        )  # fmt: skip
        found = list(trials(journal.events).values())
    hung = [trial for trial in found if trial.config["mode"] == "hang"]
    assert len(found) == 4
    assert {(trial.state, trial.error) for trial in hung} == {("failed", "no report for 1 s (--trial-timeout)")}
    assert {trial.state for trial in found if trial not in hung} == {"completed"}
    assert len({trial.pid for trial in found}) == len(hung) + (found[-1] not in hung)  # a new worker after each


@pytest.mark.usefixtures("ray_session")
def test_a_hung_job_fails_and_the_others_are_trained() -> None:
    jobs = [
        Job(mode, fakes.parse({"family": "quick", "mode": mode}), "split", 0, max_epochs=epochs)
        for mode, epochs in (("slow", 10), ("hang", 1), ("train", 1))
    ]
    study = fakes.study(concurrency=1, trial_timeout_s=2.0)
    found = run_jobs(jobs, {"split": fakes.tiny_data()}, study, trial_type=fakes.ModellessTrial)
    assert {result.key: (result.state, result.error) for result in found} == {
        "slow": ("completed", ""),  # longer than the limit, but with a report in between
        "hang": ("failed", "no report for 2 s (--trial-timeout)"),
        "train": ("completed", ""),
    }

"""Who ends Ray, and what a run leaves of Ray's changes."""

import os
from types import SimpleNamespace

import pytest

from hsiauto.search.workers import local_ray
from hsiauto.search.workers.environment import RAY_SETTINGS, kept_environment
from hsiauto.search.workers.local_ray import ray_for_a_run


class _Ray:
    def __init__(self, runs: bool) -> None:
        self.runs, self.ends = runs, 0

    def is_initialized(self) -> bool:
        return self.runs

    def shutdown(self) -> None:
        self.runs, self.ends = False, self.ends + 1


@pytest.fixture
def of_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process of its own: other tests hold a Ray."""
    monkeypatch.setattr(local_ray, "_users", local_ray._Users())


@pytest.mark.usefixtures("of_one_process")
def test_the_last_of_several_runs_ends_the_ray_that_they_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_ray, "ray", ray := _Ray(runs=False))
    first, second = ray_for_a_run(), ray_for_a_run()
    first.__enter__()
    ray.runs = True
    second.__enter__()
    first.__exit__(None, None, None)
    assert ray.runs
    second.__exit__(None, None, None)
    assert ray.ends == 1
    with ray_for_a_run():
        pass
    assert ray.ends == 2, "the next run begins anew"


@pytest.mark.usefixtures("of_one_process")
def test_a_ray_that_ran_before_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_ray, "ray", ray := _Ray(runs=True))
    with pytest.raises(ValueError, match="broken"), ray_for_a_run():
        raise ValueError("broken")
    assert (ray.runs, ray.ends) == (True, 0)


@pytest.mark.usefixtures("of_one_process")
def test_rays_variables_are_set_for_a_run_unless_the_user_has_set_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_ray, "ray", SimpleNamespace(is_initialized=lambda: True))
    for name in RAY_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TUNE_GLOBAL_CHECKPOINT_S", "7")
    before = dict(os.environ)
    with ray_for_a_run():
        assert {name: os.environ[name] for name in RAY_SETTINGS} == RAY_SETTINGS | {"TUNE_GLOBAL_CHECKPOINT_S": "7"}
    assert dict(os.environ) == before


def test_what_others_set_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_OF_RAY", raising=False)
    monkeypatch.delenv("OF_OTHERS", raising=False)
    monkeypatch.setenv("TUNE_X", "before")
    with kept_environment():
        os.environ |= {"RAY_OF_RAY": "1", "TUNE_X": "within"}
        monkeypatch.setenv("OF_OTHERS", "1")
    assert "RAY_OF_RAY" not in os.environ
    assert (os.environ["TUNE_X"], os.environ["OF_OTHERS"]) == ("before", "1")

"""A run from Python: it prints nothing, leaves the process as it was, runs in a thread and on somebody's own Ray."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hsiauto import ablation, runs
from hsiauto.config import RunConfig
from hsiauto.errors import UserError
from hsiauto.families import config_from
from hsiauto.runs.folder import LEADERBOARD
from hsiauto.scene.source import SceneSource
from hsiauto.search.events.transient import RunOpened
from hsiauto.search.workers import cluster, driver, pool
from tests.runs.test_search import source, tiny_study  # noqa: F401 - a fixture

_PRELUDE = """
import faulthandler, json, logging, os, signal, sys, threading, warnings
import matplotlib, ray, sympy, torch
import hsiauto
from hsiauto.families import config_from
from hsiauto.runs import run as _  # filters that a library sets when it is imported are its own

def state():
    loggers = {name: logging.getLogger(name).level for name in ("", "ray", "ray.tune", "ray.data", "optuna")}
    return {
        "environment": dict(os.environ),
        "signals": {int(number): signal.getsignal(number) for number in signal.valid_signals()},
        "threads": torch.get_num_threads(),
        "filters": list(warnings.filters),
        "levels": loggers,
        "backend": matplotlib.rcParams._get("backend"),
        "directory": os.getcwd(),
        "faults": faulthandler.is_enabled(),
        "pyplot": "matplotlib.pyplot" in sys.modules,
    }

config = hsiauto.RunConfig.model_validate_json(sys.argv[1])
"""


def _python(code: str, config: RunConfig, folder: Path) -> list[Any]:
    """What `code` leaves in `said`, in a process of its own, whose output must be empty."""
    code = f"{_PRELUDE}\n{code}\njson.dump(said, open('said.json', 'w'))"
    arguments = [sys.executable, "-c", code, config.model_dump_json()]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    said: list[Any] = json.loads((folder / "said.json").read_text())
    return said


def _one_svm(source: SceneSource, **changes: Any) -> RunConfig:  # noqa: F811
    return tiny_study(source, families=("svm",), budget=2, further_splits=0, winner_seeds=1, top_k=1, **changes)


def test_a_search_prints_nothing_and_leaves_the_process_as_it_was(source: SceneSource, tmp_path: Path) -> None:  # noqa: F811
    code = """
before = state()
result = hsiauto.search(config)
after = state()
changed = [name for name in before if before[name] != after[name]]
said = [result.exit_code, str(result.folder), ray.is_initialized(), changed]
"""
    exit_code, folder, ray_runs, changed = _python(code, _one_svm(source), tmp_path)
    assert (exit_code, ray_runs, changed) == (0, False, [])
    assert folder.startswith("runs/cube-")
    assert (tmp_path / folder / "map.png").exists()


def test_a_search_runs_in_a_thread(source: SceneSource, tmp_path: Path) -> None:  # noqa: F811
    code = """
before, said = state(), []
thread = threading.Thread(target=lambda: said.append(hsiauto.search(config, "in-a-thread").exit_code))
thread.start()
thread.join()
after = state()
said.append([name for name in before if before[name] != after[name]])
"""
    assert _python(code, _one_svm(source), tmp_path) == [0, []]


def test_a_ray_of_one_cpu_is_used_and_left_running(source: SceneSource, tmp_path: Path) -> None:  # noqa: F811
    code = """
ray.init(num_cpus=1, include_dashboard=False, logging_level=logging.CRITICAL, log_to_driver=False)
before = state()
trained = hsiauto.train(config, config_from({"family": "svm", "features": "spectra"}), "trained")
searched = hsiauto.search(config, "searched")
after = state()
said = [trained.exit_code, searched.exit_code, ray.is_initialized(), ray.cluster_resources()["CPU"]]
said.append([name for name in before if before[name] != after[name]])
"""
    config = _one_svm(source, concurrency=None)
    assert _python(code, config, tmp_path) == [0, 0, True, 1.0, []]


def test_a_ray_without_a_cpu_is_refused(source: SceneSource, tmp_path: Path) -> None:  # noqa: F811
    code = """
ray.init(num_cpus=0, include_dashboard=False, logging_level=logging.CRITICAL, log_to_driver=False)
try:
    hsiauto.search(config, "run")
except hsiauto.UserError as error:
    said = [str(error), os.path.exists("run")]
"""
    message, written = _python(code, _one_svm(source), tmp_path)
    assert "a running Ray has at least one CPU" in message
    assert not written


@pytest.mark.parametrize("moment", ["started", "reevaluated", "refit"])
def test_stop_ends_a_run_as_ctrl_c_does_and_resume_goes_on(
    source: SceneSource,  # noqa: F811
    tmp_path: Path,
    ray_session: None,
    moment: str,
) -> None:
    stop, seen = threading.Event(), []

    def watch(event: Any) -> None:
        seen.append(event.event)
        if event.event == moment:
            stop.set()

    config = tiny_study(source, families=("svm",), budget=3, further_splits=0, further_folds=2)
    result = runs.search(config, str(tmp_path / "run"), on_event=watch, stop=stop)
    assert (result.interrupted, result.exit_code) == (True, 130)
    assert (tmp_path / "run" / LEADERBOARD).exists()
    phases = [name for name in ("reevaluated", "refit") if name in seen]
    assert phases == {"started": [], "reevaluated": ["reevaluated"], "refit": ["reevaluated", "refit"]}[moment]
    opened: list[RunOpened] = []
    again = runs.resume(
        str(tmp_path / "run"),
        budget=np.int64(3),  # type: ignore[arg-type]
        on_event=lambda event: opened.append(event) if isinstance(event, RunOpened) else None,
    )
    assert (again.interrupted, again.exit_code) == (False, 0)
    assert [event.event for event in opened[0].past][:1] == ["opened"]


def test_stop_ends_a_study_between_its_cells(
    source: SceneSource,  # noqa: F811
    tmp_path: Path,
    ray_session: None,
) -> None:
    fields = {"question": "?", "source": "-", "claim": "-", "family": "svm", "measures": ["test_oa"]}
    definition = ablation.Definition.model_validate(
        {**fields, "axes": {"C": [1.0, 10.0, 100.0]}, "reference": {"C": 10.0}, "pins": {"svm.features": "spectra"}}
    )
    asked = ablation.Asked(name="mine", definition=definition, seeds=1, splits=1)
    config = tiny_study(source, families=("svm",), pins={}).model_copy(update={"command": "study"})
    scored: list[str] = []

    def watch(event: Any) -> None:
        if event.event == "refit" and event.kind == "refit":
            scored.append(event.key)

    stopped = ablation.run(asked, config, tmp_path / "run", on_event=watch, stop=lambda: bool(scored))
    assert (stopped.interrupted, stopped.exit_code) == (True, 130)
    assert 1 <= len(scored) < 3
    again = ablation.resume(tmp_path / "run", on_event=watch)
    assert again.exit_code == 0
    assert len(scored) == len(set(scored)) == 3


def test_the_machine_is_looked_at_once(
    source: SceneSource,  # noqa: F811
    tmp_path: Path,
    ray_session: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[str | None] = []
    real: Callable[[str | None], Any] = cluster.look

    def look(address: str | None) -> Any:
        looked.append(address)
        return real(address)

    for module in (cluster, driver, pool):
        monkeypatch.setattr(module, "look", look)
    assert runs.search(_one_svm(source), tmp_path / "run").exit_code == 0
    assert looked == [None]


def test_bad_arguments_are_user_errors(source: SceneSource, tmp_path: Path) -> None:  # noqa: F811
    for seeds in (0, "many"):
        with pytest.raises(UserError, match="seeds"):
            runs.refit(tmp_path, split_seed=np.int64(1), seeds=seeds)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="run folder"):
        runs.resume(str(tmp_path))
    with pytest.raises(UserError, match="never trained alone"):
        runs.train(_one_svm(source), config_from({"family": "majority"}), str(tmp_path / "run"))

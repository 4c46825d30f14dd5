"""Who ends Ray, and what a run leaves of Ray's changes."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import ray

from hsiauto.errors import RayLost
from hsiauto.search.workers import local_ray, ray_init, stand_in
from hsiauto.search.workers.environment import RAY_SETTINGS, kept_environment
from hsiauto.search.workers.local_ray import ray_for_a_run, start_ray
from hsiauto.search.workers.resources import Machine, Resources


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


class _Starts:
    """In place of `init_local_ray`: fails as often as asked, and notes what it was started with."""

    def __init__(self, failures: int) -> None:
        self.failures, self.folders, self.tokens = failures, list[Path](), list[str]()

    def __call__(self, _temp_dir: str, **settings: object) -> None:
        self.folders.append(Path(_temp_dir))
        self.tokens.append(os.environ["RAY_AUTH_TOKEN"])
        assert os.environ["RAY_AUTH_MODE"] == "token"
        if len(self.folders) <= self.failures:
            raise Exception("The current node timed out during startup.\nThis could happen because")


def _start(monkeypatch: pytest.MonkeyPatch, failures: int) -> _Starts:
    monkeypatch.setattr(ray_init, "_read_environment_again", lambda: None)  # the Ray of other tests would hear of it
    monkeypatch.setattr(local_ray, "init_local_ray", starts := _Starts(failures))
    monkeypatch.setattr(local_ray, "ray", _Ray(runs=False))
    start_ray(Machine(2, (), (2,)), Resources(concurrency=2, cpus_per_trial=1, gpus_per_trial=0))
    return starts


@pytest.mark.usefixtures("of_one_process")
def test_a_local_ray_has_a_token_and_a_folder_of_its_own_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "of the user's cluster")
    before = dict(os.environ)
    with ray_for_a_run():
        (folder,), (token,) = (starts := _start(monkeypatch, failures=0)).folders, starts.tokens
        assert folder.parent.stat().st_mode & 0o777 == 0o700
        assert len(token) == 64
        assert os.environ["RAY_AUTH_TOKEN"] == token
    assert dict(os.environ) == before
    assert not folder.parent.exists()
    with ray_for_a_run():
        assert _start(monkeypatch, failures=0).tokens != [token]


@pytest.mark.usefixtures("of_one_process")
def test_a_slow_start_is_tried_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    with ray_for_a_run():
        first, second = _start(monkeypatch, failures=1).folders
        assert not first.parent.exists(), "what the first try left has ended"
        assert second.parent.exists()
    with ray_for_a_run(), pytest.raises(RayLost) as lost:
        _start(monkeypatch, failures=2)
    assert str(lost.value) == "Ray did not start, twice: The current node timed out during startup."


_JOIN = """
import ray, sys
ray.init(sys.argv[1], log_to_driver=False)
print("JOINED", ray.get(ray.remote(lambda: "and ran a task").remote()), flush=True)
"""


@pytest.mark.usefixtures("ray_session")
class TestAnotherUser:
    """A local Ray listened on all interfaces, its token was in a file that anybody could read: `nobody` ran a task."""

    def test_cannot_reach_it_from_another_machine(self) -> None:
        processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
        listening = [
            place.laddr.ip
            for process in processes
            for place in process.net_connections("inet")
            if place.status == psutil.CONN_LISTEN
        ]
        assert len(listening) > 3, "gcs, raylet twice, driver; workers as they come"
        assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}

    def test_cannot_enter_its_folder(self) -> None:
        folder = Path(ray._private.worker._global_node.get_session_dir_path())  # type: ignore[attr-defined]
        assert folder.parents[1].stat().st_mode & 0o777 == 0o700

    def test_sees_no_token_in_a_command_line(self) -> None:
        token = os.environ["RAY_AUTH_TOKEN"]
        lines = [process.cmdline() for process in psutil.Process().children(recursive=True)]
        assert len(lines) > 3
        assert not any(token in word for line in lines for word in line)

    @pytest.mark.parametrize("mode", ["disabled", "token"])
    def test_cannot_join_it(self, mode: str, tmp_path: Path) -> None:
        """Not even who reads the home of this user, where Ray would keep a token."""
        outside = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        outside |= {"RAY_AUTH_MODE": mode, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # it looks for 127.0.0.1, too
        (tmp_path / "token").write_text("guessed")
        if not Path("~/.ray/auth_token").expanduser().exists():
            outside["RAY_AUTH_TOKEN_PATH"] = str(tmp_path / "token")
        address = ray.get_runtime_context().gcs_address
        command = [sys.executable, "-c", _JOIN, address]
        with _as_nobody(command, outside) as attack:
            assert attack.stdout is not None
            threading.Timer(60, attack.kill).start()
            answer = next(line for line in attack.stdout if "InvalidAuthToken" in line or "JOINED" in line)
            attack.kill()
        assert "JOINED" not in answer

    def test_what_only_clusters_need_is_not_started(self) -> None:
        lines = [" ".join(process.cmdline()) for process in psutil.Process().children()]
        assert any("gcs_server" in line for line in lines)
        assert not [line for line in lines if "monitor.py" in line or "dashboard.py" in line]

    @pytest.mark.skipif(sys.platform == "win32", reason="agents run")
    def test_in_place_of_a_nodes_agents_stand_processes_that_imported_nothing(self) -> None:
        """A raylet ends with its agents, which took seconds to start."""
        processes = psutil.Process().children(recursive=True)
        assert not [process for process in processes if "Agent" in process.name() or "agent" in process.name()]
        assert len([process for process in processes if stand_in.__file__ in process.cmdline()]) == 2


def _as_nobody(command: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    """Run as another user if this one may, and if that one can run this Python; otherwise as this one."""
    out: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    if os.getuid() == 0:
        probe = [sys.executable, "-c", "import ray"]
        user: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []}
        try:
            subprocess.run(probe, check=True, capture_output=True, **user)
            return subprocess.Popen(command, env=environment, **out, **user)
        except (OSError, subprocess.CalledProcessError):
            pass
    return subprocess.Popen(command, env=environment, **out)

"""hsiauto remote and hsiauto serve, together over HTTP. The runs' process is a stand-in, which trains nothing."""

import io
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import uvicorn

from hsiauto.remote import service as client
from hsiauto.scene.model import Scene
from hsiauto.search.events import Event, to_line
from hsiauto.service.app import make_app
from hsiauto.service.config import ServiceConfig
from hsiauto.service.core import TOKEN, opened
from tests import told
from tests.cli.conftest import Run
from tests.runs.test_compare import searched
from tests.scene import fabricate, vectors
from tests.search import fakes

BOARD = Path(__file__).parents[2] / "results" / "indian_pines_blocks.parquet"
JOB = """
import shutil, sys, time
from pathlib import Path
exit_file, command, *words = sys.argv[1:]
folder = Path(words[words.index("--out") + 1])
folder.mkdir()
with (folder / "journal.jsonl").open("w") as journal:
    for line in Path("{journal}").read_text().splitlines(keepends=True):
        journal.write(line)
        journal.flush()
        time.sleep(0.05)
shutil.copy("{board}", folder / "leaderboard.parquet")
(folder / "map.png").write_bytes(b"a map")
(folder / "map.tif.aux.xml").write_bytes(b"<names/>")
hopeless = "budget: 9" in Path(words[words.index("--config") + 1]).read_text()
Path(exit_file).write_text("2" if hopeless else "0")
"""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """(address, token) of a service whose runs write a journal of two trials, and a leaderboard."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    config = fakes.run_config(budget=2).model_dump(mode="json")
    journal: list[Event] = [told.opened(config=config), told.proposed(), told.ended()]
    journal += [told.proposed("t0002", number=2), told.ended("t0002")]
    (tmp_path / "journal").write_bytes(b"".join(to_line(event) + b"\n" for event in journal))
    (tmp_path / "job.py").write_text(JOB.format(journal=tmp_path / "journal", board=BOARD))
    settings = ServiceConfig(root=tmp_path / "root", job=(sys.executable, str(tmp_path / "job.py")), min_free_bytes=1)
    with opened(settings) as parts:
        token = parts.users.first(settings.root / TOKEN)
        server = uvicorn.Server(uvicorn.Config(make_app(parts), port=0, log_config=None))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", token
        server.should_exit = True
        thread.join()


def test_a_scene_is_uploaded_searched_and_its_files_come_back(
    service: tuple[str, str], run: Run, monkeypatch: pytest.MonkeyPatch, tiny_scene: Scene
) -> None:
    address, token = service
    monkeypatch.setattr("sys.stdin", io.StringIO(token))
    code, out, error = run("remote", "login", address)
    assert (code, error) == (0, "")
    assert "you are admin" in out

    np.savez("mine.npz", cube=tiny_scene.cube, labels=tiny_scene.labels)
    code, out, error = run("remote", "run", "--dataset", "mine.npz", "--ignore-labels", "0,99", "--budget", "2")
    assert code == 0, error
    (scene,) = re.findall(r"scene ([0-9a-f]{16}): mine, 40 x 40 x 24, 4 classes", error)
    assert "search: 2/2 trials, 2 completed" in out
    assert "The winner is" in out

    (run_id,) = re.findall(r"hsiauto remote download ([0-9a-f]{16})", out)
    code, out, error = run("remote", "download", run_id, "leaderboard.parquet", "map.png", "--out", "back")
    assert code == 0, error
    assert Path("back/map.png").read_bytes() == b"a map"
    assert Path("back/leaderboard.parquet").read_bytes() == BOARD.read_bytes()

    code, out, _ = run("remote", "runs")
    assert re.search(rf"{run_id} +mine +admin +search +{scene} +succeeded", out)
    code, _, error = run("remote", "stop", run_id)
    assert (code, "only a run that has not ended" in error) == (2, True)


def test_a_scene_without_labels_can_be_predicted_on_alone(
    service: tuple[str, str], run: Run, monkeypatch: pytest.MonkeyPatch, tiny_scene: Scene
) -> None:
    address, token = service
    monkeypatch.setattr("sys.stdin", io.StringIO(token))
    run("remote", "login", address)
    np.save("image.npy", tiny_scene.cube)
    code, _, error = run("remote", "upload", "image.npy", "--layout", "HWC", "--name", "new land")
    assert code == 0, error
    (scene,) = re.findall(r"scene ([0-9a-f]{16}): new land, 40 x 40 x 24, 0 classes", error)
    code, _, error = run("remote", "run", "--dataset", scene)
    assert (code, "a search takes a scene with labels" in error) == (2, True)


def test_a_run_on_fields_that_were_drawn_here(
    service: tuple[str, str], run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address, token = service
    monkeypatch.setattr("sys.stdin", io.StringIO(token))
    run("remote", "login", address)
    fabricate.tif(tmp_path / "cube.tif", fabricate.cube())
    boxes = [vectors.box(0, 0, 3, 4, crop="rye", farm="a"), vectors.box(3, 0, 5, 4, crop="oats", farm="b")]
    vectors.geojson(tmp_path / "fields.geojson", boxes)
    labels = ("--labels", "fields.geojson", "--label-field", "crop", "--group-field", "farm")
    code, _, error = run("remote", "run", "--dataset", "cube.tif", *labels, "--budget", "2")
    assert code == 0, error
    assert re.search(r"scene [0-9a-f]{16}: cube, .*, 2 classes", error)


def test_downloaded_runs_are_run_folders(
    service: tuple[str, str], run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address, token = service
    monkeypatch.setattr("sys.stdin", io.StringIO(token))
    run("remote", "login", address)
    root = tmp_path / "root"
    for name, errors in (("a", 9), ("b", 2)):
        _, out, _ = run("remote", "run", "--dataset", "demo", "--budget", "2")
        (run_id,) = re.findall(r"hsiauto remote download ([0-9a-f]{16})", out)
        folder = root / "runs" / run_id
        shutil.rmtree(folder)
        searched(folder, errors)
        (folder / "run.yaml").write_text(f"command: search\ndataset: {root}/scenes/0123456789abcdef/cube.npy\n")
        (folder / "bundle" / "members").mkdir(parents=True)
        (folder / "bundle" / "members" / "config.json").write_text("{}")
        code, _, error = run("remote", "download", run_id, "--out", name)
        assert code == 0, error
        assert (Path(name) / "bundle" / "members" / "config.json").read_text() == "{}"
        assert not (Path(name) / "bundle.zip").exists()
        assert (Path(name) / "journal.jsonl").read_bytes() == (folder / "journal.jsonl").read_bytes()
        assert (Path(name) / "run.yaml").read_text() == "command: search\ndataset: cube.npy\n"
    code, out, error = run("compare", "a", "b")
    assert code == 0, error
    assert "a - b: " in out or "b - a: " in out
    code, out, error = run("show", "a")
    assert code == 0, error
    assert "svm" in out


def test_a_run_ends_with_the_exit_code_of_its_process(
    service: tuple[str, str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, token = service
    monkeypatch.setattr("sys.stdin", io.StringIO(token))
    run("remote", "login", address)
    code, out, _ = run("remote", "run", "--dataset", "demo", "--budget", "9")
    assert code == 2
    (run_id,) = re.findall(r"run ([0-9a-f]{16}): failed", out)
    code, out, error = run("remote", "download", run_id, "--out", "back")
    assert code == 0, error
    assert {path.name for path in Path("back").iterdir()} >= {"map.png", "map.tif.aux.xml", "leaderboard.parquet"}


def test_a_service_of_another_version_is_refused(
    service: tuple[str, str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(service[1]))
    monkeypatch.setattr(client, "metadata", SimpleNamespace(version=lambda name: "99.0"))
    code, _, error = run("remote", "login", service[0])
    assert code == 2
    assert "same hsiauto, here 99.0; received" in error


def test_what_the_service_refuses_is_its_sentence(
    service: tuple[str, str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, token = service
    monkeypatch.setattr("sys.stdin", io.StringIO(token))
    run("remote", "login", address)
    for arguments, words in [
        (["--dataset", "demo", "--address", "auto"], "no such setting here"),
        (["--dataset", "demo", "--train-map", "a.mat"], "no such setting here"),
        (["--dataset", "dema"], "Did you mean demo?"),
    ]:
        code, _, error = run("remote", "run", *arguments)
        assert (code, error.count("\n")) == (2, 1)
        assert words in error
    monkeypatch.setattr("sys.stdin", io.StringIO("hsi_another"))
    code, _, error = run("remote", "login", address)
    assert (code, "knows your token" in error) == (2, True)

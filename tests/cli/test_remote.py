"""hsiauto remote as a user meets it: as a local run, and mistakes are one line."""

import io
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from hsiauto.remote import BOARD, Login, following, read_login, save_login
from hsiauto.search.events import Event, to_line
from tests import told as events
from tests.cli.conftest import Run
from tests.remote.fake import RUN, TOKEN, FakeService, Told, refused, serving, stream, told
from tests.search import fakes

SCENE = {"id": "salinas", "name": "salinas", "owner": "", "state": "ready", "height": 5, "width": 6, "bands": 7}
BOARD_FILE = Path(__file__).parents[2] / "results" / "indian_pines_blocks.parquet"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeService]:
    """A service on which a search of two trials succeeds; its user is logged in."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setattr(following, "sleep", lambda seconds: None)
    with serving() as fake:
        save_login(Login(fake.address, TOKEN))
        fake.on("GET", "scenes/salinas", told(SCENE))
        fake.on("POST", "runs", told(run_of("queued"), 201))
        fake.on("GET", f"runs/{RUN}", told(run_of("running")))
        config = fakes.run_config(budget=2).model_dump(mode="json")
        journal: list[Event] = [events.opened(config=config), events.proposed(), events.ended()]
        journal += [events.proposed("t0002", number=2), events.ended("t0002")]
        lines = [("journal", f"{n}-0", to_line(event)) for n, event in enumerate(journal, start=1)]
        fake.on("GET", f"runs/{RUN}/events", stream(*lines, ("state", "", json.dumps(run_of("succeeded")).encode())))
        board = BOARD_FILE.read_bytes()
        fake.on("GET", f"runs/{RUN}/artifacts/{BOARD}", Told(board, promised=len(board)))
        yield fake


def run_of(state: str, **fields: Any) -> dict[str, Any]:
    blank = {
        "id": RUN,
        "name": "salinas",
        "kind": "search",
        "owner": "ada",
        "scene": "salinas",
        "created": "2026-01-02",
    }
    return {**blank, "state": state, "reason": None, "artifacts": ["map.png"], "exit_code": None, **fields}


def test_a_login_reads_the_token_from_a_pipe(fake: FakeService, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("another\n"))
    code, _, error = run("remote", "login", fake.address)
    assert (code, error.count("\n")) == (2, 1)
    assert "knows your token" in error
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{TOKEN}\n"))
    code, out, _ = run("remote", "login", f"{fake.address}/")
    assert code == 0
    assert "you are ada, runner" in out
    assert TOKEN not in out
    assert read_login() == Login(fake.address, TOKEN)


@pytest.mark.parametrize("typed", ["", "two words\x1b[2J\n", "tokén\n"])
def test_what_is_no_token_is_never_sent(
    fake: FakeService, run: Run, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    code, _, error = run("remote", "login", fake.address)
    assert code == 2
    assert "a token is one line" in error
    assert fake.asked == []


def test_a_run_is_followed_as_a_local_one(fake: FakeService, run: Run) -> None:
    code, out, error = run("remote", "run", "--dataset", "salinas", "--budget", "2", "--name", "mine")
    assert code == 0
    assert "demo: 3 classes; split s" in out  # as the journal says
    assert "search: 2/2 trials, 2 completed" in out
    assert "The winner is" in out
    assert f"hsiauto remote download {RUN}" in out
    assert f"run {RUN}: queued" in error
    (asked,) = fake.of("POST", "runs")
    assert asked.json == {"scene": "salinas", "config": {"budget": 2}, "name": "mine"}


def test_the_file_of_a_local_run_makes_the_same_run_there(fake: FakeService, run: Run) -> None:
    Path("run.yaml").write_text("command: search\ndataset: salinas\nbudget: 9\nblock-size: 16\nbuffer: 4\n")
    code, _, error = run("remote", "run", "--config", "run.yaml", "--budget", "3")
    assert code == 0, error
    (asked,) = fake.of("POST", "runs")
    assert asked.json == {"scene": "salinas", "config": {"budget": 3, "block-size": 16, "buffer": 4}}


def test_files_of_this_machine_are_uploaded_first(fake: FakeService, run: Run) -> None:
    for name in ("cube.npy", "labels.npy"):
        Path(name).write_bytes(name.encode())
    fake.on("POST", "scenes", told({"id": "new"}, 201))
    for role in ("cube", "labels"):
        fake.on("PUT", f"scenes/new/files/{role}", told({"sha256": sha256(f"{role}.npy".encode()).hexdigest()}))
    fake.on("POST", "scenes/new/check", told({**SCENE, "id": "new", "classes": [{}, {}], "notes": ["8 masked"]}))
    code, _, error = run("remote", "run", "--dataset", "cube.npy", "--labels", "labels.npy", "--nodata", "0")
    assert code == 0, error
    assert "scene new: salinas, 5 x 6 x 7, 2 classes" in error
    assert "note: 8 masked" in error
    assert fake.of("POST", "scenes")[0].json == {"name": "cube", "options": {"nodata": 0.0}}
    assert fake.of("POST", "runs")[0].json == {"scene": "new", "config": {}}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--dataset", "salinas", "--budget", "0"], "--budget"),
        (["--dataset", "salinas", "--nodata", "0"], "--nodata belongs to a scene that is uploaded"),
        (["--dataset", "salinas", "--data-dir", "."], "--data-dir belongs to"),
        (["--dataset", "cube.npy"], "a search needs a label map"),
        (["--dataset", "cube.npy", "--simulator-seed", "1"], "--simulator-seed belongs to"),
        (["--dataset", "salinas", "--dataset", "demo"], "on one scene; received 2. Give one as --dataset"),
        (["--dataset", "several.yaml"], "on one scene; received 2"),
        (["--dataset", "salinsa"], "unknown scene at http://127.0.0.1"),
        (["--dataset", "salinas", "--service", "https://other.example.org"], "login https://other.example.org"),
    ],
)
def test_a_mistake_is_one_line_and_starts_nothing(
    fake: FakeService, run: Run, arguments: list[str], words: str
) -> None:
    Path("cube.npy").touch()
    Path("several.yaml").write_text("scenes: [{cube: salinas}, {cube: demo}]")
    fake.on("GET", "scenes", told({"items": [SCENE], "total": 1}))
    code, _, error = run("remote", "run", *arguments)
    assert (code, error.count("\n")) == (2, 1)
    assert words in error
    assert fake.of("POST", "runs") == fake.of("POST", "scenes") == []


def test_the_exit_code_and_the_reason_are_the_runs(fake: FakeService, run: Run) -> None:
    lost = run_of("failed", reason="nothing was trained", exit_code=1)
    fake.on("GET", f"runs/{RUN}/events", stream(("state", "", json.dumps(lost).encode())))
    fake.on("GET", f"runs/{RUN}/artifacts/{BOARD}", refused(404, "there must be such a file"))
    code, out, _ = run("remote", "follow", RUN)
    assert code == 1
    assert f"run {RUN}: failed: nothing was trained" in out


def test_ctrl_c_leaves_the_run_going(fake: FakeService, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(following, "sleep", pressed)
    fake.on("GET", f"runs/{RUN}/events", Told(b""))
    code, _, error = run("remote", "follow", RUN)
    assert code == 130
    assert f"the run {RUN} goes on" in error
    assert f"hsiauto remote follow {RUN}\n" in error
    assert f"hsiauto remote stop {RUN}\n" in error
    assert fake.of("POST", f"runs/{RUN}/stop") == []


def test_if_the_service_goes_its_user_can_follow_later(fake: FakeService, run: Run) -> None:
    save_login(Login("https://other.example.org", "t"))
    fake.on("GET", f"runs/{RUN}/events", Told(b"", 503, 0))
    code, _, error = run("remote", "follow", RUN, "--service", fake.address)
    assert code == 2
    assert f"hsiauto remote follow {RUN} --service {fake.address}\n" in error
    assert "trying again" in error


def test_a_run_is_stopped_listed_and_downloaded(fake: FakeService, run: Run) -> None:
    fake.on("POST", f"runs/{RUN}/stop", told(run_of("stopping"), 202))
    assert run("remote", "stop", RUN) == (0, f"run {RUN}: stopping\n", "")
    fake.on("GET", "runs", told({"items": [run_of("stopping", reason="asked to\x1b[2J")], "total": 1}))
    _, out, _ = run("remote", "runs")
    assert [word in out for word in (RUN, "stopping", "asked to", "\x1b")] == [True, True, True, False]
    fake.on("GET", "scenes", told({"items": [SCENE, {**SCENE, "height": None}], "total": 2}))
    _, out, _ = run("remote", "scenes", "--json")
    assert [json.loads(line)["H x W x C"] for line in out.splitlines()] == ["5 x 6 x 7", None]
    fake.on("GET", f"runs/{RUN}/artifacts/map.png", Told(b"map", promised=3))
    code, out, _ = run("remote", "download", RUN)
    assert (code, out) == (0, f"runs/{RUN}/map.png\n")
    code, _, error = run("remote", "download", RUN, "mapp.png", "--out", "new")
    assert code == 2
    assert "such a thing" in error


def test_a_run_goes_on_with_a_larger_budget(fake: FakeService, run: Run) -> None:
    fake.on("POST", f"runs/{RUN}/resume", told(run_of("queued")))
    assert run("remote", "resume", RUN, "--budget", "1k", "--time-limit", "2h")[0] == 0
    code, out, _ = run("remote", "resume", RUN)
    assert (code, "The winner is" in out) == (0, True)
    assert [one.json for one in fake.of("POST", f"runs/{RUN}/resume")] == [{"budget": 1000, "time_limit": 7200.0}, {}]
    code, _, error = run("remote", "resume", RUN, "--budget", "none")
    assert (code, error.count("\n"), len(fake.of("POST", f"runs/{RUN}/resume"))) == (2, 1, 2)


def test_a_path_is_no_run(fake: FakeService, run: Run) -> None:
    code, _, error = run("remote", "stop", "../me")
    assert code == 2
    assert "16 hexadecimal digits" in error

"""Runs of a service: started once, ended with the exit code of their process, fetched file by file."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from hsiauto.errors import UserError
from hsiauto.remote import BOARD, Refused, Service, Unreachable, exit_code, fetch_files, run_id, start_run
from tests.remote.fake import RUN, FakeService, Told, refused, told

STARTED = {"id": RUN, "state": "queued"}


def nothing(file: str, done: int, total: int | None) -> None: ...


def test_settings_are_sent_as_run_yaml_has_them(service: Service, fake: FakeService) -> None:
    fake.on("POST", "runs", told(STARTED, 201))
    typed = {"budget": "1k", "time-limit": "2h", "families": "svm,forest", "set": ["svm.C=3"], "address": "auto"}
    assert start_run(service, "salinas", typed) == STARTED
    (asked,) = fake.of("POST", "runs")
    assert asked.json == {
        "scene": "salinas",
        "config": {
            "budget": 1000,
            "time-limit": 7200.0,
            "families": ["svm", "forest"],
            "set": {"svm.C": 3},
            "address": "auto",  # the service refuses it: nothing that was typed is left out in silence
        },
    }


def test_an_order_whose_answer_was_lost_comes_again_with_its_key(service: Service, fake: FakeService) -> None:
    fake.on("POST", "runs", Told(b'{"id', promised=50), Told(b"", 503, 0), told(STARTED))
    assert start_run(service, "demo", {}, "mine") == STARTED
    asked = fake.of("POST", "runs")
    assert len({one.headers["idempotency-key"] for one in asked}) == 1
    assert [one.json for one in asked] == 3 * [{"scene": "demo", "config": {}, "name": "mine"}]


def test_a_refused_order_is_not_repeated(service: Service, fake: FakeService) -> None:
    fake.on("POST", "runs", refused(422, "`budget` is at most 50"))
    with pytest.raises(Refused, match="at most 50"):
        start_run(service, "demo", {"budget": 99})
    assert len(fake.of("POST", "runs")) == 1
    fake.on("POST", "runs", Told(b"", 502, 0))
    with pytest.raises(Unreachable):
        start_run(service, "demo", {})
    assert len(fake.of("POST", "runs")) == 1 + 3


@pytest.mark.parametrize(
    ("run", "code"),
    [
        ({"state": "succeeded", "exit_code": 0}, 0),
        ({"state": "failed", "exit_code": 2}, 2),
        ({"state": "failed", "exit_code": None}, 1),
        ({"state": "stopped"}, 130),
        ({"state": "lost"}, 3),
        ({"state": "succeeded"}, 0),
        ({}, 1),
    ],
)
def test_the_exit_code_is_that_of_the_process(run: dict[str, object], code: int) -> None:
    assert exit_code(run) == code


@pytest.mark.parametrize("text", ["", "..", "abc", f"{RUN}/stop", RUN.upper()])
def test_no_path_is_an_id(text: str) -> None:
    with pytest.raises(UserError, match="hsiauto remote runs"):
        run_id(text)
    assert run_id(RUN) == RUN


def test_files_are_fetched_and_none_is_replaced(service: Service, fake: FakeService, tmp_path: Path) -> None:
    run: dict[str, Any] = {"id": RUN, "artifacts": ["map.png", "model.onnx", BOARD]}
    fake.on("GET", f"runs/{RUN}/artifacts/map.png", Told(b"map", promised=3))
    fake.on("GET", f"runs/{RUN}/artifacts/leaderboard.parquet", Told(b"board", promised=5))
    folder = tmp_path / "new" / "folder"
    assert list(fetch_files(service, run, (), folder, nothing)) == [folder / "map.png", folder / BOARD]
    assert list(fetch_files(service, run, (BOARD,), tmp_path, nothing)) == [tmp_path / BOARD]
    assert ((folder / "map.png").read_bytes(), (folder / BOARD).read_bytes()) == (b"map", b"board")
    with pytest.raises(UserError, match="must be new"):
        list(fetch_files(service, run, (), folder, nothing))


def test_a_download_that_breaks_off_leaves_no_file(service: Service, fake: FakeService, tmp_path: Path) -> None:
    fake.on("GET", f"runs/{RUN}/artifacts/map.png", Told(b"ma", promised=3))
    with pytest.raises(Unreachable):
        list(fetch_files(service, {"id": RUN, "artifacts": ["map.png"]}, (), tmp_path / "out", nothing))
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    "names", [["bundle/a", "../b"], ["bundle/../../b"], ["/b"], ["bundle"], ["bundle/.b/c"], ["other/c"], None]
)
def test_an_archive_chooses_no_place_either(
    service: Service, fake: FakeService, tmp_path: Path, names: list[str] | None
) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names or ():
            archive.writestr(name, b"content")
    sent = content.getvalue() if names else b"no archive"
    fake.on("GET", f"runs/{RUN}/artifacts/bundle.zip", Told(sent, promised=len(sent)))
    with pytest.raises(UserError, match=r"bundle\.zip holds files below bundle/"):
        list(fetch_files(service, {"id": RUN, "artifacts": ["bundle.zip"]}, (), tmp_path / "in" / "out", nothing))
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"bundle.zip", "logins.json"}


@pytest.mark.parametrize("name", ["../token", "/etc/passwd", ".bashrc", "a/b.png", "Map.png", "map"])
def test_a_service_chooses_no_place_on_this_machine(service: Service, tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="plain name"):
        list(fetch_files(service, {"id": RUN, "artifacts": [name]}, (), tmp_path / "out", nothing))

"""What a run has left, page by page and file by file."""

import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from hsiauto.errors import UserError
from hsiauto.service import results
from hsiauto.service.results import artifacts
from tests.service.conftest import House


@pytest.fixture
def run(house: House, run_folder: Path) -> str:
    """A run that ended, with a bundle that holds a file and a link."""
    name = house.run()
    house.wait(name)
    folder = house.service.runs.path(name)
    shutil.rmtree(folder)
    shutil.copytree(run_folder, folder)
    (folder / "bundle").mkdir()
    (folder / "bundle" / "config.json").write_text("{}")
    (folder / "bundle" / "link").symlink_to("/etc/passwd")
    (folder / "report.html").write_text("<script>1</script>")
    return name


def _get(house: House, run: str, path: str, **params: Any) -> Any:
    return house.client.get(f"/api/runs/{run}/{path}", params=params, headers=house.as_("ann"))


def test_a_leaderboard_is_paged_sorted_and_filtered(house: House, run: str) -> None:
    table = pq.read_table(house.service.runs.path(run) / "leaderboard.parquet")
    seen: list[float] = []
    for page in range(1, 100):
        answer = _get(house, run, "leaderboard", sort="-test_oa", page=page, page_size=7).json()
        assert answer["total"] == table.num_rows
        assert answer["items"] == [] or answer["items"][0].keys() == set(table.column_names)
        if not answer["items"]:
            break
        seen += [row["test_oa"] for row in answer["items"]]
    scored = [oa for oa in seen if oa is not None]
    assert len(seen) == table.num_rows
    assert scored == sorted(scored, reverse=True)
    assert seen[: len(scored)] == scored, "rows without a score are last"
    kinds = _get(house, run, "leaderboard", kind="refit", page_size=200).json()
    assert {row["kind"] for row in kinds["items"]} == {"refit"}
    assert kinds["total"] == table.column("kind").to_pylist().count("refit")
    assert _get(house, run, "leaderboard", sort="nothing").status_code == 422
    assert _get(house, run, "leaderboard", page=0).status_code == 422


def test_a_winner_and_the_artifacts_are_told(house: House, run: str) -> None:
    told = house.client.get(f"/api/runs/{run}", headers=house.as_("ann")).json()
    assert told["winner"]["family"] == "forest"
    assert 0 < told["winner"]["test_oa"] <= 1
    assert [name for name in told["artifacts"] if name != "model.onnx"] == [
        *("map.png", "report.html", "bundle.zip"),
        *("leaderboard.parquet", "run.yaml", "refits.jsonl", "journal.jsonl"),
    ]


def test_artifacts_are_downloads_but_for_pictures(house: House, run: str) -> None:
    picture = _get(house, run, "artifacts/map.png")
    assert (picture.headers["content-type"], "content-disposition" in picture.headers) == ("image/png", False)
    page = _get(house, run, "artifacts/report.html")
    assert page.headers["content-disposition"].startswith("attachment")
    archive = zipfile.ZipFile(io.BytesIO(_get(house, run, "artifacts/bundle.zip").content))
    assert archive.namelist() == ["bundle/config.json"], "no link is followed"
    assert _get(house, run, "artifacts/map.tif").status_code == 404
    for name in ("lock", "run", "%2e%2e%2frun.yaml"):
        assert _get(house, run, f"artifacts/{name}").status_code in (404, 422)


def test_a_journal_that_grows_is_fetched_as_whole_lines_without_folders(house: House, run: str) -> None:
    root = house.service.config.root
    journal = house.service.runs.path(run) / "journal.jsonl"
    before = journal.read_bytes()
    with journal.open("a") as file:
        file.write(f'{{"error":"{root}/scenes/00aa/cube.npy and {root}/runs/{run}/x"}}\n{{"torn')
    found = _get(house, run, "artifacts/journal.jsonl")
    assert found.content == before + b'{"error":"cube.npy and x"}\n'
    assert found.headers["content-disposition"] == f'attachment; filename="{run}-journal.jsonl"'


def test_what_is_made_of_a_bundle_is_made_once(house: House, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exported: list[list[str]] = []

    def export(arguments: list[str], root: Path) -> bytes:
        exported.append(arguments)
        if len(exported) == 1:
            raise UserError("a model of this family has no ONNX")
        Path(arguments[-1]).write_bytes(b"onnx")
        return b""

    monkeypatch.setattr(results, "told", export)
    monkeypatch.setattr(results, "find_spec", lambda name: name)
    refused = _get(house, run, "artifacts/model.onnx")
    assert (refused.status_code, refused.json()["error"]["rule"]) == (422, "a model of this family has no ONNX")
    assert [_get(house, run, "artifacts/model.onnx").content for _ in range(2)] == [b"onnx", b"onnx"]
    assert [arguments[:2] for arguments in exported] == [["export", str(house.service.runs.path(run) / "bundle")]] * 2
    (house.service.runs.path(run) / "bundle" / "more").touch()
    assert _get(house, run, "artifacts/model.onnx").content == b"onnx"
    assert len(exported) == 3, "of another bundle another"
    assert not list(house.service.runs.path(run).glob(".made-*"))


def test_an_artifact_that_is_a_link_is_none(house: House, run: str) -> None:
    folder = house.service.runs.path(run)
    (folder / "map.png").unlink()
    (folder / "map.png").symlink_to("/etc/passwd")
    assert "map.png" not in artifacts(folder)
    assert _get(house, run, "artifacts/map.png").status_code == 404


def test_before_there_is_a_leaderboard(house: House) -> None:
    run = house.run()
    house.wait(run)
    assert _get(house, run, "leaderboard").json() == {"items": [], "total": 0, "page": 1, "page_size": 50}
    assert _get(house, run, "leaderboard.parquet").status_code == 404
    assert _get(house, run, "report").status_code == 409


def test_a_prediction_is_a_run_of_its_own(house: House, run: str) -> None:
    asked = house.client.post(f"/api/runs/{run}/predict", headers=house.as_("ann"), json={"scene": "demo"})
    told = asked.json()
    assert (asked.status_code, told["kind"], told["config"]["run"]) == (201, "predict", run)
    row = house.service.runs.get(told["id"]) or {}
    bundle, out = house.service.runs.path(run) / "bundle", house.service.runs.path(told["id"]) / "map.tif"
    assert row["arguments"] == f'["predict", "{bundle}", "demo", "--out={out}"]'
    stranger = house.client.post(f"/api/runs/{run}/predict", headers=house.as_("bob"), json={"scene": "demo"})
    assert stranger.status_code == 404

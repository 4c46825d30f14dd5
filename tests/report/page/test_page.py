"""report.html holds what the run found, needs nothing from outside, and runs nothing that a file brought."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hsiauto import leaderboard as boards
from hsiauto.leaderboard import summary
from hsiauto.report.page import SceneMap, Source, data_in, page, page_data, search_data
from hsiauto.report.page.data import as_json
from hsiauto.search.events import Opened, Refit, from_line
from tests.leaderboard.test_leaderboard import finished
from tests.refit.fabricated import scene
from tests.report.test_labels_figure import events as asked_events
from tests.search.fakes import run_config


def _opened(**changes: Any) -> Opened:
    fields: dict[str, Any] = {
        "config": {"scene": {}},
        "scene": "fabricated",
        "data_hash": "0" * 64,
        "n_classes": 3,
        "class_names": scene().class_names,
        "split_hash": "1" * 16,
        "notes": (),
        "versions": {"python": "3"},
    }
    return Opened(**fields | changes)


def _source(folder: Path, opened: Opened | None = None, scene_map: SceneMap | None = None) -> Source:
    table = finished(folder)
    journal, refits = (
        [from_line(line) for line in (folder / name).read_bytes().splitlines()]
        for name in ("journal.jsonl", "refits.jsonl")
    )
    journal = [opened or _opened(), *(event for event in journal if not isinstance(event, Opened))]
    return Source(
        folder=folder,
        run_config=run_config(),
        journal=journal,
        refits=refits,
        table=table,
        scene_map=scene_map,
        run_yaml="budget: 7\n",
    )


def _stored(html: str) -> Any:
    (block,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    data = json.loads(block)
    assert data_in(html, "a page") == data
    return data


def test_the_page_holds_the_leaderboard_and_every_trial(tmp_path: Path) -> None:
    source = _source(tmp_path)
    data = _stored(page(page_data(source)))
    lines = summary(source.table)
    assert [row["family"] for row in data["board"]] == [line.family for line in lines]
    assert data["board"][0]["test_oa"] == pytest.approx(100 * lines[0].test_oa.mean)
    assert data["board"][0]["config"]["family"] == lines[0].family
    assert len(data["trials"]) == 7
    assert {trial["state"] for trial in data["trials"]} == {"completed", "stopped", "failed"}
    assert data["words"]["statements"] == boards.winner_statement(source.table)
    winner = [event for event in source.refits if isinstance(event, Refit) and event.rank == 1]
    scored = sum(event.pixels_test or 0 for event in winner if event.split_hash == winner[0].split_hash)
    assert sum(sum(one["called"]) for one in data["classes"]) == scored > 0
    assert [curve["name"] for curve in data["distance"]["curves"]] == ["winner: forest", "canary: coordinate_1nn"]
    assert sum(share for _, share in data["distance"]["map"]) == pytest.approx(100)


def test_a_search_that_goes_on_is_told_as_in_the_report(tmp_path: Path) -> None:
    source = _source(tmp_path)
    told, whole = search_data(source.journal, source.run_config), page_data(source)
    assert told["line"] == len(source.journal)
    for name in ("objective", "rungs"):
        assert told[name] == whole[name]
    for few, row in zip(told["trials"], whole["trials"], strict=True):
        assert few.items() <= row.items()


def test_references_are_told_from_candidates(tmp_path: Path) -> None:
    board = page_data(_source(tmp_path))["board"]
    assert {row["family"] for row in board if row["reference"]} == {"coordinate_1nn", "majority"}


def test_labels_that_were_asked_for_are_curves(tmp_path: Path) -> None:
    source = _source(tmp_path)
    assert page_data(source)["labels"] == []
    asked = replace(source, refits=[*source.refits, *asked_events("a/seed-0", "svm", [0.5, 0.6])])
    curve = [(10, 50.0), (15, 60.0)]
    assert page_data(asked)["labels"] == [
        {"name": "svm, margin-3", "runs": [[list(point) for point in curve]], "mean": [list(point) for point in curve]}
    ]


def test_names_that_are_markup_stay_text(tmp_path: Path) -> None:
    bad = "</script><script>alert(1)</script>"
    html = page(page_data(_source(tmp_path, _opened(scene=bad, class_names=(bad, "<!--", "c"), notes=(bad,)))))
    assert "alert(1)</script>" not in html
    assert _stored(html)["words"]["notes"] == [bad]


def test_a_number_that_is_notfinite_is_null() -> None:
    from hsiauto.report.page.data import finite

    assert json.loads(as_json(finite({"a": float("nan"), "b": [float("inf"), 1.5]}))) == {"a": None, "b": [None, 1.5]}


def test_nothing_is_loaded_from_outside(tmp_path: Path) -> None:
    html = page(page_data(_source(tmp_path)))
    assert re.findall(r'(?:src|href)="(?!#)[^"]*"', html) == []
    assert not re.search(
        r"(?:https?:)?//(?!github\.com/leeoniya/uPlot)[a-z0-9.-]+\.[a-z]{2,}/", html.split("</style>")[1]
    )


def test_modules_import_only_what_the_page_brings(tmp_path: Path) -> None:
    static = files("hsiauto.report.page") / "static"
    html = page(page_data(_source(tmp_path)))
    (imports,) = re.findall(r'<script type="importmap">(.*?)</script>', html)
    brought = json.loads(imports)["imports"]
    assert {f"hsiauto/{one.name}" for one in static.iterdir() if one.name.endswith(".js")} == brought.keys()
    for address in brought.values():
        script = base64.b64decode(address.partition(",")[2]).decode()
        assert set(re.findall(r'from "(.*?)"', script)) <= brought.keys()


@pytest.mark.parametrize(
    ("name", "sha256"),
    [
        ("uPlot.iife.min.js", "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"),
        ("uPlot.min.css", "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"),
    ],
)
def test_what_is_vendored_is_what_was_released(name: str, sha256: str) -> None:
    """uPlot 1.6.32, from its npm package."""
    content = (files("hsiauto.report.page") / "static" / "vendor" / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == sha256


def _scene_map(height: int, width: int) -> SceneMap:
    rng = np.random.default_rng(0)
    return SceneMap(
        false_colour=rng.integers(0, 256, (height, width, 3), dtype=np.uint8),
        valid=np.ones((height, width), bool),
        truth=rng.integers(0, 3, (height, width)).astype(np.uint16),
        side=rng.integers(0, 3, (height, width)).astype(np.uint8),
        classes=rng.integers(0, 3, (height, width)).astype(np.uint16),
        confidence=rng.integers(0, 256, (height, width)).astype(np.uint8),
        names=np.array(["corn", "oats"]),
    )


def test_a_map_is_saved_and_found_again(tmp_path: Path) -> None:
    saved = _scene_map(5, 7)
    saved.save(tmp_path / "map.npz")
    found = SceneMap.load(tmp_path / "map.npz")
    assert found is not None
    assert (found.classes == saved.classes).all()
    assert list(found.names) == ["corn", "oats"]
    content = (tmp_path / "map.npz").read_bytes()
    (tmp_path / "map.npz").write_bytes(content[: len(content) // 2])
    assert SceneMap.load(tmp_path / "map.npz") is None
    assert SceneMap.load(tmp_path / "none.npz") is None


def test_a_large_map_is_thinned_out() -> None:
    layers = _scene_map(3000, 20).layers()
    assert (layers["height"], layers["width"], layers["step"]) == (1000, 7, 3)


def test_the_legend_has_the_colours_of_the_maps(tmp_path: Path) -> None:
    data = page_data(_source(tmp_path, scene_map=_scene_map(4, 4)))
    assert [one["name"] for one in data["map"]["legend"]] == ["corn", "oats"]
    assert all(re.fullmatch("#[0-9a-f]{6}", one["colour"]) for one in data["map"]["legend"])

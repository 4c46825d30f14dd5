"""Journals that somebody edited, mixed up or damaged: named by the line, or read as they stand. Nothing is repaired in
silence, and nothing is lost."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from hsiauto.errors import UserError
from hsiauto.search.events import (
    Event,
    FoundConfig,
    Mapped,
    Model,
    Ranked,
    Reevaluated,
    Resumed,
    WarmStart,
    Warned,
    to_line,
)
from hsiauto.search.events.refits import DistanceBin
from hsiauto.search.events.right import packed, unpacked
from hsiauto.search.journal import Journal, read
from hsiauto.search.trials import trials
from tests import told

T1, T2 = told.T1, "t0002"
BINS = tuple(
    DistanceBin(test_pixels=4, test_oa=0.5, interval=(0.1, 0.9), map_pixels=9, map_beyond=2)
    if place == 1
    else DistanceBin(test_pixels=0, map_pixels=9, map_beyond=9)
    for place in range(5)
)
OF_BOTH: dict[str, Any] = {"family": "ensemble", "members": (T1, T2)}
MEAN = told.placed(None, {"members": [{}, {}], "smoothing": "none"}, **OF_BOTH)
RUN: list[Event] = [
    told.opened(),
    WarmStart(configs=(FoundConfig(config={"a": 1}, found_by="run/t0001"),)),
    Warned(about="budget", text="small", families=("late",)),
    told.proposed(sampler_state={"trial": {}, "study": {}}, epoch_macs=1, found_by="x"),
    told.started(gpus=0.5),
    told.proposed(T2, number=2),
    told.started(T2),
    told.reported(pixels_per_second=2.0, micro_batch=4, rung=1),
    told.reported(T2),
    told.reported(epoch=3, decision="complete"),
    told.ended(),
    told.ended(T2, state="interrupted", error="its worker died", worker_died=True, peak_memory_bytes=5),
    Resumed(budget=4),
    told.started(T2, attempt=2),
    told.reported(T2, epoch=2, attempt=2, decision="complete"),
    told.ended(T2, attempt=2),
    Reevaluated(trial_id=T1, fold=2, state="completed", val_oa=0.5, val_aa=0.5, val_kappa=0.5, fit_seconds=1.0),
    Reevaluated(trial_id=T2, fold=2, state="skipped", error="no time"),
    Ranked(order=(told.placed(T2), told.placed(T1, on_folds=())), unplaced={}, notes=("one",)),
    Ranked(order=(MEAN,), unplaced={T1: "behind", T2: "behind"}),
]
REFITS: list[Event] = [
    told.refit("a", state="skipped"),
    told.cycle("a", 0, test_oa=0.5),
    told.refit(
        "a",
        trial_id=T1,
        rank=1,
        **{
            "test_oa": 0.5,
            "test_ece": 0.1,
            "test_per_class": {"corn": 0.5},
            "val_losses": (1.0,),
            "epochs": 1,
            "pixels_test": 4,
        },
        **{"classes_scored": 2, "confused": ((0, 0, 2), (0, 1, 1), (1, 1, 1))},
        **{"right": packed(np.array([True, False, True, False]))},
        **{"test_distance_min": 5, "test_distance_max": 7, "map_distance_median": 3, "by_distance": BINS},
    ),
    Model(key="a", config_hash="a"),
    Mapped(config_hash="a", share_applicable=0.5),
    told.refit("b", kind="baseline"),
]
_OTHERS: tuple[Any, ...] = (None, True, -1, 1.5, 2**70, "x", "1.5", "NaN", [], [[]], {}, {"x": {"y": 1}})


def _lines(events: list[Event]) -> list[dict[str, Any]]:
    return [json.loads(to_line(event)) for event in events]


def _edited(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The line with each field taken out, and with each of other types and sizes."""
    for name in event:
        yield {key: value for key, value in event.items() if key != name}
        yield from ({**event, name: other} for other in _OTHERS if other != event[name] or other is True)
    yield event | {"mood": "good"}


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))


def _given(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if value is not None}


def _read_by(reader: Any, path: Path) -> tuple[list[Event], str]:
    """What `reader` reads, and why it refuses."""
    try:
        found = reader(path)
    except UserError as error:
        return [], str(error)
    if isinstance(found, list):
        return found, ""
    with found:
        return found.events, ""


def test_every_kind_of_event_stands_in_the_stories() -> None:
    assert {type(event) for event in (*RUN, *REFITS)} == set(get_args(Event))


@pytest.mark.parametrize("story", [RUN, REFITS], ids=["journal", "refits"])
def test_an_edited_line_is_named_or_read_as_it_stands(story: list[Event], tmp_path: Path) -> None:
    path, lines = tmp_path / "journal.jsonl", _lines(story)
    _write(path, lines)
    assert read(path) == story
    refused = 0
    for number, line in enumerate(lines, start=1):
        for edited in _edited(line):
            _write(path, [*lines[: number - 1], edited, *lines[number:]])
            before = path.read_bytes()
            events, why = _read_by(Journal, path)
            if why:
                assert "line " in why, edited
                assert "\n" not in why
                assert len(why) < 600
                refused += 1
            else:
                again = json.loads(to_line(events[number - 1]))
                assert _given(edited) == {name: again.get(name) for name in _given(edited)}, "coerced"
            assert path.read_bytes() == before, "read, not mended"
    assert refused > 300


@pytest.mark.parametrize("story", [RUN, REFITS], ids=["journal", "refits"])
def test_lines_taken_out_or_swapped_contradict_each_other_or_tell_a_run(story: list[Event], tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    lines = _lines(story)
    for place in range(len(lines)):
        for other in (
            [*lines[:place], *lines[place + 1 :]],
            [*lines[:place], *lines[place : place + 2][::-1], *lines[place + 2 :]],
        ):
            _write(path, other)
            events, why = _read_by(read, path)
            trials(events)
            assert not why or "line " in why


_MAY_REPEAT = (Warned, Resumed, WarmStart, Ranked, Model, Mapped)
TWICE = [
    (story, i)
    for story in (RUN, REFITS)
    for i, event in enumerate(story, start=1)
    if not isinstance(event, _MAY_REPEAT) and getattr(event, "state", "") not in ("interrupted", "skipped")
]
"""Lines that cannot stand twice."""


@pytest.mark.parametrize(
    ("events", "words"),
    [
        *(([*story[:i], *story[i - 1 :]], "line ") for story, i in TWICE),
        ([told.ended()], "line 1: ended: no earlier line proposes t0001"),
        ([told.proposed(), told.ended(state="failed"), told.started()], "line 3: started: t0001 has ended"),
        ([told.proposed(), told.started(), told.started()], "line 3: started: t0001 starts attempt 1 after 1"),
        ([told.proposed(), told.started(), told.proposed()], "line 3: proposed: t0001 was proposed before"),
        ([told.proposed(number=2)], "line 1: proposed: trial number 2, where 1 is due"),
        ([told.proposed(), told.reported()], "line 2: report: t0001 reports from attempt 1, which is not at work"),
        ([told.proposed(), told.started(), told.reported(epoch=2), told.reported()], "reports epoch 1 after 2"),
        ([told.proposed(), told.started(), told.reported(), told.ended()], "completes without a report that says so"),
        ([told.proposed(), told.started(attempt=2), told.ended(state="failed")], "ends attempt 1 after 2 has started"),
        ([told.proposed(), told.opened()], "line 2: opened: a run begins once, in the first line"),
        ([Ranked(order=(told.placed(),), unplaced={})], "line 1: ranked: no earlier line trains t0001"),
        ([*RUN, Ranked(order=(told.placed(), told.placed()), unplaced={})], "t0001 stands twice"),
        ([*RUN, Ranked(order=(told.placed(),), unplaced={T1: ""})], "t0001 stands twice"),
        ([*RUN, Ranked(order=(MEAN, MEAN), unplaced={})], "the ensemble stands twice"),
        ([*RUN, Ranked(order=(told.placed(config={"C": 1}),), unplaced={})], "the config of t0001 is not of t0001"),
        ([*RUN, Ranked(order=(told.placed(members=(T1, T2)),), unplaced={})], "the config of t0001 is not of t0001"),
        ([*RUN, Ranked(order=(told.placed(None, {"members": [{}]}, **OF_BOTH),), unplaced={})], "not of t0001 and"),
        ([*RUN, told.refit("a")], "line 21: refit: test scores and trials stand in files of their own"),
        ([*REFITS, told.proposed()], "line 7: proposed: test scores and trials"),
        ([Model(key="a", config_hash="a")], "no earlier line refits a"),
        ([told.refit("a"), Mapped(config_hash="a", share_applicable=0.5)], "no earlier line saves a"),
    ],
)  # fmt: skip
def test_lines_that_contradict_each_other(events: list[Event], words: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    _write(path, _lines(events))
    for reader in (read, Journal):
        with pytest.raises(UserError, match=words):
            reader(path)


@pytest.mark.parametrize("n", [1, 7, 8, 9, 1000])
def test_a_bit_for_each_pixel_comes_back(n: int) -> None:
    right = np.random.default_rng(n).random(n) < 0.5
    np.testing.assert_array_equal(unpacked(packed(right), n), right)
    for text, pixels in ((packed(right), n + 8), (packed(np.ones(n, bool)), n - 1), ("AA=A", n)):
        with pytest.raises(ValueError, match=r"bit|base64|[Pp]adding"):
            unpacked(text, pixels)


def test_a_trial_that_a_limit_ended_goes_on(tmp_path: Path) -> None:
    limited = told.ended(state="stopped", by_limit=True)
    refused = told.ended(state="refused", attempt=2, by_limit=True)  # by a later call, before it started
    events: list[Event] = [
        told.proposed(),
        told.started(),
        limited,
        refused,
        told.started(attempt=2),
        told.reported(attempt=2),
    ]
    _write(tmp_path / "journal.jsonl", _lines(events))
    assert read(tmp_path / "journal.jsonl") == events


WHOLE = b"".join(to_line(event) + b"\n" for event in RUN)
_LAST = to_line(RUN[-1]) + b"\n"


def test_a_last_line_cut_anywhere_is_left_out_and_one_without_its_end_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    body = WHOLE[: -len(_LAST)]
    last = to_line(Warned(about="Größe", text='a "quoted" ü\n')) + b"\n"
    for cut in range(len(last)):
        path.write_bytes(body + last[:cut])
        whole = cut == len(last) - 1
        with Journal(path) as journal:
            assert len(journal.events) == len(RUN) - 1 + whole, last[:cut]
            journal.append(Resumed(budget=9))
        assert [event.event for event in read(path)[len(RUN) - 1 :]] == ["warning", "resumed"][not whole :]


@pytest.mark.parametrize(
    "content",
    [
        b"\n" + WHOLE,
        WHOLE + b"\n",
        WHOLE.replace(b"\n", b"\n\n", 3),
        WHOLE.replace(b"\n", b"\r"),
        WHOLE.decode().encode("utf-16"),
        WHOLE.decode().encode("utf-8-sig"),
        WHOLE.replace(b"small", b"sm\xffll"),
        WHOLE[:-1].replace(b"t0002", b"t\x00002"),
        WHOLE + b'{"event":"resumed","at":"","budget":NaN}\n',
        WHOLE + b'{"event":"resumed","at":"","budget":3,"budget":4}\n',
        WHOLE + b'{"event":"resumed","at":"","bud\n',
        WHOLE + b"[" * 5000 + b"\n",
        b"\x89PNG\r\x1a",
        b"PK\x03\x04 no line of ours",
        b'{"event":"opened"} {"event":"opened"}',
        json.dumps(_lines(RUN)).encode(),
    ],
)
def test_bytes_that_are_no_journal_are_refused_and_stay(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)
    for reader in (read, Journal):
        with pytest.raises(UserError, match=r"line [0-9]+: ") as refused:
            reader(path)
        assert "\n" not in str(refused.value)
    assert path.read_bytes() == content


def test_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(WHOLE.replace(b"\n", b"\r\n"))
    assert read(path) == RUN


def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    for reader in (read, Journal):
        with pytest.raises(UserError, match=r"a folder|directory"):
            reader(tmp_path)

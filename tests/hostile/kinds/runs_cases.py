"""Run folders: journals, run.yaml and what else a resume or `show` reads."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.hostile.case import Case, Make
from tests.hostile.kinds.yaml_cases import TEXTS

Lines = list[bytes]


def journal(change: Callable[[Lines], object], name: str = "journal.jsonl") -> Make:
    """Change the lines of a journal."""

    def make(folder: Path) -> None:
        path = folder / "run" / name
        lines = path.read_bytes().splitlines(keepends=True)
        change(lines)
        path.write_bytes(b"".join(lines))

    return make


def in_event(number: int, name: str = "journal.jsonl", **fields: Any) -> Make:
    """Set fields of one event; ... takes one out."""

    def change(lines: Lines) -> None:
        event = {**json.loads(lines[number]), **fields}
        lines[number] = json.dumps({key: value for key, value in event.items() if value is not ...}).encode() + b"\n"

    return journal(change, name)


def in_config(**fields: Any) -> Make:
    def make(folder: Path) -> None:
        import yaml

        path = folder / "run" / "run.yaml"
        found = {**yaml.safe_load(path.read_text()), **fields}
        path.write_text(yaml.safe_dump({key: value for key, value in found.items() if value is not ...}))

    return make


def _run(name: str, content: bytes) -> Make:
    return lambda folder: (folder / "run" / name).write_bytes(content)


def _instead(name: str, make: Callable[[Path], object]) -> Make:
    def change(folder: Path) -> None:
        (folder / "run" / name).unlink()
        make(folder / "run" / name)

    return change


_RESUME = ("search", "--resume", "run")
_WAYS = {"show": ("show", "run"), "resume": _RESUME, "refit": ("refit", "run", "--split-seed", "1")}
_MAKES = ("run/lock",)
"""A resume that is refused may have held the lock."""


def cases() -> Iterator[Case]:
    yield Case("whole, shown", ("show", "run"), codes=(0,), told="t0001")
    yield Case("whole, a trial shown", ("show", "run", "t0001"), codes=(0,), told="kappa")
    torn = journal(lambda lines: lines.append(b'{"event":"repor'))
    yield Case("a torn last line is left out", ("show", "run"), torn, codes=(0,))
    zeros = journal(lambda lines: lines.append(bytes(500)))
    yield Case("zeros at the end are left out", ("show", "run"), zeros, codes=(0,))
    for name, line in {
        "no JSON": b"hello\n",
        "nothing": b"\n",
        "a list": b"[1, 2]\n",
        "a number": b"3\n",
        "an object of nobody": b'{"a": 1}\n',
        "an event of nobody": b'{"event": "party", "at": "2026-01-01T00:00:00+00:00"}\n',
        "an event of a number": b'{"event": 3}\n',
        "NaN": b"NaN\n",
        "a NUL": b'{"event": "warned\\u0000"}\n',
        "zeros": bytes(100) + b"\n",
        "control characters": b'{"event": "\x1b[31mred\x07"}\n',
        "escaped control characters": b'{"event": "\\u001b[31mred\\u0007", "at": 1}\n',
        "no UTF-8": b'{"event": "\xff\xfe"}\n',
        "5 MB": b'{"event": "' + b"x" * (5 << 20) + b'"}\n',
        "deep nesting": b"[" * 100_000 + b"]" * 100_000 + b"\n",
        "a number of 100,000 digits": b'{"event": ' + b"9" * 100_000 + b"}\n",
        "a key twice": b'{"event": "resumed", "event": "party"}\n',
    }.items():
        made = journal(lambda lines, line=line: lines.insert(2, line))  # type: ignore[misc]
        for way, argv in _WAYS.items():
            yield Case(f"line 3 of {name}: {way}", argv, made, words="line 3", makes=_MAKES)
    for name, make in {
        "a report of no trial": in_event(3, trial_id="t9999"),
        "an end of no trial": in_event(4, trial_id="t9999"),
        "a report of an unknown attempt": in_event(3, attempt=-1),
        "an epoch of words": in_event(3, epoch="first"),
        "an unknown decision": in_event(3, decision="party"),
        "no time": in_event(3, at=...),
        "a field of nobody": in_event(3, more=1),
        "a proposal without a family": in_event(1, family=...),
        "a config of a list": in_event(1, config=[1]),
        "a state of nobody": in_event(4, state="party"),
        "a newer schema": in_event(0, schema_version=99),
        "a schema of words": in_event(0, schema_version="new"),
        "no first event": journal(lambda lines: lines.pop(0)),
        "the first event last": journal(lambda lines: lines.append(lines.pop(0))),
        "the first event twice": journal(lambda lines: lines.insert(1, lines[0])),
        "a trial proposed twice": journal(lambda lines: lines.insert(2, lines[1])),
        "an order of no trial": in_event(-1, order=["t9999"]),
        "a journal of another kind": journal(lambda lines: lines.__setitem__(0, (_other()))),
    }.items():
        for way, argv in (("show", _WAYS["show"]), ("resume", _RESUME)):
            yield Case(f"{name}: {way}", argv, make, makes=_MAKES)
    no_end = in_event(3, train_loss="NaN", val_loss="Infinity")
    yield Case("losses that are not finite", ("show", "run", "t0001"), no_end, codes=(0,))
    red = in_event(8, state="failed", error="\x1b[31mred\x07\nnext line")
    yield Case("an error of control characters", ("show", "run"), red, codes=(0,))
    yield Case("an error of control characters, of a trial", ("show", "run", "t0002"), red, codes=(0,))
    log = _log(b"\x1b[31mred\x07\x00 \xff\n" * 30)
    yield Case("a log of control characters", ("show", "run", "t0001"), log, codes=(0,))
    yield Case("a log that is a pipe", ("show", "run", "t0001"), _log(None), codes=(0, 2))
    climbs = in_event(1, trial_id="../../../etc")
    yield Case("a trial that climbs", ("show", "run", "../../../etc"), climbs)
    for name in ("journal.jsonl", "run.yaml"):
        for what, make in {
            "missing": lambda path: None,
            "a pipe": os.mkfifo,
            "a folder": Path.mkdir,
            "zeros without an end": lambda path: path.symlink_to("/dev/zero"),
            "a link to itself": lambda path: path.symlink_to(path.name),
            "empty": lambda path: path.write_bytes(b""),
        }.items():
            for way, argv in _WAYS.items():
                if not (what == "empty" and way != "refit") and not (way == "show" and name == "run.yaml"):
                    yield Case(f"{name} {what}: {way}", argv, _instead(name, make), makes=_MAKES)
    yield from _configs()
    for name, content in {"missing": None, "noise": b"\1\2\3" * 99}.items():
        made = _run("refits.jsonl", content) if content else (lambda folder: (folder / "run" / "refits.jsonl").unlink())
        if content:
            yield Case(f"refits.jsonl {name}: resume", _RESUME, made, makes=_MAKES)
    yield Case("the folder of a training: resume", _RESUME, in_config(command="train"))
    new = ("search", "--dataset", "cube.npy", "--labels", "labels.npy", "--protocol", "random", "--out", "run")
    yield Case("a new run in an old folder", new, words="new or empty")
    yield Case("a new run in a folder of files", (*new[:-1], "bundle"), words="new or empty")
    yield Case("a new run onto a file", (*new[:-1], "cube.npy"))
    yield Case("a new run below a file", (*new[:-1], "cube.npy/run"))
    for argv in (("train", "svm", *new[1:]), ("study", "cpdgal_masking", *new[1:])):
        yield Case(f"a new {argv[0]} in an old folder", argv, words="new or empty")


def _configs() -> Iterator[Case]:
    for name in (
        "nothing",
        "a list",
        "a billion laughs",
        "depth 100,000",
        "a NUL",
        "2 MB",
        "a tag of Python",
        "a key twice",
    ):
        text = TEXTS[name]
        yield Case(f"run.yaml: {name}", _RESUME, _run("run.yaml", text if isinstance(text, bytes) else text.encode()))
    edits: dict[str, dict[str, Any]] = {
        "another split": {"split-seed": 5},
        "another protocol": {"protocol": "blocks", "train-fraction": ...},
        "another share": {"train-fraction": 0.4},
        "another seed": {"seed": 7},
        "another objective": {"objective": "oa"},
        "other families": {"families": ["forest"]},
        "other epochs": {"max-epochs": 3},
        "a smaller budget than the journal": {"budget": 0},
        "no command": {"command": ...},
        "a command of nobody": {"command": "party"},
        "a command of control characters": {"command": "\x1b[31msearch\x07"},
        "the demo's scene": {"dataset": "demo", "labels": ...},
        "a missing scene": {"dataset": "missing.npy"},
    }
    for name, fields in edits.items():
        yield Case(f"run.yaml: {name}", _RESUME, in_config(**fields), makes=_MAKES)
    for name, change in {"cube": _scaled, "labels": _relabelled}.items():
        yield Case(f"the {name} changed", _RESUME, change, makes=_MAKES, words="data|split|labels")


def _scaled(folder: Path) -> None:
    import numpy as np

    np.save(folder / "cube.npy", np.load(folder / "cube.npy") + 1)


def _relabelled(folder: Path) -> None:
    import numpy as np

    np.save(folder / "labels.npy", np.load(folder / "labels.npy")[::-1])


def _other() -> bytes:
    return b'{"event": "refit", "at": "2026-01-01T00:00:00+00:00"}\n'


def _log(content: bytes | None) -> Make:
    def make(folder: Path) -> None:
        path = folder / "run" / "trials" / "t0001" / "attempt-1" / "log.txt"
        path.parent.mkdir(parents=True)
        if content is None:
            os.mkfifo(path)
        else:
            path.write_bytes(content)

    return make

"""Files of --config: each setting with values of other types."""

from collections.abc import Iterator
from typing import Any

import yaml

from tests.hostile.case import Case, Make
from tests.hostile.commands import file
from tests.hostile.template import RANDOM

_SCENE = {"dataset": "cube.npy", "labels": "labels.npy", "protocol": "random", "train-fraction": 0.5}
_WRONG: dict[str, Any] = {
    **{"a list": [[1], [2]], "a mapping": {"a": {"b": 1}}, "text": "no such thing", "infinity": float("inf")},
    **{"a negative number": -7, "an empty text": "", "control characters": "\x1b[31mred\x07", "truth": True},
}
_SETTINGS = (
    *("budget", "time-limit", "max-gpu-hours", "max-epochs", "families", "space", "objective", "max-parameters"),
    *("min-pixels-per-second", "sampler", "scheduler", "seed", "reduction", "top-k", "winner-seeds", "concurrency"),
    *("gpus-per-trial", "trial-timeout", "keep", "split-seed", "train-fraction", "val-fraction", "protocol", "layout"),
    *("ignore-labels", "background", "nodata", "on-nodata", "drop-bands", "labels", "dataset", "set"),
)
_LEGAL = {(name, "a negative number") for name in ("nodata", "background", "ignore-labels")}


def _config(fields: Any) -> Make:
    text = fields if isinstance(fields, str) else yaml.safe_dump(fields, allow_unicode=True)
    return file("config.yaml", text)


def _case(name: str, fields: Any, *more: str) -> Case:
    return Case(name, ("search", "--config", "config.yaml", *more), _config(fields))


def cases() -> Iterator[Case]:
    for setting in _SETTINGS:
        for wrong, value in _WRONG.items():
            if (setting, wrong) not in _LEGAL:
                yield _case(f"{setting} of {wrong}", {**_SCENE, setting: value})
    for name, fields in {
        "another command's file": {"command": "train", **_SCENE},
        "a command of a list": {"command": ["search"], **_SCENE},
        "a command of control characters": {"command": "\x1b[31msearch\x07", **_SCENE},
        "an unknown setting": {**_SCENE, "bugdet": 3},
        "a setting of control characters": {**_SCENE, "\x1b[31mbudget\x07": 3},
        "a setting of two lines": {**_SCENE, "budget\nmore": 3},
        "a setting with its dashes": {**_SCENE, "--budget": 3},
        "a setting with underscores": {**_SCENE, "max_epochs": 0},
        "a setting of Python": {**_SCENE, "scene": {"dataset": "demo"}},
        "a config in a config": {**_SCENE, "config": "config.yaml"},
        "a resume in a config": {**_SCENE, "resume": "run"},
        "a pin twice": "set: {svm: {C: 1.0}, svm.C: 2.0}\n" + yaml.safe_dump(_SCENE),
        "two settings that exclude each other": {**_SCENE, "train-per-class": 5},
        "a number of 10**400": "max-epochs: 1" + "0" * 400 + "\n" + yaml.safe_dump(_SCENE),
    }.items():
        yield _case(name, fields)
    yield _case("overlaid by a wrong option", _SCENE, "--budget", "-3")
    yield Case("the config of a run, edited", ("search", "--config", "run/run.yaml", "--budget", "0"))
    scene = ("--dataset", "cube.npy", "--labels", "labels.npy", *RANDOM)
    yield Case(
        "two files of --config", ("search", *scene, "--config", "a.yaml", "--config", "missing.yaml"), _config({})
    )

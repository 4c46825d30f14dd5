"""Studies: a YAML file that names a question, axes and a reference."""

from collections.abc import Iterator
from typing import Any

import yaml

from tests.hostile.case import Case, Make
from tests.hostile.commands import file
from tests.hostile.template import RANDOM

_GOOD: dict[str, Any] = {
    **{"question": "Is it?", "source": "nobody", "claim": "none", "family": "svm"},
    **{"axes": {"C": [1.0, 10.0]}, "reference": {"C": 1.0}},
}
_MANY = [float(n) for n in range(1, 1001)]


def _study(changes: dict[str, Any]) -> Make:
    fields = {name: value for name, value in {**_GOOD, **changes}.items() if value is not ...}
    return file("study.yaml", yaml.safe_dump(fields, allow_unicode=True))


def cases() -> Iterator[Case]:
    scene = ("--dataset", "cube.npy", "--labels", "labels.npy", *RANDOM)
    studies: dict[str, dict[str, Any]] = {
        **{f"no {field}": {field: ...} for field in _GOOD},
        **{f"{field} of 3": {field: 3} for field in _GOOD},
        **{f"{field} of nothing": {field: None} for field in _GOOD},
        **{
            f"{field} of a list": {field: [1, [2]]}
            for field in ("question", "family", "preset", "reference", "pins", "x")
        },
        "a question of control characters, and no family": {"question": "\x1b[31m?\x07", "family": ...},
        "an unknown family": {"family": "nobody"},
        "a family of control characters": {"family": "\x1b[31msvm\x07"},
        "an unknown preset": {"preset": "nobody"},
        "an unknown measure": {"measures": ["joy"]},
        "an unknown sweep": {"sweep": "spiral"},
        "an unknown field": {"nobody": 3},
        "no axis": {"axes": {}},
        "an unknown axis": {"axes": {"D": [1, 2]}, "reference": {"D": 1}},
        "an axis of control characters": {"axes": {"\x1b[31mC\x07": [1, 2]}, "reference": {}},
        "a private axis": {"axes": {"__class__": [1, 2]}, "reference": {"__class__": 1}},
        "an axis of no value": {"axes": {"C": []}},
        "an axis of one word": {"axes": {"C": "all"}},
        "values that repeat": {"axes": {"C": [1.0, 1.0]}},
        "values out of bounds": {"axes": {"C": [1.0, 1.0e30]}},
        "infinite values": {"axes": {"C": [1.0, float("inf")]}},
        "values of nan": {"axes": {"C": [1.0, float("nan")]}},
        "values of words": {"axes": {"C": [1.0, "many"]}},
        "values of mappings": {"axes": {"C": [1.0, {"a": 1}]}},
        "lines of other lengths": {"axes": {"C, gamma": [[1.0], [2.0, 3.0]]}, "reference": {"C": 1.0}},
        "a reference of no cell": {"reference": {"C": 77.0}},
        "a reference of another axis": {"reference": {"gamma": 1.0}},
        "a reference of several cells": {"axes": {"C": [1.0, 2.0], "gamma": [0.1, 0.2]}},
        "pins of an unknown family": {"pins": {"nobody.C": 1.0}},
        "pins of no name": {"pins": {"C": 1.0}},
        "pins out of bounds": {"pins": {"svm.gamma": -1.0}},
        "no epochs": {"max_epochs": 0},
        "epochs beyond 64 bits": {"max_epochs": 10**30},
        "epochs of words": {"max_epochs": "many"},
        "epochs as an axis, of nan": {"axes": {"max_epochs": [1, float("nan")]}, "reference": {"max_epochs": 1}},
        "label noise of 2": {"axes": {"label_noise": [0.0, 2.0]}, "reference": {"label_noise": 0.0}},
        "label noise of nan": {"axes": {"label_noise": [0.0, float("nan")]}, "reference": {"label_noise": 0.0}},
        "a million cells": {"axes": {"C": _MANY, "gamma": [n / 1001 for n in _MANY]}, "reference": {"C": 1.0}},
        "10**15 cells": {
            "axes": {
                "C": _MANY,
                "gamma": [n / 1001 for n in _MANY],
                "max_train": [100 + n for n in range(1000)],
                "max_epochs": list(range(1, 1001)),
                "label_noise": [n / 2000 for n in range(1000)],
            },
            "reference": {"C": 1.0, "gamma": 1 / 1001, "max_train": 100, "max_epochs": 1, "label_noise": 0.0},
        },
        "a margin of nan": {"loss_margin": float("nan")},
        "a margin of infinity": {"loss_margin": float("inf")},
        "labels asked for in an unknown way": {"labels": {"acquisition": "mood"}},
        "labels asked for without an end": {"labels": {"cycles": 10**30}},
        "x that is no axis": {"x": "gamma"},
    }
    for name, changes in studies.items():
        yield Case(name, ("study", "study.yaml", *scene), _study(changes))
    good = _study({})
    for name, arguments in {
        "cells of an unknown axis": ("--cells", "gamma=1"),
        "cells of an unknown value": ("--cells", "C=77"),
        "cells of nothing": ("--cells", ""),
        "cells of control characters": ("--cells", "\x1b[31mC=1\x07"),
        "more splits than seeds": ("--seeds", "2", "--splits", "5"),
        "10**7 seeds": ("--seeds", "10000000"),
        "a preset of nobody": ("--preset", "nobody"),
    }.items():
        yield Case(f"option: {name}", ("study", "study.yaml", *scene, *arguments), good)

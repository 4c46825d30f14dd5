"""Values of options on the command line."""

from collections.abc import Iterator

from tests.hostile.case import Case
from tests.hostile.commands import searched
from tests.hostile.template import RANDOM

_NUMBERS = (str(10**30), "9" * 400, "nan", "inf", "-inf", "1e400", "", " ", "-5", "٣", "0x10", "three", "1,5", "[]")
_WHOLE = (
    *("budget", "max-epochs", "reduction", "grace-epochs", "top-k", "further-folds", "winner-seeds"),
    *("other-seeds", "further-splits", "concurrency", "cpus-per-trial", "seed", "split-seed", "simulator-seed"),
)
_PARTS = ("max-gpu-hours", "gpus-per-trial", "min-pixels-per-second", "time-limit", "trial-timeout")
_SHARES = ("test-fraction", "val-fraction", "train-fraction")
_COUNTS = ("max-parameters", "max-macs")
_CHOICES = ("protocol", "objective", "sampler", "scheduler", "keep", "layout", "on-nodata")
_LARGE = {str(10**30), "9" * 400}
"""Limits that are this large allow everything."""


def cases() -> Iterator[Case]:
    for option in (*_WHOLE, *_PARTS, *_SHARES, *_COUNTS):
        for value in sorted(
            {*_NUMBERS} - (_LARGE if option in _COUNTS or option == "min-pixels-per-second" else set())
        ):
            yield _option(option, value)
    for option in ("block-size", "buffer"):
        for value in (str(10**30), "nan", "", "-5", "1.5", "three"):
            yield _option(option, value, "--protocol", "blocks")
    yield _option("train-per-class", str(10**30))
    yield _option("train-per-class", "0")
    for option in _CHOICES:
        for value in ("", "\x1b[31mred\x07", "x" * 5000, "two\nlines"):
            yield _option(option, value)
    for option in _COUNTS:
        for value in ("1,5M", "1.5.5M", "5T", "-5k", "0", "0.4", "1e3M", "k", "1 0"):
            yield _option(option, value)
    for option in ("time-limit", "trial-timeout"):
        for value in ("5x", "1h-30m", "0s", "1m1h", "h", "1e400s", "9" * 400 + "h", "1:30:00x", "٣0m"):
            yield _option(option, value)
    for value in ("", ",", "nobody", "../svm", "svm;forest", "\x1b[31msvm", "x" * 5000):
        yield _option("families", value)
    for value in (
        *("", "=", "svm", "svm.C", "svm.C=", "svm.=1", ".C=1", "svm.C.x=1", "nobody.C=1", "svm.nothing=1"),
        *("svm.C=inf", "svm.C=nan", "svm.C=1e400", "svm.C=-1", "svm.C=[1, 2]", "svm.C={a: 1}", "svm.C=&a [*a]"),
        *(
            "svm.C=!!python/name:os.system",
            "svm.family=forest",
            "svm.C=" + "[" * 5000,
            "svm.C=\x1b[31m1",
            "svm.__class__=1",
        ),
    ):
        yield _option("set", value)
    yield searched("one --set twice", None, "--set", "svm.C=1.0", "--set", "svm.C=2.0", words="svm.C")
    yield from _others()


def _option(option: str, value: str, *more: str) -> Case:
    short = value if len(value) < 40 else f"{value[:10]}... of {len(value)}"
    protocol = () if "--protocol" in more else RANDOM
    scene = ("--dataset", "cube.npy", "--labels", "labels.npy")
    return Case(f"--{option}={short!r}", ("search", *scene, *protocol, *more, f"--{option}={value}"))


def _others() -> Iterator[Case]:
    scene = ("--dataset", "cube.npy", "--labels", "labels.npy", *RANDOM)
    for value in (str(10**7), str(10**30), "0", "-1", "nan", "", "1.5"):
        yield Case(f"train --seeds {value!r}", ("train", "svm", *scene, f"--seeds={value}"))
        yield Case(f"study --seeds {value!r}", ("study", "cpdgal_masking", *scene, f"--seeds={value}"))
        yield Case(f"refit --seeds {value!r}", ("refit", "run", "--split-seed", "1", f"--seeds={value}"))
        yield Case(f"refit --top {value!r}", ("refit", "run", "--split-seed", "1", f"--top={value}"))
    for value in ("-1", str(2**31), "nan", "", str(10**30)):
        yield Case(f"refit --split-seed {value!r}", ("refit", "run", f"--split-seed={value}"))
        yield Case(f"resume --budget {value!r}", ("search", "--resume", "run", f"--budget={value}"))
        yield Case(f"resume --time-limit {value!r}", ("search", "--resume", "run", f"--time-limit={value}"))
    for value in ("0", "-1", "2", "nan", "inf", "", str(10**30)):
        for option in ("initial", "acquire"):
            arguments = ("train", "svm", *scene[:2], *RANDOM, "--labels=active", f"--{option}={value}")
            yield Case(f"train --{option} {value!r}", arguments)
    for value in ("-1", "nan", "", str(10**30), "1.5"):
        for option in ("cycles", "label-budget", "margin-rank"):
            yield Case(
                f"train --{option} {value!r}",
                ("train", "svm", *scene[:2], *RANDOM, "--labels=active", f"--{option}={value}"),
            )
    for name, argv in {
        "no command": ("",),
        "an unknown command": ("serch",),
        "a command of control characters": ("\x1b[31msearch\x07",),
        "an unknown option": ("search", "--nothing", "3"),
        "an option of control characters": ("search", "--\x1b[31mred\x07", "3"),
        "an option without a value": ("search", "--budget"),
        "a positional that nobody takes": ("search", "cube.npy"),
        "an unknown family": ("train", "nobody", *scene),
        "a family of control characters": ("train", "\x1b[31msvm\x07", *scene),
        "a family with an escape in its hyperparameters": ("families", "\x1b[31msvm"),
        "an unknown preset": ("train", "svm", "--preset", "nobody", *scene),
        "an unknown recipe": ("train", "svm", "--recipe", "nobody", *scene),
        "an unknown study": ("study", "nobody", *scene),
        "an unknown known scene": ("search", "--dataset", "indian_pine"),
        "an unknown scene to fetch": ("datasets", "fetch", "nobody"),
        "a scene that climbs": ("datasets", "verify", "../../etc"),
        "a layer of nobody": ("predict", "bundle", "cube.npy", "--out", "map.tif", "--layers", "height"),
        "no layer": ("predict", "bundle", "cube.npy", "--out", "map.tif", "--layers", ""),
        "a trial of nobody": ("show", "run", "t9999"),
        "a trial that climbs": ("show", "run", "../../../etc/passwd"),
        "a trial of control characters": ("show", "run", "\x1b[31mt0001\x07"),
        "cells of nobody": ("study", "cpdgal_masking", *scene, "--cells", "nothing=3"),
        "cells without a value": ("study", "cpdgal_masking", *scene, "--cells", "masking"),
    }.items():
        yield Case(name, argv)
    yield Case("2,000 arguments", ("search", *(["--set", "svm.nothing=1.0"] * 1000)))

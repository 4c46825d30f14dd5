"""Paths: what lies there is no file, has no end, or has a name that a console must not see."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from tests.hostile.case import Case, Make
from tests.hostile.commands import several
from tests.hostile.template import RANDOM

_SCENE = ("--dataset", "cube.npy", "--labels", "labels.npy", *RANDOM)
_TAKERS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "a scene": lambda path: ("predict", "bundle", path, "--out", "map.npy"),
    "labels": lambda path: ("search", "--dataset", "cube.npy", *RANDOM, "--labels", path),
    "a config": lambda path: ("search", *_SCENE, "--config", path),
    "a space": lambda path: ("search", *_SCENE, "--space", path),
    "a study": lambda path: ("study", path, *_SCENE),
    "a bundle": lambda path: ("predict", path, "cube.npy", "--out", "map.npy"),
    "a run to show": lambda path: ("show", path),
    "a run to resume": lambda path: ("search", "--resume", path),
    "a run to refit": lambda path: ("refit", path, "--split-seed", "1"),
    "a leaderboard": lambda path: ("leaderboard", path),
    "a run to start from": lambda path: ("search", *_SCENE, "--warm-start", path),
    "a simulation": lambda path: ("search", "--dataset", f"simulated:{path}", *RANDOM),
}
_SUFFIX = {"a scene": ".npy", "labels": ".npy", "a leaderboard": ".parquet", "a simulation": ".npy"}


def _pipe(name: str) -> Make:
    return lambda folder: os.mkfifo(folder / name)


def _link(name: str, target: str) -> Make:
    return lambda folder: (folder / name).symlink_to(target)


def cases() -> Iterator[Case]:
    for taker, argv in _TAKERS.items():
        name = "hostile" + _SUFFIX.get(taker, ".yaml")
        makes: dict[str, tuple[str, Make]] = {
            "missing": (name, several()),
            "empty": ("", several()),
            "only a space": (" ", several()),
            "of 300 letters": ("n" * 300, several()),
            "of 5000 letters in folders": ("n/" * 2500, several()),
            "a pipe": (name, _pipe(name)),
            "a link to itself": (name, _link(name, name)),
            "a link to nothing": (name, _link(name, "nothing")),
            "a link to zeros without an end": (name, _link(name, "/dev/zero")),
            "zeros without an end": ("/dev/zero", several()),
            "the console": ("/dev/stdin", several()),
            "a folder": ("folder", lambda folder: (folder / "folder").mkdir()),
            "below a file": ("cube.npy/more", several()),
            "control characters": ("\x1b[31mred\x07", several()),
            "two lines": ("two\nlines.npy", several()),
            "no UTF-8": (os.fsdecode(b"\xff\xfe.npy"), several()),
            "the home of nobody": ("~nobody-here/x.npy", several()),
        }
        for what, (path, make) in makes.items():
            yield Case(f"{taker}: {what}", argv(path), make)
        hidden = several(lambda folder, name=name: (folder / name).write_bytes(b"x"), _hide(name))  # type: ignore[misc]
        words = "" if "bundle" in taker or "run" in taker else "permission|read"
        yield Case(f"{taker}: unreadable", argv(name), hidden, unprivileged=True, words=words)
        yield replace(Case(f"{taker}: in an unreadable folder", argv(f"shut/{name}"), _shut), unprivileged=True)
    yield Case(
        "a scene in the home", ("predict", "bundle", "~/cube.npy", "--out", "map.npy"), codes=(0,), writes=("map.npy",)
    )
    yield Case(
        "a bundle in the home",
        ("predict", "~/bundle", "cube.npy", "--out", "~/map.npy"),
        codes=(0,),
        writes=("map.npy",),
    )
    yield Case("a run in the home", ("show", "~/run"), codes=(0,))
    yield Case("a leaderboard in the home", ("leaderboard", "~/run"), codes=(0,))
    yield Case("a link to a run", ("show", "link"), _link("link", "run"), codes=(0,))
    odd = os.fsdecode(b"\xff\xfe odd.npy")
    copied = ("predict", "bundle", odd, "--out", "map.npy")
    yield Case("a scene with a name of no UTF-8", copied, lambda f: _copy(f, odd), codes=(0,), writes=("map.npy",))
    told = ("predict", "bundle", "\x1b[31mred.npy", "--out", "\x1b[31mmap.npy")
    yield Case(
        "names of control characters that are there",
        told,
        lambda f: _copy(f, "\x1b[31mred.npy"),
        codes=(0,),
        writes=("*map.npy",),
    )


def _copy(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / "cube.npy").read_bytes())


def _hide(name: str) -> Make:
    return lambda folder: (folder / name).chmod(0)


def _shut(folder: Path) -> None:
    (folder / "shut").mkdir()
    (folder / "shut" / "hostile.yaml").write_text("a: 1")
    (folder / "shut").chmod(0)

"""Where a map is written: never onto what somebody still needs."""

import os
from collections.abc import Iterator
from pathlib import Path

from tests.hostile.case import Case, Make
from tests.hostile.commands import file, several
from tests.hostile.kinds.envi_cases import pair, text
from tests.hostile.kinds.geotiff_cases import tif


def _link(name: str, target: str) -> Make:
    return lambda folder: (folder / name).symlink_to(target)


def _hard(name: str, target: str) -> Make:
    return lambda folder: os.link(folder / target, folder / name)


def _case(name: str, out: str, make: Make | None = None, scene: str = "cube.npy", *more: str, words: str = "") -> Case:
    return Case(name, ("predict", "bundle", scene, "--out", out, *more), make, words=words)


def cases() -> Iterator[Case]:
    over = "--overwrite"
    for more in ((), (over,)):
        way = "".join(more)
        yield _case(f"onto the scene {way}", "cube.npy", several(), "cube.npy", *more)
        yield _case(f"onto the scene by another path {way}", "./bundle/../cube.npy", several(), "cube.npy", *more)
        yield _case(f"onto the scene by a link {way}", "map.npy", _link("map.npy", "cube.npy"), "cube.npy", *more)
        yield _case(f"onto the scene by a hard link {way}", "map.npy", _hard("map.npy", "cube.npy"), "cube.npy", *more)
        link = _link("scene.npy", "cube.npy")
        yield _case(f"onto a scene that is a link {way}", "cube.npy", link, "scene.npy", *more)
        yield _case(f"onto an ENVI header {way}", "scene.hdr", pair(text()), "scene.img", *more)
        yield _case(f"onto the data of an ENVI header {way}", "scene.hdr", pair(text()), "scene.hdr", *more)
        yield _case(f"onto a GeoTIFF {way}", "scene.tif", tif(), "scene.tif", *more)
        for name in ("model.skops", "map.npy", "manifest.json", "deep/map.npy"):
            yield _case(f"into the bundle: {name} {way}", f"bundle/{name}", several(), "cube.npy", *more)
        for name in ("journal.jsonl", "map.npy", "map.png", "bundle/map.npy", "deep/er/map.npy"):
            yield _case(f"into the run: {name} {way}", f"run/{name}", several(), "cube.npy", *more)
        yield _case(f"into the bundle by a link {way}", "way/map.npy", _link("way", "bundle"), "cube.npy", *more)
        yield _case(f"onto a folder {way}", "folder.npy", lambda f: (f / "folder.npy").mkdir(), "cube.npy", *more)
        yield _case(f"onto a link to itself {way}", "map.npy", _link("map.npy", "map.npy"), "cube.npy", *more)
        loop = _link("loop", "loop")
        yield _case(f"in a folder that is a link to itself {way}", "loop/map.npy", loop, "cube.npy", *more)
        yield _case(f"onto a pipe {way}", "map.npy", lambda f: os.mkfifo(f / "map.npy"), "cube.npy", *more)
        layers = ("--layers", "class,confidence", *more)
        beside = _hard("map-confidence.npy", "cube.npy")
        yield _case(f"a layer onto the scene {way}", "map.npy", beside, "cube.npy", *layers)
    yield _case("onto an older file", "old.npy", file("old.npy", b"mine"), words="overwrite")
    yield _case("onto the labels", "labels.npy", words="overwrite")
    for name in ("old.img", "old.hdr"):
        yield _case(f"ENVI onto an older {name}", "old.hdr", file(name, b"mine"), words="overwrite")
    yield _case("GeoTIFF onto an older file beside", "old.tif", file("old.tif.aux.xml", b"mine"), words="overwrite")
    layers = ("--layers", "class,confidence")
    yield _case("a layer onto an older file", "old.npy", file("old-confidence.npy", b"mine"), "cube.npy", *layers)
    for name, out in {
        "no ending": "map",
        "an ending of nobody": "map.gif",
        "an ending alone": ".npy",
        "nothing": "",
        "a folder": ".",
        "below a file": "cube.npy/map.npy",
        "of 300 letters": "m" * 300 + ".npy",
        "of 5000 letters": "m/" * 2500 + "map.npy",
        "a device": "/dev/null",
        "a full device": "/dev/full",
        "a folder that cannot be made": "/proc/nothing/map.npy",
        "control characters and no ending": "\x1b[31mred\x07",
    }.items():
        yield _case(f"out is {name}", out)
    shut = several(lambda f: (f / "shut").mkdir(), lambda f: (f / "shut").chmod(0o555))
    argv = ("predict", "bundle", "cube.npy", "--out", "shut/map.npy")
    yield Case("out is in a folder that may not be written", argv, shut, unprivileged=True, words="writable|permission")
    argv = ("predict", "bundle", "cube.npy", "--out", "a/b/map.npy")
    yield Case("out is in folders that are made", argv, codes=(0,), writes=("a", "a/*"))
    argv = ("predict", "bundle", "missing.npy", "--out", "a/b/map.npy")
    yield Case("a scene that is missing", argv, makes=("a", "a/*"))
    for suffix, more in ((".npy", ()), (".tif", ("*.xml",)), (".hdr", ("*.img",)), (".png", ())):
        argv = ("predict", "bundle", "cube.npy", "--out", f"map{suffix}")
        yield Case(f"legal: {suffix}", argv, codes=(0,), writes=(f"map{suffix}", *more))
    yield Case(
        "a picture of probabilities", ("predict", "bundle", "cube.npy", "--out", "m.png", "--layers", "probabilities")
    )
    yield Case("a net's map onto its own bundle", ("predict", "net", "cube.npy", "--out", "net/map.npy"))
    yield Case("a map into another's bundle", ("predict", "net", "cube.npy", "--out", "bundle/map.npy"))
    dangling = _link("map.npy", str(Path("nowhere") / "deep" / "map.npy"))
    yield _case("onto a link into a folder that is not there", "map.npy", dangling)

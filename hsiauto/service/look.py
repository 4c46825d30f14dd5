"""A look at a scene, in a process of its own: readers meet whatever users upload, within limits of memory and time.

Run as a module: the request as JSON on its input, the answer as JSON on its output, a picture beside it.
"""

import json
import logging
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import image

from hsiauto.config import run_config_from
from hsiauto.errors import UserError
from hsiauto.files import atomic_path, check_json
from hsiauto.report.false_colour import false_colour
from hsiauto.scene.opening import has_labels, open_cube, open_scene

_LONGEST_S = 300
_TOLD = 2000
"""Characters of an unexpected error that the log has."""
_log = logging.getLogger("hsiauto.service")
_SIDE = 512
"""Pixels of the picture at most."""
_COPIES, _BASE = 3, 2**30
"""Address space of a look, beside the program's own: copies of the largest scene, and some room."""
_ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
"""Threads would take address space each."""


def look(settings: Mapping[str, Any], preview: Path, largest: int) -> dict[str, Any]:
    """What there is to say of a scene, and its false colours in `preview`.

    settings: flat, as a run finds the scene. largest: bytes of the largest cube. Raises UserError as the readers do.
    """
    asked = {"settings": dict(settings), "preview": str(preview), "largest": largest}
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            input=json.dumps(asked).encode(),
            capture_output=True,
            timeout=_LONGEST_S,
            env={**os.environ, **_ALONE},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError("a scene is read in time", f"not in {_LONGEST_S} s", "Give a part of it.") from error
    if done.returncode:
        _log.error("a look at a scene failed: %s", done.stderr.decode(errors="replace")[-_TOLD:])
        raise UserError("a scene must be readable", f"its reader ended with {done.returncode}", "Check the files.")
    answer = json.loads(check_json(done.stdout, "the reader's answer"))
    if "error" in answer:
        raise UserError(**answer["error"])
    about = answer["about"]
    assert isinstance(about, dict)
    return about


def see(settings: Mapping[str, Any], preview: Path, largest: int) -> dict[str, Any]:
    """As `look`, in this process, without its limits."""
    source = run_config_from("search", settings).scene
    scene = open_scene(source) if has_labels(source) else open_cube(source)
    if scene.cube.nbytes > largest:
        rule = f"a scene has at most {largest / 1e9:g} GB here"
        raise UserError(rule, f"{scene.cube.nbytes / 1e9:.2f} GB", "Give a part of it.")
    step = -(-max(scene.height, scene.width) // _SIDE)
    with atomic_path(preview) as temporary:
        image.imsave(temporary, false_colour(scene)[::step, ::step], format="png")
    pixels = np.bincount(scene.labels.ravel(), minlength=scene.n_classes + 1)[1:].tolist()
    return {
        "height": scene.height,
        "width": scene.width,
        "bands": scene.n_bands,
        "classes": [{"name": name, "pixels": n} for name, n in zip(scene.class_names, pixels, strict=True)],
        "notes": list(scene.notes),
    }


def _used() -> int:
    """Bytes of address space that this process has already."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _main() -> None:
    asked = json.loads(check_json(sys.stdin.buffer.read(), "a request"))
    resource.setrlimit(resource.RLIMIT_AS, (_COPIES * asked["largest"] + _BASE + _used(),) * 2)
    try:
        answer = {"about": see(asked["settings"], Path(asked["preview"]), asked["largest"])}
    except UserError as error:
        received = None if error.received is None else str(error.received)
        answer = {"error": {"rule": error.rule, "received": received, "remedy": error.remedy}}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    _main()

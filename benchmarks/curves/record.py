"""`make curves`: record learning curves of many configs on a real scene, in as many pieces as it takes.

`python -m benchmarks.curves.record --data-dir DIR [--minutes N]` goes on where the table stops. Ctrl-C, or a kill,
loses the configs that are being trained and nothing else.
"""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from benchmarks.curves.candidates import Candidate, candidates
from benchmarks.curves.measure import Bench
from benchmarks.curves.table import CurveTable, Row
from hsiauto.errors import UserError
from hsiauto.files import run_lock
from hsiauto.scene import open_scene
from hsiauto.scene.source import SceneSource
from hsiauto.space import Space
from hsiauto.space.scene_size import SceneSize
from hsiauto.split import SplitSpec, make_split

FOLDER = Path("results/curves")
MAX_EPOCHS = 27
"""Three rungs below full fidelity, of 1, 3 and 9 epochs."""
PER_CLASS = 50
"""Labels of a class, training and validation: few enough for a CPU."""


def record(
    table: CurveTable,
    waiting: Iterator[Candidate],
    measure: Callable[[Candidate], list[Row]],
    executor: Executor,
    *,
    at_a_time: int,
    deadline: float,
    tell: Callable[[str], object] = print,
) -> list[str]:
    """Measure what `waiting` gives and `table` lacks, until `deadline` (time.monotonic); what runs then is ended.

    Returns the names of those that raised: nothing of them is recorded, so the next run tries them again.
    """
    known, failed = table.names, list[str]()
    missing = (one for one in waiting if one.name not in known)
    running: dict[Future[list[Row]], Candidate] = {}
    while True:
        while len(running) < at_a_time and time.monotonic() < deadline and (one := next(missing, None)) is not None:
            running[executor.submit(measure, one)] = one
        if not running:
            return failed
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            candidate = running.pop(future)
            if (error := future.exception()) is not None:
                failed.append(candidate.name)
                tell(f"{candidate.name}: {type(error).__name__}: {error}")
            else:
                table.add(rows := future.result())
                tell(_line(candidate.name, rows))


def _line(name: str, rows: list[Row]) -> str:
    last = rows[-1]
    if last["state"] != "completed":
        return f"{name}: {last['state']}: {last['error']}"
    seconds = sum(row["cpu_seconds"] for row in rows) + last["refit_cpu_seconds"]
    return f"{name}: validation kappa {last['val_kappa']:.3f}, test {last['test_kappa']:.3f}, {seconds:.0f} CPU s"


_bench: Bench | None = None
"""Of a worker process."""


def _start_worker(source: SceneSource, spec: SplitSpec, most_seconds: float, seed: int) -> None:
    global _bench
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # at Ctrl-C a worker ends without a word; the parent speaks
    threading.Thread(target=_end_with_parent, daemon=True).start()
    scene = open_scene(source)
    _bench = Bench(scene, make_split(scene.labels, spec), MAX_EPOCHS, most_seconds, seed)


def _end_with_parent() -> None:
    """A parent that was killed cannot tell its workers."""
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def _measure(candidate: Candidate) -> list[Row]:
    assert _bench is not None, "the worker was started"
    return _bench.measure(candidate)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="indian_pines")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="start no config after so many")
    parser.add_argument("--families", nargs="+", help="only these of the unified space; their configs stay the same")
    parser.add_argument("--each", type=int, default=24, help="configs of each family, refused ones included")
    parser.add_argument("--most-seconds", type=float, default=20.0, help="CPU seconds of a trial; dearer is refused")
    parser.add_argument("--processes", type=int, default=2, help="of one thread each")
    parser.add_argument("--seed", type=int, default=0, help="of the random draws and of the trainings")
    parser.add_argument("--out", type=Path, default=FOLDER)
    given = parser.parse_args()
    try:
        return _run(given)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: the table holds every config that was done")
        return 130


def _run(given: argparse.Namespace) -> int:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # read by the workers as they import NumPy and torch
    source = SceneSource(dataset=given.dataset, data_dir=given.data_dir)
    spec = SplitSpec(protocol="blocks", train_per_class=PER_CLASS)
    scene = open_scene(source)
    split = make_split(scene.labels, spec)
    size = SceneSize(scene.n_bands, len(split.train), scene.height, scene.width)
    space = Space.load("unified", given.families).bind(
        size.n_bands, size.n_pixels, size.height, size.width, len(split.classes)
    )
    settings: dict[str, Any] = {
        "scene": scene.name,
        "data_hash": scene.data_hash,
        "split": spec.model_dump(mode="json"),
        "split_hash": split.hash,
        "space": "unified",
        "max_epochs": MAX_EPOCHS,
        "most_seconds": given.most_seconds,
        "seed": given.seed,
    }
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / f"{scene.name}_{spec.protocol}.parquet"
    with (
        run_lock(given.out),
        ProcessPoolExecutor(
            given.processes, get_context("spawn"), _start_worker, (source, spec, given.most_seconds, given.seed)
        ) as executor,
    ):
        failed = record(
            CurveTable(path, settings),
            candidates(space, size, space.families, given.each, given.seed),
            _measure,
            executor,
            at_a_time=given.processes,
            deadline=time.monotonic() + 60 * given.minutes,
            tell=lambda line: print(line, flush=True),
        )
    if failed:
        print(f"not recorded: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""A process that measures cells until one fails: an error of CUDA spoils all that follows in its process."""

import multiprocessing
import os
import signal
import traceback
from multiprocessing.connection import Connection

from benchmarks.gpu.bench import PRELOADED, Bench, Figures, Missing
from benchmarks.gpu.plan import SECTIONS
from hsiauto.training.threads import use_threads

TRIALS_PER_GPU = 4
"""As many share the CPUs of a GPU in a search (`hsiauto.search.workers.resources.MOST_PER_GPU`)."""

_START_S = 120.0


class Measuring:
    """Another process, forked from one that has imported torch and touched no GPU."""

    def __init__(self, bench: Bench) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        self._line, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(bench, there))
        self._process.start()
        there.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def ask(self, section: str, cell: str, limit_s: float) -> Figures | Missing:
        """The figures of a cell, or why there are none: then this process is of no more use."""
        try:
            if not self._line.poll(_START_S):
                return Missing(f"its process did not start within {_START_S:.0f} s")
            self._line.recv()  # it is ready
            self._line.send((section, cell))
            if not self._line.poll(limit_s):
                return Missing(f"not done within {limit_s:.0f} s")
            answer: Figures | Missing = self._line.recv()
        except (EOFError, ConnectionError):
            self._process.join()
            return Missing(f"its process died (exit code {self._process.exitcode})")
        return answer

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self._line.close()


def _serve(bench: Bench, line: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    os.dup2(2, 1)  # whatever libraries print, stdout is the JSON's
    use_threads(max(1, (os.cpu_count() or 1) // TRIALS_PER_GPU))
    while True:
        line.send(None)
        try:
            section, cell = line.recv()
        except EOFError:
            return
        line.send(_measured(bench, section, cell))


def _measured(bench: Bench, section: str, cell: str) -> Figures | Missing:
    act = SECTIONS[section].cells(bench)[cell]
    if isinstance(act, Missing):
        return act
    try:
        return act()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this cell's, and others go on
        traceback.print_exc()
        words = str(error).strip().splitlines() or [""]
        return Missing(f"{type(error).__name__}: {words[0]:.300}")

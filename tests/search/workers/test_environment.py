"""What Ray changes in a process is put back, in C too, and in any thread."""

import ctypes
import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from hsiauto.search.workers.environment import kept_signals, later


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """The SIGTERMs that a handler of the caller has heard."""
    numbers: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: numbers.append(number))
    yield numbers
    signal.signal(signal.SIGTERM, before)


def _as_ray_does() -> None:
    """Ray's library in C takes SIGTERM, behind Python's back."""
    with kept_signals():
        libc = ctypes.CDLL(None)
        libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
        libc.signal(int(signal.SIGTERM), int(signal.SIG_IGN))
        os.kill(os.getpid(), signal.SIGTERM)


def test_handlers_of_the_caller_are_put_back_from_the_main_thread(heard: list[int]) -> None:
    _as_ray_does()
    assert heard == []
    os.kill(os.getpid(), signal.SIGTERM)
    assert heard == [signal.SIGTERM]


def test_handlers_of_the_caller_are_put_back_from_another_thread(heard: list[int]) -> None:
    thread = threading.Thread(target=_as_ray_does)
    thread.start()
    thread.join()
    assert heard == []
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.01)
    assert heard == [signal.SIGTERM]


def test_a_ctrl_c_waits_for_what_is_written() -> None:
    before, noted = signal.getsignal(signal.SIGINT), []
    with later(lambda: noted.append("pressed")):
        os.kill(os.getpid(), signal.SIGINT)
        noted.append("written")
    assert noted == ["pressed", "written"]
    assert signal.getsignal(signal.SIGINT) is before

"""Signals that ask a command to end (`timeout`, Slurm, `docker stop`, a spot instance, a closed terminal)."""

import signal
import threading
import time
from types import FrameType

_ENDING = {getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)}
_ONE_S = 1.0
"""Signals within this time are one: `timeout` sends two, and systemd SIGTERM and SIGHUP."""

_received: list[tuple[int, float]] = []


def take_as_ctrl_c() -> None:
    """From now on let SIGTERM and SIGHUP do what Ctrl-C does at that moment, in this process.

    Every thread blocks them, and one waits for them: no handler of a library (Ray has some, in C too) ever runs. So do
    the processes that are started from here, for the signal may be sent to them too, and a Ray that dies first would
    take the leaderboard with it. What the caller ignores, as `nohup` does, stays so.
    """
    taken = {number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL}
    if not taken or not hasattr(signal, "pthread_sigmask"):
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, taken)  # threads made later have it from this one
    signal.signal(signal.SIGUSR2, _press)
    threading.Thread(target=_wait, args=(taken,), name="signals", daemon=True).start()


def received() -> bool:
    """Whether a command was asked to end: an exception raised for it may have been lost in code of a library."""
    return bool(_received)


def exit_code(interrupted: int) -> int:
    """The exit code of a command that was interrupted: 128 and the signal; without one, `interrupted`."""
    return 128 + _received[0][0] if _received else interrupted


def _wait(taken: set[int]) -> None:
    while True:
        number = signal.sigwait(taken)
        now = time.monotonic()
        if not _received or now - _received[-1][1] >= _ONE_S:
            _received.append((number, now))
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR2)


def _press(number: int, frame: FrameType | None) -> None:
    """In the main thread, do what Ctrl-C would."""
    pressed = signal.getsignal(signal.SIGINT)
    if not callable(pressed):  # a job in the background of a script ignores Ctrl-C
        raise KeyboardInterrupt
    pressed(number, frame)

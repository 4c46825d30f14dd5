"""What Ray changes in the process that uses it, for the time of a run: settings put in, everything put back."""

import ctypes
import faulthandler
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

RAY_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # the coming default; unset, each worker warns
    "RAY_ENABLE_AUTO_CONNECT": "0",  # no call starts another Ray by the way, once ours has ended
    "RAY_raylet_start_wait_time_s": "120",  # a busy machine starts slowly
    "RAY_gcs_server_port_wait_time_s": "120",
    "RAY_agent_register_timeout_ms": "120000",
    "RAY_worker_register_timeout_seconds": "120",
    "RAY_memory_monitor_refresh_ms": "0",  # its error ends a Tune run; the kernel ends a worker alone
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # its tables come even at verbose=0
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",  # the journal is the truth, not Tune's snapshots
    "OMP_WAIT_POLICY": "PASSIVE",  # else a thread spins while it waits for one whose core another process has
}
"""Read when Ray starts its processes, when Tune begins a run, and when a worker imports torch; what the user has set
stands."""
_PREFIXES = ("RAY_", "TUNE_", "PYTHONBREAKPOINT", "TORCHINDUCTOR_", "OMP_WAIT_POLICY")
"""Variables that Ray sets, and torch when it first counts multiply-adds."""
_LOGGERS = ("ray", "ray.tune", "ray.data", "ray.train")
_ACTION_BYTES = 512
"""More than any system's `struct sigaction`."""
_SIGNALS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGUSR1] if hasattr(signal, "SIGUSR1") else [])]


@contextmanager
def kept_environment() -> Iterator[None]:
    """Put these variables back as they were. Others are not touched: other threads may set them."""
    before = _variables()
    try:
        yield
    finally:
        for name in _variables().keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def kept_signals() -> Iterator[None]:
    """Put signal handlers back: Ray leaves one for SIGTERM, and another in C, Tune those for Ctrl-C and SIGUSR1."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    with _kept_actions():
        try:
            yield
        finally:
            for number, handler in before.items():
                if in_main_thread() and handler is not None:  # None: set by code that is not Python
                    signal.signal(number, handler)


@contextmanager
def _kept_actions() -> Iterator[None]:
    """Put back what the system does at a signal, which code in C may change from any thread."""
    if os.name != "posix":
        yield
        return
    libc = ctypes.CDLL(None)
    actions = {number: ctypes.create_string_buffer(_ACTION_BYTES) for number in _SIGNALS}
    for number, action in actions.items():
        libc.sigaction(number, None, action)
    try:
        yield
    finally:
        for number, action in actions.items():
            libc.sigaction(number, action, None)


@contextmanager
def later(note: Callable[[], None]) -> Iterator[None]:
    """Call `note` for a Ctrl-C within, instead of raising KeyboardInterrupt in the midst of it."""
    if not in_main_thread():  # which alone hears of it
        yield
        return
    with kept_signals():
        signal.signal(signal.SIGINT, lambda number, frame: note())
        yield


def in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def quiet_ray() -> Iterator[None]:
    """Ray's settings for a run; its console messages stay in its log files. All is put back."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels, traces_faults = [logger.level for logger in loggers], faulthandler.is_enabled()
    with kept_environment(), kept_signals():
        for name, value in RAY_SETTINGS.items():
            os.environ.setdefault(name, value)
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
            if not traces_faults:
                faulthandler.disable()


def _variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(_PREFIXES)}

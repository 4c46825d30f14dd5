"""Ray, started quietly on this machine. `joining` joins one that runs."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from hsiauto.search.workers.resources import Machine, Resources

# Read when ray is first imported, here and in every worker.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # the coming default; unset, each worker warns
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "86400")  # the journal is the truth, not Tune's snapshots
os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")
os.environ.setdefault("RAY_memory_monitor_refresh_ms", "0")  # its error ends a Tune run; the kernel ends a worker alone
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # its tables come even at verbose=0

import ray

MIN_OBJECT_STORE_BYTES = 256 * 2**20


def start_ray(resources: Resources, data_bytes: int = 0) -> None:
    """Start Ray on this machine. Does nothing where this process has one already, or has joined a cluster.

    data_bytes: what will be placed in the object store; it is made large enough for two copies.
    """
    if ray.is_initialized():
        return
    machine = Machine.here()
    needed = resources.concurrency * resources.cpus_per_trial
    ray.init(
        address="local",  # unset, Ray would join a cluster that somebody else runs on this machine, and then refuse
        num_cpus=max(machine.cpus, round(needed + 0.5)),  # whoever asks for more trials than cores gets them
        num_gpus=len(machine.gpu_bytes),
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=max(MIN_OBJECT_STORE_BYTES, 2 * data_bytes + MIN_OBJECT_STORE_BYTES // 4),
    )


def stop_ray() -> None:
    """End what `start_ray` started, and every process of it."""
    ray.shutdown()


@contextmanager
def own_ray() -> Iterator[None]:
    """A Ray that is started within ends with it. One that ran before is not ours to end."""
    ran_before = ray.is_initialized()
    try:
        yield
    finally:
        if not ran_before:
            stop_ray()


@contextmanager
def quiet() -> Iterator[None]:
    """Within: Ray keeps its own console messages to itself (its log files have them)."""
    loggers = [logging.getLogger(name) for name in ("ray", "ray.tune", "ray.data", "ray.train")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

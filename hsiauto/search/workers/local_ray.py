"""Ray on this machine for the time of a run. `cluster` joins one that runs elsewhere."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import ray
from ray._private import worker

from hsiauto.errors import RayLost
from hsiauto.search.fork_server import forked_workers
from hsiauto.search.workers.environment import quiet_ray
from hsiauto.search.workers.ray_folder import ray_folder
from hsiauto.search.workers.ray_init import RAY_WORKER, first_line, init_local_ray, own_token, plain_environment
from hsiauto.search.workers.resources import Machine, Resources

MIN_OBJECT_STORE_BYTES = 256 * 2**20


class _Users:
    """The runs of this process that use Ray now: in threads there may be several, and all share one Ray."""

    def __init__(self) -> None:
        self.lock, self.count, self.leave = threading.Lock(), 0, ExitStack()


_users = _Users()


@contextmanager
def ray_for_a_run() -> Iterator[None]:
    """Let Ray be used within. A Ray that was started or joined within ends with the last run that uses it, and all that
    Ray changed in this process is put back; a Ray that ran before goes on.
    """
    with _users.lock:
        if not _users.count:
            _users.leave.enter_context(quiet_ray())
            if not ray.is_initialized():
                _users.leave.callback(_shut_down)
        _users.count += 1
    try:
        yield
    finally:
        with _users.lock:
            _users.count -= 1
            if not _users.count:
                _users.leave.close()


def _shut_down() -> None:
    """`ray.shutdown`, at once: Ray would wait a second for each of its processes that blocks SIGTERM, as those of the
    command line do. What a killed raylet leaves is seen to by the watcher of `ray_folder`."""
    node: Any = worker._global_node
    if node is not None:
        end = node.kill_all_processes
        node.kill_all_processes = lambda **_: end(check_alive=False, allow_graceful=False)
    ray.shutdown()


def start_ray(machine: Machine, resources: Resources, data_bytes: int = 0) -> None:
    """Start Ray on `machine`, this one, unless the process has a Ray or has joined a cluster.

    data_bytes: size of what will be placed in the object store, which is made large enough for two copies. A machine
    that is busy may need two tries. Raises RayLost after them.
    """
    needed = resources.concurrency * resources.cpus_per_trial
    with _users.lock:
        for last in (False, True):
            if ray.is_initialized():
                return
            with ExitStack() as leave:
                try:
                    folder = leave.enter_context(ray_folder())
                    leave.enter_context(forked_workers(folder.parent, RAY_WORKER, gpus=bool(machine.gpu_bytes)))
                    leave.enter_context(own_token())
                    leave.enter_context(plain_environment())
                    leave.callback(_shut_down)
                    init_local_ray(
                        num_cpus=max(machine.cpus, round(needed + 0.5)),  # more trials than cores: as asked
                        num_gpus=len(machine.gpu_bytes),
                        object_store_memory=max(MIN_OBJECT_STORE_BYTES, 2 * data_bytes + MIN_OBJECT_STORE_BYTES // 4),
                        _temp_dir=str(folder),
                    )
                except Exception as error:  # Ray raises Exception itself, among others
                    if last:
                        raise RayLost(f"Ray did not start, twice: {first_line(error)}") from error
                    continue
                _users.leave.push(leave.pop_all())
                return

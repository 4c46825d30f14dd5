"""A Ray that runs already: joined, measured, and checked before anything is written.

Everything that a worker needs comes with Ray's messages: the scene lies in the object store, of which each node fetches
one copy that all its workers map (`ray.put` in `pool`, `tune.with_parameters` in `driver`); models come back the same
way. Only checkpoints and logs go by the file system, to `storage`.
"""

import os
import socket
from pathlib import Path
from typing import Any

import ray
import torch
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from hsiauto.config import RunConfig
from hsiauto.errors import UserError
from hsiauto.search.workers.ray_init import first_line, join_ray
from hsiauto.search.workers.resources import Machine, Resources
from hsiauto.search.workers.storage import PROBE, Storage, check_storage, folder_storage, open_storage

CONNECT_S = 10.0
"""Within this time a head must accept a connection."""
NODE_S = 60.0
"""A node that has not started its first process after this time counts as unusable."""


def prepare_workers(run_config: RunConfig, folder: Path, *, new: bool) -> Machine:
    """Join the cluster, look at the machine once for the whole run, and try what the run in `folder` needs of it.

    Raises UserError for whatever would keep a training from running: resources that are not there; for a search also a
    node that lacks hsiauto or does not see the storage, and a storage of a new run that is not empty.
    """
    machine = look(run_config.address)
    Resources.of(run_config, machine)
    if run_config.command != "search":  # other trainings write no checkpoints: their models come with Ray's messages
        return machine
    storage, place = open_storage(run_config.storage, folder), run_config.storage or str(folder)
    if run_config.storage is not None:
        check_storage(storage, place, new=new)
    else:  # a new run folder is not there yet: whoever sees what holds it will see it
        storage = folder_storage(next(path for path in (folder.resolve(), *folder.resolve().parents) if path.is_dir()))
    if run_config.address is not None:
        check_nodes(storage, place)
    return machine


def look(address: str | None) -> Machine:
    """What a run may use: all nodes of a Ray that runs already or is joined at `address`; otherwise this machine."""
    join(address)
    if not ray.is_initialized():
        return Machine.here()
    nodes = _alive()
    asked = [
        _gpu_bytes.options(num_gpus=0.01, scheduling_strategy=_on(node)).remote(int(node["Resources"]["GPU"]))
        for node in nodes
        if node["Resources"].get("GPU", 0) >= 1
    ]
    ready, busy = ray.wait(asked, num_returns=len(asked), timeout=NODE_S) if asked else ([], [])
    if busy:
        raise UserError("each node has a GPU that is not fully taken", "nodes whose GPUs are all taken", "Wait.")
    there = [(int(node["Resources"].get("CPU", 0)), int(node["Resources"].get("GPU", 0))) for node in nodes]
    node_cpus = tuple(cpus for cpus, _ in there if cpus)
    if not node_cpus:
        raise UserError(
            "a running Ray has at least one CPU for trials when a run starts",
            f"{len(nodes)} nodes without a CPU for trials",
            "Give it one (num_cpus of ray.init), or wait for the first worker: `ray status` on the head shows it.",
        )
    gpu_bytes = tuple(size for sizes in ray.get(ready) for size in sizes)
    return Machine(sum(node_cpus), gpu_bytes, node_cpus, tuple(gpus for cpus, gpus in there if cpus and gpu_bytes))


def join(address: str | None) -> None:
    """Join the Ray cluster at `address`: `auto`, or HOST:PORT of its head. Does nothing for None or if Ray runs here.

    Raises UserError if no cluster answers, and for Ray Client, which would run the driver away from its journal.
    """
    if address is None:
        return
    if address == "auto":  # as Ray reads it, so that what the variable names is checked too
        address = os.environ.get("RAY_ADDRESS") or "auto"
    if "://" in address:
        raise UserError(
            "`address` is auto or HOST:PORT, and the command runs on a machine of the cluster, which holds the journal",
            address,
            "From outside, `hsiauto submit` hands the whole command to the cluster.",
        )
    if ray.is_initialized():
        return
    _check_answer(address)
    try:
        join_ray(address)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, ray.exceptions.RayError) as error:
        raise UserError(
            "`address` names a running Ray cluster of the same Ray and Python versions, and of this user's token",
            f"{address}: {first_line(error)}",
            "`ray start --head` starts one; with a token, set RAY_AUTH_MODE=token here too; see cluster/README.md.",
        ) from error


def _check_answer(address: str) -> None:
    """Raise UserError if nothing listens at HOST:PORT: Ray would ask for minutes. `auto` is Ray's to find."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            "`address` names a running Ray cluster",
            f"{address}: {first_line(error)}",
            "`ray start --head` starts one, on port 6379.",
        ) from error


def check_nodes(storage: Storage, place: str) -> None:
    """Raise UserError unless every other node has hsiauto and sees in `storage` what this one writes there."""
    here = ray.get_runtime_context().get_node_id()
    others = [node for node in _alive() if node["NodeID"] != here]
    if not others:
        return
    content = os.urandom(8)
    storage.write(PROBE, content)
    try:
        for node in others:
            _check_node(node, storage, place, content)
    finally:
        storage.delete(PROBE)


def _check_node(node: dict[str, Any], storage: Storage, place: str, content: bytes) -> None:
    name = node["NodeManagerHostname"]
    try:
        seen = ray.get(_probe.options(num_cpus=0, scheduling_strategy=_on(node)).remote(storage), timeout=NODE_S)
    except (ray.exceptions.RayError, ImportError, OSError) as error:  # a task raises what it raised, too
        raise UserError(
            "every node of the cluster runs this version of hsiauto and reaches the place of the checkpoints",
            f"node {name}: {str(error).strip().splitlines()[-1]}",  # above it is the worker's traceback
            "Install hsiauto on every node, and give each the credentials of `storage`.",
        ) from error
    if seen != content:
        raise UserError(
            "every node of the cluster sees the place of the checkpoints",
            f"{place}, which node {name} does not see",
            "Set `storage` to a shared folder or a URI.",
        )


@ray.remote
def _gpu_bytes(n_gpus: int) -> list[int]:
    """Memory of each GPU of a node, all taken to be like the one that this task is given."""
    return [int(torch.cuda.get_device_properties(0).total_memory)] * n_gpus


@ray.remote
def _probe(storage: Storage) -> bytes | None:
    return storage.read(PROBE)


def _alive() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _on(node: dict[str, Any]) -> Any:
    return NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)

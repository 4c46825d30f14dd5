"""What a training takes on this machine, from a short try."""

import math

import torch

from hsiauto.families.base import FamilyConfig
from hsiauto.runs.prepare import Prepared
from hsiauto.search.workers.resources import Machine, Resources
from hsiauto.training.estimate import estimate

LIMIT_S = 1.0
"""For each of one or two baselines, out of the time of the refits."""


def seconds_here(prepared: Prepared, machine: Machine, config: FamilyConfig) -> float | None:
    """Seconds of a full training on the search's training pixels, as one worker of `machine` would take; None if it
    trains elsewhere, or has no memory for it.
    """
    if machine.node_cpus:
        return None
    resources = Resources.of(prepared.run_config, machine)
    threads = torch.get_num_threads()
    torch.set_num_threads(resources.threads)
    try:
        cost = estimate(
            config.bounded(prepared.scene.n_bands, len(prepared.data.train_pixels)),
            prepared.data,
            max_epochs=prepared.run_config.max_epochs,
            device=resources.device,
            n_threads=resources.threads,
            limit_s=LIMIT_S,
        )
    finally:
        torch.set_num_threads(threads)
    return None if math.isnan(cost.full_seconds) else cost.full_seconds

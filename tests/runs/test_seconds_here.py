"""What a training takes here, if nothing like it was timed in a search."""

from pathlib import Path

import numpy as np
import torch

from hsiauto.families import FAMILIES
from hsiauto.runs.seconds_here import seconds_here
from hsiauto.search.workers.resources import Machine
from hsiauto.split import SplitSpec
from tests.runs.test_prepare import prepared


def test_one_try_tells_the_seconds_on_this_machine_and_nothing_of_another(tmp_path: Path) -> None:
    labels = np.repeat(np.arange(1, 5), 16 * 16).reshape(32, 32).astype(np.int16)
    made = prepared(tmp_path, labels, SplitSpec(protocol="random"), concurrency=2, max_epochs=3)
    config, threads = FAMILIES["cnn2d"].preset("paper"), torch.get_num_threads()
    assert (seconds_here(made, Machine(2), config) or 0) > 0, "with more components than the scene has bands"
    assert torch.get_num_threads() == threads
    assert seconds_here(made, Machine(4, node_cpus=(2, 2)), config) is None

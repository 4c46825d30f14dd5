from pathlib import Path

import numpy as np
import pytest
import torch

from hsiauto.training.memory import Peak

BLOCK = 1 << 28
"""Bytes: more than a process frees and takes by the way."""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux alone starts a peak anew")
def test_a_peak_holds_what_was_freed_and_forgets_what_was_before() -> None:
    np.ones(2 * BLOCK, np.uint8).sum()
    before = Peak(torch.device("cpu"))
    start = before.bytes
    np.ones(BLOCK, np.uint8).sum()
    assert BLOCK / 2 < before.bytes - start < 1.5 * BLOCK
    after = Peak(torch.device("cpu"))
    assert after.bytes < before.bytes - BLOCK / 2


def test_a_peak_never_falls() -> None:
    peak = Peak(torch.device("cpu"))
    seen = [peak.bytes for _ in range(3)]
    assert seen[0] > 0
    assert seen == sorted(seen)

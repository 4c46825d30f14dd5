import ctypes

import psutil
import pytest
import torch

from hsiauto.models.memory import kept_memory

BLOCK = 1 << 28
"""Bytes: more than a process frees and takes by the way."""


def _resident() -> int:
    return int(psutil.Process().memory_info().rss)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="glibc alone")
def test_what_is_freed_within_is_kept_until_the_end() -> None:
    with kept_memory():
        start = _resident()
        torch.ones(BLOCK // 4)  # 4 bytes each
        assert _resident() - start > BLOCK / 2
    assert _resident() - start < BLOCK / 2
    torch.ones(BLOCK // 4)
    assert _resident() - start < BLOCK / 2

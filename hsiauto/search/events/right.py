"""Which of the test pixels a refit has right: a bit each, as a line of a journal holds them."""

import base64
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

Right = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]*={0,2}$")]
"""Base64 of one bit a test pixel, in the order of the split; the rest of the last byte is 0."""


def packed(right: npt.NDArray[np.bool_]) -> str:
    """`right` (N,) as a `Right`."""
    return base64.b64encode(np.packbits(right).tobytes()).decode("ascii")


def unpacked(text: str, n: int) -> npt.NDArray[np.bool_]:
    """(N,) what `packed` was given, of `n` pixels. Raises ValueError for a text that holds more or fewer."""
    found = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    bits = np.unpackbits(found)
    if len(found) != -(-n // 8) or bits[n:].any():
        raise ValueError(f"one bit is expected for each of {n} pixels")
    return bits[:n].astype(bool)

"""Colours of the classes: stable, so that class 3 looks the same on every map.

Chosen one after another from a grid of sRGB colours, each the farthest in CIELAB from those before it and from black
and white; the nearest two of the 36 differ by 26.
"""

import numpy as np
import numpy.typing as npt

_HEX = (
    "2878C8 00FF00 FF0000 0000FF E600A0 FFC800 007828 C87850 00FFC8 782850 0050E6 E600FF "
    "28A0A0 C8E678 E6A0E6 E60050 505028 A0E600 C878FF 00C850 FF7800 50C8FF 787800 7800A0 "
    "FF78A0 A00000 C8A0A0 FFC878 A0C8A0 005050 7850A0 7828E6 505078 785000 C8C8FF 785050"
)
CLASS_COLOURS: npt.NDArray[np.uint8] = np.frombuffer(bytes.fromhex(_HEX), np.uint8).reshape(-1, 3)
"""(36, 3) red, green, blue, read-only."""


def class_colours(n_classes: int) -> npt.NDArray[np.uint8]:
    """(n_classes, 3): row k - 1 is the colour of class k. Beyond 36 the colours come again, each time darker."""
    index = np.arange(n_classes)
    rounds = index // len(CLASS_COLOURS)
    colours = CLASS_COLOURS[index % len(CLASS_COLOURS)] * (0.7**rounds)[:, None]
    return np.asarray(colours.round().astype(np.uint8))

"""Colours of the classes: stable, so that class 3 looks the same on every map.

Chosen one after another from a grid of sRGB colours, each the farthest in CIELAB from those before it and from black
and white, as seen by a full, a protanope and a deuteranope eye (Machado, Oliveira and Fernandes, TVCG 15(6), 2009); the
nearest two of the first 16 differ by 20 to each of them, of all 36 by 13.
"""

import numpy as np
import numpy.typing as npt

_HEX = (
    "EE7733 0000FF CC00AA FFFF00 FF0066 00AAFF 99FF99 3366FF 000055 005511 DD88BB 771155 "
    "FFCC44 6600AA 00DDFF 229977 AACC99 225588 BB2233 CCAA66 2288FF FFFF77 000033 8877CC "
    "552222 886688 0011CC CCAAAA 991144 EE9900 886600 996655 552288 441133 AADD66 AAFFCC"
)
CLASS_COLOURS: npt.NDArray[np.uint8] = np.frombuffer(bytes.fromhex(_HEX), np.uint8).reshape(-1, 3)
"""(36, 3) red, green, blue, read-only."""


def class_colours(n_classes: int) -> npt.NDArray[np.uint8]:
    """(n_classes, 3): row k - 1 is the colour of class k. Beyond 36 the colours come again, each time darker."""
    index = np.arange(n_classes)
    rounds = index // len(CLASS_COLOURS)
    colours = CLASS_COLOURS[index % len(CLASS_COLOURS)] * (0.7**rounds)[:, None]
    return np.asarray(colours.round().astype(np.uint8))

"""Legend: what the classes of a model are called, which values stand for them in a map, and how they look."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from hsiauto.models.bundle import Provenance
from hsiauto.report.palette import class_colours

NO_DATA_NAME = "no data"


@dataclass(frozen=True)
class Legend:
    """Names, values and colours of a model's classes, in the order of its outputs."""

    names: tuple[str, ...]
    values: tuple[int, ...]
    """The label values of the user's own file."""
    colours: npt.NDArray[np.uint8]
    """(K, 3) red, green, blue."""

    @classmethod
    def of(cls, provenance: Provenance) -> Self:
        """The legend of an exported model."""
        colours = [bytes.fromhex(colour) for colour in provenance.class_colours]
        rgb = np.frombuffer(b"".join(colours), np.uint8).reshape(-1, 3)
        names = provenance.class_names
        return cls(names, provenance.label_values, rgb if colours else class_colours(len(names)))

    @property
    def no_data(self) -> int:
        """The value of pixels without data: 0, or the smallest number that is no label if a class has 0."""
        return next(value for value in range(len(self.values) + 1) if value not in self.values)

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """uint8 or uint16; uint32 if a label value needs it."""
        return np.min_scalar_type(max(self.no_data, *self.values))

    @property
    def entries(self) -> list[tuple[int, str, tuple[int, int, int]]]:
        """(value, name, colour), no data among them, sorted by value."""
        classes = zip(self.values, self.names, map(tuple, self.colours.tolist()), strict=True)
        return sorted([(self.no_data, NO_DATA_NAME, (0, 0, 0)), *classes])

    def valued(self, classes: npt.NDArray[np.int16]) -> npt.NDArray[np.unsignedinteger]:
        """The label values of a prediction's (H, W) classes."""
        return np.array([self.no_data, *self.values], self.dtype)[classes]

    def coloured(self, classes: npt.NDArray[np.int16]) -> npt.NDArray[np.uint8]:
        """(H, W, 3), no data in black."""
        return np.vstack([np.zeros((1, 3), np.uint8), self.colours])[classes]

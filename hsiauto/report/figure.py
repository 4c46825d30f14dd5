"""A figure as a file. Drawn without pyplot, which keeps figures, and a backend, for the whole process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hsiauto.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@contextmanager
def figure_file(path: Path, width: float, height: float) -> Iterator["Figure"]:
    """Yield an empty figure of `width` x `height` inches; what is drawn into it is `path`, a PNG, afterwards."""
    from matplotlib.figure import Figure  # only whoever draws needs it

    figure = Figure(figsize=(width, height), layout="constrained")
    yield figure
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


def colour(place: int) -> tuple[float, float, float, float]:
    """The colour number `place` of twenty that are easy to tell apart."""
    from matplotlib import colormaps

    red, green, blue, alpha = colormaps["tab20"]((2 * place + place // 10) % 20)  # tab10 and then its lighter shades
    return red, green, blue, alpha

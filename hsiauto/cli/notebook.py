"""What a cell of a notebook shows while it runs."""

import logging
import time
import warnings
from importlib import import_module
from typing import Any

from rich.jupyter import JupyterMixin

_EVERY_S = 0.5


class Cell:
    """One output of the cell, replaced by the next: it needs no widgets, and a saved notebook keeps the last."""

    def __init__(self) -> None:
        # Ray, and Optuna's tqdm, ask for widgets when they are first imported: nothing here uses any
        logging.getLogger("ray.widgets.util").setLevel(logging.WARNING)
        with warnings.catch_warnings(action="ignore"):
            import_module("tqdm.auto")
        self._handle: Any = None
        self._shown = -_EVERY_S

    def show(self, what: JupyterMixin, *, now: bool = False) -> None:
        """Show `what`, unless something else was shown just before and it need not be `now`."""
        if not now and time.monotonic() - self._shown < _EVERY_S:
            return
        from IPython.display import display  # a notebook has it

        self._shown = time.monotonic()
        if self._handle is None:
            self._handle = display(what, display_id=True)
        else:
            self._handle.update(what)

"""log.txt and TensorBoard events of one attempt."""

import math
from pathlib import Path

from tensorboardX import SummaryWriter

from hsiauto.search.events import now
from hsiauto.training.trial import Report

_SCALARS = ("train_loss", "val_loss", "val_oa", "val_aa", "val_kappa")


class TrialLog:
    """Opens files when there is something to write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._text = open(folder / "log.txt", "a", buffering=1)  # noqa: SIM115 - closed by close()
        self._board: SummaryWriter | None = None

    def write(self, text: str) -> None:
        self._text.write(f"{now()} {text.rstrip()}\n")

    def report(self, report: Report) -> None:
        values = {name: getattr(report, name) for name in _SCALARS}
        shown = " ".join(f"{name} {value:.4f}" for name, value in values.items())
        self.write(f"epoch {report.epoch} {shown} fit_seconds {report.fit_seconds:.2f}")
        if self._board is None:
            self._board = SummaryWriter(str(self._folder), flush_secs=10, write_to_disk=True)
        for name, value in values.items():
            if math.isfinite(value):
                self._board.add_scalar(name.replace("_", "/", 1), value, report.epoch)

    def close(self) -> None:
        self._text.close()
        if self._board is not None:
            self._board.close()
            self._board = None

"""log.txt and TensorBoard events of one attempt. A full disk ends them, and never the training."""

import math
import time
from contextlib import suppress
from pathlib import Path

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.summary import scalar

from hsiauto.search.events import now
from hsiauto.training.trial import Report

_SCALARS = ("train_loss", "val_loss", "val_oa", "val_aa", "val_kappa")


class TrialLog:
    """Opens files when there is something to write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._text = open(folder / "log.txt", "a", buffering=1)  # noqa: SIM115 - closed by close()
        self._board: EventsWriter | None = None
        """Not tensorboardX's SummaryWriter, whose thread ends on a full disk: whoever writes then waits for ever."""

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._text.write(f"{now()} {text.rstrip()}\n")

    def report(self, report: Report) -> None:
        values = {name: getattr(report, name) for name in _SCALARS}
        shown = " ".join(f"{name} {value:.4f}" for name, value in values.items())
        self.write(f"epoch {report.epoch} {shown} fit_seconds {report.fit_seconds:.2f}")
        with suppress(OSError):
            self._board = self._board or EventsWriter(str(self.folder / "events"))
            for name, value in values.items():
                if math.isfinite(value):
                    told = scalar(name.replace("_", "/", 1), value)
                    self._board.write_event(Event(wall_time=time.time(), step=report.epoch, summary=told))
            self._board.flush()

    def close(self) -> None:
        with suppress(OSError):
            self._text.close()
        with suppress(OSError):
            if self._board is not None:
                self._board.close()

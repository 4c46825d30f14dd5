"""The log of an attempt, on a disk that fills up."""

import math
import resource
import threading
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event

from hsiauto.search.workers.trial_log import TrialLog
from hsiauto.training.trial import Report


def _report(epoch: int) -> Report:
    return Report(epoch, math.nan, 1.0, 0.5, 0.5, 0.5, 1.0, 1)


def _told(folder: Path) -> list[tuple[str, int, float]]:
    """(name, step, value) in the TensorBoard file: records of length, checksum, content, checksum."""
    (path,) = folder.glob("events.out.tfevents.*")
    content, told = path.read_bytes(), []
    while content:
        size = int.from_bytes(content[:8], "little")
        event = Event.FromString(content[12 : 12 + size])
        told += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
        content = content[16 + size :]
    return told


def test_a_report_is_in_the_text_and_for_tensorboard(tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    log.report(_report(1))
    assert ("val/oa", 1, 0.5) in _told(tmp_path), "at once"
    log.report(_report(2))
    log.close()
    names = ("val/loss", "val/oa", "val/aa", "val/kappa")
    assert [(name, step) for name, step, _ in _told(tmp_path)] == [(name, step) for step in (1, 2) for name in names]
    assert "epoch 2 train_loss nan val_loss 1.0000" in (tmp_path / "log.txt").read_text()


def test_a_full_disk_neither_ends_nor_holds_up_a_training(tmp_path: Path) -> None:
    def write() -> None:
        log = TrialLog(tmp_path)
        for epoch in range(1, 400):
            log.report(_report(epoch))
            log.write("x" * 1000)
        log.close()
        done.set()

    done = threading.Event()
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
    try:
        threading.Thread(target=write, daemon=True).start()
        assert done.wait(20), "it waits for a disk that stays full"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

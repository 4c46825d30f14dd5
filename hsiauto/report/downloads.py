"""Progress bars of downloads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn


@contextmanager
def download_bars(console: Console) -> Iterator[Callable[[str, int, int | None], None]]:
    """A callback (file, bytes done, bytes in all or None) that draws a bar for each file; nothing while none comes."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    bars = Progress(*columns, console=console)
    tasks: dict[str, TaskID] = {}

    def advance(file: str, done: int, total: int | None) -> None:
        if file not in tasks:
            bars.start()
            tasks[file] = bars.add_task(file, total=total)
        bars.update(tasks[file], completed=done, total=total)

    try:
        yield advance
    finally:
        if tasks:
            bars.stop()

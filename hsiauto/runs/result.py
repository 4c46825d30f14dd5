"""What a run leaves and says."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

NOTHING_TRAINED, RAY_LOST, INTERRUPTED = 1, 3, 130


@dataclass(frozen=True)
class Result:
    """A run after its end. Its files are in `folder`, its rows in `table`, the leaderboard."""

    folder: Path
    table: pa.Table
    trained: bool
    """Whether anything that was searched or asked for was trained to its end; references and baselines always are."""
    interrupted: bool = False
    """Ctrl-C, `stop` or the loss of Ray ended it. What was done is kept, and `resume` goes on."""
    lost: str = ""
    """How Ray was lost; empty: it was not."""
    skipped_refits: int = 0
    """Refits that the time limit left out; `resume` trains them, after the rest of the search."""
    map_left_out: bool = False
    """The time limit left no time for the map of the whole scene; `predict` draws one."""
    notes: tuple[str, ...] = ()
    """What a reader must know of the scene, the config and the exported model."""
    warnings: tuple[str, ...] = ()
    """Why scores may say less than they seem to, and warnings of the search that still hold."""
    statements: tuple[str, ...] = ()
    """What may be said about the winner."""

    @property
    def exit_code(self) -> int:
        """0: done; 1: nothing was trained; 3: Ray was lost; 130: interrupted."""
        if self.lost:
            return RAY_LOST
        return INTERRUPTED if self.interrupted else 0 if self.trained else NOTHING_TRAINED

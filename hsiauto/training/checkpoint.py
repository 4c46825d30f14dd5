"""checkpoint.pt: what a training goes on from. Loading it executes nothing."""

import contextlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import PickleError
from typing import Any, Self

import torch
from pydantic import BaseModel, ConfigDict, Field

from hsiauto.files import atomic_path, regular_file, writing
from hsiauto.training.memory import ran_out_of_memory

CHECKPOINT = "checkpoint.pt"


class UnusableError(Exception):
    """There is a checkpoint that cannot be gone on from: the message says why."""


class Checkpoint(BaseModel):
    """What a training knows after an epoch."""

    model_config = ConfigDict(strict=True, extra="forbid")

    identity: dict[str, Any]
    """What is trained: the same values, the same training."""
    seconds: float = Field(ge=0)
    peak_memory_bytes: int = Field(ge=0)
    micro_batch: int | None = Field(ge=1)
    trainer: dict[str, Any]
    """`Trainer.state`."""

    def write(self, folder: Path) -> None:
        """Write it into `folder`: the old one stays until this one is whole. Raises UserError on a full disk."""
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(folder / CHECKPOINT) as temporary, temporary.open("wb") as file:
            torch.save(dict(self), file)  # into a path, it would hide that a disk is full

    @classmethod
    def read(cls, folder: Path, identity: Mapping[str, Any]) -> Self | None:
        """The checkpoint in `folder`; None if there is none. Raises UnusableError unless it is whole and of `identity`.

        An error of the disk is an OSError, not a damaged checkpoint.
        """
        path = folder / CHECKPOINT
        if not path.exists():
            return None
        content = io.BytesIO(regular_file(path).read_bytes())
        with usable():
            found = cls.model_validate(torch.load(content, map_location="cpu", weights_only=True))
            if found.identity != identity:
                raise ValueError(f"it is of another training, {found.identity}")
        return found


_DAMAGE = (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, EOFError, PickleError)
"""What torch raises on any bytes, and a trainer on a state that is not its own."""


@contextlib.contextmanager
def usable() -> Iterator[None]:
    """Turn what a damaged or foreign checkpoint raises into an UnusableError; a lack of memory passes through."""
    try:
        yield
    except _DAMAGE as damage:
        if ran_out_of_memory(damage):
            raise
        why = " ".join(str(damage).split())
        raise UnusableError(f"{type(damage).__name__}: {why:.200}") from damage

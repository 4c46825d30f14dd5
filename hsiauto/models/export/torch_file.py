"""A bundle as a program of torch.export: `torch.export.load(path).module()(windows)`, without hsiauto."""

from pathlib import Path
from typing import Any

import torch

from hsiauto.files import atomic_path
from hsiauto.models.bundle import Bundle
from hsiauto.models.export.check import Arrays, check
from hsiauto.models.export.program import Exported, quiet


def write_torch(bundle: Bundle, path: Path) -> list[str]:
    """Write `bundle` to `path`, loaded again and compared with its model; lines about it.

    Raises UserError for a model that does not become a graph, and if answers differ.
    """
    exported = Exported.of(bundle)
    with atomic_path(path) as temporary:
        with quiet():
            torch.export.save(exported.program, temporary, extra_files=exported.description())
            module = torch.export.load(temporary).module()

        @torch.no_grad()
        def run(inputs: Arrays) -> Any:
            return module(*(torch.from_numpy(x) for x in inputs)).numpy()

        checked = check(run, exported.inputs, bundle)
        size = temporary.stat().st_size
    return [f"{path}: torch.export, torch {torch.__version__}, {size / 1e6:.1f} MB", *exported.lines(), f"  {checked}"]

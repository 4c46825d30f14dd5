"""A bundle as a program of torch.export: `torch.export.load(path).module()(windows)`, without hsiauto."""

import io
from pathlib import Path
from typing import Any

import torch

from hsiauto.files import atomic_path
from hsiauto.models.bundle import Bundle
from hsiauto.models.export.check import Arrays, check
from hsiauto.models.export.program import Exported, translating


def write_torch(bundle: Bundle, path: Path) -> list[str]:
    """Write `bundle` to `path`, loaded again and compared with its model; lines about it.

    Raises UserError for a model that does not become a graph, and if answers differ.
    """
    exported = Exported.of(bundle)
    file = io.BytesIO()
    with translating(bundle.fitted.config.family):
        torch.export.save(exported.program, file, extra_files=exported.description())
        file.seek(0)
        module = torch.export.load(file).module()

    @torch.no_grad()
    def run(inputs: Arrays) -> Any:
        return module(*(torch.from_numpy(x) for x in inputs)).numpy()

    checked = check(run, exported.inputs, bundle)
    with atomic_path(path) as temporary:
        temporary.write_bytes(file.getbuffer())
    told = f"{path}: torch.export, torch {torch.__version__}, {file.getbuffer().nbytes / 1e6:.1f} MB"
    return [told, *exported.lines(), f"  {checked}"]

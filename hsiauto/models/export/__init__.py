"""A trained model for programs without hsiauto, and its entry of a catalogue."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from hsiauto.errors import UserError, did_you_mean
from hsiauto.models.bundle import Bundle
from hsiauto.models.export.onnx_file import write_onnx
from hsiauto.models.export.skops_file import write_skops
from hsiauto.models.export.stac import write_stac
from hsiauto.models.export.torch_file import write_torch

__all__ = ["FORMATS", "Format", "export"]


class Format(NamedTuple):
    """A kind of file that a bundle is written as."""

    write: Callable[[Bundle, Path], list[str]]
    """(bundle, path) -> lines about what was written. Raises UserError for a model that has no such file."""
    suffix: str


FORMATS: Mapping[str, Format] = {
    "onnx": Format(write_onnx, ".onnx"),
    "torch": Format(write_torch, ".pt2"),
    "skops": Format(write_skops, ".skops"),
    "stac": Format(write_stac, ".json"),
}
"""Name -> what writes it."""


def export(bundle: Bundle, format: str, path: Path) -> list[str]:
    """Write `bundle` to `path`; lines about what was written. A file that is there is not replaced.

    Raises UserError for an unknown format, another suffix, a file that exists, and as the format says.
    """
    if format not in FORMATS:
        rule = f"`format` is one of {', '.join(FORMATS)}"
        raise UserError(rule, format, did_you_mean(format, FORMATS))
    write, suffix = FORMATS[format]
    if path.suffix != suffix:
        raise UserError(f"a file of format {format} ends in {suffix}", path.name, f"Write {path.stem}{suffix}.")
    if path.exists():
        raise UserError("an exported file replaces none", f"{path}, which exists", "Name another file.")
    return write(bundle, path)

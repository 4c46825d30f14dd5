"""`hsiauto export`: a model for programs without hsiauto."""

from typing import Annotated

from cyclopts import Parameter

from hsiauto.cli.console import output, say
from hsiauto.cli.options import PathName


def export(
    bundle: Annotated[PathName, Parameter(help="A bundle that a search or a training left.")],
    /,
    *,
    out: Annotated[PathName, Parameter(help="model.onnx, .pt2, .skops, item.json: by the format.")],
    format: Annotated[
        str, Parameter(help="onnx, torch (torch.export), skops (for EnMAP-Box), stac (an item of a catalogue).")
    ] = "onnx",
) -> None:
    """Write an exported model for programs without hsiauto: raw values in, class probabilities out."""
    from hsiauto.models.bundle import load_bundle
    from hsiauto.models.export import export as write

    for line in write(load_bundle(bundle), format, out):
        say(line, output(), whole=True)

"""From a bundle to a program of torch.export, and what has to be known to feed it."""

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.export import Dim, ExportedProgram

from hsiauto.errors import UserError
from hsiauto.families.base import SmoothedConfig
from hsiauto.models.bundle import Bundle
from hsiauto.models.export.graph import Graph
from hsiauto.models.export.taking_part import why_not
from hsiauto.models.export.windows import Window

OUTPUT = "probabilities"
_NOTHING = "NaN where a pixel has no data"
_BEYOND = {
    "reflect": "beyond the scene its reflection, the pixel at the border not repeated",
    "nan": "NaN beyond the scene",
}


@dataclass(frozen=True)
class Exported:
    """A model that any batch can be sent through."""

    program: ExportedProgram
    inputs: tuple[Window, ...]
    bundle: Bundle

    @classmethod
    def of(cls, bundle: Bundle) -> "Exported":
        """Raises UserError, with the reason, for a model that does not become a graph."""
        if why := why_not(bundle.fitted):
            raise UserError("this model does not become a graph", why, "Predict with the bundle itself.")
        graph = Graph(bundle.fitted).eval()
        n_pixels = Dim("N")
        with torch.no_grad(), translating(bundle.fitted.config.family):
            examples = tuple(torch.zeros(window.shape(2, graph.n_bands)) for window in graph.inputs)
            program = torch.export.export(
                graph, examples, dynamic_shapes=(tuple({0: n_pixels} for _ in examples),), strict=False
            )
        for node in program.graph.nodes:
            node.meta.pop("stack_trace", None)  # lines and paths of the machine that wrote it
        return cls(program, graph.inputs, bundle)

    def description(self) -> dict[str, str]:
        """What input and output mean, as a model file's metadata: text, or JSON."""
        provenance = self.bundle.provenance
        facts: dict[str, object] = {
            "inputs": {window.name: self.layout(window) for window in self.inputs},
            "output": f"{OUTPUT} (N, {self.bundle.fitted.n_classes}) float32, a column for each of class_names",
            "smoothing": smoothing(self.bundle),
            "config": self.bundle.fitted.config.active(),
            **provenance.model_dump(
                mode="json",
                include={"class_names", "label_values", "wavelengths_nm", "dropped_bands", "value_range", "dataset"}
                | {"data_hash", "split_hash", "protocol", "seed", "versions"},
            ),
        }
        return {name: fact if isinstance(fact, str) else json.dumps(fact) for name, fact in facts.items()}

    def layout(self, window: Window) -> str:
        """What the input is, in a sentence."""
        values = f"float32, values as in the training scene's file; {_NOTHING}"
        n_bands = self.bundle.fitted.n_bands
        if window.side == 1:
            return f"(N, {n_bands}) {values}"
        middle = window.side // 2
        return (
            f"(N, {window.side}, {window.side}, {n_bands}) {values}; {_BEYOND[window.padding]}; the pixel stands at "
            f"[{middle}, {middle}]"
        )

    def lines(self) -> list[str]:
        """What is told when the file has been written."""
        told = [f"  input {window.name} {self.layout(window)}" for window in self.inputs]
        classes = ", ".join(self.bundle.provenance.class_names)
        return [
            *told,
            f"  output {OUTPUT} (N, {self.bundle.fitted.n_classes}): {classes}",
            f"  {smoothing(self.bundle)}",
        ]


def smoothing(bundle: Bundle) -> str:
    """What of the bundle's spatial filters is not in the graph."""
    filters = [
        f"{part.smoothing} of radius {part.smoothing_radius} ({part.family})"
        for part in dict.fromkeys((bundle.fitted.config, *bundle.fitted.config.parts))
        if isinstance(part, SmoothedConfig) and part.smoothing != "none"
    ]
    return f"without the bundle's filter over space: {', '.join(filters)}" if filters else "no filter over space"


@contextlib.contextmanager
def translating(family: str) -> Iterator[None]:
    """Leaves unsaid what torch tells its own developers; a module that it cannot follow is a UserError."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except RuntimeError as error:
        rule = f"torch must be able to follow what {family} does to a batch of any size"
        raise UserError(rule, error, "Change its forward, or predict with the bundle itself.") from error
    finally:
        log.setLevel(level)

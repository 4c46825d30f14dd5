"""A bundle as an ONNX model: every operator is ONNX's own, whatever the family."""

from pathlib import Path
from typing import Any

import torch

from hsiauto.errors import UserError
from hsiauto.files import atomic_path
from hsiauto.models.bundle import Bundle
from hsiauto.models.export.check import Arrays, check
from hsiauto.models.export.program import OUTPUT, Exported, translating

OPSET = 18
"""The least that torch.onnx writes without converting: runtimes of 2023 read it."""


def write_onnx(bundle: Bundle, path: Path) -> list[str]:
    """Write `bundle` to `path`, compared in onnxruntime with its model; lines about it.

    Raises UserError for a model that does not become a graph, if the extra is missing, and if answers differ.
    """
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401 - torch.onnx writes with it
    except ImportError as error:
        raise UserError("ONNX needs its packages", f"no {error.name}", "pip install 'hsiauto[export]'") from error

    exported = Exported.of(bundle)
    names = [window.name for window in exported.inputs]
    with translating(bundle.fitted.config.family):
        written = torch.onnx.export(
            exported.program,
            input_names=names,
            output_names=[OUTPUT],
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert written is not None, "torch.onnx gives a program"
    model = written.model_proto
    _plain(model)
    for key, text in {**exported.description(), "opset": str(OPSET)}.items():
        model.metadata_props.add(key=key, value=text)
    model.doc_string = "Class probabilities of hyperspectral pixels; the metadata say what goes in and comes out."
    onnx.checker.check_model(model)
    content = model.SerializeToString()
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, settings, providers=["CPUExecutionProvider"])

    def run(inputs: Arrays) -> Any:
        return session.run([OUTPUT], dict(zip(names, inputs, strict=True)))[0]

    checked = check(run, exported.inputs, bundle)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return [
        f"{path}: ONNX, opset {OPSET}, {len(content) / 1e6:.1f} MB",
        *exported.lines(),
        f"  {checked} (onnxruntime)",
    ]


def _plain(model: Any) -> None:
    """The batch is N; no paths of this machine, and no sizes that only torch knows."""
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    del model.graph.value_info[:]
    del model.graph.metadata_props[:]
    for part in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del part.metadata_props[:]

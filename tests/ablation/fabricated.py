"""A small study, and events of its trainings."""

from collections.abc import Mapping
from typing import Any

from hsiauto.ablation.cells import Cell, Grid, grid
from hsiauto.ablation.definition import Definition
from hsiauto.ablation.plan import Run, Training
from hsiauto.search.events import Refit
from tests import told

MASKING: Mapping[str, Any] = {
    "question": "Does it matter how tokens are hidden?",
    "source": "a paper",
    "claim": "it does",
    "family": "cpdgal",
    "preset": "small",
    "axes": {"masking": ["dynamic", "static"], "mask_probability": [0.2, 0.4]},
    "reference": {"masking": "dynamic"},
    "measures": ["test_oa", "fit_seconds"],
}
SVM: Mapping[str, Any] = {
    **MASKING,
    "family": "svm",
    "preset": "paper",
    "axes": {"C": [1.0, 10.0, 100.0]},
    "reference": {"C": 10.0},
}


def definition(base: Mapping[str, Any] = MASKING, **changes: Any) -> Definition:
    return Definition.model_validate({**base, **changes})


def cells(base: Mapping[str, Any] = MASKING, **changes: Any) -> Grid:
    return grid(definition(base, **changes), 5)


def event(cell: Cell, run: Run, state: str = "completed", **fields: Any) -> Refit:
    return told.refit(Training(cell, run).key, state=state, seed=run.seed, split_seed=run.split_seed, **fields)

"""Trained models of every kind, behind one method: `probabilities`."""

from hsiauto.models.fitted.base import Fitted
from hsiauto.models.fitted.classical import ClassicalFitted, fit_classical
from hsiauto.models.fitted.ensemble import EnsembleFitted
from hsiauto.models.fitted.reference import ReferenceFitted, fit_reference
from hsiauto.models.fitted.torch import TorchFitted

__all__ = [
    "ClassicalFitted",
    "EnsembleFitted",
    "Fitted",
    "ReferenceFitted",
    "TorchFitted",
    "fit_classical",
    "fit_reference",
]

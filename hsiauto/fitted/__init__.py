"""Trained models of every kind, behind one method: `probabilities`."""

from hsiauto.fitted.base import Fitted
from hsiauto.fitted.classical import ClassicalFitted, fit_classical
from hsiauto.fitted.reference import ReferenceFitted, fit_reference
from hsiauto.fitted.torch import TorchFitted

__all__ = ["ClassicalFitted", "Fitted", "ReferenceFitted", "TorchFitted", "fit_classical", "fit_reference"]

"""Trials as a journal would make them."""

from typing import Any

from hsiauto.search.events import Reported
from hsiauto.search.trials import TrialState


def completed(number: int, params: dict[str, Any], kappa: float) -> TrialState:
    """A trial of svm that was trained to its end."""
    report = Reported(
        trial_id=f"t{number}",
        attempt=1,
        epoch=1,
        train_loss=0.0,
        val_loss=0.0,
        val_oa=kappa,
        val_aa=kappa,
        val_kappa=kappa,
        fit_seconds=1.0,
        peak_memory_bytes=1,
        decision="complete",
    )
    return TrialState(
        trial_id=f"t{number}",
        number=number,
        family="svm",
        input="pixel",
        params=params,
        config={},
        config_hash="",
        support=0,
        parameters=None,
        macs=None,
        epoch_macs=None,
        origin="sampler",
        found_by="",
        sampler_state={},
        proposed_at="",
        state="completed",
        attempt=1,
        reports=[report],
    )

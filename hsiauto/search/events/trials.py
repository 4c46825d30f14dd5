"""Events of the trials of a search."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from hsiauto.search.events.line import Accuracy, Amount, Count, Line, Number, Ordinal, TrialId

Origin = Literal["preset", "warm-start", "portfolio", "sampler"]
Decision = Literal["continue", "stop", "complete"]
EndState = Literal["completed", "stopped", "failed", "refused", "interrupted"]


class FoundConfig(BaseModel):
    """A config that did well in earlier runs."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    config: dict[str, Any]
    found_by: str = ""
    """<run>/<trial id> of a warm start."""
    origin: Origin = "warm-start"
    """portfolio: it did well in the runs from which the portfolio was made."""


class WarmStart(Line):
    """Configs of earlier runs, brought into this space and scene, in the order in which they are tried."""

    event: Literal["warm_start"] = "warm_start"
    configs: tuple[FoundConfig, ...]


class Proposed(Line):
    """A trial: a config that will be trained."""

    event: Literal["proposed"] = "proposed"
    trial_id: TrialId
    number: Count
    """Counts the proposals of the run, from 1."""
    family: str
    input: str
    """What the family reads: pixel, patch, tile, features, coordinates or nothing."""
    params: dict[str, Any]
    """`<family>.<name>` -> value of the searched hyperparameters that are active."""
    config: dict[str, Any]
    """The whole config, inactive hyperparameters left out."""
    config_hash: str
    support: Count
    """Radius in pixels of the input that one prediction reads."""
    parameters: Count | None = None
    """Trainable parameters; None for a classical family, and so are the next two."""
    macs: Count | None = None
    """Multiply-adds of one prediction."""
    epoch_macs: Count | None = None
    """Multiply-adds of one epoch of training."""
    origin: Origin
    found_by: str = ""
    """<run>/<trial id> that a warm start took the config from."""
    sampler_state: dict[str, dict[str, Any]]
    """What the sampler wants to find again: attributes of Optuna's `trial` and `study`."""


class Started(Line):
    """A worker has taken the trial."""

    event: Literal["started"] = "started"
    trial_id: TrialId
    attempt: Ordinal
    """From 1. A resume starts another one, and so does the death of a worker."""
    node: str
    device: str
    pid: Count
    gpus: Amount = 0.0
    """GPUs that the attempt holds."""
    note: str = ""
    """Why training began anew although there was a checkpoint; empty: it did not."""


class Reported(Line):
    """What a trial told after an epoch (`training.trial.Report`), and whether it goes on."""

    event: Literal["report"] = "report"
    trial_id: TrialId
    attempt: Ordinal
    epoch: Ordinal
    """Epochs done."""
    train_loss: Number
    """NaN for a classical family."""
    val_loss: Number
    """Cross-entropy in nats."""
    val_oa: Accuracy
    """Accuracies are fractions."""
    val_aa: Accuracy
    val_kappa: Accuracy
    fit_seconds: Amount
    """Training and validation so far."""
    peak_memory_bytes: Count
    pixels_per_second: Amount | None = None
    """Speed of prediction, if the search asks for it: measured with an attempt's first report, then repeated."""
    micro_batch: Count | None = None
    """Samples at once after memory ran out; None: whole batches."""
    decision: Decision
    rung: Count | None = None
    """Epoch of the rung that compared it."""
    reason: str = ""
    """Why the trial stops, if the rung did not say so."""

    def score(self, objective: str) -> float:
        """`objective` (kappa, oa, aa) on validation; NaN if it was not finite."""
        return float(getattr(self, f"val_{objective}"))


class Ended(Line):
    """The end of a trial, or of an attempt that another one follows (interrupted)."""

    event: Literal["ended"] = "ended"
    trial_id: TrialId
    attempt: Ordinal
    state: EndState
    error: str = ""
    """Why, unless it completed."""
    peak_memory_bytes: Count | None = None
    """If memory ended it."""
    worker_died: bool = False
    """The trial goes on on another worker."""
    by_limit: bool = False
    """A limit of time or GPU-hours ended it: it goes on when a later call has more of it."""

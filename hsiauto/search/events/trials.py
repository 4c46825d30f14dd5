"""Events of the trials of a search."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from hsiauto.search.events.line import Line, Number

Origin = Literal["preset", "warm-start", "sampler"]
Decision = Literal["continue", "stop", "complete"]
EndState = Literal["completed", "stopped", "failed", "refused", "interrupted"]


class FoundConfig(BaseModel):
    """A config that did well in an earlier run."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    config: dict[str, Any]
    found_by: str
    """<run>/<trial id>."""


class WarmStart(Line):
    """Configs of earlier runs, brought into this space and scene; best of each family and run first."""

    event: Literal["warm_start"] = "warm_start"
    configs: tuple[FoundConfig, ...]


class Proposed(Line):
    """A trial: a config that will be trained."""

    event: Literal["proposed"] = "proposed"
    trial_id: str
    number: int
    """Counts the proposals of the run, from 1."""
    family: str
    input: str
    """What the family reads: pixel, patch, tile, features, coordinates or nothing."""
    params: dict[str, Any]
    """`<family>.<name>` -> value of the searched hyperparameters that are active."""
    config: dict[str, Any]
    """The whole config, inactive hyperparameters left out."""
    config_hash: str
    support: int
    """Radius in pixels of the input that one prediction reads."""
    parameters: int | None = None
    """Trainable parameters; None for a classical family, and so are the next two."""
    macs: int | None = None
    """Multiply-adds of one prediction."""
    epoch_macs: int | None = None
    """Multiply-adds of one epoch of training."""
    origin: Origin
    found_by: str = ""
    """<run>/<trial id> that a warm start took the config from."""
    sampler_state: dict[str, dict[str, Any]]
    """What the sampler wants to find again: attributes of Optuna's `trial` and `study`."""


class Started(Line):
    """A worker has taken the trial."""

    event: Literal["started"] = "started"
    trial_id: str
    attempt: int
    """From 1. A resume starts another one, and so does the death of a worker."""
    node: str
    device: str
    pid: int
    gpus: Number = 0.0
    """GPUs that the attempt holds."""


class Reported(Line):
    """What a trial told after an epoch (`training.trial.Report`), and whether it goes on."""

    event: Literal["report"] = "report"
    trial_id: str
    attempt: int
    epoch: int
    """Epochs done."""
    train_loss: Number
    """NaN for a classical family."""
    val_loss: Number
    """Cross-entropy in nats."""
    val_oa: Number
    """Accuracies are fractions."""
    val_aa: Number
    val_kappa: Number
    fit_seconds: Number
    """Training and validation so far."""
    peak_memory_bytes: int
    pixels_per_second: Number | None = None
    """Speed of prediction, if the search asks for it: measured with an attempt's first report, then repeated."""
    micro_batch: int | None = None
    """Samples at once after memory ran out; None: whole batches."""
    decision: Decision
    rung: int | None = None
    """Epoch of the rung that compared it."""
    reason: str = ""
    """Why the trial stops, if the rung did not say so."""

    def score(self, objective: str) -> float:
        """`objective` (kappa, oa, aa) on validation; NaN if it was not finite."""
        return float(getattr(self, f"val_{objective}"))


class Ended(Line):
    """The end of a trial, or of an attempt that another one follows (interrupted)."""

    event: Literal["ended"] = "ended"
    trial_id: str
    attempt: int
    state: EndState
    error: str = ""
    """Why, unless it completed."""
    peak_memory_bytes: int | None = None
    """If memory ended it."""
    worker_died: bool = False
    """The trial goes on on another worker."""
    by_limit: bool = False
    """A limit of time or GPU-hours ended it: it goes on when a later call has more of it."""

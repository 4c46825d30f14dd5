"""Events after the search. Test scores stand in `cycle` and `refit` alone, which are in refits.jsonl alone."""

import math
from typing import Any, Literal

from hsiauto.search.events.line import Accuracy, Amount, Count, Line, Number, Ordinal, Time, TrialId

JobState = Literal["completed", "failed", "skipped"]
"""skipped: a deadline left it out; a later call trains it."""


class Reevaluated(Line):
    """A candidate was trained anew and validated on pixels that did not choose it."""

    event: Literal["reevaluated"] = "reevaluated"
    trial_id: TrialId
    fold: Count
    """Number of the validation fold; the search scores on fold 1."""
    state: JobState
    error: str = ""
    val_oa: Accuracy | None = None
    """Accuracies are fractions; None unless it trained to the end, and so are the next three."""
    val_aa: Accuracy | None = None
    val_kappa: Accuracy | None = None
    fit_seconds: Amount | None = None

    def score(self, objective: str) -> float:
        """`objective` (kappa, oa, aa) on validation; NaN unless it trained to the end."""
        value: float | None = getattr(self, f"val_{objective}")
        return math.nan if value is None else value


class Ranked(Line):
    """The final order, settled before a test label is read. Another trial's end makes it obsolete."""

    event: Literal["ranked"] = "ranked"
    order: tuple[TrialId, ...]
    """Trial ids, best first."""
    reasons: dict[str, str]
    """Trial id -> why it stands where it stands."""
    notes: tuple[str, ...] = ()
    """Fresh validations that could not be drawn, and what those that could lack."""


class Cycle(Line):
    """One cycle of a training that asked for its labels; before the `refit` event of the same key.

    The last cycle's scores are the refit's, so that a resume between the two scores nothing again.
    """

    event: Literal["cycle"] = "cycle"
    key: str
    cycle: Count
    """From 0."""
    labels: Count
    """Labels that the oracle has counted."""
    acquisition: str
    acquired: tuple[Count, ...]
    """Pixels whose labels were asked for in this cycle."""
    acquire_seconds: Amount
    epochs: Count
    """From cycle 0 on, like `fit_seconds`."""
    fit_seconds: Amount
    train_loss: Number
    val_oa: Accuracy
    val_aa: Accuracy
    val_kappa: Accuracy
    test_oa: Accuracy | None = None
    test_aa: Accuracy | None = None
    test_kappa: Accuracy | None = None
    test_per_class: dict[str, Accuracy] | None = None
    """Class name -> recall; of the last cycle only."""
    canary_oa: Accuracy | None = None
    """Test OA of `coordinate_1nn` on the same labels; None for a reference."""


class Refit(Line):
    """One training on what may be labelled, scored once on the test pixels of a split."""

    event: Literal["refit"] = "refit"
    key: str
    """What was trained on what: the same key is the same model."""
    kind: Literal["refit", "baseline"]
    trial_id: TrialId | None = None
    rank: Ordinal | None = None
    cell: dict[str, Any] | None = None
    """`hsiauto study`: axis -> value of the cell; None outside an ablation."""
    family: str
    input: str
    """What the family reads: pixel, patch, tile, features or coordinates; of an ensemble several, joined by ` + `."""
    config: dict[str, Any]
    config_hash: str
    trained_config: dict[str, Any] | None = None
    """What was trained, if the split could not feed `config`."""
    support: Count
    """Radius in pixels of the input that one prediction reads; of what was trained, as are the next two."""
    parameters: Count | None = None
    macs: Count | None = None
    seed: Count
    split_seed: Count
    max_epochs: Ordinal
    """Over all cycles."""
    acquisition: str | None = None
    """How labels were asked for; None: all of the pool are known."""
    state: JobState
    error: str = ""
    device: str = ""
    node: str = ""
    started_at: Time = ""
    finished_at: Time = ""
    split_hash: str | None = None
    """None if no such split can be drawn; and so are the next seven."""
    labels_train: Count | None = None
    labels_val: Count | None = None
    pixels_test: Count | None = None
    test_pixels_per_class: dict[str, Count] | None = None
    """Class name -> test pixels."""
    classes_scored: Count | None = None
    overlap_contains: Accuracy | None = None
    """Share of test patches that contain a training pixel."""
    overlap_shares: Accuracy | None = None
    """Share of test patches that share a pixel with a training patch."""
    epochs: Count | None = None
    fit_seconds: Amount | None = None
    peak_memory_bytes: Count | None = None
    val_oa: Accuracy | None = None
    """None unless a part validates, which then does not train; and so are the next four."""
    val_aa: Accuracy | None = None
    val_kappa: Accuracy | None = None
    val_loss: Number | None = None
    val_losses: tuple[Number, ...] = ()
    """After each epoch, in nats."""
    test_oa: Accuracy | None = None
    test_aa: Accuracy | None = None
    test_kappa: Accuracy | None = None
    test_per_class: dict[str, Accuracy] | None = None
    """Class name -> recall."""
    predict_pixels_per_second: Amount | None = None


class Model(Line):
    """The winner's model was saved in the run folder."""

    event: Literal["model"] = "model"
    key: str
    config_hash: str

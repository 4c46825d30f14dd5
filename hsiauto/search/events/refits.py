"""Events after the search. Test scores stand in `cycle` and `refit` alone, which are in refits.jsonl alone."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from hsiauto.metrics import ROUNDING
from hsiauto.search.events.line import Accuracy, Amount, Count, Line, Number, Ordinal, Share, Time, TrialId
from hsiauto.search.events.right import Right, unpacked
from hsiauto.split.distance import BINS

JobState = Literal["completed", "failed", "skipped"]
"""skipped: a deadline left it out; a later call trains it."""


class DistanceBin(BaseModel):
    """Test and map at some distance: pixels (Chebyshev) to the nearest training pixel."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, ser_json_inf_nan="strings")

    test_pixels: Count
    test_oa: Accuracy | None = None
    """None without a test pixel, and unless it was scored; and so is the next."""
    interval: tuple[Accuracy, Accuracy] | None = None
    """Of 95 %, for which pixels of one block are alike."""
    map_pixels: Count
    """Pixels of the scene that hold data, training pixels among them."""
    map_beyond: Count
    """Of these, further away than any test pixel."""

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if (self.test_oa is None) != (self.interval is None) or (self.interval and not self.test_pixels):
            raise ValueError("an accuracy has pixels and an interval")
        if self.map_beyond > self.map_pixels:
            raise ValueError("more than all of the map's pixels lie beyond the test")
        return self


def _one_for_each_bin(bins: tuple[DistanceBin, ...]) -> tuple[DistanceBin, ...]:
    if bins and len(bins) != len(BINS):
        raise ValueError(f"there are {len(BINS)} bins of distances")
    return bins


ByDistance = Annotated[tuple[DistanceBin, ...], AfterValidator(_one_for_each_bin)]
"""One for each of `split.distance.BINS`; empty: not known."""


Confused = tuple[tuple[Count, Count, Count], ...]
"""The confusion matrix: (class in truth, class predicted, test pixels) wherever there are any; classes are 0-based."""


class Reevaluated(Line):
    """A candidate was trained anew and validated on pixels that did not choose it."""

    event: Literal["reevaluated"] = "reevaluated"
    trial_id: TrialId
    fold: Count
    """Number of the validation fold; the search scores on fold 1."""
    state: JobState
    error: str = ""
    started_at: Time = ""
    finished_at: Time = ""
    val_oa: Accuracy | None = None
    """Accuracies are fractions; None unless it trained to the end, and so are the next three."""
    val_aa: Accuracy | None = None
    val_kappa: Accuracy | None = None
    fit_seconds: Amount | None = None

    def score(self, objective: str) -> float:
        """`objective` (kappa, oa, aa) on validation; NaN unless it trained to the end."""
        value: float | None = getattr(self, f"val_{objective}")
        return math.nan if value is None else value


class Placed(BaseModel):
    """A config in its place in the final order, as it is retrained."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, ser_json_inf_nan="strings")

    trial_id: TrialId | None = None
    """None: the ensemble, which no trial trained."""
    members: tuple[TrialId, ...] = ()
    """Trials whose configs the ensemble averages; empty for any other."""
    family: str
    config: dict[str, Any]
    """The trial's, but with the smoothing that validation has chosen."""
    config_hash: str
    score: Number
    """Its objective, mean over the deciding folds; on the search's own fold if they decide nothing; NaN: neither."""
    on_folds: tuple[Accuracy, ...]
    """On each deciding fold that it was measured on."""
    ece: Share | None = None
    """`metrics.calibration_error` on all pixels of these folds; None if it told no probabilities."""
    reason: str
    """Why it stands where it stands."""


class Ranked(Line):
    """The final order, settled before a test label is read. Another trial's end makes it obsolete."""

    event: Literal["ranked"] = "ranked"
    order: tuple[Placed, ...]
    """Best first."""
    unplaced: dict[TrialId, str]
    """Re-evaluated trial -> why it has no place."""
    classes_validated: Count | None = None
    """Classes of which the folds that decided hold a pixel."""
    notes: tuple[str, ...] = ()
    """Folds that could not be drawn, and what those that could lack."""


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
    test_ece: Share | None = None
    test_per_class: dict[str, Accuracy] | None = None
    """Class name -> recall; of the last cycle only, and so are the next two."""
    confused: Confused | None = None
    right: Right | None = None
    by_distance: ByDistance = ()
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
    scene: str | None = None
    """The scene that was held out, under `scenes`."""
    split_hash: str | None = None
    """None if no such split can be drawn; and so are the next ten."""
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
    test_distance_min: Count | None = None
    """Pixels from training (Chebyshev) to the nearest test pixel; None in another scene, and so are the next two."""
    test_distance_max: Count | None = None
    """To the furthest one."""
    map_distance_median: Count | None = None
    """Within which half of the scene's pixels lie."""
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
    test_ece: Share | None = None
    test_per_class: dict[str, Accuracy] | None = None
    """Class name -> recall."""
    confused: Confused | None = None
    right: Right | None = None
    """Which test pixels were classified right: two refits of a split are compared pixel by pixel."""
    by_distance: ByDistance = ()
    predict_pixels_per_second: Amount | None = None

    @model_validator(mode="after")
    def _bins_add_up(self) -> Self:
        if self.by_distance and sum(one.test_pixels for one in self.by_distance) != self.pixels_test:
            raise ValueError("the bins of distances hold the test pixels")
        if self.by_distance and self.test_oa is not None:
            right = sum((one.test_oa or 0.0) * one.test_pixels for one in self.by_distance)
            if not abs(right / max(1, self.pixels_test or 0) - self.test_oa) < ROUNDING:
                raise ValueError("test_oa is that of the bins of distances together")
        return self

    @model_validator(mode="after")
    def _confusion_adds_up(self) -> Self:
        if self.confused is not None:
            if any(max(pair) >= (self.classes_scored or 0) for *pair, _ in self.confused):
                raise ValueError("classes of the confusion matrix are scored")
            if sum(pixels for *_, pixels in self.confused) != self.pixels_test:
                raise ValueError("the confusion matrix holds the test pixels")
        return self

    @model_validator(mode="after")
    def _right_adds_up(self) -> Self:
        if self.right is not None:
            right = unpacked(self.right, self.pixels_test or 0)
            if self.test_oa is None or not right.size or not abs(right.mean() - self.test_oa) < ROUNDING:
                raise ValueError("test_oa is the share of the test pixels that are right")
        return self


class Model(Line):
    """The winner's model was saved in the run folder."""

    event: Literal["model"] = "model"
    key: str
    config_hash: str


class Mapped(Line):
    """The winner's model has classified the whole scene."""

    event: Literal["mapped"] = "mapped"
    config_hash: str
    share_applicable: Accuracy
    """Share of the scene's pixels within its area of applicability."""

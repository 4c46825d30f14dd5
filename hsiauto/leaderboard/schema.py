"""The columns of a leaderboard, with what each means. The text travels in the file, as metadata of the field."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args

import pyarrow as pa

from hsiauto.config.run_config import Objective

SCHEMA_VERSION = "1"
"""Raised when a column changes its meaning or goes; a new column is no new version."""

PARAM = "param."


class Column(NamedTuple):
    name: str
    type: pa.DataType
    meaning: str
    choices: tuple[str, ...] = ()
    """All values of a column of words that code reads; empty: any text."""

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest number that a run writes."""
        if self.type == pa.int64():
            return 0, 2**63
        accuracy = self.name.startswith(("overlap_", "map_share_")) or self.name.endswith(
            ("_oa", "_aa", "_ece", "_low", "_high", "_mean")
        )
        return (-1, 1) if accuracy or self.name.endswith("_kappa") else (0, math.inf)


_STRING, _INT, _FLOAT, _BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()

IDENTITY = (
    Column("run_id", _STRING, "the run that made this row"),
    Column("dataset", _STRING, "scene, with its variant"),
    Column("objective", _STRING, "what the search maximised on validation: kappa, oa or aa", get_args(Objective)),
    Column("split_seed", _INT, "seed of the split; on rows of other splits than the run's, theirs"),
    Column("scene", _STRING, "the scene that was held out; null unless protocol is scenes"),
    Column("kind", _STRING, "trial | refit | baseline (references, and presets that a sceptic asks for)"),
    Column("trial_id", _STRING, "the trial, or the trial that found the refitted config"),
    Column(
        "origin",
        _STRING,
        "origin of a trial's config: preset | warm-start | portfolio | sampler; null on other rows",
    ),
    Column("found_by", _STRING, "<run>/<trial> that a warm start took the config from; null otherwise"),
    Column("family", _STRING, "architecture family, or ensemble: the mean of several"),
    Column("state", _STRING, "completed | stopped | failed | refused | interrupted | running; refits: also skipped"),
    Column("error", _STRING, "why it failed, was stopped, refused or skipped; how a worker of it died; or null"),
    Column(
        "rank",
        _INT,
        "final order, 1 = winner, settled on validation before any test label was read; on the ranked configs' trials "
        "and on their refits on the run's own split (in the table of another split: on that)",
    ),
    Column("epochs", _INT, "epochs done; equal to max_epochs = full fidelity"),
    Column("max_epochs", _INT, "epochs of the complete schedule"),
    Column("seed", _INT, "of weights and batches"),
    Column(
        "config",
        _STRING,
        "JSON of the active hyperparameters, as trained: a further split may hold fewer pixels, so fewer components",
    ),
    Column("config_hash", _STRING, "identifies what the config that was asked for does; joins rows of that config"),
    Column(
        "cell",
        _STRING,
        "JSON {axis: value} of an ablation's cell, label noise among the axes; null otherwise",
    ),
)

RESULTS = (
    Column("val_oa", _FLOAT, "overall accuracy on validation, a fraction, at the last epoch; selects, so it flatters"),
    Column("val_aa", _FLOAT, "average accuracy over classes on validation, at the last epoch"),
    Column("val_kappa", _FLOAT, "Cohen's kappa on validation, at the last epoch"),
    Column("val_loss", _FLOAT, "cross-entropy on validation in nats, at the last epoch"),
    Column(
        "val_folds_mean",
        _FLOAT,
        "mean objective, at full fidelity, over further validation folds, which did not choose the config; on the rows "
        "that have a rank",
    ),
    Column("val_folds_std", _FLOAT, "its standard deviation over these folds"),
    Column("val_folds_n", _INT, "their number"),
    Column(
        "val_folds_ece", _FLOAT, "test_ece, but on the pixels of these folds together; null if none told probabilities"
    ),
    Column("test_oa", _FLOAT, "overall accuracy on the sealed test pixels; refits and baselines only"),
    Column(
        "test_oa_low",
        _FLOAT,
        "lower end of the 95 % interval (Wilson) that pixels_test independent pixels allow for test_oa; those of one "
        "field are not independent, so less is known",
    ),
    Column("test_oa_high", _FLOAT, "upper end of the same"),
    Column("test_aa", _FLOAT, "average accuracy over classes on test; refits and baselines only"),
    Column("test_kappa", _FLOAT, "Cohen's kappa on test; refits and baselines only"),
    Column(
        "test_ece",
        _FLOAT,
        "expected calibration error on test, in 15 bins of as many pixels each: how far the probability of the class "
        "that is predicted lies from the share of the pixels where it is right; refits and baselines only",
    ),
    Column("test_per_class", _STRING, "JSON {class name: recall on test}; refits and baselines only"),
    Column("test_pixels_per_class", _STRING, "JSON {class name: test pixels}, of which test_per_class is the share"),
    Column(
        "test_oa_by_distance",
        _STRING,
        "JSON {pixels to the nearest training pixel: test OA of the test pixels that lie so far}, null without one",
    ),
    Column(
        "test_interval_by_distance",
        _STRING,
        "JSON {the same: [low, high]}, its 95 % interval, for which the pixels of one block are alike",
    ),
    Column("test_pixels_by_distance", _STRING, "JSON {pixels to the nearest training pixel: test pixels}"),
    Column("map_pixels_by_distance", _STRING, "the same of the pixels of the scene that hold data"),
    Column(
        "test_distance_min", _INT, "pixels from the nearest test pixel to training (Chebyshev); null in another scene"
    ),
    Column("test_distance_max", _INT, "pixels from the furthest test pixel to training"),
    Column("map_distance_median", _INT, "pixels from training within which half of the scene lies"),
    Column(
        "map_oa",
        _FLOAT,
        "expected accuracy of the map of this scene: test_oa_by_distance weighted by map_pixels_by_distance; nearer "
        "pixels than any tested one count as the nearest tested ones, and what lies further away is left out",
    ),
    Column("map_oa_low", _FLOAT, "lower end of its 95 % interval, from those of test_interval_by_distance"),
    Column("map_oa_high", _FLOAT, "upper end of the same"),
    Column("map_share_beyond", _FLOAT, "share of the map that lies further from training than any test pixel"),
    Column(
        "map_share_applicable",
        _FLOAT,
        "share of the map within the model's area of applicability: as like training as training fields are like each "
        "other; on the winner's refits, once its map was drawn",
    ),
    Column("protocol", _STRING, "blocks | groups | random | fixed | scenes | spectra"),
    Column("split_hash", _STRING, "identifies the pixels of train, validation and test"),
    Column("block_size", _INT, "side of a block in pixels; null unless protocol is blocks"),
    Column("buffer", _INT, "pixels between training and test (Chebyshev); null unless protocol is blocks or groups"),
    Column("support", _INT, "radius in pixels of the input that one prediction reads"),
    Column("overlap_contains", _FLOAT, "share of test patches that contain a training pixel"),
    Column("overlap_shares", _FLOAT, "share of test patches that share a pixel with a training patch"),
    Column(
        "transductive",
        _BOOL,
        "whether training saw spectra of unlabelled ground, test pixels among them; never a label",
    ),
    Column("classes_scored", _INT, "classes in both training and test; of protocol scenes all that train"),
    Column(
        "classes_validated",
        _INT,
        "of these, the classes of which the validation folds that decided hold a pixel: how well a model tells the "
        "others had no part in the choice; on the rows that have a rank",
    ),
    Column(
        "further_splits_oa_mean",
        _FLOAT,
        "test OA of the winner's config over further splits, one training each; the search may have seen their test "
        "pixels as training pixels; on the winner's refits",
    ),
    Column("further_splits_oa_std", _FLOAT, "standard deviation (n - 1) of the same"),
    Column("further_splits_oa_n", _INT, "further splits in the same"),
    Column(
        "scenes_oa_mean",
        _FLOAT,
        "test OA of the winner's config over the scenes that were held out in turn, that of the search among them, one "
        "training each; on the winner's refits",
    ),
    Column("scenes_oa_std", _FLOAT, "standard deviation (n - 1) of the same"),
    Column("scenes_oa_n", _INT, "scenes in the same"),
    Column(
        "pareto",
        _BOOL,
        "whether no other completed trial has as good an objective on validation at as good a second one, one of them "
        "better; the second is `second_objective`, by default parameters; null for rows without either value",
    ),
    Column("attempt", _INT, "attempt at the trial; a resume, or the death of its worker, starts another one"),
    Column("labels_train", _INT, "labelled pixels that trained: a refit trains on all that may be labelled"),
    Column("labels_val", _INT, "labelled pixels that validated"),
    Column(
        "acquisition",
        _STRING,
        "how labels_train were asked for out of the pool: margin-<k>, entropy or random; null: the whole pool is known",
    ),
    Column("pixels_test", _INT, "test pixels of the split"),
    Column("parameters", _INT, "trainable parameters; null without a network"),
    Column("macs", _INT, "multiply-adds of one prediction; null without a network"),
    Column("fit_seconds", _FLOAT, "training and validation"),
    Column(
        "predict_pixels_per_second",
        _FLOAT,
        "pixels per second of a map: every pixel of a block of the scene, preprocessing included; refits, baselines, "
        "and trials if the search asks for it",
    ),
    Column("peak_memory_bytes", _INT, "CUDA: most that was allocated; CPU: most resident memory of the process"),
    Column("device", _STRING, "where it trained"),
    Column("node", _STRING, "which machine"),
    Column("started_at", _STRING, "ISO 8601, UTC"),
    Column("finished_at", _STRING, "ISO 8601, UTC"),
    Column("versions", _STRING, "JSON of package versions"),
)

COLUMNS = (*IDENTITY, *RESULTS)
"""In the file, the columns `param.<family>.<hyperparameter>` stand between the two parts."""


def schema(records: Sequence[Mapping[str, Any]], provenance: Mapping[str, str]) -> pa.Schema:
    """The schema of a table with `records`: the fixed columns, and one for each hyperparameter."""
    names = dict.fromkeys(name for record in records for name in record if name.startswith(PARAM))
    params = [
        Column(name, _type_of([r.get(name) for r in records]), f"hyperparameter {name.removeprefix(PARAM)}")
        for name in names
    ]
    fields = [
        pa.field(column.name, column.type, metadata={"description": column.meaning})
        for column in (*IDENTITY, *params, *RESULTS)
    ]
    return pa.schema(fields, metadata={"hsiauto.schema_version": SCHEMA_VERSION, **provenance})


def _type_of(values: Sequence[object]) -> pa.DataType:
    types = {type(value) for value in values if value is not None}
    if types == {bool}:
        return _BOOL
    if types == {int}:
        return _INT
    return _FLOAT if types and types <= {int, float} else _STRING

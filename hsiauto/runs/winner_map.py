"""map.png and map.npz: the winner's model on the whole scene that it was trained on, if time allows."""

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hsiauto.errors import UserError
from hsiauto.models.applicability import Applicability
from hsiauto.models.bundle import Bundle, load_model
from hsiauto.models.fitted.base import Fitted
from hsiauto.models.predict import Prediction, on_fastest_device, predict_scene
from hsiauto.refit import RUNNERS_UP
from hsiauto.refit.map_reserve import BESIDE_S
from hsiauto.report.false_colour import false_colour
from hsiauto.report.map_figure import draw_map
from hsiauto.report.page import SceneMap
from hsiauto.runs import folder as folders
from hsiauto.runs.prepare import Prepared
from hsiauto.scene.model import Scene
from hsiauto.scene.mosaic import picture

DRAWING_S = 5.0
"""What drawing and the end of the command take after the scene is classified."""


class _OutOfTimeError(Exception):
    """Raised between two strips of the scene."""


def draw_winner_map(
    prepared: Prepared, bundle: Bundle, table: pa.Table, path: Path, end: float | None
) -> Prediction | None:
    """Draw `path`; None if it would not be done by `end` (time.monotonic)."""
    scene, split = prepared.scene, prepared.split
    last = None if end is None else end - DRAWING_S
    try:
        seconds = _seconds_as_measured(table, 1, int(scene.valid.sum()))
        predicted = _predicted(bundle.fitted, scene, seconds, last, bundle.applicability)
    except _OutOfTimeError:
        return None
    disagreement = _disagreement(prepared, path.parent, table, predicted.classes, last)
    classes = np.array([0, *split.classes], np.int16)[predicted.classes]  # the model knows only the scored classes
    drawn = replace(predicted, classes=classes)
    scores = bundle.provenance.test_scores
    title = f"{scene.name}, {bundle.fitted.config.family}, {split.spec.protocol} split {split.hash}"
    if "oa_low" in scores:
        title += f"\ntest OA of this model {scores['oa']:.3f} of {bundle.provenance.test_pixels:,} pixels"
        title += f", 95 % interval {scores['oa_low']:.3f} to {scores['oa_high']:.3f}"
    draw_map(scene, split, drawn, title, path)
    _as_data(prepared, drawn, disagreement).save(path.with_name(folders.MAP_DATA))
    return drawn


def _predicted(
    fitted: Fitted, scene: Scene, seconds: float, last: float | None, applicability: Applicability | None = None
) -> Prediction:
    """Raises _OutOfTimeError if it would not be done by `last`. seconds: what the scene takes, as it was measured."""
    begun = time.monotonic()

    def check(share_left: float, seconds: float) -> None:
        if last is not None and time.monotonic() + share_left * seconds > last:
            raise _OutOfTimeError

    def on_rows(done: int, total: int) -> None:
        check(1 - done / total, (time.monotonic() - begun) * total / done)

    check(1.0, seconds)
    return predict_scene(on_fastest_device(fitted), scene.cube, scene.valid, on_rows, applicability=applicability)


def _disagreement(
    prepared: Prepared, folder: Path, table: pa.Table, classes: npt.NDArray[np.int16], last: float | None
) -> npt.NDArray[np.uint8] | None:
    """How many different classes (H, W) the winner, which says `classes`, and the kept models of the ranks behind it
    name; 0 without data. None if none is kept, or if they take longer than the winner did and longer than
    `refit.map_reserve` keeps for the end of a run."""
    ranks = sorted(_kept(folder, table).items())
    seconds = {rank: _seconds_as_measured(table, rank, int(prepared.scene.valid.sum())) for rank in (1, *dict(ranks))}
    if not ranks or sum(seconds.values()) - seconds[1] > max(BESIDE_S, seconds[1]):
        return None
    said = [classes]
    try:
        for rank, fitted in ranks:
            said.append(_predicted(fitted, prepared.scene, seconds[rank], last).classes)
    except _OutOfTimeError:
        return None
    different = 1 + (np.diff(np.sort(said, axis=0), axis=0) != 0).sum(axis=0)
    return np.where(classes > 0, different, 0).astype(np.uint8)


def _kept(folder: Path, table: pa.Table) -> dict[int, Fitted]:
    """Rank -> its model, as far as it is there, whole, and still of that rank."""
    ranked = {row["rank"]: row["config_hash"] for row in table.to_pylist() if row["kind"] == "refit"}
    found = {}
    for place in sorted((folder / RUNNERS_UP).glob("[0-9]")):
        with suppress(UserError):
            fitted = load_model(place)
            if ranked.get(int(place.name)) == fitted.config.hash():
                found[int(place.name)] = fitted
    return found


def _as_data(prepared: Prepared, drawn: Prediction, disagreement: npt.NDArray[np.uint8] | None) -> SceneMap:
    scene, split = prepared.scene, prepared.split
    side = np.zeros(scene.height * scene.width, np.uint8)
    side[split.pool], side[split.test] = 1, 2
    told = drawn.dissimilarity
    return SceneMap(
        false_colour=false_colour(scene),
        valid=picture(scene.valid, scene.parts),
        truth=picture(scene.labels.astype(np.uint16), scene.parts),
        side=picture(side.reshape(scene.height, scene.width), scene.parts),
        classes=picture(drawn.classes.astype(np.uint16), scene.parts),
        confidence=picture(np.round(255 * drawn.confidence).astype(np.uint8), scene.parts),
        names=np.array(scene.class_names),
        dissimilarity=None if told is None else picture(_hundredths(told), scene.parts),
        disagreement=None if disagreement is None else picture(disagreement, scene.parts),
    )


def _hundredths(dissimilarity: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Nothing beyond the border is rounded into the area; 0 without data."""
    return np.nan_to_num(np.ceil(100 * dissimilarity), nan=0).clip(0, 255).astype(np.uint8)


def _seconds_as_measured(table: pa.Table, rank: int, n_pixels: int) -> float:
    """Seconds that a model takes for `n_pixels`, at the pace of its refits; 0 if that was not measured."""
    rows = (row for row in table.to_pylist() if row["kind"] == "refit" and row["rank"] == rank)
    paces = [row["predict_pixels_per_second"] for row in rows if row["predict_pixels_per_second"]]
    return n_pixels / max(paces) if paces else 0.0

"""map.png and map.npz: the winner's model on the whole scene that it was trained on, if time allows."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from hsiauto.models.bundle import Bundle
from hsiauto.models.predict import Prediction, on_fastest_device, predict_scene
from hsiauto.report.map_figure import draw_map, false_colour
from hsiauto.report.page import SceneMap
from hsiauto.runs import folder as folders
from hsiauto.runs.prepare import Prepared
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
    begun = time.monotonic()
    last = None if end is None else end - DRAWING_S

    def check(share_left: float, seconds: float) -> None:
        """`seconds`: how long the whole scene takes."""
        if last is not None and time.monotonic() + share_left * seconds > last:
            raise _OutOfTimeError

    def on_rows(done: int, total: int) -> None:
        check(1 - done / total, (time.monotonic() - begun) * total / done)

    try:
        check(1.0, _seconds_as_measured(table, int(scene.valid.sum())))
        fitted = on_fastest_device(bundle.fitted)
        predicted = predict_scene(fitted, scene.cube, scene.valid, on_rows, applicability=bundle.applicability)
    except _OutOfTimeError:
        return None
    classes = np.array([0, *split.classes], np.int16)[predicted.classes]  # the model knows only the scored classes
    drawn = replace(predicted, classes=classes)
    scores = bundle.provenance.test_scores
    title = f"{scene.name}, {bundle.fitted.config.family}, {split.spec.protocol} split {split.hash}"
    if "oa_low" in scores:
        title += f"\ntest OA of this model {scores['oa']:.3f} of {bundle.provenance.test_pixels:,} pixels"
        title += f", 95 % interval {scores['oa_low']:.3f} to {scores['oa_high']:.3f}"
    draw_map(scene, split, drawn, title, path)
    _as_data(prepared, drawn).save(path.with_name(folders.MAP_DATA))
    return drawn


def _as_data(prepared: Prepared, drawn: Prediction) -> SceneMap:
    scene, split = prepared.scene, prepared.split
    side = np.zeros(scene.height * scene.width, np.uint8)
    side[split.pool], side[split.test] = 1, 2
    return SceneMap(
        false_colour=false_colour(scene),
        valid=picture(scene.valid, scene.parts),
        truth=picture(scene.labels.astype(np.uint16), scene.parts),
        side=picture(side.reshape(scene.height, scene.width), scene.parts),
        classes=picture(drawn.classes.astype(np.uint16), scene.parts),
        confidence=picture(np.round(255 * drawn.confidence).astype(np.uint8), scene.parts),
        names=np.array(scene.class_names),
    )


def _seconds_as_measured(table: pa.Table, n_pixels: int) -> float:
    """Seconds that the winner takes for `n_pixels`, at the pace of its refits; 0 if that was not measured."""
    rows = (row for row in table.to_pylist() if row["kind"] == "refit" and row["rank"] == 1)
    paces = [row["predict_pixels_per_second"] for row in rows if row["predict_pixels_per_second"]]
    return n_pixels / max(paces) if paces else 0.0

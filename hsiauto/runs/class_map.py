"""Classify a scene with an exported model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hsiauto.errors import UserError
from hsiauto.leaderboard import applicability_statement
from hsiauto.models.bundle import load_bundle
from hsiauto.models.predict import on_fastest_device, predict_scene
from hsiauto.models.value_range import why_outside
from hsiauto.report.legend import Legend
from hsiauto.report.maps import Layer, check_map, layer_path, map_files, write_map
from hsiauto.runs.folder import makes_bundle_again
from hsiauto.runs.map_target import claim
from hsiauto.runs.watch import Stop, Watch
from hsiauto.scene import open_image
from hsiauto.scene.bands import ModelBands
from hsiauto.scene.memory import within_memory
from hsiauto.scene.source import SceneSource
from hsiauto.search.events.transient import Classifying, OnEvent
from hsiauto.settings import typed_path


@dataclass(frozen=True)
class ClassShare:
    """What a map holds of a class."""

    value: int
    """Its value in the map: that of the label map which the model was trained with."""
    name: str
    share: float
    """Of the scene's pixels."""


@dataclass(frozen=True)
class ClassMap:
    """A map that was written."""

    path: Path
    """The file of the first layer."""
    height: int
    width: int
    classes: tuple[ClassShare, ...]
    notes: tuple[str, ...] = ()
    """Remarks that a reader of the map must know."""
    warnings: tuple[str, ...] = ()
    """Why the map may be wrong."""


@within_memory("the map of a scene")
def predict(
    bundle: str | Path,
    scene: SceneSource | str | Path,
    out: str | Path,
    *,
    layers: Sequence[Layer] = ("class",),
    overwrite: bool = False,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
) -> ClassMap:
    """Write the class map of `scene`, a source, a known name or a file, to `out`; a further layer stands beside it.

    layers: of class, confidence, probabilities and dissimilarity, which is at most 1 within the model's area of
    applicability (`hsiauto.models.applicability`). overwrite: an older file may be replaced, though never one of the
    scene, a bundle or a run. on_event: called with `Classifying`. stop: ends it with KeyboardInterrupt, and nothing is
    written. Raises UserError for anything that does not fit, before the scene is classified.
    """
    path: Path = typed_path(out)
    watch = Watch.of(on_event, stop)
    source = scene if isinstance(scene, SceneSource) else SceneSource(dataset=str(scene))
    folder: Path = typed_path(bundle)
    try:
        loaded = load_bundle(folder)
    except UserError as error:
        raise UserError(error.rule, error.received, makes_bundle_again(folder.parent) or error.remedy) from error
    if "dissimilarity" in layers and loaded.applicability is None:
        raise UserError("`layers` dissimilarity needs a bundle with training pixels", folder, "Export the model again.")
    legend = Legend.of(loaded.provenance)
    check_map(path, legend, layers)
    claim(map_files(path, layers), source, overwrite)
    came_from = loaded.provenance
    bands = ModelBands(loaded.fitted.n_bands, came_from.wavelengths_nm, came_from.dropped_bands)
    opened = open_image(source, bands)

    def on_rows(done: int, total: int) -> None:
        watch.on_event(Classifying(done, total))
        watch.check()

    prediction = predict_scene(
        on_fastest_device(loaded.fitted),
        opened.cube,
        opened.valid,
        on_rows,
        keep_probabilities="probabilities" in layers,
        applicability=loaded.applicability if "dissimilarity" in layers else None,
    )
    outside = why_outside(came_from.value_range, opened.cube, opened.valid) if came_from.value_range else ""
    write_map(prediction, path, legend, opened.geo, layers)
    classes = tuple(
        ClassShare(value, name, float((prediction.classes == k).mean()))
        for k, (value, name) in enumerate(zip(legend.values, legend.names, strict=True), start=1)
    )
    warnings = (outside,) if outside else ()
    notes = opened.notes
    if (share := prediction.share_applicable) is not None:
        notes += (applicability_statement(share),)
    return ClassMap(layer_path(path, layers[0]), opened.height, opened.width, classes, notes, warnings)

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
from hsiauto.report.polygons import check_polygons, polygons_path, write_polygons
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
    polygons: Path | None = None
    """The file of the classes as polygons, if they were asked for."""


@within_memory("the map of a scene")
def predict(
    bundle: str | Path,
    scene: SceneSource | str | Path,
    out: str | Path,
    *,
    layers: Sequence[Layer] = ("class",),
    vectorize: bool = False,
    min_pixels: int = 1,
    overwrite: bool = False,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
) -> ClassMap:
    """Write the class map of `scene`, a source, a known name or a file, to `out`; a further layer stands beside it.

    layers: of class, confidence, probabilities and dissimilarity, which is at most 1 within the model's area of
    applicability (`hsiauto.models.applicability`). vectorize: the classes as polygons too, in a GeoPackage beside
    `out`; patches of fewer than `min_pixels` pixels join their largest neighbour there, not in the map. overwrite: an
    older file may be replaced, though never one of the scene, a bundle or a run. on_event: called with `Classifying`.
    stop: ends it with KeyboardInterrupt, and nothing is written. Raises UserError for anything that does not fit,
    before the scene is classified.
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
    polygons = (polygons_path(path),) * vectorize
    if vectorize:
        check_polygons()
    if min_pixels < 1 or (min_pixels > 1 and not vectorize):
        rule = "`min_pixels` is 1 or more, and belongs to `vectorize`"
        raise UserError(rule, min_pixels, "Ask for polygons too, or leave it out.")
    claim((*map_files(path, layers), *polygons), source, overwrite)
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
    notes = opened.notes
    for file in polygons:
        n_polygons = write_polygons(prediction, file, legend, opened.geo, min_pixels)
        notes += (f"{n_polygons:,} polygons in {file.name}",)
    classes = tuple(
        ClassShare(value, name, float((prediction.classes == k).mean()))
        for k, (value, name) in enumerate(zip(legend.values, legend.names, strict=True), start=1)
    )
    warnings = (outside,) if outside else ()
    if (share := prediction.share_applicable) is not None:
        notes += (applicability_statement(share),)
    drawn = layer_path(path, layers[0])
    return ClassMap(drawn, opened.height, opened.width, classes, notes, warnings, *polygons)

"""Classify a scene with an exported model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hsiauto.models.bundle import load_bundle
from hsiauto.models.predict import on_fastest_device, predict_scene
from hsiauto.report.maps import check_map_path, write_map
from hsiauto.runs.watch import Stop, Watch
from hsiauto.scene import open_image
from hsiauto.scene.source import SceneSource
from hsiauto.search.events.transient import Classifying, OnEvent


@dataclass(frozen=True)
class ClassMap:
    """A map that was written."""

    path: Path
    height: int
    width: int
    shares: Mapping[str, float]
    """Class name -> share of the scene's pixels."""


def predict(
    bundle: str | Path,
    scene: SceneSource | str | Path,
    out: str | Path,
    *,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
) -> ClassMap:
    """Write the class and confidence map of `scene`, a source, a known name or a file, to `out`.

    on_event: called with `Classifying`. stop: ends it with KeyboardInterrupt, and nothing is written.
    Raises UserError for anything that does not fit.
    """
    out, watch = Path(out), Watch.of(on_event, stop)
    check_map_path(out)
    source = scene if isinstance(scene, SceneSource) else SceneSource(dataset=str(scene))
    loaded = load_bundle(Path(bundle))
    opened = open_image(source, loaded.fitted.n_bands)

    def on_rows(done: int, total: int) -> None:
        watch.on_event(Classifying(done, total))
        watch.check()

    prediction = predict_scene(on_fastest_device(loaded.fitted), opened.cube, opened.valid, on_rows)
    names = loaded.provenance.class_names
    write_map(prediction, out, opened.geo, names)
    shares = {name: float((prediction.classes == k).mean()) for k, name in enumerate(names, start=1)}
    return ClassMap(out, opened.height, opened.width, shares)

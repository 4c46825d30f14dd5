"""Classify a scene with an exported model."""

from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from hsiauto.models.bundle import load_bundle
from hsiauto.models.predict import on_fastest_device, predict_scene
from hsiauto.report.maps import check_map_path, write_map
from hsiauto.scene import open_image
from hsiauto.scene.source import SceneSource


def predict(bundle: Path, source: SceneSource, out: Path, *, console: Console) -> None:
    """Write class and confidence maps of `source` to `out`. Raises UserError for anything that does not fit."""
    check_map_path(out)
    loaded = load_bundle(bundle)
    scene = open_image(source, loaded.fitted.n_bands)
    with Progress(console=console, transient=True) as bars:
        task = bars.add_task("classifying", total=scene.height)
        prediction = predict_scene(
            on_fastest_device(loaded.fitted),
            scene.cube,
            scene.valid,
            lambda done, total: bars.update(task, completed=done, total=total),
        )
    write_map(prediction, out, scene.geo, loaded.provenance.class_names)
    console.print(f"{out}: {scene.height} x {scene.width} pixels", highlight=False, soft_wrap=True)
    for number, name in enumerate(loaded.provenance.class_names, start=1):
        share = float((prediction.classes == number).mean())
        console.print(f"  {number:>3}  {name}  {share:.1%}", highlight=False, markup=False)

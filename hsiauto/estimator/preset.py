"""One family's preset on everything that is labelled: no search, no test, no Ray."""

import numpy as np
import torch

from hsiauto.config import RunConfig
from hsiauto.errors import UserError
from hsiauto.models.fitted.base import Fitted
from hsiauto.scene import open_scene
from hsiauto.scene.bands import ModelBands
from hsiauto.space import Space
from hsiauto.split.seal import TrialData
from hsiauto.training.ensemble import begun


def fit_preset(config: RunConfig, *, windows: bool) -> tuple[Fitted, tuple[int, ...], ModelBands]:
    """The model, the label value of each of its classes, and its bands. windows: it may read neighbours of a pixel.

    Raises UserError unless `config` names one family, and for a scene that it cannot be trained on.
    """
    if config.families is None or len(config.families) != 1:
        received = ", ".join(config.families or ()) or "none"
        raise UserError("`budget` 0 trains the preset of one family", received, "Name one in `families`, e.g. lda.")
    space, scene = Space.load(config.space, config.families, config.pins), open_scene(config.scene)
    if scene.n_classes < 2:
        raise UserError("a classifier needs two classes", f"{scene.n_classes} in {scene.name}", "Label another one.")
    pixels = np.flatnonzero(scene.labels)
    limits = (None if windows else 0, config.unlabelled)
    bound = space.bind(scene.n_bands, len(pixels), scene.height, scene.width, scene.n_classes, *limits)
    data = TrialData(
        cube=scene.cube,
        valid=scene.valid,
        n_classes=scene.n_classes,
        train_pixels=pixels,
        train_labels=scene.labels.ravel()[pixels].astype(np.int64) - 1,
        val_pixels=np.empty(0, np.int64),
        val_labels=np.empty(0, np.int64),
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    preset = bound.preset(*config.families)
    trial = begun(preset, data, seed=config.seed, max_epochs=config.max_epochs, device=device)
    while not trial.done:
        trial.step()
    return trial.fitted(), scene.label_values, ModelBands(scene.n_bands, scene.wavelengths_nm, scene.dropped_bands)

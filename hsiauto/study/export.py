"""The winner's model: as a bundle with its provenance, and as a map of the whole scene."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa

from hsiauto.bundle import Bundle, Provenance, load_bundle, load_model, save_bundle
from hsiauto.predict import Prediction, predict_scene
from hsiauto.provenance import git_commit, versions
from hsiauto.refit import MODEL_FOLDER
from hsiauto.report.map_figure import draw_map
from hsiauto.search.journal import now
from hsiauto.study.folder import BUNDLE
from hsiauto.study.prepare import Prepared


def export_winner(prepared: Prepared, folder: Path, table: pa.Table) -> Bundle | None:
    """Turn the winner's first refit into `folder/bundle`; None while no winner has been refitted."""
    model = folder / MODEL_FOLDER
    if not model.exists():
        return load_bundle(folder / BUNDLE) if (folder / BUNDLE).exists() else None
    scene, split = prepared.scene, prepared.split
    rows = [row for row in table.to_pylist() if row["kind"] == "refit" and row["rank"] == 1]
    own = next((row for row in rows if row["seed"] == prepared.study.seed), None)
    provenance = Provenance(
        versions=versions(),
        git_commit=git_commit(),
        dataset=scene.name,
        data_hash=scene.data_hash,
        split_hash=split.hash,
        protocol=split.spec.protocol,
        seed=prepared.study.seed,
        class_names=tuple(scene.class_names[k - 1] for k in split.classes),
        wavelengths_nm=scene.wavelengths_nm,
        rgb_bands=scene.rgb_bands,
        test_scores={name: own[f"test_{name}"] for name in ("oa", "aa", "kappa")} if own else {},
        created_at=now(),
    )
    save_bundle(load_model(model), folder / BUNDLE, provenance)
    shutil.rmtree(model)
    return load_bundle(folder / BUNDLE)


def draw_winner_map(prepared: Prepared, bundle: Bundle, path: Path) -> None:
    """map.png of the scene that the model was trained on."""
    scene, split = prepared.scene, prepared.split
    predicted = predict_scene(bundle.fitted, scene.cube, scene.valid)
    classes = np.array([0, *split.classes], np.int16)[predicted.classes]  # the model knows only the scored classes
    oa = bundle.provenance.test_scores.get("oa")
    title = f"{scene.name}, {bundle.fitted.config.family}, {split.spec.protocol} split {split.hash}"
    title += f", test OA of this model {oa:.3f}" if oa is not None else ""
    draw_map(scene, split, Prediction(classes, predicted.confidence), title, path)

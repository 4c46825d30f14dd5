"""The winner's model as a bundle with its provenance."""

import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from hsiauto.errors import UserError
from hsiauto.leaderboard.storage import object_in
from hsiauto.leaderboard.summary import CANARY
from hsiauto.models.applicability import Applicability
from hsiauto.models.bundle import Bundle, Provenance, load_bundle, load_model, remove, save_bundle
from hsiauto.models.fitted.base import Fitted
from hsiauto.models.value_range import training_range
from hsiauto.refit import MODEL_FOLDER
from hsiauto.report.palette import class_colours
from hsiauto.runs.folder import BUNDLE, BUNDLE_PREVIOUS, MAP, MAP_DATA
from hsiauto.runs.prepare import Prepared
from hsiauto.runs.provenance import git_commit, versions
from hsiauto.search.events import Event, Model, now, of
from hsiauto.split.distance import Distances
from hsiauto.split.seal import class_names, training_data

_BY_DISTANCE = "test_oa_by_distance"
_SCORES = ("oa", "oa_low", "oa_high", "aa", "kappa")


def export_winner(prepared: Prepared, folder: Path, table: pa.Table) -> tuple[Bundle | None, tuple[str, ...]]:
    """Turn the winner's first refit into `folder/bundle`; None while the winner has none, and notes about it.

    A bundle of another config, which an extended search has overtaken, steps aside to `folder/bundle-previous`, and
    its map goes.
    """
    rows = table.to_pylist()
    first = sorted((row for row in rows if row["rank"] == 1), key=lambda row: row["kind"] != "refit")
    winner = first[0]["config_hash"] if first else None  # its trial had no filter: the refit's row has what was trained
    bundle, previous, model = folder / BUNDLE, folder / BUNDLE_PREVIOUS, folder / MODEL_FOLDER
    if winner is None:
        return None, ()
    if (fitted := _model(model)) is not None and fitted.config.hash() == winner:
        if bundle.exists() and _own(bundle, prepared) is None:  # damaged, or another run's
            bundle.rename(bundle.with_name(f"{BUNDLE}-other-{secrets.token_hex(3)}"))
        provenance = provenance_of(prepared, _own_refit(prepared, rows), _canary_oa(prepared, rows))
        save_bundle(fitted, bundle, provenance, _applicability(prepared, fitted))
        shutil.rmtree(model)
        _remove_map(folder)
        return load_bundle(bundle), ()
    loaded = _own(bundle, prepared)
    if loaded is None:
        return None, ()
    if loaded.fitted.config.hash() == winner:
        return loaded, ()
    overtaken = f"the model exported before, {loaded.fitted.config.family}, is no longer the winner: see {previous}"
    if previous.exists():
        restored = _own(previous, prepared)
        if restored is not None and restored.fitted.config.hash() == winner:
            # it won, was overtaken by one never exported, and wins again
            _swap(bundle, previous)
            _remove_map(folder)
            return restored, (overtaken,)
        remove(previous)
    bundle.rename(previous)
    _remove_map(folder)
    return None, (f"{overtaken}; the winner has no model yet",)


def _applicability(prepared: Prepared, fitted: Fitted) -> Applicability | None:
    """None if labels were asked for: those that were are not known here, and the pool is more than what trained. None
    too if pixels have no places: folds that lie apart are what it is measured with."""
    if prepared.run_config.labels is not None or not prepared.split.spec.has_places:
        return None
    data = training_data(prepared.scene, prepared.split)
    apart, _ = Distances.of(prepared.split, prepared.scene.valid).test_range
    return Applicability.fit(fitted, data, apart)


def _remove_map(folder: Path) -> None:
    """Remove the map of a model that is no longer the winner."""
    for name in (MAP, MAP_DATA):
        (folder / name).unlink(missing_ok=True)


def why_model_lost(prepared: Prepared, folder: Path, refits: Sequence[Event]) -> str:
    """Why there is none of the model that `refits` says was saved last; empty: it is there, or none was saved."""
    saved = [event.config_hash for event in of(Model, refits)]
    found = [_model(folder / MODEL_FOLDER)]
    bundles = [_own(folder / name, prepared) for name in (BUNDLE, BUNDLE_PREVIOUS)]
    found += [bundle.fitted for bundle in bundles if bundle]
    if not saved or any(fitted is not None and fitted.config.hash() == saved[-1] for fitted in found):
        return ""
    damaged = (folder / BUNDLE).exists() or (folder / MODEL_FOLDER).exists()
    return f"{BUNDLE} {'was damaged, or is of another run' if damaged else 'is gone'}"


def _model(folder: Path) -> Fitted | None:
    """The model that a refit left; None for none, or a damaged one."""
    try:
        return load_model(folder) if folder.exists() else None
    except UserError:
        return None


def _own(folder: Path, prepared: Prepared) -> Bundle | None:
    """The bundle in `folder`; None for none, a damaged one, or one of another run."""
    try:
        bundle = load_bundle(folder) if folder.exists() else None
    except UserError:
        return None
    own = (prepared.scene.data_hash, prepared.split.hash)
    return bundle if bundle and (bundle.provenance.data_hash, bundle.provenance.split_hash) == own else None


def _swap(first: Path, second: Path) -> None:
    aside = first.with_name(f"{first.name}-swap")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


def _own_refit(prepared: Prepared, rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The row of the model: the winner, with the run's seed, on the run's split."""
    key = {"kind": "refit", "rank": 1, "seed": prepared.run_config.seed, "split_hash": prepared.split.hash}
    return next((row for row in rows if all(row[name] == value for name, value in key.items())), None)


def _canary_oa(prepared: Prepared, rows: list[dict[str, Any]]) -> float | None:
    """What position alone scores on the run's split; None if that was not scored."""
    found = (row for row in rows if row.get("family") == CANARY and row["split_hash"] == prepared.split.hash)
    return next((row["test_oa"] for row in found if row["test_oa"] is not None), None)


def provenance_of(prepared: Prepared, refit: dict[str, Any] | None, canary_oa: float | None = None) -> Provenance:
    """What a bundle says of the model that `refit`, a row of the leaderboard, describes."""
    scene, split = prepared.scene, prepared.split
    colours = class_colours(scene.n_classes)
    return Provenance(
        versions=versions(),
        git_commit=git_commit(),
        dataset=scene.name,
        data_hash=scene.data_hash,
        split_hash=split.hash,
        protocol=split.spec.protocol,
        seed=prepared.run_config.seed,
        class_names=class_names(scene, split),
        label_values=tuple(scene.label_values[k - 1] for k in split.classes),
        class_colours=tuple(bytes(colours[k - 1]).hex() for k in split.classes),
        wavelengths_nm=scene.wavelengths_nm,
        dropped_bands=scene.dropped_bands,
        value_range=training_range(scene.cube, split.pool),
        rgb_bands=scene.rgb_bands,
        test_scores={name: refit[f"test_{name}"] for name in _SCORES} if refit else {},
        test_pixels=refit["pixels_test"] if refit else None,
        canary_oa=canary_oa,
        oa_by_distance=object_in((refit or {}).get(_BY_DISTANCE), _BY_DISTANCE, float | None),
        transductive=refit["transductive"] if refit else None,
        created_at=now(),
    )

"""What becomes of bundles that are lost, damaged, or another run's."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from hsiauto.families.svm import SvmConfig
from hsiauto.models.bundle import load_bundle, save_bundle, save_model
from hsiauto.models.fitted.classical import fit_classical
from hsiauto.refit import MODEL_FOLDER
from hsiauto.runs.export import export_winner, provenance_of, why_model_lost
from hsiauto.runs.folder import BUNDLE
from hsiauto.runs.prepare import Prepared
from hsiauto.search.events import Model
from tests.runs.test_kept import prepared

__all__ = ["prepared"]

CONFIG = SvmConfig(C=10.0, features="spectra")
SAVED = [Model(key="k", config_hash=CONFIG.hash())]
COLUMNS = ("kind", "seed", "split_hash", "test_oa", "test_aa", "test_kappa")


@pytest.fixture
def table() -> pa.Table:
    return pa.Table.from_pylist([{"rank": 1, "config_hash": CONFIG.hash(), **dict.fromkeys(COLUMNS)}])


@pytest.fixture
def folder(prepared: Prepared, tmp_path: Path) -> Path:
    """A run folder with a bundle."""
    save_bundle(fit_classical(CONFIG, prepared.data, 0, 1), tmp_path / BUNDLE, provenance_of(prepared, None))
    return tmp_path


def test_a_bundle_that_is_there_is_not_lost(prepared: Prepared, folder: Path, table: pa.Table) -> None:
    assert why_model_lost(prepared, folder, SAVED) == ""
    assert why_model_lost(prepared, folder / "new", []) == ""
    (folder / BUNDLE).rename(folder / "bundle-previous")
    assert why_model_lost(prepared, folder, SAVED) == ""


def _of_another_run(prepared: Prepared, bundle: Path) -> None:
    fitted, provenance = load_bundle(bundle).fitted, provenance_of(prepared, None)
    save_bundle(fitted, bundle, provenance.model_copy(update={"split_hash": "another"}))


@pytest.mark.parametrize("harm", ["gone", "damaged", "of another run", "with other files"])
def test_a_bundle_that_is_lost_is_said_and_what_stands_there_is_kept(
    harm: str, prepared: Prepared, folder: Path, table: pa.Table
) -> None:
    bundle = folder / BUNDLE
    match harm:
        case "gone":
            shutil.rmtree(bundle)
        case "of another run":
            _of_another_run(prepared, bundle)
        case _:
            (bundle / "model.skops").write_bytes(b"x")
            (bundle / "notes.txt").touch() if harm == "with other files" else None
    before = {path.name for path in bundle.iterdir()} if bundle.exists() else set()
    why = why_model_lost(prepared, folder, SAVED)
    assert why == ("bundle is gone" if harm == "gone" else "bundle was damaged, or is of another run")
    assert export_winner(prepared, folder, table) == (None, ())
    save_model(fit_classical(CONFIG, prepared.data, 0, 1), folder / MODEL_FOLDER)  # as a resume does
    exported, _ = export_winner(prepared, folder, table)
    assert exported is not None
    assert exported.fitted.config == CONFIG
    assert why_model_lost(prepared, folder, SAVED) == ""
    assert {path.name for aside in folder.glob("bundle-other-*") for path in aside.iterdir()} == before


def test_a_bundle_that_is_a_link_is_replaced(prepared: Prepared, folder: Path, table: pa.Table, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (folder / BUNDLE).rename(elsewhere)
    (folder / BUNDLE).symlink_to(elsewhere)
    before = (elsewhere / "provenance.json").read_bytes()
    save_model(fit_classical(CONFIG, prepared.data, 0, 1), folder / MODEL_FOLDER)
    assert export_winner(prepared, folder, table)[0] is not None
    assert not (folder / BUNDLE).is_symlink()
    assert (elsewhere / "provenance.json").read_bytes() == before


def test_a_bundle_tells_what_position_alone_scores_and_accuracy_by_distance(prepared: Prepared, tmp_path: Path) -> None:
    save_model(fit_classical(CONFIG, prepared.data, 0, 1), tmp_path / MODEL_FOLDER)
    own = {"split_hash": prepared.split.hash, "seed": prepared.run_config.seed, "pixels_test": 9, "transductive": False}
    scores = dict.fromkeys(("test_oa", "test_oa_low", "test_oa_high", "test_aa", "test_kappa"), 0.5)
    winner = {"kind": "refit", "rank": 1, "family": "svm", "config_hash": CONFIG.hash()}
    winner["test_oa_by_distance"] = '{"1": 0.75, "2": null}'
    canary = {"kind": "baseline", "rank": None, "family": "coordinate_1nn", "test_oa": 0.25}
    other = canary | {"split_hash": "another", "test_oa": 0.125}
    table = pa.Table.from_pylist([own | scores | winner, own | canary | {"config_hash": "c"}, own | other])
    bundle, _ = export_winner(prepared, tmp_path, table)
    assert bundle is not None
    assert bundle.provenance.canary_oa == 0.25
    assert bundle.provenance.oa_by_distance == {"1": 0.75, "2": None}
    assert "Row and column alone, without spectra: OA 0.250" in (tmp_path / BUNDLE / "README.md").read_text()

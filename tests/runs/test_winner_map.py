"""map.npz: where the best models of a run disagree, and what is unlike training."""

from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from hsiauto.families.lda import LdaConfig
from hsiauto.families.svm import SvmConfig
from hsiauto.models.applicability import Applicability
from hsiauto.models.bundle import load_bundle, save_bundle, save_model
from hsiauto.models.fitted.classical import ClassicalFitted, fit_classical
from hsiauto.models.predict import predict_scene
from hsiauto.refit import RUNNERS_UP
from hsiauto.report.page import SceneMap
from hsiauto.runs import winner_map
from hsiauto.runs.export import provenance_of
from hsiauto.runs.prepare import Prepared
from hsiauto.runs.winner_map import draw_winner_map
from tests.runs.test_kept import prepared

__all__ = ["prepared"]

CONFIGS = (SvmConfig(C=0.01), LdaConfig(), SvmConfig(C=10.0))
"""Of rank 1, 2 and 3."""


@pytest.fixture
def models(prepared: Prepared, tmp_path: Path) -> list[ClassicalFitted]:
    """Those of a run folder."""
    fitted = [fit_classical(config, prepared.data, 0, 1) for config in CONFIGS]
    area = Applicability.fit(fitted[0], prepared.data, 1)
    save_bundle(fitted[0], tmp_path / "bundle", provenance_of(prepared, None), area)
    for rank, model in enumerate(fitted[1:], start=2):
        save_model(model, tmp_path / RUNNERS_UP / str(rank))
    return fitted


def _drawn(prepared: Prepared, folder: Path, paces: tuple[float, ...], end: float | None = None) -> SceneMap:
    table = pa.Table.from_pylist(
        [
            {"kind": "refit", "rank": rank, "config_hash": config.hash(), "predict_pixels_per_second": pace}
            for rank, (config, pace) in enumerate(zip(CONFIGS, paces, strict=True), start=1)
        ]
    )
    assert draw_winner_map(prepared, load_bundle(folder / "bundle"), table, folder / "map.png", end) is not None
    drawn = SceneMap.load(folder / "map.npz")
    assert drawn is not None
    return drawn


def test_the_map_tells_where_the_best_models_disagree(
    prepared: Prepared, models: list[ClassicalFitted], tmp_path: Path
) -> None:
    drawn, scene = _drawn(prepared, tmp_path, (1e6, 1e6, 1e6)), prepared.scene
    said = [predict_scene(model, scene.cube, scene.valid).classes.ravel().tolist() for model in models]
    expected = [len(set(pixel)) if pixel[0] else 0 for pixel in zip(*said, strict=True)]
    assert drawn.disagreement is not None
    assert drawn.disagreement.ravel().tolist() == expected
    assert max(expected) > 1
    assert drawn.dissimilarity is not None
    assert (drawn.dissimilarity[scene.valid] > 0).any()


def test_a_model_of_another_rank_or_a_damaged_one_is_not_asked(
    prepared: Prepared, models: list[ClassicalFitted], tmp_path: Path
) -> None:
    (tmp_path / RUNNERS_UP / "2").rename(tmp_path / "lda")
    (tmp_path / RUNNERS_UP / "3" / "model.skops").write_bytes(b"")
    (tmp_path / "lda").rename(tmp_path / RUNNERS_UP / "4")
    assert _drawn(prepared, tmp_path, (1e6, 1e6, 1e6)).disagreement is None


def test_slow_models_are_not_asked(
    prepared: Prepared, models: list[ClassicalFitted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _drawn(prepared, tmp_path, (1e6, 1e6, 1.0)).disagreement is None
    monkeypatch.setattr(winner_map, "time", SimpleNamespace(monotonic=lambda: 0.0))
    nine_seconds = prepared.scene.valid.sum() / 9.0
    for left, asked in ((8.0, False), (10.0, True)):
        drawn = _drawn(prepared, tmp_path, (1e6, nine_seconds, 1e6), winner_map.DRAWING_S + left)
        assert (drawn.disagreement is not None) == asked

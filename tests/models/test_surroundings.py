"""Trainings and predictions on a cube that stays on disk: the same as of one in memory."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from hsiauto.errors import UserError
from hsiauto.families.base import FamilyConfig
from hsiauto.families.cnn1d import Cnn1dConfig
from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.families.references import Coordinate1NNConfig
from hsiauto.models.fitted.base import scored
from hsiauto.models.smoothing import guide_for, smooth
from hsiauto.models.surroundings import boxes, by_boxes, gathered
from hsiauto.scene.on_disk import MappedFile, release, stays_on_disk
from hsiauto.split.seal import TrialData
from hsiauto.training.trial import Trial
from tests.small_scene import CLASSICAL, KINDS, fitted

H, W, C = 330, 210, 6
CNN = Cnn2dConfig(components=3, width=4, depth=1, patch=5)
CONFIGS: dict[str, FamilyConfig] = {
    **{name: CLASSICAL[name] for name in ("svm", "svm_multiscale", "forest_multiscale")},
    "mnf": CLASSICAL["svm_multiscale"].model_copy(update={"reduction": "mnf"}),
    "cnn1d": Cnn1dConfig(),
    "reflect": CNN.model_copy(update={"border": "reflect"}),
    "zeros": CNN.model_copy(update={"border": "zeros"}),
    "even": CNN.model_copy(update={"patch": 6}),
}


@pytest.fixture
def in_memory() -> TrialData:
    """Labels in three corners and amid the scene, far apart."""
    rng = np.random.default_rng(0)
    fields = [(slice(0, 9), slice(0, 9)), (slice(150, 162), slice(100, 109)), (slice(321, 330), slice(0, 8))]
    fields.append((slice(0, 8), slice(203, 210)))
    truth = np.full((H, W), -1)
    for rows, columns in fields:
        truth[rows, columns] = np.arange(rows.stop - rows.start)[:, None] // 3 % 3
    cube = rng.normal(size=(H, W, C)) + truth[..., None] * np.arange(C)
    valid = rng.random((H, W)) > 0.02
    labelled = np.flatnonzero((truth >= 0) & valid)
    train, val = np.sort(labelled[::2]), np.sort(labelled[1::2])
    flat = truth.ravel()
    return TrialData(cube.astype(np.float32), valid, 3, train, flat[train], val, flat[val])


@pytest.fixture
def on_disk(in_memory: TrialData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrialData:
    np.save(tmp_path / "cube.npy", in_memory.cube)
    monkeypatch.setattr("hsiauto.scene.on_disk.available", lambda: 1 << 20)
    return replace(in_memory, cube=np.load(tmp_path / "cube.npy", mmap_mode="r"))


@pytest.mark.parametrize("name", CONFIGS)
def test_a_training_is_the_same_as_in_memory(name: str, in_memory: TrialData, on_disk: TrialData) -> None:
    config = CONFIGS[name]
    models = []
    for data in (in_memory, on_disk):
        trial = Trial(config, data, seed=0, max_epochs=2)
        reports = [trial.step() for _ in range(1 if name in CLASSICAL or name == "mnf" else 2)]
        models.append((reports[-1].val_loss, reports[-1].val_oa, scored(trial.fitted(), data, data.val_pixels)))
    assert stays_on_disk(on_disk.cube)
    assert not stays_on_disk(in_memory.cube)
    assert models[1][0] == pytest.approx(models[0][0], rel=1e-5)
    assert models[1][1] == models[0][1]
    np.testing.assert_allclose(models[1][2], models[0][2], atol=1e-5)


def test_only_surroundings_are_gathered(on_disk: TrialData) -> None:
    reach = CONFIGS["svm_multiscale"].support
    small = gathered(on_disk, CONFIGS["svm_multiscale"])
    assert small.valid.size < on_disk.valid.size / 4
    for pixels, there in ((on_disk.train_pixels, small.train_pixels), (on_disk.val_pixels, small.val_pixels)):
        spectra = small.cube.reshape(-1, C)[there]
        np.testing.assert_array_equal(spectra, on_disk.cube.reshape(-1, C)[pixels])
    y, x = np.divmod(small.train_pixels, small.cube.shape[1])
    assert min(y.min(), x.min()) >= reach


def test_what_sees_the_whole_scene_is_given_it(on_disk: TrialData) -> None:
    seen = CLASSICAL["svm_multiscale"].model_copy(update={"fitted_on": "scene"})
    for config in (seen, Coordinate1NNConfig()):
        assert gathered(on_disk, config) is on_disk


@pytest.mark.parametrize("kind", KINDS)
def test_a_prediction_is_the_same_as_of_the_whole(kind: str, in_memory: TrialData, on_disk: TrialData) -> None:
    model = fitted(kind, in_memory)
    everywhere = np.concatenate([in_memory.val_pixels, np.arange(0, H * W, 997)])
    asked = np.unique(everywhere[in_memory.valid.ravel()[everywhere]])
    np.testing.assert_allclose(scored(model, on_disk, asked), scored(model, in_memory, asked), atol=2e-6, err_msg=kind)


@pytest.mark.parametrize(("reach", "most"), [(5, 64), (50, 100)])
def test_every_pixel_is_in_one_box_of_a_cells_size(reach: int, most: int) -> None:
    pixels = np.sort(np.random.default_rng(1).choice(900 * 700, 500, replace=False))
    found = list(boxes(pixels, 700, reach))
    assert sorted(np.concatenate([box.members for box in found]).tolist()) == list(range(500))
    for box in found:
        y, x = np.divmod(pixels[box.members], 700)
        assert (int(y.min()), int(y.max()) + 1, int(x.min()), int(x.max()) + 1) == (*box.rows, *box.columns)
        assert max(box.rows[1] - box.rows[0], box.columns[1] - box.columns[0]) <= most
    assert list(boxes(pixels[:0], 700, reach)) == []


def test_another_process_is_sent_the_place_of_the_file(on_disk: TrialData, in_memory: TrialData) -> None:
    sent = pickle.dumps(on_disk)
    assert len(sent) < on_disk.cube.nbytes / 4 < len(pickle.dumps(in_memory))
    again = pickle.loads(sent)
    np.testing.assert_array_equal(again.cube, in_memory.cube)
    np.testing.assert_array_equal(again.train_pixels, in_memory.train_pixels)
    assert MappedFile.of(again.cube) is not None, "and may be sent on"


@pytest.mark.parametrize("view", [np.s_[::-1], np.s_[:, 3:, ::2], np.s_[5:9]])
def test_a_view_of_a_file_is_opened_again(view: tuple[slice, ...], on_disk: TrialData) -> None:
    for cube in (on_disk.cube[view], on_disk.cube.transpose(1, 2, 0)[view]):
        file = MappedFile.of(cube)
        assert file is not None
        again = file.open()
        np.testing.assert_array_equal(again, cube)
        release(again)


def test_a_file_that_is_gone_or_cut_is_named(on_disk: TrialData, tmp_path: Path) -> None:
    file = MappedFile.of(on_disk.cube)
    assert file is not None
    with pytest.raises(UserError, match="must be whole"):
        replace(file, path=str(tmp_path / "nobody.npy")).open()
    (tmp_path / "short.npy").write_bytes(b"short")
    with pytest.raises(UserError, match="must be whole"):
        replace(file, path=str(tmp_path / "short.npy")).open()
    assert MappedFile.of(np.zeros(3)) is None
    assert MappedFile.of(np.load(tmp_path / "cube.npy", mmap_mode="r+")) is None, "it may hold what the file does not"


@pytest.mark.parametrize("smoothing", ["majority", "guided"])
def test_answers_that_were_told_are_filtered_box_by_box_as_in_the_whole(
    smoothing: str, in_memory: TrialData, on_disk: TrialData
) -> None:
    config = CLASSICAL["svm"].model_copy(update={"smoothing": smoothing, "smoothing_radius": 2})
    guide = guide_for(config, in_memory.cube, in_memory.train_pixels)
    p_NK = np.random.default_rng(2).dirichlet(np.ones(3), H * W).astype(np.float32)

    def filtered(data: TrialData) -> npt.NDArray[np.float32]:
        return by_boxes(
            config,
            data.cube,
            data.valid,
            data.val_pixels,
            lambda cube, valid, pixels, there: smooth(
                config, guide, lambda some: p_NK[there(some)], cube, valid, pixels
            ),
        )

    np.testing.assert_allclose(filtered(on_disk), filtered(in_memory), atol=1e-6)

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hsiauto.errors import UserError
from hsiauto.scene.model import Scene
from hsiauto.scene.simulator import fields, sensor, spectra
from hsiauto.scene.simulator.simulate import demo, simulate
from hsiauto.split.make import make_split
from hsiauto.split.model import Split, SplitSpec

BLOCKS = SplitSpec(block_size=16, buffer=5)
"""Beyond a wider buffer than this the small fields of the demo end, and positions teach nothing at all."""
Array = npt.NDArray[np.generic]


@pytest.fixture(scope="module")
def farmland() -> Scene:
    return demo()


def two_halves(height: int = 30, width: int = 30) -> npt.NDArray[np.int16]:
    labels = np.ones((height, width), dtype=np.int16)
    labels[:, width // 2 :] = 2
    return labels


def position(flat: npt.NDArray[np.int64], scene: Scene) -> npt.NDArray[np.int64]:
    return np.stack(np.divmod(flat, scene.width), axis=1)


def canary(scene: Scene, split: Split) -> float:
    """Overall accuracy of 1-nearest-neighbour on (row, column)."""
    truth = scene.labels.ravel()
    model = KNeighborsClassifier(1).fit(position(split.pool, scene), truth[split.pool])
    return float(model.score(position(split.test, scene), truth[split.test]))


def test_a_scene_keeps_the_contract(farmland: Scene) -> None:
    assert (farmland.cube.shape, farmland.cube.dtype) == ((96, 96, 100), np.dtype(np.uint16))
    assert farmland.labels.dtype == np.int16
    assert farmland.cube.flags.c_contiguous
    assert set(np.unique(farmland.labels)) == set(range(9))
    assert farmland.n_classes == len(farmland.label_values) == 8
    assert farmland.valid.all()
    assert farmland.wavelengths_nm is not None
    assert len(farmland.wavelengths_nm) == farmland.n_bands
    assert (farmland.wavelengths_nm[0], farmland.wavelengths_nm[-1]) == (400.0, 2500.0)
    red, green, blue = (farmland.wavelengths_nm[band] for band in farmland.rgb_bands)
    assert red > green > blue


def test_the_seed_decides_everything(farmland: Scene) -> None:
    again, other = demo(), demo(seed=1)
    assert np.array_equal(again.cube, farmland.cube)
    assert again.data_hash == farmland.data_hash
    assert other.data_hash != farmland.data_hash
    assert not np.array_equal(other.labels, farmland.labels)


@pytest.mark.parametrize("seed", range(5))
def test_demo_has_several_fields_of_every_class_and_a_rare_class(seed: int) -> None:
    labels = demo(seed).labels
    for k in range(1, 9):
        assert ndimage.label(labels == k)[1] >= 3
    pixels = np.bincount(labels.ravel())
    assert pixels[8] < 0.06 * pixels[1:].sum()
    assert pixels[0] > 0.1 * labels.size


@pytest.mark.parametrize("seed", range(5))
def test_every_class_of_demo_reaches_both_sides_of_a_block_split(farmland: Scene, seed: int) -> None:
    assert make_split(farmland.labels, BLOCKS.model_copy(update={"seed": seed})).left_out == ()


def test_space_leaks_on_a_random_split_only(farmland: Scene) -> None:
    assert canary(farmland, make_split(farmland.labels, SplitSpec(protocol="random", train_fraction=0.4))) > 0.85
    assert canary(farmland, make_split(farmland.labels, BLOCKS)) < 0.55


def test_demo_ranks_majority_canary_svm_context(farmland: Scene) -> None:
    """Under blocks; the floor, the canary and the ceiling on each split, the gain from context in the mean."""
    rng = np.random.default_rng(0)
    truth = farmland.labels.ravel()
    flat = farmland.cube.reshape(truth.size, -1).astype(np.float32)
    context = np.concatenate(
        [ndimage.gaussian_filter(flat.reshape(farmland.cube.shape), (sigma, sigma, 0)) for sigma in (1, 2)], axis=2
    ).reshape(truth.size, -1)
    gains = []
    for seed in range(5):
        split = make_split(farmland.labels, BLOCKS.model_copy(update={"seed": seed}))
        train, test = rng.permutation(split.pool)[:900], split.test
        majority = float(np.mean(truth[test] == np.bincount(truth[split.pool]).argmax()))
        svm = make_pipeline(StandardScaler(), SVC(C=30.0)).fit(flat[train], truth[train]).score(flat[test], truth[test])
        smooth = make_pipeline(StandardScaler(), SVC(C=30.0)).fit(context[train], truth[train])
        smooth_oa = smooth.score(context[test], truth[test])
        assert majority < canary(farmland, split) < svm < 0.97
        assert smooth_oa < 0.97
        gains.append(smooth_oa - svm)
    assert np.mean(gains) > 0


@pytest.mark.parametrize("shape", [(2, 1), (1, 40), (70, 33)])
def test_any_label_map_gets_a_cube_of_its_size(shape: tuple[int, int]) -> None:
    labels = np.zeros(shape, dtype=np.uint8)
    labels.flat[:2] = 7, 3
    scene = simulate(labels, name="any", n_bands=12)
    assert scene.cube.shape == (*shape, 12)
    assert scene.label_values == (3, 7)
    assert scene.class_names == ("class 3", "class 7")
    assert scene.labels.flat[0] == 2
    assert scene.cube.max() > 100


def test_more_classes_than_crops_stay_distinct() -> None:
    surfaces = spectra.class_surfaces(24, np.random.default_rng(0))
    reflectance = spectra.reflectance(surfaces, spectra.wavelengths(50))
    assert reflectance.min() > 0
    assert reflectance.max() < 1
    distance = np.abs(reflectance[:, None] - reflectance).max(2) + np.eye(24)
    assert distance.min() > 0.005


def test_leaves_absorb_where_leaves_absorb() -> None:
    nm = np.array([550.0, 670.0, 800.0, 1450.0, 1650.0])
    alfalfa, fallow = spectra.reflectance([spectra.CROPS["alfalfa"], spectra.CROPS["fallow"]], nm)
    assert alfalfa[1] < alfalfa[0] < alfalfa[2]
    assert alfalfa[3] < 0.5 * alfalfa[4]
    assert (alfalfa[2] / alfalfa[1]) > 3 * (fallow[2] / fallow[1])


def test_pixels_at_a_boundary_are_mixtures() -> None:
    step = np.zeros((1, 9, 9), dtype=np.float32)
    step[:, :, 5:] = 1
    row = sensor.blur(step, 0.55)[0, 4]
    assert row[0] == 0
    assert row[8] == pytest.approx(1)
    assert 0.05 < row[4] < 0.5 < row[5] < 0.95
    assert np.all(np.diff(row) >= 0)


def test_noise_grows_with_the_signal_and_dead_bands_read_zero() -> None:
    rng = np.random.default_rng(0)
    camera = sensor.Sensor.draw(spectra.wavelengths(100), rng)
    dark, bright = (
        camera.expose(np.full((4000, 100), level, dtype=np.float32), np.ones(4000, dtype=np.float32), rng)
        for level in (0.02, 0.6)
    )
    assert len(camera.dead) == 2
    assert not bright[:, camera.dead].any()
    lit = int(np.argmax(camera.gain))
    assert bright[:, lit].std() > 2 * dark[:, lit].std() > 0


def test_light_is_correlated_over_space() -> None:
    light = fields.smooth_map(60, 60, 6.0, np.random.default_rng(0))
    neighbours = np.corrcoef(light[:, :-1].ravel(), light[:, 1:].ravel())[0, 1]
    assert neighbours > 0.9
    assert light.std() == pytest.approx(1, abs=1e-4)
    assert light.mean() == pytest.approx(0, abs=1e-4)


def test_a_field_is_a_component_of_a_class_and_parcels_cover_the_rest() -> None:
    labels = np.zeros((50, 50), dtype=np.int16)
    labels[2:10, 2:10] = labels[20:30, 20:30] = 1
    labels[35:45, 5:15] = 2
    field, kind = fields.fields(labels, np.random.default_rng(0))
    assert np.array_equal(np.where(kind[field] >= 0, kind[field] + 1, 0), labels)
    assert len(np.unique(field[labels == 1])) == 2
    assert len(np.unique(field[labels == 0])) > 1


def test_fields_of_one_class_differ_more_than_their_parts(tiny_scene: Scene) -> None:
    """Between-field offsets: what makes an unseen field harder than unseen pixels of a known one."""
    inside = ndimage.binary_erosion(tiny_scene.labels == 1, np.ones((3, 3)))
    field, n_fields = ndimage.label(inside)
    assert n_fields == 4
    # a ratio of bands is free of illumination
    ratio = tiny_scene.cube[..., 5] / tiny_scene.cube[..., 3].astype(float)
    means = ndimage.mean(ratio, field, range(1, n_fields + 1))
    error = ratio[inside].std() / np.sqrt(inside.sum() / n_fields)
    assert np.std(means) > 2 * error


@pytest.mark.parametrize(
    ("labels", "received"),
    [
        (np.full((4, 4), -1), "-1"),
        (np.zeros((4, 4), dtype=int), "none"),
        (np.ones((4, 4, 2), dtype=int), "shape (4, 4, 2)"),
        (np.ones((4, 4)), "float64"),
    ],
)
def test_what_is_no_label_map_is_refused(labels: Array, received: str) -> None:
    with pytest.raises(UserError) as error:
        simulate(labels, name="bad")  # type: ignore[arg-type]
    assert received in str(error.value)


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(UserError, match="3 bands"):
        simulate(two_halves(), name="few", n_bands=2)
    with pytest.raises(UserError, match="one name per class"):
        simulate(two_halves(), name="names", class_names=("corn",))
    with pytest.raises(UserError, match="seed"):
        demo(seed=-1)


def test_the_shared_scene_cannot_be_changed_by_a_test(tiny_scene: Scene) -> None:
    assert tiny_scene.cube.shape == (40, 40, 24)
    with pytest.raises(ValueError, match="read-only"):
        tiny_scene.cube[0, 0, 0] = 1

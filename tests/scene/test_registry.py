import hashlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from hsiauto.errors import UserError
from hsiauto.scene import open_scene, read_label_map
from hsiauto.scene import registry as registry_package
from hsiauto.scene.registry import catalogue, fetch, known, known_scenes, list_datasets, locate, verify
from hsiauto.scene.registry.known import RegisteredFile, RegisteredScene
from hsiauto.scene.source import SceneSource
from tests.scene import fabricate as f

REAL = Path(__file__).parents[2] / ".." / "shared" / "data"
WITH_FILES = [scene for scene in known_scenes().values() if scene.labels]


def test_the_scenes_of_the_field_are_known() -> None:
    on_request = {"houston_2013", "whu_hi_longkou", "liaoning_01"}
    public = {"indian_pines", "salinas", "salinas_a", "pavia_university", "pavia_centre", "botswana", "ksc"}
    assert set(known_scenes()) == on_request | public | {"demo"}
    assert {name for name, scene in known_scenes().items() if scene.downloadable} == public


@pytest.mark.parametrize("name", [scene.name for scene in WITH_FILES if scene.downloadable])
def test_a_download_has_more_than_one_source(name: str) -> None:
    scene = known_scenes()[name]
    for file in (scene.cube, scene.labels):
        assert file is not None
        assert len({url.split("/")[2] for url in file.urls}) > 1
        assert all(url.endswith("/" + file.file) for url in file.urls)


@pytest.mark.parametrize("scene", WITH_FILES, ids=lambda scene: scene.name)
def test_the_facts_agree_with_the_real_label_map(scene: RegisteredScene) -> None:
    assert scene.labels is not None
    paths = sorted(REAL.rglob(scene.labels.file))
    if not paths:
        pytest.skip(f"{scene.labels.file} is not in ../shared/data")
    assert hashlib.sha256(paths[0].read_bytes()).hexdigest() == scene.labels.sha256
    labels = read_label_map(paths[0], scene.labels.key)
    assert scene.shape is not None
    assert labels.shape == scene.shape[:2]
    assert np.count_nonzero(labels) == scene.labelled_pixels
    assert all(scene.class_name(int(value)) for value in np.unique(labels)[1:])


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RegisteredScene:
    """A scene known by checksum, with a variant, whose files lie in `tmp_path/files`."""
    folder = tmp_path / "files"
    folder.mkdir()
    for name, array in (("toy.mat", f.cube()), ("toy_8bit.mat", f.cube() // 16), ("toy_gt.mat", f.labels())):
        scipy.io.savemat(folder / name, {name.removesuffix(".mat"): array})

    def file(name: str, *urls: str) -> RegisteredFile:
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        return RegisteredFile(file=name, key=name.removesuffix(".mat"), sha256=digest, urls=urls)

    variant = known.Variant(name="toy_8bit", note="8-bit variant", cube=file("toy_8bit.mat"))
    scene = RegisteredScene(
        name="toy", title="Toy", shape=(f.H, f.W, f.C), n_classes=2, classes=("Corn", "Woods"), class_values=(3, 7),
        rgb_bands=(4, 2, 0), page="https://example.org/toy", terms="None.", cube=file("toy.mat"),
        labels=file("toy_gt.mat"), variants=(variant,),
    )  # fmt: skip
    for module in (catalogue, known, registry_package):
        monkeypatch.setattr(module, "known_scenes", lambda: {"toy": scene})
    return scene


def _source(folder: Path) -> SceneSource:
    return SceneSource(dataset="toy", data_dir=folder)


def _place(tmp_path: Path, folder: str, *names: str) -> Path:
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for name in names:
        (tmp_path / folder / name).write_bytes((tmp_path / "files" / name).read_bytes())
    return tmp_path / folder.split("/")[0]


def test_files_are_found_anywhere_below_the_folder(toy: RegisteredScene, tmp_path: Path) -> None:
    scene = open_scene(_source(_place(tmp_path, "data/a/b", "toy.mat", "toy_gt.mat")))
    assert (scene.name, scene.class_names, scene.rgb_bands) == ("toy", ("Corn", "Woods"), (4, 2, 0))


def test_a_variant_stands_in_by_its_own_name(toy: RegisteredScene, tmp_path: Path) -> None:
    scene = open_scene(_source(_place(tmp_path, "data", "toy_8bit.mat", "toy_gt.mat")))
    assert scene.name == "toy_8bit"
    assert scene.notes[0] == "8-bit variant"
    _place(tmp_path, "data", "toy.mat")
    assert open_scene(_source(tmp_path / "data")).name == "toy"


def test_the_environment_names_the_folder(
    toy: RegisteredScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HSIAUTO_DATA", str(_place(tmp_path, "data", "toy.mat", "toy_gt.mat")))
    assert open_scene(SceneSource(dataset="toy")).name == "toy"


def test_a_wrong_checksum_names_both(toy: RegisteredScene, tmp_path: Path) -> None:
    folder = _place(tmp_path, "data", "toy.mat", "toy_gt.mat")
    (folder / "toy.mat").write_bytes(b"something else")
    received = hashlib.sha256(b"something else").hexdigest()
    assert toy.cube is not None
    for act in (lambda: open_scene(_source(folder)), lambda: verify("toy", folder), lambda: fetch("toy", folder)):
        with pytest.raises(UserError, match=f"toy.mat must have sha256 {toy.cube.sha256}; received sha256 {received}"):
            act()
    _place(tmp_path, "data/good", "toy.mat")  # of two files of one name the right one is taken
    assert open_scene(_source(folder)).name == "toy"


def test_missing_files_are_named_with_place_checksum_and_page(toy: RegisteredScene, tmp_path: Path) -> None:
    folder = _place(tmp_path, "data", "toy_gt.mat")
    with pytest.raises(UserError) as caught:
        open_scene(_source(folder))
    assert toy.cube is not None
    for part in (
        "toy.mat",
        toy.cube.sha256,
        str(folder),
        "`data_dir`",
        "https://example.org/toy",
        "received toy_gt.mat",
    ):
        assert str(part) in str(caught.value)
    with pytest.raises(UserError, match="`data_dir` must be a folder"):
        open_scene(_source(tmp_path / "nowhere"))


def test_the_list_and_the_verification(toy: RegisteredScene, tmp_path: Path) -> None:
    def present() -> str:
        return list_datasets(tmp_path / "data")[0].present

    assert present() == "no (on request)"
    _place(tmp_path, "data", "toy_gt.mat")
    assert present() == "labels only"
    with pytest.raises(UserError, match="needs its two files"):
        verify("toy", tmp_path / "data")
    folder = _place(tmp_path, "data", "toy_8bit.mat")
    assert present() == "variant toy_8bit"
    assert verify("toy", folder) == [folder / "toy_8bit.mat", folder / "toy_gt.mat"]
    _place(tmp_path, "data", "toy.mat")
    assert present() == "yes"
    assert locate(toy, folder) == registry_package.SceneFiles(folder / "toy.mat", folder / "toy_gt.mat")


def test_the_right_checksum_but_the_wrong_facts(
    toy: RegisteredScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _place(tmp_path, "data", "toy.mat", "toy_gt.mat")
    wrong = toy.model_copy(update={"shape": (f.H, f.W, f.C + 1)})
    monkeypatch.setattr(registry_package, "known_scenes", lambda: {"toy": wrong})
    monkeypatch.setattr(catalogue, "known_scenes", lambda: {"toy": wrong})
    with pytest.raises(UserError, match=r"toy is \(7, 6, 6\)"):
        open_scene(_source(folder))


@pytest.mark.parametrize(
    ("update", "message"),
    [
        ({"classes": ("Corn",)}, "1 classes listed"),
        ({"rgb_bands": (5, 2, 0)}, "rgb_bands"),
        ({"labels": None}, "a cube and labels"),
        ({"sensr": "typo"}, "sensr"),
        ({"cube": {"file": "toy.mat", "urls": ["https://example.org/toy.mat"]}}, "needs a sha256"),
        ({"cube": {"file": "toy.mat", "sha256": "12"}}, "sha256"),
    ],
)
def test_a_yaml_that_contradicts_itself_is_refused(
    toy: RegisteredScene, update: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        RegisteredScene.model_validate(toy.model_dump() | update)

"""Hostile images and labels over HTTP: what readers refuse is refused with their sentence, and leaves nothing."""

import re
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from hsiauto.config import run_config_from
from hsiauto.errors import UserError
from hsiauto.scene.opening import open_scene
from hsiauto.service.look import see
from hsiauto.service.routes import scenes as routes
from hsiauto.service.scenes import OPTIONS, stored_name
from tests.hostile.case import REFUSED, Case
from tests.hostile.kinds import every_case
from tests.hostile.template import write_scene
from tests.service.conftest import House

KINDS = ("envi", "matlab", "numpy", "geotiff", "hdf5", "virtual", "labels", "polygons")
TRIED, REFUSED_AT_LEAST = 12, 9
"""Of each kind: cases, and those of them whose files a client can send and nobody can read."""
_OF_A_SCENE = {"dataset", "labels", *OPTIONS}
_OF_A_SPLIT = {"preset", "protocol", "train-fraction"}
_CUBES = (".npy", ".npz", ".mat", ".tif", ".hdr")
_LARGEST = 2**20


def cases(kind: str) -> list[Case]:
    """Some hostile files of a kind, evenly spread."""
    found = [case for case in every_case() if case.kind == kind and case.codes == REFUSED and case.make and asked(case)]
    return found[:: max(1, len(found) // TRIED)]


def asked(case: Case) -> dict[str, str]:
    """The scene that a command line asks for, as flat settings; nothing for one that the service would not name."""
    if case.argv[:2] == ("predict", "bundle") and case.argv[3:] == ("--out", "map.npy"):
        words: tuple[str, ...] = ("--dataset", case.argv[2])
    elif case.argv[:2] == ("estimate", "svm"):
        words = case.argv[2:]
    else:
        return {}
    found = {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=False)}
    if len(words) % 2 or not found.keys() <= _OF_A_SCENE | _OF_A_SPLIT or not found["dataset"].endswith(_CUBES):
        return {}
    return {"labels": "labels.npy", **{name: value for name, value in found.items() if name in _OF_A_SCENE}}


def files_of(folder: Path, dataset: str, labels: str) -> dict[str, Path]:
    """Role -> path of what a client sends; nothing if it cannot: a file is missing, empty, large, of another type."""
    files = {"cube": folder / dataset, "labels": folder / labels}
    if files["cube"].suffix == ".hdr":
        data = [path for path in folder.glob(f"{files['cube'].stem}.*") if path != files["cube"]]
        files |= {"header": files["cube"], "cube": data[0] if len(data) == 1 else folder / "none"}
    try:
        for role, path in files.items():
            stored_name(role, path.name)
    except UserError:
        return {}
    sent = all(
        path.is_file() and not path.is_symlink() and 0 < path.stat().st_size < _LARGEST for path in files.values()
    )
    return files if sent else {}


def answered(house: House, files: Mapping[str, Path], options: Mapping[str, str]) -> httpx.Response:
    """The answer to the options of a scene if they are refused, else to the check of its files."""
    headers = house.as_("ann")
    made = house.client.post("/api/scenes", headers=headers, json={"name": "field", "options": options})
    if made.status_code != 201:
        return made
    place = f"/api/scenes/{made.json()['id']}"
    for role, path in files.items():
        params = {"filename": path.name}
        put = house.client.put(f"{place}/files/{role}", params=params, headers=headers, content=path.read_bytes())
        assert put.status_code == 200, put.text
    return house.client.post(f"{place}/check", headers=headers)


def sentence(folder: Path, files: Mapping[str, Path], options: Mapping[str, str]) -> UserError | None:
    """What the reader says of the same files, under the names that the service gives."""
    kept = folder / "kept"
    kept.mkdir()
    paths = {role: shutil.copy(path, kept / stored_name(role, path.name)) for role, path in files.items()}
    settings = {"dataset": str(paths["cube"]), "labels": str(paths["labels"]), **options}
    try:
        open_scene(run_config_from("search", settings).scene)
    except UserError as error:
        return error
    return None


def plain(text: object) -> str:
    """A text without its folders."""
    return re.sub(r"/\S*/|^/", "", " ".join(str(text).split()))


def uploaded(house: House) -> set[Path]:
    """What lies in the folders of all scenes."""
    return set((house.service.config.root / "scenes").glob("*/*"))


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A server that files name and nobody may ask."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        found.setblocking(False)
        monkeypatch.setenv("HOSTILE_PORT", str(found.getsockname()[1]))
        yield found


@pytest.mark.parametrize("kind", KINDS)
def test_bad_uploads_get_the_readers_sentence_and_leave_nothing(
    kind: str, house: House, listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "look", see)
    refused = 0
    for number, case in enumerate(cases(kind)):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_scene(folder)
        assert case.make is not None
        case.make(folder)
        options = asked(case)
        files = files_of(folder, options.pop("dataset"), options.pop("labels"))
        if not files:
            continue
        before = uploaded(house)
        answer, expected = answered(house, files, options), sentence(folder, files, options)
        assert answer.status_code == (200 if expected is None else 422), (case.name, answer.text)
        if expected is None:  # a scene, if not one of the case's model
            continue
        told = answer.json()["error"]
        assert plain(told["rule"]) == plain(expected.rule), case.name
        assert str(house.service.config.root) not in str(told), case.name
        assert uploaded(house) == before, case.name
        refused += 1
    assert refused >= REFUSED_AT_LEAST
    with pytest.raises(BlockingIOError):
        listener.accept()

"""No name that a client sends leads out of the service's folder."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsiauto.errors import UserError
from hsiauto.service.names import new_id, resolve, without

HOSTILE = [
    "..",
    ".",
    "",
    "/",
    "\\",
    "\0",
    "%2e%2e",
    "~",
    "a/b",
    "a\\b",
    "CON",
    "\u202e",
    "\ufb01",
    "a" * 65,
    "..%c0%af",
]
LETTERS = "abcdef0123456789_./\\"


def _stays_inside(name: str) -> None:
    root = Path("/srv/root")
    try:
        path = resolve(root, name)
    except UserError:
        return
    assert path.parent == root
    assert path.name == name
    assert not set(name) & set("/\\\0~%")
    assert not name.startswith(".")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=12)), max_size=4).map("".join))
def test_a_path_lies_in_its_root_itself(name: str) -> None:
    _stays_inside(name)


def test_so_do_ten_thousand_hostile_names() -> None:
    draw = random.Random(0)
    for _ in range(10_000):
        few = draw.choices(LETTERS, k=draw.randrange(12))
        mixed = [*few, *draw.choices(HOSTILE, k=draw.randrange(3))]
        draw.shuffle(mixed)
        _stays_inside("".join(mixed))


def test_ids_are_names(tmp_path: Path) -> None:
    found = {new_id() for _ in range(1000)}
    assert len(found) == 1000
    assert all(resolve(tmp_path, f"{name}.yaml").parent == tmp_path for name in found)


@pytest.mark.parametrize("of_root", [True, False])
def test_no_link_is_followed(tmp_path: Path, of_root: bool) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(UserError, match="no link"):
        resolve(tmp_path / "link" if of_root else tmp_path, "link")


def test_users_are_told_no_folder_of_the_service() -> None:
    text = "/srv/root/scenes/0123456789abcdef/cube.npy and /srv/root/runs/fedcba9876543210.yaml: bad"
    assert without(Path("/srv/root"), text) == "cube.npy and fedcba9876543210.yaml: bad"

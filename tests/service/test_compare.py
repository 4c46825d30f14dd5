"""Runs side by side over the API: under their ids, of what the user sees, and without paths."""

from pathlib import Path

import pytest

from hsiauto.runs import folder as folders
from tests.runs.test_compare import searched
from tests.service.conftest import House


@pytest.fixture
def two(house: House) -> tuple[House, list[str]]:
    """Two runs of ann, the first of which is better."""
    made = [house.run(name="run", config={"seed": seed}) for seed in range(2)]
    for run, errors in zip(made, (2, 9), strict=True):
        house.wait(run)
        path = house.service.runs.path(run)
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
        searched(path, errors)
    return house, made


def test_their_winners_are_compared_under_the_ids(two: tuple[House, list[str]]) -> None:
    house, made = two
    answer = house.client.get("/api/compare", params={"runs": ",".join(made)}, headers=house.as_("ann")).json()
    (pair,) = answer["pairs"]
    assert [pair["first"], pair["second"]] == made
    assert pair["mcnemar"]["first_only"] == 7
    assert {one["run"] for one in answer["contenders"]} == set(made)


def test_what_cannot_be_compared_is_refused_without_paths(two: tuple[House, list[str]]) -> None:
    house, made = two
    asked = {"runs": ",".join(made)}
    assert house.client.get("/api/compare", params=asked, headers=house.as_("bob")).status_code == 404
    (house.service.runs.path(made[0]) / folders.SPLIT).unlink()
    answer = house.client.get("/api/compare", params=asked, headers=house.as_("ann"))
    assert answer.status_code == 422
    assert str(Path(house.service.config.root)) not in answer.text

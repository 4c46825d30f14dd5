"""Each scene held out once: a row for each, their mean, and what is said of them."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console

from hsiauto.cli.leaderboard_table import print_leaderboard
from hsiauto.leaderboard import distance_statement, winner_statement
from hsiauto.leaderboard.rows import Context, rows
from hsiauto.refit import reevaluate, refit
from hsiauto.scene.mosaic import mosaic
from hsiauto.search.journal import Journal
from hsiauto.split import SplitSpec
from hsiauto.split.distance import IN_ANOTHER_SCENE
from tests.refit.fabricated import CONFIG, FOREST, SVM, Pool, propose, scene, work

SCENES = ("north", "middle", "south")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """Refits err on 10 test pixels, those with the middle scene held out on 40 of its 144."""
    folder: Path = tmp_path_factory.mktemp("run")
    pool = Pool(mosaic([replace(scene(), name=name) for name in SCENES], "farm"))
    pool.fresh = lambda config, seed: 0.9 if config.family == "forest" else 0.8
    pool.errors = lambda config: 40 if pool.jobs[-1].data == "split-1" else 10
    made = work(folder, pool, split=SplitSpec(protocol="scenes"), ensemble=False)
    propose(made.journal, "t0", FOREST, 0.90, parameters=None)
    propose(made.journal, "t1", SVM, 0.80, parameters=None)
    reevaluate(made, folder)
    with Journal(folder / "refits.jsonl") as refits:
        refit(made, refits, folder)
        found = rows(made.journal.events, refits.events, Context("run", "farm", made.run_config, made.split))
    made.journal.close()
    return found


def test_every_scene_has_a_row_of_the_winner_and_all_their_mean(table: pa.Table) -> None:
    assert CONFIG.further_splits == 2, "every other scene, whatever their number"
    d = table.to_pandas()
    winner = d[(d.kind == "refit") & (d.family == "forest")]
    assert winner.groupby("scene").size().to_dict() == {"north": 3, "middle": 1, "south": 1}
    assert set(d[d.kind == "trial"].scene) == {"north"}
    own = winner[winner["rank"] == 1].iloc[0]
    oa = [1 - 10 / 144, 1 - 40 / 144, 1 - 10 / 144]
    assert own.scenes_oa_mean == pytest.approx(sum(oa) / 3)
    assert (own.scenes_oa_n, own.further_splits_oa_n) == (3, 2)
    assert d[d.family == "svm"].scenes_oa_n.isna().all()
    assert d.test_oa_by_distance.isna().all(), "between scenes there is no distance"
    assert d.test_distance_min.isna().all()
    assert (d[d.kind != "trial"].overlap_shares == 0).all()


def test_what_is_said_of_them(table: pa.Table) -> None:
    said = " ".join(winner_statement(table))
    assert "Each scene held out once, its config has test OA 86.11 +- 12.03 %" in said
    assert "north 93.06 %, middle 72.22 %, south 93.06 %." in said
    assert "Expected accuracy of the map" not in said
    drawn = table.to_pandas().assign(map_share_applicable=0.5)
    assert "50 % of the map lies within the model's area" in " ".join(
        winner_statement(pa.Table.from_pandas(drawn, table.schema, preserve_index=False))
    )
    assert distance_statement(table) == IN_ANOTHER_SCENE


def test_the_console_has_a_line_for_each_and_the_mean(table: pa.Table, capsys: pytest.CaptureFixture[str]) -> None:
    print_leaderboard(table, Console(width=100))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    for name, oa in zip(SCENES, ("93.06", "72.22", "93.06"), strict=True):
        assert [name, "144", oa] in [line[:3] for line in lines]
    assert ["mean", "86.11"] in [line[:2] for line in lines]

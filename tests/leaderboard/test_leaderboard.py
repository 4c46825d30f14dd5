"""The leaderboard: every column of the contract, a function of the journals, readable by pandas alone."""

import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd
import pyarrow as pa
import pytest
from rich.console import Console
from scipy import stats

from hsiauto.cli.leaderboard_table import print_leaderboard
from hsiauto.errors import UserError
from hsiauto.families import FAMILIES
from hsiauto.families.cssmamba import MambaHsiConfig
from hsiauto.leaderboard import (
    COLUMNS,
    Context,
    classes_statement,
    distance_statement,
    read,
    rows,
    statements,
    summary,
    table_warnings,
    winner_statement,
    write,
)
from hsiauto.models.bundle.readme import _MEASURES
from hsiauto.refit import reevaluate, refit
from hsiauto.scene import memory
from hsiauto.search.events import Proposed, Reported
from hsiauto.search.journal import Journal
from hsiauto.split import SplitSpec
from tests import told
from tests.refit.fabricated import FOREST, MEMORY, PRESET, SVM, TUNED, Pool, propose, scene, work

CONTRACT = [
    "run_id",
    "dataset",
    "objective",
    "split_seed",
    "scene",
    "kind",
    "trial_id",
    "origin",
    "found_by",
    "family",
    "state",
    "error",
    "rank",
    "epochs",
    "max_epochs",
    "seed",
    "config",
    "config_hash",
    "cell",
    "val_oa",
    "val_aa",
    "val_kappa",
    "val_loss",
    "val_folds_mean",
    "val_folds_std",
    "val_folds_n",
    "val_folds_ece",
    "test_oa",
    "test_oa_low",
    "test_oa_high",
    "test_aa",
    "test_kappa",
    "test_ece",
    "test_per_class",
    "test_pixels_per_class",
    "test_oa_by_distance",
    "test_interval_by_distance",
    "test_pixels_by_distance",
    "map_pixels_by_distance",
    "test_distance_min",
    "test_distance_max",
    "map_distance_median",
    "map_oa",
    "map_oa_low",
    "map_oa_high",
    "map_share_beyond",
    "map_share_applicable",
    "protocol",
    "split_hash",
    "block_size",
    "buffer",
    "support",
    "overlap_contains",
    "overlap_shares",
    "transductive",
    "classes_scored",
    "classes_validated",
    "further_splits_oa_mean",
    "further_splits_oa_std",
    "further_splits_oa_n",
    "scenes_oa_mean",
    "scenes_oa_std",
    "scenes_oa_n",
    "pareto",
    "attempt",
    "labels_train",
    "labels_val",
    "acquisition",
    "pixels_test",
    "parameters",
    "macs",
    "fit_seconds",
    "predict_pixels_per_second",
    "peak_memory_bytes",
    "device",
    "node",
    "started_at",
    "finished_at",
    "versions",
]

ERRORS = {"forest": 2, "cnn2d": 6, "svm": 9, "coordinate_1nn": 40, "majority": 60}


def finished(folder: Path, errors: dict[str, int] = ERRORS) -> pa.Table:
    fresh = {"forest": 0.95, "cnn2d": 0.9, "svm": 0.8}
    pool = Pool(
        scene(),
        lambda config, seed: 0.7 if config == PRESET else fresh[config.family],
        lambda config: errors[config.family],
    )
    made = work(folder, pool)
    propose(made.journal, "t0", PRESET, 0.70, origin="preset", state="stopped", epoch=4)
    propose(made.journal, "t1", TUNED, 0.95, parameters=500)
    propose(made.journal, "t2", SVM, 0.90, parameters=None)
    propose(made.journal, "t3", FOREST, 0.92, parameters=None)
    propose(made.journal, "t4", MEMORY, 0.60, state="failed")
    propose(made.journal, "t5", type(PRESET)(**{**PRESET.active(), "width": 8}), 0.80, parameters=50)
    propose(made.journal, "t6", type(PRESET)(**{**PRESET.active(), "width": 9}), 0.70, parameters=90)
    reevaluate(made, folder)
    with Journal(folder / "refits.jsonl") as refits:
        refit(made, refits, folder)
        context = Context("run", "fabricated", made.run_config, made.split)
        table = rows(made.journal.events, refits.events, context)
        assert table.equals(rows(made.journal.events, refits.events, context)), "a function of the journals"
    made.journal.close()
    return table


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    return finished(tmp_path_factory.mktemp("run"))


def test_every_column_of_the_contract_with_its_meaning(table: pa.Table) -> None:
    assert [column.name for column in COLUMNS] == CONTRACT
    assert set(CONTRACT) <= set(table.column_names)
    assert {name for name in table.column_names if name not in CONTRACT} >= {"param.cnn2d.width", "param.svm.C"}
    assert all(field.metadata[b"description"] for field in table.schema)
    assert table.schema.field("param.cnn2d.width").type == pa.int64()
    assert table.schema.field("param.svm.C").type == pa.float64()


def test_pandas_reads_it_alone(table: pa.Table, tmp_path: Path) -> None:
    write(table, tmp_path / "leaderboard.parquet")
    d = pd.read_parquet(tmp_path / "leaderboard.parquet")
    groups = d[d.kind == "refit"].groupby(["rank", "family"]).test_oa.agg(["mean", "std", "count"])
    assert list(groups.index) == [(1, "forest"), (2, "cnn2d"), (3, "svm")]
    assert list(groups["count"]) == [3, 2, 2]
    again = read(tmp_path / "leaderboard.parquet")
    assert again.equals(table)
    assert json.loads(again.schema.metadata[b"hsiauto.versions"]) == {"python": "3"}


def test_what_is_handed_on_does_not_say_where_the_data_lie(tmp_path: Path) -> None:
    made = work(tmp_path, Pool(scene()))
    labels, simulated = "/home/me/data/x_gt.mat", "simulated:/home/me/y.npy"
    said = {"budget": 7, "scene": {"dataset": simulated, "data_dir": "/home/me/data", "labels": labels}, "tile": 1.5}
    with Journal(tmp_path / "other.jsonl") as journal:
        journal.append(told.opened(config=said))
        found = rows(journal.events, [], Context("run", "x", made.run_config, made.split)).schema.metadata
    assert json.loads(found[b"hsiauto.config"]) == {
        "budget": 7,
        "scene": {"dataset": "simulated:y.npy", "data_dir": None, "labels": "x_gt.mat"},
        "tile": 1.5,
    }
    assert found[b"hsiauto.split_hash"] == b"s"


def test_a_row_for_every_started_trial(table: pa.Table) -> None:
    d = table.to_pandas().set_index("trial_id")
    trials = d[d.kind == "trial"]
    assert list(trials.index) == [f"t{n}" for n in range(7)]
    assert trials.loc["t4", "state"] == "failed"
    assert trials.loc["t4", "error"] == "boom"
    assert trials.loc["t0", "epochs"] == 4
    assert trials.test_oa.isna().all()
    assert trials.loc[["t3", "t1", "t2"], "rank"].tolist() == [1, 2, 3]
    assert trials.loc["t1", "overlap_shares"] >= trials.loc["t1", "overlap_contains"] > 0
    assert trials.loc["t2", "support"] == 0


def test_pareto_is_the_front_of_networks_at_full_fidelity(table: pa.Table) -> None:
    d = table.to_pandas()
    d = d[d.kind == "trial"].set_index("trial_id")
    assert d.loc[["t1", "t5", "t6"], "pareto"].tolist() == [True, True, False]
    assert d.loc[["t0", "t2", "t3", "t4"], "pareto"].isna().all()


def _told(folder: Path, **changes: Any) -> pd.DataFrame:
    """Trials t0 to t4: kappa, pixels a second, where they come from."""
    made = work(folder, Pool(scene()), **changes)
    kappas, paces = (0.9, 0.8, 0.8, 0.7, 0.95), (10.0, 30.0, 20.0, 40.0, None)
    for i, kappa in enumerate(kappas):
        config = SVM if i == 3 else type(PRESET)(**{**PRESET.active(), "width": 8 + i})
        propose(
            made.journal,
            f"t{i}",
            config,
            kappa,
            "warm-start" if i == 1 else "sampler",
            parameters=None if i == 3 else 100,
        )
    made.journal.close()
    events = [
        event.model_copy(update={"found_by": "earlier/t9"})
        if isinstance(event, Proposed) and event.trial_id == "t1"
        else event.model_copy(update={"pixels_per_second": paces[int(event.trial_id[1])]})
        if isinstance(event, Reported)
        else event
        for event in made.journal.events
    ]
    context = Context("run", "fabricated", made.run_config, made.split)
    frame: pd.DataFrame = rows(events, [], context).to_pandas()
    return frame.set_index("trial_id")


def test_the_front_is_of_the_objective_that_was_asked_for(tmp_path: Path) -> None:
    d = _told(tmp_path, second_objective="pixels_per_second")
    assert d["pareto"].tolist() == [True, True, False, True, None], "a classical family predicts too; t4 was not timed"
    assert d["predict_pixels_per_second"].tolist()[:4] == [10.0, 30.0, 20.0, 40.0]


def test_a_config_of_an_earlier_run_says_so(tmp_path: Path) -> None:
    d = _told(tmp_path)
    assert (d["origin"]["t1"], d["found_by"]["t1"]) == ("warm-start", "earlier/t9")
    assert set(d.drop("t1")["origin"]) == {"sampler"}
    assert d.drop("t1")["found_by"].isna().all()


def test_further_folds_stand_where_a_rank_does(table: pa.Table) -> None:
    d = table.to_pandas()
    ranked = d[d["rank"].notna()]
    assert set(ranked.kind) == {"trial", "refit"}
    fresh = {"forest": 0.95, "cnn2d": 0.9, "svm": 0.8}
    assert ranked.val_folds_mean.tolist() == pytest.approx([fresh[family] for family in ranked.family])
    assert (ranked.val_folds_n == 3).all()
    assert ranked.val_folds_ece.isna().all(), "no probabilities were told"
    assert (ranked.classes_validated == ranked.classes_scored).all()
    assert classes_statement(table) == ""
    blind = pa.Table.from_pylist([row | {"classes_scored": 4} for row in table.to_pylist()], table.schema)
    assert classes_statement(blind) == (
        "the folds that decided hold 3 of the 4 classes: the others had no part in the choice"
    )
    assert ranked.val_folds_std.tolist() == pytest.approx([0.0] * len(ranked))
    assert d[d["rank"].isna()].val_folds_mean.isna().all()
    assert summary(table)[0].val_folds_mean == pytest.approx(0.95)
    wide, narrow = (
        Console(width=200, record=True, file=io.StringIO(), force_terminal=True),
        Console(width=80, record=True, file=io.StringIO(), force_terminal=True),
    )
    for console in (wide, narrow):
        print_leaderboard(table, console)
    assert "folds val" in (shown := wide.export_text())
    assert "95.00" in shown
    assert "mean kappa over further validation folds" in shown
    assert "95.00" not in narrow.export_text()


@pytest.mark.parametrize(
    ("protocol", "told"),
    [("blocks", (16, 8)), ("groups", (None, 8)), ("random", (None, None)), ("fixed", (None, None))],
)
def test_blocks_have_a_size_and_what_is_held_out_a_buffer(
    tmp_path: Path, protocol: Literal["blocks", "groups", "random", "fixed"], told: tuple[int | None, int | None]
) -> None:
    made = work(tmp_path, Pool(scene()))
    propose(made.journal, "t1", TUNED, 0.9)
    spec = made.split.spec.model_copy(update={"protocol": protocol, "block_size": 16, "buffer": 8})
    context = Context("run", "fabricated", made.run_config, replace(made.split, spec=spec))
    [row] = rows(made.journal.events, [], context).to_pylist()
    assert (row["block_size"], row["buffer"]) == told


def test_every_protocol_has_its_words() -> None:
    protocols = set(get_args(SplitSpec.model_fields["protocol"].annotation))
    assert {*statements._INSTEAD, "spectra"} == set(_MEASURES) == protocols, "spectra have no canary"


def test_a_row_is_transductive_if_its_own_config_saw_unlabelled_ground(tmp_path: Path) -> None:
    made = work(tmp_path, Pool(scene()))
    configs = [
        TUNED,
        TUNED.model_copy(update={"fitted_on": "scene"}),
        MambaHsiConfig(),
        MambaHsiConfig(context="training"),
        MambaHsiConfig(context="training", components=3, fitted_on="scene"),
        *(FAMILIES[name].preset() for name in ("coordinate_1nn", "majority", "svm")),
    ]
    for number, config in enumerate(configs):
        propose(made.journal, f"t{number}", config, 0.9)
    context = Context("run", "fabricated", made.run_config, made.split)
    found = rows(made.journal.events, [], context).to_pylist()
    assert [row["transductive"] for row in found] == [config.transductive for config in configs]
    assert [config.transductive for config in configs] == [False, True, True, False, True, False, False, False]


def test_further_splits_stand_on_the_winners_refits(table: pa.Table) -> None:
    d = table.to_pandas()
    winner = d[(d.kind == "refit") & (d["rank"] == 1)]
    elsewhere = d[(d.kind == "refit") & (d.split_seed > 0)]
    assert len(elsewhere) == 2
    assert elsewhere["rank"].isna().all()
    assert (winner.further_splits_oa_n == 2).all()
    assert winner.further_splits_oa_mean.tolist() == pytest.approx([elsewhere.test_oa.mean()] * 3)
    assert d[d["rank"] != 1].further_splits_oa_n.isna().all()


def test_baselines_have_their_own_size(table: pa.Table) -> None:
    d = table.to_pandas()
    cnn2d = d[(d.kind == "baseline") & (d.family == "cnn2d")]
    assert (cnn2d.parameters > 10_000).all()
    assert d[d.family.isin(["svm", "forest", "coordinate_1nn", "majority"])].parameters.isna().all()


def test_summary_keeps_the_order_of_validation(tmp_path: Path) -> None:
    """The winner is worst on test here, and stays the winner."""
    lines = summary(finished(tmp_path, ERRORS | {"forest": 30}))
    ranked = [(line.rank, line.family, line.n_seeds) for line in lines if line.rank]
    assert ranked == [(1, "forest", 3), (2, "cnn2d", 2), (3, "svm", 2)]
    assert {line.family for line in lines if line.rank is None} == {"cnn2d", "forest", "coordinate_1nn", "majority"}
    assert lines[0].val_kappa == 0.92
    assert lines[0].predict_pixels_per_second == pytest.approx(2 * 101, rel=0.1)


def test_what_may_be_said_of_the_winner(table: pa.Table) -> None:
    said = " ".join(winner_statement(table))
    assert "The winner is forest: test OA 98." in said
    assert "over 3 seeds" in said
    assert "Against the runner-up, cnn2d: +3.9" in said
    assert "2 further splits" in said
    assert "does not measure spectral skill" not in said


def test_a_test_figure_stands_beside_its_size_and_the_interval_that_it_allows(table: pa.Table) -> None:
    winner = summary(table)[0]
    assert winner.pixels_test == 102
    expected = stats.binomtest(100, 102).proportion_ci(method="wilson")
    assert winner.test_oa_interval == (pytest.approx(expected.low), pytest.approx(expected.high)), "seeds share them"
    d = table.to_pandas()
    scored = d[d.test_oa.notna()]
    assert (scored.test_oa_low < scored.test_oa).all()
    assert (scored.test_oa < scored.test_oa_high).all()
    assert [sum(json.loads(counts).values()) for counts in scored.test_pixels_per_class] == scored.pixels_test.tolist()
    assert d[d.kind == "trial"][["test_oa_low", "test_oa_high", "test_pixels_per_class"]].isna().all(axis=None)
    said = winner_statement(table)
    assert said[1].startswith("102 test pixels allow 93.1 to 99.5 % (95 %, Wilson) if they are independent")
    assert said[3].endswith("of 102 test pixels each.")
    assert table_warnings(table) == []


def test_a_test_figure_stands_beside_its_distance(table: pa.Table) -> None:
    d = table.to_pandas()
    scored = d[d.test_oa.notna()]
    for row in scored.itertuples():
        oa, pixels = json.loads(row.test_oa_by_distance), json.loads(row.test_pixels_by_distance)
        assert sum(pixels.values()) == row.pixels_test
        assert sum((oa[name] or 0) * n for name, n in pixels.items()) / row.pixels_test == pytest.approx(row.test_oa)
        assert sum(json.loads(row.map_pixels_by_distance).values()) == 144
        assert row.map_oa_low <= row.map_oa <= row.map_oa_high
    assert (scored.test_distance_min == 1).all()
    assert d[d.kind == "trial"][["test_oa_by_distance", "map_oa", "test_distance_max"]].isna().all(axis=None)
    assert distance_statement(table).startswith("test pixels lie 1 to ")
    assert "Expected accuracy of the map: 98." in winner_statement(table)[4]


def test_few_test_pixels_of_a_class_are_said_of_a_table_alone(table: pa.Table) -> None:
    counts = pa.array([json.dumps({"a": 90, "b": 7, "c": 4})] * table.num_rows)
    found = table.set_column(table.schema.get_field_index("test_pixels_per_class"), "test_pixels_per_class", counts)
    (said,) = table_warnings(found)
    assert said.startswith("test holds fewer than 10 pixels of b (7), c (4):")


@pytest.mark.parametrize("text", ["[1]", '{"a": "seven"}', '{"a": 1, "a": 2}', "{"])
def test_a_cell_that_somebody_else_wrote_is_a_user_error(table: pa.Table, text: str) -> None:
    counts = pa.array([text] * table.num_rows)
    found = table.set_column(table.schema.get_field_index("test_pixels_per_class"), "test_pixels_per_class", counts)
    with pytest.raises(UserError, match="test_pixels_per_class of a leaderboard"):
        table_warnings(found)


def test_families_that_no_seed_moves_have_no_interval(table: pa.Table) -> None:
    said = " ".join(winner_statement(table))
    assert "on each of 2 seeds; neither depends on the seed, so there is no interval" in said
    assert "p =" not in said


@pytest.mark.parametrize(
    ("protocol", "remedy"),
    [("blocks", "`block_size`"), ("random", "Use `protocol` blocks."), ("fixed", "further apart")],
)
def test_a_canary_as_good_as_the_winner_is_called_out(tmp_path: Path, protocol: str, remedy: str) -> None:
    found = finished(tmp_path, ERRORS | {"coordinate_1nn": 2})
    column = pa.array([protocol] * found.num_rows)
    found = found.set_column(found.schema.get_field_index("protocol"), "protocol", column)
    said = winner_statement(found)[-1]
    assert "does not measure spectral skill" in said
    assert "the winner 98." in said  # the plain comparison: no seed moves the fabricated winner
    assert remedy in said


def test_an_objective_that_told_nothing_is_said(tmp_path: Path) -> None:
    def warnings(name: str, *kappas: float) -> list[str]:
        (tmp_path / name).mkdir()
        made = work(tmp_path / name, Pool(scene()))
        for i, kappa in enumerate(kappas):
            propose(made.journal, f"t{i}", type(PRESET)(**{**PRESET.active(), "width": 8 + i}), kappa)
        propose(made.journal, "t8", MEMORY, 0.3, state="stopped")
        propose(made.journal, "t9", MEMORY, math.nan, state="failed")
        return table_warnings(rows(made.journal.events, [], Context("run", "x", made.run_config, made.split)))

    (said,) = warnings("constant", 0.0, 0.0, 0.0)
    assert said.startswith("all 3 trials that were trained to the end have the same validation kappa, 0.0000")
    assert warnings("one", 0.0) == []
    assert warnings("two", 0.0, 0.1) == []


def test_a_search_without_refits_has_a_table_and_no_winner(tmp_path: Path) -> None:
    pool = Pool(scene())
    made = work(tmp_path, pool)
    propose(made.journal, "t4", MEMORY, math.nan, state="failed")
    table = rows(made.journal.events, [], Context("run", "fabricated", made.run_config, made.split))
    assert table.num_rows == 1
    assert summary(table) == []
    assert winner_statement(table) == []


def test_an_empty_table_is_written_and_read(tmp_path: Path) -> None:
    made = work(tmp_path, Pool(scene()))
    write(rows(made.journal.events, [], Context("run", "x", made.run_config, made.split)), tmp_path / "l.parquet")
    assert list(pd.read_parquet(tmp_path / "l.parquet").columns) == CONTRACT


def test_a_table_from_before_a_column_was_added_is_read(table: pa.Table, tmp_path: Path) -> None:
    write(table.drop_columns(["cell", "labels_val"]), tmp_path / "l.parquet")
    found = read(tmp_path / "l.parquet")
    assert set(CONTRACT) <= set(found.column_names)
    assert found["cell"].null_count == found["labels_val"].null_count == found.num_rows
    assert summary(found)[0].family == summary(table)[0].family


@pytest.mark.parametrize("content", [None, b"PAR1 not really"])
def test_a_foreign_file_is_a_user_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "leaderboard.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="leaderboard"):
        read(path)


def test_another_tools_parquet_is_a_user_error(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "l.parquet")
    with pytest.raises(UserError, match="schema version"):
        read(tmp_path / "l.parquet")


def test_a_leaderboard_that_unpacks_to_more_than_memory_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(pa.table({"run_id": pa.nulls(1_000_000, pa.int8())}), tmp_path / "l.parquet")
    assert (tmp_path / "l.parquet").stat().st_size < 10_000
    monkeypatch.setattr(memory, "available", lambda: 1_000_000)
    with pytest.raises(UserError, match="must fit into memory"):
        read(tmp_path / "l.parquet")


@pytest.mark.parametrize(("column", "values"), [("rank", ["first"]), ("test_oa", [[0.5]]), ("family", [[1]])])
def test_a_column_of_another_type_is_refused(column: str, values: list[Any], table: pa.Table, tmp_path: Path) -> None:
    path = tmp_path / "leaderboard.parquet"
    place = table.column_names.index(column)
    write(table.set_column(place, column, pa.array(values * table.num_rows)), path)
    with pytest.raises(UserError, match=f"column {column} holds"):
        read(path)


@pytest.mark.parametrize(
    ("column", "value"),
    [("test_oa", 5.0), ("test_oa", math.inf), ("val_kappa", -2.0), ("pixels_test", -5), ("objective", "speed")],
)
def test_a_value_that_no_run_writes_is_refused(column: str, value: Any, table: pa.Table, tmp_path: Path) -> None:
    path = tmp_path / "leaderboard.parquet"
    field = table.schema.field(column)
    write(table.set_column(table.column_names.index(column), field, pa.array([value] * len(table), field.type)), path)
    with pytest.raises(UserError, match=f"column {column} holds .*; received {value}"):
        read(path)


def test_a_version_that_is_no_text_is_refused(table: pa.Table, tmp_path: Path) -> None:
    write(table.replace_schema_metadata({b"hsiauto.schema_version": b"\xff\xfe"}), tmp_path / "leaderboard.parquet")
    with pytest.raises(UserError, match="schema version"):
        read(tmp_path / "leaderboard.parquet")

"""What is advised follows from what the run left."""

from pathlib import Path

import pyarrow as pa
import pytest

from hsiauto.report.page.advice import advice
from tests.leaderboard.test_leaderboard import finished
from tests.report.page.made import completed


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    return finished(tmp_path_factory.mktemp("run"))


def test_a_late_best_asks_for_more_trials(table: pa.Table) -> None:
    rising = [completed(i, {}, kappa=0.5 + i / 100) for i in range(10)]
    said = " ".join(advice(table, rising, "kappa", Path("runs/x")))
    assert "trial 10 of 10" in said
    assert "--resume runs/x --budget 20" in said
    assert "--budget" not in " ".join(advice(table, rising[::-1], "kappa", Path("runs/x")))


def test_a_class_that_is_missed_asks_for_labels(table: pa.Table) -> None:
    names = table.column_names
    rows = table.to_pylist()
    for row in rows:
        if row["test_per_class"]:
            row["test_per_class"] = '{"corn": 0.2, "oats": 0.9}'
            row["test_pixels_per_class"] = '{"corn": 500, "oats": 12}'
    changed = pa.Table.from_pylist(rows, schema=table.schema).select(names)
    said = " ".join(advice(changed, [], "kappa", Path("x")))
    assert "less than half of corn" in said
    assert "oats has fewer than 30 test pixels" in said

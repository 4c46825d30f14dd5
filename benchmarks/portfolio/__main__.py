"""Choose the portfolio from recorded runs: `python -m benchmarks.portfolio RUN... --out results/portfolio`.

A run is a folder with a journal.jsonl, of a search or of `benchmarks.portfolio.record`. Validation scores alone are
read. Writes into --out what was recorded (scores.parquet) and what a portfolio of all other scenes is worth on each
(left_out.parquet), and, unless --dry, the portfolio itself to search_spaces/portfolio/unified.yaml.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from benchmarks.portfolio.choose import Scores, greedy, leave_one_out
from hsiauto.families import config_from
from hsiauto.search.events import Opened, of
from hsiauto.search.journal import read
from hsiauto.search.trials import trials
from hsiauto.space import Space

SHIPPED = Path("search_spaces/portfolio/unified.yaml")
MOST = 3
"""Configs of a family: the fewest trials that one may get leave room for no more."""
_HEADER = """\
# Made by `python -m benchmarks.portfolio` (results/portfolio): what did best over recorded runs, the best first.
# A search of the unified space tries those of each family after its preset, as near as its scene and pins allow.
"""


def main() -> None:
    asked = _arguments()
    recorded = of_one_ground(pd.DataFrame(row for run in asked.runs for row in _rows(run)))
    asked.out.mkdir(parents=True, exist_ok=True)
    recorded.to_parquet(asked.out / "scores.parquet")
    chosen, left_out = {}, []
    for family, rows in recorded.groupby("family"):
        scores, configs = table(rows, Space.load("unified").preset(str(family)).hash())
        chosen[str(family)] = [configs[column] for column in greedy(scores, MOST)]
        worth = leave_one_out(scores, MOST, np.random.default_rng(0))
        left_out += [{"family": family, "configs": scores.table.shape[1], **asdict(one)} for one in worth]
    frame = pd.DataFrame(left_out)
    frame.to_parquet(asked.out / "left_out.parquet")
    print(frame.round(4).to_string(index=False))
    print(frame.groupby("family")[["preset", "portfolio", "random"]].mean().round(4).to_string())
    text = _HEADER + yaml.safe_dump({family: found for family, found in chosen.items() if found}, sort_keys=False)
    print(text)
    if not asked.dry:
        SHIPPED.parent.mkdir(exist_ok=True)
        SHIPPED.write_text(text, encoding="utf-8")


def _rows(run: Path) -> Iterator[dict[str, object]]:
    """Completed trials of a run, their configs as this version has them."""
    events = read(run / "journal.jsonl")
    [opened] = of(Opened, events)
    for trial in trials(events).values():
        if trial.state == "completed":
            yield {
                "scene": opened.scene,
                "split_hash": opened.split_hash,
                "family": trial.family,
                "config_hash": config_from(trial.config).hash(),
                "searched": json.dumps({name.partition(".")[2]: _rounded(v) for name, v in trial.params.items()}),
                "val_kappa": trial.score("kappa"),
                "val_oa": trial.score("oa"),
                "fit_seconds": trial.fit_seconds,
            }


def of_one_ground(recorded: pd.DataFrame) -> pd.DataFrame:
    """With a column `ground`: scenes with a split in common are images of one label map, and are left out together."""
    ground: dict[str, str] = {}
    for _, scenes in recorded.groupby("split_hash")["scene"]:
        first = max(ground.get(scene, scene) for scene in scenes)
        ground |= dict.fromkeys(scenes, first)
    return recorded.assign(ground=recorded["scene"].map(ground))


def table(rows: pd.DataFrame, preset_hash: str) -> tuple[Scores, Sequence[dict[str, object]]]:
    """The scores of one family, and the searched hyperparameters of each column."""
    scores = rows.pivot_table(index=["ground", "scene", "split_hash"], columns="config_hash", values="val_kappa")
    searched = dict(zip(rows["config_hash"], rows["searched"], strict=True))
    grounds = [ground for ground, *_ in scores.index]
    columns = list(scores.columns)
    return Scores(scores.to_numpy(), grounds, columns.index(preset_hash)), [
        json.loads(searched[one]) for one in columns
    ]


def _rounded(value: object) -> object:
    """Three digits are more than validation tells apart."""
    return float(f"{value:.3g}") if isinstance(value, float) else value


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/portfolio"))
    parser.add_argument("--dry", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""What each rule loses on test, against the best config of all: one row a scene, split, question and rule.

python -m benchmarks.selection.compare --data-dir DIR --collected FOLDER --out selection.parquet
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.selection import rules, scenes
from benchmarks.selection.evidence import Evidence, Models

QUESTIONS: dict[str, Callable[[Evidence], Iterator[tuple[str, Models]]]] = {
    "one config": rules.single,
    "how many are re-evaluated": rules.reevaluations,
    "filter of the best": rules.smoothing,
    "members": rules.members,
    "ensemble or best": rules.ensembles,
    "ensemble or best, 5 of each family": partial(rules.ensembles, n=5),
}
CHOSEN_ON = 2
"""The defaults were chosen on split seeds below this one, and are reported on the others."""


def rows(e: Evidence) -> Iterator[dict[str, Any]]:
    test = e.n_folds
    best = {metric: float(e.single[metric][:, test].max()) for metric in ("oa", "aa", "kappa")}

    def row(question: str, rule: str, models: Models) -> dict[str, Any]:
        pairs = models.items() if isinstance(models, dict) else [(i, "none") for i in models]
        measured = e.measure(models, test)
        return {
            "scene": e.name,
            "split_seed": e.seed,
            "buffer": e.buffer,
            "folds": e.n_folds,
            "question": question,
            "rule": rule,
            "models": [f"{e.arrays['names'][i]} {name}" for i, name in pairs],
            **{f"test_{metric}": measured[metric] for metric in best},
            **{f"regret_{metric}": best[metric] - measured[metric] for metric in best},
        }

    for question, of_question in QUESTIONS.items():
        for rule, models in of_question(e):
            yield row(question, rule, models)
    pixelwise = [i for i in rules.heads(e) if "guided 4" in e.allowed(i)]
    if pixelwise and not scenes.is_simulated(e.name):
        for name in ("none", "guided 4", "walker"):
            yield row("filter of the best with room for all", name, {pixelwise[0]: name})


def table(found: pa.Table) -> None:
    """Mean regret over scenes of means over splits, in points of kappa: where rules were chosen, elsewhere, on all."""
    chosen = pc.less(found["split_seed"], CHOSEN_ON)
    halves = [found.filter(chosen), found.filter(pc.invert(chosen)), found]
    for question in dict.fromkeys(found["question"].to_pylist()):
        print(f"\n{question}")
        of_question = found.filter(pc.equal(found["question"], question))
        for rule in dict.fromkeys(of_question["rule"].to_pylist()):
            print("  " + "".join(f"{_mean(half, question, rule):8.1f}" for half in halves) + f"  {rule}")


def _mean(found: pa.Table, question: str, rule: str) -> float:
    own = found.filter(pc.and_(pc.equal(found["question"], question), pc.equal(found["rule"], rule)))
    by_scene = own.group_by("scene").aggregate([("regret_kappa", "mean")])
    return 100 * float(np.mean(by_scene["regret_kappa_mean"].to_numpy())) if len(own) else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--collected", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    found: list[dict[str, Any]] = []
    for name in scenes.SCENES:
        scene = scenes.scene(name, given.data_dir)
        for path in sorted(given.collected.glob(f"{name}-[0-9]*.npz")):
            found += rows(Evidence.read(path, scene))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(found), given.out, compression="zstd")
    table(pq.read_table(given.out))


if __name__ == "__main__":
    main()

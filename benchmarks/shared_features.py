"""Trials of families on features, with and without the components that earlier trials of the process left, in turns.

    python -m benchmarks.shared_features --data-dir DIR [--families svm forest lda] [--trials 8] [--rounds 3]

The configs are a random search's. One thread, without Ray: CPU seconds of building and training a trial, validation
included, the fastest of the rounds. A round begins with nothing kept, as a worker does. Scores must be equal.
"""

import argparse
import time
import warnings
from pathlib import Path

import optuna
import torch
from rich.console import Console
from rich.table import Table

from hsiauto.config import RunConfig
from hsiauto.families.base import FamilyConfig
from hsiauto.models import components
from hsiauto.runs.prepare import prepare
from hsiauto.search.optuna_study import quiet_optuna
from hsiauto.space import Space
from hsiauto.split.seal import TrialData
from hsiauto.training.trial import Trial


def configs(space: Space, family: str, n: int) -> list[FamilyConfig]:
    with quiet_optuna():
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        return [space.suggest(study.ask(), family) for _ in range(n)]


def round_of(tried: list[FamilyConfig], data: TrialData, shared: bool) -> tuple[float, list[float]]:
    """CPU seconds, and the validation loss of each trial."""
    components._kept.clear()
    began, losses = time.process_time(), []
    for config in tried:
        if not shared:
            components._kept.clear()
        losses.append(Trial(config, data, seed=0, max_epochs=1, n_threads=1).step().val_loss)
    return time.process_time() - began, losses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="indian_pines")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--families", nargs="+", default=["svm", "forest", "lda"])
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    scene = {"dataset": asked.dataset, "data_dir": asked.data_dir}
    prepared = prepare(RunConfig.model_validate({"scene": scene, "families": asked.families}))
    table = Table("family", title=f"{asked.trials} trials on {asked.dataset}, CPU seconds, fastest of {asked.rounds}")
    for heading in ("without", "with", "without / with"):
        table.add_column(heading, justify="right")
    all_equal = True
    for family in asked.families:
        tried = configs(prepared.space, family, asked.trials)
        told: list[list[float]] = []
        fastest: dict[bool, float] = {}
        for _ in range(asked.rounds):
            for shared in (False, True):
                seconds, losses = round_of(tried, prepared.data, shared)
                fastest[shared] = min(seconds, fastest.get(shared, seconds))
                told.append(losses)
        all_equal &= all(losses == told[0] for losses in told)
        ratio = fastest[False] / fastest[True]
        table.add_row(family, f"{fastest[False]:.2f}", f"{fastest[True]:.2f}", f"{ratio:.2f}")
    Console().print(table)
    print("validation losses are equal to the last bit" if all_equal else "validation losses DIFFER")
    raise SystemExit(not all_equal)


if __name__ == "__main__":
    main()

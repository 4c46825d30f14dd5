"""Ours and Ray's default pairing, live: one scene, space, machine and time, and then the test of what each chose.

    python -m benchmarks.compare.live --data-dir DIR --method ours --seconds 240
    python -m benchmarks.compare.live --data-dir DIR --method default --seconds 240

`default` is what Ray's documentation shows: `OptunaSearch` over the whole space, the family an axis among others, with
`ASHAScheduler`, both with their own defaults but for the epochs of a full training. Both train on real Ray workers of
one core, with the scene, split and epochs of `benchmarks.curves`; the clock starts when Ray is up. The
choice is the config with the best validation kappa at the latest epoch that any reached; it is trained once more, then
refitted and scored on test. One run each: a check that the replays are not far from the truth, not a comparison.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.trial import Trial as OptunaTrial
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from benchmarks.curves.candidates import Candidate
from benchmarks.curves.measure import Bench
from benchmarks.curves.record import MAX_EPOCHS, PER_CLASS
from hsiauto.config import RunConfig
from hsiauto.families import config_from
from hsiauto.families.base import FamilyConfig
from hsiauto.runs.prepare import Prepared, prepare
from hsiauto.scene.source import SceneSource
from hsiauto.search.journal import Journal
from hsiauto.search.trials import trials
from hsiauto.search.workers.driver import run_search
from hsiauto.search.workers.local_ray import ray_for_a_run, start_ray
from hsiauto.search.workers.resources import Machine, Resources
from hsiauto.space import Space
from hsiauto.split import SplitSpec
from hsiauto.split.seal import TrialData
from hsiauto.training.trial import Trial

Reached = tuple[int, float, FamilyConfig]
"""Epochs, validation kappa after them, config."""


def ours(prepared: Prepared, seconds: float) -> list[Reached]:
    with tempfile.TemporaryDirectory(prefix="hsiauto-live-") as name, Journal(Path(name) / "journal.jsonl") as journal:
        deadline = time.monotonic() + seconds
        run_search(Path(name), prepared.run_config, prepared.space, prepared.data, journal, deadline)
        done = trials(journal.events).values()
    return [(t.epochs, t.score("kappa"), config_from(t.config)) for t in done if t.reports]


def default(prepared: Prepared, seconds: float) -> list[Reached]:
    with tempfile.TemporaryDirectory(prefix="hsiauto-live-") as folder:
        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(_train, data=prepared.data), {"cpu": 1}),
            tune_config=tune.TuneConfig(
                metric="kappa",
                mode="max",
                search_alg=OptunaSearch(
                    _Drawn(prepared.space), metric="kappa", mode="max", seed=prepared.run_config.seed
                ),
                scheduler=ASHAScheduler(max_t=MAX_EPOCHS),
                num_samples=-1,
                time_budget_s=seconds,
                max_concurrent_trials=_resources(prepared).concurrency,
            ),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        )
        results = tuner.fit()
        found = [results[i].metrics or {} for i in range(len(results))]
    return [(int(m["epoch"]), float(m["kappa"]), config_from(m["config"]["config"])) for m in found if "kappa" in m]


@dataclass(frozen=True)
class _Drawn:
    """The unified space as one, for `OptunaSearch`, which pickles it."""

    space: Space

    def __call__(self, trial: OptunaTrial) -> dict[str, Any]:
        family = trial.suggest_categorical("family", list(self.space.families))
        return {"config": self.space.suggest(trial, family).active()}


def _resources(prepared: Prepared) -> Resources:
    return Resources.of(prepared.run_config, Machine.here(), None)


def _train(drawn: dict[str, Any], data: TrialData) -> None:
    trial = Trial(config_from(drawn["config"]), data, seed=0, max_epochs=MAX_EPOCHS, n_threads=1)
    while not trial.done:
        report = trial.step()
        tune.report({"kappa": report.val_kappa, "epoch": report.epoch})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=["ours", "default"], required=True)
    parser.add_argument("--dataset", default="indian_pines")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--seconds", type=float, default=240.0, help="of the search, on the clock")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    run_config = RunConfig.model_validate(
        {
            "scene": SceneSource(dataset=asked.dataset, data_dir=asked.data_dir),
            "split": SplitSpec(protocol="blocks", train_per_class=PER_CLASS),
            "budget": 1_000_000,
            "max_epochs": MAX_EPOCHS,
            "seed": asked.seed,
            "cpus_per_trial": 1,
        }
    )
    prepared = prepare(run_config)
    with ray_for_a_run():
        start_ray(Machine.here(), _resources(prepared), data_bytes=prepared.data.cube.nbytes)
        reached = (ours if asked.method == "ours" else default)(prepared, asked.seconds)
    if not reached:
        raise SystemExit(f"no trial reported within {asked.seconds:g} s")
    epochs, kappa, chosen = max(reached, key=lambda one: one[:2])
    bench = Bench(prepared.scene, prepared.split, MAX_EPOCHS, float("inf"), asked.seed)
    last = bench.measure(Candidate("chosen", chosen))[-1]
    print(
        f"{asked.method}: {len(reached)} trials in {asked.seconds:g} s, {sum(e == MAX_EPOCHS for e, *_ in reached)} to "
        f"the end; chosen {chosen.family}, validation kappa {kappa:.3f} after epoch {epochs}; refit: test kappa "
        f"{last['test_kappa']:.3f}, OA {last['test_oa']:.3f}"
    )
    print(f"  {chosen.active()}")


if __name__ == "__main__":
    main()

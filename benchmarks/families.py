"""Every family at a preset that a CPU affords, on one scene and split: scores on the sealed test, and what they cost.

    python -m benchmarks.families --data-dir DIR --protocol random --out runs/families-random

One CPU core and at most `--seconds` of it a training: an epoch is timed first, and the schedule then has as many epochs
as fit, 60 at most, or the source's own number where that is more; both are printed. Training, seal and scoring are the
refit's own: train + validation pixels, the last epoch's weights, each training scored once. A training that is done is
not repeated: the same command goes on.
`families.parquet` in the folder is the table, in the columns of a leaderboard.

Seconds are of CPU time, which a busy machine changes little; fit_seconds in the table is wall time.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow as pa
import torch
from rich.console import Console
from rich.table import Table

from hsiauto import leaderboard as boards
from hsiauto.config import RunConfig
from hsiauto.families import FAMILIES
from hsiauto.families.base import SEARCHED, FamilyConfig, TorchConfig
from hsiauto.models.bundle import save_model
from hsiauto.refit import Work, refit_config
from hsiauto.runs.opened import opening
from hsiauto.runs.prepare import Prepared, prepare
from hsiauto.search.events import Refit, now, of
from hsiauto.search.journal import Journal
from hsiauto.search.workers.jobs import Job, JobResult
from hsiauto.space import SceneSize, fit_preset
from hsiauto.split.seal import TrialData, training_data
from hsiauto.training.trainer import Trainer
from hsiauto.training.trial import Trial

SEEDS, MOST_EPOCHS = 3, 60
"""Seeds of a network; a classical family has one."""
OWN_EPOCHS = {"cpdgal": 200, "vit": 200, "cssmamba": 200, "mambahsi": 200}
"""Most epochs where the source's own recipe has more."""
TIMES = "times.json"
"""In the folder: config hash -> CPU seconds of an epoch, and how many epochs it trains."""
PRESET = "small"
"""Where a family has it; else the paper preset, which is small enough."""


def main() -> None:
    asked = _arguments()
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    asked.out.mkdir(parents=True, exist_ok=True)
    prepared = prepare(_run_config(asked))
    with Journal(asked.out / "journal.jsonl") as journal, Journal(asked.out / "refits.jsonl") as refits:
        if not journal.events:
            journal.append(opening(prepared))
        for seed, family in _trainings(asked.families):
            config = fit_preset(_preset(family), _size(prepared))
            if (config.hash(), seed) in _done(refits):
                continue
            n_epochs = _epochs(config, prepared, asked.out / TIMES, asked.seconds)
            run_config = prepared.run_config.model_copy(update={"max_epochs": n_epochs, "seed": seed})
            work = Work(run_config, prepared.scene, prepared.split, journal, _one_by_one)
            refit_config(work, refits, config, 1, asked.out)
            boards.write(_table(prepared, journal, refits, asked.out), asked.out / "families.parquet")
        _print(_table(prepared, journal, refits, asked.out), asked)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="indian_pines")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--protocol", choices=["random", "blocks"], default="random")
    parser.add_argument("--train-fraction", type=float, default=0.10, help="of `random`")
    parser.add_argument("--seconds", type=float, default=60, help="of CPU, a training")
    parser.add_argument("--families", nargs="+", choices=_candidates(), default=_candidates())
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def _trainings(families: Sequence[str]) -> list[tuple[int, str]]:
    """(seed, family): each family once, then the networks again."""
    networks = [family for family in families if FAMILIES[family].kind == "torch"]
    return [(seed, family) for seed in range(SEEDS) for family in (families if seed == 0 else networks)]


def _candidates() -> list[str]:
    return [name for name, config in FAMILIES.items() if config.kind in SEARCHED]


def _preset(family: str) -> FamilyConfig:
    config = FAMILIES[family]
    return config.preset(PRESET if PRESET in config.presets else "paper")


def _run_config(asked: argparse.Namespace) -> RunConfig:
    split = {"protocol": asked.protocol}
    if asked.protocol == "random":
        split["train_fraction"] = asked.train_fraction
    return RunConfig.model_validate(
        {
            "command": "train",
            "scene": {"dataset": asked.dataset, "data_dir": asked.data_dir},
            "split": split,
            "max_epochs": MOST_EPOCHS,
            "further_splits": 0,
        }
    )


def _size(prepared: Prepared) -> SceneSize:
    return SceneSize.of(prepared.scene, prepared.split, len(prepared.split.pool))


def _done(refits: Journal) -> set[tuple[str, int]]:
    """(config, seed) of what was trained, well or not."""
    return {(event.config_hash, event.seed) for event in of(Refit, refits.events) if event.state != "skipped"}


def _epochs(config: FamilyConfig, prepared: Prepared, times: Path, seconds: float) -> int:
    """As many as fit into `seconds`; as measured when the family was first met, so that a resume trains the same."""
    if not isinstance(config, TorchConfig):
        return MOST_EPOCHS  # trained in one go
    timed = _times(times)
    if config.hash() not in timed:
        cost = _epoch_seconds(config, training_data(prepared.scene, prepared.split))
        epochs = max(1, min(OWN_EPOCHS.get(config.family, MOST_EPOCHS), int(seconds / cost)))
        timed[config.hash()] = {"epoch_cpu_seconds": cost, "epochs": epochs}
        times.write_text(json.dumps(timed))
    return int(timed[config.hash()]["epochs"])


def _times(path: Path) -> dict[str, dict[str, Any]]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _epoch_seconds(config: TorchConfig, data: TrialData) -> float:
    """CPU seconds of the second epoch: the first one holds preprocessing, k-means and torch's own warming up."""
    trainer = Trainer(config, data, seed=0, max_epochs=2)
    next(trainer.run(1))
    started = time.process_time()
    next(trainer.run(2))
    return time.process_time() - started


def _one_by_one(
    jobs: Sequence[Job],
    datasets: Mapping[str, TrialData],
    run_config: RunConfig,
    deadline: float | None = None,
    kept_free: Callable[[Job], float] = lambda job: 0.0,
) -> Iterator[JobResult]:
    """Each training in a fresh process, so that its peak memory is its own. What a training raises is raised here."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["hsiauto.training.trial"])
    for job in jobs:
        with ProcessPoolExecutor(1, mp_context=context) as process:
            yield process.submit(_trained, job, datasets[job.data]).result()


def _trained(job: Job, data: TrialData) -> JobResult:
    started_at = now()
    trial = Trial(job.config, data, seed=job.seed, max_epochs=job.max_epochs, n_threads=1)
    reports = []
    while not trial.done:
        reports.append(trial.step())
    fitted = trial.fitted()
    assert job.predict is not None
    p_NK = fitted.probabilities(data.cube, data.valid, job.predict)
    if job.save_to is not None:
        save_model(fitted, job.save_to)
    return JobResult(
        job.key,
        "completed",
        reports=tuple(reports),
        predicted=p_NK.argmax(axis=1),
        confidence=p_NK.max(axis=1),
        device="cpu",
        started_at=started_at,
        finished_at=now(),
    )


def _table(prepared: Prepared, journal: Journal, refits: Journal, folder: Path) -> pa.Table:
    """The leaderboard's rows, without a rank: nothing was chosen here."""
    scene = prepared.scene
    context = boards.Context(folder.resolve().name, scene.name, prepared.run_config, prepared.split)
    table = boards.rows(journal.events, refits.events, context)
    place = table.schema.get_field_index("rank")
    return table.set_column(place, table.schema.field(place), pa.nulls(len(table), pa.int64()))


def _print(table: pa.Table, asked: argparse.Namespace) -> None:
    timed = _times(asked.out / TIMES)
    by_family: dict[str, list[dict[str, Any]]] = {}
    for row in table.to_pylist():
        if row["state"] == "completed":
            by_family.setdefault(row["family"], []).append(row)
    title = f"{asked.dataset}, {asked.protocol}: at most {asked.seconds:g} CPU seconds a training"
    shown = Table(title=title)
    for name in ("family", "n", "OA", "AA", "kappa", "parameters", "epochs", "s an epoch", "peak MiB"):
        shown.add_column(name, justify="left" if name == "family" else "right")
    for family, rows in sorted(by_family.items(), key=lambda item: -_mean(item[1], "test_oa")):
        cost = timed.get(rows[0]["config_hash"])
        shown.add_row(
            family,
            str(len(rows)),
            *(_spread(rows, name) for name in ("test_oa", "test_aa", "test_kappa")),
            f"{rows[0]['parameters']:,}" if rows[0]["parameters"] else "-",
            str(cost["epochs"]) if cost else "-",
            f"{cost['epoch_cpu_seconds']:.2f}" if cost else f"({_mean(rows, 'fit_seconds'):.1f} in all)",
            f"{max(row['peak_memory_bytes'] for row in rows) / 2**20:.0f}",
        )
    Console().print(shown)


def _mean(rows: Sequence[dict[str, Any]], name: str) -> float:
    return fmean(row[name] for row in rows)


def _spread(rows: Sequence[dict[str, Any]], name: str) -> str:
    values = [100 * row[name] for row in rows]
    return f"{fmean(values):.2f}" + (f" ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else "")


if __name__ == "__main__":
    main()

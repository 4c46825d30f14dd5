"""Wall time per trial beyond its training, after the worker's first: what searching costs.

One worker and a real family, so each gap between two trials holds everything: the last report, the sampler, the
journal, the mirror, Tune, the worker's clean-up and the next trial's construction. Prints mean, worst, and the promise.
"""

import tempfile
from datetime import datetime
from pathlib import Path

import numpy as np

from hsiauto.config import RunConfig
from hsiauto.search.journal import Journal, read
from hsiauto.search.trials import TrialState, trials
from hsiauto.search.workers.driver import run_search
from hsiauto.space import Space
from hsiauto.split.seal import TrialData

PROMISE_S = 0.15


def scene() -> TrialData:
    rng = np.random.default_rng(0)
    pixels = np.sort(rng.choice(64 * 64, 400, replace=False))
    labels = rng.integers(0, 6, 400)
    return TrialData(
        cube=rng.normal(size=(64, 64, 60)).astype(np.float32),
        valid=np.ones((64, 64), bool),
        n_classes=6,
        train_pixels=pixels[::2],
        train_labels=labels[::2],
        val_pixels=pixels[1::2],
        val_labels=labels[1::2],
    )


def beyond_training(found: list[TrialState]) -> list[float]:
    """Seconds from one trial's end to the next one's, less what the trial trained; the first trial left out."""
    ends = [datetime.fromisoformat(trial.finished_at).timestamp() for trial in found]
    trained = [trial.fit_seconds for trial in found]
    return [end - before - t for before, end, t in zip(ends[:-1], ends[1:], trained[1:], strict=True)]


def main() -> None:
    run_config = RunConfig.model_validate(
        {
            "scene": {"dataset": "demo"},
            "budget": 30,
            "max_epochs": 3,
            "grace_epochs": 1,
            "concurrency": 1,
            "cpus_per_trial": 1,
        }
    )
    data = scene()
    space = Space.load("unified", families=["cnn2d"]).bind(60, len(data.train_pixels), 64, 64, 6)
    with tempfile.TemporaryDirectory() as folder:
        with Journal(Path(folder) / "journal.jsonl") as journal:
            run_search(Path(folder), run_config, space, data, journal)
        found = list(trials(read(Path(folder) / "journal.jsonl")).values())
    seconds = [s for trial, s in zip(found[1:], beyond_training(found), strict=True) if trial.state != "failed"]
    print(
        f"search overhead: {np.mean(seconds):.3f} s a trial (worst {max(seconds):.3f}, n = {len(seconds)}); "
        f"promised {PROMISE_S} s: {'kept' if np.mean(seconds) <= PROMISE_S else 'NOT kept'}"
    )


if __name__ == "__main__":
    main()

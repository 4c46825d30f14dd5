"""Record the same configs on several tasks: run folders, whose journals `python -m benchmarks.portfolio` reads.

`python -m benchmarks.portfolio.record SCENE... --out FOLDER` trains `--each` configs of every family (its presets, then
random ones) on every scene, with few and with many labels, each time on another split. It goes on where a folder's
journal stops. No test label is read.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.curves.candidates import candidates
from hsiauto.config import RunConfig
from hsiauto.families.base import FamilyConfig
from hsiauto.runs.opened import opening
from hsiauto.runs.prepare import Prepared, prepare
from hsiauto.scene.source import SceneSource
from hsiauto.search.events import Ended, Proposed, Reported, Started, of
from hsiauto.search.events.trials import Decision
from hsiauto.search.journal import Journal
from hsiauto.space import Space
from hsiauto.space.scene_size import SceneSize
from hsiauto.split import SplitSpec
from hsiauto.training.trial import Trial

FAMILIES = ("lda", "svm", "logistic", "forest")
LABELS_PER_CLASS = (30, 120)
"""Training and validation together; the place in this tuple is the split's seed too."""
ANY = SceneSize(1000, 1 << 20, 1 << 10, 1 << 10)
"""A scene that clips nothing."""


def main() -> None:
    asked = _arguments()
    torch.set_num_threads(1)
    configs = [
        one.config for one in candidates(Space.load("unified", asked.families), ANY, asked.families, asked.each, 0)
    ]
    for scene in asked.scenes:
        for split_seed, per_class in enumerate(LABELS_PER_CLASS):
            source = SceneSource(dataset=scene, data_dir=asked.data_dir, labels=asked.labels)
            split = SplitSpec(seed=split_seed, train_per_class=per_class)
            run_config = RunConfig(scene=source, split=split, families=asked.families, max_epochs=asked.epochs)
            name = f"{Path(scene.partition(':')[2] or scene).stem}-{per_class}"
            (asked.out / name).mkdir(parents=True, exist_ok=True)
            with Journal(asked.out / name / "journal.jsonl") as journal:
                record(prepare(run_config), configs, journal)
            print(name, flush=True)


def record(prepared: Prepared, configs: Sequence[FamilyConfig], journal: Journal) -> None:
    """Train what `journal` lacks of `configs`, each as near as the scene can feed it."""
    if not journal.events:
        journal.append(opening(prepared))
    for config in configs:
        near = prepared.space.nearest(config)
        known = of(Proposed, journal.events)
        if near is not None and near.hash() not in {event.config_hash for event in known}:
            _trial(prepared, near, f"t{len(known) + 1:04d}", journal)


def _trial(prepared: Prepared, config: FamilyConfig, trial_id: str, journal: Journal) -> None:
    number, family = len(of(Proposed, journal.events)) + 1, config.family
    journal.append(
        Proposed(
            trial_id=trial_id,
            number=number,
            family=family,
            input=config.input,
            params=prepared.space.params(config),
            config=config.active(),
            config_hash=config.hash(),
            support=config.support,
            origin="sampler",
            sampler_state={},
        )
    )
    journal.append(Started(trial_id=trial_id, attempt=1, node="here", device="cpu", pid=0))
    max_epochs = prepared.run_config.max_epochs
    trial = Trial(config, prepared.data, seed=0, max_epochs=max_epochs, n_threads=1)
    while not trial.done:
        report = trial.step()
        decision: Decision = "complete" if trial.done else "continue"
        journal.append(Reported(trial_id=trial_id, attempt=1, decision=decision, **asdict(report)))
    journal.append(Ended(trial_id=trial_id, attempt=1, state="completed"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", nargs="+", help="as of --dataset: a known scene, a file, simulated:LABELS")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--labels", type=Path, help="of scenes that are files")
    parser.add_argument("--families", nargs="+", default=FAMILIES)
    parser.add_argument("--each", type=int, default=10, help="configs of a family, its presets among them")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
